// The wallet as WebAssembly, in Node and in a real browser, in one thread and in several: one epoch from listening to
// reveals, with real proofs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { FIREFOX, WASM, inBrowser } from '../lib/browser.mjs';
import { CWE } from '../lib/devnet.mjs';
import { journey } from '../lib/wallet-journey.mjs';
import { EPOCH, World, word } from '../lib/wallet-world.mjs';

const works = { song: word(11), film: word(12), talk: word(13) };

function world() {
  const made = new World();
  Object.values(works).forEach((work) => made.register(work));
  return made;
}

/** What a listener's epoch must come to, whoever runs it. */
function check(seen, { submissions, reveals }) {
  assert.deepEqual(seen.recorded, { epoch: EPOCH, too_late: false });
  assert.equal(seen.before.rows[0].units, undefined, 'units are rounded with the key, which is not there yet');
  assert.deepEqual(seen.before.left_out.map(({ work, reason }) => [work, reason]), [[works.talk, 'excluded']]);
  const units = Object.fromEntries(seen.statement.rows.map((row) => [row.work, row.units]));
  assert.equal(units[works.song] + units[works.film], 100, 'the fee is divided to the last unit');
  assert.ok(seen.progress.length > 2 && seen.progress.at(-1) === 1000 && seen.progress.every((part, at) => at === 0 || part >= seen.progress[at - 1]));
  assert.deepEqual(seen.stages, ['proven', 'sending', 'confirmed', 'revealing']);
  assert.equal(submissions.length, 1);
  assert.equal(seen.transaction, word(99));
  assert.ok(seen.round.done && seen.round.failed.length === 0);
  assert.equal(seen.round.acknowledged, reveals.length);
  assert.deepEqual(Object.fromEntries(reveals.map((reveal) => [reveal.workId, reveal.units])), units, 'what is revealed is what was stated');
  const expected = {
    keys: /damaged/,
    second: /not overwritten/,
    password: /password/,
    phrase: /12 to 24 words/,
    work: /no work id/,
    early: /not fixed yet/,
    relayer: /line is dead; it will be tried again/,
  };
  for (const [name, text] of Object.entries(expected)) assert.match(seen.refusals[name], text, name);
}

/** Native code agrees that everything sent is proven. */
async function verify(there) {
  const { diminishing_ppm, allowances } = await there.facts();
  const sent = {
    epoch: Number(EPOCH),
    epochKey: there.key,
    allowanceSecs: Number(allowances[0].seconds),
    diminishingPpm: diminishing_ppm,
    subscriptionRoot: (await there.subscriptions()).root,
    submissions: there.submissions.map((json) => JSON.parse(json)),
    reveals: there.reveals,
  };
  const said = execFileSync(join(dirname(CWE), 'examples/verify-sent'), { input: JSON.stringify(sent), encoding: 'utf8' });
  assert.equal(said.trim(), `1 submissions and ${there.reveals.length} reveals hold`);
}

let api;

before(async () => {
  api = await import(pathToFileURL(join(WASM, 'cwe_wallet.js')));
  api.initSync({ module: readFileSync(join(WASM, 'cwe_wallet_bg.wasm')) });
});

test('an epoch in Node: what is stated is proven, sent once and revealed', async () => {
  const there = world();
  const call = (method, ...args) => there[method](...args);
  check(await journey(api, call, { epoch: EPOCH, works, now: () => performance.now() }), there);
});

test('the chain\'s roots are compared with its events: a subscriber left out is noticed', async () => {
  const there = world();
  const call = async (method, ...args) => {
    const answer = await there[method](...args);
    return method === 'subscriptions' ? { ...answer, leaves: answer.leaves.slice(1) } : answer;
  };
  await assert.rejects(journey(api, call, { epoch: EPOCH, works, now: () => performance.now() }), /root of the subscription tree/);
});

test('a page that is not isolated proves in one thread', async () => {
  const there = world();
  const seen = await inBrowser(there, 'journey', { epoch: EPOCH, works });
  assert.equal(seen.threads, 1);
  check(seen, there);
  await verify(there);
});

test('an isolated page proves with threads, in no more than 1 GiB', async () => {
  const there = world();
  const seen = await inBrowser(there, 'journey', { epoch: EPOCH, works, load: { threads: 2 } }, { isolated: true });
  assert.equal(seen.threads, 2);
  assert.ok(seen.memoryBytes < 2 ** 30, `${seen.memoryBytes} bytes`);
  check(seen, there);
  await verify(there);
});

test('where threads can\'t be started the wallet is there in one: their script refused, or never answered', async () => {
  const refused = (response) => response.writeHead(403).end();
  const silent = () => {};
  const phrase = (thread) => inBrowser({}, 'phrase', { load: { threads: 2 } }, { isolated: true, special: { '/wasm/threads/thread.js': thread } });
  const inOne = { threads: 1, words: 24 };
  assert.deepEqual(await Promise.all([phrase(refused), phrase(silent)]), [inOne, inOne]);
});

test('a page\'s own thread, which may not wait, has the wallet in one', async () => {
  const seen = await inBrowser({}, 'phrase', { load: { threads: 2 } }, { isolated: true, ownThread: true });
  assert.deepEqual(seen, { threads: 1, words: 24 });
});

test('Firefox proves an epoch in one thread, as its extension pages must', { skip: !FIREFOX && 'there is no Firefox' }, async () => {
  const there = world();
  const seen = await inBrowser(there, 'journey', { epoch: EPOCH, works }, { name: 'firefox' });
  assert.equal(seen.threads, 1);
  check(seen, there);
  await verify(there);
});
