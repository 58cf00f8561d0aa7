#!/usr/bin/env bash
# Builds the prover: the daemon (cwe-prover) and the program that runs its stages (cwe-prover-stage), optimised. A debug
# build of the second would take hours for a proof.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
echo 'building the prover (the first build takes about 15 minutes on 2 cores, later ones seconds)'
cargo build --locked --release --package cwe-prover --package cwe-prover-daemon --bins
