//! The Reveal circuit. Statement and numbers of the constraints: see the crate's documentation.

use cwe_usage::{EPOCH_TREE_DEPTH, Element, MerklePath, Note, SLOTS_DEPTH, TierId, WorkId, note_nullifier};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    WitnessError,
    fault::Fault,
    field::scalar,
    layout::Layout,
    parts::{Step, climb, commitment, packed, steps, tier_epoch},
    rule::Rule,
    trace::{Input, Trace},
};

/// Public inputs.
pub const REVEAL_INPUTS: usize = 9;
/// Levels between a note and the epoch's root.
pub(crate) const DEPTH: usize = SLOTS_DEPTH + EPOCH_TREE_DEPTH;

/// What a Reveal proof shows in the clear. Its types are the ranges that a verifier must see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevealInputs {
    /// The epoch.
    pub epoch: u64,
    /// `K_E`.
    pub epoch_key: Element,
    /// The tier that the submission was made in.
    pub tier: TierId,
    /// The work.
    pub work: WorkId,
    /// Units of the fee.
    pub units: u8,
    /// Micro-CLN a minute.
    pub price: u64,
    /// Region factor in ppm.
    pub region: u32,
    /// Root of the epoch's note tree.
    pub note_root: Element,
    /// `nf_note`.
    pub nullifier: Element,
}

impl RevealInputs {
    /// As the proof has them, in the protocol's order.
    pub fn to_elements(&self) -> [Element; REVEAL_INPUTS] {
        [
            self.epoch.into(),
            self.epoch_key,
            self.tier.to_element(),
            self.work.to_element(),
            u64::from(self.units).into(),
            self.price.into(),
            u64::from(self.region).into(),
            self.note_root,
            self.nullifier,
        ]
    }
}

/// A note with all that is needed to reveal it. Whoever holds one can do that, and learns nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealWitness {
    inputs: RevealInputs,
    r: Element,
    path: MerklePath,
}

impl RevealWitness {
    /// `path` leads from the note to the epoch's note root: the slot's in its submission, extended by the
    /// submission's.
    ///
    /// # Errors
    /// [`WitnessError::PathLength`], [`WitnessError::PathElsewhere`].
    pub fn new(
        epoch: u64,
        epoch_key: Element,
        tier: TierId,
        note: Note,
        path: MerklePath,
        note_root: Element,
    ) -> Result<Self, WitnessError> {
        WitnessError::check_path(&path, DEPTH, note.commitment(tier, epoch), note_root)?;
        let inputs = RevealInputs {
            epoch,
            epoch_key,
            tier,
            work: note.work,
            units: note.units,
            price: note.price,
            region: note.region,
            note_root,
            nullifier: note_nullifier(note.r, epoch_key),
        };
        Ok(Self {
            inputs,
            r: note.r,
            path,
        })
    }

    /// What the proof will show.
    pub const fn inputs(&self) -> &RevealInputs {
        &self.inputs
    }

    pub(crate) fn hints(&self) -> RevealHints {
        let [epoch, key, tier, work, units, price, region, ..] = self.inputs.to_elements().map(scalar);
        RevealHints {
            epoch,
            key,
            tier,
            work,
            units,
            price,
            region,
            r: scalar(self.r),
            path: steps(&self.path),
        }
    }
}

/// All values of a Reveal that nothing else determines.
#[derive(Debug, Clone)]
pub(crate) struct RevealHints {
    pub(crate) epoch: Fr,
    pub(crate) key: Fr,
    pub(crate) tier: Fr,
    pub(crate) work: Fr,
    pub(crate) units: Fr,
    pub(crate) price: Fr,
    pub(crate) region: Fr,
    pub(crate) r: Fr,
    pub(crate) path: Vec<Step>,
}

impl RevealHints {
    /// Zeros: the circuit of the keys.
    pub(crate) fn empty() -> Self {
        let zero = Fr::ZERO;
        Self {
            epoch: zero,
            key: zero,
            tier: zero,
            work: zero,
            units: zero,
            price: zero,
            region: zero,
            r: zero,
            path: vec![
                Step {
                    right: zero,
                    sibling: zero
                };
                DEPTH
            ],
        }
    }

    /// The circuit.
    pub(crate) fn trace(&self, layout: &Layout, fault: Fault) -> Trace {
        let mut trace = Trace::new(layout, fault);
        let values = [self.epoch, self.tier, self.work, self.units, self.price, self.region];
        let [epoch, tier, work, units, price, region] = values.map(|value| trace.free(Rule::Free, value));
        let tier_epoch = tier_epoch(&mut trace, tier, epoch);
        let packed = packed(&mut trace, units, price, region);
        let [r, note] = commitment(&mut trace, work, packed, self.r, tier_epoch);
        let root = climb(&mut trace, note, &self.path);
        let [_, key, nullifier] = trace.hash(Rule::NoteNullifier, Input::Copy(r), Input::New(self.key));
        for var in [epoch, key, tier, work, units, price, region, root, nullifier] {
            trace.publish(var);
        }
        trace
    }
}
