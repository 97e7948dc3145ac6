/* SPDX-License-Identifier: Apache-2.0 */
/* Status, features, configuration, doorbells, reset of a virtio device. */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include "tests/unit/virtio_fixture.h"

#define STARTED     (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)
#define FEATURES_OK (STARTED | VIRTIO_STATUS_FEATURES_OK)
#define VERSION_1   VIRTIO_BIT(VIRTIO_F_VERSION_1)

static void accept(struct fixture *f, uint64_t features)
{
	virtio_accept_word(f->vdev, 0, (uint32_t)features);
	virtio_accept_word(f->vdev, 1, (uint32_t)(features >> 32));
}

/* Whether the device takes @features, from reset on. */
static bool negotiates(struct fixture *f, uint64_t features)
{
	virtio_write_status(f->vdev, 0);
	virtio_write_status(f->vdev, STARTED);
	accept(f, features);
	virtio_write_status(f->vdev, FEATURES_OK);
	return f->vdev->status == FEATURES_OK;
}

static void test_features(void **state)
{
	struct fixture *f = *state;
	uint64_t offered = VERSION_1 | EVENT_IDX |
			   VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |
			   VIRTIO_BIT(FEATURE_LOW) | VIRTIO_BIT(FEATURE_HIGH);

	lock(f);
	assert_int_equal(virtio_features_word(f->vdev, 0), (uint32_t)offered);
	assert_int_equal(virtio_features_word(f->vdev, 1), offered >> 32);
	assert_int_equal(virtio_features_word(f->vdev, 2), 0);
	assert_int_equal(virtio_features_word(f->vdev, 64), 0);
	assert_int_equal(virtio_features_word(f->vdev, ~0U), 0);

	assert_true(negotiates(f, VERSION_1));
	assert_true(negotiates(f, offered));
	assert_false(negotiates(f, 0));
	assert_false(negotiates(f, offered & ~VERSION_1));
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(negotiates(f, VERSION_1 | VIRTIO_BIT(bit)),
				 offered >> bit & 1);
	unlock(f);
}

static void test_features_frozen(void **state)
{
	struct fixture *f = *state;

	lock(f);
	assert_false(virtio_has(f->vdev, VIRTIO_F_VERSION_1));
	assert_true(negotiates(f, VERSION_1 | VIRTIO_BIT(FEATURE_HIGH)));
	accept(f, ~0ULL);
	assert_true(virtio_has(f->vdev, FEATURE_HIGH));
	assert_false(virtio_has(f->vdev, FEATURE_LOW));
	assert_false(virtio_has(f->vdev, 64 + FEATURE_HIGH));
	assert_false(f->vdev->queues[0].vq.event_idx);
	assert_false(f->vdev->queues[0].vq.indirect);

	/* Refused once, a driver may try again. */
	virtio_write_status(f->vdev, 0);
	assert_false(virtio_has(f->vdev, FEATURE_HIGH));
	virtio_write_status(f->vdev, STARTED);
	accept(f, ~0ULL);
	virtio_write_status(f->vdev, FEATURES_OK);
	assert_int_equal(f->vdev->status, STARTED);
	assert_false(virtio_has(f->vdev, FEATURE_HIGH));
	/* Words that do not exist. */
	virtio_accept_word(f->vdev, 2, 0);
	virtio_accept_word(f->vdev, ~0U, 0);
	accept(f, VERSION_1 | EVENT_IDX);
	virtio_write_status(f->vdev, FEATURES_OK);
	assert_int_equal(f->vdev->status, FEATURES_OK);
	assert_true(f->vdev->queues[NR_QUEUES - 1].vq.event_idx);
	assert_false(f->vdev->queues[0].vq.indirect);
	unlock(f);
}

