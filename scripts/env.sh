# Sourced by the other scripts: repository root, tools on PATH, the pinned Rust toolchain, the target folder.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export ROOT
export PATH="$ROOT/node_modules/.bin:$HOME/.cargo/bin:$PATH"

# Foundry's programs themselves come before the launchers that npm puts into .bin: those end with 0 whatever the program
# ends with, and no check could fail.
for folder in "$ROOT"/node_modules/@foundry-rs/*/bin; do
  [ -d "$folder" ] && PATH="$folder:$PATH"
done
unset folder

# The file names a version; a machine may hold that version under another name ("stable") and be offline.
select_rust_toolchain() {
  local wanted name
  wanted="$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$ROOT/rust-toolchain.toml")"
  command -v rustup > /dev/null || return 0
  [ -n "${RUSTUP_TOOLCHAIN:-}" ] && return 0
  if rustup toolchain list | grep -q "^$wanted"; then
    return 0
  fi
  for name in $(rustup toolchain list | awk '{ print $1 }'); do
    if rustc "+$name" --version 2> /dev/null | grep -q "^rustc $wanted "; then
      export RUSTUP_TOOLCHAIN="$name"
      return 0
    fi
  done
}
select_rust_toolchain

# Folder with cargo's outputs, wherever the user's configuration puts it.
target_dir() {
  cargo metadata --manifest-path "$ROOT/Cargo.toml" --no-deps --format-version 1 --offline 2> /dev/null \
    | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
