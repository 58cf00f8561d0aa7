#!/usr/bin/env bash
# Measures proofs: the demo up to finality, with what each stage took -> target/bench/prove.json.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
mkdir -p target/bench
FIGURES="$ROOT/target/bench/prove.json" scripts/demo.sh --proofs
cat target/bench/prove.json
