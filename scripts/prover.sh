#!/usr/bin/env bash
# Builds the prover: the daemon (cwe-prover) and the program that runs its stages (cwe-prover-stage), optimised. A debug
# build of the second would take hours for a proof. It is built for this machine's processor, whose vector instructions
# count, and so into a folder of its own: prover.sh [--where] prints that folder, after building or instead of it.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
folder="$(target_dir)/native"
if [ "${1:-}" != --where ]; then
  echo 'building the prover (the first build takes about 15 minutes on 2 cores, later ones seconds)' >&2
  RUSTFLAGS="${RUSTFLAGS:-} -C target-cpu=native" cargo build --locked --release --target-dir "$folder" \
    --package cwe-prover --package cwe-prover-daemon --bins >&2
fi
echo "$folder/release"
