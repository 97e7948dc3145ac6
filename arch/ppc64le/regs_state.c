/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a vCPU: saved and restored. */
#include "vmm/arch.h"

int arch_vcpu_save(struct vcpu *vcpu, struct snap_writer *w)
{
	(void)vcpu;
	(void)w;
	return -ENOSYS;
}

int arch_vcpu_restore(struct vcpu *vcpu, struct snap_reader *r,
		      uint32_t version)
{
	(void)vcpu;
	(void)r;
	(void)version;
	return -ENOSYS;
}
