// kill -9 under load: what was acknowledged is there afterwards, once, and the chain equals its replay from L1.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { keccak256 } from 'viem';

import { l2Account, l2Public } from '../lib/clients.mjs';
import { cwe, eventually, funded, rpc, startL1, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

const KILLS = Number(process.env.TEST_KILLS ?? 3);
const SENDERS = 4;
const ACKNOWLEDGED_PER_KILL = 20;

/** Sends transfers of one account one after the other until `signal.stopped`; returns what was acknowledged. */
async function load(network, number, to, nonces, acknowledged, signal) {
  const account = l2Account(network, number);
  while (!signal.stopped) {
    const nonce = nonces[number];
    const raw = await account.signTransaction({
      chainId: network.l2_chain_id, type: 'eip1559', nonce, gas: 21_000n,
      maxFeePerGas: 1_000_000_000n, maxPriorityFeePerGas: 0n, to, value: 1n,
    });
    try {
      await rpc(network.l2_rpc, 'eth_sendRawTransaction', [raw]);
      acknowledged.push(keccak256(raw));
      nonces[number] = nonce + 1;
    } catch {
      return;
    }
  }
}

test(`${KILLS} kills under load lose and repeat nothing`, async (context) => {
  const folder = temporaryFolder();
  let sequencer;
  context.after(() => sequencer?.stop());
  const l1 = await startL1(folder);
  context.after(() => l1.stop());
  const { network } = l1;
  const acknowledged = [];
  const to = '0x00000000000000000000000000000000000000dd';
  const start = async () => {
    sequencer = await startSequencer(folder, network);
  };
  await start();
  await funded(network);
  const client = l2Public(network);
  const senders = network.accounts.slice(0, SENDERS).map(({ address }) => address);
  const counts = (blockTag) => Promise.all(senders.map((address) => client.getTransactionCount({ address, blockTag })));
  const sum = (numbers) => BigInt(numbers.reduce((total, number) => total + number, 0));
  // Not zero: the deposits raised the depositor's nonce.
  const before = sum(await counts('latest'));

  for (let kill = 0; kill < KILLS; kill++) {
    const nonces = await counts('pending');
    const signal = { stopped: false };
    const loads = nonces.map((_, number) => load(network, number, to, nonces, acknowledged, signal));
    const enough = acknowledged.length + ACKNOWLEDGED_PER_KILL;
    await eventually('acknowledgements', () => acknowledged.length >= enough);
    // Not a multiple of the block time: the kill hits every phase of a block.
    await new Promise((done) => setTimeout(done, 237 * (kill + 1)));
    await sequencer.stop('SIGKILL');
    signal.stopped = true;
    await Promise.all(loads);
    await start();
  }

  assert.equal(new Set(acknowledged).size, acknowledged.length);
  let last = 0n;
  for (const hash of acknowledged) {
    const receipt = await eventually(`the receipt of ${hash}`, () => rpc(network.l2_rpc, 'eth_getTransactionReceipt', [hash]));
    assert.equal(receipt.status, '0x1');
    if (BigInt(receipt.blockNumber) > last) last = BigInt(receipt.blockNumber);
  }
  const sent = sum(await counts('pending')) - before;
  const received = await client.getBalance({ address: to, blockTag: 'pending' });
  // A transaction whose acknowledgement the kill cut off may or may not be there, but each is there once.
  assert.equal(received, sent);
  assert.ok(received >= BigInt(acknowledged.length));

  await eventually('the last batch', async () => (await client.getBlock({ blockTag: 'safe' })).number >= last);
  const file = join(folder, 'ready.json');
  writeFileSync(file, JSON.stringify(network));
  const audit = await cwe(['audit', '--json', '--network', file, '--genesis', join(folder, 'genesis.json')]);
  assert.equal(audit.code, 0, audit.stderr + audit.stdout);
});
