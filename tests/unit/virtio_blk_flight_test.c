/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: many requests at a time; reset, pause and state among them. */
#include "tests/unit/virtio_blk_fixture.h"

#define MANY 200U

static void publish_many(struct fixture *f, unsigned count)
{
	put_header(f, T_OUT, 0);
	for (unsigned i = 0; i < count; i++)
		publish(f, 16 + 512, 0, 1, 0, true);
	fake_mmio_kick(&f->m, 0);
}

static void assert_each_used_once(struct fixture *f, unsigned count)
{
	bool seen[BLK_QUEUE_SIZE] = { false };
	struct fake_used used;

	for (unsigned i = 0; i < count; i++) {
		used = wait_used(f, 0);
		assert_true(used.id < BLK_QUEUE_SIZE);
		assert_false(seen[used.id]);
		seen[used.id] = true;
		assert_int_equal(used.len, 1);
	}
	assert_false(fake_queue_used(&f->m.queues[0], &used));
}

static void fill_pool(struct fixture *f, uint64_t features)
{
	start(f, "", features);
	fake_io_gate(false);
	publish_many(f, MANY);
	fake_vm_io(f->vm);
	assert_int_equal(f->m.queues[0].used_seen, 0);

	struct virtio_blk *blk =
		to_blk(container_of(f->dev, struct virtio_device, dev));

	assert_int_equal(blk->disk->in_flight, BLK_POOL);
	/* Full: a doorbell would be of no use. */
	fake_queue_wants_kick(&f->m.queues[0]);
	publish(f, 16 + 512, 0, 1, 0, true);
	assert_false(fake_queue_wants_kick(&f->m.queues[0]));
	fake_io_gate(true);
	/* None is forgotten, without another doorbell. */
	assert_each_used_once(f, MANY + 1);
	publish(f, 16 + 512, 0, 1, 0, true);
	assert_true(fake_queue_wants_kick(&f->m.queues[0]));
}

static void takes_no_more_than_its_pool(void **state)
{
	fill_pool(*state, ALL_FEATURES);
}

static void so_with_event_index(void **state)
{
	fill_pool(*state, ALL_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
}

static void signals_a_run_once(void **state)
{
	struct fixture *f = *state;
	struct arch_device where;

	assert_int_equal(arch_virtio_mmio_slot(0, &where), 0);
	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	publish_many(f, 32);
	fake_vm_io(f->vm);
	fake_irq_pulses(f->vm, where.irq);
	fake_mmio_irq(&f->m);
	fake_io_gate(true);

	struct virtio_blk *blk =
		to_blk(container_of(f->dev, struct virtio_device, dev));

	pthread_mutex_lock(&blk->disk->lock);
	while (blk->disk->completed < 32)
		pthread_cond_wait(&blk->disk->done_cond, &blk->disk->lock);
	pthread_mutex_unlock(&blk->disk->lock);
	fake_vm_io(f->vm);
	assert_each_used_once(f, 32);
	assert_int_equal(fake_irq_pulses(f->vm, where.irq), 1);
	assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_QUEUE);
}

static void answers_a_flood_of_nonsense(void **state)
{
	struct fixture *f = *state;

	start(f, "", ALL_FEATURES);
	put_header(f, UINT32_MAX, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 0; n < BLK_QUEUE_SIZE; n++)
			publish(f, 16, 0, 1, 0, true);
		fake_mmio_kick(&f->m, 0);
		assert_each_used_once(f, BLK_QUEUE_SIZE);
	}
	/* All that fits into one turn: doorbells are wanted again. */
	fake_vm_io(f->vm);
	fake_queue_wants_kick(&f->m.queues[0]);
	publish(f, 16, 0, 1, 0, true);
	assert_true(fake_queue_wants_kick(&f->m.queues[0]));
}

static void serves_all_queues(void **state)
{
	struct fixture *f = *state;

	start(f, ",queues=16", ALL_FEATURES | VIRTIO_BIT(BLK_F_MQ));
	assert_int_equal(f->m.nr_queues, 16);
	fake_io_gate(false);
	put_header(f, T_IN, 0);
	for (unsigned i = 0; i < 16; i++) {
		struct fake_buf bufs[2] = { { f->out, 16, false },
					    { f->in + i * 1024ULL, 513,
					      true } };

		fake_queue_add(&f->m.queues[i], bufs, 2, false);
		fake_mmio_kick(&f->m, i);
	}
	fake_vm_io(f->vm);
	fake_io_gate(true);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(wait_used(f, i).len, 513);
}

