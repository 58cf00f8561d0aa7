// An L2, a relayer and a coordinator as the wallet in wasm sees them, in memory. Trees are computed with a public Poseidon
// library, so the wallet's own hashes are compared with another implementation's.
import { poseidon2 } from 'poseidon-lite/poseidon2';

const TREE_DEPTH = 20;
const DAY_SECS = 86_400n;

export const EPOCH = 3n;
export const word = (number) => `0x${BigInt(number).toString(16).padStart(64, '0')}`;
export const TIER = word(7);

/** Root of a tree of depth 20 whose other leaves are 0; 0 of one without leaves, as `PoseidonTree` has it. */
function root(leaves) {
  if (leaves.length === 0) return word(0);
  let level = leaves.map(BigInt);
  let empty = 0n;
  for (let depth = 0; depth < TREE_DEPTH; depth++) {
    const next = [];
    for (let at = 0; at < level.length; at += 2) next.push(poseidon2([level[at], level[at + 1] ?? empty]));
    level = next;
    empty = poseidon2([empty, empty]);
  }
  return word(level[0]);
}

/** `H(identityCommitment, tier ‖ epoch)`, the epoch in the low 64 bits. */
const subscriptionLeaf = ({ commitment, tier }) => poseidon2([BigInt(commitment), (BigInt(tier) << 64n) | EPOCH]);

export class World {
  windows = { starts_at: 1_000_000n, ends_at: 1_000_000n + 30n * DAY_SECS, submission_ends_at: 0n, reveal_ends_at: 0n };
  key = undefined;
  subscribers = [];
  submitted = [];
  submissions = [];
  reveals = [];
  works = [];

  constructor(others = 60) {
    this.windows.submission_ends_at = this.windows.ends_at + 3n * DAY_SECS;
    this.windows.reveal_ends_at = this.windows.submission_ends_at + 7n * DAY_SECS;
    this.now = this.windows.starts_at;
    for (let number = 1; number <= others; number++) this.subscribe(word(number));
  }

  subscribe(commitment) {
    this.subscribers.push({ commitment, tier: TIER });
  }

  register(work, price = 1500n) {
    this.works.push({ work, price, region_ppm: 1_000_000 });
  }

  endEpoch() {
    this.now = this.windows.ends_at + 10n;
    this.key = word(4242);
  }

  openReveals() {
    this.now = this.windows.submission_ends_at;
  }

  /** As `WalletChain`. */
  async headSecs() {
    return this.now;
  }

  async nowSecs() {
    return this.now;
  }

  async facts() {
    return { windows: this.windows, key: this.key, diminishing_ppm: 1_000_000, allowances: [{ tier: TIER, seconds: 108_000n }] };
  }

  async subscriptions() {
    return { leaves: this.subscribers, root: root(this.subscribers.map(subscriptionLeaf)) };
  }

  /** What `CWEConsumption` tells of the epoch so far. */
  async submissionsSoFar() {
    return { leaves: this.submitted, root: root(this.submitted.map(({ notes_root }) => notes_root)) };
  }

  async prices() {
    return this.works;
  }

  /** As `SubmissionOutlet.send`; the same submission twice is one. */
  async submit(json) {
    const { tierId, nullifier, notesRoot } = JSON.parse(json);
    this.submissions.push(json);
    if (!this.submitted.some((known) => known.nullifier === nullifier)) {
      this.submitted.push({ tier: tierId, nullifier, notes_root: notesRoot });
    }
    return word(99);
  }

  /** As `RevealOutlet.send`. */
  async reveal(json) {
    this.reveals.push(JSON.parse(json));
    return '{"status":"accepted"}';
  }
}
