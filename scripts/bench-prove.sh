#!/usr/bin/env bash
# Proves a batch of ten token transfers, stage by stage, and measures: target/bench/prove.json. What is there already, keys
# and results of stages, is not made again: remove target/bench/prove to begin anew. The prover is built for this
# machine's processor: its vector instructions count.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

work="${CWE_PROVE_DIR:-$ROOT/target/bench/prove}"
keys="${CWE_PROVER_KEYS:-$work/keys}"
mkdir -p "$work" "$keys"
target="$(target_dir)"
program="${CWE_PROVER_STAGE:-$target/native/release/cwe-prover-stage}"
if [ -z "${CWE_PROVER_STAGE:-}" ]; then
  RUSTFLAGS="${RUSTFLAGS:-} -C target-cpu=native" \
    cargo build -q --release -p cwe-prover --bin cwe-prover-stage --target-dir "$target/native"
fi
if [ ! -e "$work/input.bin" ]; then
  cargo run -q -p cwe-prover-bench --bin proof-input -- --transactions 10 --output "$work/input.bin"
fi
exec node scripts/bench-prove.mjs "$program" "$keys" "$work" "$@"
