/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs that stop and start each other, wait and wake, and make requests of
 * one and of all, while the machine is paused, resumed and stopped. Every
 * start and wake is one that was due, what a start sets is what the vCPU finds,
 * and nobody runs with a request unserved.
 */
#include "tests/unit/vcpu_fixture.h"

#include "tests/unit/race_watch.h"
#include "vmm/arch.h"

#define LIVES      6U
#define LIFE_STEPS 2500U
#define PAUSES     100U
/* Steps of all vCPUs between two pauses. */
#define GAP         16U
#define REQUEST_ALL 1U
#define REQUEST_ONE 2U
#define REG         (KVM_REG_SIZE_U64 | 1)

/* What an exit asks for; these take the place of the architecture's. */
enum guest_exit {
	GUEST_NOTHING,
	GUEST_OFFLINE,
	GUEST_WAIT,
	GUEST_WAKE,
	GUEST_START,
	GUEST_ASK_ONE,
	GUEST_ASK_ALL,
};

/**
 * struct cpu - What is known of a vCPU: its own thread's, but for what is
 * atomic
 * @seed: chooses what it does
 * @steps: entries into the guest; atomic
 * @offs, @waits: how often it went offline and waited
 * @starts, @wakes: how often another one ended that; atomic
 * @started: starts that it has served
 * @ones: requests of REQUEST_ONE that were made of it; atomic
 * @ones_served: how often it served some
 * @seen: the machine's mode when it served a request last
 */
struct cpu {
	struct vcpu *vcpu;
	uint64_t seed;
	unsigned steps;
	unsigned offs;
	unsigned waits;
	unsigned starts;
	unsigned wakes;
	unsigned started;
	unsigned ones;
	unsigned ones_served;
	unsigned seen;
};

/* @mode: of the whole machine; @mode_done: all have been told; both atomic */
static struct guest {
	struct cpu cpus[CPUS];
	unsigned mode;
	unsigned mode_done;
	unsigned last_step;
} guest;

static bool is_stopping(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool stopping = vm->stop != VM_STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
	return stopping;
}

/*
 * Exits.
 */

