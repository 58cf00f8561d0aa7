// From listening to money on a real L2 with short epochs: two listeners' notes, with real proofs, go to a coordinator each, of
// which one is killed in between; their aggregates, the one built on the other's, and the settlement go through a prover's
// queue and onto the chain; the creator withdraws.
//
// `make test` proves the two programs by a stage program that proves nothing, so behind the contract that checks the pairing
// of all Reveal proofs stands one that compares a "proof" with the value it should show; all other parts are the shipped
// ones. With STAGE_PROGRAM (`make test-full`) the proofs are real too, and the verifiers those that a devnet deploys; there
// is one coordinator then, as each aggregate is half an hour.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { getAddress, keccak256, parseEther, toHex } from 'viem';

import { l2Public } from '../lib/clients.mjs';
import { CWE, Program, ROOT, cwe, eventually, freePort, json, set } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';
import { COMPARED_STAGE, comparingVerifiers, toldToCompare } from '../lib/payouts.mjs';

const COORDINATOR = join(dirname(CWE), 'cwe-aggregator');
const PROVER = join(dirname(CWE), 'cwe-prover');
const REAL_STAGE = process.env.STAGE_PROGRAM;
const STAGE = REAL_STAGE ?? COMPARED_STAGE;
/** How long a proof takes at most, seconds; the window for aggregates must be as long. */
const PROOF_SECS = REAL_STAGE ? Number(process.env.PROOF_SECS ?? 3600) : 45;
const SCHEDULE = { lengthSecs: 90, submissionSecs: 90, revealSecs: 45, aggregationSecs: PROOF_SECS };
const PAYOUTS_ABI = JSON.parse(readFileSync(join(ROOT, 'crates/bindings/abi/CWEPayouts.json'), 'utf8'));
const FEE = parseEther('5');
const LISTENERS = ['ann', 'bob'];
/** Their accounts, by name. */
const COORDINATORS = REAL_STAGE ? { one: 6 } : { one: 6, two: 8 };
const PEER_TOKEN = 'between the coordinators of this test';
const PROVER_ACCOUNT = 7;
const workId = (name) => `0x00${keccak256(toHex(name)).slice(4)}`;
const [SONG, FILM] = ['song', 'film'].map(workId);

