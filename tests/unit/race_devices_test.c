/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine at work on a fake KVM while it is paused, saved, reset and
 * stopped: vCPUs, the I/O thread, disk workers, the network and clients of
 * consoles all at once. Every chain comes back once, or is lost in a reset;
 * what is paused or reset touches nothing; nothing hangs. ThreadSanitizer
 * (tests/check tsan) looks for what these do not show.
 */
#include "tests/unit/race_machine.h"

#include "vmm/snapshot.h"

#define LIVES      8U
#define LIFE_STEPS 2000U
#define PAUSES     60U
/* Steps of all vCPUs between two pauses. */
#define GAP 8U

static unsigned all_steps(struct machine *mc)
{
	unsigned steps = 0;

	for (unsigned i = 0; i < CPUS; i++)
		steps += count_load(&mc->cpus[i].steps);
	return steps;
}

static bool stopping(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool stop = vm->stop != VM_STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
	return stop;
}

static void await_steps(struct machine *mc, unsigned more)
{
	unsigned before = all_steps(mc);

	while (all_steps(mc) - before < more && !stopping(mc->f.vm))
		sched_yield();
}

/** struct stand - How far everybody has come */
struct stand {
	unsigned steps;
	uint16_t used[NR_DEVS][GUEST_QUEUES];
};

static void take_stand(struct machine *mc, struct stand *s)
{
	memset(s, 0, sizeof(*s));
	s->steps = all_steps(mc);
	for (unsigned i = 0; i < NR_DEVS; i++) {
		struct guest_dev *g = machine_guest(mc, i);

		for (unsigned q = 0; q < g->m.nr_queues; q++)
			s->used[i][q] = fake_queue_used_idx(&g->m.queues[q]);
	}
}

static void save_devices(struct machine *mc)
{
	struct snap_writer w;

	snap_writer_init(&w, arch_info.name);
	for (unsigned i = 0; i < NR_DEVS; i++)
		assert_int_equal(device_save(mc->devs[i], &w), 0);
	assert_int_equal(snap_finish(&w), 0);
	snap_writer_free(&w);
}

static unsigned disk_in_flight(struct machine *mc)
{
	struct virtio_device *vdev =
		container_of(mc->devs[DEV_BLK], struct virtio_device, dev);
	struct disk *disk = to_blk(vdev)->disk;

	pthread_mutex_lock(&disk->lock);
	unsigned count = disk->in_flight;
	pthread_mutex_unlock(&disk->lock);
	return count;
}

/* While paused no vCPU makes a step and no device touches a ring. */
static void check_pause(struct machine *mc)
{
	struct stand before, after;

	take_stand(mc, &before);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(mc->f.vcpus[i].state, VCPU_PARKED);
	assert_int_equal(disk_in_flight(mc), 0);
	save_devices(mc);
	for (unsigned i = 0; i < 20; i++)
		sched_yield();
	take_stand(mc, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	for (unsigned i = 0; i < NR_DEVS; i++)
		guest_check_counts(machine_guest(mc, i));
}

static void pause_often(struct machine *mc, unsigned most)
{
	for (unsigned n = 0; n < most; n++) {
		watch("steps of the guest between two pauses");
		await_steps(mc, GAP);
		watch("a pause");
		if (vm_pause(mc->f.vm) < 0)
			return;
		check_pause(mc);
		vm_resume(mc->f.vm);
	}
}

/** struct late_stop - The end of a life as the I/O thread may bring it */
struct late_stop {
	struct ev_work work;
	struct vm *vm;
};

static void on_stop_work(struct ev_work *work)
{
	struct late_stop *stop = container_of(work, struct late_stop, work);

	vm_request_stop(stop->vm, VM_STOP_TIMEOUT, 0, "time is over");
}

/*
 * Who ends a life, by its number: a vCPU among pauses; the I/O thread; the
 * main thread; a vCPU without pauses.
 */
static void live(struct machine *mc, unsigned life, struct late_stop *stop)
{
	struct vm *vm = mc->f.vm;
	unsigned by = life % 4;

	mc->last_step = by == 0 || by == 3 ? LIFE_STEPS : UINT32_MAX;
	machine_power_on(mc);
	if (by != 3)
		pause_often(mc, by == 0 ? UINT32_MAX : PAUSES);
	if (by == 1)
		evloop_post(vm->loop, &stop->work);
	if (by == 2)
		vm_request_stop(vm, VM_STOP_USER, 0, "enough");
	watch("the machine to stop");
	while (!stopping(vm))
		sched_yield();
	for (unsigned i = 0; i < CPUS; i++)
		vcpu_join(&mc->f.vcpus[i]);
}

/* What the guest has asked for is done, although it is gone. */
static void await_devices(struct machine *mc)
{
	watch("disk requests whose doorbell had rung");
	while (guest_in_flight(&mc->blk.g, 0) > 0) {
		blk_take(&mc->blk);
		sched_yield();
	}
	watch("packets whose doorbell had rung");
	while (guest_in_flight(&mc->net.g, TX) > 0) {
		net_take(&mc->net);
		sched_yield();
	}
}

/* Switched off: nothing is in flight, and nothing is written any more. */
static void check_end(struct machine *mc)
{
	assert_int_equal(disk_in_flight(mc), 0);
	for (unsigned i = 0; i < NR_DEVS; i++) {
		guest_check_counts(machine_guest(mc, i));
		guest_check_rest(machine_guest(mc, i));
	}
}

static void start_hosts(struct machine *mc)
{
	struct error err = { 0 };

	assert_int_equal(evloop_start(mc->f.vm->loop, &err), 0);
	mc->host_thread = start_thread(net_host_run, &mc->host);
	mc->client_thread = start_thread(con_clients_run, &mc->clients);
}

static void stop_hosts(struct machine *mc)
{
	watch("host and clients to stop");
	__atomic_store_n(&mc->host.done, true, __ATOMIC_RELAXED);
	__atomic_store_n(&mc->clients.done, true, __ATOMIC_RELAXED);
	pthread_join(mc->host_thread, NULL);
	pthread_join(mc->client_thread, NULL);
}

/* None of them was kept from its work. */
static void check_work(struct machine *mc)
{
	print_message("# disk: %u written, %u compared; net: %u in, %u out; "
		      "console: %u bytes, %u clients; %u chains lost\n",
		      mc->blk.written, mc->blk.compared, mc->net.received,
		      mc->host.received, mc->con.bytes, mc->clients.count,
		      mc->blk.g.dropped + mc->net.g.dropped +
			      mc->con.g.dropped);
	assert_true(mc->blk.written > 0 && mc->blk.compared > 0);
	assert_true(mc->net.received > 0 && mc->host.received > 0);
	assert_true(mc->con.bytes > 0 && mc->clients.count > 0);
	if (mc->f.vm->pci != NULL)
		assert_true(fake_msis(mc->f.vm, NULL) > 0);
	/* And the log did not grow with it. */
	assert_true(strlen(fake_vm_log(mc->f.vm)) < 8192);
}

static void lives(void **state)
{
	static struct machine mc;
	struct late_stop stop = { .work.fn = on_stop_work };

	(void)state;
	machine_init(&mc);
	stop.vm = mc.f.vm;
	start_hosts(&mc);
	for (unsigned life = 0; life < LIVES; life++) {
		live(&mc, life, &stop);
		if (life % 8 < 4)
			await_devices(&mc);
		machine_power_off(&mc);
		check_end(&mc);
	}
	stop_hosts(&mc);
	check_work(&mc);
	machine_fini(&mc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
