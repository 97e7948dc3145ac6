/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles under attack from both ends at once: a guest that hammers
 * registers, rings and resets on two vCPUs, clients that come, talk, hang and
 * leave, and the I/O thread between them. Nothing may hang, spin or leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fakes/skip.h"
#include "vmm/arch.h"
#include "vmm/bytes.h"
#include "vmm/chardev_impl.h"

#define NR_CONSOLES 3
#define MULTIPORT   VIRTIO_BIT(1)
#define ROUNDS      300
#define QUEUE_SIZE  16
#define QUIET_MS    50
/* For clients that wait to be accepted, and for timers still armed. */
#define MAX_LATE_CALLS ROUNDS

/**
 * struct storm - The machine
 * @done: the clients are through, the guest may end
 */
struct storm {
	struct vm *vm;
	struct device *serial;
	struct device *virtio;
	char dir[64];
	bool done;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static bool is_done(struct storm *s)
{
	return __atomic_load_n(&s->done, __ATOMIC_RELAXED);
}

static struct sockaddr_un address(const struct storm *s, unsigned i)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%u", s->dir, i);
	return addr;
}

static void open_console(struct storm *s, unsigned i)
{
	const struct chardev_env env = { .loop = s->vm->loop,
					 .log = s->vm->log };
	struct sockaddr_un addr = address(s, i);
	const struct chardev_config cfg = { .kind = CHARDEV_SOCKET,
					    .path = addr.sun_path,
					    .fd = -1 };
	struct console_config *con = &fake_vm_config(s->vm)->consoles[i];
	struct error err = { 0 };

	if (chardev_open(&env, "console", &cfg, &s->vm->consoles[i], &err) < 0)
		fail_msg("%s", err.text);
	s->vm->consoles[i]->stall_ms = 5;
	con->kind = i == 0 ? CONSOLE_SERIAL : CONSOLE_PORT;
	con->name = strdup("port");
	fake_vm_config(s->vm)->nr_consoles = i + 1;
}

