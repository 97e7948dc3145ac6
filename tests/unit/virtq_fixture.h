/* SPDX-License-Identifier: Apache-2.0 */
/* A queue between a fake driver and the code under test, for its tests. */
#ifndef PRIVET_TESTS_VIRTQ_FIXTURE_H
#define PRIVET_TESTS_VIRTQ_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "devices/virtq.h"
#include "tests/fakes/fake_driver.h"

#define RAM_BASE 0x80000000ULL
#define RAM_SIZE MIB(16)
#define RAM_END  (RAM_BASE + RAM_SIZE)
/* Behind a hole, then one that adjoins it. */
#define HIGH_BASE  0x100000000ULL
#define HIGH_SIZE  MIB(1)
#define NEXT_BASE  (HIGH_BASE + HIGH_SIZE)
#define QUEUE_SIZE 16

/**
 * struct fx - The fixture: RAM, the driver's side and ours of a queue
 */
struct fx {
	struct gmem gmem;
	struct fake_driver drv;
	struct fake_queue q;
	struct virtq vq;
	struct virtq_chain chain;
};

static inline void connect(struct fx *fx, uint16_t size)
{
	fake_queue_init(&fx->q, &fx->drv, size);
	virtq_init(&fx->vq, &fx->gmem, VIRTQ_MAX_SIZE);
	virtq_set_size(&fx->vq, size);
	fx->vq.desc = fx->q.desc;
	fx->vq.driver = fx->q.avail;
	fx->vq.device = fx->q.used;
	fx->vq.indirect = true;
	assert_int_equal(virtq_enable(&fx->vq), 0);
}

static inline int setup(void **state)
{
	struct fx *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	assert_int_equal(gmem_add(&fx->gmem, RAM_BASE, RAM_SIZE, NULL), 0);
	assert_int_equal(gmem_add(&fx->gmem, HIGH_BASE, HIGH_SIZE, NULL), 0);
	assert_int_equal(gmem_add(&fx->gmem, NEXT_BASE, HIGH_SIZE, NULL), 0);
	fake_driver_init(&fx->drv, &fx->gmem);
	connect(fx, QUEUE_SIZE);
	*state = fx;
	return 0;
}

static inline int teardown(void **state)
{
	struct fx *fx = *state;

	gmem_destroy(&fx->gmem);
	free(fx);
	return 0;
}

/* The driver makes a mistake: it is noticed, and nothing is read any more. */
static inline void expect_broken(struct fx *fx)
{
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), -EPROTO);
	assert_true(fx->vq.broken);
	assert_int_equal(fx->chain.nr_in + fx->chain.nr_out, 0);
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 0);
	assert_false(virtq_has_avail(&fx->vq));
	assert_false(virtq_enable_notify(&fx->vq));
	connect(fx, fx->q.size);
}

static inline void expect_pop(struct fx *fx, uint16_t head)
{
	assert_int_equal(virtq_pop(&fx->vq, &fx->chain), 1);
	assert_int_equal(fx->chain.head, head);
}

/* One descriptor at index 0, made available. */
static inline void one(struct fx *fx, uint64_t gpa, uint32_t len,
		       uint16_t flags)
{
	fake_queue_set_desc(&fx->q, 0, gpa, len, flags, 0);
	fake_queue_publish(&fx->q, 0);
}

/* An indirect table with @n one-byte entries; the last goes on to @next. */
static inline uint64_t table(struct fx *fx, unsigned n, uint16_t flags,
			     uint16_t next)
{
	uint64_t gpa = fake_alloc(&fx->drv, 16ULL * n, 16);

	for (unsigned i = 0; i < n; i++)
		fake_table_set(&fx->drv, gpa, i, RAM_BASE, 1,
			       i + 1 < n ? FAKE_DESC_NEXT : flags,
			       i + 1 < n ? (uint16_t)(i + 1) : next);
	return gpa;
}

/* Have @n chains popped and pushed, without a look at signals. */
static inline void churn(struct fx *fx, unsigned n)
{
	while (n-- > 0) {
		one(fx, RAM_BASE, 1, 0);
		expect_pop(fx, 0);
		virtq_push(&fx->vq, 0, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
