/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network whose tap fails: the real tap.c and virtio-net over a pair of
 * sockets, whose calls fail as a tap's do.
 */

/* The C library's calls are defined here, not its checking variants. */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "devices/virtio_net.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/bytes.h"

#define TUN_PATH "/dev/net/tun"
#define PACKET   60U
#define FEATURES (VIRTIO_BIT(NET_F_STATUS) | VIRTIO_BIT(NET_F_MRG_RXBUF))

/**
 * struct failing - Calls that fail
 * @times: how many of the next ones do
 * @calls: how many there were
 */
struct failing {
	unsigned times;
	unsigned calls;
	int code;
};

static struct {
	int fd;
	int peer;
	struct failing reads, writes;
} tun = { .fd = -1, .peer = -1 };

static bool fails(struct failing *f)
{
	f->calls++;
	if (f->times == 0)
		return false;
	f->times--;
	errno = f->code;
	return true;
}

int open(const char *path, int flags, ...)
{
	int pair[2];
	va_list args;

	if (strcmp(path, TUN_PATH) == 0) {
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) <
		    0)
			return -1;
		tun.fd = pair[0];
		tun.peer = pair[1];
		return tun.fd;
	}
	va_start(args, flags);
	int mode = (flags & O_CREAT) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	/* Whatever a tap is asked for, it does. */
	if (fd == tun.fd)
		return 0;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

ssize_t read(int fd, void *buf, size_t len)
{
	if (fd == tun.fd && fails(&tun.reads))
		return -1;
	return syscall(SYS_read, fd, buf, len);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (fd == tun.fd && fails(&tun.writes))
		return -1;
	return syscall(SYS_writev, fd, iov, count);
}

/* @said: lines in the log before anything failed */
struct fixture {
	struct vm *vm;
	struct fake_mmio m;
	unsigned said;
};

static unsigned count_lines(struct fixture *f)
{
	unsigned lines = 0;

	for (const char *at = fake_vm_log(f->vm); *at != '\0'; at++)
		lines += *at == '\n';
	return lines - f->said;
}

static int setup(void **state)
{
	const struct device_option *opt = virtio_net_device.option;
	struct fixture *f = calloc(1, sizeof(*f));
	void *opts = calloc(1, opt->size);
	struct error err = { 0 };

	assert_non_null(f);
	assert_non_null(opts);
	tun.reads = tun.writes = (struct failing){ 0 };
	memcpy(opts, opt->defaults, opt->size);
	assert_int_equal(params_parse("--network", opt->params, "tapif=tap0",
				      opts, &err),
			 0);
	f->vm = fake_vm_create(MIB(16));
	fake_vm_add(f->vm, &virtio_net_device, opts);
	params_free(opt->params, opts);
	free(opts);
	fake_vm_freeze(f->vm);
	fake_mmio_init(&f->m, f->vm, 0);
	assert_int_equal(fake_mmio_start(&f->m, FEATURES, 16), 0);
	fake_vm_io(f->vm);
	f->said = count_lines(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_vm_destroy(f->vm);
	close(tun.peer);
	tun.fd = tun.peer = -1;
	free(f);
	return 0;
}

static bool link_up(struct fixture *f)
{
	return fake_mmio_config(&f->m, 6, 2) != 0;
}

static void send_to_guest(void)
{
	uint8_t data[TAP_HDR_LEN + PACKET] = { 0 };

	assert_int_equal(send(tun.peer, data, sizeof(data), MSG_NOSIGNAL),
			 sizeof(data));
}

static void give_buffers(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct fake_buf buf = {
			.gpa = fake_alloc(&f->m.drv, 2048, 1),
			.len = 2048,
			.write = true,
		};

		fake_queue_add(&f->m.queues[NET_QUEUE_RX], &buf, 1, false);
	}
	fake_mmio_kick(&f->m, NET_QUEUE_RX);
	fake_vm_io(f->vm);
}

/* The guest sends @count packets; how many turns of the loop that took. */
static int send_from_guest(struct fixture *f, unsigned count)
{
	static const uint8_t data[TAP_HDR_LEN + PACKET];

	for (unsigned i = 0; i < count; i++) {
		struct fake_buf buf = {
			.gpa = fake_alloc_data(&f->m.drv, data, sizeof(data)),
			.len = sizeof(data),
		};

		fake_queue_add(&f->m.queues[NET_QUEUE_TX], &buf, 1, false);
	}
	fake_mmio_kick(&f->m, NET_QUEUE_TX);
	return fake_vm_io(f->vm);
}

static unsigned used(struct fixture *f, unsigned queue)
{
	struct fake_used used;
	unsigned count = 0;

	while (fake_queue_used(&f->m.queues[queue], &used))
		count++;
	return count;
}

static unsigned arrived(void)
{
	uint8_t data[256];
	unsigned count = 0;

	while (recv(tun.peer, data, sizeof(data), MSG_DONTWAIT) > 0)
		count++;
	return count;
}

/* The guest has a card without a cable: what it sends comes back unsent. */
static void assert_quietly_down(struct fixture *f)
{
	unsigned reads = tun.reads.calls, writes = tun.writes.calls;

	assert_false(link_up(f));
	assert_int_equal(count_lines(f), 1);
	used(f, NET_QUEUE_TX);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(send_from_guest(f, 4) <= 2);
		assert_int_equal(used(f, NET_QUEUE_TX), 4);
		give_buffers(f, 1);
	}
	assert_int_equal(tun.reads.calls, reads);
	assert_int_equal(tun.writes.calls, writes);
	assert_int_equal(fake_vm_io(f->vm), 0);
	assert_int_equal(count_lines(f), 1);
	assert_int_equal(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET,
			 0);
}

