/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: one struct vm owns everything.
 *
 * vm_create() builds it single-threaded from a configuration and freezes it:
 * RAM, MMIO map, devices, interrupt lines and the number of vCPUs do not
 * change after that. vm_run() powers it on, which makes the KVM objects and
 * loads the guest, runs it until something ends it, and powers it off; a
 * reboot is a power-off and power-on within vm_run(), in the same process,
 * with the backends left open.
 *
 * Locks: vm->lock is for life-cycle state only. Order: vm->lock, a device's
 * lock, leaf locks (irqchip, chardev, log, pools). Never two device locks.
 */
#ifndef PRIVET_VMM_VM_H
#define PRIVET_VMM_VM_H

#include <pthread.h>
#include "vmm/config.h"
#include "vmm/evloop.h"
#include "vmm/gmem.h"
#include "vmm/irqchip.h"
#include "vmm/kvm.h"
#include "vmm/log.h"
#include "vmm/mmio.h"
#include "vmm/vcpu.h"

struct pci_bus;
struct sandbox;

#define VM_MAX_DEVICES (CONFIG_MAX_DEVICES + 8)

/** enum vm_stop - Why the machine stops running */
enum vm_stop {
	VM_STOP_NONE,
	VM_STOP_POWEROFF,
	VM_STOP_GUEST_STATUS,
	VM_STOP_PANIC,
	VM_STOP_COLD_REBOOT,
	VM_STOP_WARM_REBOOT,
	VM_STOP_CRASH,
	VM_STOP_USER,
	VM_STOP_TIMEOUT,
	VM_STOP_ERROR,
};

static inline bool vm_stop_is_reboot(enum vm_stop stop)
{
	return stop == VM_STOP_COLD_REBOOT || stop == VM_STOP_WARM_REBOOT;
}

/**
 * struct vm_result - How the machine ended
 * @stop: why; never a reboot unless --no-reboot
 * @guest_status: VM_STOP_GUEST_STATUS: 0 to 255
 * @reboots: how many times it had rebooted before
 * @text: one line for the user
 */
struct vm_result {
	enum vm_stop stop;
	unsigned guest_status;
	unsigned reboots;
	char text[512];
};

/**
 * struct vm - A virtual machine
 * @cfg: not owned; outlives the machine
 * @log: not owned
 * @kvm: device and VM descriptors
 * @gmem: RAM
 * @mmio: device windows
 * @loop: the I/O thread
 * @irqchip: the interrupt controller; owned
 * @pci: the PCI bus; owned by the host bridge's device; NULL without one
 * @devices: in order of creation; owned
 * @consoles: chardevs, same index as cfg->consoles; owned
 * @vcpus: cfg->cpus of them; owned
 * @sandbox: rules for the threads; owned; NULL: --sandbox off
 * @jail: what --user and --jail ask for; owned; may be NULL
 * @status_fd: --status-file, opened before the sandbox closes; or -1
 * @kernel_fd, @initrd_fd: images; owned; initrd -1 when there is none
 * @arch: private to the architecture; owned by it
 * @frozen: topology is final
 * @reboot_limit: of lines that tell of reboots
 * @lock: guards what follows it and vCPU states; @cond signals changes
 * @stop: why the machine has to stop, VM_STOP_NONE while it runs
 * @shutting_down: the guest was asked to shut down: a reboot is the end as well
 * @hurry: the user wants the end at once: nobody waits for readers of consoles
 * @pause: vCPUs have to park
 */
struct vm {
	const struct vm_config *cfg;
	struct log *log;
	struct kvm kvm;
	struct gmem gmem;
	struct mmio_bus mmio;
	struct evloop *loop;
	struct irqchip *irqchip;
	struct pci_bus *pci;
	struct device *devices[VM_MAX_DEVICES];
	unsigned nr_devices;
	unsigned nr_virtio_slots;
	struct chardev *consoles[CONFIG_MAX_CONSOLES];
	struct vcpu *vcpus;
	struct sandbox *sandbox;
	struct jail *jail;
	int status_fd;
	int kernel_fd;
	int initrd_fd;
	void *arch;
	bool frozen;
	struct log_limit reboot_limit;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	enum vm_stop stop;
	bool shutting_down;
	bool hurry;
	bool pause;
	struct vm_result result;
};

/**
 * vm_first_life() - Whether the guest has not rebooted yet
 *
 * What is told of each boot is told then: a guest may reboot without end.
 *
 * Context: main thread.
 */
static inline bool vm_first_life(const struct vm *vm)
{
	return vm->result.reboots == 0;
}

/**
 * vm_create() - Build a machine
 * @cfg: checked configuration
 *
 * Opens everything on the host that the machine will use. On failure nothing
 * stays open and @err has the line for the user.
 */
int vm_create(const struct vm_config *cfg, struct log *log, struct vm **out,
	      struct error *err);
void vm_destroy(struct vm *vm);

/**
 * vm_run() - Power on, run until the end, power off
 * @result: how it ended
 *
 * Return: 0 with @result, or negative errno with @err when the machine could
 * not be powered on.
 */
int vm_run(struct vm *vm, struct vm_result *result, struct error *err);

/**
 * vm_power_on() - KVM VM, memory, vCPUs, irqchip, device bindings, guest
 *
 * Afterwards vCPU 0 is ready to run. vm_run() calls it; tests do too.
 */
int vm_power_on(struct vm *vm, struct error *err);
void vm_power_off(struct vm *vm);

/**
 * vm_request_stop() - Ask for the end; the first request wins
 * @why: reason. VM_STOP_USER after another one: no more waiting for consoles
 * @status: for VM_STOP_GUEST_STATUS: 0 to 255, else ignored
 * @fmt: line for the user
 *
 * Context: any thread; takes vm->lock, so no caller may hold it.
 */
void vm_request_stop(struct vm *vm, enum vm_stop why, unsigned status,
		     const char *fmt, ...) PRINTF_LIKE(4, 5);

/**
 * vm_press_power_button() - Ask the guest to shut itself down
 *
 * A guest that listens and then reboots ends the machine as well, as if it had
 * powered off: it has shut down.
 *
 * Return: false when nothing in the guest listens, or the machine is about to
 * end anyway.
 * Context: the I/O thread; takes the devices' locks, one after the other.
 */
bool vm_press_power_button(struct vm *vm);

/**
 * vm_lock_down() - All threads enter the sandbox
 *
 * Everything on the host is open by then, and no vCPU has run yet.
 * Context: main thread, with the I/O thread running; no lock held.
 */
int vm_lock_down(struct vm *vm, struct error *err);

/** vm_uses_pci() - Whether virtio devices are PCI functions by
 * --virtio-transport
 */
bool vm_uses_pci(const struct vm *vm);

/**
 * vm_pause() - Park all vCPUs and quiesce all devices
 *
 * Return: 0, or -ECANCELED when the machine is about to stop.
 * Context: main thread.
 */
int vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/**
 * vm_save() - The whole machine but RAM, as snapshot sections
 * vm_restore() - The same into a powered-on machine that has not run
 *
 * Context: main thread, while paused.
 */
struct snap_writer;
struct snap_reader;
int vm_save(struct vm *vm, struct snap_writer *w);
int vm_restore(struct vm *vm, struct snap_reader *r, struct error *err);

/** vm_exit_status() - The process's exit status for a result */
enum exit_status vm_exit_status(const struct vm_result *result);

/** vm_stop_name() - "poweroff", "guest-status", "panic", ... */
const char *vm_stop_name(enum vm_stop stop);

#endif
