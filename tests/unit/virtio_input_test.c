/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-input: what it says of itself, and what a driver hears of a press. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/table.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/arch.h"
#include "vmm/snapshot.h"

#define EVENT_IDX   VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define MAX_EVENTS  16U
#define CONFIG_DATA 8U
#define DEADLINE    60

struct fixture {
	struct vm *vm;
	struct fake_mmio m;
	struct device *dev;
	uint64_t buf;
};

/* Key down, report, key up, report: type, code, value, little-endian. */
static const uint8_t press[4][8] = {
	{ 1, 0, 116, 0, 1, 0, 0, 0 },
	{ 0, 0, 0, 0, 0, 0, 0, 0 },
	{ 1, 0, 116, 0, 0, 0, 0, 0 },
	{ 0, 0, 0, 0, 0, 0, 0, 0 },
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	alarm(DEADLINE);
	f->vm = fake_vm_create(MIB(16));
	fake_vm_config(f->vm)->virtio_transport = VIRTIO_TRANSPORT_MMIO;
	f->dev = fake_vm_add(f->vm, &virtio_input_device, NULL);
	fake_vm_freeze(f->vm);
	fake_mmio_init(&f->m, f->vm, 0);
	f->buf = fake_alloc(&f->m.drv, 4096, 4096);
	*state = f;
	return 0;
}

static int setup_started(void **state)
{
	int ret = setup(state);
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_start(&f->m, 0, 0), 0);
	return ret;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_vm_destroy(f->vm);
	free(f);
	alarm(0);
	return 0;
}

/*
 * Configuration space.
 */

static void choose(struct fixture *f, uint8_t select, uint8_t subsel)
{
	fake_mmio_config_write(&f->m, 0, 1, select);
	fake_mmio_config_write(&f->m, 1, 1, subsel);
}

static uint8_t config_byte(struct fixture *f, uint64_t off)
{
	return (uint8_t)fake_mmio_config(&f->m, off, 1);
}

static void expect_answer(struct fixture *f, uint8_t select, uint8_t subsel,
			  const void *data, uint8_t size)
{
	const uint8_t *want = data;

	choose(f, select, subsel);
	assert_int_equal(config_byte(f, 0), select);
	assert_int_equal(config_byte(f, 1), subsel);
	assert_int_equal(config_byte(f, 2), size);
	for (unsigned i = 3; i < CONFIG_DATA; i++)
		assert_int_equal(config_byte(f, i), 0);
	for (unsigned i = 0; i < 130; i++)
		assert_int_equal(config_byte(f, CONFIG_DATA + i),
				 i < size ? want[i] : 0);
}

static void says_what_it_is(void **state)
{
	static const uint8_t ids[] = { 6, 0, 0, 0, 1, 0, 1, 0 };
	static const uint8_t syn[] = { 1 };
	static const uint8_t keys[15] = { [14] = 0x10 };
	struct fixture *f = *state;

	assert_int_equal(fake_mmio_get(&f->m, 0x008), 18);
	expect_answer(f, 0x01, 0, "Privet power button", 19);
	expect_answer(f, 0x02, 0, "0", 1);
	expect_answer(f, 0x03, 0, ids, 8);
	expect_answer(f, 0x11, 0, syn, sizeof(syn));
	expect_answer(f, 0x11, 1, keys, sizeof(keys));
}

static void has_nothing_else(void **state)
{
	struct fixture *f = *state;
	unsigned answers = 0;

	for (unsigned select = 0; select < 256; select++) {
		for (unsigned subsel = 0; subsel < 256; subsel++) {
			choose(f, (uint8_t)select, (uint8_t)subsel);
			answers += config_byte(f, 2) != 0;
		}
	}
	assert_int_equal(answers, 5);
	expect_answer(f, 0x00, 0, NULL, 0);
	expect_answer(f, 0x10, 0, NULL, 0);
	expect_answer(f, 0x11, 2, NULL, 0);
	expect_answer(f, 0x12, 0, NULL, 0);
}

