# SPDX-License-Identifier: Apache-2.0
#
# Fuzzing: libFuzzer targets of the guest- and file-facing code, built by clang
# from the sources of the hosted build, in build/fuzz-ARCH.
#
#   make fuzz FUZZ=blk TIME=60         run one
#   make fuzz-list                     what there is
#   make fuzz-replay                   all corpora, with the hosted build
#   make coverage                      what the corpora reach
#
# A target is tests/fuzz/NAME_fuzz.c, or tests/fuzz/ARCH/NAME_fuzz.c for code
# of one architecture. Its corpus is tests/fuzz/corpus/NAME.

FUZZ ?=
TIME ?= 60

FUZZ_SRCS    := $(sort $(wildcard tests/fuzz/*_fuzz.c) \
                $(wildcard tests/fuzz/$(ARCH)/*_fuzz.c))
FUZZ_TARGETS := $(FUZZ_SRCS:%.c=$(B)/%)
FUZZ_REPLAYS := $(FUZZ_SRCS:%_fuzz.c=$(B)/%_replay)

# The architecture that the target is for; riscv64 for those that are neutral.
FUZZ_ARCH := $(if $(filter none,$(ARCH)),$(or \
               $(patsubst tests/fuzz/%/$(FUZZ)_fuzz.c,%,$(wildcard \
                 tests/fuzz/*/$(FUZZ)_fuzz.c)),riscv64),$(ARCH))
FUZZ_FILE := $(wildcard tests/fuzz/$(FUZZ)_fuzz.c \
               tests/fuzz/$(FUZZ_ARCH)/$(FUZZ)_fuzz.c)

FUZZ_MAKE := $(MAKE) --no-print-directory HOSTED=1 CC=clang WERROR=
FUZZ_CFLAGS := -O1 -Wno-frame-larger-than -fsanitize=fuzzer-no-link
COV_CFLAGS  := -O1 -Wno-frame-larger-than -fprofile-instr-generate \
               -fcoverage-mapping

$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/libfakes.a \
                        $(B)/libprivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS) -lcmocka

$(B)/tests/fuzz/%_replay: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/replay.o \
                          $(B)/tests/libfakes.a $(B)/libprivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(TEST_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: fuzz
fuzz: ## run one fuzz target: FUZZ=name TIME=seconds
	$(if $(FUZZ_FILE),,@echo "make fuzz: FUZZ='$(FUZZ)' is no target:" \
		"see 'make fuzz-list'" >&2; exit 2)
	@tests/lab/install build unit fuzz
	@$(FUZZ_MAKE) ARCH=$(FUZZ_ARCH) B=$(O)/fuzz-$(FUZZ_ARCH) \
		CFLAGS='$(FUZZ_CFLAGS)' \
		$(FUZZ_FILE:%.c=$(O)/fuzz-$(FUZZ_ARCH)/%)
	@tests/fuzz/run fuzz $(FUZZ_ARCH) $(FUZZ_FILE:%.c=%) $(TIME)

.PHONY: fuzz-list
fuzz-list: ## names of the fuzz targets
	@find tests/fuzz -name '*_fuzz.c' | sed 's|.*/\(.*\)_fuzz.c|\1|' | sort

.PHONY: fuzz-targets fuzz-replays print-fuzz-replays
fuzz-targets: $(FUZZ_TARGETS)
fuzz-replays: $(FUZZ_REPLAYS)
print-fuzz-replays:
	@echo $(FUZZ_REPLAYS)

.PHONY: fuzz-replay
fuzz-replay: ## give the fuzz targets their corpora, without libFuzzer
	@tests/check fuzz

.PHONY: coverage
coverage: ## line coverage of guest-facing code by the fuzzers' corpora
	@tests/lab/install build unit fuzz
	@for arch in riscv64 ppc64le; do \
		$(FUZZ_MAKE) ARCH=$$arch B=$(O)/cov-$$arch \
			CFLAGS='$(COV_CFLAGS)' LDFLAGS=-fprofile-instr-generate \
			fuzz-replays || exit; \
	done
	@tests/fuzz/run coverage
