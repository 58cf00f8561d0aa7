#!/usr/bin/env bash
# The index of fingerprints at 10^4, 10^5 and 10^6 works: time and size of building it, queries, buckets; figures merged
# into target/bench/fingerprint.json, the curve as target/bench/fingerprint-index.svg.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
exec cargo run --locked --quiet --release -p cwe-fingerprint-index --example bench-fingerprint-index -- "$@"
