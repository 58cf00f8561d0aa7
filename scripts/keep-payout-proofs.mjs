// Takes the proofs of a settled epoch, an aggregate's and the settlement's, as those that the tests check:
// keep-payout-proofs.mjs L2_RPC ECONOMY_FILE EPOCH. They are read from the transactions that the L2 took.
import { readFileSync, writeFileSync } from 'node:fs';

import { createPublicClient, decodeFunctionData, http, parseAbi } from 'viem';

const [rpc, economy, epoch] = process.argv.slice(2);
if (!epoch) {
  console.error('usage: keep-payout-proofs.mjs L2_RPC ECONOMY_FILE EPOCH');
  process.exit(2);
}
const address = JSON.parse(readFileSync(economy, 'utf8')).payouts;
const abi = JSON.parse(readFileSync('crates/bindings/abi/CWEPayouts.json', 'utf8'));
const { vm, guests } = JSON.parse(readFileSync('prover/elf/commitments.json', 'utf8'));
const client = createPublicClient({ transport: http(rpc) });
const read = (functionName, args = []) => client.readContract({ address, abi, functionName, args });
const verifiers = await read('verifiers');

/** Arguments and sender of the last transaction that made this event of the epoch. */
async function lastCall(eventName) {
  const events = await client.getContractEvents({ address, abi, eventName, args: { epoch: BigInt(epoch) }, fromBlock: 0n });
  const { transactionHash } = events.at(-1) ?? {};
  if (!transactionHash) throw new Error(`epoch ${epoch} has no ${eventName}`);
  const { input, from } = await client.getTransaction({ hash: transactionHash });
  return { args: decodeFunctionData({ abi, data: input }).args, from };
}

async function keep(guest, publicValue, proof, verifier) {
  const srs = await client.readContract({ address: verifier, abi: parseAbi(['function srs() view returns (string)']), functionName: 'srs' });
  const kept = { exe: `0x${guests[guest].exe}`, proof, publicValue, srs, vm: `0x${vm}` };
  const file = `prover/proof/${guest}.proof.json`;
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(`${file}: ${(proof.length - 2) / 2} bytes`);
}

const { args: [, aggregate, aggregateProof], from: coordinator } = await lastCall('AggregateSubmitted');
await keep('aggregation', await read('aggregateValue', [BigInt(epoch), aggregate, coordinator]), aggregateProof, verifiers[0]);
const { args: [, basis, settlement, settlementProof] } = await lastCall('SettlementProven');
await keep('settlement', await read('settlementValue', [BigInt(epoch), basis, settlement]), settlementProof, verifiers[1]);
