/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues: rings and descriptors of the input's making. */
#include <errno.h>

#include "devices/virtq.h"
#include "tests/fakes/fake_driver.h"
#include "tests/fuzz/input.h"
#include "vmm/bytes.h"
#include "vmm/snapshot.h"

#define RAM_BASE  UINT64_C(0x80000000)
#define RAM_SIZE  KIB(256)
#define HIGH_BASE UINT64_C(0x100000000)
#define HIGH_SIZE KIB(64)
#define NEXT_BASE (HIGH_BASE + HIGH_SIZE)
#define ARENA     (RAM_BASE + KIB(128))
#define TABLE     (RAM_BASE + KIB(192))

/** struct state - @nr_held: heads that were popped and not pushed */
struct state {
	struct input in;
	struct gmem gmem;
	struct fake_driver drv;
	struct fake_queue q;
	struct virtq vq;
	struct virtq_chain chain;
	uint16_t held[VIRTQ_MAX_SIZE];
	unsigned nr_held;
};

static uint64_t take_gpa(struct state *s)
{
	switch (take_below(&s->in, 16)) {
	case 0:
		return RAM_BASE + RAM_SIZE - take_u8(&s->in);
	case 1:
		return NEXT_BASE - take_u8(&s->in);
	case 2:
		return s->q.desc + take_u16(&s->in);
	case 3:
		return take_number(&s->in);
	default:
		return ARENA + take_u16(&s->in);
	}
}

static uint32_t take_len(struct state *s)
{
	uint32_t len = take_u8(&s->in);

	return len < 224 ? len : (uint32_t)take_number(&s->in);
}

static uint16_t take_flags(struct state *s, bool last)
{
	uint8_t byte = take_u8(&s->in);

	if (byte >= 240)
		return take_u16(&s->in);
	return (uint16_t)((last ? 0 : FAKE_DESC_NEXT) |
			  (byte & 1 ? FAKE_DESC_WRITE : 0));
}

/* What a driver's chain looks like, but for what the input changes in it. */
static void put_chain(struct state *s)
{
	unsigned count = 1 + take_below(&s->in, 6);
	unsigned head = take_below(&s->in, s->q.size);
	bool indirect = take_u8(&s->in) & 1;
	uint64_t table = TABLE + take_below(&s->in, 16) * 256U;

	for (unsigned i = 0; i < count; i++) {
		uint64_t gpa = take_gpa(s);
		uint32_t len = take_len(s);
		uint16_t flags = take_flags(s, i + 1 == count);

		if (indirect)
			fake_table_set(&s->drv, table, i, gpa, len, flags,
				       (uint16_t)(i + 1));
		else
			fake_queue_set_desc(
				&s->q, (uint16_t)((head + i) % s->q.size), gpa,
				len, flags,
				(uint16_t)((head + i + 1) % s->q.size));
	}
	if (indirect)
		fake_queue_set_desc(&s->q, (uint16_t)head, table,
				    take_rarely(&s->in, 16) ? take_len(s)
							    : count * 16,
				    FAKE_DESC_INDIRECT, 0);
	fake_queue_publish(&s->q, (uint16_t)head);
}

static bool in_ram(const struct state *s, const struct iovec *v)
{
	const uint8_t *at = v->iov_base;

	for (unsigned i = 0; i < s->gmem.nr_regions; i++) {
		const struct gmem_region *r = &s->gmem.regions[i];

		if (at >= r->host && at < r->host + r->size)
			return v->iov_len <= (size_t)(r->host + r->size - at);
	}
	return false;
}

static void check_chain(const struct state *s)
{
	const struct virtq_chain *c = &s->chain;
	uint64_t out = 0, in = 0;

	FUZZ_CHECK(c->head < s->vq.size);
	FUZZ_CHECK(c->nr_out + c->nr_in <= VIRTQ_MAX_IOV);
	for (unsigned i = 0; i < s->nr_held; i++)
		FUZZ_CHECK(s->held[i] != c->head);
	for (unsigned i = 0; i < c->nr_out + c->nr_in; i++) {
		FUZZ_CHECK(c->iov[i].iov_len > 0 && in_ram(s, &c->iov[i]));
		*(i < c->nr_out ? &out : &in) += c->iov[i].iov_len;
	}
	FUZZ_CHECK(out == c->out_len && in == c->in_len);
	FUZZ_CHECK(out + in <= UINT32_MAX);
}

/* A device's use of the chain that was popped last. */
static void use_chain(struct state *s)
{
	uint8_t buf[64];
	struct iovec iov[4];
	uint64_t off = take_number(&s->in);
	uint64_t len = take_number(&s->in);

	FUZZ_CHECK(virtq_chain_read(&s->chain, off, buf, sizeof(buf)) <=
		   sizeof(buf));
	memset(buf, 0x5a, sizeof(buf));
	FUZZ_CHECK(virtq_chain_write(&s->vq, &s->chain, off, buf,
				     sizeof(buf)) <= sizeof(buf));
	virtq_chain_dirty(&s->vq, &s->chain, len);
	bool writable = take_u8(&s->in) & 1;
	int n = virtq_chain_slice(&s->chain, writable, off, len, iov, 4);
	uint64_t sum = 0;

	for (int i = 0; i < n; i++) {
		FUZZ_CHECK(in_ram(s, &iov[i]));
		sum += iov[i].iov_len;
	}
	FUZZ_CHECK(n < 0 ? n == -ERANGE : sum == len);
}

