// Adds to usage.json what the proofs take as WebAssembly in Chromium, in one thread and in as many as there are processors,
// and what Semaphore's take in Node; draws usage.svg. Called by bench-usage.sh after the native part.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

import { inBrowser } from '../test/lib/browser.mjs';
import { EPOCH, World, word } from '../test/lib/wallet-world.mjs';

const RUNS = 3;
const WORKS = { song: word(11), film: word(12), talk: word(13) };
/** Poseidon hashes of two or three inputs that each proof shows; Semaphore's also multiplies a point of BabyJubjub. */
const REVEAL_HASHES = 31;
const SEMAPHORE_HASHES = 22;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Seconds of keys, a Split and a Reveal in a fresh page's worker; with threads where the page is isolated. */
async function inChromium(isolated) {
  const world = new World();
  Object.values(WORKS).forEach((work) => world.register(work));
  const { times, round, threads, memoryBytes } = await inBrowser(world, 'journey', { epoch: EPOCH, works: WORKS }, { isolated });
  return { ...times, reveal: times.reveals / round.acknowledged, threads, memoryMib: memoryBytes / 2 ** 20 };
}

/** Medians of pages of both kinds by turns, so that whatever else the machine does slows both. */
async function wasm() {
  const one = [];
  const more = [];
  for (let run = 0; run < RUNS; run++) {
    one.push(await inChromium(false));
    more.push(await inChromium(true));
  }
  const of = (runs, name) => median(runs.map((run) => run[name]));
  return {
    keys_wasm_one_thread_s: of(one, 'keys'), split_wasm_one_thread_s: of(one, 'split'), reveal_wasm_one_thread_s: of(one, 'reveal'),
    memory_wasm_one_thread_mib: of(one, 'memoryMib'),
    wasm_threads: of(more, 'threads'), keys_wasm_threads_s: of(more, 'keys'), split_wasm_threads_s: of(more, 'split'),
    reveal_wasm_threads_s: of(more, 'reveal'), memory_wasm_threads_mib: of(more, 'memoryMib'),
  };
}

/** Seconds of a Semaphore proof of membership in a group of the same depth as ours, 20. */
async function semaphore(folder) {
  const load = async (name) => import(pathToFileURL(createRequire(join(folder, 'x.js')).resolve(name)));
  const [{ Identity }, { Group }, { generateProof, verifyProof }] = await Promise.all(
    ['identity', 'group', 'proof'].map((name) => load(`@semaphore-protocol/${name}`)));
  const identity = new Identity('bench');
  const group = new Group(Array.from({ length: 60 }, (_, at) => (at === 17 ? identity.commitment : BigInt(at + 1))));
  const artifacts = join(folder, 'node_modules/@zk-kit/semaphore-artifacts/semaphore-20');
  const files = { wasm: `${artifacts}.wasm`, zkey: `${artifacts}.zkey` };
  const times = [];
  let proof;
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    proof = await generateProof(identity, group, 'message', `scope ${run}`, 20, files);
    times.push((performance.now() - started) / 1000);
  }
  if (!(await verifyProof(proof))) throw new Error('Semaphore refuses its own proof');
  return { semaphore_node_s: median(times) };
}

function draw(figures) {
  const bars = [
    ['Split, native', figures.split_native_s], ['Split, wasm, one thread', figures.split_wasm_one_thread_s],
    [`Split, wasm, ${figures.wasm_threads} threads`, figures.split_wasm_threads_s],
    ['Reveal, native', figures.reveal_native_s], ['Reveal, wasm, one thread', figures.reveal_wasm_one_thread_s],
    [`Reveal, wasm, ${figures.wasm_threads} threads`, figures.reveal_wasm_threads_s],
    ['Semaphore v4, Node', figures.semaphore_node_s],
  ];
  const scale = 420 / Math.max(...bars.map(([, secs]) => secs));
  const rows = bars.map(([name, secs], at) => `
  <text x="190" y="${45 + 34 * at}" text-anchor="end">${name}</text>
  <rect x="200" y="${30 + 34 * at}" width="${(secs * scale).toFixed(1)}" height="22" fill="#2f6f9f"/>
  <text x="${(206 + secs * scale).toFixed(1)}" y="${45 + 34 * at}">${secs.toFixed(2)} s</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 ${40 + 34 * bars.length}" font-family="sans-serif" font-size="13">
  <rect width="100%" height="100%" fill="white"/>${rows.join('')}\n</svg>\n`;
}

const [out] = process.argv.slice(2);
const path = join(out, 'usage.json');
const figures = { ...JSON.parse(readFileSync(path)), ...(await wasm()), ...(await semaphore(process.env.SEMAPHORE)) };
figures.reveal_native_ms_per_hash = (figures.reveal_native_s * 1000) / REVEAL_HASHES;
figures.reveal_wasm_ms_per_hash = (figures.reveal_wasm_one_thread_s * 1000) / REVEAL_HASHES;
figures.semaphore_ms_per_hash = (figures.semaphore_node_s * 1000) / SEMAPHORE_HASHES;
writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`);
writeFileSync(join(out, 'usage.svg'), draw(figures));
const row = (name, value) => console.log(`${name.padEnd(38)}${value}`);
const both = (one, more, unit, digits) => `${one.toFixed(digits)} / ${more.toFixed(digits)} ${unit}`;
row('wasm in Chromium', `one thread / ${figures.wasm_threads} threads`);
row('keys derived', both(figures.keys_wasm_one_thread_s, figures.keys_wasm_threads_s, 's', 2));
row('Split', both(figures.split_wasm_one_thread_s, figures.split_wasm_threads_s, 's', 2));
row('Reveal', both(figures.reveal_wasm_one_thread_s, figures.reveal_wasm_threads_s, 's', 2));
row('memory', both(figures.memory_wasm_one_thread_mib, figures.memory_wasm_threads_mib, 'MiB', 0));
row('Semaphore v4, depth 20, Node', `${figures.semaphore_node_s.toFixed(2)} s`);
row('a hash of Reveal, native / wasm', `${figures.reveal_native_ms_per_hash.toFixed(1)} / ${figures.reveal_wasm_ms_per_hash.toFixed(1)} ms`);
row('a hash of Semaphore', `${figures.semaphore_ms_per_hash.toFixed(1)} ms (Groth16: its own trusted setup, a proof of 256 bytes)`);
console.log(`-> ${path}, ${join(out, 'usage.svg')}`);
// snarkjs leaves worker threads behind.
process.exit(0);
