#!/usr/bin/env bash
# Every check of style. Formatting and clippy always run; the others where they are installed, one line says how to
# get those that are not.
set -uo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT" || exit 1

failed=()

check() {
  local name="$1"
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

# optional NAME INSTALL-HINT COMMAND…
optional() {
  local name="$1" hint="$2"
  shift 2
  if command -v "$1" > /dev/null; then
    check "$name" "$@"
  else
    printf -- '-- %s not installed: %s\n' "$name" "$hint"
  fi
}

# Compiled beforehand: slither would leave out the folder that foundry.toml calls `test`, which here holds the L2's sources.
slither_contracts() {
  local out=cache/slither/out
  rm -rf cache/slither
  FOUNDRY_OUT="$out" FOUNDRY_CACHE_PATH=cache/slither/cache forge build --quiet --build-info \
    --skip 'contracts/test/**' 'bridge/test/**' 'deploy/**' || return 1
  slither . --ignore-compile --foundry-out-directory "$out" --fail-low
}

check rustfmt cargo fmt --all --check
check clippy cargo clippy --workspace --all-targets --locked -- -D warnings
check rustdoc env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
check forge-fmt forge fmt --check
# Folders of its own: it leaves artifacts without bytecode, which `forge test` would take for a finished build.
check forge-lint env FOUNDRY_OUT=cache/lint/out FOUNDRY_CACHE_PATH=cache/lint/cache forge lint --deny warnings
check solhint solhint --max-warnings 0 'contracts/src/**/*.sol' 'bridge/src/**/*.sol'
check typescript tsc -p sdk/typescript
optional cargo-deny 'cargo install --locked cargo-deny' cargo-deny --offline check --hide-inclusion-graph bans licenses sources
optional cargo-machete 'cargo install --locked cargo-machete' cargo-machete
optional typos 'cargo install --locked typos-cli' typos
optional taplo 'cargo install --locked taplo-cli' taplo fmt --check
optional shellcheck 'apt-get install shellcheck' shellcheck -x scripts/*.sh .ci/run
if command -v slither > /dev/null; then
  check slither slither_contracts
else
  printf -- '-- slither not installed: pip install slither-analyzer\n'
fi

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
echo 'all checks passed'
