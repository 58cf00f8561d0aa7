#!/usr/bin/env bash
# How fast a hub recognises over HTTP, written to target/bench/hub.json.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

out=target/bench
mkdir -p "$out"
profile="${HUB_BENCH_PROFILE:-release}"
folder="$(target_dir)/$([ "$profile" = dev ] && echo debug || echo "$profile")"
cargo build --locked --profile "$profile" --quiet -p cwe-hub --bins --example bench-hub
output=$("$folder/examples/bench-hub" "$folder/cwe-hub" "$@")
sed '$d' <<<"$output"
tail -n 1 <<<"$output" >"$out/hub.json"
echo "written: $out/hub.json"
