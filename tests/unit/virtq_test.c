/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues against a driver that plays by the rules, and many that do not. */
#include "tests/unit/virtq_fixture.h"

static int enable_with(struct fx *fx, uint32_t size, uint64_t desc,
		       uint64_t driver, uint64_t device)
{
	virtq_reset(&fx->vq);
	virtq_set_size(&fx->vq, size);
	fx->vq.desc = desc;
	fx->vq.driver = driver;
	fx->vq.device = device;

	int ret = virtq_enable(&fx->vq);

	assert_int_equal(fx->vq.ready, ret == 0);
	return ret;
}

static void test_sizes(void **state)
{
	struct fx *fx = *state;
	static const uint32_t bad[] = {
		0, 3, 15, 17, 1023, 2048, 0x8000, 0xffff, 0x10000 + 8, ~0U
	};
	uint64_t a = RAM_BASE, b = RAM_BASE + 0x8000, c = RAM_BASE + 0x10000;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(enable_with(fx, bad[i], a, b, c), -EINVAL);
	for (uint32_t size = 1; size <= VIRTQ_MAX_SIZE; size *= 2)
		assert_int_equal(enable_with(fx, size, a, b, c), 0);

	/* Either of the two would refuse it alone. */
	for (size_t i = 1; i < ARRAY_SIZE(bad); i++) {
		virtq_set_size(&fx->vq, bad[i]);
		assert_int_equal(fx->vq.size, 0);
	}
	fx->vq.size = 2 * VIRTQ_MAX_SIZE;
	assert_int_equal(virtq_enable(&fx->vq), -EINVAL);
	fx->vq.size = 3;
	assert_int_equal(virtq_enable(&fx->vq), -EINVAL);
}

static void test_areas(void **state)
{
	struct fx *fx = *state;
	/* 16 entries: 256, 38 and 134 bytes. */
	uint64_t d = RAM_BASE, a = RAM_BASE + 256, u = RAM_BASE + 296;

	assert_int_equal(enable_with(fx, 16, d, a, u), 0);
	assert_int_equal(enable_with(fx, 16, d + 8, a + 16, u + 16), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a + 1, u + 4), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a, u + 2), -EINVAL);
	/* They overlap by as little as their alignment allows. */
	assert_int_equal(enable_with(fx, 16, d, a - 2, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a, u - 4), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, u, d + 252), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, d, d), -EINVAL);
	/* The end of RAM, exactly and not quite. */
	assert_int_equal(enable_with(fx, 16, RAM_END - 256, d, u), 0);
	assert_int_equal(enable_with(fx, 16, RAM_END - 240, d, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, RAM_END - 38, u), 0);
	assert_int_equal(enable_with(fx, 16, d, RAM_END - 36, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a, RAM_END - 136), 0);
	assert_int_equal(enable_with(fx, 16, d, a, RAM_END - 132), -EINVAL);
	/* No RAM at all; sums that wrap. */
	assert_int_equal(enable_with(fx, 16, 0, a, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, 0, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a, 0), -EINVAL);
	assert_int_equal(enable_with(fx, 16, ~15ULL, a, u), -EINVAL);
	assert_int_equal(enable_with(fx, 16, d, a, ~3ULL), -EINVAL);
}

static void test_idle(void **state)
{
	struct fx *fx = *state;
	struct fake_used used;

	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 0);
	assert_false(virtq_has_avail(&fx->vq));
	assert_false(virtq_must_signal(&fx->vq));

	/* Not ready: nothing is read, nothing is written. */
	one(fx, RAM_BASE, 1, 0);
	virtq_disable(&fx->vq);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 0);
	virtq_disable_notify(&fx->vq);
	assert_false(virtq_enable_notify(&fx->vq));
	virtq_push(&fx->vq, 0, 1);
	assert_false(virtq_must_signal(&fx->vq));
	assert_false(fake_queue_used(&fx->q, &used));

	/* What the driver had written is still there for enabling again. */
	assert_int_equal(virtq_enable(&fx->vq), 0);
	expect_pop(fx, 0);
}

