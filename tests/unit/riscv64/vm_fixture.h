/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole machine on a fake KVM, for tests that run it: its configuration,
 * and exits that end a life.
 */
#ifndef PRIVET_TESTS_VM_FIXTURE_H
#define PRIVET_TESTS_VM_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/riscv64/vm_host.h"
#include "vmm/vm.h"

#define DISK_BYTES 65536

#define ARG(n)     ((void *)(uintptr_t)(n))

struct fixture {
	struct vm_config cfg;
	struct log log;
	int kernel;
	int disk;
	int output;
};

static inline void parse(struct fixture *f, const char *line)
{
	char text[512], *argv[24], *save = NULL;
	struct error err = { 0 };
	int argc = 0;

	snprintf(text, sizeof(text),
		 "-k fd=%d -m 16M --console serial,fd=%d --port p,null "
		 "--sandbox off --disk fd=%d %s",
		 f->kernel, f->output, f->disk, line);
	for (char *w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	assert_int_equal(config_init(&f->cfg), 0);
	if (config_parse(&f->cfg, argc, argv, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void fixture_init(struct fixture *f, const char *line)
{
	fake_kvm_reset();
	default_regs();
	f->kernel = make_kernel();
	f->disk = memfd_create("disk", MFD_CLOEXEC);
	f->output = memfd_create("output", MFD_CLOEXEC);
	assert_true(f->disk >= 0 && f->output >= 0);
	assert_int_equal(ftruncate(f->disk, DISK_BYTES), 0);
	f->log = (struct log){ .fd = STDERR_FILENO,
			       .level = LOG_ERROR,
			       .name = "test" };
	parse(f, line);
}

static inline void fixture_end(struct fixture *f)
{
	config_free(&f->cfg);
	close(f->kernel);
	close(f->disk);
	close(f->output);
	assert_int_equal(fake_kvm_open_fds(), 0);
}

static inline unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static inline struct vm *build(struct fixture *f)
{
	struct vm *vm = NULL;
	struct error err = { 0 };

	if (vm_create(&f->cfg, &f->log, &vm, &err) < 0)
		fail_msg("%s", err.text);
	return vm;
}

static inline struct vm_result run(struct vm *vm)
{
	struct vm_result result = { 0 };
	struct error err = { 0 };

	if (vm_run(vm, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result;
}

static inline int exit_shutdown(struct kvm_run *run, void *arg)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	run->system_event.ndata = 1;
	run->system_event.data[0] = arg != NULL;
	return 0;
}

/* @arg: 1 cold, 2 warm: what the guest had in a0. */
static inline int exit_reset(struct kvm_run *run, void *arg)
{
	fake_kvm_set_reg(0, RVREG_A0, (uintptr_t)arg);
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	run->system_event.ndata = 1;
	run->system_event.data[0] = 0;
	return 0;
}

#endif
