// What goes wrong around a sequencer, and what it says or survives.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { l2Public, l2Wallet } from '../lib/clients.mjs';
import { CWE, Program, ROOT, SEQUENCER, cwe, eventually, foundry, freePort, funded, rpc, run, startDevnet, startL1, startSequencer, temporaryFolder } from '../lib/devnet.mjs';

const PAGE_BYTES = 4096;

function bigEndian(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(number);
  return bytes;
}

describe('a sequencer', () => {
  let folder, l1, network, sequencer;
  const config = () => join(folder, 'sequencer.toml');
  const start = () => startSequencer(folder, network);
  /** Starts a sequencer that must refuse to run; returns what it says. */
  const refused = (...flags) => new Program(SEQUENCER, ['--config', config(), ...flags]).fails();

  before(async () => {
    folder = temporaryFolder();
    l1 = await startL1(folder);
    network = l1.network;
    sequencer = await start();
    await funded(network);
  });
  after(async () => {
    await sequencer?.stop();
    await l1?.stop();
  });

  test('refuses to share its data with a second one', async () => {
    const port = await freePort();
    const said = await refused('--rpc-listen', `127.0.0.1:${port}`, '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /chain is in use by process \d+: stop it first/);
    assert.ok(await rpc(network.l2_rpc, 'eth_blockNumber'), 'the first one goes on');
  });

  test('refuses an unknown configuration key, wherever it is, and names where and the nearest', async () => {
    assert.match(await refused('--set', 'engine.block_tme_ms=5'), /`engine\.block_tme_ms` \(from flags\).*`engine\.block_time_ms`/);
    const file = join(temporaryFolder(), 'sequencer.toml');
    writeFileSync(file, readFileSync(config(), 'utf8').replace('[engine]', '[engine]\nblock_tme_ms = 5'));
    const inFile = await new Program(SEQUENCER, ['--config', file]).fails();
    assert.match(inFile, /`engine\.block_tme_ms` \(from TOML file .*sequencer\.toml.*\).*`engine\.block_time_ms`/);
    const env = { CWE_ENGINE__BLOCK_TME_MS: '5' };
    const inEnvironment = await new Program(SEQUENCER, ['--config', config()], { env }).fails();
    assert.match(inEnvironment, /`engine\.block_tme_ms` \(from .*environment.*\).*`engine\.block_time_ms`/i);
    const node = await new Program(CWE, ['node', '--config', join(folder, 'node.toml'), '--set', 'blobs.archive_url=x']).fails();
    assert.match(node, /`blobs\.archive_url` \(from flags\).*`blobs\.archive_urls`/);
  });

  test('takes no notice of what the command `cwe` reads from the same shell', async () => {
    const env = { CWE_CAP: '5', CWE_HUB: 'http://127.0.0.1:9607', CWE_WALLET: 'wallet', CWE_WALLET_PASSWORD: 'correct horse' };
    const said = await new Program(SEQUENCER, ['--config', config(), '--set', 'x_last=1'], { env }).fails();
    assert.match(said, /key `x_last`/);
    assert.doesNotMatch(said, /correct horse/);
  });

  test('refuses blocks that fit no batch in call data and says which do', async () => {
    const said = await refused('--data-dir', temporaryFolder(), '--set', 'batches.data=calldata');
    assert.match(said, /`engine\.max_block_bytes`: is 700000, .*call.*set it to 110000/);
  });

  test('refuses an L1 with another chain id', async () => {
    const elsewhere = temporaryFolder();
    const said = await refused('--data-dir', elsewhere, '--set', 'l1.chain_id=5', '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /has chain id \d+, configured is l1\.chain_id = 5: check l1\.rpc_url/);
  });

  test('refuses contracts that are not there', async () => {
    const elsewhere = temporaryFolder();
    const nowhere = '0x00000000000000000000000000000000000000aa';
    const said = await refused('--data-dir', elsewhere, '--set', `l1.rollup=${nowhere}`, '--set', 'ops.listen=127.0.0.1:0');
    assert.match(said, /no contract at l1\.rollup = 0x0+aa on the L1: check the address/i);
  });

  test('tells health, readiness and metrics', async () => {
    const { ops } = sequencer;
    assert.equal((await fetch(`${ops}/health`)).status, 200);
    await eventually('readiness', async () => (await fetch(`${ops}/ready`)).status === 200);
    const metrics = await (await fetch(`${ops}/metrics`)).text();
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
    await eventually('the batch', async () => (await client.getBlock({ blockTag: 'safe' })).number >= blockNumber);
  });

  test('stops in order on SIGTERM', async () => {
    const { code } = await sequencer.stop('SIGTERM');
    assert.equal(code, 0);
    sequencer = await start();
  });

  describe('with its data changed while it was stopped', () => {
    before(() => sequencer.stop());
    after(async () => {
      sequencer = await start();
    });

    /** What a sequencer says to a copy of the data, one file of which was changed. */
    const refusedAfter = async (name, change) => {
      const copy = temporaryFolder();
      cpSync(join(folder, 'sequencer'), copy, { recursive: true });
      const path = join(copy, name);
      const bytes = readFileSync(path);
      change(bytes);
      writeFileSync(path, bytes);
      return refused('--data-dir', copy);
    };

    test('refuses a database that was damaged', async () => {
      // The first pages hold the metadata.
      const said = await refusedAfter('chain/mdbx.dat', (bytes) => bytes.fill(0xa5, 0, 3 * PAGE_BYTES));
      assert.match(said, /chain is damaged \(.*\): restore a copy, or remove the directory and sync again/);
    });

    test('refuses a journal that was damaged', async () => {
      const said = await refusedAfter('journal/journal.log', (bytes) => bytes.fill(0xa5, 16, 64));
      assert.match(said, /journal\.log is damaged \(.*\): restore a copy/);
    });

    test('refuses a database that a newer version wrote', async () => {
      const said = await refusedAfter('chain/mdbx.dat', (bytes) => {
        // A row of a table is its key, then its value: here eight bytes.
        const row = (schema) => Buffer.concat([Buffer.from('schema'), bigEndian(schema)]);
        const ours = row(3n);
        let changed = 0;
        for (let at = bytes.indexOf(ours); at >= 0; at = bytes.indexOf(ours, at + 1)) changed += row(9n).copy(bytes, at) > 0;
        assert.ok(changed > 0, 'there is no row of the schema');
      });
      assert.match(said, /has schema 9, this program knows up to 3: upgrade the program/);
    });
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
  const forge = await run(foundry('forge'), [
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
