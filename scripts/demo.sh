#!/usr/bin/env bash
# The demo: builds `cwe` if CWE does not name a binary, then tells the story of test/demo/story.mjs.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
if [ -z "${CWE:-}" ]; then
  echo 'building cwe (the first build takes about 20 minutes on 2 cores, later ones seconds)'
  cargo build --locked --workspace --bins
  CWE="$(target_dir)/debug/cwe"
  export CWE
fi
forge build --quiet
exec node test/demo/story.mjs
