/* SPDX-License-Identifier: Apache-2.0 */
/* RTAS: vCPUs that start and stop. */
#include "tests/unit/ppc64le/rtas_fixture.h"

#include <errno.h>
#include <linux/kvm.h>
#include "arch/ppc64le/regs.h"
#include "vmm/kvm_sys.h"

#define QUERY   0x2005U
#define START   0x2006U
#define STOP    0x2007U

#define STOPPED 0
#define RUNNING 2

/* What KVM was told about registers: the fixture's descriptors are numbers. */
static struct {
	struct kvm_regs regs[FIX_CPUS];
	unsigned sets[FIX_CPUS];
	int error;
} fake;

int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	assert_in_range(fd, 0, FIX_CPUS - 1);
	assert_int_equal(request, KVM_SET_REGS);
	if (fake.error < 0)
		return fake.error;
	fake.regs[fd] = *(const struct kvm_regs *)arg;
	fake.sets[fd]++;
	return 0;
}

int kvm_sys_open(const char *path)
{
	(void)path;
	return -ENOENT;
}

int kvm_sys_mmap(int fd, size_t size, void **out)
{
	(void)fd;
	(void)size;
	*out = NULL;
	return -ENOMEM;
}

void kvm_sys_munmap(void *map, size_t size)
{
	(void)map;
	(void)size;
}

void kvm_sys_close(int fd)
{
	(void)fd;
}

/* vCPU 0 runs, the others wait to be started. */
static int setup(void **state)
{
	struct rtas_fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	memset(&fake, 0, sizeof(fake));
	fix_init(f);
	for (unsigned i = 0; i < FIX_CPUS; i++) {
		f->vcpus[i].power = i == 0 ? VCPU_ONLINE : VCPU_OFFLINE;
		f->vcpus[i].state = i == 0 ? VCPU_RUNNING : VCPU_PARKED;
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fix_fini(*state);
	free(*state);
	return 0;
}

static int32_t query(struct rtas_fixture *f, uint32_t server)
{
	assert_int_equal(fix_rtas(f, QUERY, 2, server), 0);
	return (int32_t)f->rets[1];
}

static void states_are_told(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(query(f, 0), RUNNING);
	assert_int_equal(query(f, 1), STOPPED);
	assert_int_equal(query(f, FIX_CPUS - 1), STOPPED);
	f->vcpus[1].power = VCPU_STARTING;
	assert_int_equal(query(f, 1), RUNNING);
	f->vcpus[1].power = VCPU_WAITING;
	assert_int_equal(query(f, 1), RUNNING);
	/* Its thread may still be on its way out: start-cpu waits for it. */
	f->vcpus[1].power = VCPU_OFFLINE;
	f->vcpus[1].state = VCPU_RUNNING;
	assert_int_equal(query(f, 1), STOPPED);
}

static void strangers_are_refused(void **state)
{
	static const uint32_t servers[] = { FIX_CPUS, FIX_CPUS + 1, 0x7fffffff,
					    0x80000000, 0xffffffff };
	struct rtas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		assert_int_equal(fix_rtas(f, QUERY, 2, servers[i]), -3);
		assert_int_equal(f->rets[1], 0);
		assert_int_equal(fix_rtas(f, START, 1, servers[i], 0x60, 0),
				 -3);
	}
	for (unsigned i = 0; i < FIX_CPUS; i++)
		assert_int_equal(fake.sets[i], 0);
}

static void start_sets_registers(void **state)
{
	struct rtas_fixture *f = *state;
	struct kvm_regs want = {
		.pc = 0xfedc1234,
		.msr = UINT64_C(0x8000000000001000),
		.gpr = { [3] = 0x87654321 },
	};

	f->vcpus[2].requests = 1;
	assert_int_equal(fix_rtas(f, START, 1, 2, 0xfedc1234, 0x87654321), 0);
	assert_int_equal(fake.sets[2], 1);
	assert_memory_equal(&fake.regs[2], &want, sizeof(want));
	assert_int_equal(f->vcpus[2].power, VCPU_ONLINE);
	/* It takes the machine's interrupt mode by itself, and no more. */
	assert_int_equal(f->vcpus[2].requests, VCPU_REQUEST_START);
	assert_int_equal(fake.sets[0] + fake.sets[1] + fake.sets[3], 0);
	f->vcpus[2].state = VCPU_RUNNING;
	assert_int_equal(query(f, 2), RUNNING);
	assert_int_equal(f->action, EXIT_RESUME);
}

static void what_runs_is_not_started(void **state)
{
	struct rtas_fixture *f = *state;

	assert_int_equal(fix_rtas(f, START, 1, 0, 0x100, 0), -1);
	f->vcpus[1].power = VCPU_STARTING;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), -1);
	f->vcpus[1].power = VCPU_WAITING;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), -1);
	f->vcpus[1].power = VCPU_ONLINE;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), -1);
	f->vcpus[1].power = VCPU_OFFLINE;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), 0);
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x200, 0), -1);
	assert_int_equal(fake.regs[1].pc, 0x100);
	assert_int_equal(fake.sets[0], 0);
	assert_int_equal(fake.sets[1], 1);
}

static void failed_start_leaves_it_stopped(void **state)
{
	struct rtas_fixture *f = *state;

	fake.error = -EINVAL;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), -1);
	assert_int_equal(query(f, 1), STOPPED);
	fake.error = 0;
	assert_int_equal(fix_rtas(f, START, 1, 1, 0x100, 0), 0);
	assert_int_equal(f->vcpus[1].power, VCPU_ONLINE);
}

static void stop_self_does_not_return(void **state)
{
	struct rtas_fixture *f = *state;

	/* Linux has room for a status, PAPR does not ask for it. */
	for (uint32_t nret = 0; nret <= 1; nret++) {
		fix_put_call(f, STOP, 0, nret, NULL);
		assert_int_equal(fix_h_rtas(f, FIX_ARGS), H_SUCCESS);
		assert_int_equal(f->action, EXIT_OFFLINE);
		assert_int_equal(fix_read_word(f, FIX_ARGS + 12), FIX_GUARD);
	}
	assert_int_equal(fix_rtas(f, STOP, 2), -3);
	assert_int_equal(f->action, EXIT_RESUME);
	assert_int_equal(fix_rtas(f, STOP, 1, 1), -3);
	assert_int_equal(f->action, EXIT_RESUME);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(states_are_told),
		T(strangers_are_refused),
		T(start_sets_registers),
		T(what_runs_is_not_started),
		T(failed_start_leaves_it_stopped),
		T(stop_self_does_not_return),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
