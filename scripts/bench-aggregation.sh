#!/usr/bin/env bash
# From reveals to money, measured: instructions of the aggregation guest, reveals that a coordinator takes, and a
# settlement of 100 000 works, written to target/bench/aggregation.json.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

out=target/bench
mkdir -p "$out"
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

# Prints a benchmark's output; its last line, one of JSON, is kept.
measure() {
  local output
  output=$("$@")
  sed '$d' <<<"$output"
  tail -n 1 <<<"$output" >>"$lines"
}

release_folder() { echo "$(target_dir)/release"; }

symbols="${CWE_GUEST_TARGET_DIR:-$(target_dir)/guests}/riscv32im-risc0-zkvm-elf/release/aggregation"
arguments=()
if scripts/guests.sh --build-only; then
  arguments+=(--symbols "$symbols")
else
  echo "bench-aggregation: no table by cost centre, the guest can't be built here" >&2
fi
echo "Guest"
measure cargo run --locked --quiet -p cwe-prover-bench --bin bench-aggregation -- "${arguments[@]}"
echo "Coordinator"
cargo build --locked --release --quiet -p cwe-aggregator --bins --example load
measure "$(release_folder)/examples/load" "$(release_folder)/cwe-aggregator"
echo "Settlement"
measure cargo run --locked --release --quiet -p cwe-dapr --example bench-settlement
node -e '
  const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n")
  console.log(JSON.stringify(Object.assign({}, ...lines.map((line) => JSON.parse(line))), null, 2))
' "$lines" >"$out/aggregation.json"
echo "written: $out/aggregation.json"
