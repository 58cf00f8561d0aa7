// `cwe wallet` and `cwe-relayer` as listeners use them, on a real L2 with short epochs: from sessions to real proofs of a
// submission, through a relayer or directly, and to the reveals of its notes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { keccak256, toHex } from 'viem';

import { Program, RELAYER, cwe, eventually, json, metric, rpc } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';

const SCHEDULE = { lengthSecs: 90, submissionSecs: 90, revealSecs: 60, aggregationSecs: 10 };
const SPLIT_PROOF_BYTES = 5664;
const REVEAL_PROOF_BYTES = 3424;
/** Of one Split proof, with the command around it. */
const MOST_PROVING_MS = 30_000;
const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const workId = (name) => `0x00${keccak256(toHex(name)).slice(4)}`;
const [SONG, FILM, TALK] = ['song', 'film', 'talk'].map(workId);
const RELAYER_ACCOUNT = 6;

/** A service that takes every request down and answers with `status`. */
async function listen(path) {
  const service = { bodies: [], headers: [], status: 202 };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    assert.equal(request.url, path);
    service.headers.push(request.headers);
    service.bodies.push(Buffer.concat(chunks).toString());
    response.writeHead(service.status, { 'content-type': 'application/json' }).end('{"status":"accepted"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  service.url = `http://127.0.0.1:${server.address().port}`;
  service.stop = () => server.close();
  return service;
}

describe('cwe wallet and cwe-relayer', () => {
  let economy, network, addresses, epoch, own;

  const at = (name) => economy.at(name);
  const call = (...args) => economy.call(...args);

  const withPassword = (args, wallet = 'wallet') => ['wallet', ...args, '--wallet', at(wallet), '--password-file', at('password')];
  const online = (args, wallet) => [...withPassword(args, wallet), '--network', at('network.json')];
  /** What a command that must succeed printed with `--json`. */
  const succeed = async (args) => {
    const { code, stdout, stderr } = await cwe([...args, '--json'], own);
    assert.equal(code, 0, `cwe ${args.join(' ')}: ${stderr}`);
    return { ...JSON.parse(stdout), stdout, stderr };
  };
  const offline = (args, wallet) => succeed(withPassword(args, wallet));
  const ok = (args, wallet) => succeed(online(args, wallet));
  /** The command must fail, saying this. */
  const refused = async (message, args) => {
    const { code, stdout, stderr } = await cwe(args, own);
    assert.notEqual(code, 0, `cwe ${args.join(' ')} succeeded: ${stdout}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /panicked/);
    return stderr;
  };

  let relayer;
  const startRelayer = async (...settings) => {
    writeFileSync(at('relayer.key'), network.accounts[RELAYER_ACCOUNT].private_key, { mode: 0o600 });
    const all = [
      'listen=127.0.0.1:0', 'ops.listen=127.0.0.1:0', `l2.rpc_url=${network.l2_rpc}`, `l2.chain_id=${network.l2_chain_id}`,
      `l2.economy=${economy.addressFile}`, `account.private_key_file=${at('relayer.key')}`, ...settings,
    ];
    const program = new Program(RELAYER, ['--json', ...all.flatMap((setting) => ['--set', setting])], own);
    const { url, ops } = await program.waitForLine(json);
    return { program, url, ops };
  };
  const post = async (url, body) => {
    const response = await fetch(`${url}/submissions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return { code: response.status, retryAfter: response.headers.get('retry-after'), ...(await response.json()) };
  };
  const nonceOfRelayer = () => rpc(network.l2_rpc, 'eth_getTransactionCount', [network.accounts[RELAYER_ACCOUNT].address, 'pending']);

  before(async () => {
    economy = await Economy.start();
    ({ network } = economy);
    // The user's cache folder is the test's own, so that keys are derived in every run.
    own = { env: { XDG_CACHE_HOME: at('cache') } };
    writeFileSync(at('password'), 'correct horse\n');
    writeFileSync(at('wrong'), 'battery staple\n');
    await economy.deploy({ schedule: SCHEDULE });
    ({ addresses } = economy);
  });
  after(async () => {
    await relayer?.program.stop();
    await economy?.stop();
  });

  test('a wallet is made once, privately; its phrase restores the identity', async () => {
    const made = await offline(['create', '--phrase-out', at('phrase')]);
    const phrase = readFileSync(at('phrase'), 'utf8').trim();
    assert.equal(phrase.split(' ').length, 24);
    assert.ok(!made.stdout.includes(phrase.split(' ').slice(0, 3).join(' ')));
    for (const file of ['wallet', 'phrase']) assert.equal(statSync(at(file)).mode & 0o777, 0o600);
    assert.ok(BigInt(made.identity_commitment) < MODULUS);
    await refused(/exists/, [...withPassword(['create', '--json']), '--phrase-out', at('other')]);
    const restored = await offline(['restore', '--phrase-file', at('phrase')], 'second');
    assert.equal(restored.identity_commitment, made.identity_commitment);
    writeFileSync(at('bad-phrase'), phrase.split(' ').reverse().join(' '));
    const said = await refused(/words|phrase/, withPassword(['restore', '--phrase-file', at('bad-phrase')], 'third'));
    assert.ok(!said.includes(phrase.split(' ')[5]));
  });

  test('the identity of `cwe listener identity` can be taken over', async () => {
    await cwe(['listener', 'identity', '--out', at('identity.json')]);
    const { identity_commitment: commitment } = JSON.parse(readFileSync(at('identity.json'), 'utf8'));
    const restored = await offline(['restore', '--identity', at('identity.json')], 'friend');
    assert.equal(restored.identity_commitment, commitment);
  });

  test('works are registered and the identities subscribe', async () => {
    const creator = await cwe(['creator', 'register', '--json', '--network', at('network.json'), '--dev-account', '1']);
    assert.equal(creator.code, 0, creator.stderr);
    await economy.credential(1);
    for (const work of [SONG, FILM]) await economy.registerWork(work, 1);
    const subscribe = async (wallet) => {
      const { identity_commitment: commitment } = await offline(['status', '--offline'], wallet);
      return succeed(['listener', 'subscribe', '--tier', 'light', '--commitment', commitment, '--dev-account', '3', '--network', at('network.json')]);
    };
    epoch = (await subscribe('wallet')).epoch;
    assert.equal((await subscribe('friend')).epoch, epoch, 'the epoch is too short for this machine');
  });

  test('wrong passwords, damaged, foreign and missing files are told apart', async () => {
    const status = (wallet, password) => ['wallet', 'status', '--offline', '--wallet', at(wallet), '--password-file', at(password)];
    await refused(/wrong password/, status('wallet', 'wrong'));
    copyFileSync(at('wallet'), at('damaged'));
    const bytes = readFileSync(at('damaged'));
    bytes[bytes.length - 5] ^= 1;
    writeFileSync(at('damaged'), bytes);
    await refused(/damaged/, status('damaged', 'password'));
    copyFileSync(at('wallet'), at('short'));
    truncateSync(at('short'), 1000);
    await refused(/damaged/, status('short', 'password'));
    writeFileSync(at('text'), 'hello, this is not a wallet file at all, only some text of a sufficient length');
    await refused(/no wallet file/, status('text', 'password'));
    await refused(/cwe wallet create/, status('missing', 'password'));
    await refused(/--password-file/, ['wallet', 'status', '--offline', '--wallet', at('wallet')]);
    const byVariable = await cwe(['wallet', 'status', '--offline', '--json', '--wallet', at('wallet')], { env: { CWE_WALLET_PASSWORD: 'correct horse' } });
    assert.equal(byVariable.code, 0, byVariable.stderr);
  });

  test('sessions are recorded, imported, and merged from another device', async () => {
    const size = statSync(at('wallet')).size;
    const epochs = ['--epoch', String(epoch)];
    assert.deepEqual((await offline(['record', SONG, '--seconds', '600', ...epochs])).epochs, [epoch]);
    writeFileSync(at('sessions.json'), JSON.stringify([{ work: FILM, seconds: 100, epoch }, { work: TALK, seconds: 50, plays: 2, epoch }]));
    assert.equal((await offline(['import', at('sessions.json')])).recorded, 2);
    assert.equal(statSync(at('wallet')).size, size, 'the size tells nothing');
    await offline(['record', FILM, '--seconds', '100', ...epochs], 'second');
    const merge = ['merge', at('second'), '--from-password-file', at('password')];
    assert.equal((await offline(merge)).new_sessions, 1);
    assert.equal((await offline(merge)).new_sessions, 0);
    await refused(/another identity/, withPassword(['merge', at('friend'), '--from-password-file', at('password')]));

    await refused(/1 to 86400 seconds/, withPassword(['record', SONG, '--seconds', '0', ...epochs]));
    await refused(/no work id/, withPassword(['record', '0x12', '--seconds', '5', ...epochs]));
    writeFileSync(at('bad.json'), '[{"work": "0x00", "seconds": 5}]');
    await refused(/no list of sessions/, withPassword(['import', at('bad.json')]));
    assert.equal((await offline(['status', '--offline'])).epochs[0].sessions, 4);
  });

  test('the statement shows what will be reported, and why something will not; it can be corrected', async () => {
    const statement = (...args) => ok(['statement', '--epoch', String(epoch), ...args]);
    const first = await statement();
    // 600 s in one play against 200 s in two, of which the second counts half.
    assert.deepEqual(first.rows.map(({ work, share_ppm }) => [work, share_ppm]).sort(), [[SONG, 800_000], [FILM, 200_000]].sort());
    assert.deepEqual(first.left_out.map(({ work, reason }) => [work, reason]), [[TALK, 'not_registered']]);
    assert.ok(first.rows.every(({ units }) => units === null));
    const excluded = await statement('--exclude', SONG);
    assert.equal(excluded.rows.length, 1);
    assert.ok(excluded.left_out.some(({ work, reason }) => work === SONG && reason === 'excluded'));
    const set = await statement('--include', SONG, '--set', `${FILM}=600`);
    assert.deepEqual(set.rows.map(({ share_ppm }) => share_ppm), [500_000, 500_000]);
    const over = await statement('--set', `${FILM}=1000000`);
    assert.equal(over.allowance_secs, 108_000);
    assert.ok(over.reported_secs <= over.allowance_secs && over.counted_secs === 1_000_600);
    await statement('--set', `${FILM}=200/2`);
    assert.deepEqual((await ok(['statement', '--epoch', String(epoch)], 'friend')).rows, [], 'an empty month');
    await offline(['create', '--phrase-out', at('stranger-phrase')], 'stranger');
    await refused(/not subscribed/, online(['statement', '--epoch', String(epoch)], 'stranger'));
    const table = await cwe(online(['statement', '--epoch', String(epoch)]), own);
    assert.match(table.stdout, /not reported:/);
  });

  test('the wallet shows how many share its tier', async () => {
    const status = await ok(['status']);
    const line = status.epochs.find(({ epoch: number }) => number === epoch);
    assert.equal(line.tier, 'light');
    assert.equal(line.tier_subscribers, 2);
    assert.equal(line.stage, 'open');
  });

  test('a relayer takes nothing before the window, and nothing malformed, without asking who', async () => {
    relayer = await startRelayer();
    assert.equal((await fetch(`${relayer.ops}/health`)).status, 200);
    await eventually('a ready relayer', async () => (await fetch(`${relayer.ops}/ready`)).status === 200);
    const body = { tierId: toHex('light', { size: 32 }), nullifier: toHex(5, { size: 32 }), notesRoot: toHex(6, { size: 32 }), proof: `0x${'01'.repeat(SPLIT_PROOF_BYTES)}` };
    const outcome = async (change) => (await post(relayer.url, JSON.stringify({ ...body, ...change }))).code;
    assert.equal(await outcome({}), 400, 'a tier id of more than 184 bits');
    assert.equal(await outcome({ tierId: toHex(1, { size: 32 }), sender: 'me' }), 400);
    assert.equal(await outcome({ tierId: toHex(1, { size: 32 }), proof: '0x01' }), 400);
    assert.equal(await outcome({ tierId: toHex(1, { size: 32 }), nullifier: toHex(MODULUS, { size: 32 }) }), 400);
    assert.equal((await post(relayer.url, ' '.repeat(20_000))).code, 400, 'oversize');
    assert.equal((await post(relayer.url, '{')).code, 400);
    assert.equal(await outcome({ tierId: toHex(1, { size: 32 }) }), 410, 'no window is open');
  });

  let submission;
  const submit = (url, wallet) => online(['submit', '--epoch', String(epoch), '--relayer', url], wallet);

  test('an epoch is proven once its key is fixed; what is shown is what is proven', async (t) => {
    const prove = ['prove', '--epoch', String(epoch)];
    await refused(/key of epoch/, online(prove));
    await refused(/prove it first/, submit(relayer.url));
    await economy.reach((await economy.windows(epoch)).endsAt + 1);
    const fix = ['wallet', 'fix-key', '--epoch', String(epoch), '--dev-account', '4', '--network', at('network.json')];
    const fixed = await succeed(fix);
    assert.ok(fixed.transaction);
    assert.equal((await succeed(fix)).transaction, null, 'anybody may, and once is enough');
    await refused(/is over at/, [...fix.slice(0, 3), String(epoch + 5), ...fix.slice(4)]);
    await eventually('a sealed key', async () => {
      await economy.tick();
      return BigInt(await call(addresses.beacon, 'keyOf(uint64)(uint256)', String(epoch))) === BigInt(fixed.key);
    }, 60_000);
    await refused(/nothing was listened to/, online(prove, 'friend'));
    assert.equal((await ok(prove)).stage, 'proven');
    const frozen = await ok(['statement', '--epoch', String(epoch)]);
    assert.equal(frozen.rows.reduce((sum, { units }) => sum + units, 0), 100);
    await refused(/frozen/, online(['statement', '--epoch', String(epoch), '--exclude', SONG]));
    assert.equal((await offline(['record', SONG, '--seconds', '5', '--epoch', String(epoch)])).too_late, 1);

    await offline(['record', FILM, '--seconds', '60', '--epoch', String(epoch)], 'friend');
    const started = Date.now();
    assert.equal((await ok(prove, 'friend')).stage, 'proven');
    const provingMs = Date.now() - started;
    t.diagnostic(`cwe wallet prove with kept keys: ${provingMs} ms`);
    assert.ok(provingMs < MOST_PROVING_MS);
  });

  test('a submission is the same bytes every time, and names nobody', async () => {
    const service = await listen('/submissions');
    service.status = 503;
    await refused(/tried again/, submit(service.url));
    service.status = 422;
    await refused(/refuses/, submit(service.url));
    service.stop();
    assert.equal(new Set(service.bodies).size, 1, 'the same bytes');
    assert.ok(service.headers.every((headers) => !headers.cookie && !headers['user-agent']));
    submission = JSON.parse(service.bodies[0]);
    assert.deepEqual(Object.keys(submission).sort(), ['notesRoot', 'nullifier', 'proof', 'tierId']);
    assert.equal((submission.proof.length - 2) / 2, SPLIT_PROOF_BYTES);
    await refused(/not possible/, withPassword(['discard', '--epoch', String(epoch)]));
  });

  test('a relayer checks proofs itself, pays for one transaction a nullifier, and keeps nothing', async () => {
    const before = await nonceOfRelayer();
    const answer = (change) => post(relayer.url, JSON.stringify({ ...submission, ...change }));
    const changed = `${submission.proof.slice(0, -1)}${submission.proof.endsWith('0') ? 1 : 0}`;
    for (const bad of [{ proof: changed }, { notesRoot: toHex(7, { size: 32 }) }, { nullifier: toHex(8, { size: 32 }) }]) {
      const { code, error } = await answer(bad);
      assert.equal(code, 422);
      assert.match(error, /does not hold/);
    }
    assert.equal(await nonceOfRelayer(), before, 'refusals cost no gas');

    const sent = await succeed(submit(relayer.url));
    assert.ok(sent.transaction);
    assert.equal((await answer({})).transaction, sent.transaction, 'asked again');
    assert.equal(BigInt(await nonceOfRelayer()), BigInt(before) + 1n);
    await eventually('the submission in a sealed block', async () => {
      const { epochs } = await ok(['status']);
      return epochs.find((line) => line.epoch === epoch).stage === 'confirmed';
    }, 60_000, 1000);
    assert.equal(await call(addresses.consumption, 'isNullifierUsed(uint64,bytes32)(bool)', String(epoch), submission.nullifier), 'true');

    const outcomes = await metric(relayer.ops, 'relayer_submissions_total');
    assert.equal(outcomes.find(({ labels }) => labels === 'outcome="invalid"').value, 3);
    assert.ok((await metric(relayer.ops, 'relayer_balance_cln'))[0].value > 0);
    const { program } = relayer;
    await program.stop('SIGTERM');
    const said = [...program.log, ...program.lines].join('\n').toLowerCase();
    for (const word of [submission.nullifier, submission.notesRoot, submission.proof]) assert.ok(!said.includes(word.slice(2, 18).toLowerCase()));
    assert.ok(!/127\.0\.0\.1:\d+.*(from|client|peer)/.test(said));

    // A relayer that was started again knows it from the chain; one that is asked too much says when to come back.
    relayer = await startRelayer('limits.per_second=1', 'limits.burst=1');
    const known = await answer({});
    assert.deepEqual([known.code, known.status, known.transaction], [200, 'known', null]);
    const busy = await answer({ nullifier: toHex(9, { size: 32 }) });
    assert.equal(busy.code, 429);
    assert.ok(Number(busy.retryAfter) > 0);
  });

  test('a submission can be sent by one’s own transaction, without a relayer', async () => {
    const direct = ['submit', '--epoch', String(epoch), '--dev-account', '5'];
    const { transaction } = await ok(direct, 'friend');
    const { status, gasUsed } = await rpc(network.l2_rpc, 'eth_getTransactionReceipt', [transaction]);
    assert.equal(status, '0x1');
    assert.ok(BigInt(gasUsed) > 500_000n, 'a real verifier');
    await eventually('the submission in a sealed block', async () => (await ok(direct, 'friend')).stage === 'confirmed', 60_000, 1000);
  });

  test('what another device of the same listener submitted is not submitted again', async () => {
    assert.equal((await ok(['prove', '--epoch', String(epoch)], 'second')).stage, 'superseded');
    assert.equal((await ok(['submit', '--epoch', String(epoch), '--dev-account', '5'], 'second')).transaction, undefined);
  });

  /** Reveals as the coordinator saw them, each once. */
  const distinct = ({ bodies }) => [...new Set(bodies)].map((body) => JSON.parse(body));

  test('notes are revealed at their own times in the window, each once, with nothing but itself', async () => {
    const coordinator = await listen('/ingress');
    const reveal = ['reveal', '--epoch', String(epoch), '--coordinator', coordinator.url];
    await refused(/reveal window/, online(reveal));
    const { submissionEndsAt, revealEndsAt } = await economy.windows(epoch);
    await economy.reach(submissionEndsAt + 1);
    const waiting = ok([...reveal, '--wait']);
    // In between the wallet is free for others.
    await eventually('a session recorded', () => offline(['record', SONG, '--seconds', '5', '--epoch', String(epoch + 1)]), 30_000);

    const friends = await listen('/ingress');
    const hurried = ['reveal', '--epoch', String(epoch), '--coordinator', friends.url, '--all-at-once'];
    friends.status = 503;
    await refused(/not taken/, online(hurried, 'friend'));
    friends.status = 202;
    const hurriedly = await ok(hurried, 'friend');
    assert.equal(hurriedly.revealed, 1);
    assert.deepEqual(distinct(friends).map(({ workId: work, units }) => [work, units]), [[FILM, 100]]);
    assert.equal(friends.bodies.length, 2, 'the same bytes twice');

    const done = await waiting;
    assert.ok(Date.now() / 1000 < revealEndsAt + 5);
    assert.equal(done.revealed, done.to_reveal);
    assert.equal(done.crowd, 2);
    assert.equal(done.held_back, true);
    const bodies = distinct(coordinator);
    assert.equal(new Set(bodies.map(({ nullifier }) => nullifier)).size, bodies.length, 'one body a note');
    assert.equal(bodies.reduce((sum, { units }) => sum + units, 0), 100);
    assert.deepEqual(bodies.map(({ workId: work }) => work).sort(), [SONG, FILM].sort());
    const noteRoot = await call(addresses.consumption, 'noteRoot(uint64)(uint256)', String(epoch));
    assert.ok(bodies.every((body) => BigInt(body.noteRoot) === BigInt(noteRoot.split(' ')[0])));
    assert.ok(bodies.every(({ proof }) => (proof.length - 2) / 2 === REVEAL_PROOF_BYTES));
    const allowed = ['epoch', 'noteRoot', 'nullifier', 'pricePerMin', 'proof', 'regionPpm', 'tierId', 'units', 'workId'];
    for (const body of bodies) assert.deepEqual(Object.keys(body).sort(), allowed);
    assert.ok(coordinator.headers.every((headers) => !headers.cookie && !headers['user-agent']));
    const count = coordinator.bodies.length;
    await ok(reveal);
    assert.equal(coordinator.bodies.length, count, 'nothing is sent again');
    coordinator.stop();
    friends.stop();
  });

  test('a password is changed and the old one is none', async () => {
    writeFileSync(at('new'), 'new password');
    const { code, stderr } = await cwe([...withPassword(['password']), '--new-password-file', at('new')], own);
    assert.equal(code, 0, stderr);
    await refused(/wrong password/, withPassword(['status', '--offline']));
  });
});
