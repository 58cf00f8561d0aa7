//! A whole submission: the divided ledger in its slots, blinded and committed to.

use alloc::vec::Vec;

use crate::{
    Diminishing, Element, EpochTerms, MerklePath, Note, Secret, Shares, Tree, TreeError, Usage, UsageError,
    note_commitment, tier_epoch,
};

/// Levels of the tree of one submission's notes.
pub const SLOTS_DEPTH: usize = 7;
/// Slots of a submission, `M`: the most works that one can report.
pub const SLOTS: usize = 1 << SLOTS_DEPTH;

/// One slot of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The ledger's row; none in an unused slot.
    pub usage: Option<Usage>,
    /// Units; 0 in an unused slot.
    pub units: u8,
    /// The note's blinding.
    pub r: Element,
}

impl Slot {
    /// The note, if the slot is used.
    pub fn note(&self) -> Option<Note> {
        self.usage.map(|usage| Note {
            work: usage.work,
            units: self.units,
            price: usage.price,
            region: usage.region,
            r: self.r,
        })
    }

    /// Leaf of the slot.
    pub fn commitment(&self, terms: &EpochTerms) -> Element {
        match self.note() {
            Some(note) => note.commitment(terms.tier, terms.epoch),
            None => note_commitment(Element::ZERO, 0, 0, 0, self.r, tier_epoch(terms.tier, terms.epoch)),
        }
    }
}

/// A submission, ready to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What the epoch and tier fix.
    pub terms: EpochTerms,
    /// `nf_user`.
    pub nullifier: Element,
    /// [`SLOTS`] slots; the used ones by rising work id.
    pub slots: Vec<Slot>,
    notes: Tree,
}

impl Split {
    /// Divides a ledger and puts it into slots.
    ///
    /// `positions` are the slots to use, rising, as [`spread`](crate::spread) draws them; `blindings` are [`SLOTS`] fresh
    /// random elements. Both must be kept until all notes are revealed.
    ///
    /// # Errors
    /// [`UsageError`].
    pub fn new(
        terms: EpochTerms,
        secret: &Secret,
        usages: &[Usage],
        positions: &[usize],
        blindings: &[Element],
    ) -> Result<Self, UsageError> {
        let nullifier = secret.epoch_nullifier(terms.key);
        let diminishing = Diminishing::new(terms.diminishing_ppm)?;
        let shares = Shares::new(usages, terms.allowance_secs, &diminishing, nullifier)?;
        let slots = place(&shares, positions, blindings)?;
        let leaves = slots.iter().map(|slot| slot.commitment(&terms));
        let given = blindings.len();
        let notes = Tree::with_leaves(SLOTS_DEPTH, leaves).map_err(|_| UsageError::BlindingsInvalid { given })?;
        Ok(Self {
            terms,
            nullifier,
            slots,
            notes,
        })
    }

    /// `notesRoot`, the leaf of this submission in the epoch's note tree.
    pub fn notes_root(&self) -> Element {
        self.notes.root()
    }

    /// Path of a slot's commitment to [`notes_root`](Self::notes_root).
    ///
    /// # Errors
    /// [`TreeError::NoLeaf`].
    pub fn note_path(&self, slot: usize) -> Result<MerklePath, TreeError> {
        self.notes.path(slot as u64)
    }
}

fn place(shares: &Shares, positions: &[usize], blindings: &[Element]) -> Result<Vec<Slot>, UsageError> {
    let works = shares.usages.len();
    let rising = positions.windows(2).all(|pair| pair.first() < pair.last());
    if positions.len() != works || !rising || positions.last().is_some_and(|last| *last >= SLOTS) {
        return Err(UsageError::SlotsInvalid { works });
    }
    if blindings.len() != SLOTS {
        return Err(UsageError::BlindingsInvalid { given: blindings.len() });
    }
    let unused = |r: &Element| Slot {
        usage: None,
        units: 0,
        r: *r,
    };
    let mut slots: Vec<_> = blindings.iter().map(unused).collect();
    for ((position, usage), units) in positions.iter().zip(&shares.usages).zip(&shares.units) {
        if let Some(slot) = slots.get_mut(*position) {
            (slot.usage, slot.units) = (Some(*usage), *units);
        }
    }
    Ok(slots)
}
