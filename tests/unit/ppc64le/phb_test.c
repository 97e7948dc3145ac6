/* SPDX-License-Identifier: Apache-2.0 */
/* The host bridge's device tree, windows and saved state. */
#include <errno.h>
#include <libfdt.h>

#include "arch/ppc64le/tree.h"
#include "tests/unit/ppc64le/phb_fixture.h"
#include "vmm/fdt.h"

#define PHB_PATH "/pci@800000020000000"

/*
 * Device tree.
 */

struct tree {
	struct fdt_builder b;
	const void *blob;
};

static struct tree build(struct phb_fixture *f)
{
	struct tree t = { 0 };
	struct error err = { 0 };
	size_t len;

	assert_int_equal(fdt_builder_init(&t.b, KIB(64)), 0);
	fdt_begin(&t.b, "%s", "");
	phb_fdt(&f->vm, &t.b);
	fdt_end(&t.b);
	assert_int_equal(fdt_builder_finish(&t.b, &t.blob, &len, &err), 0);
	return t;
}

static int node(const struct tree *t, const char *path)
{
	int off = fdt_path_offset(t->blob, path);

	if (off < 0)
		fail_msg("%s: %s", path, fdt_strerror(off));
	return off;
}

/* The property's cells, and nothing else, in the tree's byte order. */
static void assert_cells(const struct tree *t, const char *path,
			 const char *name, const uint32_t *cells,
			 unsigned count)
{
	int len;
	const uint8_t *raw = fdt_getprop(t->blob, node(t, path), name, &len);

	if (raw == NULL)
		fail_msg("%s: no %s", path, name);
	assert_int_equal(len, 4 * count);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t want[4] = {
			(uint8_t)(cells[i] >> 24),
			(uint8_t)(cells[i] >> 16),
			(uint8_t)(cells[i] >> 8),
			(uint8_t)cells[i],
		};

		assert_memory_equal(raw + 4 * i, want, 4);
	}
}

#define ASSERT_CELLS(t, path, name, ...)                               \
	do {                                                           \
		const uint32_t want_[] = { __VA_ARGS__ };              \
		assert_cells(t, path, name, want_, ARRAY_SIZE(want_)); \
	} while (0)

static void assert_string(const struct tree *t, const char *path,
			  const char *name, const char *want)
{
	int len;
	const char *value = fdt_getprop(t->blob, node(t, path), name, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(want) + 1);
	assert_string_equal(value, want);
}

static bool has_prop(const struct tree *t, const char *path, const char *name)
{
	return fdt_getprop(t->blob, node(t, path), name, NULL) != NULL;
}

static void bridge_is_described(void **state)
{
	struct tree t = build(*state);

	assert_string(&t, PHB_PATH, "device_type", "pci");
	assert_string(&t, PHB_PATH, "compatible", "IBM,Logical_PHB");
	ASSERT_CELLS(&t, PHB_PATH, "reg", 0x8000000, 0x20000000, 0, 0);
	ASSERT_CELLS(&t, PHB_PATH, "#address-cells", 3);
	ASSERT_CELLS(&t, PHB_PATH, "#size-cells", 2);
	ASSERT_CELLS(&t, PHB_PATH, "#interrupt-cells", 1);
	ASSERT_CELLS(&t, PHB_PATH, "bus-range", 0, 0xff);
	ASSERT_CELLS(&t, PHB_PATH, "ranges",
		     /* 32 bits */
		     0x02000000, 0, 0x80000000, 0x2000, 0x80000000, 0,
		     0x80000000,
		     /* 64 bits */
		     0x03000000, 0x2100, 0, 0x2100, 0, 0x100, 0);
	ASSERT_CELLS(&t, PHB_PATH, "ibm,#dma-address-cells", 2);
	ASSERT_CELLS(&t, PHB_PATH, "ibm,#dma-size-cells", 2);
	ASSERT_CELLS(&t, PHB_PATH, "ibm,dma-window", 0x80000000, 0, 0, 0,
		     0x4000000);
	ASSERT_CELLS(&t, PHB_PATH, "ibm,pci-config-space-type", 1);
	ASSERT_CELLS(&t, PHB_PATH, "ibm,pe-total-#msi", 0xd00);
	assert_true(has_prop(&t, PHB_PATH, "used-by-rtas"));
	fdt_builder_free(&t.b);
}

