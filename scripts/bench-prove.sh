#!/usr/bin/env bash
# Measures proofs: a chain's batches to finality on L1, with what each stage took -> target/bench/prove.json.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
mkdir -p target/bench
# shellcheck source=scripts/programs.sh
source scripts/programs.sh
build_programs
build_prover
FIGURES="$ROOT/target/bench/prove.json" node scripts/bench-prove.mjs
cat target/bench/prove.json
