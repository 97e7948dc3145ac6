/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fake KVM: takes the place of vmm/kvm_sys.c.
 *
 * It keeps registers, memory slots, irqfds, ioeventfds and device attributes,
 * plays scripted exits, and can fail the Nth call. Descriptors are real ones,
 * so that a leak shows in /proc/self/fd. State is per process: call
 * fake_kvm_reset() first in each test.
 */
#ifndef PRIVET_TESTS_FAKE_KVM_H
#define PRIVET_TESTS_FAKE_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_MAX_VCPUS    8
#define FAKE_MAX_REGS     512
#define FAKE_MAX_EXITS    64
#define FAKE_MAX_ATTRS    512
#define FAKE_MAX_BINDINGS 64
#define FAKE_MAX_CALLS    16
#define FAKE_MAX_ENABLED  64

/**
 * struct fake_exit - One scripted exit of a vCPU
 * @prepare: fills kvm_run; its result is KVM_RUN's (0, or negative errno)
 * @finish: looks at kvm_run when the vCPU enters again (may be NULL)
 * @arg: for both
 *
 * A store that a bound ioeventfd matches does not exit: the eventfd is
 * signalled and the next exit is played.
 *
 * Registers are not for other threads while KVM_RUN lasts: KVM would keep them
 * waiting until it ends, the fake ends the test.
 */
struct fake_exit {
	int (*prepare)(struct kvm_run *run, void *arg);
	void (*finish)(struct kvm_run *run, void *arg);
	void *arg;
};

/** fake_kvm_reset() - Forget everything; defaults of a host without AIA */
void fake_kvm_reset(void);

/** fake_kvm_set_cap() - Value of a capability */
void fake_kvm_set_cap(unsigned cap, int value);

/** fake_kvm_set_default_reg() - A register that every new vCPU has */
void fake_kvm_set_default_reg(uint64_t id, uint64_t value);

/** fake_kvm_refuse_reg() - Reads and writes of @id fail with @error */
void fake_kvm_refuse_reg(uint64_t id, int error);

/** fake_kvm_refuse_set() - Writes of a vCPU's @id fail with @error */
void fake_kvm_refuse_set(unsigned vcpu, uint64_t id, int error);

/** fake_kvm_reg() - A vCPU's register; false when it has none such */
bool fake_kvm_reg(unsigned vcpu, uint64_t id, uint64_t *value);
void fake_kvm_set_reg(unsigned vcpu, uint64_t id, uint64_t value);

/** fake_kvm_vcpu_fd() - Make a vCPU outside a machine, for register tests */
int fake_kvm_vcpu_fd(unsigned vcpu);

/**
 * fake_kvm_script() - What a vCPU's next KVM_RUNs do
 *
 * After the last one KVM_RUN waits until it is kicked.
 */
void fake_kvm_script(unsigned vcpu, const struct fake_exit *exits,
		     unsigned count);

/**
 * fake_kvm_eager() - Whether scripts are played even when a KVM_RUN is only to
 * complete an access (immediate_exit): it may fail at that, too
 */
void fake_kvm_eager(bool eager);

/** fake_kvm_script_left() - Exits not played yet */
unsigned fake_kvm_script_left(unsigned vcpu);

/**
 * fake_kvm_fail_nth() - Make the @nth call from now fail with @error
 * @nth: from 1; 0: none
 */
void fake_kvm_fail_nth(unsigned nth, int error);

/** fake_kvm_failed() - Whether that call was reached */
bool fake_kvm_failed(void);

/** fake_kvm_open_fds() - Descriptors that the fake gave out and are open */
int fake_kvm_open_fds(void);

/** fake_kvm_interrupt() - Last KVM_INTERRUPT of a vCPU; 0 for none */
unsigned fake_kvm_interrupt(unsigned vcpu);

/** fake_kvm_line() - Level and number of rising edges of KVM_IRQ_LINE */
bool fake_kvm_line(unsigned irq, unsigned *edges);

/** fake_kvm_irqfd() - The eventfd bound to @gsi, or -1 */
int fake_kvm_irqfd(unsigned gsi);

/**
 * fake_kvm_msis() - How many messages KVM was told to deliver
 * @addr, @data: receive the last one; may be NULL
 */
unsigned fake_kvm_msis(uint64_t *addr, uint32_t *data);

/** fake_kvm_ioeventfds() - How many are bound */
unsigned fake_kvm_ioeventfds(void);

/** fake_kvm_attr() - A device attribute that was set; false when none */
bool fake_kvm_attr(uint32_t group, uint64_t attr, uint64_t *value);
void fake_kvm_set_attr(uint32_t group, uint64_t attr, uint64_t value);

/**
 * fake_kvm_answer() - What an ioctl of a VM or vCPU that the fake does not know
 * gives its caller
 */
void fake_kvm_answer(unsigned long request, const void *data, size_t size);

/** fake_kvm_accept() - Take @size bytes of such an ioctl; kept for later */
void fake_kvm_accept(unsigned long request, size_t size);

/** fake_kvm_taken() - How often it came; @data gets what came last */
unsigned fake_kvm_taken(unsigned long request, void *data, size_t size);

/** fake_kvm_refuse() - Let every ioctl of this kind fail; 0: no more */
void fake_kvm_refuse(unsigned long request, int error);

/**
 * fake_kvm_enabled() - Last KVM_ENABLE_CAP of @cap with a first argument of
 * @arg0
 * @arg1: its second argument; may be NULL
 *
 * Return: how often it came, on any descriptor.
 */
unsigned fake_kvm_enabled(unsigned cap, uint64_t arg0, uint64_t *arg1);

/** fake_kvm_mp_state() - A vCPU's MP state */
uint32_t fake_kvm_mp_state(unsigned vcpu);

#endif
