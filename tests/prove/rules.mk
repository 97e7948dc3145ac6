# SPDX-License-Identifier: Apache-2.0
#
# Proofs for all inputs, with CBMC.

.PHONY: prove
prove: ## prove for all inputs (PROOF=name for one)
	@tests/prove/run $(PROOF)

.PHONY: prove-check
prove-check: ## see that each proof notices a fault
	@tests/prove/run --check $(PROOF)
