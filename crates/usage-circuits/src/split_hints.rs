//! The values of a Split that nothing else in the circuit determines, from a submission.

use alloy_primitives::{B256, U256};
use cwe_usage::{Diminishing, EPOCH_TREE_DEPTH, MAX_COUNTED_PLAYS, OFFSET_BITS, ONE, SLOTS, Slot, Usage, WorkId};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::{
    SplitWitness, WitnessError,
    field::{scalar, scalar_of},
    parts::{Step, steps},
};

/// All values of a Split that nothing else determines.
#[derive(Debug, Clone)]
pub(crate) struct SplitHints {
    pub(crate) epoch: Fr,
    pub(crate) key: Fr,
    pub(crate) tier: Fr,
    pub(crate) allowance: Fr,
    pub(crate) k: Fr,
    pub(crate) secret: Fr,
    pub(crate) path: Vec<Step>,
    /// Low and other bits of the nullifier.
    pub(crate) low: Fr,
    pub(crate) high: Fr,
    /// Sum of weights.
    pub(crate) total: Fr,
    pub(crate) offset: Fr,
    /// Terms of diminishing returns.
    pub(crate) reciprocals: Vec<Fr>,
    pub(crate) slots: Vec<SlotHints>,
}

/// Those of one slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotHints {
    pub(crate) used: Fr,
    /// How far the work id is above the last one, less 1.
    pub(crate) gap: Fr,
    pub(crate) seconds: Fr,
    pub(crate) price: Fr,
    pub(crate) region: Fr,
    pub(crate) credibility: Fr,
    /// Plays that count, and the others.
    pub(crate) counted: Fr,
    pub(crate) extra: Fr,
    /// Mean of the terms, and the remainder of its division.
    pub(crate) factor: Fr,
    pub(crate) factor_remainder: Fr,
    pub(crate) units: Fr,
    pub(crate) r: Fr,
}

impl SplitHints {
    /// Zeros: the circuit of the keys.
    pub(crate) fn empty() -> Self {
        let zero = Fr::ZERO;
        Self {
            epoch: zero,
            key: zero,
            tier: zero,
            allowance: zero,
            k: zero,
            secret: zero,
            path: vec![
                Step {
                    right: zero,
                    sibling: zero
                };
                EPOCH_TREE_DEPTH
            ],
            low: zero,
            high: zero,
            total: zero,
            offset: zero,
            reciprocals: vec![zero; MAX_COUNTED_PLAYS],
            slots: vec![SlotHints::default(); SLOTS],
        }
    }

    pub(crate) fn new(witness: &SplitWitness) -> Result<Self, WitnessError> {
        let terms = &witness.split.terms;
        let diminishing = Diminishing::new(terms.diminishing_ppm)?;
        let weights = witness.split.slots.iter().filter_map(|slot| slot.usage.as_ref());
        let total: U256 = weights.map(|usage| usage.weight(&diminishing)).sum();
        let nullifier = witness.split.nullifier.to_uint();
        let low = nullifier & ((U256::from(1) << OFFSET_BITS) - U256::from(1));
        let reciprocals = (0..MAX_COUNTED_PLAYS as u64)
            .map(|play| Fr::from(ONE * 1_000_000 / (1_000_000 + u64::from(terms.diminishing_ppm) * play)));
        let mut largest = U256::ZERO;
        let slots = witness
            .split
            .slots
            .iter()
            .map(|slot| SlotHints::new(slot, &diminishing, &mut largest));
        Ok(Self {
            epoch: Fr::from(terms.epoch),
            key: scalar(terms.key),
            tier: scalar(terms.tier.to_element()),
            allowance: Fr::from(terms.allowance_secs),
            k: Fr::from(u64::from(terms.diminishing_ppm)),
            secret: scalar(witness.secret.expose()),
            path: steps(&witness.subscription),
            low: scalar_of(low),
            high: scalar_of(nullifier >> OFFSET_BITS),
            total: scalar_of(total),
            offset: scalar_of((low * total) >> OFFSET_BITS),
            reciprocals: reciprocals.collect(),
            slots: slots.collect(),
        })
    }
}

impl SlotHints {
    /// `largest` is the largest work id so far.
    pub(crate) fn new(slot: &Slot, diminishing: &Diminishing, largest: &mut U256) -> Self {
        let Some(usage) = &slot.usage else {
            return Self {
                r: scalar(slot.r),
                ..Self::default()
            };
        };
        let work = number(usage.work);
        let gap = work.saturating_sub(*largest).saturating_sub(U256::from(1));
        *largest = work;
        Self {
            used: Fr::ONE,
            gap: scalar_of(gap),
            units: Fr::from(u64::from(slot.units)),
            r: scalar(slot.r),
            ..Self::of_usage(usage, diminishing)
        }
    }

    fn of_usage(usage: &Usage, diminishing: &Diminishing) -> Self {
        let counted = u64::from(usage.plays).min(MAX_COUNTED_PLAYS as u64);
        let factor = diminishing.factor(usage.plays);
        let remainder = U256::from(diminishing.sum(usage.plays)) - factor * U256::from(usage.plays);
        Self {
            seconds: Fr::from(u64::from(usage.seconds)),
            price: Fr::from(usage.price),
            region: Fr::from(u64::from(usage.region)),
            credibility: Fr::from(u64::from(usage.credibility)),
            counted: Fr::from(counted),
            extra: Fr::from(u64::from(usage.plays) - counted),
            factor: scalar_of(factor),
            factor_remainder: scalar_of(remainder),
            ..Self::default()
        }
    }
}

fn number(work: WorkId) -> U256 {
    U256::from_be_bytes(B256::from(work).0)
}
