//! When each note is revealed, and how far it got.
//!
//! Times are drawn uniformly over the reveal window, each by itself, so that neither the order nor the distances of a
//! listener's reveals say that they belong together. With too small a crowd they wait for the window's last day. Reveals
//! that were missed while the wallet slept are not sent in a burst, which would link them: they get new times.

use alloy_primitives::B256;
use cwe_usage::{Element, EpochTerms, MerklePath, Note, Split};
use serde::{Deserialize, Serialize};

use super::EpochError;
use crate::{
    chain::{ChainError, EpochWindows, Submissions},
    entropy::{Entropy, EntropyError, below},
    ids::element,
    messages::RevealBody,
};

const DAY_SECS: u64 = 24 * 60 * 60;
/// The last part of the window is kept free for reveals that failed: a tenth, an hour at most.
const MARGIN_DIVISOR: u64 = 10;
const MAX_MARGIN_SECS: u64 = 60 * 60;
/// Most bytes of a coordinator's answer that are kept.
const MAX_RECEIPT_BYTES: usize = 2048;

/// All reveals of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevealPlan {
    note_root: B256,
    /// Way of the submission's leaf to the note root.
    index: u64,
    siblings: Vec<B256>,
    /// Submissions of the same tier.
    crowd: u64,
    /// Whether reveals wait for the last day because the crowd is small.
    held_back: bool,
    opens_at: u64,
    closes_at: u64,
    reveals: Vec<Reveal>,
}

/// One note's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveal {
    /// Slot of the note.
    pub slot: u8,
    /// When it is to be sent, Unix time.
    pub due_secs: u64,
    /// How far it got.
    pub state: RevealState,
}

/// How far a reveal got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevealState {
    /// Its time has not come.
    Waiting,
    /// Its proof is made, and nothing was sent.
    Proven {
        /// Encoded.
        proof: Vec<u8>,
    },
    /// It may have been sent; the same proof is sent again until it is acknowledged.
    Sending {
        /// Encoded.
        proof: Vec<u8>,
    },
    /// A coordinator has it.
    Acknowledged(Receipt),
}

/// What a coordinator said when it took a reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which coordinator.
    pub coordinator: String,
    /// Its answer, cut to a length that fits.
    pub answer: String,
    /// When, Unix time.
    pub at_secs: u64,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextReveal {
    /// Make the proof of this slot.
    Prove(u8),
    /// Send the proof of this slot.
    Send(u8),
    /// Nothing before this Unix time.
    WaitUntil(u64),
    /// The window is over and so many were not revealed.
    Closed {
        /// Not acknowledged.
        unrevealed: usize,
    },
    /// Everything is acknowledged.
    Done,
}

impl RevealPlan {
    /// Draws the times of all notes that have units.
    pub(super) fn draw(
        split: &Split,
        index: u64,
        submissions: &Submissions,
        windows: &EpochWindows,
        threshold: u64,
        entropy: &mut impl Entropy,
    ) -> Result<Self, EpochError> {
        let path = submissions.tree().path(index).map_err(ChainError::from)?;
        let crowd = submissions.of_tier(split.terms.tier.into());
        let held_back = crowd < threshold;
        let mut plan = Self {
            note_root: submissions.tree().root().into(),
            index,
            siblings: path.siblings.into_iter().map(B256::from).collect(),
            crowd,
            held_back,
            opens_at: windows.submission_ends_at,
            closes_at: windows.reveal_ends_at,
            reveals: Vec::new(),
        };
        for (slot, note) in (0_u8..).zip(split.slots.iter().map(|slot| slot.note())) {
            if note.is_some_and(|note| note.units > 0) {
                let due_secs = plan.draw_time(plan.opens_at, entropy)?;
                let state = RevealState::Waiting;
                plan.reveals.push(Reveal { slot, due_secs, state });
            }
        }
        Ok(plan)
    }

    /// All reveals, by slot.
    pub fn reveals(&self) -> &[Reveal] {
        &self.reveals
    }

    /// Root of the final note tree.
    pub const fn note_root(&self) -> B256 {
        self.note_root
    }

    /// Submissions of the same tier, among which a reveal disappears.
    pub const fn crowd(&self) -> u64 {
        self.crowd
    }

    /// Whether reveals wait for the last day because the crowd is small.
    pub const fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// How many are acknowledged.
    pub fn acknowledged(&self) -> usize {
        let done = |reveal: &&Reveal| matches!(reveal.state, RevealState::Acknowledged(_));
        self.reveals.iter().filter(done).count()
    }

