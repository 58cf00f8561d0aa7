// The chapters of the demo, from a creator's score to money on the L2. Each does its steps once, so that a demo that was
// interrupted goes on, and checks what it tells.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { createWalletClient, erc20Abi, formatEther, http, parseEther, publicActions } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { anvil } from 'viem/chains';

import { l2Public } from '../lib/clients.mjs';
import { cwe, eventually, json, rpc, startNode } from '../lib/devnet.mjs';
import { transcode } from '../lib/music.mjs';
import { ACCOUNTS } from './world.mjs';
import { duration } from './run.mjs';
import { PIECES, perform } from './scores.mjs';

/** Prices in micro-CLN a minute; collaborators with their parts per million of every work. */
const CREATORS = {
  ada: { works: { 'Ode to Joy': 1200, Greensleeves: 1200, 'Für Elise': 1500 }, collaborators: { flute: 200_000, studio: 100_000 } },
  ben: { works: { 'Prelude in C': 900, 'Canon in D': 1500, 'Minuet in G': 9000 }, collaborators: {} },
};
const UNPUBLISHED = 'Brother John';
/** `[piece, format]`; `cap`: most that a minute may cost, micro-CLN. */
const LISTENERS = {
  ann: { tier: 'light', cap: 2000, plays: [['Ode to Joy', 'opus'], ['Greensleeves', 'mp3'], [UNPUBLISHED, 'mp3']] },
  bob: { tier: 'medium', cap: 5000, plays: [['Prelude in C', 'mp3'], ['Canon in D', 'opus'], ['Prelude in C', 'ogg']] },
  cem: { tier: 'light', cap: 2000, plays: [['Minuet in G', 'mp3'], ['Ode to Joy', 'm4a']] },
  dia: { tier: 'medium', cap: 20_000, plays: [['Für Elise', 'ogg'], ['Canon in D', 'opus'], ['Minuet in G', 'mp3']] },
  eve: { tier: 'light', cap: 2000, plays: [] },
};
const FEES = { light: parseEther('5'), medium: parseEther('10') };
const ENCODINGS = { opus: ['-c:a', 'libopus', '-b:a', '48k'], mp3: ['-b:a', '96k'], ogg: ['-c:a', 'libvorbis', '-q:a', '3'], m4a: ['-c:a', 'aac', '-b:a', '96k'] };
/** What each brings from L1. */
const BROUGHT = parseEther('11');
/** How often they try to subscribe in one and the same epoch. */
const MOST_EPOCHS = 3;
/** Seconds that subscribing and listening take at most. */
const LISTENING_SECS = 90;
/** A deadline this close is missed. */
const MARGIN_SECS = 15;
const BOOKS = ['fees', 'credited', 'claimable', 'eco', 'infra', 'carried', 'unclaimed'];

const slug = (title) => title.toLowerCase().normalize('NFD').replace(/[^a-z]+/g, '-');
const cln = (wei) => `${formatEther(BigInt(wei))} CLN`;
const names = (record) => Object.keys(record);

export class Story {
  #run;
  #world;

  constructor(run, world) {
    this.#run = run;
    this.#world = world;
  }

