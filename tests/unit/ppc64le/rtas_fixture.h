/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fake machine of this architecture, and a guest that makes RTAS calls and
 * hypercalls in it.
 */
#ifndef PRIVET_TESTS_RTAS_FIXTURE_H
#define PRIVET_TESTS_RTAS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/ppc64le/hcall.h"
#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/rtas.h"
#include "tests/fakes/fake_vm.h"
#include "vmm/bytes.h"
#include "vmm/fdt.h"
#include "vmm/snapshot.h"

#define FIX_RAM   MIB(1)
#define FIX_ARGS  0x1000U
#define FIX_BUF   0x2000U
#define FIX_GUARD 0xa5a5a5a5U
#define FIX_CPUS  4U

/* Where the return values of the last call are, and no others were. */
struct rtas_fixture {
	struct vm *vm;
	struct machine machine;
	struct vcpu vcpus[FIX_CPUS];
	struct vcpu *own_vcpus;
	uint32_t rets[RTAS_MAX_ARGS];
	enum exit_action action;
	struct hcall call;
};

static inline void fix_init(struct rtas_fixture *f)
{
	*f = (struct rtas_fixture){ .vm = fake_vm_create(FIX_RAM) };
	pthread_mutex_init(&f->machine.lock, NULL);
	f->vm->arch = &f->machine;
	f->own_vcpus = f->vm->vcpus;
	for (unsigned i = 0; i < FIX_CPUS; i++)
		f->vcpus[i] =
			(struct vcpu){ .vm = f->vm, .id = i, .fd = (int)i };
	f->vm->vcpus = f->vcpus;
	fake_vm_config(f->vm)->cpus = FIX_CPUS;
}

static inline void fix_fini(struct rtas_fixture *f)
{
	f->vm->vcpus = f->own_vcpus;
	fake_vm_config(f->vm)->cpus = 1;
	fake_vm_destroy(f->vm);
	pthread_mutex_destroy(&f->machine.lock);
}

static inline void fix_write(struct rtas_fixture *f, uint64_t gpa,
			     const void *data, size_t len)
{
	assert_int_equal(gmem_write(&f->vm->gmem, gpa, data, len), 0);
}

static inline void fix_read(struct rtas_fixture *f, uint64_t gpa, void *data,
			    size_t len)
{
	assert_int_equal(gmem_read(&f->vm->gmem, gpa, data, len), 0);
}

static inline void fix_write_word(struct rtas_fixture *f, uint64_t gpa,
				  uint32_t value)
{
	uint8_t raw[4];

	be32_store(raw, value);
	fix_write(f, gpa, raw, sizeof(raw));
}

static inline uint32_t fix_read_word(struct rtas_fixture *f, uint64_t gpa)
{
	uint8_t raw[4];

	fix_read(f, gpa, raw, sizeof(raw));
	return be32_load(raw);
}

static inline int64_t fix_hcall(struct rtas_fixture *f, uint64_t nr,
				uint64_t a0, uint64_t a1, uint64_t a2,
				uint64_t a3)
{
	f->call = (struct hcall){
		.vcpu = &f->vm->vcpus[0],
		.nr = nr,
		.args = { a0, a1, a2, a3, 5, 6, 7, 8, 9 },
		.action = EXIT_RESUME,
	};
	int64_t ret = hcall_dispatch(&f->call);
	f->action = f->call.action;
	return ret;
}

/* The hypercall alone, with whatever is at @gpa. */
static inline int64_t fix_h_rtas(struct rtas_fixture *f, uint64_t gpa)
{
	return fix_hcall(f, 0xf000, gpa, 2, 3, 4);
}

static inline void fix_put_call(struct rtas_fixture *f, uint32_t token,
				uint32_t nargs, uint32_t nret,
				const uint32_t *args)
{
	fix_write_word(f, FIX_ARGS, token);
	fix_write_word(f, FIX_ARGS + 4, nargs);
	fix_write_word(f, FIX_ARGS + 8, nret);
	for (uint32_t i = 0; i < 2 * RTAS_MAX_ARGS + 1; i++)
		fix_write_word(f, FIX_ARGS + 12 + i * 4,
			       args != NULL && i < nargs ? args[i] : FIX_GUARD);
}

/*
 * A call as a guest makes it, which must be found. Fills f->rets, and sees that
 * nothing else of the buffer has changed.
 */
static inline int32_t fix_rtas_array(struct rtas_fixture *f, uint32_t token,
				     uint32_t nargs, uint32_t nret,
				     const uint32_t *args)
{
	uint64_t at = FIX_ARGS + 12 + nargs * 4;

	fix_put_call(f, token, nargs, nret, args);
	assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
	assert_int_equal(fix_read_word(f, FIX_ARGS), token);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 4), nargs);
	assert_int_equal(fix_read_word(f, FIX_ARGS + 8), nret);
	for (uint32_t i = 0; i < nargs; i++)
		assert_int_equal(fix_read_word(f, FIX_ARGS + 12 + i * 4),
				 args[i]);
	for (uint32_t i = 0; i < nret; i++)
		f->rets[i] = fix_read_word(f, at + i * 4);
	assert_int_equal(fix_read_word(f, at + nret * 4), FIX_GUARD);
	return nret > 0 ? (int32_t)f->rets[0] : 0;
}

#define fix_rtas(f, token, nret, ...)                                          \
	fix_rtas_array(f, token,                                               \
		       sizeof((uint32_t[]){ 0, ##__VA_ARGS__ }) / 4 - 1, nret, \
		       (uint32_t[]){ 0, ##__VA_ARGS__ } + 1)

/* A device's function, under its lock. */
static inline void fix_device(struct rtas_fixture *f,
			      void (*fn)(struct device *dev))
{
	pthread_mutex_lock(&f->vm->devices[0]->lock);
	fn(f->vm->devices[0]);
	pthread_mutex_unlock(&f->vm->devices[0]->lock);
}

/* The state of the first device; Return: its bytes, at most @size */
static inline size_t fix_save(struct rtas_fixture *f, uint8_t *body,
			      size_t size)
{
	struct snap_writer w;
	struct snap_reader r;
	struct snap_section section;
	struct error err = { 0 };

	snap_writer_init(&w, "test");
	assert_int_equal(device_save(f->vm->devices[0], &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	assert_int_equal(snap_reader_init(&r, w.data, w.len, "test", &err), 0);
	assert_int_equal(snap_next(&r, &section), 1);
	assert_string_equal(section.name, f->vm->devices[0]->type->name);

	size_t len = snap_left(&r);
	assert_true(len <= size);
	snap_get_bytes(&r, body, len);
	snap_writer_free(&w);
	return len;
}

static inline int fix_restore(struct rtas_fixture *f, const uint8_t *body,
			      size_t len)
{
	struct snap_reader r = { .data = body, .len = len, .end = len };

	return device_restore(f->vm->devices[0], &r, 1);
}

/* Every length but the right one is refused. */
static inline void fix_restore_refuses_lengths(struct rtas_fixture *f,
					       const uint8_t *body, size_t len)
{
	uint8_t *longer = calloc(1, len + 1);

	assert_non_null(longer);
	memcpy(longer, body, len);
	for (size_t n = 0; n <= len + 1; n += n > 64 && n + 64 < len ? 61 : 1)
		assert_int_equal(fix_restore(f, longer, n),
				 n == len ? 0 : -EBADMSG);
	free(longer);
}

#endif