static void pop(struct state *s)
{
	bool usable = s->vq.ready && !s->vq.broken;
	uint8_t idx[2] = { 0 };

	if (usable)
		memcpy(idx, s->vq.avail_host + 2, sizeof(idx));
	uint16_t ahead = (uint16_t)(le16_load(idx) - s->vq.last_avail);
	int ret = virtq_pop(&s->vq, &s->chain);

	/* More chains than the queue has room for are no chains. */
	FUZZ_CHECK(!usable || ahead <= s->vq.size || ret == -EPROTO);
	FUZZ_CHECK(ret == 0 || ret == 1 || ret == -EPROTO);
	FUZZ_CHECK(ret != -EPROTO || s->vq.broken);
	if (ret != 1)
		return;
	check_chain(s);
	use_chain(s);
	if (take_rarely(&s->in, 8)) {
		virtq_undo_pop(&s->vq, &s->chain);
		return;
	}
	FUZZ_CHECK(s->nr_held < s->vq.size);
	s->held[s->nr_held++] = s->chain.head;
}

static void push(struct state *s)
{
	uint16_t heads[4];
	uint32_t written[4];
	unsigned count = 1 + take_below(&s->in, 4);
	uint16_t before = s->vq.used_idx;

	for (unsigned i = 0; i < count; i++) {
		bool wild = take_rarely(&s->in, 16) || s->nr_held == 0;

		heads[i] = wild ? take_u16(&s->in) : s->held[--s->nr_held];
		written[i] = (uint32_t)take_number(&s->in);
		/* What is not held is not given back, and stays unharmed. */
		for (unsigned k = 0; wild && k < s->nr_held; k++) {
			if (s->held[k] == heads[i])
				s->held[k] = s->held[--s->nr_held];
		}
	}
	virtq_push_batch(&s->vq, heads, written, count);
	FUZZ_CHECK((uint16_t)(s->vq.used_idx - before) <= count);
	virtq_must_signal(&s->vq);
}

static void connect(struct state *s)
{
	static const uint16_t sizes[] = { 8, 1, 2, 4, 16, 32, 256, 3 };
	uint16_t size = sizes[take_below(&s->in, ARRAY_SIZE(sizes))];

	s->nr_held = 0;
	fake_driver_init(&s->drv, &s->gmem);
	fake_queue_init(&s->q, &s->drv, size);
	virtq_init(&s->vq, &s->gmem, VIRTQ_MAX_SIZE);
	virtq_set_size(&s->vq,
		       take_rarely(&s->in, 16) ? take_u32(&s->in) : size);
	s->vq.desc = s->q.desc;
	s->vq.driver = s->q.avail;
	s->vq.device = s->q.used;
	if (take_rarely(&s->in, 8))
		s->vq.desc = take_gpa(s);
	if (take_rarely(&s->in, 8))
		s->vq.device = take_gpa(s);
	s->vq.indirect = !take_rarely(&s->in, 8);
	s->vq.event_idx = take_u8(&s->in) & 1;
	virtq_enable(&s->vq);
}

/* A broken driver pokes about in its own queue. */
static void poke(struct state *s)
{
	uint8_t byte = take_u8(&s->in);
	uint16_t at = take_u16(&s->in);
	uint64_t gpa = take_gpa(s);
	uint8_t raw[16];

	take_bytes(&s->in, raw, sizeof(raw));
	if (byte < 64)
		gmem_write(&s->gmem, gpa, raw, sizeof(raw));
	else if (byte < 128)
		fake_queue_set_avail(&s->q, at, take_u16(&s->in));
	else if (byte < 160)
		fake_queue_set_avail_idx(&s->q, at);
	else if (byte < 192)
		fake_queue_set_used_event(&s->q, at);
	else
		fake_queue_set_desc(&s->q, at % s->q.size, gpa, take_len(s),
				    take_u16(&s->in), take_u16(&s->in));
}

/* Saved state that was, or was not, changed on the way. */
static void restore(struct state *s)
{
	struct snap_writer w = { 0 };

	if (s->nr_held > 0)
		return;
	virtq_save(&s->vq, &w);
	if (take_u8(&s->in) & 1)
		w.data[take_below(&s->in, 256) % w.len] ^= take_u8(&s->in);
	struct snap_reader r = { .data = w.data, .len = w.len, .end = w.len };

	if (virtq_restore(&s->vq, &r) < 0)
		virtq_reset(&s->vq);
	snap_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t weights[] = { 12, 16, 10, 3, 1, 1, 2 };
	struct state *s = calloc(1, sizeof(*s));

	FUZZ_CHECK(s != NULL);
	s->in = (struct input){ data, len };
	FUZZ_CHECK(gmem_add(&s->gmem, RAM_BASE, RAM_SIZE, NULL) == 0);
	FUZZ_CHECK(gmem_add(&s->gmem, HIGH_BASE, HIGH_SIZE, NULL) == 0);
	FUZZ_CHECK(gmem_add(&s->gmem, NEXT_BASE, HIGH_SIZE, NULL) == 0);
	connect(s);
	for (unsigned op = 0; op < FUZZ_MAX_OPS && s->in.len > 0; op++) {
		switch (take_pick(&s->in, weights, ARRAY_SIZE(weights))) {
		case 0:
			put_chain(s);
			break;
		case 1:
			pop(s);
			break;
		case 2:
			push(s);
			break;
		case 3:
			poke(s);
			break;
		case 4:
			connect(s);
			break;
		case 5:
			restore(s);
			break;
		default:
			virtq_disable_notify(&s->vq);
			virtq_enable_notify(&s->vq);
		}
	}
	gmem_destroy(&s->gmem);
	free(s);
	return 0;
}
