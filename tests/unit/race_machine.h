/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a disk, a network card and consoles, whose vCPUs run drivers:
 * each entry into the guest is a step of one, and ends with an access to a
 * register.
 */
#ifndef PRIVET_TESTS_RACE_MACHINE_H
#define PRIVET_TESTS_RACE_MACHINE_H

#define FIXTURE_RAM MIB(4)

#include <fcntl.h>

#include "tests/unit/race_blk.h"
#include "tests/unit/race_console.h"
#include "tests/unit/race_net.h"
#include "tests/unit/vcpu_fixture.h"

/* vCPUs of the same numbers have the drivers; the last vCPU only looks. */
enum {
	DEV_BLK,
	DEV_NET,
	DEV_CONSOLE,
	NR_DEVS
};
#define STEPS_TO_RESET 97U

struct machine;

/**
 * struct machine_cpu - What a vCPU does
 * @seed: chooses that
 * @steps: entries into the guest; atomic
 */
struct machine_cpu {
	struct machine *mc;
	unsigned id;
	uint64_t seed;
	unsigned steps;
};

/**
 * struct machine - All of it
 * @look: the drivers of the vCPU that only looks
 * @path: the disk
 * @last_step: the vCPU that makes it stops the machine
 */
struct machine {
	struct fixture f;
	struct device *devs[NR_DEVS];
	struct blk_guest blk;
	struct net_guest net;
	struct con_guest con;
	struct fake_mmio look[NR_DEVS];
	struct machine_cpu cpus[CPUS];
	struct net_host host;
	struct con_clients clients;
	pthread_t host_thread;
	pthread_t client_thread;
	char path[64];
	unsigned last_step;
};

static inline struct guest_dev *machine_guest(struct machine *mc, unsigned dev)
{
	if (dev == DEV_BLK)
		return &mc->blk.g;
	return dev == DEV_NET ? &mc->net.g : &mc->con.g;
}

/*
 * The guest.
 */

static inline void machine_begin(struct machine *mc, unsigned dev)
{
	if (dev == DEV_BLK)
		blk_start(&mc->blk);
	else if (dev == DEV_NET)
		net_begin(&mc->net);
	else
		con_begin(&mc->con);
}

/* Return: a bit for each queue whose doorbell is to be rung. */
static inline unsigned machine_drive(struct machine *mc, unsigned dev,
				     uint64_t x)
{
	if (dev == DEV_BLK)
		return blk_step(&mc->blk, x);
	if (dev == DEV_NET)
		return net_step(&mc->net, x);
	return con_step(&mc->con, x);
}

static inline int exit_mmio(struct kvm_run *run, uint64_t gpa, uint32_t len,
			    bool write, unsigned value)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	le32_store(run->mmio.data, value);
	return 0;
}

static inline int exit_doorbell(struct kvm_run *run, const struct fake_mmio *m,
				unsigned queue)
{
	uint64_t off = (uint64_t)queue * m->pci.notify_multiplier;

	if (m->is_pci)
		return exit_mmio(run, m->pci.notify + off, 2, true, queue);
	return exit_mmio(run, m->base + 0x50, 4, true, queue);
}

static inline int exit_status_read(struct kvm_run *run,
				   const struct fake_mmio *m)
{
	if (m->is_pci)
		return exit_mmio(run, m->pci.common + 20, 1, false, 0);
	return exit_mmio(run, m->base + 0x70, 4, false, 0);
}

/* All doorbells but the last are rung in passing. */
static inline int ring_all(struct kvm_run *run, struct fake_mmio *m,
			   unsigned queues)
{
	unsigned last = 31U - (unsigned)__builtin_clz(queues);

	for (unsigned i = 0; i < last; i++) {
		if (queues >> i & 1)
			fake_mmio_kick(m, i);
	}
	return exit_doorbell(run, m, last);
}

