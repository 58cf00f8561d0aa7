#!/usr/bin/env bash
# Writes what other languages know of the contracts, from a fresh build: crates/bindings/abi (Rust: ABI, and bytecode of
# what is deployed from there) and sdk/typescript/src/abi (viem). `--check` writes nothing and fails when the committed
# ones differ.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

with_bytecode=(
  BatchVerifier Halo2Verifier Rollup Inbox Bridge CLN Timelock ERC1967Proxy MessagePasser L1BlockOracle FeeVault
  Halo2SplitVerifierPart1 Halo2SplitVerifierPart2 Halo2SplitVerifierPart3
)
economy=(
  EpochClock EpochBeacon EconomyParameters RegionRules CWEIdentity CreatorRegistry WorkRegistry SplitPay Escrow DirectSale
  Treasury CWETiers CWEConsumption SubmissionRefunds SplitVerifier AggregationVerifier CWEPayouts
)
rust=crates/bindings/abi
typescript=sdk/typescript/src/abi

mode=write
case "${1:-}" in
  '') ;;
  --check) mode=check ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

# A build of its own: `forge lint` leaves artifacts without bytecode in the common output folder.
export FOUNDRY_OUT=cache/bindings/out FOUNDRY_CACHE_PATH=cache/bindings/cache
forge build --quiet --skip test script

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir "$fresh/rust" "$fresh/typescript"
node scripts/bindings.mjs "$FOUNDRY_OUT" "$fresh" "${with_bytecode[*]}" "${economy[*]}"

# place FRESH TARGET
place() {
  if [ "$mode" = check ]; then
    if ! diff -rq "$1" "$2"; then
      echo "$2 is not what the Solidity sources compile to: run scripts/bindings.sh" >&2
      exit 1
    fi
  else
    rm -rf "$2"
    mkdir -p "$2"
    cp "$1"/* "$2"/
  fi
}
place "$fresh/rust" "$rust"
place "$fresh/typescript" "$typescript"
