#!/usr/bin/env bash
# wasm.sh [wallet|fingerprint]: builds the wallet, or the recognition of works, for browsers and Node:
# TARGET/wasm/wallet/{cwe_wallet.js,cwe_wallet.d.ts,cwe_wallet_bg.wasm}, and likewise for the other. The wallet comes with
# load.js, and beside it in threads/ once more as a module with threads for pages that have them.
# Prints that folder. rustup's wasm target is used where it is installed or can be; else, and always for threads, the
# standard library is built with the compiler that scripts/guest-toolchain.sh prepares.
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
package="$target/wasm/$what"
build=(cargo build --locked --quiet --profile wasm --target "$triple" -p "cwe-$what-wasm" --lib --no-default-features)
# What all threads together may use, 1 GiB, the aim for a proof. A proof takes an eighth of it (docs/PERFORMANCE.md); an
# epoch with many subscribers has large trees beside it.
readonly max_memory_bytes=$((1 << 30))

has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; }

build_with_std() {
  local flags="$1"
  shift
  eval "$("$ROOT/scripts/guest-toolchain.sh")"
  RUSTC_BOOTSTRAP=1 RUSTC="$GUEST_RUSTC" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$GUEST_LINKER" \
    RUSTFLAGS="-C linker-flavor=wasm-ld $flags" "${build[@]}" "$@" -Z build-std=std,panic_abort >&2
}

build_one_thread() {
  if ! has_target && command -v rustup > /dev/null; then
    rustup target add "$triple" > /dev/null 2>&1 || true
  fi
  if has_target; then
    "${build[@]}" >&2
  else
    build_with_std ''
  fi
}

# Memory that all threads share comes from outside; the exports are what wasm-bindgen gives each thread its own place with.
build_threads() {
  local flags='-C target-feature=+atomics,+bulk-memory,+mutable-globals' argument
  for argument in --shared-memory --import-memory "--max-memory=$max_memory_bytes" \
    --export={__wasm_init_tls,__tls_size,__tls_align,__tls_base}; do
    flags+=" -C link-arg=$argument"
  done
  build_with_std "$flags" --features threads
}

# pack TARGET_FOLDER PACKAGE
pack() {
  cargo run --locked --quiet -p cwe-wasm-package -- "$1/$triple/wasm/cwe_${what}_wasm.wasm" --out "$2" --name "cwe_$what" >&2
}

CARGO_TARGET_DIR="$target/wasm-build" build_one_thread
pack "$target/wasm-build" "$package"
if [ "$what" = wallet ]; then
  # A folder of its own: cargo would build everything anew whenever the flags change.
  CARGO_TARGET_DIR="$target/wasm-threads-build" build_threads
  pack "$target/wasm-threads-build" "$package/threads"
  cp crates/wallet-wasm/js/load.{js,d.ts} "$package"
  cp crates/wallet-wasm/js/thread.js "$package/threads"
fi
# So that Node takes the files for what they are.
printf '{ "name": "cwe-%s", "private": true, "type": "module", "main": "cwe_%s.js", "types": "cwe_%s.d.ts" }\n' \
  "$what" "$what" "$what" > "$package/package.json"
echo "$package"
