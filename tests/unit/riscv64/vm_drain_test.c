/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing that the guest printed is lost when it ends, and no reader keeps
 * the machine from ending: a whole machine on a fake KVM, whose vCPU drives
 * real rings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "arch/riscv64/layout.h"
#include "tests/fakes/fake_driver.h"
#include "tests/unit/riscv64/vm_host.h"
#include "vmm/chardev_impl.h"
#include "vmm/vm.h"

#define CONSOLE_ID 3U
#define TX_PORT1   5U
#define PIECE      10000U

struct fixture {
	struct vm_config cfg;
	struct log log;
	struct vm *vm;
	struct fake_mmio m;
	int kernel;
	int port[2];
	int serial[2];
	uint32_t len;
	unsigned lives;
	bool stop_by_user;
};

/* The guest's side runs on a vCPU thread, and finds the fixture here. */
static struct fixture f;

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 253);
}

static int setup(void **state)
{
	char text[256], *argv[16], *save = NULL;
	struct error err = { 0 };
	int argc = 0;

	(void)state;
	f = (struct fixture){ .log = { .fd = STDERR_FILENO,
				       .level = LOG_ERROR,
				       .name = "test" } };
	fake_kvm_reset();
	default_regs();
	f.kernel = make_kernel();
	assert_int_equal(pipe(f.port), 0);
	assert_int_equal(pipe(f.serial), 0);
	snprintf(text, sizeof(text),
		 "-k fd=%d -m 16M --sandbox off "
		 "--console serial,fd=%d --port p,fd=%d",
		 f.kernel, f.serial[1], f.port[1]);
	for (char *w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	assert_int_equal(config_init(&f.cfg), 0);
	if (config_parse(&f.cfg, argc, argv, &err) < 0 ||
	    vm_create(&f.cfg, &f.log, &f.vm, &err) < 0)
		fail_msg("%s", err.text);
	/* The machine has copies. */
	close(f.serial[1]);
	close(f.port[1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(f.vm);
	config_free(&f.cfg);
	close(f.kernel);
	close(f.port[0]);
	close(f.serial[0]);
	return 0;
}

/*
 * The guest.
 */

static void find_console(void)
{
	for (unsigned slot = 0; slot < 8; slot++) {
		fake_mmio_init(&f.m, f.vm, slot);
		if (fake_mmio_get(&f.m, 8) == CONSOLE_ID)
			return;
	}
	fail_msg("no virtio-console");
}

/* All of it in the queue, one doorbell. */
static void fill_queue(uint32_t len)
{
	uint8_t *data = malloc(len);

	assert_non_null(data);
	for (uint32_t i = 0; i < len; i++)
		data[i] = byte_at(i);
	find_console();
	assert_int_equal(fake_mmio_start(&f.m, VIRTIO_BIT(1), 0), 0);
	for (uint32_t at = 0; at < len; at += PIECE) {
		uint32_t n = (uint32_t)min_u64(PIECE, len - at);
		struct fake_buf buf = {
			.gpa = fake_alloc_data(&f.m.drv, data + at, n),
			.len = n,
		};

		fake_queue_add(&f.m.queues[TX_PORT1], &buf, 1, false);
	}
	fake_mmio_kick(&f.m, TX_PORT1);
	free(data);
}

static void print_serial(unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		uint8_t byte = byte_at(i);

		mmio_access(&f.vm->mmio, 0x10000000, &byte, 1, true);
	}
}

static int exit_print(struct kvm_run *run, void *arg)
{
	(void)arg;
	if (f.len > 0)
		fill_queue(f.len);
	print_serial(1000);
	if (f.stop_by_user)
		vm_request_stop(f.vm, VM_STOP_USER, 0, "enough");
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = f.lives-- > 1 ? KVM_SYSTEM_EVENT_RESET
					       : KVM_SYSTEM_EVENT_SHUTDOWN;
	run->system_event.ndata = 1;
	run->system_event.data[0] = 0;
	return 0;
}

/*
 * The host.
 */

struct reader {
	int fd;
	unsigned pause_ms;
	size_t chunk;
	size_t got;
	uint32_t len;
	bool ok;
};

static void *read_slowly(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[4096];
	ssize_t n;

	r->ok = true;
	while ((n = read(r->fd, buf, min_size(r->chunk, sizeof(buf)))) > 0) {
		for (ssize_t i = 0; i < n; i++, r->got++)
			r->ok &= buf[i] == byte_at(r->got % r->len);
		/* Nothing to wait for: only to be slow. */
		poll(NULL, 0, (int)r->pause_ms);
	}
	return NULL;
}

static uint64_t run(struct vm_result *result)
{
	static const struct fake_exit exits[] = {
		{ exit_print, NULL, NULL },
		{ exit_print, NULL, NULL },
	};
	struct error err = { 0 };
	uint64_t start = chardev_now_ns();

	fake_kvm_script(0, exits, f.lives);
	if (vm_run(f.vm, result, &err) < 0)
		fail_msg("%s", err.text);
	return (chardev_now_ns() - start) / NSEC_PER_MSEC;
}

static void all_arrives(unsigned lives, uint32_t len, size_t chunk,
			unsigned pause_ms)
{
	struct reader port = { .fd = f.port[0],
			       .pause_ms = pause_ms,
			       .chunk = chunk,
			       .len = len };
	struct reader serial = {
		.fd = f.serial[0], .pause_ms = 1, .chunk = 100, .len = 1000
	};
	struct vm_result result = { 0 };
	pthread_t threads[2];

	f.len = len;
	f.lives = lives;
	assert_int_equal(pthread_create(&threads[0], NULL, read_slowly, &port),
			 0);
	assert_int_equal(
		pthread_create(&threads[1], NULL, read_slowly, &serial), 0);
	run(&result);
	/* What is in the rings now goes out here. */
	vm_destroy(f.vm);
	f.vm = NULL;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);

	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_int_equal(result.reboots, lives - 1);
	assert_int_equal(port.got, (size_t)lives * len);
	assert_true(port.ok);
	assert_int_equal(serial.got, lives * 1000);
	assert_true(serial.ok);
}

static void test_slow_reader(void **state)
{
	(void)state;
	all_arrives(1, 200000, 4096, 5);
}

/* The ring is empty between two callbacks, and still there is more. */
static void test_fast_reader(void **state)
{
	(void)state;
	all_arrives(1, 600000, 4096, 0);
}

static void test_before_a_reboot(void **state)
{
	(void)state;
	all_arrives(2, 200000, 4096, 2);
}

/* Nobody reads at all: the usual limit, and not one per console or piece. */
static void test_dead_reader(void **state)
{
	struct vm_result result = { 0 };

	(void)state;
	f.len = 600000;
	f.lives = 1;
	uint64_t ms = run(&result);
	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	assert_true(ms >= CHARDEV_STALL_MS / 2 && ms < 3ULL * CHARDEV_STALL_MS);
}

static void test_user_does_not_wait(void **state)
{
	struct vm_result result = { 0 };

	(void)state;
	f.len = 600000;
	f.lives = 1;
	f.stop_by_user = true;
	uint64_t ms = run(&result);
	assert_int_equal(result.stop, VM_STOP_USER);
	assert_true(ms < CHARDEV_STALL_MS);
}

/* The user asks while a reboot waits for a reader. */
static void *stop_soon(void *arg)
{
	(void)arg;
	struct pollfd pfd = { .fd = f.port[0], .events = POLLIN };

	poll(&pfd, 1, 10000);
	vm_request_stop(f.vm, VM_STOP_USER, 0, "enough");
	return NULL;
}

/* The user asks when the guest has ended. */
static void *stop_late(void *arg)
{
	enum vm_stop stop;

	(void)arg;
	do {
		poll(NULL, 0, 1);
		pthread_mutex_lock(&f.vm->lock);
		stop = f.vm->stop;
		pthread_mutex_unlock(&f.vm->lock);
	} while (stop == VM_STOP_NONE);
	vm_request_stop(f.vm, VM_STOP_USER, 0, "enough");
	return NULL;
}

static void test_user_ends_the_wait(void **state)
{
	struct vm_result result = { 0 };
	pthread_t thread;

	(void)state;
	f.len = 600000;
	f.lives = 2;
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
	uint64_t ms = run(&result);
	pthread_join(thread, NULL);
	assert_int_equal(result.stop, VM_STOP_USER);
	assert_int_equal(result.reboots, 0);
	assert_true(ms < 3ULL * CHARDEV_STALL_MS);
}

/* The guest has ended, and the user does not want the rest of its words. */
static void test_user_ends_a_slow_wait(void **state)
{
	struct reader port = {
		.fd = f.port[0], .pause_ms = 20, .chunk = 1000, .len = 600000
	};
	struct vm_result result = { 0 };
	pthread_t threads[2];

	(void)state;
	f.len = port.len;
	f.lives = 1;
	assert_int_equal(pthread_create(&threads[0], NULL, read_slowly, &port),
			 0);
	assert_int_equal(pthread_create(&threads[1], NULL, stop_late, NULL), 0);
	uint64_t ms = run(&result);
	vm_destroy(f.vm);
	f.vm = NULL;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_int_equal(result.stop, VM_STOP_POWEROFF);
	/* One round of waiting may have begun. */
	assert_true(ms < CHARDEV_STALL_MS + 1500);
	assert_true(port.ok);
}

int main(void)
{
	/* As signals.c does. */
	install_kick_handler();
	signal(SIGPIPE, SIG_IGN);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_slow_reader),           T(test_fast_reader),
		T(test_before_a_reboot),       T(test_dead_reader),
		T(test_user_does_not_wait),    T(test_user_ends_the_wait),
		T(test_user_ends_a_slow_wait),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
