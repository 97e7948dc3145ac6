/* SPDX-License-Identifier: Apache-2.0 */
/* NVRAM: its partitions, its bounds, its life. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <errno.h>
#include <libfdt.h>
#include "arch/ppc64le/tree.h"

#define FETCH 0x2012U
#define STORE 0x2013U
#define SIZE  0x10000U

static int setup(void **state)
{
	struct rtas_fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fix_init(f);
	fake_vm_add(f->vm, &nvram_device, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fix_fini(*state);
	free(*state);
	return 0;
}

static void fetch(struct rtas_fixture *f, uint32_t off, void *data,
		  uint32_t len)
{
	assert_int_equal(fix_rtas(f, FETCH, 2, off, FIX_BUF, len), 0);
	assert_int_equal(f->rets[1], len);
	fix_read(f, FIX_BUF, data, len);
}

static void store(struct rtas_fixture *f, uint32_t off, const void *data,
		  uint32_t len)
{
	fix_write(f, FIX_BUF, data, len);
	assert_int_equal(fix_rtas(f, STORE, 2, off, FIX_BUF, len), 0);
	assert_int_equal(f->rets[1], len);
}

static void first_header_is_byte_exact(void **state)
{
	static const uint8_t want[] = { 0x70, 0x7c, 0x00, 0x80, 'c', 'o',
					'm',  'm',  'o',  'n',  0,   0,
					0,    0,    0,    0 };
	struct rtas_fixture *f = *state;
	uint8_t have[16];

	fetch(f, 0, have, sizeof(have));
	assert_memory_equal(have, want, sizeof(want));
}

/* As a guest walks them; Linux's arithmetic, in other words. */
static void partitions_fill_it(void **state)
{
	static const char *const names[] = { "common\0\0\0\0\0\0",
					     "ibm,rtas-log", "lnx,oops-log",
					     "wwwwwwwwwwww" };
	static const uint8_t signatures[] = { 0x70, 0xa0, 0xa0, 0x7f };
	struct rtas_fixture *f = *state;
	uint32_t at = 0;
	unsigned count = 0;

	while (at < SIZE) {
		uint8_t header[16];
		unsigned sum = 0;

		fetch(f, at, header, sizeof(header));
		for (unsigned i = 0; i < 16; i++)
			sum += i == 1 ? 0 : header[i];
		assert_int_equal(header[1] % 255, sum % 255);
		assert_true(count < ARRAY_SIZE(names));
		assert_memory_equal(header + 4, names[count], 12);
		assert_int_equal(header[0], signatures[count]);
		assert_true(be16_load(header + 2) > 0);
		at += be16_load(header + 2) * 16U;
		count++;
	}
	assert_int_equal(at, SIZE);
	assert_int_equal(count, ARRAY_SIZE(names));
}

static void bytes_stay_where_they_are_put(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t *all = malloc(SIZE), *have = malloc(SIZE);

	assert_non_null(all);
	assert_non_null(have);
	for (uint32_t i = 0; i < SIZE; i++)
		all[i] = (uint8_t)(i * 7 + i / 251);
	store(f, 0, all, SIZE);
	fetch(f, 0, have, SIZE);
	assert_memory_equal(all, have, SIZE);
	store(f, SIZE - 3, "xyz", 3);
	memcpy(all + SIZE - 3, (const uint8_t[]){ 'x', 'y', 'z' }, 3);
	store(f, 0x1234, "a", 1);
	all[0x1234] = 'a';
	store(f, SIZE, "", 0);
	store(f, 0, "", 0);
	fetch(f, 0, have, SIZE);
	assert_memory_equal(all, have, SIZE);
	free(all);
	free(have);
}

static void bounds_are_kept(void **state)
{
	static const uint32_t bad[][2] = {
		{ SIZE, 1 },
		{ SIZE + 1, 0 },
		{ SIZE - 1, 2 },
		{ 0, SIZE + 1 },
		{ 1, SIZE },
		{ 0xffffffff, 1 },
		{ 0xffffffff, 0xffffffff },
		{ 1, 0xffffffff },
		{ 0xfffffff0, 0x20 },
		{ 0x80000000, 0x80000000 },
	};
	struct rtas_fixture *f = *state;

	fix_write_word(f, FIX_BUF, FIX_GUARD);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			fix_rtas(f, FETCH, 2, bad[i][0], FIX_BUF, bad[i][1]),
			-3);
		assert_int_equal(f->rets[1], 0);
		assert_int_equal(
			fix_rtas(f, STORE, 2, bad[i][0], FIX_BUF, bad[i][1]),
			-3);
		assert_int_equal(f->rets[1], 0);
	}
	assert_int_equal(fix_read_word(f, FIX_BUF), FIX_GUARD);
}

