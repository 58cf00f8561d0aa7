// What goes wrong around a sequencer, and what it says or survives.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { l2Public, l2Wallet } from '../lib/clients.mjs';
import { Program, ROOT, SEQUENCER, cwe, eventually, freePort, rpc, run, startDevnet, startL1, temporaryFolder } from '../lib/devnet.mjs';

describe('a sequencer', () => {
  let folder, l1, network, sequencer;
  const config = () => join(folder, 'sequencer.toml');
  const start = async (...flags) => {
    const program = new Program(SEQUENCER, ['--config', config(), ...flags]);
    await eventually('the sequencer', () => rpc(network.l2_rpc, 'eth_blockNumber'), 60_000, 20);
    return program;
  };
  /** Starts a sequencer that must refuse to run; returns what it says. */
  const refused = async (...flags) => {
    const { code, stdout, stderr } = await run('timeout', ['60', SEQUENCER, '--config', config(), ...flags]);
    assert.notEqual(code, 0, 'it ended well');
    assert.notEqual(code, 124, 'it did not end');
    return stderr + stdout;
  };

  before(async () => {
    folder = temporaryFolder();
    l1 = await startL1(folder);
    network = l1.network;
    sequencer = await start();
    await eventually('the funds', async () => BigInt(await rpc(network.l2_rpc, 'eth_getBalance', [network.accounts[9].address, 'latest'])) > 0n);
  });
  after(async () => {
    await sequencer?.stop();
    await l1?.stop();
  });

  test('refuses to share its data with a second one', async () => {
    const port = await freePort();
    const said = await refused('--rpc-listen', `127.0.0.1:${port}`, '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /another process|in use|locked/i);
    assert.ok(await rpc(network.l2_rpc, 'eth_blockNumber'), 'the first one goes on');
  });

  test('refuses an unknown configuration key and names the nearest', async () => {
    assert.match(await refused('--set', 'engine.block_tme_ms=5'), /block_tme_ms.*block_time_ms/s);
  });

  test('refuses an L1 with another chain id', async () => {
    const elsewhere = temporaryFolder();
    const said = await refused('--data-dir', elsewhere, '--set', 'l1.chain_id=5', '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /chain id/);
  });

  test('refuses contracts that are not there', async () => {
    const elsewhere = temporaryFolder();
    const nowhere = '0x00000000000000000000000000000000000000aa';
    const said = await refused('--data-dir', elsewhere, '--set', `l1.rollup=${nowhere}`, '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /l1\.rollup/);
  });

  test('tells health, readiness and metrics', async () => {
    const ops = readFileSync(config(), 'utf8').match(/\[ops\]\s+listen = "([^"]+)"/)[1];
    assert.equal((await fetch(`http://${ops}/health`)).status, 200);
    await eventually('readiness', async () => (await fetch(`http://${ops}/ready`)).status === 200);
    const metrics = await (await fetch(`http://${ops}/metrics`)).text();
    assert.match(metrics, /^cwe_l1_up 1$/m);
    assert.ok(!metrics.includes(readFileSync(join(folder, 'poster.key'), 'utf8').trim()));
  });

  test('goes on without its L1, and posts when the L1 is back', async () => {
    const client = l2Public(network);
    const port = new URL(network.l1_rpc).port;
    await l1.stop();
    const hash = await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
    const { blockNumber, status } = await client.waitForTransactionReceipt({ hash });
    assert.equal(status, 'success');
    await eventually('the block', async () => (await client.getBlockNumber()) >= blockNumber);
    const l2Port = new URL(network.l2_rpc).port;
    l1 = await startDevnet(['--no-sequencer', '--data', folder, '--l1-port', port, '--l2-port', l2Port, '--batch-age-ms', '2000']);
    await eventually('the batch', async () => (await client.getBlock({ blockTag: 'safe' })).number >= blockNumber, 120_000);
  });

  test('stops in order on SIGTERM', async () => {
    const { code } = await sequencer.stop('SIGTERM');
    assert.equal(code, 0);
    sequencer = await start();
  });

  test('refuses a database that was damaged', async () => {
    await sequencer.stop();
    const copy = temporaryFolder();
    cpSync(join(folder, 'sequencer'), copy, { recursive: true });
    const largest = readdirSync(copy, { recursive: true })
      .map((name) => join(copy, name))
      .filter((path) => statSync(path).isFile())
      .sort((a, b) => statSync(b).size - statSync(a).size)
      .find((path) => path.includes('chain'));
    // The first pages hold the metadata.
    const bytes = readFileSync(largest);
    bytes.fill(0xa5, 0, 3 * 4096);
    writeFileSync(largest, bytes);
    assert.match(await refused('--data-dir', copy, '--set', 'ops.listen=127.0.0.1:0'), /damaged|corrupt|not an MDBX|invalid/i);
    rmSync(copy, { recursive: true, force: true });
    sequencer = await start();
  });
});

test('genesis, L1 deployment by forge script and a sequencer make a chain, as the operating guide says', async (context) => {
  const folder = temporaryFolder();
  const devnet = await startL1(folder);
  context.after(() => devnet.stop());
  const { network } = devnet;
  // forge may read and write below deploy/ only.
  const out = join(ROOT, 'deploy/out', `test-${process.pid}`);
  context.after(() => rmSync(out, { recursive: true, force: true }));
  const owner = network.accounts[3].address;
  const chainId = network.l2_chain_id + 1;
  const genesis = await cwe(['genesis', '--chain-id', String(chainId), '--fee-owner', owner, '--fee-recipient', owner, '--out', out]);
  assert.equal(genesis.code, 0, genesis.stderr);

  const key = network.accounts[0].private_key;
  const forge = await run(join(ROOT, 'node_modules/.bin/forge'), [
    'script', 'deploy/DeployL1.s.sol', '--rpc-url', network.l1_rpc, '--private-key', key, '--broadcast',
  ], { env: { GENESIS_FILE: join('deploy/out', `test-${process.pid}`, 'l1.json') } });
  assert.equal(forge.code, 0, forge.stderr + forge.stdout);
  const deployed = JSON.parse(readFileSync(join(ROOT, 'deploy/out', `${network.l1_chain_id}.json`), 'utf8'));

  const port = await freePort();
  const set = (assignment) => ['--set', assignment];
  const sequencer = new Program(SEQUENCER, [
    '--config', join(folder, 'sequencer.toml'), '--data-dir', join(folder, 'second'), '--genesis', join(out, 'genesis.json'),
    '--rpc-listen', `127.0.0.1:${port}`, ...set('ops.listen=127.0.0.1:0'),
    ...set(`l1.rollup=${deployed.rollup}`), ...set(`l1.inbox=${deployed.inbox}`),
  ]);
  context.after(() => sequencer.stop());
  const url = `http://127.0.0.1:${port}`;
  await eventually('the new chain', async () => BigInt(await rpc(url, 'eth_chainId')) === BigInt(chainId));
  const block = await rpc(url, 'eth_getBlockByNumber', ['0x0', false]);
  assert.equal(block.hash, JSON.parse(readFileSync(join(out, 'l1.json'), 'utf8')).genesisBlockHash);
});
