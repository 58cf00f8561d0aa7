// A full node that knows only L1 has the same blocks, serves the same answers, and forwards transactions.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { parseEther } from 'viem';

import { artifact, l2Public, l2Wallet } from '../lib/clients.mjs';
import { eventually, rpc, startDevnet, startNode, temporaryFolder } from '../lib/devnet.mjs';

describe('full node', () => {
  let devnet, network, node, folder;

  before(async () => {
    folder = temporaryFolder();
    devnet = await startDevnet(['--batch-age-ms', '1000', '--data', folder]);
    network = devnet.network;
    const client = l2Public(network);
    const wallet = l2Wallet(network, 0);
    const { abi, bytecode } = artifact('DemoToken');
    const deployment = await wallet.deployContract({ abi, bytecode, args: [wallet.account.address, parseEther('1000')] });
    const { contractAddress: token } = await client.waitForTransactionReceipt({ hash: deployment });
    let last;
    for (let count = 0; count < 20; count++) {
      const to = `0x${(count + 1).toString(16).padStart(40, '0')}`;
      const hash = await wallet.writeContract({ address: token, abi, functionName: 'transfer', args: [to, 1n] });
      if (count % 5 === 4) last = (await client.waitForTransactionReceipt({ hash })).blockNumber;
    }
    await eventually('the last batch', async () => (await client.getBlock({ blockTag: 'safe' })).number >= last);
    node = await startNode(folder);
  });
  after(async () => {
    await node?.stop();
    await devnet?.stop();
  });

  const block = (url, number, full = false) => rpc(url, 'eth_getBlockByNumber', [number, full]);

  test('every block rebuilt from L1 equals the sequencer\'s', async () => {
    const { number } = await block(network.l2_rpc, 'safe');
    await eventually('the rebuilt chain', async () => BigInt((await block(node.url, 'latest')).number) >= BigInt(number));
    for (let height = 0n; height <= BigInt(number); height++) {
      const hex = `0x${height.toString(16)}`;
      const [theirs, ours] = await Promise.all([block(network.l2_rpc, hex, true), block(node.url, hex, true)]);
      assert.equal(ours.stateRoot, theirs.stateRoot);
      assert.deepEqual(ours, theirs);
      const [theirReceipts, ourReceipts] = await Promise.all(
        [network.l2_rpc, node.url].map((url) => rpc(url, 'eth_getBlockReceipts', [hex])),
      );
      assert.deepEqual(ourReceipts, theirReceipts);
    }
  });

  test('a transaction sent to the node reaches the chain', async () => {
    const wallet = l2Wallet({ ...network, l2_rpc: node.url }, 1);
    const client = l2Public(network);
    const to = '0x00000000000000000000000000000000000000bb';
    const hash = await wallet.sendTransaction({ to, value: 5n });
    await client.waitForTransactionReceipt({ hash });
    const follower = l2Public({ ...network, l2_rpc: node.url });
    await eventually('the block on the node', async () => (await follower.getBalance({ address: to })) === 5n);
  });

  test('a node started again goes on where it was', async () => {
    await node.stop('SIGKILL');
    const hash = await l2Wallet(network, 2).sendTransaction({ to: network.accounts[3].address, value: 1n });
    const { blockNumber } = await l2Public(network).waitForTransactionReceipt({ hash });
    node = await startNode(folder);
    await eventually('the block after the restart', async () => BigInt((await block(node.url, 'latest')).number) >= blockNumber);
    const hex = `0x${blockNumber.toString(16)}`;
    assert.equal((await block(node.url, hex)).stateRoot, (await block(network.l2_rpc, hex)).stateRoot);
  });
});