/* Pin p of slot s goes to source 0x1200 + (s + p - 1) % 4. */
static void pins_are_swizzled(void **state)
{
	struct tree t = build(*state);

	ASSERT_CELLS(&t, PHB_PATH, "interrupt-map-mask", 0x1800, 0, 0, 7);
	ASSERT_CELLS(
		&t, PHB_PATH, "interrupt-map",
		/* slots 0, 4, ... */
		0x0000, 0, 0, 1, 1, 0x1200, 1, 0x0000, 0, 0, 2, 1, 0x1201, 1,
		0x0000, 0, 0, 3, 1, 0x1202, 1, 0x0000, 0, 0, 4, 1, 0x1203, 1,
		/* slots 1, 5, ... */
		0x0800, 0, 0, 1, 1, 0x1201, 1, 0x0800, 0, 0, 2, 1, 0x1202, 1,
		0x0800, 0, 0, 3, 1, 0x1203, 1, 0x0800, 0, 0, 4, 1, 0x1200, 1,
		/* slots 2, 6, ... */
		0x1000, 0, 0, 1, 1, 0x1202, 1, 0x1000, 0, 0, 2, 1, 0x1203, 1,
		0x1000, 0, 0, 3, 1, 0x1200, 1, 0x1000, 0, 0, 4, 1, 0x1201, 1,
		/* slots 3, 7, ... */
		0x1800, 0, 0, 1, 1, 0x1203, 1, 0x1800, 0, 0, 2, 1, 0x1200, 1,
		0x1800, 0, 0, 3, 1, 0x1201, 1, 0x1800, 0, 0, 4, 1, 0x1202, 1);
	fdt_builder_free(&t.b);
}

/* A virtio network device as its configuration space has it. */
static void fill_net(struct fix_function *fix)
{
	le32_store(&fix->config[0x00], 0x10411af4);
	le32_store(&fix->config[0x08], 0x02000001);
	le32_store(&fix->config[0x2c], 0x00411af4);
	fix->config[0x3d] = 1;
	fix->fn.bars[0] = (struct pci_bar){
		.size = 0x8000,
		.is_64 = true,
		.addr = PCI_BAR_NONE,
	};
	fix->fn.bars[2] = (struct pci_bar){
		.size = 0x1000,
		.addr = PCI_BAR_NONE,
	};
	fix->fn.bars[4] = (struct pci_bar){
		.size = UINT64_C(0x4000000000),
		.is_64 = true,
		.prefetchable = true,
		.addr = PCI_BAR_NONE,
	};
}

static void functions_are_described(void **state)
{
	struct phb_fixture *f = *state;
	const char *path = PHB_PATH "/ethernet@1";

	fill_net(&f->functions[1]);
	struct tree t = build(f);

	ASSERT_CELLS(&t, path, "reg",
		     /* configuration space */
		     0x00000800, 0, 0, 0, 0,
		     /* BARs */
		     0x03000810, 0, 0, 0, 0x8000, 0x02000818, 0, 0, 0, 0x1000,
		     0x43000820, 0, 0, 0x40, 0);
	ASSERT_CELLS(&t, path, "vendor-id", 0x1af4);
	ASSERT_CELLS(&t, path, "device-id", 0x1041);
	ASSERT_CELLS(&t, path, "revision-id", 1);
	ASSERT_CELLS(&t, path, "class-code", 0x020000);
	ASSERT_CELLS(&t, path, "subsystem-vendor-id", 0x1af4);
	ASSERT_CELLS(&t, path, "subsystem-id", 0x41);
	ASSERT_CELLS(&t, path, "interrupts", 1);
	ASSERT_CELLS(&t, path, "ibm,req#msi-x", FIX_VECTORS);
	assert_string(&t, path, "ibm,loc-code", "privet:virtio-net0");
	/* The kernel places the BARs. */
	assert_false(has_prop(&t, path, "assigned-addresses"));
	fdt_builder_free(&t.b);
}

static void set_class(struct fix_function *fix, uint32_t class)
{
	le32_store(&fix->config[0x08], class << 16 | 0xff01);
}

static void names_follow_classes(void **state)
{
	struct phb_fixture *f = *state;
	static const struct {
		uint32_t class;
		const char *path;
	} names[] = {
		{ 0x0100, PHB_PATH "/scsi@0" },
		{ 0x0200, PHB_PATH "/ethernet@0" },
		{ 0x0780, PHB_PATH "/communication-controller@0" },
		{ 0x0980, PHB_PATH "/input-controller@0" },
		{ 0x00ff, PHB_PATH "/pci1af4,1044@0" },
		{ 0x0201, PHB_PATH "/pci1af4,1044@0" },
		{ 0xffff, PHB_PATH "/pci1af4,1044@0" },
	};

	le32_store(&f->functions[0].config[0], 0x10441af4);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		set_class(&f->functions[0], names[i].class);
		struct tree t = build(f);

		ASSERT_CELLS(&t, names[i].path, "class-code",
			     names[i].class << 8 | 0xff);
		fdt_builder_free(&t.b);
	}
}

