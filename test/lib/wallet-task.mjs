// What a test has a browser do with the wallet. Imported by a worker or a page, it does the task and hands in what it came to.
import { load } from '/wasm/load.js';
import { pack, unpack } from './plain.mjs';
import { journey } from './wallet-journey.mjs';

const post = async (path, body) => (await fetch(path, { method: 'POST', body })).text();

/** Calls a method of the world in the test's process. */
const world = async (method, ...args) => unpack(await post('/world', pack([method, args])));

/** Bytes of the module's memory, which never becomes smaller: the most that it ever needed. */
async function memoryBytes(threads) {
  const { default: init } = await import(threads > 1 ? '/wasm/threads/cwe_wallet.js' : '/wasm/cwe_wallet.js');
  return (await init()).memory.buffer.byteLength;
}

const tasks = {
  /** An epoch of a listener, see there. */
  async journey({ load: how, ...options }) {
    const api = await load(how);
    const seen = await journey(api, world, { ...options, now: () => performance.now() });
    return { ...seen, threads: api.threads, memoryBytes: await memoryBytes(api.threads) };
  },
  /** That the wallet is there at all. */
  async phrase({ load: how }) {
    const api = await load(how);
    return { threads: api.threads, words: api.newPhrase().split(' ').length };
  },
};

try {
  const { task, options } = unpack(await (await fetch('/task')).text());
  await post('/done', pack(await tasks[task](options)));
} catch (error) {
  await post('/failed', `${error.message}\n${error.stack}`);
}
