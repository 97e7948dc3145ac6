# SPDX-License-Identifier: Apache-2.0
#
# make            build ./privet for this machine (riscv64 or ppc64le)
# make boot       boot a stock Debian guest under privet, on any x86_64
# make check      all tests that need no special hardware
# make help       everything else

HOST_ARCH := $(shell uname -m)
ARCH      ?= $(if $(filter riscv64 ppc64le,$(HOST_ARCH)),$(HOST_ARCH),none)
HOSTED    ?=
V         ?=
O         ?= build
prefix    ?= /usr/local
bindir    ?= $(prefix)/bin
mandir    ?= $(prefix)/share/man

VERSION := $(shell cat VERSION)
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

.SUFFIXES:
.DELETE_ON_ERROR:
# Objects are kept, also those that only lead to something else.
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# --- which compiler, against which headers and libraries --------------------

TRIPLET_riscv64 := riscv64-linux-gnu
TRIPLET_ppc64le := powerpc64le-linux-gnu
TRIPLET         := $(TRIPLET_$(ARCH))

# Hosted: the architecture's code built for this machine, for its unit tests.
# Only KVM's headers come from the target: the layouts agree (see docs/HACKING).
ifeq ($(filter none riscv64 ppc64le,$(ARCH)),)
  $(error ARCH=$(ARCH) is unknown: name riscv64 or ppc64le)
else ifneq ($(HOSTED),)
  B        := $(O)/host-$(ARCH)$(if $(filter thread,$(SAN)),-tsan)
  CC       := gcc
  SAN      ?= address,undefined
  ARCH_CPPFLAGS := -isystem $(O)/uapi/$(ARCH)
  ARCH_CFLAGS   := -fsanitize=$(SAN) -fno-sanitize-recover=all \
                   -fno-omit-frame-pointer
  ARCH_LDFLAGS  := -fsanitize=$(SAN)
else ifeq ($(ARCH),none)
  B  := $(O)/none
else ifeq ($(HOST_ARCH),$(ARCH))
  B  := $(O)/$(ARCH)
  CC ?= cc
  ARCH_CFLAGS  := -fPIE
  ARCH_LDFLAGS := -pie
else
  B       := $(O)/$(ARCH)
  CROSS_COMPILE ?= $(TRIPLET)-
  CC      := $(CROSS_COMPILE)gcc
  SYSROOT ?= $(O)/sysroot/$(ARCH)
  # Strictly the sysroot: the cross compiler may bring a C library of its own.
  # From .tools comes a linker, where the machine's is too old for the sysroot.
  ARCH_CPPFLAGS := --sysroot=$(SYSROOT) -nostdinc \
                   -isystem $(shell $(CC) -print-file-name=include \
                     2>/dev/null) \
                   -isystem $(SYSROOT)/usr/include/$(TRIPLET) \
                   -isystem $(SYSROOT)/usr/include
  ARCH_CFLAGS   := -fPIE
  ARCH_LDFLAGS  := --sysroot=$(SYSROOT) -B$(SYSROOT).tools/ \
                   -B$(SYSROOT)/usr/lib/$(TRIPLET)/ \
                   -L$(SYSROOT)/usr/lib/$(TRIPLET)
  # ppc64le's C library has no rcrt1.o for -static-pie, and gcc 12 for riscv64
  # does not tell the linker of it. cmocka comes as a shared library only.
  PROGRAM_LDFLAGS_riscv64 := -static-pie \
                             -Wl,-static,-pie,--no-dynamic-linker,-z,text
  PROGRAM_LDFLAGS_ppc64le := -static
  PROGRAM_LDFLAGS := $(PROGRAM_LDFLAGS_$(ARCH))
  TEST_LDFLAGS    := -pie
endif

# What has to be there before anything is compiled.
READY := $(if $(filter none,$(ARCH)),no-arch,$(if \
           $(filter $(HOST_ARCH),$(ARCH)),,$(O)/sysroot/$(ARCH).ready))

# --- flags -------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings

# gcc 12 takes "a < 0 && a != -38 && a != -95 && ..." for true where a >= 0.
SOUND    := $(if $(shell $(CC) --version 2>/dev/null | \
              grep -i 'free software foundation'),-fno-tree-reassoc)

WERROR   ?= $(if $(HOSTED)$(CI),-Werror)

