#!/usr/bin/env bash
# The whole test run: test.sh quick (make test) or test.sh full (make test-full).
# Runs every step even when an earlier one failed, then prints a table and one line with the sum of all tests.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
mode="${1:-quick}"
case "$mode" in
  quick)
    kills=3
    ;;
  full)
    kills=25
    export FOUNDRY_PROFILE=deep PROPTEST_CASES=512
    ;;
  *)
    echo "usage: test.sh quick|full" >&2
    exit 2
    ;;
esac
export TEST_KILLS="$kills"

scripts/setup.sh || exit 1
# shellcheck source=scripts/env.sh
source scripts/env.sh
target="$(target_dir)"
target="${target:-$ROOT/target}"
# Keys of the prover are made once for all steps.
export PROVING_KEYS="${PROVING_KEYS:-$target/proving-keys}"
logs="$target/test-logs"
rm -rf "$logs"
mkdir -p "$logs"

rows=()
failed_steps=0

# step NAME COMMAND…: runs, times and logs one step.
step() {
  local name="$1" started=$SECONDS result=ok
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$logs/$name.log"
  if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    result=FAILED
    failed_steps=$((failed_steps + 1))
  fi
  rows+=("$(printf '%-16s %-7s %5d s' "$name" "$result" $((SECONDS - started)))")
  [ "$result" = ok ]
}

# A step that can't run because what it needs did not build counts as failed, never as passed.
skipped() {
  failed_steps=$((failed_steps + 1))
  rows+=("$(printf '%-16s %-7s' "$1" 'NOT RUN')")
}

# Suites that mostly wait for epochs to end run side by side; all others one by one, since they use the processor.
end_to_end() {
  local waiting=(test/e2e/{demo,epoch-cli,payouts,wallet}.test.mjs) others=() suite result=0
  for suite in test/e2e/*.test.mjs; do
    [[ " ${waiting[*]} " == *" $suite "* ]] || others+=("$suite")
  done
  suites "${#waiting[@]}" "${waiting[@]}" || result=1
  suites 1 "${others[@]}" || result=1
  return "$result"
}

# suites CONCURRENCY FILE…
suites() {
  local concurrency="$1"
  shift
  CWE="$target/debug/cwe" WASM="$target/wasm/wallet" FINGERPRINT_WASM="$target/wasm/fingerprint" \
    node --test --test-concurrency="$concurrency" --test-timeout=1800000 --test-reporter=spec "$@"
}

# What takes minutes to hours and 18 GiB. The step `finality` builds the prover and leaves its keys.
real_proofs() {
  step guests scripts/guests.sh --check
  step finality env CWE="$target/debug/cwe" scripts/bench-prove.sh
  step demo env CWE="$target/debug/cwe" scripts/demo.sh --not-final --data "$logs/demo" --fresh
  step stark cargo test --package cwe-prover-bench --test stark --locked -- --ignored
  step payouts-proofs env CWE="$target/debug/cwe" STAGE_PROGRAM="$(scripts/prover.sh --where)/cwe-prover-stage" \
    node --test --test-timeout=14400000 --test-reporter=spec test/e2e/payouts.test.mjs
}

step solidity-format forge fmt --check
step solidity-build forge build --sizes
step solidity-tests forge test
step verifier scripts/verifier.sh --check
step bindings scripts/bindings.sh --check
step typescript node --test --test-reporter=spec sdk/typescript/test/*.test.mjs
step rust-format cargo fmt --all --check
step rust-lints cargo clippy --workspace --all-targets --locked -- -D warnings
if step rust-build cargo build --workspace --all-targets --locked --timings; then
  step rust-tests cargo test --workspace --locked --no-fail-fast
  step wasm scripts/wasm.sh
  step fingerprint-wasm scripts/wasm.sh fingerprint
  step end-to-end end_to_end
  [ "$mode" = quick ] || real_proofs
else
  skipped rust-tests
  skipped wasm
  skipped fingerprint-wasm
  skipped end-to-end
fi

# Sums what the three test runners print at their ends.
count() {
  cat "$logs"/*.log 2> /dev/null | sed 's/\x1b\[[0-9;]*m//g' | awk '
    /^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
    /^Ran [0-9]+ test suites? in/ { if (match($0, /[0-9]+ tests? passed/)) p += substr($0, RSTART) + 0
                                if (match($0, /[0-9]+ failed/)) f += substr($0, RSTART) + 0 }
    /^(ℹ|#) pass [0-9]+$/ { p += $3 }
    /^(ℹ|#) fail [0-9]+$/ { f += $3 }
    END { printf "%d passed, %d failed", p, f }'
}

# Which tests failed and why, again at the end: the output above is long.
failures() {
  sed 's/\x1b\[[0-9;]*m//g' "$logs"/*.log 2> /dev/null | awk '
    /^== |^▶ |^Running |^     Running / { node = 0 }
    /^✖ failing tests:/ { node = 40; next }
    node > 0 && NF { print "  " $0; node--; next }
    /^\[FAIL|^error(\[|:)|panicked at|^test .* FAILED$/ { print "  " $0 }' | head -n 80
}

if [ "$failed_steps" -ne 0 ]; then
  printf '\nWhat failed:\n'
  failures
fi
printf '\n'
printf '%s\n' "${rows[@]}"
printf 'all steps        %13d s\n' "$SECONDS"
printf '%s, %d of %d steps failed\n' "$(count)" "$failed_steps" "${#rows[@]}"
[ "$failed_steps" -eq 0 ]
