#!/usr/bin/env bash
# Builds the guest programs: scripts/guests.sh [--check | --build-only]
#   (nothing)     writes prover/elf/*.elf and prover/elf/commitments.json
#   --check       rebuilds into the target folder and compares with what is kept
#   --build-only  builds into the target folder
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

eval "$("$ROOT/scripts/guest-toolchain.sh")"
readonly guests=(state-transition aggregation settlement)
readonly target=riscv32im-risc0-zkvm-elf
readonly out="${CWE_GUEST_TARGET_DIR:-$(target_dir)/guests}"
readonly cargo_home="${CARGO_HOME:-$HOME/.cargo}"

# Neither paths of this machine nor positions in sources must reach the bytes.
flags=(
  -Z location-detail=none
  -C passes=lower-atomic
  -C link-arg=-Ttext=0x00200800
  -C link-arg=--fatal-warnings
  -C link-arg=--defsym=memcpy=cwe_memcpy
  -C link-arg=--defsym=memset=cwe_memset
  -C panic=abort
  -C "linker=$GUEST_LINKER"
  -C linker-flavor=ld.lld
  --cfg 'getrandom_backend="custom"'
  --remap-path-prefix "$ROOT=/cwe"
  --remap-path-prefix "$cargo_home/registry/src=/registry"
  --remap-path-prefix "$("$GUEST_RUSTC" --print sysroot)=/rust"
)
encoded=$(printf '\x1f%s' "${flags[@]}")
(
  cd "$ROOT/prover/guests"
  export SOURCE_DATE_EPOCH=0 RUSTC_BOOTSTRAP=1 RUSTC="$GUEST_RUSTC" CARGO_ENCODED_RUSTFLAGS="${encoded:1}"
  export CARGO_TARGET_DIR="$out" CARGO_INCREMENTAL=0 RUSTC_WRAPPER="$ROOT/scripts/guest-rustc.sh"
  unset RUSTFLAGS RUSTC_WORKSPACE_WRAPPER
  # One after another: in one build they would share the features of their dependencies, and bytes would depend on it.
  for guest in "${guests[@]}"; do
    cargo build --release --locked --target "$target" -p "cwe-guest-$guest" -Z build-std=core,alloc,panic_abort \
      -Z build-std-features=compiler-builtins-mem
  done
)

[[ "${1:-}" == --build-only ]] && exit
compiler=$("$GUEST_RUSTC" -vV | sed -n 's/^commit-hash: //p; s/^LLVM version: /LLVM /p' | paste -sd' ')
cd "$ROOT"
# With the whole workspace's features, as tests build it: else the virtual machine would be compiled a second time.
cargo build --locked --quiet --workspace --bin cwe-guests
exec "$(target_dir)/debug/cwe-guests" "$@" --built "$out/$target/release" --kept prover/elf \
  --compiler "$compiler" "${guests[@]}"