static void keeps_disks_apart(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;

	fill_file(f);
	start(f, ",ro", ALL_FEATURES);
	/* A second one, of the same file, in a machine of its own. */
	assert_int_equal(setup((void **)&g), 0);
	unlink(g->path);
	memcpy(g->path, f->path, sizeof(g->path));
	start(g, ",ro", ALL_FEATURES);
	assert_int_equal(read_sectors(f, 1, 512), S_OK);
	assert_int_equal(read_sectors(g, 2, 512), S_OK);
	assert_in_pattern(f, 512, 512);
	assert_in_pattern(g, 1024, 512);
	assert_int_equal(teardown((void **)&g), 0);
}

/*
 * Reset, pause, state.
 */

static struct virtio_device *vdev_of(struct fixture *f)
{
	return container_of(f->dev, struct virtio_device, dev);
}

/* Lets the workers go on once the device is being reset, and not before. */
static void *open_in_reset(void *arg)
{
	struct fixture *f = arg;
	bool resetting = false;

	while (!resetting) {
		pthread_mutex_lock(&f->dev->lock);
		resetting = vdev_of(f)->resetting;
		pthread_mutex_unlock(&f->dev->lock);
		sched_yield();
	}
	fake_io_gate(true);
	return NULL;
}

static void resets_with_requests_in_flight(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	for (unsigned round = 0; round < 5; round++) {
		uint16_t used = fake_queue_used_idx(&f->m.queues[0]);

		fake_io_gate(false);
		put_pattern(f, 0, 512);
		publish_many(f, MANY);
		fake_vm_io(f->vm);
		fake_io_await(2);
		assert_int_equal(
			pthread_create(&thread, NULL, open_in_reset, f), 0);
		fake_mmio_reset(&f->m);
		pthread_join(thread, NULL);
		assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), used);
		assert_int_equal(fake_mmio_status(&f->m), 0);
		/* What completed meanwhile is nobody's. */
		fake_vm_io(f->vm);
		assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), used);
		fake_driver_init(&f->m.drv, &f->vm->gmem);
		f->out = fake_alloc(&f->m.drv, AREA, 4096);
		f->in = fake_alloc(&f->m.drv, AREA, 4096);
		assert_int_equal(fake_mmio_start(&f->m, ALL_FEATURES, 0), 0);
		assert_int_equal(read_sectors(f, 5, 512), S_OK);
		assert_in_pattern(f, AT(5), 512);
	}
	assert_file(f, 0, SIZE, false);
}

/* The device may look at once: what is published is not touched again. */
static void publish_live(struct fixture *f, unsigned count)
{
	put_header(f, T_OUT, 0);
	for (unsigned i = 0; i < count; i++) {
		struct fake_buf bufs[2] = { { f->out, 16 + 512, false },
					    { f->in + i, 1, true } };

		fake_queue_add(&f->m.queues[0], bufs, 2, true);
	}
	fake_mmio_kick(&f->m, 0);
}

/* The I/O thread pops and completes while a vCPU resets. */
static void resets_while_the_loop_runs(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	start(f, "", ALL_FEATURES);
	put_pattern(f, 0, 512);
	assert_int_equal(evloop_start(f->vm->loop, &err), 0);
	for (unsigned round = 0; round < 50; round++) {
		struct fake_queue *q = &f->m.queues[0];

		publish_live(f, MANY);
		/* Some rounds get no further than the doorbell. */
		while (round % 2 != 0 && fake_queue_used_idx(q) < round)
			sched_yield();
		fake_mmio_reset(&f->m);

		uint16_t used = fake_queue_used_idx(q);

		assert_true(used <= MANY);
		fake_driver_init(&f->m.drv, &f->vm->gmem);
		f->out = fake_alloc(&f->m.drv, AREA, 4096);
		f->in = fake_alloc(&f->m.drv, AREA, 4096);
		assert_int_equal(fake_queue_used_idx(q), used);
		assert_int_equal(fake_mmio_start(&f->m, ALL_FEATURES, 0), 0);
	}
	evloop_stop(f->vm->loop);
	assert_int_equal(read_sectors(f, 0, 512), S_OK);
	assert_in_pattern(f, 0, 512);
}

