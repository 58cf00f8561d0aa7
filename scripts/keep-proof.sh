#!/usr/bin/env bash
# Takes a proof that `cwe prove` made as the one that the tests check: keep-proof.sh FOLDER FIRST-LAST PUBLIC_VALUE SRS,
# the folder being `proofs` in its data folder, value and range as it printed them, the string's name as `cwe status` says.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
[ $# -eq 4 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
cp "$1/$2-stark.bin" prover/proof/state-transition.stark
node --input-type=module - "$1/$2-proof.bin" "$3" "$4" <<'JS'
import { readFileSync } from 'node:fs';
import { keep } from './scripts/keep-proof.mjs';
const [, , file, publicValue, srs] = process.argv;
keep('state-transition', { proof: `0x${readFileSync(file).toString('hex')}`, publicValue, srs });
JS
