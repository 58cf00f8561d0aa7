// The prover daemon on a real chain, with a stage program that proves nothing: queue, restarts, workers, posting.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createPublicClient, createWalletClient, encodeFunctionData, http, parseAbi, toHex, zeroHash } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { anvil } from 'viem/chains';

import { artifact, l2Public, l2Wallet } from '../lib/clients.mjs';
import { CWE, Program, ROOT, cwe, eventually, freePort, isAlive, metric, rpc, startDevnet, temporaryFolder } from '../lib/devnet.mjs';

const PROVER = join(dirname(CWE), 'cwe-prover');
const STAGE = join(ROOT, 'test/lib/stage.mjs');
const STAGES = ['execute', 'segments', 'aggregate', 'root', 'halo2', 'wrap'];
const GOVERNOR = 0;
const POSTER = 7;
const OPERATOR = 6;

const rollupAbi = parseAbi([
  'function lastCommittedBatch() view returns (uint64)',
  'function lastFinalizedBatch() view returns (uint64)',
  'function batchHash(uint64) view returns (bytes32)',
  'function setVerifier(address)',
  'function setSequencer(address,bool)',
  'function revertBatches((bytes32,uint64,uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32,bytes32,bool,bytes32))',
]);
const timelockAbi = parseAbi([
  'function schedule(address,uint256,bytes,bytes32,bytes32,uint256)',
  'function execute(address,uint256,bytes,bytes32,bytes32) payable',
]);
const committedEvent = parseAbi([
  'event BatchCommitted(uint64 indexed batchIndex, bytes32 indexed batchHash, (bytes32,uint64,uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32,bytes32,bool,bytes32) batch, bytes32[] versionedHashes, bytes data)',
])[0];