static void nothing_is_made_up(void **state)
{
	struct phb_fixture *f = *state;
	const char *path = PHB_PATH "/scsi@2";

	set_class(&f->functions[2], 0x0100);
	struct tree t = build(f);

	ASSERT_CELLS(&t, path, "reg", 0x1000, 0, 0, 0, 0);
	assert_false(has_prop(&t, path, "interrupts"));
	assert_false(has_prop(&t, path, "ibm,req#msi-x"));
	fdt_builder_free(&t.b);
}

static void every_slot_has_its_node(void **state)
{
	struct phb_fixture *f = *state;
	struct tree t;
	unsigned count = 0;
	int off;

	pci_bus_remove(&f->functions[0].fn);
	t = build(f);
	fdt_for_each_subnode(off, t.blob, node(&t, PHB_PATH)) count++;
	assert_int_equal(count, 2);
	fdt_builder_free(&t.b);
}

static void no_bridge_no_node(void **state)
{
	struct phb_fixture *f = *state;
	struct phb *phb = f->machine.phb;

	f->machine.phb = NULL;
	struct tree t = build(f);
	f->machine.phb = phb;

	assert_int_equal(fdt_path_offset(t.blob, PHB_PATH), -FDT_ERR_NOTFOUND);
	fdt_builder_free(&t.b);
}

/*
 * Windows.
 */

static uint64_t read_32(struct phb_fixture *f, uint64_t gpa)
{
	uint8_t data[4] = { 0 };

	assert_true(mmio_access(&f->vm.mmio, gpa, data, 4, false));
	return le32_load(data);
}

static uint64_t bar_offset(struct pci_function *fn, unsigned bar, uint64_t off,
			   unsigned size)
{
	(void)fn;
	assert_int_equal(size, 4);
	return bar << 24 | off;
}

static void windows_reach_bars(void **state)
{
	struct phb_fixture *f = *state;
	struct fix_function *fix = &f->functions[1];

	fill_net(fix);
	fix->ops.bar_read = bar_offset;
	pci_bar_decode(&fix->fn, 0, UINT64_C(0x210000010000));
	pci_bar_decode(&fix->fn, 2, UINT64_C(0xfffff000));
	assert_int_equal(read_32(f, UINT64_C(0x210000017ffc)), 0x7ffc);
	assert_int_equal(read_32(f, UINT64_C(0x210000018000)), 0xffffffff);
	assert_int_equal(read_32(f, UINT64_C(0x2000fffffffc)), 0x02000ffc);
	assert_int_equal(read_32(f, UINT64_C(0x200080000000)), 0xffffffff);
	assert_int_equal(read_32(f, UINT64_C(0x21fffffffffc)), 0xffffffff);
}

/*
 * State.
 */

static void assert_msis(struct phb_fixture *f, unsigned slot, unsigned first,
			unsigned count)
{
	assert_int_equal(fix_phb(f)->msis[slot].first, first);
	assert_int_equal(fix_phb(f)->msis[slot].count, count);
	assert_false(fix_phb(f)->msis[slot].busy);
}

static void change(struct phb_fixture *f, unsigned slot, uint32_t count)
{
	assert_int_equal(fix_change(f, slot << 11, 4, count).status, 0);
}

static void state_survives(void **state)
{
	struct phb_fixture *f = *state;
	struct snap_writer w;

	change(f, 0, 3);
	change(f, 1, 17);
	fix_phb(f)->tces[5] = 0x1003;
	fix_save(f, &w);
	f->dev->type->reset(f->dev);
	assert_msis(f, 0, 0, 0);
	assert_msis(f, 1, 0, 0);
	assert_int_equal(fix_phb(f)->tces[5], 0);

	assert_int_equal(fix_restore(f, w.data, w.len), 0);
	assert_msis(f, 0, 0x1300, 3);
	assert_msis(f, 1, 0x1303, 17);
	assert_msis(f, 2, 0, 0);
	assert_int_equal(fix_phb(f)->tces[5], 0x1003);
	snap_writer_free(&w);
}

/* A section as save() would write it; @put adds what differs. */
struct damage {
	unsigned slot;
	uint32_t first;
	uint32_t count;
	uint32_t index;
	uint64_t tce;
	bool unended;
};