    /// What to do at `now_secs`; with `hurry` as if all times had come, which links the reveals to each other.
    pub fn next(&self, now_secs: u64, hurry: bool) -> NextReveal {
        let unrevealed = self.reveals.len().saturating_sub(self.acknowledged());
        if unrevealed == 0 {
            return NextReveal::Done;
        }
        if now_secs >= self.closes_at {
            return NextReveal::Closed { unrevealed };
        }
        let open = self
            .reveals
            .iter()
            .filter(|reveal| !matches!(reveal.state, RevealState::Acknowledged(_)));
        let Some(first) = open.min_by_key(|reveal| (reveal.due_secs, reveal.slot)) else {
            return NextReveal::Done;
        };
        if !hurry && first.due_secs > now_secs {
            return NextReveal::WaitUntil(first.due_secs);
        }
        match first.state {
            RevealState::Waiting => NextReveal::Prove(first.slot),
            _ => NextReveal::Send(first.slot),
        }
    }

    /// Gives reveals whose time passed new times, all but the one that was due first. Tells how many.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn spread_overdue(&mut self, now_secs: u64, entropy: &mut impl Entropy) -> Result<usize, EntropyError> {
        let first = match self.next(now_secs, false) {
            NextReveal::Prove(slot) | NextReveal::Send(slot) => slot,
            _ => return Ok(0),
        };
        let overdue: Vec<u8> = self
            .reveals
            .iter()
            .filter(|reveal| reveal.due_secs <= now_secs && reveal.slot != first)
            .filter(|reveal| !matches!(reveal.state, RevealState::Acknowledged(_)))
            .map(|reveal| reveal.slot)
            .collect();
        for slot in &overdue {
            self.postpone(*slot, now_secs, entropy)?;
        }
        Ok(overdue.len())
    }

    /// Gives a reveal a new time after `now_secs`, because it failed or was missed.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn postpone(&mut self, slot: u8, now_secs: u64, entropy: &mut impl Entropy) -> Result<(), EntropyError> {
        let due_secs = self.draw_time(now_secs, entropy)?;
        if let Some(reveal) = self.find_mut(slot) {
            reveal.due_secs = due_secs;
        }
        Ok(())
    }

    /// Keeps a proof, before it is sent. A proof that is there stays.
    pub fn attach_proof(&mut self, slot: u8, proof: Vec<u8>) {
        if let Some(reveal) = self.find_mut(slot)
            && reveal.state == RevealState::Waiting
        {
            reveal.state = RevealState::Proven { proof };
        }
    }

    /// From now on the reveal may be out. To be on disk before it is.
    pub fn begin_sending(&mut self, slot: u8) {
        if let Some(reveal) = self.find_mut(slot)
            && let RevealState::Proven { proof } = &mut reveal.state
        {
            let proof = std::mem::take(proof);
            reveal.state = RevealState::Sending { proof };
        }
    }

    /// A coordinator has it: the proof is not needed any more.
    pub fn acknowledge(&mut self, slot: u8, mut receipt: Receipt) {
        let mut end = receipt.answer.len().min(MAX_RECEIPT_BYTES);
        while !receipt.answer.is_char_boundary(end) {
            end -= 1;
        }
        receipt.answer.truncate(end);
        if let Some(reveal) = self.find_mut(slot) {
            reveal.state = RevealState::Acknowledged(receipt);
        }
    }

    /// What is sent for a slot, always the same; none before it may be sent.
    pub fn body(&self, slot: u8, terms: &EpochTerms, note: &Note) -> Option<RevealBody> {
        let reveal = self.reveals.iter().find(|reveal| reveal.slot == slot)?;
        let RevealState::Sending { proof } = &reveal.state else {
            return None;
        };
        Some(RevealBody {
            epoch: terms.epoch,
            tier_id: terms.tier.into(),
            work_id: note.work.into(),
            units: note.units,
            price_per_min: note.price,
            region_ppm: note.region,
            note_root: self.note_root,
            nullifier: note.nullifier(terms.key).into(),
            proof: proof.clone().into(),
        })
    }

    /// Way of a slot's commitment to the final note root.
    pub(crate) fn path(&self, split: &Split, slot: u8) -> Result<MerklePath, ChainError> {
        let siblings: Result<Vec<Element>, _> = self.siblings.iter().map(|word| element(*word)).collect();
        let upper = MerklePath {
            index: self.index,
            siblings: siblings?,
        };
        Ok(split.note_path(slot.into())?.extended(&upper))
    }

    /// A time from `from_secs` on, before the margin at the end; within the margin, before the end.
    fn draw_time(&self, from_secs: u64, entropy: &mut impl Entropy) -> Result<u64, EntropyError> {
        let length = self.closes_at.saturating_sub(self.opens_at);
        let margin = (length / MARGIN_DIVISOR).min(MAX_MARGIN_SECS);
        let last_day = self.closes_at.saturating_sub(DAY_SECS);
        let earliest = if self.held_back {
            from_secs.max(last_day)
        } else {
            from_secs
        };
        let earliest = earliest.max(self.opens_at);
        let regular_end = self.closes_at.saturating_sub(margin);
        let latest = if earliest < regular_end {
            regular_end
        } else {
            self.closes_at
        };
        Ok(earliest.saturating_add(below(entropy, latest.saturating_sub(earliest).max(1))?))
    }

    fn find_mut(&mut self, slot: u8) -> Option<&mut Reveal> {
        self.reveals.iter_mut().find(|reveal| reveal.slot == slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    const OPENS: u64 = 1_000_000;
    const CLOSES: u64 = OPENS + 7 * DAY_SECS;

    fn plan(held_back: bool, count: u8) -> RevealPlan {
        let mut plan = RevealPlan {
            note_root: B256::ZERO,
            index: 0,
            siblings: Vec::new(),
            crowd: 3,
            held_back,
            opens_at: OPENS,
            closes_at: CLOSES,
            reveals: Vec::new(),
        };
        let mut entropy = Seeded::new(count.into());
        for slot in 0..count {
            let due_secs = plan.draw_time(OPENS, &mut entropy).unwrap();
            let state = RevealState::Waiting;
            plan.reveals.push(Reveal { slot, due_secs, state });
        }
        plan
    }

    fn receipt() -> Receipt {
        Receipt {
            coordinator: "c".into(),
            answer: "é".repeat(MAX_RECEIPT_BYTES),
            at_secs: 1,
        }
    }

    #[test]
    fn reveals_spread_over_the_window_and_leave_its_end_free() {
        let plan = plan(false, 100);
        let times: Vec<_> = plan.reveals().iter().map(|reveal| reveal.due_secs).collect();
        assert!(
            times
                .iter()
                .all(|time| (OPENS..CLOSES - MAX_MARGIN_SECS).contains(time))
        );
        for day in 0..7 {
            let of_day = times.iter().filter(|time| (**time - OPENS) / DAY_SECS == day).count();
            assert!((3..35).contains(&of_day), "day {day}: {of_day}");
        }
    }

    #[test]
    fn with_a_small_crowd_reveals_wait_for_the_last_day() {
        let plan = plan(true, 50);
        assert!(plan.reveals().iter().all(|reveal| reveal.due_secs >= CLOSES - DAY_SECS));
        assert!(matches!(plan.next(OPENS, false), NextReveal::WaitUntil(time) if time >= CLOSES - DAY_SECS));
    }

    #[test]
    fn missed_reveals_are_not_sent_in_a_burst() {
        let mut plan = plan(false, 30);
        let late = CLOSES - DAY_SECS;
        let overdue = plan.reveals().iter().filter(|reveal| reveal.due_secs <= late).count();
        assert!(overdue > 5);
        assert_eq!(plan.spread_overdue(late, &mut Seeded::new(9)).unwrap(), overdue - 1);
        let still = plan.reveals().iter().filter(|reveal| reveal.due_secs <= late).count();
        assert!(still <= 2, "{still}");
        assert!(plan.reveals().iter().all(|reveal| reveal.due_secs < CLOSES));
    }

    #[test]
    fn a_proof_is_kept_before_it_is_sent_and_never_replaced() {
        let mut plan = plan(false, 1);
        assert_eq!(plan.next(CLOSES - 1, false), NextReveal::Prove(0));
        plan.attach_proof(0, vec![1]);
        plan.attach_proof(0, vec![2]);
        assert_eq!(plan.next(CLOSES - 1, false), NextReveal::Send(0));
        plan.begin_sending(0);
        plan.attach_proof(0, vec![3]);
        assert_eq!(plan.reveals()[0].state, RevealState::Sending { proof: vec![1] });
        assert_eq!(plan.next(CLOSES - 1, false), NextReveal::Send(0));
        plan.acknowledge(0, receipt());
        assert_eq!(plan.next(CLOSES - 1, false), NextReveal::Done);
        let RevealState::Acknowledged(kept) = &plan.reveals()[0].state else {
            panic!()
        };
        assert!(kept.answer.len() <= MAX_RECEIPT_BYTES);
    }

    #[test]
    fn after_the_window_nothing_is_sent() {
        let mut plan = plan(false, 2);
        plan.acknowledge(0, receipt());
        assert_eq!(plan.next(CLOSES, true), NextReveal::Closed { unrevealed: 1 });
    }

    #[test]
    fn hurry_ignores_times_but_not_the_window() {
        let plan = plan(true, 2);
        assert!(matches!(plan.next(OPENS, true), NextReveal::Prove(_)));
    }
}