static void breaks_with_requests_in_flight(void **state)
{
	struct fixture *f = *state;

	fill_file(f);
	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	put_pattern(f, 0, 512);
	publish_many(f, 8);
	/* A chain that ends nowhere. */
	fake_queue_set_avail(&f->m.queues[0], f->m.queues[0].avail_idx, 9999);
	fake_queue_set_avail_idx(&f->m.queues[0],
				 (uint16_t)(f->m.queues[0].avail_idx + 1));
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_true(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET);
	fake_io_gate(true);
	pthread_mutex_lock(&f->dev->lock);
	disk_drain(to_blk(vdev_of(f))->disk);
	pthread_mutex_unlock(&f->dev->lock);
	fake_mmio_reset(&f->m);
	assert_int_equal(fake_mmio_start(&f->m, ALL_FEATURES, 0), 0);
	assert_int_equal(read_sectors(f, 5, 512), S_OK);
	assert_in_pattern(f, AT(5), 512);
}

static void *open_after_await(void *arg)
{
	struct fixture *f = arg;

	/* Had by somebody else as long as the device does not wait. */
	pthread_mutex_lock(&f->dev->lock);
	fake_io_gate(true);
	pthread_mutex_unlock(&f->dev->lock);
	return NULL;
}

static void quiesce(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->quiesce(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void resume(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->resume(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void finishes_what_is_in_flight_to_pause(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	start(f, "", ALL_FEATURES);
	fake_io_gate(false);
	publish_many(f, MANY);
	fake_vm_io(f->vm);
	fake_io_await(2);

	pthread_mutex_lock(&f->dev->lock);
	assert_int_equal(pthread_create(&thread, NULL, open_after_await, f), 0);
	f->dev->type->quiesce(f->dev);
	/* Those that were taken, and no others. */
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), BLK_POOL);
	pthread_mutex_unlock(&f->dev->lock);
	pthread_join(thread, NULL);

	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), BLK_POOL);
	resume(f);
	assert_each_used_once(f, MANY);
}

static void save(struct fixture *f, struct snap_writer *w)
{
	quiesce(f);
	snap_writer_init(w, arch_info.name);
	assert_int_equal(device_save(f->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct fixture *f, const struct snap_writer *w)
{
	struct snap_reader r;
	struct snap_section section;
	struct error err = { 0 };

	assert_int_equal(
		snap_reader_init(&r, w->data, w->len, arch_info.name, &err), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	assert_string_equal(section.id, f->dev->id);
	return device_restore(f->dev, &r, section.version);
}

static void reset(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	f->dev->type->reset(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void goes_on_from_saved_state(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;

	fill_file(f);
	start(f, "", ALL_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(read_sectors(f, i, 512), S_OK);
	quiesce(f);
	/* Comes while the machine is paused. */
	put_header(f, T_IN, 7);
	publish(f, 16, 0, 513, 0, false);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	save(f, &w);
	reset(f);
	assert_int_equal(restore(f, &w), 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 300);
	resume(f);
	assert_int_equal(wait_used(f, 0).len, 513);
	assert_in_pattern(f, AT(7), 512);
	assert_int_equal(read_sectors(f, 9, 512), S_OK);
	assert_in_pattern(f, AT(9), 512);
	snap_writer_free(&w);
}

static void refuses_state_of_another_disk(void **state)
{
	struct fixture *f = *state;
	struct fixture *g;
	struct snap_writer w;

	start(f, "", ALL_FEATURES);
	assert_int_equal(read_sectors(f, 0, 512), S_OK);
	save(f, &w);

	assert_int_equal(setup((void **)&g), 0);
	assert_int_equal(truncate(g->path, SIZE - 512), 0);
	add_disk(g, "");
	assert_int_equal(restore(g, &w), -EINVAL);
	assert_non_null(strstr(fake_vm_log(g->vm), "sectors"));
	assert_int_equal(teardown((void **)&g), 0);
	snap_writer_free(&w);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(takes_no_more_than_its_pool),
		TEST(so_with_event_index),
		TEST(signals_a_run_once),
		TEST(answers_a_flood_of_nonsense),
		TEST(serves_all_queues),
		TEST(keeps_disks_apart),
		TEST(resets_with_requests_in_flight),
		TEST(resets_while_the_loop_runs),
		TEST(breaks_with_requests_in_flight),
		TEST(finishes_what_is_in_flight_to_pause),
		TEST(goes_on_from_saved_state),
		TEST(refuses_state_of_another_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
