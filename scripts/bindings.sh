#!/usr/bin/env bash
# Writes the contract artifacts that crates/bindings embeds (abi, bytecode, deployedBytecode) from a fresh build.
# `--check` writes nothing and fails when the committed ones differ.
set -euo pipefail
cd "$(dirname "$0")/.."

contracts=(Rollup Inbox Bridge CLN Timelock ERC1967Proxy MessagePasser L1BlockOracle FeeVault)
target=crates/bindings/abi

mode=write
case "${1:-}" in
  '') ;;
  --check) mode=check ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

# A build of its own: `forge lint` leaves artifacts without bytecode in the common output folder.
export FOUNDRY_OUT=cache/bindings/out FOUNDRY_CACHE_PATH=cache/bindings/cache
node_modules/.bin/forge build --quiet --skip test

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
node - "$fresh" "${contracts[@]}" <<'NODE'
const fs = require('fs');
const path = require('path');
const [target, ...contracts] = process.argv.slice(2);
for (const name of contracts) {
  const artifact = JSON.parse(fs.readFileSync(path.join(process.env.FOUNDRY_OUT, `${name}.sol`, `${name}.json`), 'utf8'));
  const { abi, bytecode, deployedBytecode } = artifact;
  if (bytecode.object.includes('__$')) throw new Error(`${name} needs linking, which the deployment does not do`);
  const trimmed = { abi, bytecode: bytecode.object, deployedBytecode: deployedBytecode.object };
  fs.writeFileSync(path.join(target, `${name}.json`), JSON.stringify(trimmed, null, 1) + '\n');
}
NODE

if [ "$mode" = check ]; then
  if ! diff -rq "$fresh" "$target"; then
    echo "crates/bindings/abi is not what the Solidity sources compile to: run scripts/bindings.sh" >&2
    exit 1
  fi
else
  mkdir -p "$target"
  rm -f "$target"/*.json
  cp "$fresh"/*.json "$target"/
fi