static void test_status_order(void **state)
{
	struct fixture *f = *state;
	struct virtio_device *v = f->vdev;

	lock(f);
	/* Every step needs the one before. */
	accept(f, VERSION_1);
	virtio_write_status(v, VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(v->status, 0);
	virtio_write_status(v, VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(v->status, 0);
	virtio_write_status(v,
			    VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(v->status, VIRTIO_STATUS_DRIVER);
	virtio_write_status(v, STARTED | VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(v->status, STARTED);
	assert_int_equal(f->dev->activated, 0);
	virtio_write_status(v, ALL_OK);
	assert_int_equal(v->status, ALL_OK);
	assert_int_equal(f->dev->activated, 1);

	/* Bits stay, and DRIVER_OK happens once. */
	virtio_write_status(v, VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(v->status, ALL_OK);
	virtio_write_status(v, ALL_OK);
	assert_int_equal(f->dev->activated, 1);
	/* NEEDS_RESET is ours, and there are no others. */
	virtio_write_status(v, ALL_OK | VIRTIO_STATUS_NEEDS_RESET | 16 | 32);
	assert_int_equal(v->status, ALL_OK);
	virtio_write_status(v, ALL_OK | VIRTIO_STATUS_FAILED);
	assert_int_equal(v->status, ALL_OK | VIRTIO_STATUS_FAILED);
	unsigned stopped = f->dev->stopped;

	virtio_write_status(v, 0);
	assert_int_equal(v->status, 0);
	assert_int_equal(v->accepted, 0);
	assert_int_equal(f->dev->stopped, stopped + 1);
	unlock(f);
}

static void test_queue_writable(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < NR_QUEUES; i++)
		assert_true(virtio_queue_writable(f->vdev, i));
	assert_false(virtio_queue_writable(f->vdev, NR_QUEUES));
	assert_false(virtio_queue_writable(f->vdev, ~0U));

	assert_int_equal(fake_mmio_negotiate(&f->m, 0), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 1, 4), 0);
	lock(f);
	assert_false(virtio_queue_writable(f->vdev, 1));
	assert_true(virtio_queue_writable(f->vdev, 0));
	virtio_queue_set_ready(f->vdev, 1, false);
	assert_true(virtio_queue_writable(f->vdev, 1));
	virtio_queue_set_ready(f->vdev, 1, true);
	assert_true(f->vdev->queues[1].vq.ready);
	/* Not set up at all. */
	virtio_queue_set_ready(f->vdev, 2, true);
	assert_false(f->vdev->queues[2].vq.ready);
	virtio_queue_set_ready(f->vdev, NR_QUEUES, true);
	virtio_queue_set_ready(f->vdev, ~0U, true);

	virtio_write_status(f->vdev, ALL_OK);
	assert_false(virtio_queue_writable(f->vdev, 0));
	assert_false(virtio_queue_writable(f->vdev, 1));
	virtio_queue_set_ready(f->vdev, 1, false);
	assert_true(f->vdev->queues[1].vq.ready);
	unlock(f);
}

static void test_doorbells(void **state)
{
	struct fixture *f = *state;
	unsigned *notified = f->dev->notified;

	/* Too early: nothing is called, nothing is popped. */
	assert_int_equal(fake_mmio_negotiate(&f->m, EVENT_IDX), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 0, 8), 0);
	add_one(f, 0);
	fake_mmio_kick(&f->m, 0);
	assert_true(fake_vm_io(f->vm) > 0);
	assert_int_equal(notified[0], 0);
	/* But it was not for nothing. */
	fake_mmio_driver_ok(&f->m);
	fake_vm_io(f->vm);
	assert_int_equal(notified[0], 1);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 1);

	/* A queue that is not ready; one that does not exist. */
	fake_mmio_kick(&f->m, 1);
	fake_mmio_kick(&f->m, NR_QUEUES);
	fake_mmio_kick(&f->m, 0x10000);
	fake_mmio_kick(&f->m, ~0U);
	virtio_kick(f->vdev, NR_QUEUES);
	virtio_kick(f->vdev, ~0U);
	fake_vm_io(f->vm);
	assert_int_equal(notified[0] + notified[1] + notified[2], 1);

	/* Many rings, one look. */
	for (unsigned i = 0; i < 1000; i++)
		fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(notified[0], 2);

	/* No call is spent on counting them; each is heard all the same. */
	uint64_t rings = 0;

	assert_int_equal(fake_vm_io(f->vm), 0);
	assert_int_equal(
		read(f->vdev->queues[0].doorbell.fd, &rings, sizeof(rings)),
		sizeof(rings));
	assert_true(rings >= 1000);
	for (unsigned i = 3; i < 10; i++) {
		fake_mmio_kick(&f->m, 0);
		fake_vm_io(f->vm);
		assert_int_equal(notified[0], i);
	}

	/* And after a reset, none. */
	fake_mmio_kick(&f->m, 0);
	fake_mmio_reset(&f->m);
	fake_vm_io(f->vm);
	assert_int_equal(notified[0], 9);
}

static void test_quiesce(void **state)
{
	struct fixture *f = *state;
	unsigned *notified = f->dev->notified;

	assert_int_equal(fake_mmio_negotiate(&f->m, 0), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 0, 8), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 2, 8), 0);
	fake_mmio_driver_ok(&f->m);
	fake_vm_io(f->vm);
	assert_true(virtio_running(f->vdev));
	memset(notified, 0, sizeof(f->dev->notified));

	lock(f);
	test_type.quiesce(&f->vdev->dev);
	unlock(f);
	assert_false(virtio_running(f->vdev));
	add_one(f, 0);
	fake_mmio_kick(&f->m, 0);
	fake_mmio_kick(&f->m, 2);
	fake_vm_io(f->vm);
	assert_int_equal(notified[0] + notified[1] + notified[2], 0);

	lock(f);
	test_type.resume(&f->vdev->dev);
	unlock(f);
	fake_vm_io(f->vm);
	/* Every ready queue, rung for or not. */
	assert_int_equal(notified[0], 1);
	assert_int_equal(notified[1], 0);
	assert_int_equal(notified[2], 1);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 1);
}