static void test_request(void **state)
{
	struct fx *fx = *state;
	uint64_t out = fake_alloc_data(&fx->drv, "request", 8);
	uint64_t in = fake_alloc(&fx->drv, 64, 64);
	struct fake_buf bufs[] = {
		{ .gpa = out, .len = 3 },
		{ .gpa = out + 3, .len = 5 },
		{ .gpa = in, .len = 10, .write = true },
		{ .gpa = in + 32, .len = 6, .write = true },
	};
	char buf[16];
	struct fake_used used;

	for (int indirect = 0; indirect < 2; indirect++) {
		uint16_t head = fake_queue_add(&fx->q, bufs, 4, indirect == 1);

		assert_true(virtq_has_avail(&fx->vq));
		expect_pop(fx, head);
		assert_int_equal(fx->chain.nr_out, 2);
		assert_int_equal(fx->chain.nr_in, 2);
		assert_int_equal(fx->chain.out_len, 8);
		assert_int_equal(fx->chain.in_len, 16);
		assert_int_equal(
			virtq_chain_read(&fx->chain, 0, buf, sizeof(buf)), 8);
		assert_string_equal(buf, "request");
		assert_int_equal(virtq_chain_write(&fx->vq, &fx->chain, 0,
						   "twelve bytes", 13),
				 13);
		virtq_push(&fx->vq, head, 13);
		assert_true(virtq_must_signal(&fx->vq));
		assert_false(virtq_must_signal(&fx->vq));
		assert_true(fake_queue_used(&fx->q, &used));
		assert_int_equal(used.id, head);
		assert_int_equal(used.len, 13);
		fake_read(&fx->drv, in, buf, 10);
		fake_read(&fx->drv, in + 32, buf + 10, 3);
		assert_string_equal(buf, "twelve bytes");
		assert_false(fake_queue_used(&fx->q, &used));
	}
}

static void test_avail_index(void **state)
{
	struct fx *fx = *state;
	static const uint16_t jumps[] = { QUEUE_SIZE + 1, 0x7fff, 0x8000,
					  0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		fake_queue_set_avail_idx(&fx->q, jumps[i]);
		expect_broken(fx);
	}

	/* A full queue is as far as it may go. */
	for (uint16_t i = 0; i < QUEUE_SIZE; i++) {
		fake_queue_set_desc(&fx->q, i, RAM_BASE, 1, 0, 0);
		fake_queue_publish(&fx->q, i);
	}
	for (uint16_t i = 0; i < QUEUE_SIZE; i++)
		expect_pop(fx, i);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 0);
}

static void test_head_in_flight(void **state)
{
	struct fx *fx = *state;

	one(fx, RAM_BASE, 1, 0);
	one(fx, RAM_BASE, 1, 0);
	expect_pop(fx, 0);
	expect_broken(fx);

	/* Given back in between, the same head is fine. */
	for (int i = 0; i < 3; i++) {
		one(fx, RAM_BASE, 1, 0);
		expect_pop(fx, 0);
		virtq_push(&fx->vq, 0, 0);
	}

	/* The last bit of the map, in the largest queue. */
	connect(fx, VIRTQ_MAX_SIZE);
	fake_queue_set_desc(&fx->q, VIRTQ_MAX_SIZE - 1, RAM_BASE, 1, 0, 0);
	fake_queue_publish(&fx->q, VIRTQ_MAX_SIZE - 1);
	fake_queue_publish(&fx->q, VIRTQ_MAX_SIZE - 1);
	expect_pop(fx, VIRTQ_MAX_SIZE - 1);
	expect_broken(fx);
	/* The map has no bit for the one behind. */
	fake_queue_publish(&fx->q, VIRTQ_MAX_SIZE);
	expect_broken(fx);
}

static void test_indices(void **state)
{
	struct fx *fx = *state;
	static const uint16_t bad[] = { QUEUE_SIZE, QUEUE_SIZE + 1, 0x8000,
					0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_queue_publish(&fx->q, bad[i]);
		expect_broken(fx);
		fake_queue_set_desc(&fx->q, 0, RAM_BASE, 1, FAKE_DESC_NEXT,
				    bad[i]);
		fake_queue_publish(&fx->q, 0);
		expect_broken(fx);
	}
}

/* A chain of @n descriptors, 0 to n - 1; the last one goes on to @next. */
static void line(struct fx *fx, uint16_t n, uint16_t flags, uint16_t next)
{
	for (uint16_t i = 0; i < n; i++)
		fake_queue_set_desc(&fx->q, i, RAM_BASE, 1,
				    i + 1 < n ? FAKE_DESC_NEXT : flags,
				    i + 1 < n ? (uint16_t)(i + 1) : next);
	fake_queue_publish(&fx->q, 0);
}

