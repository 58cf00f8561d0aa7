// `cwe creator` and `cwe listener` as people use them, on a real L2: what works, and what is refused and how it is said.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { keccak256, parseEther, toHex } from 'viem';

import { cwe, rpc } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';

const POSEIDON = '0x0000000000000000000000000000000000c0e100';
const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const digest = (text) => keccak256(toHex(text));
const word = (value) => BigInt(value).toString(16).padStart(64, '0');

describe('cwe creator and cwe listener', () => {
  let economy, network, addresses, creator;

  const at = (name) => economy.at(name);
  const ok = (...args) => economy.ok(args);
  const refused = (message, ...args) => economy.refused(message, args);
  /** Commands that neither need nor take a network. */
  const offline = async (...args) => {
    const { code, stdout, stderr } = await cwe([...args, '--json']);
    assert.equal(code, 0, `cwe ${args.join(' ')}: ${stderr}`);
    return { ...JSON.parse(stdout), stdout };
  };

  before(async () => {
    economy = await Economy.start();
    await economy.deploy();
    ({ network, addresses } = economy);
  });
  after(() => economy?.stop());

  const isPrivate = (file) => assert.equal(statSync(file).mode & 0o777, 0o600);

  test('a creator key is made once, privately, and never shown', async () => {
    creator = await offline('creator', 'key', 'new', '--out', at('creator.key'));
    isPrivate(at('creator.key'));
    const secret = readFileSync(at('creator.key'), 'utf8').trim();
    assert.ok(!creator.stdout.includes(secret.slice(2)));
    assert.equal(`0x${creator.creator_id.slice(-40)}`, creator.address.toLowerCase());
    const again = await cwe(['creator', 'key', 'new', '--out', at('creator.key')]);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /exists/);
    const shown = await offline('creator', 'key', 'show', '--key-file', at('creator.key'));
    assert.equal(shown.creator_id, creator.creator_id);
    assert.ok(!shown.stdout.includes(secret.slice(2)));
  });

  test('registration says what is missing and can be repeated', async () => {
    const register = ['creator', 'register', '--key-file', at('creator.key')];
    await refused(/insufficient funds|cannot pay|balance/i, ...register);
    await economy.send(1, creator.address, '--value', parseEther('50').toString());
    const first = await ok(...register, '--metadata', digest('metadata'));
    assert.equal(first.creator_id, creator.creator_id);
    assert.ok(first.transaction);
    assert.equal(first.credential_active, false);
    assert.equal((await ok(...register)).transaction, null);
  });

  const newWork = (out, ...args) =>
    ok('creator', 'work', 'new', '--out', at(out), '--key-file', at('creator.key'), '--price', '1200', ...args);
  const publish = (draft, ...args) => ['creator', 'work', 'publish', at(draft), '--key-file', at('creator.key'), ...args];
  const share = (account, ppm) => ['--payee', `${account}=${ppm}`];

  test('bad drafts are refused before anybody signs them', async () => {
    const draft = ['creator', 'work', 'new', '--out', at('bad.json'), '--key-file', at('creator.key'), '--price', '1'];
    const payee = network.accounts[2].address;
    await refused(/add up to 999999/, ...draft, ...share(payee, 999_999));
    await refused(/named twice/, ...draft, ...share(payee, 500_000), ...share(payee, 500_000));
    await refused(/no share/, ...draft, ...share(payee, 0), ...share(creator.address, 1_000_000));
    await refused(/not an address/, ...draft, '--payee', '0x12=1000000');
    await refused(/--price/, 'creator', 'work', 'new', '--out', at('bad.json'), '--key-file', at('creator.key'));
    await refused(/there is no work/, 'creator', 'work', 'new', '--out', at('bad.json'), '--key-file', at('creator.key'), '--version-of', digest('none'));
    assert.ok(!existsSync(at('bad.json')));
  });

  test('a work is announced, agreed to and registered; every step can be repeated', async () => {
    const payee = network.accounts[2].address;
    const content = ['--content-id', digest('content'), '--fp-id', digest('fingerprint'), '--access-classes', '2'];
    const draft = await newWork('work.json', ...share(creator.address, 600_000), ...share(payee, 400_000), ...content);
    assert.match(draft.work_id, /^0x00/);
    await refused(/no active creator credential/, ...publish('work.json'));
    const now = Math.floor(Date.now() / 1000);
    const issuance = `(${network.accounts[0].address},${creator.address},0,${digest('credential')},${now + 10 ** 7},${now + 10 ** 6})`;
    await economy.send(0, addresses.identity, 'issue((address,address,uint8,bytes32,uint64,uint64),bytes)', issuance, '0x');

    await refused(/has not agreed; it signs the draft/, ...publish('work.json'));
    const stranger = await cwe(['creator', 'work', 'consent', at('work.json'), '--dev-account', '5']);
    assert.notEqual(stranger.code, 0);
    assert.match(stranger.stderr, /is not a payee of this draft/);
    await offline('creator', 'work', 'consent', at('work.json'), '--dev-account', '2');
    const published = await ok(...publish('work.json'));
    assert.equal(published.state, 'registered');
    assert.ok(published.transaction);
    assert.equal((await ok(...publish('work.json'))).transaction, null);

    const shown = await ok('creator', 'work', 'show', draft.work_id);
    assert.equal(shown.creator_id, creator.creator_id);
    assert.equal(shown.status, 'active');
    assert.equal(shown.now.price_per_min, 1200);
    assert.equal(shown.now.region_rule, 'world');
    assert.equal(shown.now.content_id, digest('content'));
    assert.deepEqual(shown.now.payees.map(({ share_ppm }) => share_ppm), [600_000, 400_000]);
    assert.equal(shown.now.payees[1].account.toLowerCase(), payee.toLowerCase());
  });

  test('a content that another work has, a changed draft, a stranger: refused', async () => {
    await newWork('copy.json', '--content-id', digest('content'));
    await refused(/already belongs to work/, ...publish('copy.json'));
    const draft = JSON.parse(readFileSync(at('work.json'), 'utf8'));
    draft.content.content_id = digest('other');
    writeFileSync(at('changed.json'), JSON.stringify(draft));
    await refused(/on chain with another content/, ...publish('changed.json'));
    await newWork('mine.json');
    await refused(/may not publish/, 'creator', 'work', 'publish', at('mine.json'), '--dev-account', '4');
    await newWork('atlantis.json', '--region', 'atlantis');
    await refused(/no region rule `atlantis`/, ...publish('atlantis.json'));
    writeFileSync(at('damaged.json'), '{');
    await refused(/is no draft/, ...publish('damaged.json'));
    await ok('creator', 'work', 'new', '--out', at('unknown.json'), '--dev-account', '4', '--price', '1');
    await refused(/or the creator is not registered/, 'creator', 'work', 'publish', at('unknown.json'), '--dev-account', '4');
  });

  test('prices and versions change from the next epoch on', async () => {
    const { work_id: work } = JSON.parse(readFileSync(at('work.json'), 'utf8'));
    const update = ['creator', 'work', 'update', work, '--key-file', at('creator.key')];
    const updated = await ok(...update, '--price', '1500');
    assert.equal(updated.price_per_min, 1500);
    await refused(/has this price and region rule already/, ...update, '--price', '1500');
    await refused(/no region rule/, ...update, '--region', 'atlantis');
    await refused(/neither the key|not a registered/, 'creator', 'work', 'update', work, '--price', '1', '--dev-account', '4');
    await ok('creator', 'work', 'new', '--out', at('second.json'), '--key-file', at('creator.key'), '--version-of', work, '--content-id', digest('second'));
    assert.equal((await ok(...publish('second.json'))).version, 2);
    const shown = await ok('creator', 'work', 'show', work);
    assert.equal(shown.now.version, 1);
    assert.equal(shown.now.price_per_min, 1200);
    assert.equal(shown.next.version, 2);
    assert.equal(shown.next.price_per_min, 1500);
    assert.equal(shown.next.payees.length, 1);
    await refused(/there is no work/, 'creator', 'work', 'show', digest('none'));
  });

  const wallet = ['--dev-account', '3'];
  const mine = () => ['--identity', at('listener.json')];

  test('an identity is made once, privately, and its commitment is the protocol’s', async () => {
    const made = await offline('listener', 'identity', '--out', at('listener.json'));
    isPrivate(at('listener.json'));
    const { secret, identity_commitment: commitment } = JSON.parse(readFileSync(at('listener.json'), 'utf8'));
    assert.ok(!made.stdout.includes(secret.slice(2)));
    assert.equal(made.identity_commitment, commitment);
    assert.equal(await rpc(network.l2_rpc, 'eth_call', [{ to: POSEIDON, data: `${secret}${word(0)}` }, 'latest']), commitment);
    const again = await cwe(['listener', 'identity', '--out', at('listener.json')]);
    assert.match(again.stderr, /exists/);
    assert.equal((await offline('listener', 'identity', '--show', at('listener.json'))).identity_commitment, commitment);
  });

  test('listeners subscribe for the fee on chain, once an epoch, for themselves or others', async () => {
    const subscribe = (...args) => ['listener', 'subscribe', '--tier', 'light', ...wallet, ...args];
    const before = await ok('listener', 'status', ...mine());
    assert.equal(before.now, null);
    await refused(/no tier `gold`.*light \(5 CLN\)/, 'listener', 'subscribe', '--tier', 'gold', ...wallet, ...mine());
    await refused(/more than --max-fee 1 CLN/, ...subscribe(...mine(), '--max-fee', '1'));
    const own = await ok(...subscribe(...mine(), '--max-fee', '5'));
    assert.equal(own.leaf_index, 0);
    assert.equal(own.fee_wei, parseEther('5').toString());
    await refused(/already subscribed in epoch/, ...subscribe(...mine()));
    const gift = await ok(...subscribe('--commitment', '0x2a'));
    assert.equal(gift.leaf_index, 1);
    assert.equal((await ok(...subscribe(...mine(), '--next-epoch'))).epoch, own.epoch + 1);

    const status = await ok('listener', 'status', ...mine());
    assert.equal(status.identity_commitment, own.identity_commitment);
    assert.equal(status.now.tier, 'light');
    assert.equal(status.now.allowance_secs, 108_000);
    assert.equal(status.now.tree_size, 2);
    assert.equal(status.now.tier_subscribers, 2);
    assert.equal(status.next.leaf_index, 0);
    const others = await ok('listener', 'status', '--commitment', '0x2a');
    assert.equal(others.now.leaf_index, 1);
    assert.equal(others.next, null);
  });

  test('commitments and identity files that make no sense are refused', async () => {
    const subscribe = ['listener', 'subscribe', '--tier', 'light', ...wallet];
    for (const bad of [0n, MODULUS, MODULUS + 42n]) {
      await refused(/no identity commitment/, ...subscribe, '--commitment', toHex(bad));
    }
    await refused(/no identity commitment/, ...subscribe, '--commitment', 'mine');
    await refused(/can't be read/, ...subscribe, '--identity', at('none.json'));
    writeFileSync(at('broken.json'), readFileSync(at('listener.json'), 'utf8').replace(/"secret": "0x.{4}/, '"secret": "0x0000'));
    await refused(/damaged/, ...subscribe, '--identity', at('broken.json'));
    await refused(/required/, ...subscribe);
  });

  test('earnings are shown to anybody and fetched to their owner', async () => {
    const { work_id: work } = JSON.parse(readFileSync(at('work.json'), 'utf8'));
    await economy.send(3, addresses.splitPay, 'pay(bytes32)', work, '--value', '1001');
    const payee = network.accounts[2].address;
    const splitPay = ({ owed }) => owed.find(({ contract }) => contract === 'splitPay');
    assert.equal(splitPay(await ok('creator', 'earnings', '--account', payee)).amount_wei, '400');
    const before = await ok('creator', 'earnings', '--key-file', at('creator.key'));
    assert.equal(splitPay(before).amount_wei, '601');
    assert.equal(before.owed.length, 3);
    // A stranger pays the gas; the money goes to its owner.
    const fetched = await ok('creator', 'earnings', '--account', creator.address, '--withdraw', '--dev-account', '4');
    assert.ok(splitPay(fetched).transaction);
    assert.equal(BigInt(fetched.balance_wei), BigInt(before.balance_wei) + 601n);
    assert.equal(splitPay(await ok('creator', 'earnings', '--key-file', at('creator.key'))).amount_wei, '0');
  });

  test('a file of addresses that is missing, incomplete or of another chain is named', async () => {
    const status = ['listener', 'status', ...mine()];
    await refused(/nowhere\.json can't be read/, ...status, '--economy', at('nowhere.json'));
    const file = (name, change) => {
      writeFileSync(at(name), JSON.stringify({ ...addresses, ...change }));
      return ['--economy', at(name)];
    };
    await refused(/is for chain id 1, not/, ...status, ...file('chain.json', { l2ChainId: 1 }));
    await refused(/missing field `tiers`/, ...status, ...file('missing.json', { tiers: undefined }));
    await refused(/unknown field `bank`/, ...status, ...file('unknown.json', { bank: addresses.tiers }));
    await refused(/zero address for `tiers`/, ...status, ...file('zero.json', { tiers: `0x${'0'.repeat(40)}` }));
    await refused(/there is no contract at/, ...status, ...file('elsewhere.json', { registry: network.accounts[5].address }));
  });
});