static void takes_accesses_of_any_width(void **state)
{
	struct fixture *f = *state;

	fake_mmio_config_write(&f->m, 0, 2, 0x0111);
	assert_int_equal(fake_mmio_config(&f->m, 0, 4), 0x000f0111);
	fake_mmio_config_write(&f->m, 0, 4, 0xffffff02);
	assert_int_equal(fake_mmio_config(&f->m, 0, 2), 0xff02);
	fake_mmio_config_write(&f->m, 0, 4, 1);
	assert_int_equal(fake_mmio_config(&f->m, 0, 4), 0x00130001);
	assert_int_equal(fake_mmio_config(&f->m, 8, 4), 0x76697250);
	/* The rest cannot be written. */
	fake_mmio_config_write(&f->m, 8, 4, 0);
	fake_mmio_config_write(&f->m, 132, 4, 5);
	assert_int_equal(fake_mmio_config(&f->m, 8, 4), 0x76697250);
	assert_int_equal(fake_mmio_config(&f->m, 132, 4), 0);
	assert_int_equal(fake_mmio_config(&f->m, 136, 4), 0);
}

/*
 * Presses.
 */

static bool push_button(struct fixture *f)
{
	pthread_mutex_lock(&f->dev->lock);
	bool heard = f->dev->type->power_button(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
	return heard;
}

static void locked(struct fixture *f, void (*fn)(struct device *dev))
{
	pthread_mutex_lock(&f->dev->lock);
	fn(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void give_buffers(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct fake_buf buf = { f->buf, 8, true };

		fake_queue_add(&f->m.queues[0], &buf, 1, false);
	}
}

/* Takes @count events that are each in the one buffer; @first: 0 to 3. */
static void expect_one(struct fixture *f, unsigned first)
{
	struct fake_used used;
	uint8_t event[8];

	assert_true(fake_queue_used(&f->m.queues[0], &used));
	assert_int_equal(used.len, 8);
	fake_read(&f->m.drv, f->buf, event, sizeof(event));
	assert_memory_equal(event, press[first % 4], sizeof(event));
}

static void expect_none(struct fixture *f)
{
	struct fake_used used;

	fake_vm_io(f->vm);
	assert_false(fake_queue_used(&f->m.queues[0], &used));
}

/* One buffer at a time, so that each event is seen. */
static void expect_events(struct fixture *f, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		give_buffers(f, 1);
		fake_mmio_kick(&f->m, 0);
		fake_vm_io(f->vm);
		expect_one(f, first + i);
	}
	give_buffers(f, 1);
	fake_mmio_kick(&f->m, 0);
	expect_none(f);
}

static void tells_a_press(void **state)
{
	struct fixture *f = *state;
	uint64_t at[4];
	struct fake_used used;

	for (unsigned i = 0; i < 4; i++) {
		at[i] = fake_alloc(&f->m.drv, 8, 8);
		struct fake_buf buf = { at[i], 8, true };

		fake_queue_add(&f->m.queues[0], &buf, 1, false);
	}
	fake_mmio_kick(&f->m, 0);
	expect_none(f);
	fake_mmio_irq(&f->m);

	assert_true(push_button(f));
	for (unsigned i = 0; i < 4; i++) {
		uint8_t event[8];

		assert_true(fake_queue_used(&f->m.queues[0], &used));
		assert_int_equal(used.len, 8);
		fake_read(&f->m.drv, at[i], event, sizeof(event));
		assert_memory_equal(event, press[i], sizeof(event));
	}
	assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_QUEUE);
	expect_none(f);
}

static void keeps_what_finds_no_buffer(void **state)
{
	struct fixture *f = *state;

	assert_true(push_button(f));
	expect_none(f);
	expect_events(f, 0, 4);
}

/* One press in the middle of another comes after it. */
static void keeps_the_order(void **state)
{
	struct fixture *f = *state;

	assert_true(push_button(f));
	give_buffers(f, 1);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	expect_one(f, 0);
	assert_true(push_button(f));
	expect_events(f, 1, 7);
}

static void keeps_only_so_many(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1000; i++)
		assert_true(push_button(f));
	expect_events(f, 0, MAX_EVENTS);
}

static void asks_for_doorbells_when_it_needs_them(void **state)
{
	struct fixture *f = *state;
	struct fake_queue *q = &f->m.queues[0];

	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_flags(q), FAKE_USED_NO_NOTIFY);
	assert_true(push_button(f));
	assert_int_equal(fake_queue_used_flags(q), 0);
	give_buffers(f, 5);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_flags(q), FAKE_USED_NO_NOTIFY);
	assert_int_equal(fake_queue_used_idx(q), 4);
}