static unsigned count_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void test_fail(void **state)
{
	struct fixture *f = *state;

	/* No driver that could be told. */
	lock(f);
	virtio_fail(f->vdev, "early");
	unlock(f);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
	fake_mmio_irq(&f->m);
	fake_irq_pulses(f->vm, f->irq);

	/* A head beyond the queue. */
	fake_queue_publish(&f->m.queues[0], 8);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_mmio_status(&f->m),
			 ALL_OK | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_CONFIG);
	assert_false(virtio_running(f->vdev));
	assert_non_null(strstr(fake_vm_log(f->vm), "virtio-test0"));

	/* The other queues are dead as well. */
	unsigned notified = f->dev->notified[1];

	add_one(f, 1);
	fake_mmio_kick(&f->m, 0);
	fake_mmio_kick(&f->m, 1);
	fake_vm_io(f->vm);
	assert_int_equal(f->dev->notified[1], notified);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[1]), 0);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);
	for (unsigned i = 0; i < NR_QUEUES; i++)
		assert_true(f->vdev->queues[i].vq.broken);

	/* What is known already is not said again. */
	lock(f);
	virtio_fail(f->vdev, "once more");
	unlock(f);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);
	assert_null(strstr(fake_vm_log(f->vm), "once more"));

	/* Until it is reset. */
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 0);
	expect_works(f, 1);
}

static void test_fail_does_not_flood(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 500; i++) {
		f->m.drv.next = f->vm->gmem.regions[0].gpa + KIB(64);
		assert_int_equal(fake_mmio_negotiate(&f->m, ~0ULL), -EINVAL);
		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		fake_queue_publish(&f->m.queues[0], 8);
		fake_mmio_kick(&f->m, 0);
		fake_vm_io(f->vm);
		assert_int_equal(fake_mmio_status(&f->m),
				 ALL_OK | VIRTIO_STATUS_NEEDS_RESET);
	}
	assert_in_range(count_lines(fake_vm_log(f->vm)), 1, 20);
}

static uint64_t expected_config(const uint8_t *config, uint64_t off,
				unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		if (off < CONFIG_LEN && off + i < CONFIG_LEN)
			value |= (uint64_t)config[off + i] << (8 * i);
	return value;
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	uint8_t want[CONFIG_LEN];

	lock(f);
	memcpy(want, f->dev->config, CONFIG_LEN);
	for (unsigned size = 1; size <= 8; size++) {
		for (uint64_t off = 0; off < CONFIG_LEN + 9; off++) {
			uint64_t value = 0x1122334455667788ULL * (off + size);

			assert_true(virtio_config_read(f->vdev, off, size) ==
				    expected_config(want, off, size));
			virtio_config_write(f->vdev, off, size, value);
			for (unsigned i = 0; i < size; i++)
				if (off + i < CONFIG_LEN)
					want[off + i] =
						(uint8_t)(value >> (8 * i));
			assert_memory_equal(f->dev->config, want, CONFIG_LEN);
		}
	}
	/* Offsets that wrap, sizes that no transport has. */
	assert_true(virtio_config_read(f->vdev, UINT64_MAX, 1) == 0);
	assert_true(virtio_config_read(f->vdev, UINT64_MAX - 3, 8) == 0);
	assert_true(virtio_config_read(f->vdev, 1ULL << 32, 4) == 0);
	assert_true(virtio_config_read(f->vdev, 0, 9) == 0);
	assert_true(virtio_config_read(f->vdev, 0, 0) == 0);
	virtio_config_write(f->vdev, UINT64_MAX, 8, 0);
	virtio_config_write(f->vdev, 1ULL << 32, 4, 0);
	virtio_config_write(f->vdev, 0, 9, 0);
	assert_memory_equal(f->dev->config, want, CONFIG_LEN);
	unlock(f);
}

