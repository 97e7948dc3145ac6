/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues saved and restored, also from a state that somebody made up. */
#include "tests/unit/virtq_fixture.h"
#include "vmm/snapshot.h"

static void write_section(struct fx *fx, struct snap_writer *w)
{
	snap_writer_init(w, "test");
	snap_begin(w, "queue", "0", 1);
	virtq_save(&fx->vq, w);
	snap_end(w);
}

static int read_back(const struct snap_writer *w, struct virtq *vq)
{
	struct snap_reader r;
	struct snap_section section;

	assert_int_equal(snap_reader_init(&r, w->data, w->len, "test", NULL),
			 0);
	assert_int_equal(snap_next(&r, &section), 1);
	return virtq_restore(vq, &r);
}

static void test_save(void **state)
{
	struct fx *fx = *state;
	struct snap_writer w;
	struct virtq other;

	churn(fx, 65540);
	one(fx, RAM_BASE, 1, 0);
	write_section(fx, &w);
	assert_int_equal(snap_finish(&w), 0);
	virtq_init(&other, &fx->gmem, 64);
	assert_int_equal(read_back(&w, &other), 0);
	assert_true(other.ready);
	assert_int_equal(other.size, QUEUE_SIZE);
	assert_int_equal(virtq_pop(&other, &fx->chain), 1);
	virtq_push(&other, fx->chain.head, 3);
	assert_true(virtq_must_signal(&other));
	assert_int_equal(fake_queue_used_idx(&fx->q), (uint16_t)65541);

	/* Smaller than what the driver chose: refused, and idle. */
	virtq_init(&other, &fx->gmem, QUEUE_SIZE / 2);
	assert_int_equal(read_back(&w, &other), -EBADMSG);
	assert_false(other.ready);
	snap_writer_free(&w);
}

static void test_save_in_flight(void **state)
{
	struct fx *fx = *state;
	struct snap_writer w;

	one(fx, RAM_BASE, 1, 0);
	expect_pop(fx, 0);
	write_section(fx, &w);
	assert_int_equal(snap_finish(&w), -EBUSY);
	snap_writer_free(&w);
}

/* Fields as virtq_save() writes them, each of them wrong in turn. */
struct saved {
	uint16_t size;
	uint64_t desc, driver, device;
	uint8_t ready, broken;
	uint16_t last_avail, used_idx;
};

static int restore(struct fx *fx, struct saved s)
{
	struct snap_writer w;
	struct virtq vq;

	snap_writer_init(&w, "test");
	snap_begin(&w, "queue", "0", 1);
	snap_put_u16(&w, s.size);
	snap_put_u64(&w, s.desc);
	snap_put_u64(&w, s.driver);
	snap_put_u64(&w, s.device);
	snap_put_u8(&w, s.ready);
	snap_put_u8(&w, s.broken);
	snap_put_u16(&w, s.last_avail);
	snap_put_u16(&w, s.used_idx);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);
	virtq_init(&vq, &fx->gmem, 64);

	int ret = read_back(&w, &vq);

	snap_writer_free(&w);
	if (ret < 0)
		assert_false(vq.ready || vq.desc_host || vq.last_avail);
	return ret;
}

#define WITH(field_, value_)            \
	({                              \
		struct saved s_ = good; \
		s_.field_ = (value_);   \
		restore(fx, s_);        \
	})

static void test_restore_nonsense(void **state)
{
	struct fx *fx = *state;
	struct saved good = {
		.size = QUEUE_SIZE,
		.desc = fx->q.desc,
		.driver = fx->q.avail,
		.device = fx->q.used,
		.ready = 1,
		.last_avail = 65535,
		.used_idx = 65535,
	};

	assert_int_equal(restore(fx, good), 0);
	assert_int_equal(WITH(size, 3), -EBADMSG);
	assert_int_equal(WITH(size, 0), -EBADMSG);
	assert_int_equal(WITH(size, 128), -EBADMSG);
	assert_int_equal(WITH(size, 0xffff), -EBADMSG);
	assert_int_equal(WITH(desc, 0), -EBADMSG);
	assert_int_equal(WITH(desc, RAM_END - 128), -EBADMSG);
	assert_int_equal(WITH(driver, RAM_END), -EBADMSG);
	assert_int_equal(WITH(device, UINT64_MAX - 3), -EBADMSG);
	assert_int_equal(WITH(device, fx->q.desc), -EBADMSG);
	assert_int_equal(WITH(ready, 2), -EBADMSG);
	assert_int_equal(WITH(broken, 2), -EBADMSG);
	assert_int_equal(WITH(last_avail, 0), -EBADMSG);
	assert_int_equal(WITH(last_avail, 65534), -EBADMSG);
	assert_int_equal(WITH(used_idx, 0), -EBADMSG);
	/* Indices of a queue that was never enabled. */
	assert_int_equal(WITH(ready, 0), -EBADMSG);
	/* Areas that do not exist, also where nothing was in the queue yet. */
	good.last_avail = 0;
	good.used_idx = 0;
	assert_int_equal(restore(fx, good), 0);
	assert_int_equal(WITH(desc, 0), -EBADMSG);

	/* A broken one may have lost as many as it has entries. */
	good.broken = 1;
	good.last_avail = 7;
	good.used_idx = (uint16_t)(7 - QUEUE_SIZE);
	assert_int_equal(restore(fx, good), 0);
	assert_int_equal(WITH(last_avail, 8), -EBADMSG);
	/* An idle one that the driver has not touched, or half set up. */
	good = (struct saved){ .size = 64 };
	assert_int_equal(restore(fx, good), 0);
	assert_int_equal(WITH(size, 0), 0);
	assert_int_equal(WITH(desc, 12345), 0);
	assert_int_equal(WITH(size, 3), -EBADMSG);
	assert_int_equal(WITH(size, 128), -EBADMSG);
	assert_int_equal(WITH(last_avail, 1), -EBADMSG);
	assert_int_equal(WITH(used_idx, 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_save),
		TEST(test_save_in_flight),
		TEST(test_restore_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