static void test_loops(void **state)
{
	struct fx *fx = *state;

	line(fx, 1, FAKE_DESC_NEXT, 0);
	expect_broken(fx);
	line(fx, 2, FAKE_DESC_NEXT, 0);
	expect_broken(fx);
	line(fx, QUEUE_SIZE, FAKE_DESC_NEXT, 0);
	expect_broken(fx);
	line(fx, QUEUE_SIZE, FAKE_DESC_NEXT, QUEUE_SIZE - 1);
	expect_broken(fx);
	/* As long as it can be, without one. */
	line(fx, QUEUE_SIZE, 0, 0);
	expect_pop(fx, 0);
	assert_int_equal(fx->chain.nr_out, QUEUE_SIZE);
}

static void test_addresses(void **state)
{
	struct fx *fx = *state;
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} bad[] = {
		{ 0, 1 },
		{ RAM_BASE - 1, 1 },
		{ RAM_BASE - 1, 2 },
		{ RAM_END, 1 },
		{ RAM_END - 1, 2 },
		{ RAM_BASE, RAM_SIZE + 1 },
		{ RAM_BASE, UINT32_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 0xfff, 0x1000 },
		{ UINT64_MAX - 0xffff, UINT32_MAX },
		{ 1ULL << 63 | RAM_BASE, 1 },
		{ NEXT_BASE + HIGH_SIZE - 1, 2 },
		{ HIGH_BASE, 2 * HIGH_SIZE + 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		one(fx, bad[i].gpa, bad[i].len, 0);
		expect_broken(fx);
		one(fx, bad[i].gpa, bad[i].len, FAKE_DESC_WRITE);
		expect_broken(fx);
	}
	one(fx, RAM_BASE, RAM_SIZE, FAKE_DESC_WRITE);
	expect_pop(fx, 0);
	assert_int_equal(fx->chain.in_len, RAM_SIZE);
}

static void test_regions(void **state)
{
	struct fx *fx = *state;

	/* Adjoining regions are two mappings: two iovecs, one buffer. */
	one(fx, HIGH_BASE, 2 * HIGH_SIZE, FAKE_DESC_WRITE);
	expect_pop(fx, 0);
	assert_int_equal(fx->chain.nr_in, 2);
	assert_int_equal(fx->chain.in_len, 2 * HIGH_SIZE);
	assert_ptr_equal(fx->chain.iov[0].iov_base, fx->gmem.regions[1].host);
	assert_ptr_equal(fx->chain.iov[1].iov_base, fx->gmem.regions[2].host);
	virtq_chain_write(&fx->vq, &fx->chain, HIGH_SIZE - 2, "abcd", 4);

	char buf[4];

	fake_read(&fx->drv, NEXT_BASE, buf, 2);
	assert_memory_equal(buf, "cd", 2);
}

static void test_order(void **state)
{
	struct fx *fx = *state;
	struct fake_buf bufs[] = {
		{ .gpa = RAM_BASE, .len = 1, .write = true },
		{ .gpa = RAM_BASE, .len = 1 },
	};

	for (int indirect = 0; indirect < 2; indirect++) {
		for (int len = 0; len < 2; len++) {
			bufs[1].len = (uint32_t)len;
			fake_queue_add(&fx->q, bufs, 2, indirect == 1);
			expect_broken(fx);
		}
	}
}

static void test_zero_lengths(void **state)
{
	struct fx *fx = *state;
	struct fake_buf bufs[] = {
		{ .gpa = 0, .len = 0 },
		{ .gpa = RAM_BASE, .len = 4 },
		{ .gpa = UINT64_MAX, .len = 0 },
		{ .gpa = RAM_END, .len = 0, .write = true },
		{ .gpa = RAM_BASE, .len = 2, .write = true },
		{ .gpa = 0, .len = 0, .write = true },
	};

	fake_queue_add(&fx->q, bufs, 6, false);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(fx->chain.nr_out, 1);
	assert_int_equal(fx->chain.nr_in, 1);
	assert_int_equal(fx->chain.out_len, 4);
	assert_int_equal(fx->chain.in_len, 2);
	assert_int_equal(fx->chain.iov[0].iov_len, 4);
	assert_int_equal(fx->chain.iov[1].iov_len, 2);
	virtq_push(&fx->vq, fx->chain.head, 0);

	/* Nothing but those: no bytes, but a chain that has to go back. */
	bufs[1].len = 0;
	bufs[4].len = 0;
	uint16_t head = fake_queue_add(&fx->q, bufs, 6, true);

	expect_pop(fx, head);
	assert_int_equal(fx->chain.nr_out + fx->chain.nr_in, 0);
	assert_int_equal(fx->chain.out_len + fx->chain.in_len, 0);
	virtq_push(&fx->vq, head, 0);
	assert_int_equal(fake_queue_used_idx(&fx->q), 2);
}

