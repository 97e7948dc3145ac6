/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs: power states, requests and waits among several threads. */
#include "tests/unit/vcpu_fixture.h"

#include <errno.h>
#include <string.h>

#include "vmm/arch.h"

#define STORM 60U

/*
 * What the guest does: each exit names one of these functions, which take the
 * place of the architecture's.
 */
enum guest_exit {
	GUEST_NOTHING,
	GUEST_OFFLINE,
	GUEST_OFFLINE_FAILED,
	GUEST_WAIT,
	GUEST_CHANGE,
	GUEST_ASK_SELF,
};

static struct {
	unsigned handled[CPUS];
	unsigned finished;
	unsigned served[CPUS];
	unsigned last_requests[CPUS];
	unsigned refused_waits;
	/* A mode of the whole machine, as each vCPU last took it. */
	unsigned mode;
	unsigned mode_done;
	unsigned seen[CPUS];
} guest;

static void count(unsigned *what)
{
	__atomic_add_fetch(what, 1, __ATOMIC_SEQ_CST);
}

static unsigned load(const unsigned *what)
{
	return __atomic_load_n(what, __ATOMIC_SEQ_CST);
}

static bool is_stopping(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool stopping = vm->stop != VM_STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
	return stopping;
}

static enum exit_action change_mode(struct vcpu *vcpu)
{
	unsigned mode = __atomic_add_fetch(&guest.mode, 1, __ATOMIC_SEQ_CST);

	vcpu_request_all(vcpu, 1);
	if (is_stopping(vcpu->vm))
		return EXIT_RESUME;

