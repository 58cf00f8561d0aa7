// A full disk: the daemons say so, refuse what they can't keep, lose nothing that they acknowledged, and go on when there
// is room.
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { keccak256 } from 'viem';

import { l2Account, l2Public, l2Wallet } from '../lib/clients.mjs';
import { Program, eventually, funded, rpc, run, startL1, startNode, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

const PAGE_BYTES = 4096;
/** The database's head: it is written in place, which a full disk does not prevent. */
const HEAD_BYTES = 4 * PAGE_BYTES;
const DISK_MIB = 192;
/** Bytes of call data: some of these transactions fill what the journal has in reserve. */
const DATA_BYTES = 90_000;
const MOST_TRANSACTIONS = 2_000;

/** No file may grow: works for every user on every Linux. */
function sizeLimit() {
  const limit = async (program, size) => {
    const { code, stderr } = await run('prlimit', ['--pid', String(program.pid), `--fsize=${size}:`]);
    assert.equal(code, 0, stderr);
  };
  return {
    folder: temporaryFolder(),
    wrap: [],
    fill: (program) => limit(program, HEAD_BYTES),
    free: (program) => limit(program, 'unlimited'),
    // The limit goes with the process.
    freeStopped: () => {},
    close: () => {},
  };
}

/** A file system of its own, in a namespace of its own. */
async function smallDisk(context) {
  const folder = temporaryFolder();
  const mount = `mount -t tmpfs -o size=${DISK_MIB}m tmpfs "$0" && echo mounted && exec sleep infinity`;
  const holder = new Program('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, folder]);
  const mounted = await holder.waitForLine((line) => (line === 'mounted' ? true : undefined)).catch(() => false);
  if (!mounted) {
    context.skip('this system lets nobody mount in a namespace; the test with a size limit stands in');
    return undefined;
  }
  const inside = `/proc/${holder.pid}/root${folder}`;
  const ballast = join(inside, 'ballast');
  const fill = () => {
    const file = openSync(ballast, 'w');
    try {
      for (;;) writeSync(file, Buffer.alloc(PAGE_BYTES));
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
    } finally {
      closeSync(file);
    }
  };
  const free = () => rmSync(ballast);
  return {
    folder,
    wrap: ['nsenter', '--target', String(holder.pid), '--user', '--mount', '--preserve-credentials'],
    fill,
    free,
    freeStopped: free,
    close: () => holder.stop('SIGKILL'),
  };
}

async function story(context, disk) {
  const folder = temporaryFolder();
  let sequencer;
  context.after(async () => {
    await sequencer?.stop();
    await disk.close();
  });
  const l1 = await startL1(folder);
  context.after(() => l1.stop());
  const { network } = l1;
  const client = l2Public(network);
  mkdirSync(disk.folder, { recursive: true });
  const start = async () => {
    sequencer = await startSequencer(folder, network, ['--data-dir', join(disk.folder, 'data')], disk.wrap);
  };
  await start();
  await funded(network);

  const account = l2Account(network, 3);
  const acknowledged = [];
  /** Sends one transaction; throws what the sequencer answers if it refuses it. */
  const send = async () => {
    const nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' });
    const raw = await account.signTransaction({
      chainId: network.l2_chain_id, type: 'eip1559', nonce, gas: 4_000_000n, maxFeePerGas: 2_000_000_000n,
      to: '0x00000000000000000000000000000000000000d1', value: 1n, data: `0x${'a5'.repeat(DATA_BYTES)}`,
    });
    await rpc(network.l2_rpc, 'eth_sendRawTransaction', [raw]);
    acknowledged.push(keccak256(raw));
  };
  const sendUntilRefused = async () => {
    for (let count = 0; count < MOST_TRANSACTIONS; count++) {
      const refused = await send().then(() => undefined, (error) => error);
      if (refused) return refused;
    }
    assert.fail(`${MOST_TRANSACTIONS} transactions were taken on a full disk`);
  };
  const readiness = async () => (await fetch(`${sequencer.ops}/ready`)).status;
  const allThere = async () => {
    for (const hash of acknowledged) {
      const receipt = await eventually(`the receipt of ${hash}`, () => rpc(network.l2_rpc, 'eth_getTransactionReceipt', [hash]));
      assert.equal(receipt.status, '0x1');
    }
    const received = await client.getBalance({ address: '0x00000000000000000000000000000000000000d1', blockTag: 'pending' });
    assert.equal(received, BigInt(acknowledged.length));
  };

  await send();
  await disk.fill(sequencer);
  const refused = await sendUntilRefused();
  assert.match(refused.message, /no room for|too large/i);
  await sequencer.says(/no room for .*free disk space|File too large/);
  assert.equal((await fetch(`${sequencer.ops}/health`)).status, 200);
  await eventually('the end of readiness', async () => (await readiness()) === 503);
  assert.ok(BigInt(await rpc(network.l2_rpc, 'eth_blockNumber')) > 0n, 'what is there is still served');

  await disk.free(sequencer);
  await eventually('the next transaction', () => send().then(() => true));
  await allThere();
  await eventually('readiness', async () => (await readiness()) === 200);

  await disk.fill(sequencer);
  await sendUntilRefused();
  await sequencer.stop('SIGKILL');
  await disk.freeStopped();
  await start();
  await allThere();
  await eventually('the next transaction', () => send().then(() => true));
  const last = await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [acknowledged.at(-1)]);
  await eventually('all of it on L1', async () => (await client.getBlock({ blockTag: 'safe' })).number >= BigInt(last.blockNumber));
}

async function nodeStory(context, disk) {
  const folder = temporaryFolder();
  const l1 = await startL1(folder);
  context.after(() => l1.stop());
  const { network } = l1;
  const client = l2Public(network);
  const sequencer = await startSequencer(folder, network);
  context.after(() => sequencer.stop());
  await funded(network);
  const node = await startNode(folder);
  context.after(() => node.stop());

  await disk.fill(node.program);
  const hash = await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
  const { blockNumber } = await client.waitForTransactionReceipt({ hash });
  await node.program.says(/no room for .*: the disk is full; free disk space/);
  assert.ok(BigInt(await rpc(node.url, 'eth_blockNumber')) < blockNumber);
  await disk.free(node.program);
  const block = await eventually('the block on the node', () => rpc(node.url, 'eth_getBlockByNumber', [`0x${blockNumber.toString(16)}`, false]));
  assert.equal(block.hash, (await client.getBlock({ blockNumber })).hash);
}

const skip = process.platform === 'linux' ? false : 'uses prlimit and namespaces';

describe('a full disk', { skip }, () => {
  test('where no file may grow: the sequencer refuses by name, loses nothing acknowledged and goes on', (context) => story(context, sizeLimit()));

  test('where the file system is full: the same', async (context) => {
    const disk = await smallDisk(context);
    if (disk) await story(context, disk);
  });

  test('where no file may grow: a full node says so, and follows when there is room', (context) => nodeStory(context, sizeLimit()));
});
