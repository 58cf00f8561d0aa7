// The part of scripts/verifier.sh that reads what the prover generated: verifier.mjs PROVER_FOLDER TARGET.
// Beside the contract, with a wider choice of compilers, stands what BatchVerifier must know of it. A contract of another shape is refused.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [prover, target] = process.argv.slice(2);
const source = readFileSync(join(prover, 'Halo2Verifier.sol'), 'utf8');
const { srs } = JSON.parse(readFileSync(join(prover, 'state-transition.proof.json'), 'utf8'));

const ACCUMULATOR_WORDS = 12;
const INSTANCE_WORDS = ACCUMULATOR_WORDS + 2 + 32;
const OPENING_POINTS = 2;
const WORD = 32;

/** What the contract reads of its calldata, in order: `scalar` or `point`, from the offset where the last one ended. */
const readAll = () => {
  const pattern = /mod\(calldataload\((0x[0-9a-f]+)\), f_q\)|let x := calldataload\((0x[0-9a-f]+)\)/g;
  const kinds = [];
  let end = 0;
  for (const [, scalar, point] of source.matchAll(pattern)) {
    const offset = Number(scalar ?? point);
    if (offset !== end) throw new Error(`the contract reads calldata at ${offset}, expected is ${end}`);
    kinds.push(scalar === undefined ? 'point' : 'scalar');
    end += scalar === undefined ? 2 * WORD : WORD;
  }
  return kinds;
};

/** The proof's words as BatchVerifier understands them; anything else is an error. */
const layout = () => {
  const read = readAll();
  const proof = read.slice(INSTANCE_WORDS);
  const commitments = proof.indexOf('scalar');
  const evaluations = proof.filter((kind) => kind === 'scalar').length;
  const expected = [
    ...Array(INSTANCE_WORDS).fill('scalar'),
    ...Array(Math.max(commitments, 0)).fill('point'),
    ...Array(evaluations).fill('scalar'),
    ...Array(OPENING_POINTS).fill('point'),
  ];
  if (read.join() !== expected.join()) throw new Error(`the contract reads ${read.join(' ')}: not BatchVerifier's layout`);
  return { commitments, evaluations };
};

/** The accumulator's limbs must reach the pairing; a contract made without them ignores them, and accepts false proofs. */
const requireAccumulator = () => {
  const limbs = source.match(/lt\(mload\(0x[0-9a-f]+\), shl\((88|80), 1\)\)/g) ?? [];
  if (limbs.length !== ACCUMULATOR_WORDS) {
    throw new Error(`the contract reads ${limbs.length} accumulator limbs, not ${ACCUMULATOR_WORDS}: generate it with the accumulator's indices`);
  }
};

requireAccumulator();
// snark-verifier asks for exactly the compiler that it was written with.
const contract = source.replace(/^pragma solidity 0\.8\.19;$/m, 'pragma solidity ^0.8.19;');
writeFileSync(join(target, 'Halo2Verifier.sol'), contract);
writeFileSync(join(target, 'halo2-verifier.json'), `${JSON.stringify({ srs, ...layout() }, null, 2)}\n`);
