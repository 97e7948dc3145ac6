/* SPDX-License-Identifier: Apache-2.0 */
/* A host of ppc64le guests: see fake_host.h. */
#include "tests/fakes/fake_host.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake_kvm.h"
#include "vmm/util.h"

/* What KVM gives a fresh vCPU. */
#define FRESH_LPCR UINT64_C(0x0040000000f07c04)

const char *const fake_host_mem = "128M";

const char *const fake_host_irqchips[] = { "xics", "xics-emulated", NULL };

void fake_host_init(void)
{
	static const unsigned caps[] = {
		KVM_CAP_PPC_PAPR,      KVM_CAP_PPC_ENABLE_HCALL,
		KVM_CAP_PPC_MMU_RADIX, KVM_CAP_IRQ_XICS,
		KVM_CAP_PPC_UNSET_IRQ, KVM_CAP_PPC_IRQ_LEVEL,
	};
	static const struct kvm_ppc_rmmu_info rmmu;
	/* The first member of KVM_GET_SREGS's struct; nothing else is used. */
	static const uint32_t pvr = 0x004e1202;

	fake_kvm_reset();
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		fake_kvm_set_cap(caps[i], 1);
	fake_kvm_answer(KVM_PPC_GET_RMMU_INFO, &rmmu, sizeof(rmmu));
	fake_kvm_answer(KVM_GET_SREGS, &pvr, sizeof(pvr));
	fake_kvm_accept(KVM_PPC_CONFIGURE_V3_MMU,
			sizeof(struct kvm_ppc_mmuv3_cfg));
	fake_kvm_accept(KVM_PPC_RTAS_DEFINE_TOKEN,
			sizeof(struct kvm_rtas_token_args));
	fake_kvm_set_default_reg(KVM_REG_PPC_TB_OFFSET, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_LPCR_64, FRESH_LPCR);
	fake_kvm_set_default_reg(KVM_REG_PPC_DSCR, 0);
	fake_kvm_set_default_reg(KVM_REG_PPC_ICP_STATE, 0);
}

/* An ELF file of one segment that is loaded to address 0. */
void fake_host_offer(void)
{
	/* fake_host_init() has done it. */
}

int fake_host_kernel(void)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
		uint32_t code[4];
	} file = {
		.head = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				     ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_PPC64,
			.e_version = EV_CURRENT,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			.p_filesz = sizeof(file.code),
			.p_memsz = sizeof(file.code),
		},
	};
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	if (fd < 0 || write(fd, &file, sizeof(file)) != sizeof(file))
		abort();
	return fd;
}
