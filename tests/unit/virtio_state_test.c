/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device saved in one machine and restored in another. */
#include "tests/unit/virtio_fixture.h"

#define VERSION_1 VIRTIO_BIT(VIRTIO_F_VERSION_1)

static void save(struct fixture *f, struct snap_writer *w)
{
	snap_writer_init(w, arch_info.name);
	assert_int_equal(device_save(&f->vdev->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct fixture *f, const struct snap_writer *w)
{
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(
		snap_reader_init(&r, w->data, w->len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	return device_restore(&f->vdev->dev, &r, section.version);
}

/* A second machine with the same RAM, where the first one's driver goes on. */
static struct fixture *move(struct fixture *from, int *ret)
{
	struct snap_writer w;
	struct fixture *to;
	void *state;

	lock(from);
	test_type.quiesce(&from->vdev->dev);
	unlock(from);
	save(from, &w);
	setup(&state);
	to = state;
	memcpy(to->vm->gmem.regions[0].host, from->vm->gmem.regions[0].host,
	       from->vm->gmem.regions[0].size);
	*ret = restore(to, &w);
	snap_writer_free(&w);

	struct vm *vm = to->m.vm;

	to->m = from->m;
	to->m.vm = vm;
	to->m.drv.gmem = &vm->gmem;
	for (unsigned i = 0; i < to->m.nr_queues; i++)
		to->m.queues[i].drv = &to->m.drv;
	return to;
}

static void resume(struct fixture *f)
{
	lock(f);
	test_type.resume(&f->vdev->dev);
	unlock(f);
}

static void finish(struct fixture *f)
{
	void *state = f;

	teardown(&state);
}

static void test_running(void **state)
{
	struct fixture *f = *state;
	int ret;

	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	for (unsigned i = 0; i < 20; i++)
		expect_works(f, i % NR_QUEUES);
	lock(f);
	virtio_config_changed(f->vdev);
	unlock(f);
	/* Rung for, but not looked at when it is saved. */
	add_one(f, 0);
	fake_mmio_kick(&f->m, 0);

	struct fixture *to = move(f, &ret);

	assert_int_equal(ret, 0);
	assert_int_equal(to->dev->activated, 1);
	assert_int_equal(to->vdev->accepted, VERSION_1 | EVENT_IDX);
	assert_int_equal(to->vdev->config_generation,
			 f->vdev->config_generation);
	assert_true(to->vdev->queues[1].vq.event_idx);
	assert_false(to->vdev->queues[1].vq.indirect);
	assert_int_equal(fake_mmio_status(&to->m), ALL_OK);
	/* The interrupts that were not acknowledged yet, raised again. */
	assert_int_equal(fake_irq_pulses(to->vm, to->irq), 1);
	assert_int_equal(fake_mmio_irq(&to->m),
			 VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);

	/* Not before resume. */
	fake_vm_io(to->vm);
	assert_int_equal(to->dev->notified[0], 0);
	resume(to);
	fake_vm_io(to->vm);

	struct fake_used used;

	assert_true(fake_queue_used(&to->m.queues[0], &used));
	for (unsigned i = 0; i < 20; i++)
		expect_works(to, i % NR_QUEUES);
	finish(to);
}

/* Between FEATURES_OK and DRIVER_OK, with one queue of three set up. */
static void test_half_way(void **state)
{
	struct fixture *f = *state;
	int ret;

	assert_int_equal(fake_mmio_negotiate(&f->m, EVENT_IDX), 0);
	assert_int_equal(fake_mmio_queue(&f->m, 0, 4), 0);
	fake_mmio_set(&f->m, 0x030, 2);
	fake_mmio_set(&f->m, 0x038, 32);
	fake_mmio_set(&f->m, 0x080, 0x1230);
	fake_mmio_set(&f->m, 0x014, 1);

	struct fixture *to = move(f, &ret);

	assert_int_equal(ret, 0);
	assert_int_equal(to->dev->activated, 0);
	assert_int_equal(fake_irq_pulses(to->vm, to->irq), 0);
	assert_int_equal(fake_mmio_get(&to->m, 0x010),
			 virtio_features_word(to->vdev, 1));
	assert_int_equal(to->vdev->queues[2].vq.size, 32);
	assert_int_equal(to->vdev->queues[2].vq.desc, 0x1230);
	/* The selected queue is still the third one. */
	assert_int_equal(fake_mmio_get(&to->m, 0x034), VIRTQ_MAX_SIZE);
	assert_int_equal(fake_mmio_get(&to->m, 0x044), 0);
	resume(to);
	assert_int_equal(fake_mmio_queue(&to->m, 1, 8), 0);
	fake_mmio_driver_ok(&to->m);
	assert_int_equal(fake_mmio_status(&to->m), ALL_OK);
	assert_int_equal(to->dev->activated, 1);
	expect_works(to, 0);
	expect_works(to, 1);
	finish(to);
}

static void test_failed(void **state)
{
	struct fixture *f = *state;
	int ret;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	f->dev->hold = true;
	add_one(f, 0);
	fake_queue_publish(&f->m.queues[0], 77);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	complete_held(f);

	struct fixture *to = move(f, &ret);

	assert_int_equal(ret, 0);
	resume(to);
	fake_vm_io(to->vm);
	assert_int_equal(fake_mmio_status(&to->m),
			 ALL_OK | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(to->dev->activated, 0);
	assert_int_equal(to->dev->notified[0], 0);
	assert_int_equal(fake_mmio_start(&to->m, 0, 8), 0);
	expect_works(to, 0);
	finish(to);
}

static void test_in_flight(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	f->dev->hold = true;
	add_one(f, 0);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	snap_writer_init(&w, arch_info.name);
	assert_int_equal(device_save(&f->vdev->dev, &w), -EBUSY);
	snap_writer_free(&w);
}

static void test_truncated(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	save(f, &w);
	assert_int_equal(
		snap_reader_init(&r, w.data, w.len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);

	size_t whole = snap_left(&r);
	struct snap_reader start = r;

	for (size_t len = 0; len <= whole; len++) {
		r = start;
		r.end = r.pos + len;
		int ret = device_restore(&f->vdev->dev, &r, 1);

		assert_int_equal(ret == 0, len == whole);
		assert_int_equal(f->vdev->status, len == whole ? ALL_OK : 0);
		assert_int_equal(f->vdev->queues[0].vq.ready, len == whole);
	}
	snap_writer_free(&w);
}

/* What virtio_save() writes, made up. */
struct made_up {
	uint64_t accepted;
	uint8_t status;
	uint32_t nr_queues;
	uint32_t isr;
};

static int restore_made_up(struct fixture *f, struct made_up m)
{
	struct snap_writer w;

	snap_writer_init(&w, arch_info.name);
	snap_begin(&w, "virtio-test", "virtio-test0", 1);
	snap_put_u64(&w, m.accepted);
	snap_put_u8(&w, m.status);
	snap_put_u8(&w, 7);
	snap_put_u32(&w, m.nr_queues);
	for (unsigned i = 0; i < NR_QUEUES; i++) {
		struct virtq vq;

		virtq_init(&vq, &f->vm->gmem, 8);
		virtq_save(&vq, &w);
	}
	snap_put_u32(&w, 9);
	snap_put_u32(&w, ~0U);
	snap_put_u32(&w, 12345);
	snap_put_u32(&w, m.isr);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);

	int ret = restore(f, &w);

	snap_writer_free(&w);
	if (ret < 0) {
		assert_int_equal(f->vdev->status, 0);
		assert_int_equal(f->vdev->accepted, 0);
		assert_int_equal(fake_mmio_get(&f->m, 0x060), 0);
	} else {
		assert_int_equal(f->vdev->status, m.status);
		/* Selectors of nothing that exists. */
		assert_int_equal(fake_mmio_get(&f->m, 0x034), 0);
	}
	return ret;
}

#define WITH(field_, value_)              \
	({                                \
		struct made_up m_ = good; \
		m_.field_ = (value_);     \
		restore_made_up(f, m_);   \
	})

static void test_nonsense(void **state)
{
	struct fixture *f = *state;
	struct made_up good = {
		.accepted = VERSION_1,
		.status = ALL_OK,
		.nr_queues = NR_QUEUES,
	};

	assert_int_equal(restore_made_up(f, good), 0);
	/* Features that are not offered, or not enough of them. */
	assert_int_equal(WITH(accepted, 0), -EBADMSG);
	assert_int_equal(WITH(accepted, VERSION_1 | 1), -EBADMSG);
	assert_int_equal(WITH(accepted, ~0ULL), -EBADMSG);
	/* Any number of queues but its own. */
	assert_int_equal(WITH(nr_queues, 0), -EBADMSG);
	assert_int_equal(WITH(nr_queues, NR_QUEUES - 1), -EBADMSG);
	assert_int_equal(WITH(nr_queues, NR_QUEUES + 1), -EBADMSG);
	assert_int_equal(WITH(nr_queues, UINT32_MAX), -EBADMSG);
	assert_int_equal(WITH(isr, 4), -EBADMSG);
	assert_int_equal(WITH(isr, UINT32_MAX), -EBADMSG);
	assert_int_equal(WITH(isr, 3), 0);
}

static void test_impossible_status(void **state)
{
	struct fixture *f = *state;
	struct made_up m = { .accepted = VERSION_1, .nr_queues = NR_QUEUES };
	unsigned possible = 0;

	for (unsigned status = 0; status < 256; status++) {
		bool features = status & VIRTIO_STATUS_FEATURES_OK;
		bool started = (status & 3) == 3;
		bool good = !(status & (16 | 32)) && (!features || started) &&
			    (!(status & VIRTIO_STATUS_DRIVER_OK) || features);

		m.status = (uint8_t)status;
		assert_int_equal(restore_made_up(f, m), good ? 0 : -EBADMSG);
		possible += good;
	}
	assert_int_equal(possible, 4 * 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_running),
		TEST(test_half_way),
		TEST(test_failed),
		TEST(test_in_flight),
		TEST(test_truncated),
		TEST(test_nonsense),
		TEST(test_impossible_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
