// A proof as those that the tests check, with what it is a proof of: prover/proof/GUEST.proof.json.
import { readFileSync, writeFileSync } from 'node:fs';

export function keep(guest, { proof, publicValue, srs }) {
  const { vm, guests } = JSON.parse(readFileSync('prover/elf/commitments.json', 'utf8'));
  const kept = { exe: `0x${guests[guest].exe}`, proof, publicValue, srs, vm: `0x${vm}` };
  const file = `prover/proof/${guest}.proof.json`;
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(`${file}: ${(proof.length - 2) / 2} bytes`);
}
