// `cwe epoch` and `cwe creator withdraw` on a real L2 with epochs of a minute: epochs are settled, checked, reported
// and paid. The verifiers of proofs are replaced by one that says yes to everything, so that what is tested is the money.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { concat, encodeAbiParameters, keccak256, parseEther, toHex } from 'viem';

import { cwe, eventually } from '../lib/devnet.mjs';
import { Economy } from '../lib/economy.mjs';

const SCHEDULE = { lengthSecs: 60, submissionSecs: 60, revealSecs: 20, aggregationSecs: 20 };
/** Creation code of a contract that answers `true` to every call. */
const YES = '0x69600160005260206000f3600052600a6016f3';
const EMPTY_TRIE = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';
const ZERO = `0x${'0'.repeat(64)}`;
const LIGHT = `0x${Buffer.from('light').toString('hex').padStart(64, '0')}`;
const FEE = parseEther('5');
const digest = (text) => keccak256(toHex(text));
const pair = (one, other) => keccak256(BigInt(one) < BigInt(other) ? concat([one, other]) : concat([other, one]));

/** A payout list of two works as the contract takes it. */
function listOf(epoch, payouts) {
  const sorted = [...payouts].sort((a, b) => (BigInt(a.work) < BigInt(b.work) ? -1 : 1));
  const entries = concat(sorted.map(({ work, amount }) => `0x${work.slice(4)}${amount.toString(16).padStart(24, '0')}`));
  const types = [{ type: 'uint64' }, { type: 'bytes32' }, { type: 'uint256' }];
  const leaves = sorted.map(({ work, amount }) => keccak256(keccak256(encodeAbiParameters(types, [epoch, work, amount]))));
  return {
    entries,
    payoutRoot: pair(...leaves),
    payoutsHash: keccak256(concat([ZERO, keccak256(entries)])),
    creators: payouts.reduce((sum, { amount }) => sum + amount, 0n),
  };
}

