#!/usr/bin/env bash
# Generates the verifier contract of Split proofs from the circuit (contracts/src/generated) and a real proof for its
# tests (test/vectors/split-proof.json). `--check` writes nothing and fails when the committed contract differs.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

contract=contracts/src/generated/Halo2SplitVerifier.sol
proof=test/vectors/split-proof.json
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate() { cargo run --locked --release --quiet -p cwe-usage-verifier -- "$@"; }
case "${1:-}" in
  '')
    mkdir -p "$(dirname "$contract")"
    generate --contract "$contract" --proof "$proof"
    ;;
  --check)
    generate --contract "$fresh/contract.sol"
    if ! cmp "$fresh/contract.sol" "$contract"; then
      echo "$contract is not what the circuit gives: run $0" >&2
      exit 1
    fi
    ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
