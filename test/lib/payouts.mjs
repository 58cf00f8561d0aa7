// What stands behind payouts where the two programs' proofs would take too long: the parts of a real economy, but for
// "proofs" that are the values they should show.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { encodeAbiParameters } from 'viem';

import { artifact } from './clients.mjs';
import { ROOT } from './devnet.mjs';

/** The program that stands in for the prover's stages. */
export const COMPARED_STAGE = join(ROOT, 'test/lib/stage.mjs');

/** Creation code of a contract whose every answer is whether the first argument is the first word of the second. */
const COMPARES = '0x6e6004356064351460005260206000f3600052600f6011f3';

/**
 * Settings of a deployment whose verifiers compare: `create` makes a contract of creation code, and gives its address. The
 * contract that checks the pairing of all Reveal proofs stands before one of them, as it does in earnest.
 */
export async function comparingVerifiers(create) {
  const compares = await create(COMPARES);
  const { keyHash, sG2, srs } = JSON.parse(readFileSync(join(ROOT, 'contracts/src/generated/reveal-key.json'), 'utf8'));
  const types = [{ type: 'address' }, { type: 'bytes32' }, { type: 'uint256[4]' }, { type: 'string' }];
  const { bytecode } = artifact('AggregationVerifier');
  const aggregationVerifier = await create(bytecode + encodeAbiParameters(types, [compares, keyHash, sG2.map(BigInt), srs]).slice(2));
  return { aggregationVerifier, settlementVerifier: compares, deployPayoutVerifiers: false };
}

/** The folder that tells the stand-in for a prover, whose health is at `ops`, to "prove" by the values themselves. */
export function toldToCompare(folder, ops) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ops'), ops);
  writeFileSync(join(folder, 'wrap'), 'value');
  return folder;
}