describe('from listening to money', () => {
  const programs = new Set();
  /** By name: program, URL. */
  const coordinators = {};
  let economy, network, addresses, epoch, notes, own;

  const at = (name) => economy.at(name);
  const queue = () => `sqlite:${at('queue.db')}`;
  const reach = (secs) => economy.reach(secs);
  const ok = (...args) => economy.ok(args, own);
  const wallet = (name, ...args) => ['wallet', ...args, '--wallet', at(name), '--password-file', at('password')];
  const offline = async (name, ...args) => {
    const { code, stdout, stderr } = await cwe([...wallet(name, ...args), '--json'], own);
    assert.equal(code, 0, `cwe wallet ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const status = () => ok('epoch', 'status', String(epoch));

  const start = async (program, args, options) => {
    const started = new Program(program, args, options);
    programs.add(started);
    started.exited.then(() => programs.delete(started));
    return started;
  };
  const startCoordinator = async (name) => {
    const others = Object.keys(COORDINATORS).filter((other) => other !== name).map((other) => `{url="${coordinators[other].url}",token="${PEER_TOKEN}"}`);
    const { listen } = coordinators[name];
    const program = await start(COORDINATOR, ['--json', ...set({
      'serve.listen': listen, 'ops.listen': '127.0.0.1:0', 'serve.database': `sqlite:${at(`${name}.db`)}`,
      ...economy.l2Settings,
      'l2.poll_interval_ms': 500, 'account.private_key_file': at(`${name}.key`), 'aggregates.queue': queue(), 'aggregates.max_reveals': REAL_STAGE ? 16 : 2,
      // Both begin on the empty state, so that one comes second and must build on what the other has.
      'aggregates.after_secs': REAL_STAGE ? 3600 : 1,
      'peers.tokens_file': at('peers'), 'peers.ask': `[${others}]`,
    })], own);
    await program.waitForLine(json);
    coordinators[name].program = program;
  };
  const startProver = async () => {
    const port = await freePort();
    const control = toldToCompare(at('control'), `http://127.0.0.1:${port}`);
    const stages = REAL_STAGE ? { 'stages.profile': 'low-memory', 'stages.keys': process.env.PROVING_KEYS ?? at('keys') } : {};
    await start(PROVER, ['--data-dir', at('prover'), '--stage-program', STAGE, ...set({
      'l1.rpc_url': network.l1_rpc, 'l1.chain_id': network.l1_chain_id, 'l1.rollup': network.contracts.Rollup, 'l1.inbox': network.contracts.Inbox,
      node_url: network.l2_rpc, 'queue.address': queue(), 'workers.name': 'one', 'ops.listen': `127.0.0.1:${port}`, ...stages,
      'finalize_every.batches': 1024, 'finalize_every.secs': 100_000, 'post.enabled': false, 'post.prover': network.accounts[PROVER_ACCOUNT].address,
    })], { env: { STAGE_TEST: control } });
  };
  before(async () => {
    economy = await Economy.start(51338);
    ({ network } = economy);
    own = { env: { XDG_CACHE_HOME: at('cache') } };
    writeFileSync(at('password'), 'correct horse\n');
    writeFileSync(at('peers'), `${PEER_TOKEN}\n`, { mode: 0o600 });
    for (const [name, account] of Object.entries(COORDINATORS)) {
      writeFileSync(at(`${name}.key`), network.accounts[account].private_key, { mode: 0o600 });
      const listen = `127.0.0.1:${await freePort()}`;
      coordinators[name] = { listen, url: `http://${listen}` };
    }
    await economy.deploy({ ...(REAL_STAGE ? {} : await comparingVerifiers((code) => economy.create(code))), schedule: SCHEDULE });
    ({ addresses } = economy);
    for (const name of Object.keys(COORDINATORS)) await startCoordinator(name);
    await startProver();
  });
  after(async () => {
    await Promise.all([...programs].map((program) => program.stop('SIGKILL')));
    await economy?.stop();
  });

  test('listeners subscribe and listen to a creator’s works', async () => {
    await ok('creator', 'register', '--dev-account', '1');
    await economy.credential(1);
    for (const work of [SONG, FILM]) await economy.registerWork(work, 1);
    for (const [index, name] of LISTENERS.entries()) {
      const { identity_commitment: commitment } = await offline(name, 'create', '--phrase-out', at(`${name}.phrase`));
      const subscribed = await ok('listener', 'subscribe', '--tier', 'light', '--commitment', commitment, '--dev-account', String(3 + index));
      assert.equal(subscribed.epoch, epoch ?? subscribed.epoch, 'the epoch is too short for this machine');
      epoch = subscribed.epoch;
      await offline(name, 'record', SONG, '--seconds', '600', '--epoch', String(epoch));
    }
    await offline(LISTENERS[0], 'record', FILM, '--seconds', '600', '--epoch', String(epoch));
  });

  test('their submissions are on the chain', async () => {
    const { windows } = await status();
    await reach(windows.ends_at + 1);
    await ok('wallet', 'fix-key', '--epoch', String(epoch), '--dev-account', '4');
    for (const name of LISTENERS) {
      const online = (command, ...args) => ok(...wallet(name, command, '--epoch', String(epoch)), ...args);
      await eventually('a proof against a sealed key', () => online('prove'), 60_000, 1000);
      await eventually('the submission in a sealed block', async () => (await online('submit', '--dev-account', '5')).stage === 'confirmed', 60_000, 1000);
    }
  });

  test('notes are revealed to coordinators, which promise to count them, and one is killed', async () => {
    const { windows } = await status();
    await reach(windows.submission_ends_at + 1);
    notes = 0;
    const promised = {};
    const names = Object.keys(COORDINATORS);
    for (const [index, name] of LISTENERS.entries()) {
      const coordinator = names[index % names.length];
      const reveal = wallet(name, 'reveal', '--epoch', String(epoch), '--coordinator', coordinators[coordinator].url, '--all-at-once');
      const { revealed, to_reveal: all } = await eventually('a coordinator that knows the final root', () => ok(...reveal), 30_000, 1000);
      assert.equal(revealed, all);
      notes += revealed;
      promised[coordinator] = (promised[coordinator] ?? 0) + revealed;
    }
    assert.equal(notes, 3);
    await coordinators.one.program.stop('SIGKILL');
    await startCoordinator('one');
    const said = await eventually('a coordinator that has seen the chain', async () => {
      const response = await fetch(`${coordinators.one.url}/batch_status/${epoch}`);
      return response.ok && response.json();
    });
    assert.equal(said.accepted, promised.one, 'what was promised is still there');
  });

  test('all of them are in an aggregate that the chain has taken', async () => {
    await eventually('the aggregates', async () => (await status()).best_state?.reveals === notes, PROOF_SECS * 1000 + 75_000, 1000);
    const { best_state: best } = await status();
    const text = await economy.call(addresses.payouts, 'stateOf(uint64,bytes32,bytes32)(bool,uint64,uint64[])', String(epoch), best.nullifier_root, best.totals_root);
    assert.match(text, /^true\n3\n\[200, 0, 0\]$/, 'two fees of the first tier, whole');
    const events = await l2Public(network).getContractEvents({ address: addresses.payouts, abi: PAYOUTS_ABI, eventName: 'AggregateSubmitted', fromBlock: 0n });
    const posters = new Set(events.map(({ args }) => args.coordinator));
    const accounts = Object.values(COORDINATORS).map((account) => getAddress(network.accounts[account].address));
    assert.deepEqual([...posters].sort(), accounts.sort(), 'each coordinator’s share is in it');
  });

  test('the epoch is settled, and everything public of it holds', async () => {
    const { windows } = await status();
    await economy.reach(windows.settleable_at + 1, PROOF_SECS * 1000 + 200_000);
    await eventually('the settlement', async () => {
      // A quiet chain seals no block, and with it no time passes.
      await economy.tick();
      return (await status()).settled;
    }, PROOF_SECS * 1000 + 135_000, 1000);
    const verified = await ok('epoch', 'verify', String(epoch));
    assert.deepEqual(verified.checks.filter((check) => !check.ok), []);
    const { payouts } = await ok('epoch', 'payouts', String(epoch));
    assert.deepEqual(payouts.map(({ work }) => work).sort(), [SONG, FILM].sort());
    // 15 % are the protocol's; Ann's fee went to both works, Bob's to one.
    const paid = payouts.reduce((sum, { amount_wei: amount }) => sum + BigInt(amount), 0n);
    assert.equal(paid, (2n * FEE * 85n) / 100n);
    const song = BigInt(payouts.find(({ work }) => work === SONG).amount_wei);
    assert.equal(song, (paid * 3n) / 4n);
  });

  test('the creator withdraws, and not a wei is missing', async () => {
    const done = await ok('creator', 'withdraw', '--dev-account', '1');
    assert.equal(done.claimed.amount_wei, String((2n * FEE * 85n) / 100n));
    const text = await economy.call(addresses.payouts, 'books()((uint256,uint256,uint256,uint256,uint256,uint256,uint256))');
    const [fees, ...where] = text.replace(/[()]/g, '').split(',').map((amount) => BigInt(amount.trim()));
    assert.equal(where.reduce((sum, amount) => sum + amount), fees);
    assert.equal(fees, 2n * FEE);
  });
});
