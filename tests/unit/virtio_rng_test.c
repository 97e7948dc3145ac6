/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng: bytes arrive, in bounded numbers, and no chain is lost. */
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

#define LIMIT    65536U
#define DEADLINE 60

struct fixture {
	struct vm *vm;
	struct fake_mmio m;
	struct device *dev;
	uint64_t buf;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	alarm(DEADLINE);
	f->vm = fake_vm_create(MIB(16));
	f->dev = fake_vm_add(f->vm, &virtio_rng_device, NULL);
	fake_vm_freeze(f->vm);
	fake_mmio_init(&f->m, f->vm, 0);
	f->buf = fake_alloc(&f->m.drv, MIB(1), 4096);
	assert_int_equal(
		fake_mmio_start(&f->m, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC), 0),
		0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_vm_destroy(f->vm);
	free(f);
	alarm(0);
	return 0;
}

static uint32_t run(struct fixture *f, const struct fake_buf *bufs, unsigned n)
{
	struct fake_used used;

	fake_queue_add(&f->m.queues[0], bufs, n, true);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_true(fake_queue_used(&f->m.queues[0], &used));

	uint32_t written = used.len;

	assert_false(fake_queue_used(&f->m.queues[0], &used));
	return written;
}

static uint8_t *memory(struct fixture *f)
{
	return gmem_range(&f->vm->gmem, f->buf, MIB(1));
}

static void fills_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	static const uint32_t sizes[] = { 1,         64,      1023,      1024,
					  1025,      4096,    LIMIT - 1, LIMIT,
					  LIMIT + 1, 1U << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t want = sizes[i] < LIMIT ? sizes[i] : LIMIT;
		struct fake_buf buf = { f->buf, sizes[i], true };
		unsigned set = 0;

		memset(memory(f), 0, MIB(1));
		assert_int_equal(run(f, &buf, 1), want);
		for (uint32_t at = 0; at < MIB(1); at++) {
			if (at < want)
				set += memory(f)[at] != 0;
			else
				assert_int_equal(memory(f)[at], 0);
		}
		/* One in 256 is zero; hardly ever a quarter of them. */
		if (want >= 64)
			assert_true(set > want - want / 4);
	}
}

static void never_repeats_itself(void **state)
{
	struct fixture *f = *state;
	struct fake_buf bufs[2] = { { f->buf, 32, true },
				    { f->buf + 4096, 32, true } };

	assert_int_equal(run(f, bufs, 2), 64);
	assert_memory_not_equal(memory(f), memory(f) + 4096, 32);
	memcpy(memory(f) + 8192, memory(f), 32);
	assert_int_equal(run(f, bufs, 2), 64);
	assert_memory_not_equal(memory(f), memory(f) + 8192, 32);
}

/* Nearly 4 GiB, by naming the same memory over and over. */
static void bounds_overlapping_buffers(void **state)
{
	struct fixture *f = *state;
	struct fake_buf bufs[64];

	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct fake_buf){ f->buf, 1U << 20, true };
	assert_int_equal(run(f, bufs, ARRAY_SIZE(bufs)), LIMIT);
}

static void gives_useless_chains_back(void **state)
{
	struct fixture *f = *state;
	struct fake_buf readable = { f->buf, 64, false };
	struct fake_buf both[2] = { { f->buf, 64, false },
				    { f->buf + 64, 64, true } };

	memset(memory(f), 0, 128);
	assert_int_equal(run(f, &readable, 1), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(memory(f)[i], 0);
	assert_int_equal(run(f, both, 2), 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(memory(f)[i], 0);
}

/* A full queue of the largest requests: no turn takes all of it. */
static void shares_the_thread(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = { f->buf, 1U << 20, true };
	struct fake_queue *q = &f->m.queues[0];

	for (unsigned i = 0; i < q->size; i++)
		fake_queue_add(q, &buf, 1, true);
	fake_mmio_kick(&f->m, 0);

	unsigned turns = 0;

	while (fake_queue_used_idx(q) < q->size) {
		uint16_t before = fake_queue_used_idx(q);

		assert_true(evloop_run_once(f->vm->loop, 0) > 0);
		assert_true(fake_queue_used_idx(q) - before <= 4);
		turns++;
	}
	assert_true(turns >= q->size / 4U);
}

static void marks_its_bytes_dirty(void **state)
{
	struct fixture *f = *state;
	uint64_t dirty[MIB(16) / GMEM_DIRTY_PAGE / 64];
	uint64_t page = (f->buf - f->vm->gmem.regions[0].gpa) / GMEM_DIRTY_PAGE;
	struct fake_buf buf = { f->buf + 4095, 2, true };

	gmem_take_dirty(&f->vm->gmem, 0, dirty);
	assert_int_equal(run(f, &buf, 1), 2);
	gmem_take_dirty(&f->vm->gmem, 0, dirty);
	for (uint64_t i = page; i < page + 3; i++)
		assert_int_equal(dirty[i / 64] >> (i % 64) & 1, i < page + 2);
}

static void needs_a_reset_after_nonsense(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = { f->buf, 64, true };

	fake_queue_set_avail(&f->m.queues[0], 0, 9999);
	fake_queue_set_avail_idx(&f->m.queues[0], 1);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_true(fake_mmio_status(&f->m) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(fake_mmio_start(&f->m, 0, 8), 0);

	fake_queue_add(&f->m.queues[0], &buf, 1, false);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 1);
}

static void locked(struct fixture *f, void (*fn)(struct device *dev))
{
	pthread_mutex_lock(&f->dev->lock);
	fn(f->dev);
	pthread_mutex_unlock(&f->dev->lock);
}

static void goes_on_from_saved_state(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = { f->buf, 64, true };
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(run(f, &buf, 1), 64);
	locked(f, f->dev->type->quiesce);
	fake_queue_add(&f->m.queues[0], &buf, 1, false);
	fake_mmio_kick(&f->m, 0);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 1);

	snap_writer_init(&w, arch_info.name);
	assert_int_equal(device_save(f->dev, &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	locked(f, f->dev->type->reset);
	assert_int_equal(
		snap_reader_init(&r, w.data, w.len, arch_info.name, NULL), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	assert_int_equal(device_restore(f->dev, &r, section.version), 0);
	locked(f, f->dev->type->resume);
	fake_vm_io(f->vm);
	assert_int_equal(fake_queue_used_idx(&f->m.queues[0]), 2);
	snap_writer_free(&w);
}

static void is_there_by_default(void **state)
{
	struct fixture *f = *state;

	assert_true(virtio_rng_device.implied(f->vm, false));
	assert_false(virtio_rng_device.implied(f->vm, true));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(fills_what_is_asked_for),
		TEST(never_repeats_itself),
		TEST(bounds_overlapping_buffers),
		TEST(gives_useless_chains_back),
		TEST(shares_the_thread),
		TEST(marks_its_bytes_dirty),
		TEST(needs_a_reset_after_nonsense),
		TEST(goes_on_from_saved_state),
		TEST(is_there_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
