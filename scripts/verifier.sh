#!/usr/bin/env bash
# Puts the verifier contract that the prover generated (prover/proof) where Foundry compiles it (bridge/src/generated),
# with the constructor arguments of BatchVerifier that follow from it. `--check` writes nothing and fails when the
# committed ones differ.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

target=bridge/src/generated
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
node scripts/verifier.mjs prover/proof "$fresh"
case "${1:-}" in
  '')
    mkdir -p "$target"
    cp "$fresh"/* "$target"/
    ;;
  --check)
    if ! diff -rq "$fresh" "$target"; then
      echo "$target is not what prover/proof gives: run $0" >&2
      exit 1
    fi
    ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
