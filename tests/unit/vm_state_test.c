/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's state: which sections it is made of, and in which order. */
#include "tests/unit/fault_fixture.h"
#include "vmm/snapshot.h"

#define MAX_SECTIONS 32U
#define ABSENT       UINT32_MAX

/** struct saved - A state, and where its sections are in it */
struct saved {
	struct snap_writer w;
	struct snap_section sections[MAX_SECTIONS];
	const uint8_t *bodies[MAX_SECTIONS];
	size_t lens[MAX_SECTIONS];
	uint32_t count;
};

/** struct machine_fixture - A machine that is on, and what it saved */
struct machine_fixture {
	struct fixture f;
	struct vm_config cfg;
	struct vm *vm;
	struct saved saved;
};

static void power_on(struct machine_fixture *m)
{
	struct error err = { 0 };

	if (parse(&m->f, &m->cfg, &err) < 0 ||
	    vm_create(&m->cfg, &m->f.log, &m->vm, &err) < 0 ||
	    vm_power_on(m->vm, &err) < 0)
		fail_msg("%s", err.text);
}

static void power_off(struct machine_fixture *m)
{
	vm_power_off(m->vm);
	vm_destroy(m->vm);
	config_free(&m->cfg);
}

static void list_sections(struct saved *s)
{
	struct snap_reader r;
	struct error err = { 0 };

	assert_int_equal(
		snap_reader_init(&r, s->w.data, s->w.len, arch_info.name, &err),
		0);
	while (snap_next(&r, &s->sections[s->count]) == 1) {
		s->bodies[s->count] = r.data + r.pos;
		s->lens[s->count] = snap_left(&r);
		s->count++;
		assert_true(s->count < MAX_SECTIONS);
	}
}

static int setup(void **state)
{
	struct machine_fixture *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	fixture_init(&m->f, "--cpus 2");
	power_on(m);
	snap_writer_init(&m->saved.w, arch_info.name);
	assert_int_equal(vm_save(m->vm, &m->saved.w), 0);
	list_sections(&m->saved);
	/* Two vCPUs, the interrupt controller, the two devices asked for. */
	assert_true(m->saved.count >= 5);
	power_off(m);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine_fixture *m = *state;

	snap_writer_free(&m->saved.w);
	fixture_end(&m->f);
	free(m);
	return 0;
}

/* Restores the sections that @order names into a machine of its own. */
static int restore(struct machine_fixture *m, const uint32_t *order,
		   uint32_t count, struct error *err)
{
	const struct saved *s = &m->saved;
	struct snap_writer w;
	struct snap_reader r;

	snap_writer_init(&w, arch_info.name);
	for (uint32_t i = 0; i < count; i++) {
		const struct snap_section *section = &s->sections[order[i]];

		snap_begin(&w, section->name, section->id, section->version);
		snap_put_bytes(&w, s->bodies[order[i]], s->lens[order[i]]);
		snap_end(&w);
	}
	assert_int_equal(snap_finish(&w), 0);

	*err = (struct error){ 0 };
	power_on(m);
	assert_int_equal(
		snap_reader_init(&r, w.data, w.len, arch_info.name, err), 0);
	int ret = vm_restore(m->vm, &r, err);
	power_off(m);
	snap_writer_free(&w);
	return ret;
}

/* Fills @order: as saved, but for one section. Return: how many there are. */
static uint32_t make_order(const struct saved *s, uint32_t *order,
			   uint32_t without, uint32_t twice)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		if (i != without)
			order[count++] = i;
		if (i == twice)
			order[count++] = i;
	}
	return count;
}

static void assert_refused(struct machine_fixture *m, const uint32_t *order,
			   uint32_t count, const char *word)
{
	struct error err;

	assert_int_equal(restore(m, order, count, &err), -EINVAL);
	assert_int_equal(err.status, EXIT_STATUS_USAGE);
	assert_one_line(&err);
	if (strstr(err.text, word) == NULL)
		fail_msg("no '%s' in: %s", word, err.text);
}

static void as_saved(void **state)
{
	struct machine_fixture *m = *state;
	uint32_t order[MAX_SECTIONS + 1];
	uint32_t count = make_order(&m->saved, order, ABSENT, ABSENT);
	struct error err;

	if (restore(m, order, count, &err) < 0)
		fail_msg("%s", err.text);
}

/* What a part relies on comes before it, or the state is none. */
static void swapped_sections(void **state)
{
	struct machine_fixture *m = *state;
	uint32_t order[MAX_SECTIONS + 1];

	for (uint32_t i = 0; i + 1 < m->saved.count; i++) {
		uint32_t count = make_order(&m->saved, order, ABSENT, ABSENT);

		order[i] = i + 1;
		order[i + 1] = i;
		assert_refused(m, order, count, "in its place");
	}
}

static void last_section_first(void **state)
{
	struct machine_fixture *m = *state;
	uint32_t order[MAX_SECTIONS + 1];
	uint32_t last = m->saved.count - 1;

	order[0] = last;
	for (uint32_t i = 0; i < last; i++)
		order[i + 1] = i;
	assert_refused(m, order, m->saved.count, "part 1 of");
}

static void doubled_sections(void **state)
{
	struct machine_fixture *m = *state;
	uint32_t order[MAX_SECTIONS + 1];

	for (uint32_t i = 0; i < m->saved.count; i++) {
		uint32_t count = make_order(&m->saved, order, ABSENT, i);

		assert_refused(m, order, count, "twice");
	}
}

static void missing_sections(void **state)
{
	struct machine_fixture *m = *state;
	uint32_t order[MAX_SECTIONS + 1];

	for (uint32_t i = 0; i < m->saved.count; i++) {
		uint32_t count = make_order(&m->saved, order, i, ABSENT);
		char part[32];

		snprintf(part, sizeof(part), "part %u of %u ", i + 1,
			 m->saved.count);
		assert_refused(m, order, count, part);
	}
	assert_refused(m, order, 0, "part 1 of");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(as_saved),         T(swapped_sections), T(last_section_first),
		T(doubled_sections), T(missing_sections),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
