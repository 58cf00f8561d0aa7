#!/usr/bin/env bash
# Split and Reveal in the layouts that they could have, rows against columns: proving natively, and what verifying on the
# L2 is made of. Table on the screen; figures and picture in target/bench/layouts.{json,svg}.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

cargo run --locked --release --quiet -p cwe-usage-verifier --features asm --example bench-layouts -- target/bench
