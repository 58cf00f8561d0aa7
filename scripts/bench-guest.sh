#!/usr/bin/env bash
# Instructions of the state-transition guest, written to target/bench/guest.json and guest.svg. The table by cost centre
# needs the linker's ELF: it is built if its tools can be had.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

symbols="${CWE_GUEST_TARGET_DIR:-$(target_dir)/guests}/riscv32im-risc0-zkvm-elf/release/state-transition"
arguments=()
if scripts/guests.sh --build-only; then
  arguments+=(--symbols "$symbols")
else
  echo "bench-guest: no table by cost centre, the guest can't be built here" >&2
fi
exec cargo run -q -p cwe-prover-bench --bin bench-guest -- "${arguments[@]}"