static void test_config_changed(void **state)
{
	struct fixture *f = *state;

	lock(f);
	uint8_t generation = f->vdev->config_generation;

	/* No driver that could be told. */
	virtio_config_changed(f->vdev);
	assert_int_equal(f->vdev->config_generation, (uint8_t)(generation + 1));
	unlock(f);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 0);

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	lock(f);
	for (unsigned i = 0; i < 256; i++)
		virtio_config_changed(f->vdev);
	unlock(f);
	assert_int_equal(f->vdev->config_generation, (uint8_t)(generation + 1));
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
	assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_CONFIG);
}

/* A vCPU that resets the device, while requests are in flight. */
static void *reset_by_guest(void *arg)
{
	struct fixture *f = arg;

	fake_mmio_set(&f->m, 0x070, 0);
	return NULL;
}

/* The reset is under way: it waits in the device's stop(). */
static void await_stop(struct fixture *f)
{
	bool waiting = false;

	for (unsigned i = 0; i < 100000000 && !waiting; i++) {
		lock(f);
		waiting = f->dev->waiting;
		unlock(f);
		sched_yield();
	}
	assert_true(waiting);
}

static void test_reset_in_flight(void **state)
{
	struct fixture *f = *state;
	unsigned heads = 0;
	pthread_t vcpu;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	f->dev->hold = true;
	for (; heads < 5; heads++)
		add_one(f, 0);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(f->dev->nr_held, heads);
	assert_int_equal(pthread_create(&vcpu, NULL, reset_by_guest, f), 0);
	await_stop(f);

	/* Another vCPU: not reset yet, and not to be touched. */
	struct fake_mmio *other = &f->other;
	unsigned stopped = f->dev->stopped, notified = f->dev->notified[0];

	*other = f->m;
	assert_int_equal(fake_mmio_status(other), ALL_OK);
	fake_mmio_set(other, 0x070, 0);
	assert_int_equal(f->dev->stopped, stopped);
	fake_mmio_set(other, 0x070, ALL_OK | VIRTIO_STATUS_FAILED);
	assert_int_equal(fake_mmio_status(other), ALL_OK);
	fake_mmio_set(other, 0x020, 0xffffffff);
	fake_mmio_set(other, 0x044, 0);
	fake_mmio_set(other, 0x080, 0xdeadbeef);
	fake_mmio_config_write(other, 0, 4, 0);
	assert_int_equal(fake_mmio_config(other, 0, 1), 0xa0);
	fake_mmio_kick(other, 0);
	fake_vm_io(f->vm);
	assert_int_equal(f->dev->notified[0], notified);
	assert_false(virtio_running(f->vdev));

	complete_held(f);
	pthread_join(vcpu, NULL);
	assert_int_equal(fake_mmio_status(&f->m), 0);
	assert_int_equal(fake_mmio_get(&f->m, 0x060), 0);
	assert_false(f->vdev->queues[0].vq.ready);

	/* A completion that nobody waited for comes to nothing. */
	lock(f);
	virtq_push(&f->vdev->queues[0].vq, 0, 0);
	virtio_signal(f->vdev, 0);
	unlock(f);
	f->dev->hold = false;
	fake_irq_pulses(f->vm, f->irq);
	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	expect_works(f, 0);
	assert_int_equal(fake_irq_pulses(f->vm, f->irq), 1);
}