static void ask_all(struct vcpu *vcpu)
{
	unsigned mode = count_up(&guest.mode);

	vcpu_request_all(vcpu, REQUEST_ALL);
	if (is_stopping(vcpu->vm))
		return;

	unsigned done = count_load(&guest.mode_done);
	while (done < mode && !__atomic_compare_exchange_n(
				      &guest.mode_done, &done, mode, false,
				      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void ask_one(unsigned target)
{
	struct cpu *cpu = &guest.cpus[target];

	count_up(&cpu->ones);
	vcpu_request(cpu->vcpu, REQUEST_ONE);
}

static void script(struct cpu *cpu);

/*
 * The number of the start is what the vCPU has to find. Its script begins anew,
 * as a program would: nothing of its former life may touch that.
 */
static void start(unsigned target)
{
	struct cpu *cpu = &guest.cpus[target];

	if (!vcpu_claim(cpu->vcpu))
		return;
	uint64_t number = count_up(&cpu->starts);

	must(kvm_set_reg(cpu->vcpu->fd, REG, &number) == 0);
	script(cpu);
	vcpu_release(cpu->vcpu, true);
}

static void wake(unsigned target)
{
	struct cpu *cpu = &guest.cpus[target];

	if (vcpu_wake(cpu->vcpu))
		count_up(&cpu->wakes);
}

enum exit_action arch_handle_exit(struct vcpu *vcpu)
{
	struct cpu *cpu = &guest.cpus[vcpu->id];
	unsigned target = (unsigned)vcpu->run->hw.hardware_exit_reason;

	switch (vcpu->run->exit_reason) {
	case GUEST_OFFLINE:
		cpu->offs++;
		return EXIT_OFFLINE;
	case GUEST_WAIT:
		cpu->waits += vcpu_wait(vcpu);
		break;
	case GUEST_WAKE:
		wake(target);
		break;
	case GUEST_START:
		start(target);
		break;
	case GUEST_ASK_ONE:
		ask_one(target);
		break;
	case GUEST_ASK_ALL:
		ask_all(vcpu);
		break;
	default:
		break;
	}
	return EXIT_RESUME;
}

enum exit_action arch_run_failed(struct vcpu *vcpu, int error)
{
	(void)vcpu;
	must(error == 0);
	return EXIT_STOP;
}

static void serve(struct vcpu *vcpu, unsigned requests)
{
	const unsigned known = REQUEST_ALL | REQUEST_ONE | VCPU_REQUEST_START;
	struct cpu *cpu = &guest.cpus[vcpu->id];
	uint64_t value;

	must((requests & ~known) == 0);
	must(kvm_get_reg(vcpu->fd, REG, &value) == 0);
	if (requests & VCPU_REQUEST_START)
		must(value == ++cpu->started);
	cpu->ones_served += (requests & REQUEST_ONE) != 0;
	cpu->seen = count_load(&guest.mode);
}

/*
 * The guest.
 */

/* The first one is always there, and the one that helps the others up. */
static enum guest_exit choose(const struct cpu *cpu, uint64_t x)
{
	static const enum guest_exit first[] = { GUEST_WAKE, GUEST_START,
						 GUEST_ASK_ONE, GUEST_ASK_ALL };
	static const enum guest_exit others[] = {
		GUEST_NOTHING, GUEST_OFFLINE, GUEST_WAIT,    GUEST_WAKE,
		GUEST_START,   GUEST_ASK_ONE, GUEST_ASK_ALL, GUEST_ASK_ONE,
	};

	return cpu->vcpu->id == 0 ? first[x % 4] : others[x % 8];
}

static int step(struct kvm_run *run, void *arg);

static void script(struct cpu *cpu)
{
	struct fake_exit exits[FAKE_MAX_EXITS];

	for (unsigned i = 0; i < FAKE_MAX_EXITS; i++)
		exits[i] = (struct fake_exit){ .prepare = step, .arg = cpu };
	fake_kvm_script(cpu->vcpu->id, exits, FAKE_MAX_EXITS);
}

static int step(struct kvm_run *run, void *arg)
{
	struct cpu *cpu = arg;
	uint64_t x = next_random(&cpu->seed);

	/* No change that is done may be unknown here. */
	must(cpu->seen >= count_load(&guest.mode_done));
	/* The last one of a script begins it anew. */
	if (fake_kvm_script_left(cpu->vcpu->id) == 0)
		script(cpu);
	if (count_up(&cpu->steps) == guest.last_step)
		vm_request_stop(cpu->vcpu->vm, VM_STOP_USER, 0, "enough");
	run->exit_reason = choose(cpu, x);
	run->hw.hardware_exit_reason = (x >> 8) % CPUS;
	return 0;
}

/*
 * Tests.
 */

static void defaults(void)
{
	fake_kvm_set_default_reg(REG, 0);
}

static void power_on(struct fixture *f)
{
	const uint64_t zero = 0;

	pthread_mutex_lock(&f->vm->lock);
	f->vm->stop = VM_STOP_NONE;
	pthread_mutex_unlock(&f->vm->lock);
	guest.mode = 0;
	guest.mode_done = 0;
	for (unsigned i = 0; i < CPUS; i++) {
		struct vcpu *vcpu = &f->vcpus[i];

		vcpu->power = VCPU_ONLINE;
		vcpu->requests = 0;
		vcpu->serve = serve;
		guest.cpus[i] = (struct cpu){ .vcpu = vcpu,
					      .seed = 0x9e3779b97f4a7c15 + i };
		assert_int_equal(kvm_set_reg(vcpu->fd, REG, &zero), 0);
		script(&guest.cpus[i]);
	}
	fixture_start(f);
}

static unsigned all_steps(void)
{
	unsigned steps = 0;

	for (unsigned i = 0; i < CPUS; i++)
		steps += count_load(&guest.cpus[i].steps);
	return steps;
}

static void await_steps(struct vm *vm, unsigned more)
{
	unsigned before = all_steps();

	while (all_steps() - before < more && !is_stopping(vm))
		sched_yield();
}

/* Parked vCPUs make no step, whatever state of power they are in. */
static void check_pause(const struct fixture *f)
{
	unsigned steps = all_steps();

	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(f->vcpus[i].state, VCPU_PARKED);
	for (unsigned i = 0; i < 10; i++)
		sched_yield();
	assert_int_equal(all_steps(), steps);
}

static void pause_often(struct fixture *f, unsigned most)
{
	for (unsigned n = 0; n < most; n++) {
		watch("steps of the guest between two pauses");
		await_steps(f->vm, GAP);
		watch("vCPUs to park for a pause");
		if (vm_pause(f->vm) < 0)
			return;
		check_pause(f);
		vm_resume(f->vm);
	}
}

/* The last of each kind may have been cut off by the stop. */
static void check_counts(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		const struct cpu *cpu = &guest.cpus[i];

		assert_in_range(cpu->offs - cpu->starts, 0, 1);
		assert_in_range(cpu->waits - cpu->wakes, 0, 1);
		assert_in_range(cpu->starts - cpu->started, 0, 1);
		assert_true(cpu->ones_served <= cpu->ones);
	}
}

/* @self: the guest ends it; else somebody outside does, after some pauses. */
static void live(struct fixture *f, bool self)
{
	guest.last_step = self ? LIFE_STEPS : UINT32_MAX;
	power_on(f);
	pause_often(f, self ? UINT32_MAX : PAUSES);
	watch("vCPUs to end");
	vm_request_stop(f->vm, VM_STOP_USER, 0, "enough");
	for (unsigned i = 0; i < CPUS; i++)
		vcpu_join(&f->vcpus[i]);
	check_counts();
}

static void lives(void **state)
{
	unsigned starts = 0, wakes = 0, modes = 0, ones = 0;
	struct fixture f;

	(void)state;
	fixture_init(&f, defaults);
	for (unsigned life = 0; life < LIVES; life++) {
		live(&f, life % 2 == 0);
		modes += guest.mode_done;
		for (unsigned i = 0; i < CPUS; i++) {
			starts += guest.cpus[i].started;
			wakes += guest.cpus[i].wakes;
			ones += guest.cpus[i].ones_served;
		}
	}
	watch_end();
	print_message("# %u starts, %u wakes, %u requests, %u changes\n",
		      starts, wakes, ones, modes);
	assert_true(starts > 0 && wakes > 0 && ones > 0 && modes > 0);
	fixture_fini(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
