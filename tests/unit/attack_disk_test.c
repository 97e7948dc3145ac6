/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk is bytes: a guest that writes the header of a disk format into its
 * sectors has written bytes, and the next machine sees them, not the file that
 * the header names.
 */
#include "tests/unit/virtio_blk_fixture.h"

#define SECRET "the host's secret"

/** struct format - What formats begin with, with a backing file's name */
struct format {
	const char *name;
	uint8_t bytes[64];
	unsigned name_at;
};

static const struct format formats[] = {
	/* Version 3, its backing file's name at 56. */
	{ "qcow2",
	  { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3,  0, 0, 0, 0, 0, 0, 0, 56,
	    0,   0,   0,   64,   0, 0, 0, 16, 0, 0, 1, 0, 0, 0, 0, 0 },
	  56 },
	{ "qed", { 'Q', 'E', 'D', 0 }, 56 },
	{ "vmdk", { 'K', 'D', 'M', 'V', 1 }, 56 },
	{ "vhdx", { 'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e' }, 56 },
	{ "luks", { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1 }, 56 },
	{ "gzip", { 0x1f, 0x8b, 8 }, 56 },
};

static void make_secret(char *path, size_t len)
{
	snprintf(path, len, "/tmp/privet-secret-XXXXXX");

	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, SECRET, sizeof(SECRET)), sizeof(SECRET));
	close(fd);
}

/* The guest writes it where formats are looked for. */
static void write_header(struct fixture *f, const struct format *format,
			 const char *path)
{
	uint8_t sector[512] = { 0 };

	memcpy(sector, format->bytes, sizeof(format->bytes));
	memcpy(sector + format->name_at, path, strlen(path) + 1);
	fake_write(&f->m.drv, f->out + 16, sector, sizeof(sector));
	assert_int_equal(write_sectors(f, 0, sizeof(sector)), S_OK);
	assert_int_equal(flush(f), S_OK);
}

static void expect_bytes(struct fixture *f, const struct format *format,
			 const char *path)
{
	uint8_t got[512];

	assert_int_equal(fake_mmio_config(&f->m, 0, 8), SECTORS);
	assert_int_equal(read_sectors(f, 0, sizeof(got)), S_OK);
	fake_read(&f->m.drv, f->in, got, sizeof(got));
	assert_memory_equal(got, format->bytes, format->name_at);
	assert_string_equal((char *)got + format->name_at, path);
	/* Nothing was put in anywhere. */
	for (unsigned at = 512; at < 65536; at += 512) {
		assert_int_equal(read_sectors(f, at / 512, 512), S_OK);
		fake_read(&f->m.drv, f->in, got, sizeof(got));
		for (unsigned i = 0; i < sizeof(got); i++)
			assert_int_equal(got[i], 0);
	}
}

/* The machine ends; another one has the same image. */
static void next_machine(struct fixture *f)
{
	fake_vm_destroy(f->vm);
	params_free(virtio_blk_device.option->params, f->opts);
	free(f->opts);
	f->opts = NULL;
	f->vm = fake_vm_create(MIB(16));
}

static void formats_are_never_guessed(void **state)
{
	struct fixture *f = *state;
	char secret[64];

	make_secret(secret, sizeof(secret));
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		start(f, "", ALL_FEATURES);
		write_header(f, &formats[i], secret);
		expect_bytes(f, &formats[i], secret);
		next_machine(f);
		start(f, "", ALL_FEATURES);
		expect_bytes(f, &formats[i], secret);
		next_machine(f);
	}
	unlink(secret);
}

/* No key asks for a format, a backing file or a probe either. */
static void no_option_asks_for_a_format(void **state)
{
	static const char *const keys[] = { "format=qcow2", "backing=x",
					    "probe=on", "type=vhdx" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct error err;
		char arg[160];
		void *opts = NULL;

		snprintf(arg, sizeof(arg), "%s,%s", f->path, keys[i]);
		assert_true(parse(arg, &opts, &err) < 0);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(formats_are_never_guessed),
		TEST(no_option_asks_for_a_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
