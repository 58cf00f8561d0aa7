//! The two proofs that keep listening private. **Split**: a listener's secret and month go in ([`SplitWitness`]), a
//! proof comes out that one paid subscription was divided among works by the rules, with nothing visible but a
//! nullifier and the root of the resulting notes. **Reveal**: one note goes in ([`RevealWitness`]), a proof comes out
//! that some submission of the epoch contains it. The wallet proves ([`prove_split`], [`prove_reveal`], natively and in
//! wasm), [`verify_split`] and [`verify_reveals`] check; the transcript is the one of Solidity verifiers. The formulas
//! are `cwe_usage`'s, ranges and encodings are in `docs/PROTOCOL.md`, "Usage".
//!
//! # Statement of Split
//!
//! Public: epoch `E`, `K_E`, tier, allowance, `k`, `R_sub`, `nf_user`, `notesRoot`. There are a secret `s`, a path and
//! 128 slots such that
//!
//! - **S1** `H(H(s, 0), tier ‖ E)` leads along the path to `R_sub`.
//! - **S2** `nf_user = H(s, K_E)`.
//! - **S3** Every slot is used or unused. Used slots have rising work ids in 1 … 2²⁴⁸ − 1; an unused one has work,
//!   seconds, price and region 0, hence no weight and no units.
//! - **S4** seconds, region and credibility are below 2²⁴, price below 2⁶⁴; `Σ seconds ≤ allowance`.
//! - **S5** `V = seconds · price · region · credibility · D(plays)`, with at least one play in a used slot.
//! - **S6** Units are the cumulative rounding of the weights from an offset that only the nullifier determines.
//! - **S7** `notesRoot` is the root of the slots' 128 notes, in the order of the slots.
//!
//! # Statement of Reveal
//!
//! Public: `E, K_E`, tier, work, units, price, region, `R_note`, `nf_note`. There are `r` and a path such that
//!
//! - **R1** the note with these values and `r` leads along the path, of 7 + 20 levels, to `R_note`;
//! - **R2** `nf_note = H(r, K_E)`.
//!
//! Both take for granted that the public inputs are canonical and in the ranges of the protocol; [`verify_split`] and
//! [`RevealInputs`]' types see to that, on the L2 `SplitVerifier` does, and so must any other verifier.
//!
//! # Layout
//!
//! | columns | what stands there | Split (2¹² rows, 4 090 usable) | Reveal (2⁸ rows, 250 usable) |
//! |---|---|---|---|
//! | main: 4 advice, 6 fixed | one equation a row, `ab·a·b + Σ x·cell + one = 0` | 3 677 | 116 |
//! | hashes: 15 advice, 7 fixed | seven rows a Poseidon hash (`poseidon.rs`) | 534 hashes, 3 739 | 31 hashes, 218 |
//! | digits: 14 + 1 advice, 3 fixed | 42 bits a row as digits in base 8, and the number so far | 3 996 | |
//! | table: 3 fixed | which main rows are, or look up, an entry | 256 and 128 | |
//! | public: 1 instance | the public inputs | 8 | 9 |
//!
//! Values go from one part to another by copies only, through the main cells, the accumulator and the hash state's
//! three columns. The highest degree is 9: a digit's eight factors and a selector. Digits instead of a table of
//! numbers: a lookup needs three more polynomials for one cell a row, a digit's column none, and its commitment is
//! cheap because digits are small. Other numbers of rows and columns ([`Layout`]) are measured by `make bench-layouts`.
//!
//! # How the constraints work
//!
//! `rule.rs` names each; the tests in `tests/mutations.rs` show of every one that something false is accepted without
//! it.
//!
//! - **Order (S3).** `last' = last + used · (1 + gap)` and `work = used · last'`. A gap has 252 bits; the sum of the
//!   gaps' top 42 bits is required to have 42 bits itself. So the gaps sum to less than 2²¹⁰ · (2⁴² + 128) < 2²⁵³,
//!   below the modulus: ids never wrap, and the largest, which is checked to be below 2²⁴⁸, bounds all. One range a
//!   slot instead of two.
//! - **Which slots.** Unused slots may stand anywhere between used ones. The wallet draws the places
//!   (`cwe_usage::spread`), so that a position, which only who is handed a note's path ever sees, tells little: of the
//!   month nothing but, vaguely, how many ids are smaller. A permutation of the notes inside the proof would hide that
//!   too, for 128 more hashes or a shuffle argument; a note's position never becomes public, so it is not worth that.
//! - **Diminishing returns (S5).** `k` is public, so the table is made in the proof: each term `a = ⌊2²⁴·10⁶ / (10⁶ +
//!   k·j)⌋` by a division with remainder, and the entries are the running sums. A slot shows its counted plays and
//!   their sum to be an entry, that it has more plays than that only if 256 count, and divides the sum by the plays.
//! - **Divisions.** `n = q·d + r` with `r` and `d − 1 − r` both in a range is a division of integers if `q·d + r` can't
//!   wrap; each quotient has a range for that. Total weight 0 leaves no `r`: an empty month has no proof.
//! - **Offset (S6).** The nullifier is split as `high · 2⁸⁴ + low`, with `high` below the modulus' high part. Without
//!   that, the number plus the modulus would be a second split, and its offset the prover's choice. `o = ⌊low · W /
//!   2⁸⁴⌋` is below W by itself.
//! - **Packing (S7, R1).** `units · 2⁹⁶ + price · 2³² + region`: price and region are below 2⁶⁴ and 2³² and cannot
//!   spill into units. Units are below 2⁴², and at most 100 by S6.
//!
//! Sizes in bits, none of which reaches the modulus (253.6): weights 160, their sum 167, `o + U·C` 174, `q · W` 217,
//! `low · W` and `o · 2⁸⁴` 252.
//!
//! # Threads and randomness
//!
//! Without the feature `parallel` everything runs in the calling thread, as wasm without shared memory needs it.
//! Blinding comes from the generator that is handed in; proofs of the same witness differ with it. Verification of
//! batches draws its factors from the system.

mod columns;
mod error;
mod fault;
mod field;
mod keys;
mod layout;
mod layout_keys;
mod parts;
mod placement;
mod portable;
mod poseidon;
mod prove;
mod reveal;
mod rule;
mod split;
mod split_circuit;
mod split_hints;
mod trace;
mod transcript;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{KeysError, PortableKeyError, ProofError, VerificationError, WitnessError};
pub use keys::{CircuitVerifyingKey, ProvingKeys, SRS_K, Srs, VerifyingKeys};
pub use layout::{Digits, Layout, Stacking};
pub use layout_keys::{LayoutKeys, LayoutSize, Statement};
pub use portable::g2_words;
pub use prove::{ProofStage, RevealProof, SplitProof, prove_reveal, prove_split};
pub use reveal::{REVEAL_INPUTS, RevealInputs, RevealWitness};
pub use split::{SPLIT_INPUTS, SplitInputs, SplitWitness};
pub use verify::{FOLDED, REVEAL_PROOF_BYTES, SPLIT_PROOF_BYTES, verify_reveal, verify_reveals, verify_split};