static void check_gone_on_read(struct fixture *f, int code)
{
	give_buffers(f, 4);
	tun.reads = (struct failing){ .times = UINT32_MAX, .code = code };
	send_to_guest();
	assert_true(fake_vm_io(f->vm) <= 3);
	assert_true(tun.reads.calls <= 2);
	assert_int_equal(used(f, NET_QUEUE_RX), 0);
	assert_quietly_down(f);
}

static void check_gone_on_write(struct fixture *f, int code)
{
	tun.writes = (struct failing){ .times = UINT32_MAX, .code = code };
	assert_true(send_from_guest(f, 4) <= 4);
	assert_int_equal(tun.writes.calls, 1);
	assert_int_equal(used(f, NET_QUEUE_TX), 4);
	assert_quietly_down(f);
}

/* Each error in a machine of its own. */
static void each_code(void **state, const int *codes, size_t count,
		      void (*check)(struct fixture *f, int code))
{
	for (size_t i = 0; i < count; i++) {
		check(*state, codes[i]);
		if (i + 1 < count) {
			teardown(state);
			setup(state);
		}
	}
}

/* An error that stays would have us called again and again. */
static void errors_of_reading_take_the_link_down(void **state)
{
	static const int codes[] = { EIO,    ENXIO,   EBADFD, ENODEV,
				     ENOMEM, ENOBUFS, EFAULT };

	each_code(state, codes, ARRAY_SIZE(codes), check_gone_on_read);
}

static void interface_that_is_deleted_takes_the_link_down(void **state)
{
	static const int codes[] = { EBADFD, ENODEV };

	each_code(state, codes, ARRAY_SIZE(codes), check_gone_on_write);
}

static void hang_up_takes_the_link_down(void **state)
{
	struct fixture *f = *state;

	assert_true(link_up(f));
	shutdown(tun.fd, SHUT_RDWR);
	shutdown(tun.peer, SHUT_RDWR);
	assert_true(fake_vm_io(f->vm) <= 3);
	assert_quietly_down(f);
}

/* An interface that is down, a full queue: packets are lost, as on a wire. */
static void errors_of_writing_lose_packets(void **state)
{
	static const int codes[] = { EIO, ENOBUFS, ENOMEM, ENXIO, ENETDOWN };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		tun.writes = (struct failing){ .times = 3, .code = codes[i] };
		assert_true(send_from_guest(f, 5) <= 4);
		assert_int_equal(used(f, NET_QUEUE_TX), 5);
		assert_int_equal(arrived(), 2);
		assert_true(link_up(f));
	}
	assert_int_equal(count_lines(f), 0);
}

/* What the kernel takes for malformed is the guest's doing: a limited line. */
static void refused_packets_do_not_flood_the_log(void **state)
{
	struct fixture *f = *state;

	tun.writes = (struct failing){ .times = UINT32_MAX, .code = EINVAL };
	for (unsigned i = 0; i < 100; i++) {
		send_from_guest(f, 8);
		assert_int_equal(used(f, NET_QUEUE_TX), 8);
	}
	assert_true(link_up(f));
	assert_in_range(count_lines(f), 1, 20);
}

static void interruptions_lose_nothing(void **state)
{
	struct fixture *f = *state;

	tun.writes = (struct failing){ .times = 3, .code = EINTR };
	send_from_guest(f, 2);
	assert_int_equal(arrived(), 2);
	assert_int_equal(tun.writes.calls, 5);
	give_buffers(f, 4);
	tun.reads = (struct failing){ .times = 3, .code = EINTR };
	send_to_guest();
	send_to_guest();
	fake_vm_io(f->vm);
	assert_int_equal(used(f, NET_QUEUE_RX), 2);
	assert_int_equal(count_lines(f), 0);
}

/* A wake-up for nothing is not an end. */
static void nothing_to_read_is_no_error(void **state)
{
	struct fixture *f = *state;

	give_buffers(f, 2);
	tun.reads = (struct failing){ .times = 1, .code = EAGAIN };
	send_to_guest();
	fake_vm_io(f->vm);
	assert_int_equal(used(f, NET_QUEUE_RX), 1);
	assert_true(link_up(f));
	assert_int_equal(count_lines(f), 0);
}

/* Nobody takes what the guest sends: it waits, nobody spins, it gets out. */
static void full_tap_holds_packets_back(void **state)
{
	struct fixture *f = *state;
	int size = 1;

	setsockopt(tun.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	send_from_guest(f, 16);
	unsigned before = used(f, NET_QUEUE_TX);
	unsigned calls = tun.writes.calls;

	assert_true(before < 16);
	assert_int_equal(fake_vm_io(f->vm), 0);
	assert_int_equal(tun.writes.calls, calls);
	for (unsigned n = arrived(); n < 16; n += arrived())
		fake_vm_io(f->vm);
	assert_int_equal(before + used(f, NET_QUEUE_TX), 16);
	assert_true(link_up(f));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(errors_of_reading_take_the_link_down),
		TEST(interface_that_is_deleted_takes_the_link_down),
		TEST(hang_up_takes_the_link_down),
		TEST(errors_of_writing_lose_packets),
		TEST(refused_packets_do_not_flood_the_log),
		TEST(interruptions_lose_nothing),
		TEST(nothing_to_read_is_no_error),
		TEST(full_tap_holds_packets_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