	unsigned done = load(&guest.mode_done);
	while (done < mode && !__atomic_compare_exchange_n(
				      &guest.mode_done, &done, mode, false,
				      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return EXIT_RESUME;
}

enum exit_action arch_handle_exit(struct vcpu *vcpu)
{
	enum exit_action action = EXIT_RESUME;

	switch (vcpu->run->exit_reason) {
	case GUEST_OFFLINE:
		action = EXIT_OFFLINE;
		break;
	case GUEST_WAIT:
		if (!vcpu_wait(vcpu))
			count(&guest.refused_waits);
		break;
	case GUEST_CHANGE:
		action = change_mode(vcpu);
		break;
	case GUEST_ASK_SELF:
		assert_true(vcpu_request(vcpu, 4));
		/* Not before the access is completed. */
		assert_int_equal(load(&guest.served[vcpu->id]), 0);
		break;
	default:
		break;
	}
	count(&guest.handled[vcpu->id]);
	return action;
}

enum exit_action arch_run_failed(struct vcpu *vcpu, int error)
{
	if (vcpu->run->exit_reason == GUEST_OFFLINE_FAILED) {
		assert_int_equal(error, -EFAULT);
		return EXIT_OFFLINE;
	}
	fail_msg("vCPU %u: %s", vcpu->id, strerror(-error));
	return EXIT_STOP;
}

/* Runs where the vCPU's registers can be reached: the fake sees to it. */
static void serve(struct vcpu *vcpu, unsigned requests)
{
	uint64_t value;

	kvm_get_reg(vcpu->fd, 1, &value);
	guest.last_requests[vcpu->id] = requests;
	__atomic_store_n(&guest.seen[vcpu->id], load(&guest.mode),
			 __ATOMIC_SEQ_CST);
	count(&guest.served[vcpu->id]);
}

static int prepare(struct kvm_run *run, void *arg)
{
	run->exit_reason = (uint32_t)(uintptr_t)arg;
	return run->exit_reason == GUEST_OFFLINE_FAILED ? -EFAULT : 0;
}

static void finish(struct kvm_run *run, void *arg)
{
	(void)run;
	(void)arg;
	count(&guest.finished);
}

static void play(unsigned vcpu, enum guest_exit what)
{
	const struct fake_exit script = { .prepare = prepare,
					  .finish = finish,
					  .arg = (void *)(uintptr_t)what };

	fake_kvm_script(vcpu, &script, 1);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memset(&guest, 0, sizeof(guest));
	fixture_init(f, NULL);
	for (unsigned i = 0; i < CPUS; i++)
		f->vcpus[i].serve = serve;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fixture_stop(f);
	fixture_fini(f);
	free(f);
	return 0;
}

static void offline_and_started_again(void **state)
{
	struct fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[1];

	play(1, GUEST_OFFLINE);
	fixture_start(f);
	await(vcpu, VCPU_PARKED, VCPU_OFFLINE);
	assert_int_equal(vcpu_power(vcpu), VCPU_OFFLINE);
	/* The access that took it offline was completed. */
	assert_int_equal(load(&guest.finished), 1);

	assert_true(vcpu_claim(vcpu));
	assert_false(vcpu_claim(vcpu));
	assert_int_equal(vcpu_power(vcpu), VCPU_STARTING);
	assert_false(vcpu_request(vcpu, 1));
	vcpu_release(vcpu, false);
	assert_int_equal(vcpu_power(vcpu), VCPU_OFFLINE);
	assert_int_equal(load(&guest.served[1]), 0);

	play(1, GUEST_NOTHING);
	assert_true(vcpu_claim(vcpu));
	vcpu_release(vcpu, true);
	await_count(&guest.handled[1], 2);
	assert_int_equal(vcpu_power(vcpu), VCPU_ONLINE);
	assert_false(vcpu_claim(vcpu));
	assert_int_equal(load(&guest.served[1]), 1);
	assert_int_equal(guest.last_requests[1], VCPU_REQUEST_START);
}

/* A call that takes it offline may come by way of a KVM_RUN that failed. */
static void offline_when_the_run_failed(void **state)
{
	struct fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[1];

	play(1, GUEST_OFFLINE_FAILED);
	fixture_start(f);
	await(vcpu, VCPU_PARKED, VCPU_OFFLINE);
	assert_int_equal(load(&guest.finished), 1);

	play(1, GUEST_NOTHING);
	assert_true(vcpu_claim(vcpu));
	vcpu_release(vcpu, true);
	await_count(&guest.handled[1], 1);
	assert_int_equal(vcpu_power(vcpu), VCPU_ONLINE);
}

/* What was asked of it in its former life is not for the next one. */
static void start_forgets_requests(void **state)
{
	struct fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[1];

	vcpu->power = VCPU_OFFLINE;
	fixture_start(f);
	await(vcpu, VCPU_PARKED, VCPU_OFFLINE);
	vcpu->requests = 1;
	assert_true(vcpu_claim(vcpu));
	vcpu_release(vcpu, true);
	await_count(&guest.served[1], 1);
	assert_int_equal(guest.last_requests[1], VCPU_REQUEST_START);
}

static void *try_to_claim(void *arg)
{
	return (void *)(uintptr_t)vcpu_claim(arg);
}

static void one_of_several_claims(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[8];
	unsigned won = 0;

	f->vcpus[2].power = VCPU_OFFLINE;
	fixture_start(f);
	await(&f->vcpus[2], VCPU_PARKED, VCPU_OFFLINE);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, try_to_claim,
						&f->vcpus[2]),
				 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *claimed;

		pthread_join(threads[i], &claimed);
		won += claimed != NULL;
	}
	assert_int_equal(won, 1);
	vcpu_release(&f->vcpus[2], false);
}

static void stop_while_offline_and_waiting(void **state)
{
	struct fixture *f = *state;

	f->vcpus[1].power = VCPU_OFFLINE;
	play(2, GUEST_OFFLINE);
	play(3, GUEST_WAIT);
	fixture_start(f);
	await(&f->vcpus[1], VCPU_PARKED, VCPU_OFFLINE);
	await(&f->vcpus[2], VCPU_PARKED, VCPU_OFFLINE);
	await(&f->vcpus[3], VCPU_PARKED, VCPU_WAITING);
	fixture_stop(f);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(f->vcpus[i].state, VCPU_STOPPED);
}