CPPFLAGS_ALL := -I. -D_GNU_SOURCE -D__SANE_USERSPACE_TYPES__ \
                $(ARCH_CPPFLAGS) $(CPPFLAGS)
CFLAGS_ALL   := -std=gnu11 -O2 -g -pthread -fno-common $(SOUND) \
                -fstack-protector-strong -Wframe-larger-than=8192 \
                $(if $(HOSTED),,-D_FORTIFY_SOURCE=2) \
                $(WARNINGS) $(WERROR) $(ARCH_CFLAGS) $(CFLAGS)
LDFLAGS_ALL  := -pthread -Wl,-z,relro,-z,now,-z,noexecstack \
                $(ARCH_LDFLAGS) $(LDFLAGS)
LIBS         := -lfdt -lz -lzstd -lseccomp

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# --- sources -----------------------------------------------------------------

CORE_SRCS := $(filter-out vmm/main.c,$(sort $(wildcard vmm/*.c devices/*.c)))
ARCH_SRCS := $(sort $(wildcard arch/$(ARCH)/*.c))
TEST_SRCS := $(sort $(wildcard tests/unit/*_test.c) \
             $(wildcard tests/unit/$(ARCH)/*_test.c))
FAKE_SRCS := $(sort $(wildcard tests/fakes/*.c tests/fakes/$(ARCH)/*.c))

CORE_OBJS := $(CORE_SRCS:%.c=$(B)/%.o)
ARCH_OBJS := $(ARCH_SRCS:%.c=$(B)/%.o)
FAKE_OBJS := $(FAKE_SRCS:%.c=$(B)/%.o)
TESTS     := $(TEST_SRCS:%.c=$(B)/%)

$(B)/vmm/gmem.o $(B)/devices/%.o: WARNINGS += -Wconversion

# --- building ----------------------------------------------------------------

.PHONY: all
all: privet ## build ./privet for this machine

ifeq ($(ARCH),none)
.PHONY: privet
privet:
	@echo "privet: this machine is $(HOST_ARCH), the monitor runs on riscv64" \
	      "and ppc64le: try 'make boot', 'make check', or" \
	      "'make ARCH=riscv64 cross'" >&2; exit 2
else
privet: $(B)/privet
	$(call say,CP,$@)
	$(Q)cp $< $@
endif

.PHONY: cross
cross: $(B)/privet ## cross-build build/ARCH/privet (ARCH=riscv64)

.PHONY: core
core: $(CORE_OBJS) ## compile only what is neutral (any ARCH)

$(B)/privet: $(B)/vmm/main.o $(B)/libprivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libprivet.a: $(CORE_OBJS) $(ARCH_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(if $(HOSTED),gcc-ar,$(CROSS_COMPILE)ar) rcs $@ $^

$(B)/%.o: %.c Makefile $(READY)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The version is compiled into one file only, so that a commit rebuilds one.
VERSION_CPPFLAGS := -DPRIVET_VERSION='"$(VERSION)"' \
                    -DPRIVET_COMMIT='"$(COMMIT)"'
$(B)/vmm/main.o: private CPPFLAGS_ALL += $(VERSION_CPPFLAGS)
$(B)/vmm/main.o: $(B)/version

# Names of the system calls, for the line that tells of a violation.
$(B)/vmm/sandbox.o: private CPPFLAGS_ALL += -I$(B)/vmm
$(B)/vmm/sandbox.o: $(B)/vmm/syscall_names.inc
$(B)/vmm/syscall_names.inc: Makefile $(READY)
	@mkdir -p $(@D)
	$(Q)echo '#include <sys/syscall.h>' | \
		$(CC) $(CPPFLAGS_ALL) -E -dM - | sed -n -E \
		's/^#define __NR_([a-z0-9_]+) +[0-9(].*/[__NR_\1] = "\1",/p' \
		> $@

$(B)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || \
		echo '$(VERSION) $(COMMIT)' > $@

# Headers and libraries of the target, or of its KVM for a hosted build. The
# file changes when they do.
$(O)/sysroot/%.ready: FORCE
	@tests/lab/sysroot $*

.PHONY: FORCE no-arch
FORCE:
no-arch:
	@echo "privet: name an architecture: ARCH=riscv64 or ARCH=ppc64le" >&2
	@exit 2

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- tests -------------------------------------------------------------------

# A test links its object first, then the fakes, which take the place of
# libprivet's own object of the same name (kvm_sys).
$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(B)/tests/libfakes.a \
                        $(B)/libprivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(TEST_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# Calls of the C library that these tests make fail (tests/fakes/fail_nth.h).
FAIL_CALLS := calloc malloc realloc strdup strndup open __open_2 fopen fcntl \
              pipe2 stat fstat pread eventfd epoll_create1 epoll_ctl \
              timerfd_create mmap madvise memfd_create pthread_create
FAIL_TESTS := $(ARCH)/vm_test fault_build_test fault_devices_test \
              fault_sandbox_test
$(FAIL_TESTS:%=$(B)/tests/unit/%): \
	TEST_LDFLAGS += $(FAIL_CALLS:%=-Wl,--wrap=%)

# Calls about what tests/fakes/fake_devices.h has.
DEVICE_CALLS := ioctl if_nametoindex
$(B)/tests/unit/fault_devices_test: \
	TEST_LDFLAGS += $(DEVICE_CALLS:%=-Wl,--wrap=%)

# Calls that tests/fakes/fake_rights.h writes down.
RIGHTS_CALLS := prctl syscall setrlimit getrlimit unshare setns mount umount2 \
                chdir dup3 fork setpgid geteuid sigaction fgetpwent fgetgrent \
                seccomp_init seccomp_rule_add_array \
                seccomp_export_bpf
$(B)/tests/unit/fault_sandbox_test: \
	TEST_LDFLAGS += $(RIGHTS_CALLS:%=-Wl,--wrap=%)

$(B)/tests/unit/attack_endless_test $(B)/tests/unit/attack_endless_pci_test: \
	TEST_LDFLAGS += -Wl,--wrap=virtq_push

$(B)/tests/libfakes.a: $(FAKE_OBJS)
	$(Q)rm -f $@ && $(if $(HOSTED),gcc-ar,$(CROSS_COMPILE)ar) rcs $@ $^

.PHONY: tests
tests: $(TESTS) ## build the unit tests (HOSTED=1 for this machine)

# The other end of consoles, and what prints the sandbox's rules, in the system
# tests.
SYSTEM_HELPERS := $(addprefix $(B)/tests/system/,peer rules flood)
.PHONY: peer
peer: $(SYSTEM_HELPERS) ## helpers of system tests

$(SYSTEM_HELPERS): %: %.o $(B)/libprivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(PROGRAM_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: boot
boot: ## boot a stock Debian guest (ARCH); CMD='...' runs a command in it
	@tests/lab/boot $(if $(filter-out none,$(ARCH)),--arch $(ARCH)) \
		$(if $(value CMD),--cmd "$$CMD")
# As it was given: no dollar sign of a command is make's.
override CMD := $(value CMD)
export CMD

.PHONY: check
check: ## run every test that needs no special hardware
	@tests/check

.PHONY: check-unit
check-unit: ## unit tests only
	@tests/check unit

.PHONY: lint
lint: ## format, static analysis, shell scripts, include direction
	@tests/lab/install lint
	@tests/lint/run

.PHONY: format
format: ## apply clang-format
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

-include tests/guest/$(ARCH)/rules.mk
-include tests/prove/rules.mk
-include tests/fuzz/rules.mk

# --- the rest ----------------------------------------------------------------

.PHONY: install
install: privet ## install under DESTDIR and prefix
	install -D -m 755 privet $(DESTDIR)$(bindir)/privet
	install -D -m 644 docs/privet.1 $(DESTDIR)$(mandir)/man1/privet.1

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/privet $(DESTDIR)$(mandir)/man1/privet.1

.PHONY: clean
clean: ## remove objects; keeps what was unpacked from packages
	rm -rf $(O)/riscv64 $(O)/ppc64le $(O)/host-* privet

.PHONY: distclean
distclean: ## remove the whole build folder
	rm -rf $(O) privet

.PHONY: print-cflags
print-cflags:
	@echo $(CPPFLAGS_ALL) $(VERSION_CPPFLAGS) $(CFLAGS_ALL)

.PHONY: print-tests
print-tests:
	@echo $(TESTS)

.PHONY: print-program-ldflags print-test-ldflags
print-program-ldflags:
	@echo $(LDFLAGS_ALL) $(PROGRAM_LDFLAGS)
print-test-ldflags:
	@echo $(LDFLAGS_ALL) $(TEST_LDFLAGS)

.PHONY: help
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
