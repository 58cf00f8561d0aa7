#!/usr/bin/env bash
# Generates the contracts that verify Split proofs from the circuit and what is pinned of the Reveal circuit
# (contracts/src/generated), and a real proof for their tests (test/vectors/split-proof.json). With a ceremony's
# reference string instead of development's:
#   scripts/usage-verifier.sh --powers-of-tau FILE.ptau --checksum SHA256
# The tests of crates/usage-verifier fail when the committed contracts are not what the circuit gives. After it,
# scripts/bindings.sh keeps the bytecode from which they are deployed.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

mkdir -p contracts/src/generated
cargo run --locked --release --quiet -p cwe-usage-verifier -- \
  --contracts contracts/src/generated --proof test/vectors/split-proof.json "$@"
