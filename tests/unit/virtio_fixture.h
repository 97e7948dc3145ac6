/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device that does next to nothing, in a fake machine, and its
 * driver. It gives every chain back at once, or holds them until told.
 */
#ifndef PRIVET_TESTS_VIRTIO_FIXTURE_H
#define PRIVET_TESTS_VIRTIO_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "devices/virtio.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/snapshot.h"

#define NR_QUEUES    3U
#define CONFIG_LEN   13U
#define FEATURE_LOW  3
#define FEATURE_HIGH 50
#define DEVICE_ID    42U

#define ALL_OK                                              \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)
#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

/**
 * struct test_dev - The device
 * @config: its configuration space; may be written
 * @activated, @stopped, @notified: how often each was called
 * @hold: do not give chains back
 * @held, @nr_held: those of queue 0 that were not given back
 * @idle: signalled when none is left; stop() waits for that
 * @waiting: stop() waits
 */
struct test_dev {
	struct virtio_device vdev;
	uint8_t config[CONFIG_LEN];
	unsigned activated;
	unsigned stopped;
	unsigned notified[NR_QUEUES];
	bool hold;
	uint16_t held[VIRTQ_MAX_SIZE];
	unsigned nr_held;
	pthread_cond_t idle;
	bool waiting;
	struct virtq_chain chain;
};

/** struct fixture - The machine, its device, and drivers on two vCPUs */
struct fixture {
	struct vm *vm;
	struct test_dev *dev;
	struct virtio_device *vdev;
	struct fake_mmio m;
	struct fake_mmio other;
	unsigned irq;
};

static inline struct test_dev *to_test_dev(struct virtio_device *vdev)
{
	return container_of(vdev, struct test_dev, vdev);
}

static inline void test_config_read(struct virtio_device *vdev, uint32_t off,
				    void *buf, uint32_t len)
{
	assert_true(off < CONFIG_LEN && len <= CONFIG_LEN - off && len > 0);
	memcpy(buf, to_test_dev(vdev)->config + off, len);
}

static inline void test_config_write(struct virtio_device *vdev, uint32_t off,
				     const void *buf, uint32_t len)
{
	assert_true(off < CONFIG_LEN && len <= CONFIG_LEN - off && len > 0);
	memcpy(to_test_dev(vdev)->config + off, buf, len);
}

static inline void test_activate(struct virtio_device *vdev)
{
	assert_true(vdev->status & VIRTIO_STATUS_DRIVER_OK);
	to_test_dev(vdev)->activated++;
}

static inline void test_stop(struct virtio_device *vdev)
{
	struct test_dev *dev = to_test_dev(vdev);

	dev->stopped++;
	dev->waiting = true;
	while (dev->nr_held > 0)
		pthread_cond_wait(&dev->idle, &vdev->dev.lock);
	dev->waiting = false;
}

static inline void test_notify(struct virtio_device *vdev, unsigned queue)
{
	struct test_dev *dev = to_test_dev(vdev);
	struct virtq *vq = &vdev->queues[queue].vq;
	int ret;

	dev->notified[queue]++;
	do {
		virtq_disable_notify(vq);
		while ((ret = virtq_pop(vq, &dev->chain)) == 1) {
			uint16_t head = dev->chain.head;

			if (dev->hold)
				dev->held[dev->nr_held++] = head;
			else
				virtq_push(vq, head, head + 1U);
		}
	} while (ret == 0 && virtq_enable_notify(vq));
	if (ret < 0)
		virtio_fail(vdev, "bad chain");
	virtio_signal(vdev, queue);
}

static const struct virtio_type test_vtype = {
	.device_id = DEVICE_ID,
	.config_len = CONFIG_LEN,
	.config_read = test_config_read,
	.config_write = test_config_write,
	.activate = test_activate,
	.stop = test_stop,
	.notify = test_notify,
};

static inline int test_create(struct vm *vm, const struct device_config *cfg,
			      struct device **out, struct error *err);