static void stop_while_starting(void **state)
{
	struct fixture *f = *state;

	f->vcpus[1].power = VCPU_OFFLINE;
	fixture_start(f);
	await(&f->vcpus[1], VCPU_PARKED, VCPU_OFFLINE);
	assert_true(vcpu_claim(&f->vcpus[1]));
	fixture_stop(f);
	vcpu_release(&f->vcpus[1], true);
	assert_int_equal(load(&guest.served[1]), 0);
}

static void pause_while_offline_and_waiting(void **state)
{
	struct fixture *f = *state;

	f->vcpus[1].power = VCPU_OFFLINE;
	play(2, GUEST_WAIT);
	fixture_start(f);
	await(&f->vcpus[2], VCPU_PARKED, VCPU_WAITING);
	for (unsigned i = 0; i < 100; i++) {
		alarm(WAIT_SECONDS);
		assert_int_equal(vm_pause(f->vm), 0);
		for (unsigned n = 0; n < CPUS; n++)
			assert_int_equal(f->vcpus[n].state, VCPU_PARKED);
		vm_resume(f->vm);
		alarm(0);
	}
	assert_int_equal(vcpu_power(&f->vcpus[1]), VCPU_OFFLINE);
	assert_int_equal(vcpu_power(&f->vcpus[2]), VCPU_WAITING);

	/* Those that are started during a pause begin after it. */
	assert_int_equal(vm_pause(f->vm), 0);
	assert_true(vcpu_claim(&f->vcpus[1]));
	vcpu_release(&f->vcpus[1], true);
	assert_true(vcpu_wake(&f->vcpus[2]));
	assert_int_equal(load(&guest.served[1]), 0);
	vm_resume(f->vm);
	await_count(&guest.served[1], 1);
	await(&f->vcpus[2], VCPU_RUNNING, VCPU_ONLINE);
}

static void waiting_ends_once(void **state)
{
	struct fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[3];

	play(3, GUEST_WAIT);
	fixture_start(f);
	await(vcpu, VCPU_PARKED, VCPU_WAITING);
	assert_false(vcpu_claim(vcpu));
	/* Served once it runs again. */
	assert_true(vcpu_request(vcpu, 8));
	assert_int_equal(load(&guest.served[3]), 0);
	play(3, GUEST_NOTHING);
	assert_true(vcpu_wake(vcpu));
	assert_false(vcpu_wake(vcpu));
	await_count(&guest.handled[3], 2);
	assert_int_equal(load(&guest.served[3]), 1);
	assert_int_equal(guest.last_requests[3], 8);
	assert_int_equal(load(&guest.refused_waits), 0);
}

/* Somebody has to be left to wake the others. */
static void last_one_does_not_wait(void **state)
{
	struct fixture *f = *state;

	f->vcpus[0].power = VCPU_OFFLINE;
	for (unsigned i = 1; i < CPUS; i++)
		play(i, GUEST_WAIT);
	fixture_start(f);
	for (unsigned i = 1; i < CPUS; i++)
		await_count(&guest.handled[i], 1);
	assert_int_equal(load(&guest.refused_waits), 1);

	unsigned woken = 0;
	for (unsigned i = 0; i < CPUS; i++)
		woken += vcpu_wake(&f->vcpus[i]);
	assert_int_equal(woken, CPUS - 2);
}

static void own_request_comes_after_the_access(void **state)
{
	struct fixture *f = *state;

	play(0, GUEST_ASK_SELF);
	fixture_start(f);
	await_count(&guest.served[0], 1);
	assert_int_equal(guest.last_requests[0], 4);
	assert_int_equal(load(&guest.finished), 1);
}

/*
 * In the guest, which takes its time to leave it when it is kicked: no change
 * that is done may be unknown here.
 */
