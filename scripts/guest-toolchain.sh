#!/usr/bin/env bash
# Prepares what guest programs (and the wallet in wasm, where rustup has no target) are built with, and prints how to call it, as shell assignments:
#   GUEST_RUSTC   compiler with the standard library's sources
#   GUEST_LINKER  linker for RISC-V
# Idempotent. Prefers rustup's rust-src; where it can't be had, unpacks Debian's compiler into the user's cache directory.
# Debian's builds working guests of other bytes: only rustup's reproduces the kept ELFs.
set -euo pipefail

readonly toolchain=1.95.0
readonly debian_version='1.96.0+dfsg1-1~deb12u2'
readonly llvm_version='1:22.1.8-1~deb12u1'
readonly cache="${XDG_CACHE_HOME:-$HOME/.cache}/cwe/guest-toolchain-debian-1.96.0"

fail() {
  echo "guest-toolchain: $1" >&2
  exit 1
}

sysroot=$(rustc "+$toolchain" --print sysroot 2>/dev/null) || fail "Rust $toolchain is missing: run scripts/setup.sh"

from_rustup() {
  local sources="$sysroot/lib/rustlib/src/rust/library/core"
  [[ -d $sources ]] || rustup component add rust-src --toolchain "$toolchain" >/dev/null 2>&1
  [[ -d $sources ]] && echo "$sysroot/bin/rustc"
}

from_debian() {
  local wrapper="$cache/rustc"
  if [[ ! -x $wrapper ]]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    local packages="$cache.packages" prefix="$cache.partial"
    rm -rf "$packages" "$prefix"
    mkdir -p "$packages" "$prefix"
    download() {
      (cd "$packages" && apt-get download -q "rustc-web=$debian_version" "rust-web-src=$debian_version" \
        "libstd-rust-web-1.96=$debian_version" "libstd-rust-web-dev=$debian_version" "libllvm22=$llvm_version") >&2
    }
    # The index may be older than the mirror.
    download || { apt-get update -qq >&2 && download; } || return 1
    for package in "$packages"/*.deb; do
      dpkg -x "$package" "$prefix"
    done
    cat > "$prefix/rustc" <<'WRAPPER'
#!/bin/sh
prefix=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH="$prefix/usr/lib/x86_64-linux-gnu" exec "$prefix/usr/bin/rustc" "$@"
WRAPPER
    chmod +x "$prefix/rustc"
    rm -rf "$cache"
    mv "$prefix" "$cache"
    rm -rf "$packages"
  fi
  echo "$wrapper"
}

compiler=$(from_rustup) || compiler=$(from_debian) ||
  fail "no Rust sources: rustup can't add rust-src to $toolchain and Debian's rustc-web $debian_version can't be downloaded; check the network"
echo "GUEST_RUSTC='$compiler'"
echo "GUEST_LINKER='$sysroot/lib/rustlib/$(rustc "+$toolchain" --print host-tuple)/bin/rust-lld'"