  get #economy() {
    return this.#world.economy;
  }

  get #network() {
    return this.#world.network;
  }

  get #epoch() {
    return this.#run.kept.epoch;
  }

  #ok = (...args) => this.#economy.ok(args);
  #keyOf = (name) => ['--key-file', this.#run.at('keys', `${name}.key`)];
  #hubs = () => ['--hub', this.#world.endpoints.hub, '--known-hubs', this.#run.at('hubs.json')];
  #wallet = (name, ...args) => ['wallet', ...args, '--wallet', this.#run.at('wallets', name), '--password-file', this.#run.at('keys', 'password')];
  #status = () => this.#ok('epoch', 'status', String(this.#epoch));

  /** Waits for a time of the epoch; blocks are sealed meanwhile, since a quiet chain has no clock. */
  async #reach(secs, what) {
    const left = secs - Date.now() / 1000;
    if (left > 0) this.#run.doing(`${what} in ${duration(left)}`);
    await this.#economy.reach(secs, Math.max(0, left) * 1000 + 120_000);
  }

  async network() {
    for (const folder of ['keys', 'wallets', 'music', 'published']) mkdirSync(this.#run.at(folder), { recursive: true, mode: 0o700 });
    await this.#world.start();
    const { l1_rpc, l2_rpc, node_rpc, hub, relayer, coordinator } = this.#world.endpoints;
    this.#run.tell('L1 (anvil)', l1_rpc);
    this.#run.tell('L2, its full node', `${l2_rpc}, ${node_rpc}`);
    this.#run.tell('hub, relayer', `${hub}, ${relayer}`);
    this.#run.tell('coordinator', coordinator);
    const { windows } = await this.#ok('epoch', 'status', '1');
    this.#run.tell('an epoch', duration(windows.ends_at - windows.starts_at));
  }

  async publish() {
    for (const [creator, { works, collaborators }] of Object.entries(CREATORS)) {
      for (const name of [creator, ...names(collaborators)]) await this.#creatorKey(name);
      await this.#register(creator);
      for (const [title, price] of Object.entries(works)) {
        const work = await this.#run.once(`publish:${title}`, () => this.#publishWork(creator, title, price));
        this.#run.tell(`${creator}: ${title}`, `${price} micro-CLN a minute, ${work.slice(0, 14)}…`);
      }
    }
    const shares = Object.entries(CREATORS.ada.collaborators).map(([name, ppm]) => `${name} ${ppm / 10_000} %`);
    this.#run.tell('ada shares with', shares.join(', '));
  }

  async #creatorKey(name) {
    return this.#run.once(`publish:key:${name}`, async () => {
      this.#run.doing(`a key for ${name}`);
      const file = this.#run.at('keys', `${name}.key`);
      const key = ['creator', 'key', ...(existsSync(file) ? ['show', '--key-file', file] : ['new', '--out', file])];
      const { address, creator_id } = await this.#json(...key);
      return { address, creator_id };
    });
  }

  /** A command that takes no network. */
  async #json(...args) {
    const { code, stdout, stderr } = await cwe([...args, '--json']);
    assert.equal(code, 0, `cwe ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  async #register(creator) {
    await this.#run.once(`publish:register:${creator}`, async () => {
      this.#run.doing(`${creator} registers`);
      const { address } = await this.#creatorKey(creator);
      await this.#ok('deposit', '20', '--to', address, '--dev-account', String(ACCOUNTS.governor));
      for (const collaborator of names(CREATORS[creator].collaborators)) {
        await this.#ok('deposit', '1', '--to', (await this.#creatorKey(collaborator)).address, '--dev-account', String(ACCOUNTS.governor));
      }
      await this.#ok('creator', 'register', ...this.#keyOf(creator));
      await this.#economy.credential(address);
    });
  }

  async #publishWork(creator, title, price) {
    this.#run.doing(`${title} (${PIECES[title]}) is performed`);
    const file = this.#run.at('music', `${slug(title)}.wav`);
    if (!existsSync(file)) await perform(title, file);
    this.#run.doing(`${title} is fingerprinted, encrypted, signed and registered`);
    const { collaborators } = CREATORS[creator];
    const shares = [];
    for (const [name, ppm] of Object.entries(collaborators)) shares.push('--collaborator', `${(await this.#creatorKey(name)).creator_id}=${ppm}`);
    const publish = ['work', 'publish', file, '--title', title, '--description', PIECES[title], '--tag', 'demo', '--tier', 'audio', '--price', String(price),
      '--out', this.#run.at('published'), ...shares, ...this.#hubs(), ...this.#keyOf(creator)];
    let published = await this.#ok(...publish);
    if (published.state === 'awaits_consents') {
      for (const name of names(collaborators)) await this.#json('creator', 'work', 'consent', published.draft, ...this.#keyOf(name));
      published = await this.#ok(...publish);
    }
    assert.equal(published.state, 'published');
    return published.work_id;
  }

  /** Starts over with the listeners when the epoch's deadline passed while nobody was here. */
  async renewEpoch() {
    if (!this.#epoch || this.#run.isDone('reveal')) return;
    const { windows } = await this.#status();
    const deadline = this.#run.isDone('submit') ? windows.reveal_ends_at : windows.submission_ends_at;
    if (Date.now() / 1000 + MARGIN_SECS < deadline) return;
    this.#run.say(`Epoch ${this.#epoch} went on without the listeners: they subscribe again.`);
    this.#run.forget('subscribe', 'listen', 'submit', 'reveal');
    this.#run.keep({ epoch: undefined });
  }

  async subscribe() {
    writeFileSync(this.#run.at('keys', 'password'), 'correct horse battery staple\n', { mode: 0o600 });
    for (let attempt = 1; !(await this.#subscribeAll()); attempt++) {
      assert.ok(attempt < MOST_EPOCHS, 'this machine is too slow for epochs so short');
      this.#run.say(`   Epoch ${this.#epoch} ended before all had subscribed: they do it again.`);
      this.#run.forget('subscribe:');
      this.#run.keep({ epoch: undefined });
    }
    for (const [name, { tier }] of Object.entries(LISTENERS)) this.#run.tell(name, `${cln(BROUGHT)} from L1, tier ${tier}, ${cln(FEES[tier])}`);
    this.#run.tell('epoch', this.#epoch);
  }

  /** Whether all of them are in the same epoch. */
  async #subscribeAll() {
    await this.#fund();
    const deposit = (name) => this.#run.once(`subscribe:deposit:${name}`, () => this.#ok('deposit', formatEther(BROUGHT), ...this.#keyOf(name)));
    this.#run.doing('deposits from L1');
    await Promise.all(names(LISTENERS).map(deposit));
    if (!this.#epoch) this.#run.keep({ epoch: await this.#freshEpoch() });
    const epochs = await Promise.all(names(LISTENERS).map((name) => this.#run.once(`subscribe:${name}`, () => this.#subscribeOne(name))));
    return epochs.every((epoch) => epoch === this.#epoch);
  }

  /** An epoch with enough time left. */
  async #freshEpoch() {
    for (;;) {
      const { epoch, epoch_ends_at: end } = await this.#ok('listener', 'status', '--commitment', '0x1');
      if (end - Date.now() / 1000 > LISTENING_SECS) return epoch;
      await this.#reach(end + 1, 'the next epoch begins');
    }
  }

  /** Gives each listener CLN on L1, and what the transactions there cost. */
  async #fund() {
    const account = privateKeyToAccount(this.#network.accounts[ACCOUNTS.governor].private_key);
    const client = createWalletClient({ chain: anvil, transport: http(this.#network.l1_rpc), account, pollingInterval: 100 }).extend(publicActions);
    for (const name of names(LISTENERS)) {
      await this.#run.once(`subscribe:funds:${name}`, async () => {
        this.#run.doing(`${name} gets CLN on L1`);
        const file = this.#run.at('keys', `${name}.key`);
        if (!existsSync(file)) writeFileSync(file, generatePrivateKey(), { mode: 0o600 });
        const address = this.#addressOf(name);
        await client.sendTransaction({ to: address, value: parseEther('1') });
        const hash = await client.writeContract({ address: this.#network.contracts.CLN, abi: erc20Abi, functionName: 'transfer', args: [address, BROUGHT] });
        const { status } = await client.waitForTransactionReceipt({ hash });
        assert.equal(status, 'success');
      });
    }
  }

  #addressOf(name) {
    return privateKeyToAccount(readFileSync(this.#run.at('keys', `${name}.key`), 'utf8').trim()).address;
  }

  async #subscribeOne(name) {
    const { tier } = LISTENERS[name];
    this.#run.doing('wallets, subscriptions');
    const create = this.#wallet(name, 'create', '--phrase-out', this.#run.at('wallets', `${name}.phrase`));
    const wallet = existsSync(this.#run.at('wallets', name)) ? await this.#json(...this.#wallet(name, 'status', '--offline')) : await this.#json(...create);
    const commitment = wallet.identity_commitment;
    const status = () => this.#ok('listener', 'status', '--commitment', commitment);
    const { now } = await status();
    if (now) return now.epoch;
    try {
      return (await this.#ok('listener', 'subscribe', '--tier', tier, '--commitment', commitment, ...this.#keyOf(name))).epoch;
    } catch (error) {
      // The epoch ended just then.
      if ((await status()).epoch !== this.#epoch) return undefined;
      throw error;
    }
  }

  async listen() {
    for (const [name, { plays, cap }] of Object.entries(LISTENERS)) {
      if (plays.length === 0) this.#run.tell(name, 'listens to nothing');
      for (const [index, [title, format]] of plays.entries()) {
        const what = await this.#run.once(`listen:${name}:${index}`, () => this.#play(name, title, format, cap));
        this.#run.tell(`${name}: ${title}.${format}`, what);
      }
    }
  }

  async #play(name, title, format, cap) {
    this.#run.doing(`${name} plays ${title}`);
    const original = this.#run.at('music', `${slug(title)}.wav`);
    if (!existsSync(original)) await perform(title, original);
    const file = original.replace(/wav$/, format);
    if (!existsSync(file)) await transcode(original, file, ...ENCODINGS[format]);
    const args = ['play', file, '--silent', '--cap', String(cap), '--epoch', String(this.#epoch), ...this.#hubs(), '--wallet', this.#run.at('wallets', name),
      '--password-file', this.#run.at('keys', 'password'), '--json', '--network', this.#run.at('network.json')];
    const { stdout, stderr } = await cwe(args);
    const played = stdout.split('\n').map(json).find(Boolean);
    assert.ok(played, `cwe play: ${stderr}`);
    if (title === UNPUBLISHED) {
      assert.equal(played.found, false);
      return 'played; nobody has published it, so it counts for nobody';
    }
    const price = names(CREATORS).map((creator) => CREATORS[creator].works[title]).find(Boolean);
    assert.deepEqual(played.works.map((work) => work.title), [title], stderr);
    assert.equal(played.blocked, price > cap, stderr);
    return played.blocked ? `not played: ${price} micro-CLN a minute, above the cap of ${cap}` : `recognised, ${played.seconds} s`;
  }

  async submit() {
    const { windows } = await this.#status();
    await this.#reach(windows.ends_at + 1, 'the epoch ends');
    this.#run.doing('the epoch’s key is fixed by an L1 block');
    await this.#run.once('submit:key', () => this.#ok('wallet', 'fix-key', '--epoch', String(this.#epoch), '--dev-account', '4').then(() => null));
    for (const name of this.#active()) await this.#run.once(`submit:${name}`, () => this.#submitOne(name));
    this.#run.tell('submitted', this.#active().join(', '));
    await this.#observe();
  }

  /** Those who listened to something. */
  #active = () => names(LISTENERS).filter((name) => LISTENERS[name].plays.length > 0);

  async #submitOne(name) {
    const online = (command, ...args) => this.#ok(...this.#wallet(name, command, '--epoch', String(this.#epoch)), ...args);
    this.#run.doing(`${name} proves a month of listening`);
    const begun = Date.now();
    await eventually('a proof against a sealed key', () => online('prove'), 120_000, 1000);
    const seconds = (Date.now() - begun) / 1000;
    this.#run.doing(`${name} submits through the relayer`);
    await eventually('the submission in a sealed block', async () => (await online('submit', '--relayer', this.#world.endpoints.relayer)).stage === 'confirmed', 120_000, 1000);
    return seconds;
  }

  /** What anybody sees who reads the chain. */
  async #observe() {
    const { tiers } = await this.#status();
    for (const { tier, subscribers, submissions, revenue_wei: revenue } of tiers) {
      if (subscribers > 0) this.#run.tell(`the chain shows: ${tier}`, `${subscribers} subscribers, ${cln(revenue)}, ${submissions} submissions`);
    }
    const logs = await l2Public(this.#network).getLogs({ address: this.#economy.addresses.consumption, fromBlock: 0n });
    const senders = new Set();
    for (const { transactionHash: hash } of logs) senders.add((await rpc(this.#network.l2_rpc, 'eth_getTransactionByHash', [hash])).from);
    const listeners = names(LISTENERS).map((name) => this.#addressOf(name).toLowerCase());
    assert.deepEqual([...senders].filter((sender) => listeners.includes(sender.toLowerCase())), [], 'no submission shows a listener');
    this.#run.tell('', 'no work, no minutes, no listener: the relayer sent all of them');
  }

  async reveal() {
    const { windows } = await this.#status();
    await this.#reach(windows.submission_ends_at + 1, 'submissions end');
    let notes = 0;
    for (const name of this.#active()) {
      notes += await this.#run.once(`reveal:${name}`, async () => {
        this.#run.doing(`${name} reveals each note with a proof of its own`);
        const reveal = this.#wallet(name, 'reveal', '--epoch', String(this.#epoch), '--coordinator', this.#world.endpoints.coordinator, '--all-at-once');
        const { revealed, to_reveal: all } = await eventually('a coordinator that knows the final root', () => this.#ok(...reveal), 60_000, 1000);
        assert.equal(revealed, all);
        return revealed;
      });
    }
    this.#run.keep({ notes });
    this.#run.tell('revealed', `${notes} notes: work and share of a fee each, unlinked to listeners and to each other`);
  }

  async settle() {
    const { aggregationSecs: proofSecs } = this.#world.schedule;
    const pauseMs = this.#run.quick ? 1000 : 10_000;
    const { notes } = this.#run.kept;
    this.#run.doing('the coordinator aggregates the reveals');
    const counted = async () => (await this.#status()).best_state?.reveals === notes;
    await eventually('the aggregate', counted, proofSecs * 1000 + 120_000, pauseMs);
    this.#run.tell('aggregate', `${notes} reveals counted on the L2`);
    const { windows } = await this.#status();
    await this.#reach(windows.settleable_at + 1, 'the window for aggregates ends');
    this.#run.doing('the settlement is proven and taken by the L2');
    await eventually('the settlement', async () => {
      await this.#economy.tick();
      return (await this.#status()).settled;
    }, proofSecs * 1000 + 180_000, pauseMs);
    const verified = await this.#ok('epoch', 'verify', String(this.#epoch));
    assert.deepEqual(verified.checks.filter((check) => !check.ok), []);
    this.#run.tell('checked', `${verified.checks.length} things that everybody can compute again (cwe epoch verify)`);
    const [page, csv] = ['html', 'csv'].map((kind) => this.#run.at(`epoch-${this.#epoch}.${kind}`));
    await this.#ok('epoch', 'report', String(this.#epoch), '--out', page, '--csv', csv);
    this.#run.keep({ report: page });
    this.#run.tell('report', page);
  }

  async withdraw() {
    const { payouts } = await this.#ok('epoch', 'payouts', String(this.#epoch));
    const titles = Object.fromEntries(names(PIECES).filter((title) => title !== UNPUBLISHED).map((title) => [this.#run.known(`publish:${title}`), title]));
    for (const { work, amount_wei: amount } of payouts) this.#run.tell(titles[work], cln(amount));
    for (const creator of names(CREATORS)) {
      await this.#run.once(`withdraw:${creator}`, async () => {
        const { problems } = await this.#ok('creator', 'withdraw', ...this.#keyOf(creator));
        assert.deepEqual(problems, []);
      });
      for (const name of names(CREATORS[creator].collaborators)) {
        await this.#run.once(`withdraw:${name}`, () => this.#ok('creator', 'earnings', ...this.#keyOf(name), '--withdraw').then(() => null));
      }
    }
    for (const name of ['ada', ...names(CREATORS.ada.collaborators), 'ben']) {
      const { address } = await this.#creatorKey(name);
      this.#run.tell(`${name} has on the L2`, cln(await l2Public(this.#network).getBalance({ address })));
    }
    await this.#conserve(payouts);
    await this.#relayerRefunded();
    const { index } = await this.#run.once('withdraw:l1', () => this.#ok('withdraw', '1', ...this.#keyOf('ada')));
    this.#run.tell('ada withdraws to L1', `1 CLN, withdrawal ${index}; it waits for a proof`);
  }

  /** Every wei of the fees is in exactly one place. */
  async #conserve(payouts) {
    const text = await this.#economy.call(this.#economy.addresses.payouts, 'books()((uint256,uint256,uint256,uint256,uint256,uint256,uint256))');
    const amounts = text.replace(/[()]/g, '').split(',').map((amount) => BigInt(amount.trim()));
    const [fees, ...where] = amounts;
    const conserved = fees === where.reduce((sum, amount) => sum + amount);
    const credited = payouts.reduce((sum, { amount_wei: amount }) => sum + BigInt(amount), 0n);
    this.#run.tell('fees', `${fees} wei = ${BOOKS.slice(1).map((name, index) => `${name} ${where[index]}`).join(' + ')}`);
    this.#run.keep({ conserved });
    assert.ok(conserved, 'the books do not add up');
    assert.equal(where[0], credited, 'what was paid out is what the payees were credited');
  }

  /** The relayer claims by itself what its transactions cost, from the epoch's own fees. */
  async #relayerRefunded() {
    const { refunds, consumption } = this.#economy.addresses;
    const { address } = this.#network.accounts[ACCOUNTS.relayer];
    const claimed = async () => (await this.#economy.call(refunds, 'isRefunded(uint64,address)(bool)', String(this.#epoch), address)) === 'true';
    await eventually("the relayer's refund", claimed, 90_000, 1000);
    const refund = BigInt(await this.#economy.call(refunds, 'refundOf(uint64,address)(uint256)', String(this.#epoch), address));
    const [cost] = (await this.#economy.call(consumption, 'costsOf(uint64,address)(uint256,uint256)', String(this.#epoch), address)).split('\n').map(BigInt);
    assert.equal(refund, cost, 'half of the infrastructure share is enough');
    assert.ok(refund > 0n);
    this.#run.tell('the relayer has back', `${cln(refund)} for ${this.#active().length} transactions, from the infrastructure share`);
  }

  /** Waits until everything so far is in batches on L1; the last block. */
  async committed() {
    const client = l2Public(this.#network);
    await this.#economy.tick();
    const { number } = await client.getBlock({ blockTag: 'latest' });
    await eventually('the last batch on L1', async () => (await client.getBlock({ blockTag: 'safe' })).number >= number);
    return number;
  }

  async audit() {
    this.#run.doing('a full node rebuilds the chain from L1 alone');
    const number = await this.committed();
    const node = await startNode(this.#run.at('chain'), [`data_dir=${this.#run.at(`rebuilt-${Date.now()}`)}`, 'rpc.listen=127.0.0.1:0']);
    try {
      const block = ['eth_getBlockByNumber', [`0x${number.toString(16)}`, false]];
      const rebuilt = await eventually('the rebuilt chain', () => rpc(node.url, ...block), 600_000);
      const original = await rpc(this.#network.l2_rpc, ...block);
      assert.equal(rebuilt.hash, original.hash);
      assert.equal(rebuilt.stateRoot, original.stateRoot);
      this.#run.tell(`block ${number} rebuilt`, `state root ${rebuilt.stateRoot}`);
    } finally {
      await node.stop();
    }
    this.#run.doing('the auditor executes every batch again');
    const report = await this.#ok('audit');
    assert.equal(report.ok, true);
    const sum = (field) => report.batches.reduce((total, batch) => total + (batch[field] ?? 0), 0);
    this.#run.tell('audit', `${report.batches.length} batches, ${sum('transactions')} transactions, ${sum('data_bytes')} bytes on L1: all of it holds`);
    const { l1 } = await this.#ok('status');
    this.#run.tell('batches', `${l1.last_committed_batch} committed, ${l1.last_finalized_batch} finalized`);
  }
}