/* The same bytes again and again: 17 descriptors of 256 MiB, say. */
static void test_total_length(void **state)
{
	struct fx *fx = *state;
	struct fake_buf bufs[256];

	connect(fx, 256);
	for (unsigned i = 0; i < 256; i++)
		bufs[i] = (struct fake_buf){ .gpa = RAM_BASE,
					     .len = RAM_SIZE,
					     .write = i >= 128 };
	/* 256 * 16 MiB is 2^32: one too many. */
	fake_queue_add(&fx->q, bufs, 256, false);
	expect_broken(fx);
	fake_queue_add(&fx->q, bufs, 256, true);
	expect_broken(fx);
	bufs[255].len--;
	fake_queue_add(&fx->q, bufs, 256, false);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(fx->chain.out_len + fx->chain.in_len, UINT32_MAX);
}

static void test_iov_limit(void **state)
{
	struct fx *fx = *state;
	struct fake_buf bufs[VIRTQ_MAX_IOV + 1];

	connect(fx, 512);
	for (unsigned i = 0; i < ARRAY_SIZE(bufs); i++)
		bufs[i] = (struct fake_buf){ .gpa = RAM_BASE, .len = 1 };
	fake_queue_add(&fx->q, bufs, VIRTQ_MAX_IOV + 1, false);
	expect_broken(fx);
	fake_queue_add(&fx->q, bufs, VIRTQ_MAX_IOV, false);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(fx->chain.nr_out, VIRTQ_MAX_IOV);
}

static void test_indirect_descriptor(void **state)
{
	struct fx *fx = *state;
	uint64_t gpa = table(fx, QUEUE_SIZE, 0, 0);
	static const uint32_t bad[] = { 0,   1,    8,         15,
					17,  24,   16 * 17,   0x10000,
					~0U, ~15U, 0x80000000 };

	/* A table whose first entry is all of it: only its length is bad. */
	uint64_t single = table(fx, 1, 0, 0);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		one(fx, single, bad[i], FAKE_DESC_INDIRECT);
		expect_broken(fx);
	}
	one(fx, single, 16, FAKE_DESC_INDIRECT | FAKE_DESC_NEXT);
	expect_broken(fx);

	one(fx, gpa, 16 * QUEUE_SIZE, FAKE_DESC_INDIRECT);
	fx->vq.indirect = false;
	expect_broken(fx);

	/* As many entries as the queue has; F_WRITE means nothing here. */
	one(fx, gpa, 16 * QUEUE_SIZE, FAKE_DESC_INDIRECT | FAKE_DESC_WRITE);
	expect_pop(fx, 0);
	assert_int_equal(fx->chain.nr_out, QUEUE_SIZE);
}

