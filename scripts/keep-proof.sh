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
import { readFileSync, writeFileSync } from 'node:fs';
const [, , file, publicValue, srs] = process.argv;
const { vm, guests } = JSON.parse(readFileSync('prover/elf/commitments.json'));
const exe = guests['state-transition'].exe;
const proof = `0x${readFileSync(file).toString('hex')}`;
const kept = { exe: `0x${exe}`, proof, publicValue, srs, vm: `0x${vm}` };
writeFileSync('prover/proof/state-transition.proof.json', `${JSON.stringify(kept, null, 2)}\n`);
JS