static void asks_for_doorbells_by_index(void **state)
{
	struct fixture *f = *state;
	struct fake_queue *q = &f->m.queues[0];

	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	give_buffers(f, 1);
	assert_true(push_button(f));
	assert_int_equal(fake_queue_used_idx(q), 1);
	assert_int_equal(fake_queue_avail_event(q), 1);
	fake_queue_wants_kick(q);
	give_buffers(f, 3);
	assert_true(fake_queue_wants_kick(q));
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(q), 4);
}

static void is_deaf_without_a_driver(void **state)
{
	struct fixture *f = *state;

	assert_false(push_button(f));
	assert_int_equal(fake_mmio_negotiate(&f->m, 0), 0);
	assert_false(push_button(f));
	/* A driver that set up no queue. */
	fake_mmio_driver_ok(&f->m);
	assert_false(push_button(f));

	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	assert_true(push_button(f));
	locked(f, f->dev->type->quiesce);
	give_buffers(f, 4);
	assert_false(push_button(f));
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 0);
	locked(f, f->dev->type->resume);
	assert_true(push_button(f));
	fake_mmio_reset(&f->m);
	assert_false(push_button(f));
}

static void forgets_at_a_reset(void **state)
{
	struct fixture *f = *state;

	assert_true(push_button(f));
	choose(f, 1, 2);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	assert_int_equal(fake_mmio_config(&f->m, 0, 4), 0);
	give_buffers(f, 8);
	fake_mmio_kick(&f->m, 0);
	expect_none(f);
	assert_true(push_button(f));
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 4);
}

/*
 * Bad drivers.
 */

static void expect_failed(struct fixture *f)
{
	assert_true(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET);
	assert_false(push_button(f));
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
	give_buffers(f, 4);
	assert_true(push_button(f));
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 4);
}

static void wants_room_for_an_event(void **state)
{
	struct fixture *f = *state;
	struct fake_buf cases[][2] = {
		{ { f->buf, 7, true }, { f->buf, 0, true } },
		{ { f->buf, 8, false }, { f->buf, 0, true } },
		{ { f->buf, 1024, false }, { f->buf, 7, true } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_used used;
		unsigned count = cases[i][1].len > 0 ? 2 : 1;

		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		fake_queue_add(&f->m.queues[0], cases[i], count, false);
		assert_false(push_button(f));
		assert_true(fake_queue_used(&f->m.queues[0], &used));
		assert_int_equal(used.len, 0);
		expect_failed(f);
	}
}

static void takes_buffers_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct fake_buf bufs[] = {
		{ f->buf + 100, 9, false },
		{ f->buf, 3, true },
		{ f->buf + 3, 1000, true },
	};

	assert_true(push_button(f));
	fake_queue_add(&f->m.queues[0], bufs, ARRAY_SIZE(bufs), false);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	expect_one(f, 0);
}

static void fails_after_nonsense(void **state)
{
	struct fixture *f = *state;

	for (unsigned queue = 0; queue < 2; queue++) {
		assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);
		assert_true(push_button(f));
		fake_queue_set_avail(&f->m.queues[queue], 0, 9999);
		fake_queue_set_avail_idx(&f->m.queues[queue], 1);
		fake_mmio_kick(&f->m, queue);
		fake_vm_io(f->vm);
		expect_failed(f);
	}
}

/*
 * The status queue.
 */

static void gives_status_back(void **state)
{
	struct fixture *f = *state;
	struct fake_queue *q = &f->m.queues[1];

	for (unsigned i = 0; i < 3 * 64; i++) {
		struct fake_buf buf = { f->buf, 1 + i, i % 2 };

		fake_queue_add(q, &buf, 1, false);
		if (i % 64 != 63)
			continue;
		fake_mmio_kick(&f->m, 1);
		fake_vm_io(f->vm);
		for (unsigned j = 0; j < 64; j++) {
			struct fake_used used;

			assert_true(fake_queue_used(q, &used));
			assert_int_equal(used.len, 0);
		}
		assert_int_equal(fake_mmio_irq(&f->m), VIRTIO_ISR_QUEUE);
	}
	assert_false(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET);
}