static void test_indirect_table(void **state)
{
	struct fx *fx = *state;

	/* Behind its end, back to itself, into another table. */
	one(fx, table(fx, 2, FAKE_DESC_NEXT, 2), 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, table(fx, 2, FAKE_DESC_NEXT, 0xffff), 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, table(fx, 2, FAKE_DESC_NEXT, 0), 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, table(fx, 1, FAKE_DESC_INDIRECT, 0), 16, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, table(fx, 3, FAKE_DESC_INDIRECT, 0), 48, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	/* Not wholly in RAM. */
	one(fx, RAM_END - 16, 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, RAM_BASE - 16, 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, UINT64_MAX - 15, 32, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	one(fx, 0, 16, FAKE_DESC_INDIRECT);
	expect_broken(fx);
	/* Nothing says that a table is aligned. */
	uint64_t odd = fake_alloc(&fx->drv, 64, 16) + 3;

	fake_table_set(&fx->drv, odd, 0, RAM_BASE + 5, 7, FAKE_DESC_NEXT, 1);
	fake_table_set(&fx->drv, odd, 1, RAM_BASE + 9, 2, FAKE_DESC_WRITE, 0);
	one(fx, odd, 32, FAKE_DESC_INDIRECT);
	expect_pop(fx, 0);
	assert_ptr_equal(fx->chain.iov[0].iov_base,
			 fx->gmem.regions[0].host + 5);
	assert_int_equal(fx->chain.out_len, 7);
	assert_int_equal(fx->chain.in_len, 2);
}

static void test_direct_then_indirect(void **state)
{
	struct fx *fx = *state;
	uint64_t gpa = table(fx, QUEUE_SIZE, 0, 0);

	/* virtio 1.2, 2.7.5.3.2: descriptors, then one that refers to a
	 * table. Together no more than the queue has. */
	line(fx, 3, FAKE_DESC_NEXT, 3);
	fake_queue_set_desc(&fx->q, 3, table(fx, QUEUE_SIZE - 3, 0, 0),
			    16 * (QUEUE_SIZE - 3), FAKE_DESC_INDIRECT, 0);
	expect_pop(fx, 0);
	assert_int_equal(fx->chain.nr_out, QUEUE_SIZE);

	connect(fx, QUEUE_SIZE);
	line(fx, 1, FAKE_DESC_NEXT, 1);
	fake_queue_set_desc(&fx->q, 1, gpa, 16 * QUEUE_SIZE, FAKE_DESC_INDIRECT,
			    0);
	expect_broken(fx);

	/* Writable, then a table that begins with a readable one. */
	fake_queue_set_desc(&fx->q, 0, RAM_BASE, 1,
			    FAKE_DESC_WRITE | FAKE_DESC_NEXT, 1);
	fake_queue_set_desc(&fx->q, 1, gpa, 16, FAKE_DESC_INDIRECT, 0);
	fake_queue_publish(&fx->q, 0);
	expect_broken(fx);
}

/* Both 16-bit indices pass 65535, with the ring in every position. */
static void test_index_wrap(void **state)
{
	struct fx *fx = *state;
	struct fake_used used;

	connect(fx, 4);
	for (uint32_t i = 0; i < 70000; i++) {
		struct fake_buf buf = { .gpa = RAM_BASE + i % 4096, .len = 1 };
		uint16_t head = fake_queue_add(&fx->q, &buf, 1, false);

		expect_pop(fx, head);
		assert_ptr_equal(fx->chain.iov[0].iov_base,
				 fx->gmem.regions[0].host + i % 4096);
		virtq_push(&fx->vq, head, i);
		assert_true(virtq_must_signal(&fx->vq));
		assert_true(fake_queue_used(&fx->q, &used));
		assert_int_equal(used.id, head);
		assert_int_equal(used.len, i);
	}
}

#define PAGE 4096ULL

static bool page_dirty(struct fx *fx, uint64_t gpa)
{
	uint64_t page = (gpa - RAM_BASE) / GMEM_DIRTY_PAGE;

	return fx->gmem.regions[0].dirty[page / 64] >> (page % 64) & 1;
}

static void clean(struct fx *fx)
{
	for (unsigned i = 0; i < fx->gmem.nr_regions; i++) {
		static uint64_t map[RAM_SIZE / GMEM_DIRTY_PAGE / 64];

		gmem_take_dirty(&fx->gmem, i, map);
	}
}

static void test_dirty(void **state)
{
	struct fx *fx = *state;
	uint64_t in = fake_alloc(&fx->drv, 4 * PAGE, PAGE);
	struct fake_buf bufs[] = {
		{ .gpa = in + PAGE, .len = 1 },
		{ .gpa = in, .len = 1, .write = true },
		{ .gpa = in + 2 * PAGE, .len = 2 * PAGE, .write = true },
	};

	fake_queue_add(&fx->q, bufs, 3, false);
	clean(fx);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	virtq_chain_read(&fx->chain, 0, &(char){ 0 }, 1);
	assert_false(page_dirty(fx, fx->q.used));
	assert_false(page_dirty(fx, in + PAGE));

	virtq_chain_dirty(&fx->vq, &fx->chain, 2);
	assert_true(page_dirty(fx, in));
	assert_false(page_dirty(fx, in + PAGE));
	assert_true(page_dirty(fx, in + 2 * PAGE));
	assert_false(page_dirty(fx, in + 3 * PAGE));
	virtq_chain_write(&fx->vq, &fx->chain, 1 + PAGE, "x", 1);
	assert_true(page_dirty(fx, in + 3 * PAGE));
	clean(fx);
	/* More than there is: no more than there is. */
	virtq_chain_dirty(&fx->vq, &fx->chain, UINT64_MAX);
	assert_true(page_dirty(fx, in + 3 * PAGE));
	assert_false(page_dirty(fx, in + 4 * PAGE));

	clean(fx);
	virtq_push(&fx->vq, fx->chain.head, 1);
	assert_true(page_dirty(fx, fx->q.used));

	/* The used element is far from the used index. */
	connect(fx, VIRTQ_MAX_SIZE);
	churn(fx, VIRTQ_MAX_SIZE - 1);
	clean(fx);
	churn(fx, 1);
	assert_true(page_dirty(fx, fx->q.used));
	assert_true(page_dirty(fx, fx->q.used + 4 + 8ULL * VIRTQ_MAX_SIZE - 1));
	clean(fx);
	virtq_disable_notify(&fx->vq);
	assert_true(page_dirty(fx, fx->q.used));
}

static void test_push(void **state)
{
	struct fx *fx = *state;
	struct fake_used used;

	line(fx, 1, 0, 0);
	expect_pop(fx, 0);
	virtq_push(&fx->vq, 0, 7);
	/* Not in flight, or not even a head: nothing happens. */
	virtq_push(&fx->vq, 0, 8);
	virtq_push(&fx->vq, 5, 8);
	virtq_push(&fx->vq, QUEUE_SIZE, 8);
	virtq_push(&fx->vq, 0xffff, 8);
	assert_int_equal(fake_queue_used_idx(&fx->q), 1);

	/* A completion that comes after a reset. */
	line(fx, 1, 0, 0);
	expect_pop(fx, 0);
	virtq_reset(&fx->vq);
	virtq_push(&fx->vq, 0, 9);
	assert_int_equal(fake_queue_used_idx(&fx->q), 1);
	assert_true(fake_queue_used(&fx->q, &used));
	assert_int_equal(used.len, 7);

	/* And one that comes after the driver broke the queue. */
	connect(fx, QUEUE_SIZE);
	line(fx, 1, 0, 0);
	expect_pop(fx, 0);
	fake_queue_publish(&fx->q, QUEUE_SIZE);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), -EPROTO);
	virtq_push(&fx->vq, 0, 9);
	assert_int_equal(fake_queue_used_idx(&fx->q), 0);
}

