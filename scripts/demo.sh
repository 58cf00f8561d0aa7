#!/usr/bin/env bash
# The main job from end to end: builds the programs if CWE does not name them, then plays it by `cwe demo`, which gets the
# arguments. Without --quick it builds the prover too.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
# shellcheck source=scripts/programs.sh
source scripts/programs.sh
build_programs
[[ " $* " == *' --quick '* ]] || build_prover
exec "$CWE" demo --repository "$ROOT" "$@"
