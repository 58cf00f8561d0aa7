# Sourced by scripts that start the built programs: builds them where CWE and STAGE_PROGRAM do not name them already.
# shellcheck shell=bash

build_programs() {
  if [ -z "${CWE:-}" ]; then
    echo 'building the programs (the first build takes about 20 minutes on 2 cores, later ones seconds)' >&2
    cargo build --locked --workspace --bins >&2
    CWE="$(target_dir)/debug/cwe"
    export CWE
  fi
  forge build --quiet
}

build_prover() {
  if [ -z "${STAGE_PROGRAM:-}" ]; then
    STAGE_PROGRAM="$(scripts/prover.sh)/cwe-prover-stage"
    export STAGE_PROGRAM
  fi
}