static void test_push_batch(void **state)
{
	struct fx *fx = *state;
	uint16_t heads[3];
	uint32_t written[3] = { 10, 20, 30 };
	struct fake_used used;

	for (uint16_t i = 0; i < 3; i++) {
		fake_queue_set_desc(&fx->q, i, RAM_BASE, 1, 0, 0);
		fake_queue_publish(&fx->q, i);
		expect_pop(fx, i);
		heads[2 - i] = i;
	}
	virtq_push_batch(&fx->vq, heads, written, 0);
	assert_int_equal(fake_queue_used_idx(&fx->q), 0);
	virtq_push_batch(&fx->vq, heads, written, 3);
	assert_int_equal(fake_queue_used_idx(&fx->q), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(fake_queue_used(&fx->q, &used));
		assert_int_equal(used.id, 2 - i);
		assert_int_equal(used.len, 10 * (i + 1));
	}
}

static void test_undo_pop(void **state)
{
	struct fx *fx = *state;

	line(fx, 1, 0, 0);
	expect_pop(fx, 0);
	assert_false(virtq_has_avail(&fx->vq));
	virtq_undo_pop(&fx->vq, &fx->chain);
	assert_true(virtq_has_avail(&fx->vq));
	/* Once is enough. */
	virtq_undo_pop(&fx->vq, &fx->chain);
	expect_pop(fx, 0);
	virtq_push(&fx->vq, 0, 0);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 0);
}

static void test_signal_flags(void **state)
{
	struct fx *fx = *state;

	assert_false(virtq_must_signal(&fx->vq));
	churn(fx, 1);
	assert_true(virtq_must_signal(&fx->vq));
	fake_queue_set_avail_flags(&fx->q, FAKE_AVAIL_NO_IRQ);
	churn(fx, 1);
	assert_false(virtq_must_signal(&fx->vq));
	fake_queue_set_avail_flags(&fx->q, 0);
	assert_false(virtq_must_signal(&fx->vq));
	churn(fx, 1);
	assert_true(virtq_must_signal(&fx->vq));
}

