// `cwe wallet` as a listener uses it, on a real L2 with short epochs: from sessions to a submission and its reveals.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { keccak256, parseEther, toHex } from 'viem';

import { ROOT, cwe, eventually, foundry, rpc, run, startDevnet, temporaryFolder } from '../lib/devnet.mjs';

const EPOCH_SECS = 90;
const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const workId = (name) => `0x00${keccak256(toHex(name)).slice(4)}`;
const [SONG, FILM, TALK] = ['song', 'film', 'talk'].map(workId);

/** Takes every request down; answers with `status`. */
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

describe('cwe wallet', () => {
  const folder = temporaryFolder();
  const at = (name) => join(folder, name);
  const config = join(ROOT, 'deploy/out', `wallet-test-${process.pid}.json`);
  let devnet, network, addresses, verifier, epoch;

  const tool = async (name, args, env) => {
    const { code, stdout, stderr } = await run(foundry(name), args, { env });
    assert.equal(code, 0, `${name} ${args[0]}: ${stderr}${stdout}`);
    return stdout.trim();
  };
  const key = (account) => ['--private-key', network.accounts[account].private_key, '--rpc-url', network.l2_rpc];
  const send = (contract, ...args) => tool('cast', ['send', contract, ...args, ...key(0)]);
  const call = (contract, ...args) => tool('cast', ['call', contract, ...args, '--rpc-url', network.l2_rpc]);
  const headSecs = async () => Number((await rpc(network.l2_rpc, 'eth_getBlockByNumber', ['latest', false])).timestamp);
  /** Waits for a time, and for a sealed block behind it: a quiet chain seals none. */
  const reach = (secs) =>
    eventually(`time ${secs}`, async () => {
      if (Date.now() / 1000 < secs) return false;
      await send(network.accounts[1].address, '--value', '1');
      return (await headSecs()) >= secs;
    }, 200_000, 1000);

  const withPassword = (args, wallet = 'wallet') => ['wallet', ...args, '--wallet', at(wallet), '--password-file', at('password')];
  /** What a command that must succeed printed with `--json`. */
  const offline = async (args, wallet) => {
    const { code, stdout, stderr } = await cwe([...withPassword(args, wallet), '--json']);
    assert.equal(code, 0, `cwe wallet ${args.join(' ')}: ${stderr}`);
    return { ...JSON.parse(stdout), stdout, stderr };
  };
  const ok = (args, wallet) => offline([...args, '--network', at('network.json')], wallet);
  /** The command must fail, saying this. */
  const refused = async (message, args) => {
    const { code, stdout, stderr } = await cwe(args);
    assert.notEqual(code, 0, `cwe ${args.join(' ')} succeeded: ${stdout}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /panicked/);
    return stderr;
  };

  before(async () => {
    devnet = await startDevnet();
    network = devnet.network;
    writeFileSync(at('network.json'), JSON.stringify(network));
    writeFileSync(at('password'), 'correct horse\n');
    writeFileSync(at('wrong'), 'battery staple\n');
    // A verifier that takes exactly the statements and proofs that the test names.
    const mock = ['create', 'contracts/test/mocks/MockStatementVerifier.sol:MockStatementVerifier', '--broadcast', '--json', ...key(0)];
    verifier = JSON.parse((await tool('forge', mock)).match(/\{.*\}/s)[0]).deployedTo;
    const settings = JSON.parse(readFileSync(join(ROOT, 'deploy/economy/config/devnet.json'), 'utf8'));
    settings.schedule = { lengthSecs: EPOCH_SECS, submissionSecs: EPOCH_SECS, revealSecs: EPOCH_SECS, aggregationSecs: 10 };
    settings.splitVerifier = verifier;
    writeFileSync(config, JSON.stringify(settings));
    const env = { ...process.env, ECONOMY_CONFIG: `deploy/out/${config.split('/').pop()}` };
    await tool('forge', ['script', 'deploy/economy/DeployEconomy.s.sol', '--broadcast', ...key(0)], env);
    const file = `economy-${network.l2_chain_id}.json`;
    copyFileSync(join(ROOT, 'deploy/out', file), at(file));
    addresses = JSON.parse(readFileSync(at(file), 'utf8'));
  });
  after(async () => {
    rmSync(config, { force: true });
    await devnet?.stop();
  });

  let phrase;
  test('a wallet is made once, privately; its phrase restores the identity', async () => {
    const made = await offline(['create', '--phrase-out', at('phrase')]);
    phrase = readFileSync(at('phrase'), 'utf8').trim();
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
    const restored = await offline(['restore', '--identity', at('identity.json')], 'taken-over');
    assert.equal(restored.identity_commitment, commitment);
  });

  test('wrong passwords, damaged files and wallets in use are told apart', async () => {
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
  });

  test('works are registered and the identity subscribes', async () => {
    const creator = async (...args) => {
      const { code, stdout, stderr } = await cwe(['creator', ...args, '--json', '--network', at('network.json')]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    await creator('register', '--dev-account', '1');
    const now = Math.floor(Date.now() / 1000);
    const issuance = `(${network.accounts[0].address},${network.accounts[1].address},0,${keccak256(toHex('c'))},${now + 10 ** 7},${now + 10 ** 6})`;
    await send(addresses.identity, 'issue((address,address,uint8,bytes32,uint64,uint64),bytes)', issuance, '0x');
    for (const [work, price] of [[SONG, 1200], [FILM, 1200]]) {
      const args = [work, `[${network.accounts[1].address}]`, '[1000000]', String(price), toHex('world', { size: 32 })];
      await tool('cast', ['send', addresses.registry, 'registerWork(bytes32,address[],uint96[],uint256,bytes32)', ...args, ...key(1)]);
    }
    const { identity_commitment: commitment } = await offline(['status', '--offline']);
    const subscribed = await cwe(['listener', 'subscribe', '--tier', 'light', '--commitment', commitment, '--dev-account', '3', '--json', '--network', at('network.json')]);
    assert.equal(subscribed.code, 0, subscribed.stderr);
    epoch = JSON.parse(subscribed.stdout).epoch;
    const gift = ['listener', 'subscribe', '--tier', 'light', '--commitment', '0x2a', '--dev-account', '3', '--json', '--network', at('network.json')];
    assert.equal((await cwe(gift)).code, 0);
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
    await refused(/another identity/, withPassword(['merge', at('taken-over'), '--from-password-file', at('password')]));

    await refused(/1 to 86400 seconds/, withPassword(['record', SONG, '--seconds', '0', ...epochs]));
    await refused(/no work id/, withPassword(['record', '0x12', '--seconds', '5', ...epochs]));
    writeFileSync(at('bad.json'), '[{"work": "0x00", "seconds": 5}]');
    await refused(/no list of sessions/, withPassword(['import', at('bad.json')]));
    assert.equal((await offline(['status', '--offline'])).epochs[0].sessions, 4);
  });

  test('the statement shows what will be reported, and why something will not; it can be corrected', async () => {
    const statement = (...args) => ok(['statement', '--epoch', String(epoch), ...args]);
    const first = await statement();
    assert.deepEqual(first.rows.map(({ work, share_ppm }) => [work, share_ppm]).sort(), [[SONG, 750_000], [FILM, 250_000]].sort());
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
    await refused(/not subscribed/, [...withPassword(['statement', '--epoch', String(epoch)], 'taken-over'), '--network', at('network.json')]);
    const table = await cwe([...withPassword(['statement', '--epoch', String(epoch)]), '--network', at('network.json')]);
    assert.match(table.stdout, /not reported:/);
  });

  test('the wallet shows how many share its tier', async () => {
    const status = await ok(['status']);
    const line = status.epochs.find(({ epoch: number }) => number === epoch);
    assert.equal(line.tier, 'light');
    assert.equal(line.tier_subscribers, 2);
    assert.equal(line.stage, 'open');
  });

  const windows = async () => {
    const text = await call(addresses.clock, 'windowsOf(uint64)((uint64,uint64,uint64,uint64,uint64))', String(epoch));
    const [startsAt, endsAt, submissionEndsAt, revealEndsAt] = text.replace(/[()]|\s\[[^\]]*\]/g, '').split(',').map(Number);
    return { startsAt, endsAt, submissionEndsAt, revealEndsAt };
  };

  test('an epoch is proven once its key is fixed, and submitted with the same bytes every time', async () => {
    const prove = ['prove', '--epoch', String(epoch)];
    await refused(/key of epoch/, [...withPassword(prove), '--network', at('network.json')]);
    await reach((await windows()).endsAt + 1);
    await tool('cast', ['send', network.contracts.Inbox, 'relayL1Block()', '--private-key', network.accounts[0].private_key, '--rpc-url', network.l1_rpc]);
    await eventually('the epoch’s key', async () => {
      await send(addresses.beacon, 'fix(uint64)', String(epoch)).catch(() => {});
      return BigInt((await call(addresses.beacon, 'keyOf(uint64)(uint256)', String(epoch))).split(' ')[0]) > 0n;
    }, 60_000, 1000);
    await eventually('a sealed key', async () => (await ok(prove)).stage === 'proven', 60_000, 1000);
    const frozen = await ok(['statement', '--epoch', String(epoch)]);
    assert.equal(frozen.rows.reduce((sum, { units }) => sum + units, 0), 100);
    await refused(/frozen/, [...withPassword(['statement', '--epoch', String(epoch), '--exclude', SONG]), '--network', at('network.json')]);
    assert.equal((await offline(['record', SONG, '--seconds', '5', '--epoch', String(epoch)])).too_late, 1);

    const relayer = await listen('/submissions');
    const submit = (...args) => [...withPassword(['submit', '--epoch', String(epoch), '--relayer', relayer.url, ...args]), '--network', at('network.json')];
    relayer.status = 503;
    await refused(/tried again/, submit());
    relayer.status = 422;
    await refused(/refuses/, submit());
    assert.equal(new Set(relayer.bodies).size, 1, 'the same bytes');
    assert.ok(relayer.headers.every((headers) => !headers.cookie && !headers['user-agent']));
    const { tierId, nullifier, notesRoot, proof } = JSON.parse(relayer.bodies[0]);
    relayer.stop();

    // The chain takes exactly this statement with exactly this proof.
    const inputs = await call(addresses.consumption, 'publicInputs(uint64,bytes32,bytes32,bytes32)', String(epoch), tierId, nullifier, notesRoot);
    await send(verifier, 'accept(bytes32,bytes)', keccak256(inputs), proof);
    const sent = await ok(['submit', '--epoch', String(epoch), '--dev-account', '5']);
    assert.ok(sent.transaction);
    await eventually('the submission in a sealed block', async () => (await ok(['submit', '--epoch', String(epoch), '--dev-account', '5'])).stage === 'confirmed', 60_000, 1000);
    assert.equal(await call(addresses.consumption, 'isNullifierUsed(uint64,bytes32)(bool)', String(epoch), nullifier), 'true');
    await refused(/not possible/, withPassword(['discard', '--epoch', String(epoch)]));

    // The same listener's other device finds it on the chain.
    assert.equal((await ok(prove, 'second')).stage, 'superseded');
  });

  test('notes are revealed in the window, each once, with nothing but itself', async () => {
    const coordinator = await listen('/ingress');
    const reveal = ['reveal', '--epoch', String(epoch), '--coordinator', coordinator.url];
    await refused(/reveal window/, [...withPassword(reveal), '--network', at('network.json')]);
    await reach((await windows()).submissionEndsAt + 1);
    coordinator.status = 503;
    await refused(/not taken/, [...withPassword([...reveal, '--all-at-once']), '--network', at('network.json')]);
    coordinator.status = 202;
    const done = await ok([...reveal, '--all-at-once']);
    assert.equal(done.revealed, done.to_reveal);
    assert.equal(done.crowd, 1);
    assert.equal(done.held_back, true);
    const bodies = [...new Set(coordinator.bodies)].map((body) => JSON.parse(body));
    assert.equal(new Set(bodies.map(({ nullifier }) => nullifier)).size, bodies.length, 'one body a note');
    assert.equal(bodies.reduce((sum, { units }) => sum + units, 0), 100);
    assert.deepEqual(bodies.map(({ workId: work }) => work).sort(), [SONG, FILM].sort());
    const noteRoot = await call(addresses.consumption, 'noteRoot(uint64)(uint256)', String(epoch));
    assert.ok(bodies.every((body) => BigInt(body.noteRoot) === BigInt(noteRoot.split(' ')[0])));
    const allowed = ['epoch', 'noteRoot', 'nullifier', 'pricePerMin', 'proof', 'regionPpm', 'tierId', 'units', 'workId'];
    for (const body of bodies) assert.deepEqual(Object.keys(body).sort(), allowed);
    const count = coordinator.bodies.length;
    await ok(reveal);
    assert.equal(coordinator.bodies.length, count, 'nothing is sent again');
    coordinator.stop();
  });

  test('a password is changed and the old one is none', async () => {
    writeFileSync(at('new'), 'new password');
    const { code, stderr } = await cwe([...withPassword(['password']), '--new-password-file', at('new')]);
    assert.equal(code, 0, stderr);
    await refused(/wrong password/, withPassword(['status', '--offline']));
  });
});