describe('cwe epoch and cwe creator withdraw', () => {
  let economy, network, addresses, epoch, works, states, list;

  const at = (name) => economy.at(name);
  const send = (...args) => economy.send(...args);
  const call = (...args) => economy.call(...args);
  const reach = (secs) => economy.reach(secs);
  const ok = (...args) => economy.ok(args);
  const refused = (message, ...args) => economy.refused(message, args);
  const prove = (number, basis, settlement) =>
    send(3, addresses.payouts, 'proveSettlement(uint64,(bytes32,bytes32,bool),(uint256,uint256,uint256,bytes32,bytes32,bytes32),bytes)',
      String(number), `(${basis},false)`, settlement, '0x');
  const newWork = async (name) => {
    const draft = await ok('creator', 'work', 'new', '--out', at(name), '--dev-account', '1', '--price', '1200');
    await ok('creator', 'work', 'publish', at(name), '--dev-account', '1');
    return draft.work_id;
  };

  before(async () => {
    economy = await Economy.start(51339);
    ({ network } = economy);
    const yes = await economy.create(YES);
    const verifiers = { splitVerifier: yes, deploySplitVerifier: false, aggregationVerifier: yes, settlementVerifier: yes, deployPayoutVerifiers: false };
    await economy.deploy({ ...verifiers, schedule: SCHEDULE });
    ({ addresses } = economy);
  });
  after(() => economy?.stop());

  test('a creator registers works and listeners subscribe', async () => {
    await ok('creator', 'register', '--dev-account', '1');
    await economy.credential(1);
    works = [await newWork('first.json'), await newWork('second.json')];
    epoch = Number(await call(addresses.clock, 'currentEpoch()(uint64)'));
    // Not so shortly before the epoch's end that the fees would be for different ones.
    const { endsAt } = await economy.windows(epoch);
    if (endsAt - Date.now() / 1000 < 20) await reach(endsAt);
    for (const commitment of [11, 12]) {
      await send(2, addresses.tiers, 'renew(bytes32,uint256)', LIGHT, String(commitment), '--value', String(FEE));
    }
    epoch = Number(await call(addresses.clock, 'currentEpoch()(uint64)')) + 1;
    const status = await ok('epoch', 'status', String(epoch));
    const light = status.tiers.find(({ tier }) => tier === 'light');
    assert.equal(light.subscribers, 2);
    assert.equal(light.revenue_wei, String(2n * FEE));
    assert.equal(status.settled, false);
    assert.equal(status.money.eco_wei, String(FEE / 10n));
  });

  test('submissions and aggregates are counted', async () => {
    const times = await economy.windows(epoch);
    await reach(times.endsAt);
    await eventually('the key', async () => {
      const { code } = await cwe(['wallet', 'fix-key', '--epoch', String(epoch), '--dev-account', '4', '--network', at('network.json')]);
      return code === 0;
    }, 60_000, 1000);
    for (const nullifier of [digest('one'), digest('two')]) {
      const low = `0x00${nullifier.slice(4)}`;
      await send(3, addresses.consumption, 'submitConsumption(bytes32,bytes32,bytes32[],bytes)', low, LIGHT, `[${low}]`, '0x');
    }
    await reach(times.submissionEndsAt);
    const tiers = (await call(addresses.tiers, 'tierIds()(bytes32[])')).replace(/[[\]\s]/g, '').split(',');
    const units = (count) => `[${tiers.map((id) => (id === LIGHT ? count : 0)).join(',')}]`;
    const submit = (before, after, reveals, count) =>
      send(3, addresses.payouts, 'submitAggregate(uint64,(bytes32,bytes32,bytes32,bytes32,uint64,uint64[]),bytes)', String(epoch),
        `(${before[0]},${after[0]},${before[1]},${after[1]},${reveals},${units(count)})`, '0x');
    states = [[EMPTY_TRIE, EMPTY_TRIE], [digest('n1'), digest('t1')], [digest('n2'), digest('t2')], [digest('n3'), digest('t3')]];
    await submit(states[0], states[1], 1, 40);
    await submit(states[1], states[2], 2, 110);
    await submit(states[0], states[3], 1, 30);
    const aggregated = await ok('epoch', 'status', String(epoch));
    assert.equal(aggregated.best_state.reveals, 3);
    assert.equal(aggregated.best_state.totals_root, states[2][1]);
  });

  test('epochs before it settle without a proof and pay nobody', async () => {
    const first = await ok('epoch', 'status');
    assert.equal(first.epoch, 1, 'the oldest one that is not settled');
    await refused(/is not settled; 1 is next/, 'epoch', 'verify', '1');
    await refused(/is not settled/, 'epoch', 'payouts', '1');
    await reach((await economy.windows(epoch)).settleableAt);
    for (let number = 1; number < epoch; number += 1) {
      await send(0, addresses.payouts, 'settleEpoch(uint256)', String(number));
    }
    const verified = await ok('epoch', 'verify', '1');
    assert.deepEqual(verified.checks.filter((check) => !check.ok), []);
    assert.deepEqual((await ok('epoch', 'payouts', '1')).payouts, []);
  });

  test('an epoch is proven on its best state and settled', async () => {
    const { money } = await ok('epoch', 'status', String(epoch));
    const wei = (name) => BigInt(money[`${name}_wei`]);
    list = listOf(BigInt(epoch), [{ work: works[0], amount: parseEther('3') }, { work: works[1], amount: parseEther('4') }]);
    const unclaimed = wei('fees') + wei('carried_in') + wei('unclaimed_in') - wei('eco') - wei('infra') - list.creators;
    await send(3, addresses.payouts, 'publishPayouts(uint64,uint32,bytes)', String(epoch), '0', list.entries);
    const settlement = `(${list.creators},0,${unclaimed},${list.payoutRoot},${ZERO},${list.payoutsHash})`;
    await prove(epoch, states[2], settlement);
    assert.equal((await ok('epoch', 'status', String(epoch))).proven, true);
    await send(3, addresses.payouts, 'settleEpoch(uint256)', String(epoch));
  });

  test('everything public of it is computed again', async () => {
    const verified = await ok('epoch', 'verify', String(epoch));
    assert.deepEqual(verified.checks.filter((check) => !check.ok), []);
    assert.equal(verified.ok, true);
    const { code, stdout } = await cwe(['epoch', 'verify', String(epoch), '--network', at('network.json')]);
    assert.equal(code, 0);
    assert.equal(stdout.match(/✓/g).length, verified.checks.length);
    assert.doesNotMatch(stdout, /✗/);
  });

  test('the payout list is the published one, with proofs that hold', async () => {
    const all = await ok('epoch', 'payouts', String(epoch));
    assert.equal(all.payouts_hash, list.payoutsHash);
    assert.equal(all.creators_wei, String(list.creators));
    assert.deepEqual(all.payouts.map(({ work }) => work).sort(), [...works].sort());
    const one = await ok('epoch', 'payouts', String(epoch), '--work', works[0]);
    assert.equal(one.payouts[0].amount_wei, String(parseEther('3')));
    assert.equal(one.payouts[0].proof.length, 1);
    await refused(/is not in the payout list/, 'epoch', 'payouts', String(epoch), '--work', digest('none'));
  });

  test('a report is one page without any other file, and a table', async () => {
    const written = await ok('epoch', 'report', String(epoch), '--out', at('report.html'), '--csv', at('report.csv'));
    assert.equal(written.works, 2);
    const page = readFileSync(at('report.html'), 'utf8');
    assert.match(page, /<svg[\s\S]*7 CLN/);
    assert.doesNotMatch(page, /(src|href)=|<script/);
    const table = readFileSync(at('report.csv'), 'utf8');
    assert.ok(table.includes(`payout,${works[1]},${parseEther('4')}\n`));
    assert.ok(table.includes(`revenue,light,${2n * FEE}\n`));
    await refused(/is not settled/, 'epoch', 'report', String(epoch + 1), '--out', at('none.html'));
  });

  test('a creator withdraws all works of all epochs, once', async () => {
    const withdraw = ['creator', 'withdraw', '--dev-account', '1'];
    const plan = await ok(...withdraw, '--dry-run');
    assert.deepEqual(plan.payouts.map(({ state }) => state), ['open', 'open']);
    // Somebody else was faster with one of them.
    const [{ proof }] = (await ok('epoch', 'payouts', String(epoch), '--work', works[0])).payouts;
    await send(4, addresses.payouts, 'withdraw(bytes32,uint64,uint256,bytes32[])', works[0], String(epoch), String(parseEther('3')), `[${proof}]`);
    const done = await ok(...withdraw);
    const state = (work) => done.payouts.find((row) => row.work === work).state;
    assert.equal(state(works[0]), 'withdrawn_before');
    assert.equal(state(works[1]), 'withdrawn');
    assert.equal(done.claimed.amount_wei, String(parseEther('7')));
    const again = await ok(...withdraw);
    assert.ok(again.payouts.every((row) => row.state === 'withdrawn_before'));
    assert.equal(again.claimed.transaction, null);
    await refused(/has no works/, 'creator', 'withdraw', '--dev-account', '5');
    assert.equal((await ok('creator', 'withdraw', '--dry-run', '--work', works[0])).payouts.length, 1);
  });

  test('a settlement that does not add up is found', async () => {
    const next = epoch + 1;
    const { windows: times, money } = await ok('epoch', 'status', String(next));
    await reach(times.settleable_at);
    const unclaimedIn = BigInt(money.unclaimed_in_wei);
    const wrong = listOf(BigInt(next), [{ work: works[0], amount: 1n }, { work: works[1], amount: 2n }]);
    await send(3, addresses.payouts, 'publishPayouts(uint64,uint32,bytes)', String(next), '0', wrong.entries);
    await prove(next, [EMPTY_TRIE, EMPTY_TRIE], `(4,0,${unclaimedIn - 4n},${wrong.payoutRoot},${ZERO},${wrong.payoutsHash})`);
    await send(3, addresses.payouts, 'settleEpoch(uint256)', String(next));
    const stdout = await refused(/is not what it claims to be/, 'epoch', 'verify', String(next));
    assert.equal(stdout.match(/✗/g).length, 1);
    assert.match(stdout, /✗ +the payouts add up to the creators' money/);
  });

  test('what was withdrawn is in the books, and the check still passes', async () => {
    const status = await ok('epoch', 'status', String(epoch));
    assert.equal(status.money.claimable_wei, '0');
    assert.equal((await ok('epoch', 'verify', String(epoch))).ok, true);
  });
});
