// The wallet with threads where the page has them, else in one. Types are in load.d.ts.

/** Each thread takes 2 MiB of the module's memory and a worker of the browser's: a machine of 64 processors would pay for all
 *  of them and prove hardly sooner. */
const MAX_THREADS = 8;
const START_MS = 10_000;

export async function load({ threads = navigator.hardwareConcurrency } = {}) {
  const wanted = Math.floor(Math.min(threads, MAX_THREADS));
  if (wanted > 1 && mayShareMemory()) {
    try {
      return loaded(await withThreads(wanted), wanted);
    } catch (error) {
      console.warn(`the wallet proves in one thread: ${error.message}`);
    }
  }
  const api = await import('./cwe_wallet.js');
  await api.default({ module_or_path: new URL('./cwe_wallet_bg.wasm', import.meta.url) });
  return loaded(api, 1);
}

const loaded = ({ Prover, Wallet, newPhrase }, threads) => ({ Prover, Wallet, newPhrase, threads });

/** A page's own thread may not wait for others. Without `waitAsync`, each promise would cost a worker. */
function mayShareMemory() {
  const inWorker = typeof WorkerGlobalScope === 'function' && globalThis instanceof WorkerGlobalScope;
  return inWorker && globalThis.crossOriginIsolated === true && typeof Atomics.waitAsync === 'function';
}

async function withThreads(count) {
  const api = await import('./threads/cwe_wallet.js');
  const module = await WebAssembly.compileStreaming(fetch(new URL('./threads/cwe_wallet_bg.wasm', import.meta.url)));
  const { memory } = await api.default({ module_or_path: module });
  const workers = [];
  try {
    // The calling thread is one of them.
    while (workers.length < count - 1) {
      workers.push(new Worker(new URL('./threads/thread.js', import.meta.url), { type: 'module' }));
    }
    await inTime(Promise.all(workers.map((worker) => started(worker, { module, memory }))));
    api.startPool(count);
  } catch (error) {
    workers.forEach((worker) => worker.terminate());
    throw error;
  }
  return api;
}

const started = (worker, shared) => new Promise((resolve, reject) => {
  worker.onmessage = resolve;
  worker.onerror = ({ message }) => reject(new Error(message || 'a thread was refused'));
  worker.postMessage(shared);
});

function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`threads did not start in ${START_MS} ms`)), START_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
