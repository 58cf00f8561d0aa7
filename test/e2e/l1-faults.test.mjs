// An L1 that is down, slow, pruned, another chain or reorganised too deep: what the daemons say, and how they go on.
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { createWalletClient, defineChain, http, parseAbi } from 'viem';

import { l2Account, l2Public, l2Wallet } from '../lib/clients.mjs';
import { CWE, Program, SEQUENCER, cwe, eventually, funded, metric, rpc, startL1, startNode, startSequencer, temporaryFolder } from '../lib/devnet.mjs';
import { L1Proxy, refusal } from '../lib/l1-proxy.mjs';

const REQUEST_TIMEOUT_MS = 2000;
const NEVER_MS = 600_000;

describe('an L1 that fails', () => {
  let folder, l1, network, client;
  // One proxy for each daemon, so that each can see another L1.
  let sequencerL1, nodeL1;
  let sequencer, node;

  const through = (proxy) => [`l1.rpc_url=${proxy.url}`, `l1.request_timeout_ms=${REQUEST_TIMEOUT_MS}`];
  const flags = (assignments) => assignments.flatMap((assignment) => ['--set', assignment]);
  const beginSequencer = async (...more) => {
    sequencer = await startSequencer(folder, network, flags([...through(sequencerL1), ...more]));
  };
  const beginNode = async (name, ...more) => {
    node = await startNode(folder, [...through(nodeL1), `data_dir=${join(folder, name)}`, ...more]);
  };
  const ready = async (daemon) => {
    const response = await fetch(`${daemon.ops}/ready`);
    return { status: response.status, ...(await response.json()) };
  };
  const l1Up = async (daemon) => (await metric(daemon.ops, 'cwe_l1_up'))[0].value;
  const latest = async (url) => BigInt(await rpc(url, 'eth_blockNumber'));

  /** The sequencer takes and executes a transaction; returns its block. */
  const transfer = async () => {
    const hash = await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
    const { status, blockNumber } = await client.waitForTransactionReceipt({ hash });
    assert.equal(status, 'success');
    return blockNumber;
  };
  const posted = (block) =>
    eventually(`block ${block} on L1`, async () => (await client.getBlock({ blockTag: 'safe' })).number >= block);
  /** The node has the block as the sequencer has it. */
  const followed = async (block) => {
    await eventually(`block ${block} on the node`, async () => (await latest(node.url)) >= block);
    const number = `0x${block.toString(16)}`;
    const [theirs, ours] = await Promise.all([network.l2_rpc, node.url].map((url) => rpc(url, 'eth_getBlockByNumber', [number, false])));
    assert.equal(ours.hash, theirs.hash);
  };

  before(async () => {
    folder = temporaryFolder();
    l1 = await startL1(folder);
    network = l1.network;
    client = l2Public(network);
    sequencerL1 = await L1Proxy.start(network.l1_rpc);
    nodeL1 = await L1Proxy.start(network.l1_rpc);
    await beginSequencer();
    await funded(network);
    await posted(await transfer());
  });
  after(async () => {
    await node?.stop();
    await sequencer?.stop();
    await l1?.stop();
    await sequencerL1?.down();
    await nodeL1?.down();
  });

  // What one test makes the L1 do must not reach the next.
  afterEach(() => {
    sequencerL1.honest();
    nodeL1.honest();
  });

  test('a sequencer starts and serves while its L1 is down, and posts when it is there', async () => {
    await sequencer.stop();
    await sequencerL1.down();
    await beginSequencer();
    await sequencer.says(/L1 can't be checked now/);
    const block = await transfer();
    assert.equal(await l1Up(sequencer), 0);
    await sequencerL1.up();
    await sequencer.says(/L1 is reachable again/);
    await posted(block);
    assert.equal(await l1Up(sequencer), 1);
  });

  test('a sequencer starts and serves while its L1 is slow, and posts when it is faster', async () => {
    await sequencer.stop();
    sequencerL1.delayMs = NEVER_MS;
    await beginSequencer();
    await sequencer.says(/L1 did not answer within|L1 can't be checked now/);
    const block = await transfer();
    await sequencer.says(new RegExp(`no answer within ${REQUEST_TIMEOUT_MS} ms`));
    sequencerL1.honest();
    await posted(block);
  });

  test('a sequencer goes on while its L1 becomes slow', async () => {
    sequencerL1.delayMs = NEVER_MS;
    await eventually('the outage', async () => (await l1Up(sequencer)) === 0);
    const block = await transfer();
    await eventually('the block', async () => (await latest(network.l2_rpc)) >= block);
    sequencerL1.honest();
    await posted(block);
  });

  test('an L1 without blobs is refused while blocks may be larger than call data takes', async () => {
    sequencerL1.answer('eth_getBlockByNumber', async (_, forward) => {
      const { excessBlobGas, blobGasUsed, ...block } = await forward();
      return block;
    });
    await sequencer.stop();
    const said = await new Program(SEQUENCER, ['--config', join(folder, 'sequencer.toml'), ...flags(through(sequencerL1))]).fails();
    assert.match(said, /the L1 has no blobs.*engine\.max_block_bytes is 700000: set it to 110000/);
    await beginSequencer('engine.max_block_bytes=110000');
    await posted(await transfer());
    await sequencer.says(/sent to L1 .*blobs=false/);
    await sequencer.stop();
    sequencerL1.honest();
    await beginSequencer();
  });

  test('a batch whose receipt comes late is not taken for a stranger\'s transaction', async () => {
    sequencerL1.answer('eth_getTransactionReceipt', () => null);
    const block = await transfer();
    await posted(block);
    await sequencer.says(/done on L1 by an earlier transaction/);
    sequencerL1.honest();
    assert.ok(!sequencer.said(/only this sequencer may use its key/), sequencer.tail());
  });

  test('a stranger\'s use of the posting key is named, and the batch is posted all the same', async () => {
    // The batch never reaches the L1; its nonce is taken by another transaction.
    sequencerL1.answer('eth_sendRawTransaction', async () => `0x${'11'.repeat(32)}`);
    const attempts = () => sequencer.log.filter((line) => line.includes('sent to L1')).length;
    const before = attempts();
    const block = await transfer();
    await eventually('the attempt', () => attempts() > before);
    const poster = sequencer.log.join('\n').match(/posts batches address=(0x\w{40})/)[1];
    await rpc(network.l1_rpc, 'anvil_impersonateAccount', [poster]);
    await rpc(network.l1_rpc, 'eth_sendTransaction', [{ from: poster, to: poster }]);
    await rpc(network.l1_rpc, 'anvil_stopImpersonatingAccount', [poster]);
    await sequencer.says(/another transaction used the posting account's nonce: only this sequencer may use its key/);
    sequencerL1.honest();
    await posted(block);
  });

  test('a full node starts while its L1 is down, says that it is not ready, and follows when it is there', async () => {
    await nodeL1.down();
    await beginNode('node');
    await node.program.says(/L1 can't be checked now/);
    assert.equal(await latest(node.url), 0n);
    assert.deepEqual(await ready(node).then(({ status, reasons }) => [status, reasons]), [503, ['L1 was not read yet since the start']]);
    const block = await transfer();
    await posted(block);
    await nodeL1.up();
    await followed(block);
    await eventually('readiness', async () => (await ready(node)).status === 200);
  });

  test('a full node serves while its L1 is slow, and follows when it is faster', async () => {
    nodeL1.delayMs = NEVER_MS;
    await eventually('the outage', async () => (await l1Up(node)) === 0);
    const block = await transfer();
    await posted(block);
    // It may still derive what it had read before.
    assert.ok((await latest(node.url)) < block);
    await node.program.says(new RegExp(`no answer within ${REQUEST_TIMEOUT_MS} ms`));
    nodeL1.honest();
    await followed(block);
  });

  test('a full node refuses an L1 with another chain id', async () => {
    const said = await new Program(CWE, ['node', '--config', join(folder, 'node.toml'), ...flags([...through(nodeL1), 'l1.chain_id=5', `data_dir=${join(folder, 'other')}`])]).fails();
    assert.match(said, /has chain id 31337, configured is l1\.chain_id = 5: check l1\.rpc_url/);
  });

  test('an L1 that becomes another chain stops both daemons with both ids, and they go on with the right one', async () => {
    nodeL1.answer('eth_chainId', () => '0x5');
    sequencerL1.answer('eth_chainId', () => '0x5');
    for (const program of [node.program, sequencer]) {
      assert.match(await program.fails(), /has chain id 5, configured is l1\.chain_id = 31337: check l1\.rpc_url/);
    }
    nodeL1.honest();
    sequencerL1.honest();
    await beginSequencer();
    await beginNode('node');
    const block = await transfer();
    await posted(block);
    await followed(block);
  });

  for (const [name, answer, message] of [
    ['refuses logs as pruned', () => { throw refusal(4444, 'pruned history unavailable'); }, /no longer has the logs of blocks \d+ to \d+ \(pruned history unavailable\): use an endpoint with full log history/],
    ['has thrown logs away without a word', () => [], /no longer has the logs of blocks .*0 were found.*use an endpoint with full log history/],
  ]) {
    test(`a full node on an L1 that ${name} says so, and follows when it has another`, async () => {
      await node?.stop();
      const block = await transfer();
      await posted(block);
      nodeL1.answer('eth_getLogs', answer);
      await beginNode(`node that ${name}`);
      await node.program.says(message);
      assert.equal(await latest(node.url), 0n);
      assert.equal((await ready(node)).status, 503);
      nodeL1.honest();
      await followed(block);
    });
  }

  test('a full node reads an L1 that answers small ranges of logs only', async () => {
    await node?.stop();
    const most = 3;
    let refused = 0;
    nodeL1.answer('eth_getLogs', ([{ fromBlock, toBlock }], forward) => {
      if (Number(toBlock) - Number(fromBlock) < most) return forward();
      refused += 1;
      throw refusal(-32005, 'query returned more than 10000 results');
    });
    const block = await transfer();
    await posted(block);
    await beginNode('node of small ranges');
    await followed(block);
    assert.ok(refused > 0);
  });

  test('a sequencer on an L1 without logs goes on, and takes the deposits when there are logs', async () => {
    const to = '0x00000000000000000000000000000000000000f1';
    const file = join(folder, 'ready.json');
    writeFileSync(file, JSON.stringify(network));
    sequencerL1.answer('eth_getLogs', () => []);
    const deposit = cwe(['deposit', '1', '--to', to, '--dev-account', '0', '--network', file]);
    await sequencer.says(/no longer has the logs of blocks .*the inbox has \d+ messages, \d+ were found/);
    await transfer();
    assert.equal(await client.getBalance({ address: to }), 0n);
    sequencerL1.honest();
    await eventually('the deposit', async () => (await client.getBalance({ address: to })) > 0n);
    assert.equal((await deposit).code, 0);
  });

  // Last: it ends the sequencer's chain.
  test('a reorganisation below the safe block stops the sequencer, the full node follows it, and the sequencer goes on from the node\'s data', async () => {
    const taken = '0x00000000000000000000000000000000000000f2';
    const inbox = parseAbi(['function sendMessage(address to, uint128 value, uint64 gasLimit, bytes data) payable returns (uint64)']);
    const chain = defineChain({ id: network.l1_chain_id, name: 'L1', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [network.l1_rpc] } } });
    const send = (value) =>
      createWalletClient({ chain, transport: http(), account: l2Account(network, 4) }).writeContract({
        address: network.contracts.Inbox, abi: inbox, functionName: 'sendMessage', args: [taken, value, 100_000n, '0x'],
      });
    await node?.stop();
    await beginNode('node that follows');
    const before = await transfer();
    await posted(before);
    await followed(before);
    const fork = await rpc(network.l1_rpc, 'evm_snapshot');
    await send(5n);
    await eventually('the message on L2', async () => (await client.getBalance({ address: taken })) === 5n);
    // A balance may be that of the open block: a transaction behind the message tells a block that L1 must have.
    const gone = await transfer();
    await posted(gone);
    await followed(gone);

    assert.equal(await rpc(network.l1_rpc, 'evm_revert', [fork]), true);
    await send(7n);
    const said = await sequencer.fails();
    assert.match(said, /L1 reorganised below the confirmation depth \(safe\): it changed messages that L2 has executed .*[Rr]estore the L2 from L1/);
    await node.program.says(/L1 reorganised below the confirmation depth/);
    await eventually('the node without the message', async () => BigInt(await rpc(node.url, 'eth_getBalance', [taken, 'latest'])) === 0n);

    await node?.stop();
    const restored = join(folder, 'restored');
    cpSync(join(folder, 'node that follows/chain'), join(restored, 'chain'), { recursive: true });
    await beginSequencer(`data_dir=${restored}`);
    await eventually('the other message', async () => (await client.getBalance({ address: taken })) === 7n);
    const block = await transfer();
    await posted(block);
    await beginNode('node that follows');
    await followed(block);
  });
});