static void wants_status_by_index(void **state)
{
	struct fixture *f = *state;
	struct fake_queue *q = &f->m.queues[1];
	struct fake_buf buf = { f->buf, 8, false };

	assert_int_equal(fake_mmio_start(&f->m, EVENT_IDX, 8), 0);
	for (unsigned i = 0; i < 20; i++) {
		struct fake_used used;

		fake_queue_add(q, &buf, 1, false);
		assert_true(fake_queue_wants_kick(q));
		fake_mmio_kick(&f->m, 1);
		fake_vm_io(f->vm);
		assert_true(fake_queue_used(q, &used));
		assert_int_equal(fake_queue_avail_event(q), i + 1);
	}
}

/*
 * Saved state.
 */

static void save(struct fixture *f, struct snap_writer *w)
{
	locked(f, f->dev->type->quiesce);
	snap_writer_init(w, arch_info.name);
	assert_int_equal(device_save(f->dev, w), 0);
	assert_int_equal(snap_finish(w), 0);
}

static int restore(struct fixture *f, const struct snap_writer *w)
{
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(
		snap_reader_init(&r, w->data, w->len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	return device_restore(f->dev, &r, section.version);
}

static void goes_on_from_saved_state(void **state)
{
	struct fixture *f = *state;
	struct snap_writer w;

	choose(f, 0x11, 1);
	assert_true(push_button(f));
	give_buffers(f, 1);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	expect_one(f, 0);

	save(f, &w);
	locked(f, f->dev->type->reset);
	assert_int_equal(restore(f, &w), 0);
	snap_writer_free(&w);
	assert_int_equal(fake_mmio_config(&f->m, 0, 4), 0x000f0111);
	give_buffers(f, 1);
	expect_none(f);
	locked(f, f->dev->type->resume);
	fake_vm_io(f->vm);
	expect_one(f, 1);
	expect_events(f, 2, 2);
}

static int restore_with_left(struct fixture *f, uint8_t left)
{
	struct snap_writer w;
	struct virtio_device *vdev =
		container_of(f->dev, struct virtio_device, dev);

	snap_writer_init(&w, arch_info.name);
	snap_begin(&w, f->dev->type->name, f->dev->id,
		   f->dev->type->state_version);
	assert_int_equal(virtio_save(vdev, &w), 0);
	snap_put_u8(&w, 0);
	snap_put_u8(&w, 0);
	snap_put_u8(&w, left);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);

	int ret = restore(f, &w);

	snap_writer_free(&w);
	return ret;
}

static void refuses_too_many_events(void **state)
{
	struct fixture *f = *state;

	locked(f, f->dev->type->quiesce);
	assert_int_equal(restore_with_left(f, MAX_EVENTS), 0);
	assert_true(restore_with_left(f, MAX_EVENTS + 1) < 0);
	assert_int_equal(fake_mmio_status(&f->m), 0);
}

static void is_there_where_no_other_button_is(void **state)
{
	struct fixture *f = *state;
	bool other = false;

	for (unsigned i = 0; arch_device_types[i] != NULL; i++)
		other |= arch_device_types[i]->power_button != NULL;
	assert_int_equal(virtio_input_device.implied(f->vm, false), !other);
	assert_false(virtio_input_device.implied(f->vm, true));
}

int main(void)
{
#define COLD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_started, teardown)
	static const struct CMUnitTest tests[] = {
		COLD(says_what_it_is),
		COLD(has_nothing_else),
		COLD(takes_accesses_of_any_width),
		TEST(tells_a_press),
		TEST(keeps_what_finds_no_buffer),
		TEST(keeps_the_order),
		TEST(keeps_only_so_many),
		TEST(asks_for_doorbells_when_it_needs_them),
		TEST(asks_for_doorbells_by_index),
		COLD(is_deaf_without_a_driver),
		TEST(forgets_at_a_reset),
		COLD(wants_room_for_an_event),
		TEST(takes_buffers_in_pieces),
		COLD(fails_after_nonsense),
		TEST(gives_status_back),
		TEST(wants_status_by_index),
		TEST(goes_on_from_saved_state),
		TEST(refuses_too_many_events),
		TEST(is_there_where_no_other_button_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
