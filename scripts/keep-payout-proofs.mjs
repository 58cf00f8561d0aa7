// Takes the proofs of a settled epoch, an aggregate's and the settlement's, as those that the tests check:
// keep-payout-proofs.mjs L2_RPC ECONOMY_FILE EPOCH. They are read from the transactions that the L2 took.
import { readFileSync } from 'node:fs';

import { createPublicClient, decodeFunctionData, http, parseAbi } from 'viem';

import { keep } from './keep-proof.mjs';

const [rpc, economy, epoch] = process.argv.slice(2);
if (!epoch) {
  console.error('usage: keep-payout-proofs.mjs L2_RPC ECONOMY_FILE EPOCH');
  process.exit(2);
}
const address = JSON.parse(readFileSync(economy, 'utf8')).payouts;
const abi = JSON.parse(readFileSync('crates/bindings/abi/CWEPayouts.json', 'utf8'));
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

/** Name of the reference string that a verifier was made with. */
const srsOf = (verifier) => client.readContract({ address: verifier, abi: parseAbi(['function srs() view returns (string)']), functionName: 'srs' });

const { args: [, aggregate, aggregateProof], from: coordinator } = await lastCall('AggregateSubmitted');
keep('aggregation', {
  proof: aggregateProof, publicValue: await read('aggregateValue', [BigInt(epoch), aggregate, coordinator]), srs: await srsOf(verifiers[0]),
});
const { args: [, basis, settlement, settlementProof] } = await lastCall('SettlementProven');
keep('settlement', {
  proof: settlementProof, publicValue: await read('settlementValue', [BigInt(epoch), basis, settlement]), srs: await srsOf(verifiers[1]),
});