static inline int driver_step(struct machine_cpu *cpu, struct kvm_run *run)
{
	struct machine *mc = cpu->mc;
	struct guest_dev *g = machine_guest(mc, cpu->id);
	uint64_t x = next_random(&cpu->seed);

	if (x % STEPS_TO_RESET == 0) {
		guest_reset(g);
		if (cpu->id == DEV_BLK)
			blk_forget(&mc->blk);
		return exit_status_read(run, &g->m);
	}
	/* A step after the reset. */
	if (g->m.nr_queues == 0) {
		guest_check_rest(g);
		machine_begin(mc, cpu->id);
	}
	unsigned queues = machine_drive(mc, cpu->id, x);

	fake_mmio_irq(&g->m);
	return queues != 0 ? ring_all(run, &g->m, queues)
			   : exit_status_read(run, &g->m);
}

/* Registers of devices that others use: nothing that would change them. */
static inline int look_step(struct machine_cpu *cpu, struct kvm_run *run)
{
	uint64_t x = next_random(&cpu->seed);
	struct fake_mmio *m = &cpu->mc->look[x % NR_DEVS];

	fake_mmio_config(m, x >> 8 & 31, 1);
	fake_mmio_kick(m, x >> 16 & 7);
	if (m->is_pci && (x >> 24 & 3) == 0)
		fake_pci_set(&m->pci, 4, 2, fake_pci_get(&m->pci, 4, 2));
	else if ((x >> 24 & 3) == 1)
		fake_mmio_irq(m);
	return exit_status_read(run, m);
}

static inline int machine_step(struct kvm_run *run, void *arg);

static inline void machine_script(struct machine_cpu *cpu)
{
	struct fake_exit exits[FAKE_MAX_EXITS];

	for (unsigned i = 0; i < FAKE_MAX_EXITS; i++)
		exits[i] = (struct fake_exit){ .prepare = machine_step,
					       .arg = cpu };
	fake_kvm_script(cpu->id, exits, FAKE_MAX_EXITS);
}

static inline int machine_step(struct kvm_run *run, void *arg)
{
	struct machine_cpu *cpu = arg;
	struct machine *mc = cpu->mc;

	/* The last one of a script begins it anew. */
	if (fake_kvm_script_left(cpu->id) == 0)
		machine_script(cpu);
	if (count_up(&cpu->steps) == mc->last_step)
		vm_request_stop(mc->f.vm, VM_STOP_USER, 0, "enough");
	return cpu->id < NR_DEVS ? driver_step(cpu, run) : look_step(cpu, run);
}

/*
 * Building.
 */

static inline struct device *machine_add(struct machine *mc,
					 const struct device_type *type,
					 const char *arg)
{
	const struct device_option *opt = type->option;
	void *opts = calloc(1, opt->size);
	struct error err = { 0 };

	assert_non_null(opts);
	memcpy(opts, opt->defaults, opt->size);
	if (params_parse("option", opt->params, arg, opts, &err) < 0 ||
	    opt->check(opts, &err) < 0)
		fail_msg("%s", err.text);
	struct device *dev = fake_vm_add(mc->f.vm, type, opts);

	params_free(opt->params, opts);
	free(opts);
	return dev;
}

static inline void machine_console(struct machine *mc, unsigned i)
{
	struct vm *vm = mc->f.vm;
	const struct chardev_env env = { .loop = vm->loop, .log = vm->log };
	struct sockaddr_un addr = con_address(&mc->clients, i);
	const struct chardev_config cfg = { .kind = CHARDEV_SOCKET,
					    .path = addr.sun_path,
					    .fd = -1 };
	struct console_config *con = &fake_vm_config(vm)->consoles[i];
	struct error err = { 0 };

	if (chardev_open(&env, "console", &cfg, &vm->consoles[i], &err) < 0)
		fail_msg("%s", err.text);
	vm->consoles[i]->stall_ms = 5;
	con->kind = CONSOLE_PORT;
	con->name = strdup("port");
	fake_vm_config(vm)->nr_consoles = i + 1;
}

static inline void machine_files(struct machine *mc)
{
	snprintf(mc->path, sizeof(mc->path), "/tmp/privet-race-XXXXXX");
	int fd = mkstemp(mc->path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BLK_DISK_BYTES), 0);
	close(fd);
	snprintf(mc->clients.dir, sizeof(mc->clients.dir),
		 "/tmp/privet-race-XXXXXX");
	assert_non_null(mkdtemp(mc->clients.dir));
}

