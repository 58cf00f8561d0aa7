//! The Split circuit's public inputs and witness. The circuit itself is in `split_circuit.rs`.

use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, MAX_ALLOWANCE_SECS, MAX_DIMINISHING_PPM, MerklePath, Secret, Split,
};

use crate::WitnessError;

/// Public inputs.
pub const SPLIT_INPUTS: usize = 8;

/// What a Split proof shows in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitInputs {
    /// Epoch, `K_E`, tier, allowance and `k`.
    pub terms: EpochTerms,
    /// Root of the epoch's subscription tree.
    pub subscription_root: Element,
    /// `nf_user`.
    pub nullifier: Element,
    /// Root of the submission's notes.
    pub notes_root: Element,
}

impl SplitInputs {
    /// As the proof has them, in the protocol's order.
    pub fn to_elements(&self) -> [Element; SPLIT_INPUTS] {
        [
            self.terms.epoch.into(),
            self.terms.key,
            self.terms.tier.to_element(),
            self.terms.allowance_secs.into(),
            u64::from(self.terms.diminishing_ppm).into(),
            self.subscription_root,
            self.nullifier,
            self.notes_root,
        ]
    }

    /// Whether allowance and `k` are in the ranges that the circuit takes for granted.
    pub(crate) fn in_range(&self) -> bool {
        self.terms.allowance_secs <= MAX_ALLOWANCE_SECS && self.terms.diminishing_ppm <= MAX_DIMINISHING_PPM
    }
}

/// A submission with the subscription that it is made under.
#[derive(Debug, Clone)]
pub struct SplitWitness {
    pub(crate) split: Split,
    pub(crate) secret: Secret,
    pub(crate) subscription: MerklePath,
    inputs: SplitInputs,
}

impl SplitWitness {
    /// `subscription` leads from the secret's leaf to the final root of the epoch's subscription tree.
    ///
    /// # Errors
    /// [`WitnessError::OtherSecret`], [`WitnessError::PathLength`], [`WitnessError::PathElsewhere`].
    pub fn new(
        split: Split,
        secret: Secret,
        subscription: MerklePath,
        subscription_root: Element,
    ) -> Result<Self, WitnessError> {
        if secret.epoch_nullifier(split.terms.key) != split.nullifier {
            return Err(WitnessError::OtherSecret);
        }
        let leaf = secret.leaf(&split.terms);
        WitnessError::check_path(&subscription, EPOCH_TREE_DEPTH, leaf, subscription_root)?;
        let inputs = SplitInputs {
            terms: split.terms,
            subscription_root,
            nullifier: split.nullifier,
            notes_root: split.notes_root(),
        };
        Ok(Self {
            split,
            secret,
            subscription,
            inputs,
        })
    }

    /// What the proof will show.
    pub const fn inputs(&self) -> &SplitInputs {
        &self.inputs
    }

    /// The submission.
    pub const fn split(&self) -> &Split {
        &self.split
    }
}