static int prepare_change(struct kvm_run *run, void *arg)
{
	const struct vcpu *vcpu = arg;
	unsigned left = 500;

	for (unsigned i = 0; i < 5000 && left > 0; i++) {
		unsigned done = load(&guest.mode_done);

		assert_true(load(&guest.seen[vcpu->id]) >= done);
		if (__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
			left--;
	}
	run->exit_reason = GUEST_CHANGE;
	return 0;
}

static int prepare_look(struct kvm_run *run, void *arg)
{
	prepare_change(run, arg);
	run->exit_reason = GUEST_NOTHING;
	return 0;
}

static void storm(struct fixture *f, unsigned callers, bool pauses)
{
	struct fake_exit script[STORM];

	for (unsigned i = 0; i < CPUS; i++) {
		for (unsigned n = 0; n < STORM; n++)
			script[n] = (struct fake_exit){
				.prepare = i < callers ? prepare_change
						       : prepare_look,
				.arg = &f->vcpus[i],
			};
		fake_kvm_script(i, script, STORM);
	}
	fixture_start(f);
	alarm(WAIT_SECONDS);
	for (unsigned i = 0; pauses && i < 200; i++) {
		assert_int_equal(vm_pause(f->vm), 0);
		vm_resume(f->vm);
	}
	for (unsigned i = 0; i < CPUS; i++)
		await_count(&guest.handled[i], STORM);
	alarm(0);
	assert_int_equal(load(&guest.mode), callers * STORM);
	assert_int_equal(load(&guest.mode_done), callers * STORM);
}

static void one_changes_all(void **state)
{
	storm(*state, 1, false);
}

static void all_change_all(void **state)
{
	storm(*state, CPUS, false);
}

static void all_change_all_while_paused(void **state)
{
	storm(*state, CPUS, true);
}

/* Those that are offline take it when they start, and are not waited for. */
static void change_passes_by_offline_vcpus(void **state)
{
	struct fixture *f = *state;

	f->vcpus[1].power = VCPU_OFFLINE;
	play(0, GUEST_CHANGE);
	play(2, GUEST_WAIT);
	fixture_start(f);
	await_count(&guest.handled[0], 1);
	await_count(&guest.served[0], 1);
	await_count(&guest.served[3], 1);
	assert_int_equal(load(&guest.served[1]), 0);
	assert_true(vcpu_claim(&f->vcpus[1]));
	vcpu_release(&f->vcpus[1], true);
	await_count(&guest.served[1], 1);
	assert_int_equal(load(&guest.seen[1]), 1);
}

/* Requests of which a stop comes in between are nobody's business any more. */
static void stop_during_a_storm(void **state)
{
	struct fixture *f = *state;
	struct fake_exit script[STORM];

	for (unsigned i = 0; i < CPUS; i++) {
		for (unsigned n = 0; n < STORM; n++)
			script[n] = (struct fake_exit){
				.prepare = prepare_change,
				.arg = &f->vcpus[i],
			};
		fake_kvm_script(i, script, STORM);
	}
	fixture_start(f);
	await_count(&guest.handled[0], 1);
	fixture_stop(f);
}

int main(void)
{
#define VCPU_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		VCPU_TEST(offline_and_started_again),
		VCPU_TEST(offline_when_the_run_failed),
		VCPU_TEST(start_forgets_requests),
		VCPU_TEST(one_of_several_claims),
		VCPU_TEST(stop_while_offline_and_waiting),
		VCPU_TEST(stop_while_starting),
		VCPU_TEST(pause_while_offline_and_waiting),
		VCPU_TEST(waiting_ends_once),
		VCPU_TEST(last_one_does_not_wait),
		VCPU_TEST(own_request_comes_after_the_access),
		VCPU_TEST(one_changes_all),
		VCPU_TEST(all_change_all),
		VCPU_TEST(all_change_all_while_paused),
		VCPU_TEST(change_passes_by_offline_vcpus),
		VCPU_TEST(stop_during_a_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
