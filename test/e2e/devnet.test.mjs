// The promises of `cwe devnet`: one ready line, nothing left behind, state kept where asked.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { parseEther } from 'viem';

import { l2Public, l2Wallet, sealed } from '../lib/clients.mjs';
import { cwe, eventually, isAlive, rpc, startDevnet as start, temporaryFolder } from '../lib/devnet.mjs';

/** Processes whose command line mentions all of `parts`. */
function processesWith(...parts) {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return parts.every((part) => command.includes(part));
    } catch {
      return false;
    }
  });
}

/** A devnet that is stopped when the test ends, however it ends. */
async function startDevnet(context, extra) {
  const devnet = await start(extra);
  context.after(() => devnet.stop());
  return devnet;
}

const skip = process.platform === 'linux' ? false : 'reads /proc';

test('the ready line has exactly the promised keys', async (context) => {
  const devnet = await startDevnet(context);
  const { network } = devnet;
  assert.deepEqual(Object.keys(network).sort(), [
    'accounts', 'contracts', 'l1_chain_id', 'l1_rpc', 'l2_chain_id', 'l2_rpc', 'l2_ws',
  ]);
  for (const account of network.accounts) {
    assert.deepEqual(Object.keys(account).sort(), ['address', 'private_key']);
  }
  for (const name of ['Rollup', 'Inbox', 'Bridge', 'CLN', 'Timelock']) {
    assert.notEqual(await rpc(network.l1_rpc, 'eth_getCode', [network.contracts[name], 'latest']), '0x', name);
  }
  assert.equal(BigInt(await rpc(network.l1_rpc, 'eth_chainId')), BigInt(network.l1_chain_id));
  assert.equal(BigInt(await rpc(network.l2_rpc, 'eth_chainId')), BigInt(network.l2_chain_id));
  const { code } = await devnet.stop();
  assert.equal(code, 0);
  assert.equal(devnet.program.lines.length, 1, devnet.program.lines.join('\n'));
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
  test(`${signal} leaves no process behind`, { skip }, async (context) => {
    const folder = temporaryFolder();
    const devnet = await startDevnet(context, ['--data', folder]);
    const port = new URL(devnet.network.l1_rpc).port;
    const state = processesWith('--state').filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder));
    assert.ok(state.length > 0, 'anvil is running');
    await devnet.stop(signal);
    await eventually('the end of anvil', () => !state.some((pid) => isAlive(Number(pid))));
    await assert.rejects(rpc(`http://127.0.0.1:${port}`, 'eth_chainId'));
  });
}

test('with --data both chains go on where they were', async (context) => {
  const folder = temporaryFolder();
  const to = '0x00000000000000000000000000000000000000cc';
  let devnet = await startDevnet(context, ['--data', folder]);
  const hash = await l2Wallet(devnet.network, 0).sendTransaction({ to, value: parseEther('1') });
  const { blockNumber } = await l2Public(devnet.network).waitForTransactionReceipt({ hash });
  await sealed(devnet.network, blockNumber);
  const { hash: blockHash } = await l2Public(devnet.network).getBlock({ blockNumber });
  const contracts = devnet.network.contracts;
  await devnet.stop();

  devnet = await startDevnet(context, ['--data', folder]);
  assert.deepEqual(devnet.network.contracts, contracts);
  const client = l2Public(devnet.network);
  assert.equal(await client.getBalance({ address: to }), parseEther('1'));
  assert.equal((await client.getBlock({ blockNumber })).hash, blockHash);
  const again = await l2Wallet(devnet.network, 0).sendTransaction({ to, value: parseEther('1') });
  await client.waitForTransactionReceipt({ hash: again });
});

test('two devnets on one folder are refused, and the first goes on', async (context) => {
  const folder = temporaryFolder();
  const devnet = await startDevnet(context, ['--data', folder]);
  const free = ['--l1-port', '0', '--l2-port', '0', '--ops-port', '0'];
  const { code, stderr } = await cwe(['devnet', '--json', ...free, '--data', folder]);
  assert.notEqual(code, 0);
  assert.match(stderr, /another (devnet|process)|in use|locked/);
  assert.ok(await rpc(devnet.network.l2_rpc, 'eth_blockNumber'));
});

test('a port in use is named', async (context) => {
  const devnet = await startDevnet(context);
  const taken = new URL(devnet.network.l1_rpc).port;
  const { code, stderr } = await cwe(['devnet', '--json', '--l1-port', taken, '--l2-port', '0', '--ops-port', '0']);
  assert.notEqual(code, 0);
  assert.match(stderr, /in use/i);
});

test('an anvil that is not there is named', async () => {
  const { code, stderr } = await cwe(['devnet', '--json'], { env: { ANVIL: '/nonexistent/anvil' } });
  assert.notEqual(code, 0);
  assert.match(stderr, /ANVIL names \/nonexistent\/anvil/);
});