static void test_signal_event(void **state)
{
	struct fx *fx = *state;

	fx->vq.event_idx = true;
	fake_queue_set_used_event(&fx->q, 0);
	churn(fx, 1);
	assert_true(virtq_must_signal(&fx->vq));
	/* Only when index 4 is written, wherever the steps end. */
	fake_queue_set_used_event(&fx->q, 4);
	churn(fx, 3);
	assert_false(virtq_must_signal(&fx->vq));
	churn(fx, 1);
	assert_true(virtq_must_signal(&fx->vq));
	churn(fx, 5);
	assert_false(virtq_must_signal(&fx->vq));
	fake_queue_set_used_event(&fx->q, 12);
	churn(fx, 9);
	assert_true(virtq_must_signal(&fx->vq));
	/* The flag means nothing with the feature. */
	fake_queue_set_avail_flags(&fx->q, FAKE_AVAIL_NO_IRQ);
	fake_queue_set_used_event(&fx->q, fx->vq.used_idx);
	churn(fx, 1);
	assert_true(virtq_must_signal(&fx->vq));
}

static void test_signal_event_wrap(void **state)
{
	struct fx *fx = *state;

	fx->vq.event_idx = true;
	churn(fx, 65534);
	virtq_must_signal(&fx->vq);
	assert_int_equal(fx->vq.used_idx, 65534);
	/* From 65534 over 65535 to 3: events on the way and beside it. */
	static const struct {
		uint16_t event;
		bool wanted;
	} cases[] = {
		{ 65533, false }, { 65534, true }, { 65535, true }, { 0, true },
		{ 2, true },      { 3, false },    { 4, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		connect(fx, QUEUE_SIZE);
		fx->vq.event_idx = true;
		churn(fx, 65534);
		virtq_must_signal(&fx->vq);
		fake_queue_set_used_event(&fx->q, cases[i].event);
		churn(fx, 5);
		assert_int_equal(fx->vq.used_idx, 3);
		assert_int_equal(virtq_must_signal(&fx->vq), cases[i].wanted);
	}

	/* A whole round without a look: the indices say nothing any more. */
	connect(fx, QUEUE_SIZE);
	fx->vq.event_idx = true;
	churn(fx, 1);
	virtq_must_signal(&fx->vq);
	fake_queue_set_used_event(&fx->q, 30000);
	churn(fx, 65536);
	assert_true(virtq_must_signal(&fx->vq));
	assert_false(virtq_must_signal(&fx->vq));
	churn(fx, 65537);
	assert_true(virtq_must_signal(&fx->vq));
}

static void test_notify_flags(void **state)
{
	struct fx *fx = *state;

	assert_int_equal(fake_queue_used_flags(&fx->q), 0);
	virtq_disable_notify(&fx->vq);
	line(fx, 1, 0, 0);
	assert_false(fake_queue_wants_kick(&fx->q));
	/* It came while we did not want to be told. */
	assert_true(virtq_enable_notify(&fx->vq));
	expect_pop(fx, 0);
	virtq_push(&fx->vq, 0, 0);
	assert_false(virtq_enable_notify(&fx->vq));
	line(fx, 1, 0, 0);
	assert_true(fake_queue_wants_kick(&fx->q));
}

static void test_notify_event(void **state)
{
	struct fx *fx = *state;

	fx->vq.event_idx = true;
	fx->q.event_idx = true;
	/* Over 65535 as well. */
	for (uint32_t i = 0; i < 66000; i++) {
		one(fx, RAM_BASE, 1, 0);
		assert_true(fake_queue_wants_kick(&fx->q));
		virtq_disable_notify(&fx->vq);
		expect_pop(fx, 0);
		virtq_push(&fx->vq, 0, 0);
		one(fx, RAM_BASE, 1, 0);
		assert_false(fake_queue_wants_kick(&fx->q));
		assert_true(virtq_enable_notify(&fx->vq));
		expect_pop(fx, 0);
		virtq_push(&fx->vq, 0, 0);
		assert_false(virtq_enable_notify(&fx->vq));
		assert_int_equal(fake_queue_avail_event(&fx->q),
				 fx->q.avail_idx);
	}
	assert_int_equal(fake_queue_used_flags(&fx->q), 0);
}

static void test_chain_copies(void **state)
{
	struct fx *fx = *state;
	uint64_t out = fake_alloc_data(&fx->drv, "0123456789", 10);
	uint64_t in = fake_alloc(&fx->drv, 10, 1);
	struct fake_buf bufs[] = {
		{ .gpa = out, .len = 1 },
		{ .gpa = out + 1, .len = 4 },
		{ .gpa = out + 5, .len = 5 },
		{ .gpa = in, .len = 4, .write = true },
		{ .gpa = in + 4, .len = 6, .write = true },
	};

	fake_queue_add(&fx->q, bufs, 5, false);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	for (size_t off = 0; off <= 11; off++) {
		for (size_t len = 0; len <= 11; len++) {
			char buf[12] = "";
			size_t want = off > 10 ? 0 : min_size(len, 10 - off);

			assert_int_equal(
				virtq_chain_read(&fx->chain, off, buf, len),
				want);
			assert_memory_equal(buf, &"0123456789"[off % 11], want);
			fake_write(&fx->drv, in, "..........", 10);
			assert_int_equal(virtq_chain_write(&fx->vq, &fx->chain,
							   off, "abcdefghijk",
							   len),
					 want);
			fake_read(&fx->drv, in, buf, 10);
			for (size_t i = 0; i < 10; i++)
				assert_int_equal(
					buf[i], i >= off && i < off + want
							? "abcdefghijk"[i - off]
							: '.');
		}
	}
	assert_int_equal(
		virtq_chain_read(&fx->chain, UINT64_MAX, &(char){ 0 }, 1), 0);

	/* A shorter chain does not lead into buffers of the one before. */
	virtq_push(&fx->vq, fx->chain.head, 0);
	fake_queue_add(&fx->q, &bufs[4], 1, false);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(
		virtq_chain_write(&fx->vq, &fx->chain, 0, "abcdefghijk", 11),
		6);
}

static void test_chain_slice(void **state)
{
	struct fx *fx = *state;
	uint8_t *host = fx->gmem.regions[0].host;
	struct fake_buf bufs[] = {
		{ .gpa = RAM_BASE + 100, .len = 10 },
		{ .gpa = RAM_BASE + 200, .len = 20 },
		{ .gpa = RAM_BASE + 300, .len = 30, .write = true },
		{ .gpa = RAM_BASE + 400, .len = 40, .write = true },
	};
	struct iovec iov[2];
	const struct virtq_chain *chain = &fx->chain;

	fake_queue_add(&fx->q, bufs, 4, true);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(virtq_chain_slice(chain, false, 0, 30, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, host + 100);
	assert_int_equal(iov[1].iov_len, 20);
	assert_int_equal(virtq_chain_slice(chain, true, 29, 2, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, host + 329);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, host + 400);
	assert_int_equal(iov[1].iov_len, 1);
	assert_int_equal(virtq_chain_slice(chain, true, 30, 40, iov, 1), 1);
	assert_ptr_equal(iov[0].iov_base, host + 400);
	assert_int_equal(virtq_chain_slice(chain, true, 70, 0, iov, 0), 0);
	/* Too long, too far, wrapped; too many pieces. */
	assert_int_equal(virtq_chain_slice(chain, true, 0, 71, iov, 2),
			 -ERANGE);
	assert_int_equal(virtq_chain_slice(chain, true, 71, 0, iov, 2),
			 -ERANGE);
	assert_int_equal(virtq_chain_slice(chain, true, 1, UINT64_MAX, iov, 2),
			 -ERANGE);
	assert_int_equal(virtq_chain_slice(chain, true, UINT64_MAX, 1, iov, 2),
			 -ERANGE);
	assert_int_equal(virtq_chain_slice(chain, false, 0, 30, iov, 1),
			 -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_areas),
		TEST(test_idle),
		TEST(test_request),
		TEST(test_avail_index),
		TEST(test_head_in_flight),
		TEST(test_indices),
		TEST(test_loops),
		TEST(test_addresses),
		TEST(test_regions),
		TEST(test_order),
		TEST(test_zero_lengths),
		TEST(test_total_length),
		TEST(test_iov_limit),
		TEST(test_indirect_descriptor),
		TEST(test_indirect_table),
		TEST(test_direct_then_indirect),
		TEST(test_index_wrap),
		TEST(test_dirty),
		TEST(test_push),
		TEST(test_push_batch),
		TEST(test_undo_pop),
		TEST(test_signal_flags),
		TEST(test_signal_event),
		TEST(test_signal_event_wrap),
		TEST(test_notify_flags),
		TEST(test_notify_event),
		TEST(test_chain_copies),
		TEST(test_chain_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
