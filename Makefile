# Every target prepares what it needs (scripts/setup.sh, idempotent) and can be called on a clean clone.
SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help

.PHONY: help setup demo prover test test-full lint fmt verifier usage-verifier bindings bench bench-rpc bench-execution bench-crash bench-trie bench-guest bench-prove bench-aggregation bench-hub bench-usage bench-layouts bench-fingerprint bench-fingerprint-index sim-privacy wasm coverage guests guests-check clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: C compiler, Rust toolchain, Node packages
	@scripts/setup.sh

demo: setup ## publish, subscribe, listen, prove usage, settle, withdraw, audit: the main job; PROOFS=payouts: an hour; PROOFS=1: to CLN on L1, hours
	@scripts/demo.sh $(if $(PROOFS),$(if $(filter payouts,$(PROOFS)),--not-final),--quick) $(if $(FRESH),--fresh) $(if $(KEEP),--keep)

prover: setup ## build the prover: cwe-prover and cwe-prover-stage
	@scripts/prover.sh > /dev/null

test: ## everything that must hold: formats, lints, Solidity, Rust, viem and ethers on a real devnet, the demo
	@scripts/test.sh quick

test-full: ## the same with more fuzz and property cases, a long kill -9 run, and real proofs to finality on L1
	@scripts/test.sh full

lint: setup ## every check of style that is installed
	@scripts/lint.sh

fmt: setup ## format Rust and Solidity
	@source scripts/env.sh && cargo fmt --all && forge fmt

verifier: setup ## take the verifier contract that the prover generated -> bridge/src/generated
	@scripts/verifier.sh

usage-verifier: setup ## generate the contracts that verify Split proofs from the circuit -> contracts/src/generated
	@scripts/usage-verifier.sh

bindings: setup ## regenerate crates/bindings from the Solidity sources
	@source scripts/env.sh && scripts/bindings.sh

bench: bench-execution bench-rpc bench-crash bench-trie ## all measurements, written to target/bench/

bench-rpc: setup ## confirmation latency and ERC-20 transfers per second, against anvil -> target/bench/rpc.json
	@scripts/bench.sh rpc

bench-execution: setup ## Mgas/s against raw revm, bytes and gas on L1 -> target/bench/execution.json
	@scripts/bench.sh execution

bench-crash: setup ## kill -9 under load, 50 times -> target/bench/crash.json
	@scripts/bench.sh crash

bench-trie: setup ## cost of a changed slot from 10^4 to 10^7 accounts -> target/bench/trie.{json,svg}
	@scripts/bench.sh trie

bench-guest: setup ## instructions of the state-transition guest -> target/bench/guest.{json,svg}
	@scripts/bench-guest.sh

bench-aggregation: setup ## from reveals to money: guest, coordinator, settlement -> target/bench/aggregation.json
	@scripts/bench-aggregation.sh

bench-hub: setup ## recognition over HTTP at 100 requests a second, 10 000 works -> target/bench/hub.json
	@scripts/bench-hub.sh

bench-usage: setup ## Split and Reveal proofs, native and in Chromium, beside Semaphore's -> target/bench/usage.{json,svg}
	@scripts/bench-usage.sh

bench-layouts: setup ## Split and Reveal in other numbers of rows and columns -> target/bench/layouts.{json,svg}
	@scripts/bench-layouts.sh

bench-fingerprint: setup ## recall and false positives by transformation, beside Chromaprint; about an hour -> target/bench/fingerprint.{json,svg}
	@scripts/bench-fingerprint.sh

bench-fingerprint-index: setup ## an index of 10^4 to 10^6 works: building, queries, buckets -> target/bench/fingerprint{.json,-index.svg}
	@scripts/bench-fingerprint-index.sh

sim-privacy: setup ## what an observer can link: 100 units a fee against a million -> target/bench/privacy.{json,svg}
	@source scripts/env.sh && cargo run --locked --release --quiet -p cwe-privacy -- --out target/bench

wasm: setup ## build the wallet and the recognition of works for browsers and Node -> target/wasm/{wallet,fingerprint}
	@scripts/wasm.sh
	@scripts/wasm.sh fingerprint

bench-prove: setup ## batches to finality on L1, stage by stage, needs 18 GiB and about an hour -> target/bench/prove.json
	@scripts/bench-prove.sh

guests: setup ## build the guest programs -> prover/elf/
	@scripts/guests.sh

guests-check: setup ## rebuild the guest programs and compare with prover/elf/
	@scripts/guests.sh --check

coverage: setup ## line and branch coverage of the contracts on the L2 -> target/bench/coverage.json
	@scripts/coverage.sh

clean: ## remove build outputs (not node_modules)
	@source scripts/env.sh && cargo clean && rm -rf out cache broadcast
