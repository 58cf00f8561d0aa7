#!/usr/bin/env bash
# Line and branch coverage of the L2 contracts by their own tests, as a table and as target/bench/coverage.json
# {lines_percent, branches_percent}. Fails below the goal.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

goal=95
work="$ROOT/target/coverage"
mkdir -p "$work" target/bench
# The deployment library is compiled as a script root of its own, so that the L1 side is not instrumented.
export FOUNDRY_SRC=contracts/src FOUNDRY_TEST=contracts/test FOUNDRY_SCRIPT=deploy/economy
export FOUNDRY_OUT="$work/out" FOUNDRY_CACHE_PATH="$work/cache"

# Gas figures mean nothing in instrumented code.
forge coverage --report summary --report lcov --report-file "$work/lcov.info" \
  --no-match-contract Gas --no-match-coverage '^(bridge|deploy|contracts/test|contracts/src/generated)/' "$@"

# The coverage of both kinds, over all files of the report.
awk -F: -v goal="$goal" '
  /^LF:/ { lines += $2 } /^LH:/ { lines_hit += $2 }
  /^BRF:/ { branches += $2 } /^BRH:/ { branches_hit += $2 }
  END {
    l = lines ? 100 * lines_hit / lines : 0
    b = branches ? 100 * branches_hit / branches : 0
    printf "{\"lines_percent\": %.2f, \"branches_percent\": %.2f}\n", l, b
    exit !(l >= goal && b >= goal)
  }' "$work/lcov.info" | tee target/bench/coverage.json