static inline void test_destroy(struct device *dev)
{
	struct test_dev *td = container_of(dev, struct test_dev, vdev.dev);

	virtio_fini(&td->vdev);
	pthread_cond_destroy(&td->idle);
	free(td);
}

static inline int test_save(struct device *dev, struct snap_writer *w)
{
	return virtio_save(container_of(dev, struct virtio_device, dev), w);
}

static inline int test_restore(struct device *dev, struct snap_reader *r,
			       uint32_t version)
{
	assert_int_equal(version, 1);
	return virtio_restore(container_of(dev, struct virtio_device, dev), r);
}

static const struct device_type test_type = {
	.name = "virtio-test",
	.state_version = 1,
	.max = 8,
	.create = test_create,
	.destroy = test_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.resume = virtio_dev_resume,
	.save = test_save,
	.restore = test_restore,
	.fdt = virtio_dev_fdt,
};

static inline int test_create(struct vm *vm, const struct device_config *cfg,
			      struct device **out, struct error *err)
{
	static const uint16_t sizes[NR_QUEUES] = { 8, 64, VIRTQ_MAX_SIZE };
	struct test_dev *td = calloc(1, sizeof(*td));

	assert_non_null(td);
	for (unsigned i = 0; i < CONFIG_LEN; i++)
		td->config[i] = (uint8_t)(0xa0 + i);
	pthread_cond_init(&td->idle, NULL);

	int ret =
		virtio_init(&td->vdev, &test_type, &test_vtype, vm, cfg->index,
			    VIRTIO_BIT(FEATURE_LOW) | VIRTIO_BIT(FEATURE_HIGH),
			    sizes, NR_QUEUES, err);

	if (ret < 0) {
		pthread_cond_destroy(&td->idle);
		free(td);
		return ret;
	}
	*out = &td->vdev.dev;
	return 0;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct arch_device where;

	assert_non_null(f);
	f->vm = fake_vm_create(MIB(8));
	f->dev = container_of(fake_vm_add(f->vm, &test_type, NULL),
			      struct test_dev, vdev.dev);
	f->vdev = &f->dev->vdev;
	fake_vm_freeze(f->vm);
	fake_mmio_init(&f->m, f->vm, 0);
	assert_int_equal(arch_virtio_mmio_slot(0, &where), 0);
	f->irq = where.irq;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	f->dev->nr_held = 0;
	fake_vm_destroy(f->vm);
	free(f);
	return 0;
}

/* What the framework does around a call. */
static inline void lock(struct fixture *f)
{
	pthread_mutex_lock(&f->vdev->dev.lock);
}

static inline void unlock(struct fixture *f)
{
	pthread_mutex_unlock(&f->vdev->dev.lock);
}

/* One chain of one byte in @queue, published and not yet rung for. */
static inline uint16_t add_one(struct fixture *f, unsigned queue)
{
	struct fake_buf buf = { .gpa = fake_alloc(&f->m.drv, 1, 1),
				.len = 1,
				.write = true };

	return fake_queue_add(&f->m.queues[queue], &buf, 1, false);
}

/* A chain goes through @queue and comes back. */
static inline void expect_works(struct fixture *f, unsigned queue)
{
	struct fake_used used;
	uint16_t head = add_one(f, queue);

	fake_mmio_kick(&f->m, queue);
	fake_vm_io(f->vm);
	assert_true(fake_queue_used(&f->m.queues[queue], &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, head + 1U);
}

/* Give back what is held, as a completion on the I/O thread does. */
static inline void complete_held(struct fixture *f)
{
	lock(f);
	while (f->dev->nr_held > 0)
		virtq_push(&f->vdev->queues[0].vq,
			   f->dev->held[--f->dev->nr_held], 0);
	virtio_signal(f->vdev, 0);
	pthread_cond_broadcast(&f->dev->idle);
	unlock(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