static inline void machine_devices(struct machine *mc)
{
	struct vm *vm = mc->f.vm;
	struct error err = { 0 };

	if (vm->pci != NULL)
		fake_vm_take_msis(vm);
	tap_state = (struct fake_tap){ .vnet_hdr = true };
	mc->devs[DEV_BLK] = machine_add(mc, &virtio_blk_device, mc->path);
	mc->devs[DEV_NET] = machine_add(mc, &virtio_net_device, "tapif=tap0");
	for (unsigned i = 0; i < CON_PORTS; i++)
		machine_console(mc, i);
	mc->devs[DEV_CONSOLE] = fake_vm_add(vm, &virtio_console_device, NULL);
	fake_vm_freeze(vm);
	for (unsigned i = 0; i < CON_PORTS; i++)
		assert_int_equal(chardev_start(vm->consoles[i], &err), 0);
	mc->host.fd = tap_state.fd;
}

static inline void machine_drivers(struct machine *mc)
{
	static const uint64_t features[NR_DEVS] = {
		[DEV_BLK] = VIRTIO_BIT(BLK_F_FLUSH),
		[DEV_NET] = VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
		/* MULTIPORT */
		[DEV_CONSOLE] = VIRTIO_BIT(1),
	};
	uint64_t base = mc->f.vm->gmem.regions[0].gpa;

	for (unsigned i = 0; i < NR_DEVS; i++) {
		guest_init(machine_guest(mc, i), mc->f.vm, i, features[i],
			   base + MIB(1) * (i + 1), MIB(1));
		fake_mmio_init(&mc->look[i], mc->f.vm, i);
	}
}

static inline void machine_init(struct machine *mc)
{
	memset(mc, 0, sizeof(*mc));
	watch("the machine to be built");
	fixture_init(&mc->f, NULL);
	machine_files(mc);
	machine_devices(mc);
	machine_drivers(mc);
	for (unsigned i = 0; i < CPUS; i++)
		mc->cpus[i] = (struct machine_cpu){
			.mc = mc, .id = i, .seed = 0x9e3779b97f4a7c15 + i
		};
}

/* In the order of vm_destroy(). */
static inline void machine_fini(struct machine *mc)
{
	struct vm *vm = mc->f.vm;

	watch("the machine to be taken apart");
	evloop_stop(vm->loop);
	for (unsigned i = vm->nr_devices; i-- > 0;)
		vm->devices[i]->type->destroy(vm->devices[i]);
	vm->nr_devices = 0;
	for (unsigned i = 0; i < CON_PORTS; i++)
		chardev_close(vm->consoles[i]);
	fixture_fini(&mc->f);
	unlink(mc->path);
	/* Every socket file is gone. */
	assert_int_equal(rmdir(mc->clients.dir), 0);
	watch_end();
}

/*
 * A life, as in vm_run().
 */

static inline void machine_power_on(struct machine *mc)
{
	struct vm *vm = mc->f.vm;
	struct error err = { 0 };

	pthread_mutex_lock(&vm->lock);
	vm->stop = VM_STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
	for (unsigned i = 0; i < NR_DEVS; i++) {
		struct device *dev = mc->devs[i];

		assert_int_equal(dev->type->power_on(dev, &err), 0);
		/* PCI functions forget where they were. */
		if (mc->look[i].is_pci) {
			fake_pci_init(&mc->look[i].pci, vm, i);
			machine_guest(mc, i)->m.pci = mc->look[i].pci;
		}
		machine_begin(mc, i);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		mc->f.vcpus[i].requests = 0;
		mc->cpus[i].steps = 0;
		machine_script(&mc->cpus[i]);
	}
	fixture_start(&mc->f);
}

/* With the I/O thread at work, as in vm_power_off(). */
static inline void machine_power_off(struct machine *mc)
{
	for (unsigned i = NR_DEVS; i-- > 0;) {
		struct device *dev = mc->devs[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->reset(dev);
		pthread_mutex_unlock(&dev->lock);
		guest_forget(machine_guest(mc, i));
	}
	blk_forget(&mc->blk);
	for (unsigned i = NR_DEVS; i-- > 0;)
		mc->devs[i]->type->power_off(mc->devs[i]);
}

#endif
