#!/usr/bin/env bash
# The demo: builds `cwe` if CWE does not name a binary, then tells the story of test/demo/story.mjs. With --proofs the
# story goes on to finality: that builds the prover too, and takes about half an hour and 18 GiB.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
case "${1:-}" in
  '' | --proofs) ;;
  *) echo "usage: demo.sh [--proofs]" >&2; exit 2 ;;
esac
if [ -z "${CWE:-}" ]; then
  echo 'building cwe (the first build takes about 20 minutes on 2 cores, later ones seconds)'
  cargo build --locked --workspace --exclude cwe-prover --exclude cwe-prover-bench --bins
  CWE="$(target_dir)/debug/cwe"
  export CWE
fi
if [ "${1:-}" = --proofs ] && [ -z "${STAGE_PROGRAM:-}" ]; then
  STAGE_PROGRAM="$(scripts/prover.sh)/cwe-prover-stage"
  export STAGE_PROGRAM
fi
forge build --quiet
exec node test/demo/story.mjs "$@"
