#!/usr/bin/env bash
# bench.sh rpc|execution|crash|trie [options]: release build, table on the screen, figures in target/bench/.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
# The prover is no part of what is measured here, and compiles longer than all the rest.
cargo build --locked --release --workspace --exclude cwe-prover --exclude cwe-prover-bench --bins
forge build --quiet
target="$(target_dir)"
exec "$target/release/cwe-bench" --out "$ROOT/target/bench" --cwe "$target/release/cwe" "$@"
