// The forge scripts of deploy/Operate.s.sol on a running chain, and what the daemons make of what they do.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { encodeFunctionData, parseAbi } from 'viem';

import { l2Public, l2Wallet } from '../lib/clients.mjs';
import { ROOT, eventually, foundry, funded, rpc, run, startL1, startNode, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

// A chain id of its own: the scripts find the deployment by it.
const L1_CHAIN_ID = 31_442;
const GOVERNOR = 0;
const OPERATOR = 6;

const rollupAbi = parseAbi(['function lastCommittedBatch() view returns (uint64)']);
const oracleAbi = parseAbi([
  'function number() view returns (uint64)',
  'function timestamp() view returns (uint64)',
  'function baseFee() view returns (uint128)',
  'function parentHash() view returns (bytes32)',
]);

describe('operations', () => {
  let folder, l1, network, client, sequencer, node;
  const file = join(ROOT, `deploy/out/${L1_CHAIN_ID}.json`);

  before(async () => {
    folder = temporaryFolder();
    l1 = await startL1(folder, ['--l1-chain-id', String(L1_CHAIN_ID)]);
    network = l1.network;
    const { Rollup: rollup, Inbox: inbox, Bridge: bridge, CLN: cln, Timelock: timelock } = network.contracts;
    writeFileSync(file, JSON.stringify({ rollup, inbox, bridge, cln, timelock }));
    client = l2Public(network);
    sequencer = await startSequencer(folder, network);
    await funded(network);
    node = await startNode(folder);
  });
  after(async () => {
    await node?.stop();
    await sequencer?.stop();
    await l1?.stop();
    rmSync(file, { force: true });
  });

  /** Runs a function of the script as one of the accounts. */
  const operate = async (account, signature, ...args) => {
    const { code, stdout, stderr } = await run(foundry('forge'), [
      'script', 'deploy/Operate.s.sol', '--sig', signature, ...args.map(String),
      '--rpc-url', network.l1_rpc, '--private-key', network.accounts[account].private_key, '--broadcast',
    ]);
    return { code, said: stdout + stderr };
  };
  const done = async (...call) => {
    const { code, said } = await operate(...call);
    assert.equal(code, 0, said);
  };
  const transfer = async () => {
    const hash = await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
    return (await client.waitForTransactionReceipt({ hash })).blockNumber;
  };
  const safe = async () => (await client.getBlock({ blockTag: 'safe' })).number;
  const latest = async () => BigInt(await rpc(node.url, 'eth_blockNumber'));
  const posted = (block) => eventually('the batch', async () => (await safe()) >= block);
  const followed = async (block) => {
    await eventually('the block on the node', async () => (await latest()) >= block);
    const number = `0x${block.toString(16)}`;
    const [theirs, ours] = await Promise.all([network.l2_rpc, node.url].map((url) => rpc(url, 'eth_getBlockByNumber', [number, false])));
    assert.equal(ours.hash, theirs.hash);
  };
  const committed = async () => {
    const data = encodeFunctionData({ abi: rollupAbi, functionName: 'lastCommittedBatch' });
    return Number(await rpc(network.l1_rpc, 'eth_call', [{ to: network.contracts.Rollup, data }, 'latest']));
  };

  test('relaying an L1 block tells the L2 its number, time and base fee', async () => {
    const read = (functionName) => client.readContract({ address: network.contracts.L1BlockOracle, abi: oracleAbi, functionName });
    const before = await read('number');
    await done(GOVERNOR, 'relayL1Block()');
    const number = await eventually('the L1 block on L2', async () => {
      const found = await read('number');
      return found > before && found;
    });
    const block = await rpc(network.l1_rpc, 'eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
    assert.equal(await read('timestamp'), BigInt(block.timestamp));
    assert.equal(await read('baseFee'), BigInt(block.baseFeePerGas));
    assert.equal(await read('parentHash'), block.parentHash);
  });

  test('reverting batches needs a sequencer\'s role', async () => {
    await posted(await transfer());
    const { code, said } = await operate(OPERATOR, 'revertBatches(uint64)', 0);
    assert.notEqual(code, 0);
    assert.match(said, /NotSequencer/);
  });

  test('reverted batches leave the full node, which follows when the sequencer commits them again', async () => {
    const operator = network.accounts[OPERATOR].address;
    await done(GOVERNOR, 'setSequencer(bool,address,bool)', true, operator, true);
    await done(GOVERNOR, 'setSequencer(bool,address,bool)', false, operator, true);
    const kept = await transfer();
    await posted(kept);
    const tip = await committed();
    const dropped = await transfer();
    await posted(dropped);
    await followed(dropped);
    const { hash } = await client.getBlock({ blockNumber: dropped });

    await sequencer.stop();
    await done(OPERATOR, 'revertBatches(uint64)', tip);
    assert.equal(await committed(), tip);
    await node.program.says(/batches were reverted on L1/);
    await eventually('the node without the batch', async () => (await latest()) === kept);

    sequencer = await startSequencer(folder, network);
    await posted(dropped);
    await followed(dropped);
    assert.equal((await client.getBlock({ blockNumber: dropped })).hash, hash, 'nothing on L2 changed');
    await followed(await transfer());
  });

  test('a running sequencer commits reverted batches again at once', async () => {
    const block = await transfer();
    await posted(block);
    const tip = await committed();
    await done(OPERATOR, 'revertBatches(uint64)', tip - 2);
    await eventually('the batches', async () => (await committed()) >= tip);
    await posted(await transfer());
    await followed(block);
  });

  test('a batch that is not committed is named', async () => {
    const { code, said } = await operate(OPERATOR, 'revertBatches(uint64)', 9999);
    assert.notEqual(code, 0);
    assert.match(said, /UnknownBatch\(9999\)/);
  });
});