static void buffers_stay_in_ram(void **state)
{
	static const uint32_t wild[][2] = {
		{ FIX_RAM, 1 },
		{ FIX_RAM - 1, 2 },
		{ FIX_RAM - SIZE + 1, SIZE },
		{ 0xffffffff, 1 },
		{ 0xfffffff0, SIZE },
	};
	struct rtas_fixture *f = *state;
	uint8_t before[16], after[16];

	fetch(f, 0, before, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		assert_int_equal(
			fix_rtas(f, STORE, 2, 0, wild[i][0], wild[i][1]), -3);
		assert_int_equal(
			fix_rtas(f, FETCH, 2, 0, wild[i][0], wild[i][1]), -3);
		assert_int_equal(f->rets[1], 0);
	}
	fetch(f, 0, after, sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(fix_rtas(f, FETCH, 2, 0, FIX_RAM - SIZE, SIZE), 0);
	assert_int_equal(fix_rtas(f, STORE, 2, 0, FIX_RAM - SIZE, SIZE), 0);
}

static void reboot_keeps_it(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t have[5];

	store(f, 0x4000, "stays", 5);
	fix_device(f, nvram_device.quiesce);
	fix_device(f, nvram_device.resume);
	fix_device(f, nvram_device.reset);
	fetch(f, 0x4000, have, 5);
	assert_memory_equal(have, "stays", 5);
}

static void state_goes_round(void **state)
{
	struct rtas_fixture *f = *state;
	uint8_t *body = malloc(SIZE + 8);
	uint8_t have[5];

	assert_non_null(body);
	store(f, SIZE - 5, "first", 5);
	assert_int_equal(fix_save(f, body, SIZE + 8), SIZE);
	assert_memory_equal(body + SIZE - 5, "first", 5);
	store(f, SIZE - 5, "other", 5);
	/* Too short: nothing of it counts. */
	assert_int_equal(fix_restore(f, body, SIZE - 1), -EBADMSG);
	assert_int_equal(fix_restore(f, body, 0), -EBADMSG);
	fetch(f, SIZE - 5, have, 5);
	assert_memory_equal(have, "other", 5);
	assert_int_equal(fix_restore(f, body, SIZE), 0);
	fetch(f, SIZE - 5, have, 5);
	assert_memory_equal(have, "first", 5);
	body[SIZE] = 0;
	assert_int_equal(fix_restore(f, body, SIZE + 1), -EBADMSG);
	free(body);
}

static void node_names_its_size(void **state)
{
	struct rtas_fixture *f = *state;
	struct fdt_builder b;
	struct error err = { 0 };
	const void *blob;
	size_t size;
	int len;

	assert_int_equal(fdt_builder_init(&b, 65536), 0);
	fdt_begin(&b, "%s", "");
	nvram_fdt(f->vm, &b);
	fdt_end(&b);
	assert_int_equal(fdt_builder_finish(&b, &blob, &size, &err), 0);
	int node = fdt_path_offset(blob, "/nvram@71000001");
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "device_type", &len),
			    "nvram");
	assert_string_equal(fdt_getprop(blob, node, "compatible", &len),
			    "qemu,spapr-nvram");
	const uint8_t *p = fdt_getprop(blob, node, "#bytes", &len);
	assert_int_equal(len, 4);
	assert_int_equal(be32_load(p), SIZE);
	p = fdt_getprop(blob, node, "reg", &len);
	assert_int_equal(len, 4);
	assert_int_equal(be32_load(p), 0x71000001);
	fdt_builder_free(&b);
}

static void it_is_always_there(void **state)
{
	struct rtas_fixture *f = *state;

	assert_true(nvram_device.implied(f->vm, false));
	assert_true(nvram_device.implied(f->vm, true));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(first_header_is_byte_exact),
		T(partitions_fill_it),
		T(bytes_stay_where_they_are_put),
		T(bounds_are_kept),
		T(buffers_stay_in_ram),
		T(reboot_keeps_it),
		T(state_goes_round),
		T(node_names_its_size),
		T(it_is_always_there),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