static int restore_damaged(struct phb_fixture *f, const struct damage *d)
{
	struct snap_writer w;

	snap_writer_init(&w, "ppc64le");
	snap_begin(&w, "phb", "phb0", 1);
	for (unsigned slot = 0; slot < PCI_MAX_SLOTS; slot++) {
		snap_put_u32(&w, slot == d->slot ? d->first : 0);
		snap_put_u32(&w, slot == d->slot ? d->count : 0);
	}
	if (d->tce != 0) {
		snap_put_u32(&w, 3);
		snap_put_u64(&w, 0x1003);
		snap_put_u32(&w, d->index);
		snap_put_u64(&w, d->tce);
	}
	if (!d->unended)
		snap_put_u32(&w, PHB_NR_TCES);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);

	int ret = fix_restore(f, w.data, w.len);
	snap_writer_free(&w);
	return ret;
}

static void damage_is_found(void **state)
{
	struct phb_fixture *f = *state;
	static const struct damage bad[] = {
		/* Sources that are no MSIs, or that nobody has. */
		{ .first = 0x12ff, .count = 1 },
		{ .first = 0x1fff, .count = 2 },
		{ .first = 0x2000, .count = 1 },
		{ .first = UINT32_MAX, .count = 1 },
		{ .first = 0x1300, .count = UINT32_MAX },
		{ .first = 0x1300, .count = 0 },
		{ .slot = 3, .first = 0x1300, .count = 1 },
		/* Entries out of order, out of the window, or impossible. */
		{ .index = 3, .tce = 0x1003 },
		{ .index = 2, .tce = 0x1003 },
		{ .index = 0x4001, .tce = 0x1003 },
		{ .index = UINT32_MAX, .tce = 0x1003 },
		{ .index = 4, .tce = 0x1004 },
		{ .index = 4, .tce = 0x1003, .unended = true },
		{ .unended = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		change(f, 1, 2);
		assert_int_not_equal(restore_damaged(f, &bad[i]), 0);
		assert_msis(f, 0, 0, 0);
		assert_msis(f, 1, 0, 0);
		assert_int_equal(fix_phb(f)->tces[3], 0);
	}
	assert_int_equal(restore_damaged(f,
					 &(struct damage){
						 .index = 0x3fff,
						 .tce = 0xffffffffffffc003,
					 }),
			 0);
	assert_int_equal(restore_damaged(f,
					 &(struct damage){
						 .first = 0x1fff,
						 .count = 1,
					 }),
			 0);
}

static void overlaps_are_found(void **state)
{
	struct phb_fixture *f = *state;
	struct snap_writer w;

	change(f, 0, 3);
	change(f, 1, 17);
	fix_phb(f)->msis[1].first = 0x1302;
	fix_save(f, &w);
	assert_int_equal(fix_restore(f, w.data, w.len), -EBADMSG);
	assert_msis(f, 0, 0, 0);
	snap_writer_free(&w);
}

static void other_versions_are_refused(void **state)
{
	struct phb_fixture *f = *state;
	struct snap_reader r = { 0 };

	assert_int_equal(device_restore(f->dev, &r, 2), -ENOTSUP);
}

/* Restores the first @len bytes of a body as a section of their own. */
static int restore_piece(struct phb_fixture *f, const uint8_t *body, size_t len)
{
	struct snap_writer w;

	snap_writer_init(&w, "ppc64le");
	snap_begin(&w, "phb", "phb0", 1);
	snap_put_bytes(&w, body, len);
	snap_end(&w);
	assert_int_equal(snap_finish(&w), 0);

	int ret = fix_restore(f, w.data, w.len);
	snap_writer_free(&w);
	return ret;
}

static void truncation_is_found(void **state)
{
	struct phb_fixture *f = *state;
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section section;

	change(f, 0, 3);
	fix_phb(f)->tces[0] = 0x1003;
	fix_save(f, &w);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "ppc64le", NULL),
			 0);
	assert_int_equal(snap_next(&r, &section), 1);
	const uint8_t *body = r.data + r.pos;
	size_t len = snap_left(&r);

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(restore_piece(f, body, i), -EBADMSG);
		assert_msis(f, 0, 0, 0);
		assert_int_equal(fix_phb(f)->tces[0], 0);
	}
	assert_int_equal(restore_piece(f, body, len), 0);
	assert_msis(f, 0, 0x1300, 3);
	snap_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fix_setup, fix_teardown)
		TEST(bridge_is_described),     TEST(pins_are_swizzled),
		TEST(functions_are_described), TEST(names_follow_classes),
		TEST(nothing_is_made_up),      TEST(every_slot_has_its_node),
		TEST(no_bridge_no_node),       TEST(windows_reach_bars),
		TEST(state_survives),          TEST(damage_is_found),
		TEST(overlaps_are_found),      TEST(other_versions_are_refused),
		TEST(truncation_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