describe('prover', () => {
  let devnet, network, l1, l2, provers;

  before(async () => {
    devnet = await startDevnet(['--batch-age-ms', '1000']);
    network = devnet.network;
    l1 = createPublicClient({ chain: anvil, transport: http(network.l1_rpc), pollingInterval: 100 });
    l2 = l2Public(network);
    provers = new Set();
  });
  after(async () => {
    await Promise.all([...provers].map((prover) => prover.stop('SIGKILL')));
    await devnet?.stop();
  });

  const wallet = (account) => createWalletClient({
    chain: anvil, transport: http(network.l1_rpc), account: privateKeyToAccount(network.accounts[account].private_key), pollingInterval: 100,
  });
  const rollup = (functionName, ...args) => l1.readContract({ address: network.contracts.Rollup, abi: rollupAbi, functionName, args });
  const mined = async (hash) => {
    const receipt = await l1.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'success');
    return receipt;
  };
  /** A call that only the timelock may make; a devnet's has no delay. */
  const govern = async (functionName, ...args) => {
    const call = [network.contracts.Rollup, 0n, encodeFunctionData({ abi: rollupAbi, functionName, args }), zeroHash, zeroHash];
    const contract = { address: network.contracts.Timelock, abi: timelockAbi };
    await mined(await wallet(GOVERNOR).writeContract({ ...contract, functionName: 'schedule', args: [...call, 0n] }));
    await mined(await wallet(GOVERNOR).writeContract({ ...contract, functionName: 'execute', args: call }));
  };
  /** Waits until a new batch is committed, and no other is to come; its index. */
  const commit = async () => {
    const before = await rollup('lastCommittedBatch');
    await l2Wallet(network, 1).sendTransaction({ to: network.accounts[2].address, value: 1n });
    await eventually('a batch', async () => (await rollup('lastCommittedBatch')) > before);
    await eventually('all blocks in batches', async () => {
      const [latest, safe] = await Promise.all(['latest', 'safe'].map((blockTag) => l2.getBlock({ blockTag })));
      return latest.number === safe.number;
    });
    return rollup('lastCommittedBatch');
  };

  /** A setting for provers: folders, and what its stages are told. */
  const setting = () => {
    const folder = temporaryFolder();
    const control = join(folder, 'control');
    mkdirSync(control);
    return {
      folder,
      queue: `sqlite:${join(folder, 'queue.db')}`,
      tell: (stage, order) => writeFileSync(join(control, stage), order),
      let: (stage) => rmSync(join(control, stage), { force: true }),
      control,
      runs: () => (existsSync(join(control, 'log')) ? readFileSync(join(control, 'log'), 'utf8').trim().split('\n').map(JSON.parse) : []),
    };
  };
  const start = async (at, { name = 'one', set = [] } = {}) => {
    const port = await freePort();
    const ops = `http://127.0.0.1:${port}`;
    writeFileSync(join(at.control, 'ops'), ops);
    const values = {
      'l1.rpc_url': network.l1_rpc, 'l1.chain_id': network.l1_chain_id, 'l1.rollup': network.contracts.Rollup,
      'l1.inbox': network.contracts.Inbox, 'l1.confirmation': 0, 'l1.poll_interval_ms': 200, node_url: network.l2_rpc,
      'queue.address': at.queue, 'queue.lease_secs': 2, 'queue.retry_secs': 1, 'finalize_every.batches': 1024, 'finalize_every.secs': 0,
      'workers.name': name, 'ops.listen': `127.0.0.1:${port}`, 'post.enabled': false, 'post.prover': network.accounts[POSTER].address,
    };
    const assignments = [...Object.entries(values).map(([key, value]) => `${key}=${value}`), ...set];
    const args = ['--data-dir', join(at.folder, name), '--stage-program', STAGE, ...assignments.flatMap((value) => ['--set', value])];
    const program = new Program(PROVER, args, { env: { STAGE_TEST: at.control } });
    provers.add(program);
    program.exited.then(() => provers.delete(program));
    await eventually('the prover', async () => (await fetch(`${ops}/health`)).ok).catch((error) => {
      throw new Error(`${error.message}\n${program.tail()}`);
    });
    return Object.assign(program, { ops, jobs: async () => (await fetch(`${ops}/jobs`)).json() });
  };
  const job = (prover, state, what = state) => eventually(`a job that is ${what}`, async () => (await prover.jobs()).find((found) => found.state === state));
  const count = (at, stage) => at.runs().filter((run) => run.stage === stage).length;
  /** What the stage program makes of an input: every stage names the length of what it read. */
  const proofOf = (id, inputBytes) => STAGES.slice(1).reduce((read, stage) => `${stage} of job ${id} after ${read.length} bytes`, { length: inputBytes });
  const stopped = (at) => eventually('the stages to end', () => at.runs().every(({ pid }) => !isAlive(pid)), 10_000);

  test('a prover killed in any stage goes on there, and its stage dies with it', async () => {
    const at = setting();
    await commit();
    for (const stage of STAGES) {
      at.tell(stage, 'hang');
      const prover = await start(at);
      await eventually(`the stage ${stage}`, () => count(at, stage) > 0).catch((error) => {
        throw new Error(`${error.message}\n${prover.tail()}`);
      });
      await prover.stop('SIGKILL');
      await stopped(at);
      at.let(stage);
    }
    const prover = await start(at);
    const done = await job(prover, 'done');
    assert.equal(done.attempts, STAGES.length + 1);
    for (const stage of STAGES) {
      const runs = at.runs().filter((run) => run.job === done.id && run.stage === stage).length;
      assert.equal(runs, 2, `${stage}: once until the kill, once after it`);
    }
    assert.ok((await metric(prover.ops, 'cwe_prover_stage_seconds_count')).length > 0);
    await eventually('the files to go', () => !existsSync(join(at.folder, 'one/work', String(done.id))));
    await prover.stop();
  });

  test('two provers on one queue do each job once', async () => {
    const at = setting();
    const provers = [await start(at, { name: 'one' }), await start(at, { name: 'two' })];
    for (let number = 0; number < 3; number++) await commit();
    const tip = Number(await rollup('lastCommittedBatch'));
    const jobs = await eventually('all jobs', async () => {
      const jobs = await provers[0].jobs();
      return jobs.every(({ state }) => state === 'done') && jobs.some(({ last }) => last >= tip) && jobs;
    });
    let next = 1;
    for (const { first, last } of jobs) {
      assert.equal(first, next, 'every batch is under one proof');
      next = last + 1;
    }
    for (const { id } of jobs) {
      assert.equal(at.runs().filter((run) => run.job === id).length, STAGES.length);
    }
    await Promise.all(provers.map((prover) => prover.stop()));
  });

  test('an input that can never be proven fails the job for good, and a person may try again', async () => {
    const at = setting();
    at.tell('segments', 'exit 2');
    const prover = await start(at);
    const failed = await job(prover, 'failed');
    assert.match(failed.error, /stage segments: told to fail in segments/);
    await prover.says(/failed for good/);
    const { status } = await fetch(`${prover.ops}/ready`);
    assert.equal(status, 503);
    await new Promise((wait) => setTimeout(wait, 3_000));
    assert.equal(count(at, 'segments'), 1, 'it does not loop');
    assert.equal((await prover.jobs()).length, 1, 'nothing is planned behind it');

    at.let('segments');
    const set = [`queue.address=${at.queue}`, `l1.chain_id=${network.l1_chain_id}`, `l1.rollup=${network.contracts.Rollup}`,
      `l1.inbox=${network.contracts.Inbox}`, 'post.enabled=false', `post.prover=${network.accounts[POSTER].address}`];
    const retry = new Program(PROVER, ['retry', String(failed.id), ...set.flatMap((value) => ['--set', value])]);
    assert.equal((await retry.exited).code, 0, retry.tail());
    await job(prover, 'done');
    assert.equal(count(at, 'execute'), 1, 'what was done stays done');
    await prover.stop();
  });

  test('a stage that fails otherwise is tried again, later and later, until the attempts are used up', async () => {
    const at = setting();
    at.tell('root', 'exit 7');
    const prover = await start(at, { set: ['queue.max_attempts=2'] });
    const failed = await job(prover, 'failed');
    assert.equal(failed.attempts, 2);
    assert.equal(count(at, 'root'), 2);
    assert.equal(count(at, 'aggregate'), 1);
    await prover.stop();
  });

  test('a prover that stops answering loses its job, and kills its stage when it wakes up', async () => {
    const at = setting();
    at.tell('root', 'hang');
    const one = await start(at, { name: 'one' });
    const { pid } = await eventually('the stage', () => at.runs().find((run) => run.stage === 'root'));
    process.kill(one.pid, 'SIGSTOP');
    at.let('root');
    const two = await start(at, { name: 'two' });
    const done = await job(two, 'done');
    assert.match(done.worker, /^two/);
    assert.ok(isAlive(pid));
    process.kill(one.pid, 'SIGCONT');
    await one.says(/lost the lease/);
    await eventually('the stage to end', () => !isAlive(pid), 10_000);
    await Promise.all([one.stop(), two.stop()]);
  });

  test('a stage that does not fit into memory is not started, and the figures are told', async () => {
    const at = setting();
    process.env.STAGE_TEST_MEMORY = String(2 ** 50);
    const prover = await start(at);
    delete process.env.STAGE_TEST_MEMORY;
    await prover.says(/stage execute needs 1048576\.0 GiB, .* GiB of .* GiB are free: it can't run on this machine/);
    assert.equal(at.runs().length, 0);
    assert.equal((await job(prover, 'queued')).attempts, 0);
    await prover.stop();
  });

  test('a batch that is reverted on L1 takes its job with it, and is proven once it is committed again', async () => {
    const at = setting();
    at.tell('aggregate', 'hang');
    const prover = await start(at, { set: ['finalize_every.batches=1'] });
    const tip = await commit();
    await eventually('the stage', () => count(at, 'aggregate') > 0);
    const { pid } = at.runs().find((run) => run.stage === 'aggregate');
    await govern('setSequencer', network.accounts[OPERATOR].address, true);
    const [{ args }] = await l1.getLogs({ address: network.contracts.Rollup, event: committedEvent, args: { batchIndex: 0n }, fromBlock: 0n });
    // Batch by batch, as the contract keeps hashes only: everything after the genesis is dropped.
    await mined(await wallet(OPERATOR).writeContract({ address: network.contracts.Rollup, abi: rollupAbi, functionName: 'revertBatches', args: [args.batch] }));
    await prover.says(/drops a job/);
    await eventually('the stage to end', () => !isAlive(pid), 10_000);
    at.let('aggregate');
    await eventually('the batches', async () => (await rollup('lastCommittedBatch')) >= tip);
    await job(prover, 'done');
    await prover.stop();
  });

  test('proofs are posted, a revert is told by its name, and nothing is posted twice', async () => {
    const at = setting();
    const { abi, bytecode } = artifact('MockVerifier');
    const { contractAddress: verifier } = await mined(await wallet(GOVERNOR).deployContract({ abi, bytecode }));
    await govern('setVerifier', verifier);
    const key = join(at.folder, 'poster.key');
    writeFileSync(key, network.accounts[POSTER].private_key, { mode: 0o600 });
    const post = ['post.enabled=true', `post.private_key_file=${key}`, 'post.resubmit_after_ms=2000'];
    let prover = await start(at, { set: post });
    const done = await job(prover, 'done');
    await prover.says(/Rollup\.proveBatches would revert: InvalidProof/);
    await prover.stop('SIGKILL');

    const input = await rpc(network.l2_rpc, 'cwe_proofInput', [done.first, done.last, network.accounts[POSTER].address]);
    const proof = toHex(proofOf(done.id, (input.length - 2) / 2));
    await mined(await wallet(GOVERNOR).writeContract({ address: verifier, abi, functionName: 'accept', args: [done.public_value, proof] }));
    prover = await start(at, { set: post });
    await eventually('finality', async () => (await rollup('lastFinalizedBatch')) >= BigInt(done.last)).catch((error) => {
      throw new Error(`${error.message}\n${prover.tail()}`);
    });
    await eventually('the finalized batch', async () => {
      const { finalized_batch: batch } = await (await fetch(`${prover.ops}/ready`)).json();
      return batch >= done.last;
    });
    const nonce = await l1.getTransactionCount({ address: network.accounts[POSTER].address });
    assert.equal(nonce, 1, 'one transaction');
    await prover.stop();
    const again = await start(at, { set: post });
    await new Promise((wait) => setTimeout(wait, 2_000));
    assert.equal(await l1.getTransactionCount({ address: network.accounts[POSTER].address }), nonce);
    await again.stop();
  });

  test('cwe prove runs all stages by hand and goes on where it was interrupted', async () => {
    const at = setting();
    const tip = Number(await commit());
    const planner = await start(at, { set: ['workers.count=0', 'finalize_every.batches=1'] });
    const planned = await eventually('the job', async () => (await planner.jobs()).find(({ first }) => first === tip));
    await planner.stop();
    writeFileSync(join(at.control, 'value'), planned.public_value);
    const file = join(at.folder, 'network.json');
    writeFileSync(file, JSON.stringify(network));
    const prove = (program = STAGE, ...more) => cwe([
      'prove', '--batch', String(tip), '--prover', network.accounts[POSTER].address, '--network', file, '--stage-program', program,
      '--data', join(at.folder, 'by-hand'), '--json', ...more,
    ], { env: { STAGE_TEST: at.control } });

    const missing = await prove(join(at.folder, 'none'));
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /make prover/);

    const stark = await prove(STAGE, '--stop-after', 'stark');
    assert.equal(stark.code, 0, stark.stderr);
    assert.deepEqual(JSON.parse(stark.stdout).stages.map(({ stage }) => stage), STAGES.slice(0, 3));

    at.tell('halo2', 'exit 7');
    const failed = await prove();
    assert.notEqual(failed.code, 0);
    assert.match(failed.stderr, /goes on from here/);
    at.let('halo2');
    const { code, stdout, stderr } = await eventually('the proof', async () => {
      const outcome = await prove();
      return outcome.code === 0 && outcome;
    });
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual(report.stages.map(({ stage, seconds }) => [stage, seconds === null]), STAGES.map((stage, position) => [stage, position < 4]));
    assert.equal(report.public_value, planned.public_value);
    assert.match(readFileSync(report.output, 'utf8'), /^wrap of job/);
    const gone = await prove(STAGE, '--stop-after', 'stark');
    assert.notEqual(gone.code, 0);
    assert.match(gone.stderr, /another folder/);
  });
});
