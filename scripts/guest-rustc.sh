#!/usr/bin/env bash
# rustc as cargo calls it for guests (RUSTC_WRAPPER): scripts/guest-rustc.sh RUSTC ARGUMENT…
# Cargo names a crate outside of its workspace, the standard library too, by a hash of its absolute path; names decide
# the order of code, so the same sources would make other bytes in another folder. A guest has each version of a package
# once, so package and version are as good a name.
set -euo pipefail

rustc=$1
shift
arguments=()
for argument in "$@"; do
  [[ $argument == metadata=* ]] && argument="metadata=${CARGO_PKG_NAME:?}-${CARGO_PKG_VERSION:?}"
  arguments+=("$argument")
done
exec "$rustc" "${arguments[@]}"
