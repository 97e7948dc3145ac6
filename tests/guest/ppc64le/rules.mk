# SPDX-License-Identifier: Apache-2.0
#
# Bare-metal guests: each is built twice, as a little-endian and as a
# big-endian ELF file. Some come in every wrapping that the loader takes off.

GUEST     := tests/guest/ppc64le
GUEST_OUT := $(O)/ppc64le/tests/guest
GUEST_BIN := $(if $(filter ppc64le,$(HOST_ARCH)),,powerpc64le-linux-gnu-)

GUEST_NAMES := $(filter-out start,$(basename $(notdir \
                 $(wildcard $(GUEST)/*.S))))
GUESTS := $(GUEST_NAMES:%=$(GUEST_OUT)/%) \
          $(GUEST_NAMES:%=$(GUEST_OUT)/%.be) \
          $(addprefix $(GUEST_OUT)/hello.,gz zst be.gz)

GUEST_FLAGS := -mcpu=power9 -mregnames -mabi=elfv2 -nostdlib -static -no-pie \
               -g -Wa,--fatal-warnings -Wl,-T,$(GUEST)/guest.ld \
               -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
               -Wl,--fatal-warnings

.PHONY: guests
guests: $(GUESTS) ## build the bare-metal guests (ARCH=ppc64le)

GUEST_PARTS := $(GUEST)/start.S $(GUEST)/guest.inc $(GUEST)/blk.inc \
               $(GUEST)/guest.ld $(GUEST)/rules.mk

$(GUEST_NAMES:%=$(GUEST_OUT)/%): $(GUEST_OUT)/%: $(GUEST)/%.S $(GUEST_PARTS)
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_BIN)gcc -mlittle-endian $(GUEST_FLAGS) -o $@ \
		$(GUEST)/start.S $<

$(GUEST_NAMES:%=$(GUEST_OUT)/%.be): $(GUEST_OUT)/%.be: $(GUEST)/%.S \
                                    $(GUEST_PARTS)
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_BIN)gcc -mbig-endian $(GUEST_FLAGS) -o $@ \
		$(GUEST)/start.S $<

# As in wrapped kernels, there is nothing in it that tells when it was made.
$(GUEST_OUT)/%.gz: $(GUEST_OUT)/%
	$(Q)gzip -9nc $< > $@

$(GUEST_OUT)/%.zst: $(GUEST_OUT)/%
	$(Q)zstd -qf -19 $< -o $@