static int setup(void **state)
{
	struct storm *s = calloc(1, sizeof(*s));
	struct error err = { 0 };

	assert_non_null(s);
	snprintf(s->dir, sizeof(s->dir), "/tmp/privet-storm-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->vm = fake_vm_create(MIB(16));
	for (unsigned i = 0; i < NR_CONSOLES; i++)
		open_console(s, i);
	s->serial = fake_vm_add(s->vm, &serial_device, NULL);
	s->virtio = fake_vm_add(s->vm, &virtio_console_device, NULL);
	fake_vm_freeze(s->vm);
	for (unsigned i = 0; i < NR_CONSOLES; i++)
		assert_int_equal(chardev_start(s->vm->consoles[i], &err), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct storm *s = *state;

	evloop_stop(s->vm->loop);
	pthread_mutex_lock(&s->virtio->lock);
	s->virtio->type->reset(s->virtio);
	pthread_mutex_unlock(&s->virtio->lock);
	s->virtio->type->power_off(s->virtio);
	s->virtio->type->destroy(s->virtio);
	s->serial->type->destroy(s->serial);
	s->vm->nr_devices = 0;
	for (unsigned i = 0; i < NR_CONSOLES; i++)
		chardev_close(s->vm->consoles[i]);
	fake_vm_destroy(s->vm);
	/* Every socket file is gone. */
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

/*
 * The guest.
 */

static void *hammer_serial(void *arg)
{
	struct storm *s = arg;
	uint64_t seed = 0x9e3779b97f4a7c15;

	while (!is_done(s)) {
		uint64_t x = next_random(&seed);
		uint64_t at = arch_info.serial.base + (x & 7);

		if ((x >> 8 & 3) != 0)
			fake_mmio_write(s->vm, at, 1, x >> 16);
		else
			fake_mmio_read(s->vm, at, 1);
		if ((x >> 24) % 5000 == 0) {
			pthread_mutex_lock(&s->serial->lock);
			s->serial->type->reset(s->serial);
			pthread_mutex_unlock(&s->serial->lock);
		}
	}
	return NULL;
}

static void add_control(struct fake_mmio *m, uint64_t x)
{
	uint8_t msg[8];

	le32_store(msg, x >> 8 & 3);
	le16_store(msg + 4, x >> 16 & 7);
	le16_store(msg + 6, x >> 24 & 1);
	struct fake_buf buf = { fake_alloc_data(&m->drv, msg, 8), 8, false };

	fake_queue_add(&m->queues[3], &buf, 1, false);
	fake_mmio_kick(m, 3);
}

/* A buffer for any queue; some of the wrong kind, some of no length. */
static void add_buffer(struct fake_mmio *m, uint64_t x)
{
	unsigned queue = (unsigned)(x >> 8) % m->nr_queues;
	bool write = queue % 2 == 0;
	uint32_t len = 1 + (uint32_t)(x >> 16) % 4000;

	if (queue == 2)
		len += 64;
	if ((x >> 32) % 500 == 0)
		write = !write;
	struct fake_buf buf = { fake_alloc(&m->drv, len, 1), len, write };

	fake_queue_add(&m->queues[queue], &buf, 1, false);
	fake_mmio_kick(m, queue);
}

static bool need_restart(struct fake_mmio *m, uint64_t x)
{
	if ((x >> 40) % 200 == 0 || m->drv.end - m->drv.next < 8192)
		return true;
	if ((fake_mmio_status(m) & VIRTIO_STATUS_NEEDS_RESET) != 0)
		return true;
	for (unsigned i = 0; i < m->nr_queues; i++) {
		struct fake_used used;

		while (fake_queue_used(&m->queues[i], &used))
			;
		/* Buffers that nobody wants any more: start afresh. */
		if (m->queues[i].nr_free == 0)
			return true;
	}
	return false;
}

static void *hammer_virtio(void *arg)
{
	struct storm *s = arg;
	static struct fake_mmio m;
	uint64_t seed = 0xdeadbeefcafef00d;
	bool restart = true;

	while (!is_done(s)) {
		uint64_t x = next_random(&seed);

		if (restart) {
			fake_mmio_init(&m, s->vm, 0);
			fake_mmio_start(&m, MULTIPORT, QUEUE_SIZE);
		}
		if ((x & 7) == 0)
			add_control(&m, x);
		else
			add_buffer(&m, x);
		fake_mmio_irq(&m);
		restart = need_restart(&m, x);
	}
	return NULL;
}

/*
 * The host.
 */

static void one_client(struct storm *s, unsigned i, uint64_t x)
{
	struct sockaddr_un addr = address(s, i);
	uint8_t buf[6000] = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	if (x & 1)
		send(fd, buf, 1 + x % sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (x & 2)
		shutdown(fd, x & 4 ? SHUT_WR : SHUT_RD);
	if (x & 8) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 2);
		recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	}
	close(fd);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

struct probe {
	struct storm *s;
	bool gone;
};

static void look(void *arg)
{
	struct probe *p = arg;

	p->gone = true;
	for (unsigned i = 0; i < NR_CONSOLES; i++) {
		struct chardev *cd = p->s->vm->consoles[i];
		uint8_t buf[CHARDEV_RX_RING];

		p->gone &= !chardev_connected(cd);
		chardev_read(cd, buf, sizeof(buf));
	}
}

static int calls_until_quiet(struct storm *s)
{
	int calls, total = fake_vm_io(s->vm);

	while ((calls = evloop_run_once(s->vm->loop, QUIET_MS)) > 0 &&
	       total <= MAX_LATE_CALLS)
		total += calls;
	assert_true(calls >= 0);
	return total;
}

/*
 * Everybody left: what they sent is read to its end, and their end noticed;
 * then nothing calls again and again.
 */
static void wait_until_left(struct storm *s)
{
	struct probe probe = { .s = s };
	int calls = 0;

	do {
		calls += calls_until_quiet(s);
		assert_true(calls <= MAX_LATE_CALLS);
		look(&probe);
	} while (!probe.gone);
	assert_true(calls_until_quiet(s) <= MAX_LATE_CALLS);
}

static void test_storm(void **state)
{
	struct storm *s = *state;
	uint64_t seed = 0x123456789abcdef;
	struct error err = { 0 };
	pthread_t serial, virtio;
	unsigned fds = count_fds();

	assert_int_equal(evloop_start(s->vm->loop, &err), 0);
	assert_int_equal(pthread_create(&serial, NULL, hammer_serial, s), 0);
	assert_int_equal(pthread_create(&virtio, NULL, hammer_virtio, s), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		one_client(s, i % NR_CONSOLES, next_random(&seed));
	__atomic_store_n(&s->done, true, __ATOMIC_RELAXED);
	pthread_join(serial, NULL);
	pthread_join(virtio, NULL);

	evloop_stop(s->vm->loop);
	wait_until_left(s);
	assert_int_equal(count_fds(), fds);
	/* The log did not grow with what guest and clients did. */
	assert_true(strlen(fake_vm_log(s->vm)) < 8192);
}

int main(void)
{
	/* A deadlock ends here. */
	alarm(120);
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_storm, setup, teardown),
	};
	if (arch_info.serial.size == 0)
		return skip_all("this machine has no serial port");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