/* Resets and requests against each other, from two vCPUs and the I/O thread */
static void *reset_storm(void *arg)
{
	struct fixture *f = arg;

	for (unsigned i = 0; i < 3000; i++) {
		fake_mmio_set(&f->m, 0x070, 0);
		fake_mmio_set(&f->m, 0x070, i & ALL_OK);
		fake_mmio_set(&f->m, 0x044, i & 1);
		fake_mmio_set(&f->m, 0x050, i % 4);
	}
	return NULL;
}

static void test_reset_storm(void **state)
{
	struct fixture *f = *state;
	struct fake_mmio *other = &f->other;
	struct error err = { 0 };
	pthread_t vcpu;

	*other = f->m;
	assert_int_equal(evloop_start(f->vm->loop, &err), 0);
	assert_int_equal(pthread_create(&vcpu, NULL, reset_storm, f), 0);
	for (unsigned i = 0; i < 300; i++) {
		other->drv.next = f->vm->gmem.regions[0].gpa + KIB(64);
		fake_mmio_start(other, 0, 8);
		for (unsigned k = 0; k < NR_QUEUES; k++)
			fake_mmio_kick(other, k);
	}
	pthread_join(vcpu, NULL);
	evloop_stop(f->vm->loop);
	fake_vm_io(f->vm);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	expect_works(f, 1);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int init_with(struct fixture *f, const uint16_t *sizes, unsigned n,
		     struct error *err)
{
	struct test_dev *td = calloc(1, sizeof(*td));

	assert_non_null(td);
	*err = (struct error){ 0 };

	int ret = virtio_init(&td->vdev, &test_type, &test_vtype, f->vm, 9, 0,
			      sizes, n, err);

	if (ret == 0)
		virtio_fini(&td->vdev);
	free(td);
	return ret;
}

static void test_init_refuses(void **state)
{
	struct fixture *f = *state;
	struct error err;
	uint16_t sizes[VIRTIO_MAX_QUEUES + 1];
	static const uint16_t bad[] = { 0, 3, 2048, 0xffff };
	unsigned fds = open_fds();

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		sizes[i] = 4;
	f->vm->mmio.frozen = false;
	assert_int_equal(init_with(f, sizes, 0, &err), -EINVAL);
	assert_int_equal(init_with(f, sizes, VIRTIO_MAX_QUEUES + 1, &err),
			 -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		sizes[3] = bad[i];
		assert_int_equal(init_with(f, sizes, 4, &err), -EINVAL);
		assert_non_null(strstr(err.text, "virtio-test9"));
	}
	/* A machine that is complete: nothing of the device stays. */
	f->vm->mmio.frozen = true;
	if (f->vm->pci != NULL)
		f->vm->pci->first_slot = PCI_MAX_SLOTS;
	assert_int_equal(init_with(f, sizes, 3, &err),
			 f->vm->pci != NULL ? -ENOSPC : -EBUSY);
	assert_int_equal(f->vm->nr_virtio_slots, f->vm->pci == NULL);
	assert_int_equal(open_fds(), fds);
}

/* Out of descriptors, at every place where that can happen. */
static void test_init_unwinds(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct rlimit old, few;
	uint16_t sizes[8] = { 4, 4, 4, 4, 4, 4, 4, 4 };
	unsigned fds = open_fds();
	unsigned failures = 0;
	int ret = -1;

	f->vm->mmio.frozen = false;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	for (few.rlim_cur = 3; ret < 0 && few.rlim_cur < 1000; few.rlim_cur++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		ret = init_with(f, sizes, 8, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(open_fds(), fds);
		assert_true(ret == 0 || ret == -EMFILE);
		assert_true(ret == 0 || strstr(err.text, "open files"));
		failures += ret < 0;
	}
	assert_int_equal(ret, 0);
	assert_true(failures >= 8);
	f->vm->mmio.frozen = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_features),
		TEST(test_features_frozen),
		TEST(test_status_order),
		TEST(test_queue_writable),
		TEST(test_doorbells),
		TEST(test_quiesce),
		TEST(test_fail),
		TEST(test_fail_does_not_flood),
		TEST(test_config),
		TEST(test_config_changed),
		TEST(test_reset_in_flight),
		TEST(test_reset_storm),
		TEST(test_init_refuses),
		TEST(test_init_unwinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
