#!/usr/bin/env bash
# Split and Reveal proofs on this machine: natively, as WebAssembly in Chromium in one thread and in several, and
# Semaphore's prover from npm beside them. Table on the screen; figures and picture in target/bench/usage.{json,svg}.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

readonly out=target/bench
readonly semaphore="$ROOT/$out/semaphore"
# 100 MB of its circuits' keys: only this benchmark wants them.
if [ ! -d "$semaphore/node_modules/@zk-kit/semaphore-artifacts" ]; then
  mkdir -p "$semaphore"
  echo '{ "private": true, "type": "module" }' > "$semaphore/package.json"
  npm install --prefix "$semaphore" --ignore-scripts --no-audit --no-fund --loglevel=error \
    @semaphore-protocol/identity@4.14.3 @semaphore-protocol/group@4.14.3 @semaphore-protocol/proof@4.14.3 \
    @zk-kit/semaphore-artifacts@4.13.0
fi
cargo run --locked --release --quiet -p cwe-usage-circuits --features asm --example bench-usage -- "$out"
WASM="$(scripts/wasm.sh)" SEMAPHORE="$semaphore" node scripts/bench-usage.mjs "$out"
