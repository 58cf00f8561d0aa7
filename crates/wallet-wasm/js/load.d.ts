import type { Prover, Wallet, newPhrase } from './cwe_wallet.js';

export type * from './cwe_wallet.js';

export interface LoadedWallet {
  readonly Prover: typeof Prover;
  readonly Wallet: typeof Wallet;
  readonly newPhrase: typeof newPhrase;
  /** Threads that proofs are made with. */
  readonly threads: number;
}

/** Loads the wallet in a browser: with threads in a worker of a page that is cross-origin isolated (`SharedArrayBuffer`),
 *  where they can be started; else in one. Call it once, in a worker: proving takes seconds. The threads end with that
 *  worker. Should one of them fail, as where the machine has no memory left, what it worked for never ends: end the worker.
 *  `threads`: how many at most; as many as processors when not given, never more than 8. */
export function load(options?: { threads?: number }): Promise<LoadedWallet>;
