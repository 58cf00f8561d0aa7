// The wallet as WebAssembly, in Node and in a real browser: one epoch from listening to reveals, with real proofs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { WASM, withPage } from '../lib/browser.mjs';
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

test('an epoch in Chromium, in one thread', async () => {
  const there = world();
  const seen = await withPage(there, (page) => page.evaluate(async ([epoch, ids]) => {
    const { journey } = await import('/lib/wallet-journey.mjs');
    return journey(window.api, window.world, { epoch, works: ids, now: () => performance.now() });
  }, [EPOCH, works]));
  check(seen, there);
});
