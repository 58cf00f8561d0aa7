// An epoch of a listener with the wallet in wasm. The same code runs in Node and in a browser's page, where `world` is in
// another process: everything that goes to it and comes back is plain data.

/** Bytes that a page keeps; `writes` counts how often. */
export function memoryStorage() {
  let value;
  const storage = {
    writes: 0,
    load: () => value,
    replace(bytes) {
      value = bytes;
      storage.writes += 1;
    },
  };
  return storage;
}

/** The world as the wallet's interfaces want it. `call(method, …)` reaches it. */
export function interfaces(call) {
  return {
    chain: {
      headSecs: () => call('headSecs'),
      nowSecs: () => call('nowSecs'),
      facts: () => call('facts'),
      subscriptions: () => call('subscriptions'),
      submissions: () => call('submissionsSoFar'),
      works: () => call('prices'),
    },
    relayer: { send: (json) => call('submit', json) },
    coordinator: { name: 'world', send: (json) => call('reveal', json) },
  };
}

const message = async (action) => {
  try {
    await action();
    return 'nothing was refused';
  } catch (error) {
    return String(error.message ?? error);
  }
};

/** Runs the epoch; returns what the test looks at. `works`: ids by name, `now`: clock in milliseconds. */
export async function journey(api, call, { epoch, works, now }) {
  const { chain, relayer, coordinator } = interfaces(call);
  const storage = memoryStorage();
  const password = new TextEncoder().encode('correct horse');
  const times = {};
  const timed = async (name, action) => {
    const started = now();
    const result = await action();
    times[name] = (now() - started) / 1000;
    return result;
  };

  const derived = await timed('keys', () => api.Prover.unsafeDevelopment());
  const keys = derived.keys();
  const prover = await timed('keysRead', () => api.Prover.read(keys));
  const damaged = keys.slice();
  damaged[damaged.length >> 1] ^= 1;
  const refusals = { keys: await message(() => api.Prover.read(damaged)) };

  const phrase = api.newPhrase();
  let wallet = api.Wallet.create(storage, password, phrase);
  refusals.second = await message(() => api.Wallet.create(storage, password, phrase));
  refusals.password = await message(() => api.Wallet.open(storage, new TextEncoder().encode('wrong')));
  refusals.phrase = await message(() => api.Wallet.create(memoryStorage(), password, 'these are no words'));
  await call('subscribe', wallet.identityCommitment);
  const { starts_at } = (await chain.facts()).windows;
  await wallet.anchor(chain, epoch, starts_at);
  const recorded = wallet.record(works.song, 1800, 9, starts_at + 1800n, undefined);
  wallet.record(works.film, 600, 1, starts_at + 3600n, undefined);
  wallet.record(works.talk, 600, 1, starts_at + 7200n, undefined);
  refusals.work = await message(() => wallet.record('0x12', 1, 1, starts_at, undefined));
  wallet.exclude(epoch, works.talk);
  refusals.early = await message(() => wallet.prove(chain, prover, epoch, undefined));
  const before = await wallet.statement(chain, epoch);

  await call('endEpoch');
  const progress = [];
  await timed('split', () => wallet.prove(chain, prover, epoch, (thousandths) => progress.push(thousandths)));
  // Killed and opened again: what was proven is not proven anew.
  wallet.free();
  wallet = api.Wallet.open(storage, password);
  const statement = await wallet.statement(chain, epoch);
  const stages = [wallet.stage(epoch)];
  const failing = { send: async () => { throw new Error('the line is dead'); } };
  refusals.relayer = await message(() => wallet.submit(chain, failing, epoch));
  stages.push(wallet.stage(epoch));
  const transaction = await wallet.submit(chain, relayer, epoch);
  stages.push(wallet.stage(epoch));
  await call('openReveals');
  const round = await timed('reveals', () => wallet.reveal(chain, prover, coordinator, epoch, true));
  stages.push(wallet.stage(epoch));
  return { recorded, refusals, before, progress, statement, stages, transaction, round, times, writes: storage.writes };
}
