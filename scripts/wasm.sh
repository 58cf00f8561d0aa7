#!/usr/bin/env bash
# wasm.sh [wallet|fingerprint]: builds the wallet, or the recognition of works, for browsers and Node:
# TARGET/wasm/wallet/{cwe_wallet.js,cwe_wallet.d.ts,cwe_wallet_bg.wasm}, and likewise for the other.
# Prints that folder. rustup's wasm target is used where it is installed or can be; else the standard library is built
# with the compiler that scripts/guest-toolchain.sh prepares.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

readonly triple=wasm32-unknown-unknown
readonly what="${1:-wallet}"
case "$what" in
  wallet | fingerprint) ;;
  *)
    echo "wasm.sh: $what is neither wallet nor fingerprint" >&2
    exit 2
    ;;
esac
target="$(target_dir)"
library="$target/wasm-build/$triple/wasm/cwe_${what}_wasm.wasm"
package="$target/wasm/$what"

has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; }
if ! has_target && command -v rustup > /dev/null; then
  rustup target add "$triple" > /dev/null 2>&1 || true
fi
build=(cargo build --locked --quiet --profile wasm --target "$triple" -p "cwe-$what-wasm" --lib)
if has_target; then
  CARGO_TARGET_DIR="$target/wasm-build" "${build[@]}" >&2
else
  eval "$("$ROOT/scripts/guest-toolchain.sh")"
  CARGO_TARGET_DIR="$target/wasm-build" RUSTC_BOOTSTRAP=1 RUSTC="$GUEST_RUSTC" \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$GUEST_LINKER" RUSTFLAGS='-C linker-flavor=wasm-ld' \
    "${build[@]}" -Z build-std=std,panic_abort >&2
fi
cargo run --locked --quiet -p cwe-wasm-package -- "$library" --out "$package" --name "cwe_$what" >&2
# So that Node takes the files for what they are.
printf '{ "name": "cwe-%s", "private": true, "type": "module", "main": "cwe_%s.js", "types": "cwe_%s.d.ts" }\n' \
  "$what" "$what" "$what" > "$package/package.json"
echo "$package"
