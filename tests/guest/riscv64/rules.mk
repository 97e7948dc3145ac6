# SPDX-License-Identifier: Apache-2.0
#
# Bare-metal guests: each is linked once, and comes as a flat Image and as an
# ELF file. Some come in every wrapping that the loader takes off.

GUEST     := tests/guest/riscv64
GUEST_OUT := $(O)/riscv64/tests/guest
GUEST_BIN := $(if $(filter riscv64,$(HOST_ARCH)),,riscv64-linux-gnu-)

GUEST_NAMES := $(filter-out start zboot,$(basename $(notdir \
                 $(wildcard $(GUEST)/*.S))))
GUESTS := $(GUEST_NAMES:%=$(GUEST_OUT)/%) \
          $(GUEST_NAMES:%=$(GUEST_OUT)/%.elf) \
          $(addprefix $(GUEST_OUT)/hello-serial.,gz zst zboot elf.gz)

GUEST_FLAGS := -march=rv64gc -mabi=lp64d -mcmodel=medany -nostdlib -static \
               -no-pie -fno-pic -g -Wa,--fatal-warnings \
               -Wl,-T,$(GUEST)/guest.ld -Wl,--build-id=none \
               -Wl,--no-warn-rwx-segments -Wl,--fatal-warnings

.PHONY: guests
guests: $(GUESTS) ## build the bare-metal guests (ARCH=riscv64)

$(GUEST_OUT)/%.elf: $(GUEST)/%.S $(GUEST)/start.S $(GUEST)/guest.inc \
                    $(GUEST)/blk.inc $(GUEST)/guest.ld $(GUEST)/rules.mk
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_BIN)gcc $(GUEST_FLAGS) -o $@ $(GUEST)/start.S $<

$(GUEST_NAMES:%=$(GUEST_OUT)/%): %: %.elf
	$(Q)$(GUEST_BIN)objcopy -O binary $< $@

# As in wrapped kernels, there is nothing in it that tells when it was made.
$(GUEST_OUT)/%.gz: $(GUEST_OUT)/%
	$(Q)gzip -9nc $< > $@

$(GUEST_OUT)/%.zst: $(GUEST_OUT)/%
	$(Q)zstd -qf -19 $< -o $@

$(GUEST_OUT)/%.zboot: $(GUEST)/zboot.S $(GUEST_OUT)/%.gz
	$(Q)$(GUEST_BIN)gcc -DPAYLOAD='"$(GUEST_OUT)/$*.gz"' -c -o $@.o $<
	$(Q)$(GUEST_BIN)objcopy -O binary -j .head $@.o $@ && rm $@.o
