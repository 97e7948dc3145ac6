/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole machine of whichever architecture on a fake KVM, for tests of what
 * happens when the host fails. Its guests end it by the test finisher, which
 * both architectures have.
 */
#ifndef PRIVET_TESTS_FAULT_FIXTURE_H
#define PRIVET_TESTS_FAULT_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_kvm.h"
#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/vm.h"

#define DEADLINE     110
#define MAX_ARGS     40
#define MAX_TEXT     1024
#define DISK_BYTES   65536

#define FINISH_PASS  0x5555U
#define FINISH_RESET 0x7777U

#define ARG(n)       ((void *)(uintptr_t)(n))

/* What descriptors of its own a machine is given, in its options. */
#define COMMON_OPTIONS "-k fd=%d -m %s --console virtio,fd=%d --disk fd=%d "

struct fixture {
	int kernel;
	int disk;
	int output;
	int log_fd;
	struct log log;
	char line[512];
	char text[MAX_TEXT];
};

/* The handler that signals.c installs. */
static inline void ignore_kick(int signal)
{
	(void)signal;
}

static inline void fixture_init(struct fixture *f, const char *options)
{
	struct sigaction action = { .sa_handler = ignore_kick };
	int len;

	alarm(DEADLINE);
	sigaction(VCPU_KICK_SIGNAL, &action, NULL);
	fake_host_init();
	*f = (struct fixture){
		.kernel = fake_host_kernel(),
		.disk = memfd_create("disk", MFD_CLOEXEC),
		.output = memfd_create("output", MFD_CLOEXEC),
		.log_fd = memfd_create("log", MFD_CLOEXEC),
	};
	assert_true(f->disk >= 0 && f->output >= 0 && f->log_fd >= 0);
	assert_int_equal(ftruncate(f->disk, DISK_BYTES), 0);
	f->log = (struct log){ .fd = f->log_fd,
			       .level = LOG_WARNING,
			       .name = "test" };
	len = snprintf(f->line, sizeof(f->line), COMMON_OPTIONS "%s", f->kernel,
		       fake_host_mem, f->output, f->disk, options);
	assert_true(len > 0 && (size_t)len < sizeof(f->line));
}

static inline void fixture_end(struct fixture *f)
{
	close(f->kernel);
	close(f->disk);
	close(f->output);
	close(f->log_fd);
	assert_int_equal(fake_kvm_open_fds(), 0);
	alarm(0);
}

/* @words: a copy that the arguments point into. */
static inline int split(char *words, char **argv)
{
	char *save = NULL;
	int argc = 0;

	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_ARGS);
		argv[argc++] = w;
	}
	return argc;
}

/* @cfg: to be freed whatever the result is. */
static inline int parse(struct fixture *f, struct vm_config *cfg,
			struct error *err)
{
	char words[sizeof(f->line)], *argv[MAX_ARGS];
	int ret = config_init(cfg);

	if (ret < 0)
		return error_nomem(err, "the configuration");
	memcpy(words, f->line, sizeof(words));
	return config_parse(cfg, split(words, argv), argv, err);
}

static inline unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static inline unsigned count_fds(void)
{
	return count_entries("/proc/self/fd");
}

static inline const char *log_text(struct fixture *f)
{
	ssize_t n = pread(f->log_fd, f->text, MAX_TEXT - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static inline void assert_one_line(const struct error *err)
{
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL)
		fail_msg("not one line: '%s'", err->text);
}

static inline int exit_store(struct kvm_run *run, uint64_t gpa, uint32_t value,
			     unsigned len)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = 1;
	le32_store(run->mmio.data, value);
	return 0;
}

/* @arg: FINISH_PASS, FINISH_RESET */
static inline int exit_finish(struct kvm_run *run, void *arg)
{
	return exit_store(run, arch_info.finisher.base,
			  (uint32_t)(uintptr_t)arg, 4);
}

#endif
