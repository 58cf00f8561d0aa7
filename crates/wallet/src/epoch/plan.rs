//! A frozen statement with everything that was drawn for it.

use std::fmt;

use alloy_primitives::B256;
use cwe_usage::{Element, EpochTerms, MerklePath, SLOTS, Secret, Split, TierId, spread};
use serde::{Deserialize, Serialize};

use super::EpochError;
use crate::{chain::Subscriptions, entropy::Entropy, identity::random_element, ids::element, statement::Statement};

/// What one epoch's proofs are made from. The same plan always gives the same notes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    key: B256,
    diminishing_ppm: u32,
    subscription_root: B256,
    leaf_index: u64,
    siblings: Vec<B256>,
    statement: Statement,
    positions: Vec<u8>,
    /// Secret until each is revealed: who knows one finds its note.
    blindings: Vec<B256>,
}

impl Plan {
    /// Freezes a statement and draws slots and blindings.
    ///
    /// # Errors
    /// The listener is not subscribed, there is nothing to report, or there is no randomness.
    pub fn new(
        secret: &Secret,
        terms: &EpochTerms,
        subscriptions: &Subscriptions,
        statement: Statement,
        entropy: &mut impl Entropy,
    ) -> Result<Self, EpochError> {
        let epoch = terms.epoch;
        if statement.is_empty() {
            return Err(EpochError::NothingToReport { epoch });
        }
        let commitment = secret.identity_commitment().into();
        let (leaf_index, _) = subscriptions
            .find(commitment)
            .ok_or(EpochError::NotSubscribed { epoch })?;
        let path = subscriptions
            .tree()
            .path(leaf_index)
            .map_err(crate::chain::ChainError::from)?;
        let plan = Self {
            key: terms.key.into(),
            diminishing_ppm: terms.diminishing_ppm,
            subscription_root: subscriptions.tree().root().into(),
            leaf_index,
            siblings: path.siblings.into_iter().map(B256::from).collect(),
            positions: draw_positions(statement.rows.len(), entropy)?,
            statement,
            blindings: draw_blindings(entropy)?,
        };
        // Anything that can't be proven shows here, before it is kept.
        plan.split(secret)?;
        Ok(plan)
    }

    /// Which epoch.
    pub const fn epoch(&self) -> u64 {
        self.statement.epoch
    }

    /// Its key.
    pub const fn key(&self) -> B256 {
        self.key
    }

    /// Tier that is subscribed.
    pub const fn tier(&self) -> B256 {
        self.statement.tier
    }

    /// Root of the subscription tree.
    pub const fn subscription_root(&self) -> B256 {
        self.subscription_root
    }

    /// What is reported.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The notes.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn split(&self, secret: &Secret) -> Result<Split, EpochError> {
        let blindings = self.elements(&self.blindings)?;
        let positions: Vec<_> = self.positions.iter().map(|position| usize::from(*position)).collect();
        let usages = self.statement.usages().map_err(|error| self.damaged(&error))?;
        Ok(Split::new(self.terms()?, secret, &usages, &positions, &blindings)?)
    }

    /// What the epoch fixes.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn terms(&self) -> Result<EpochTerms, EpochError> {
        Ok(EpochTerms {
            epoch: self.epoch(),
            key: element(self.key).map_err(|error| self.damaged(&error))?,
            tier: TierId::try_from(self.tier()).map_err(|error| self.damaged(&error))?,
            allowance_secs: self.statement.allowance_secs,
            diminishing_ppm: self.diminishing_ppm,
        })
    }

    /// Way of the listener's leaf to the subscription root.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn subscription_path(&self) -> Result<MerklePath, EpochError> {
        Ok(MerklePath {
            index: self.leaf_index,
            siblings: self.elements(&self.siblings)?,
        })
    }

    fn elements(&self, words: &[B256]) -> Result<Vec<Element>, EpochError> {
        let read: Result<_, _> = words.iter().map(|word| element(*word)).collect();
        read.map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, reason: &dyn fmt::Display) -> EpochError {
        EpochError::Damaged {
            epoch: self.epoch(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Plan")
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

fn draw_positions(count: usize, entropy: &mut impl Entropy) -> Result<Vec<u8>, EpochError> {
    let mut failure = None;
    let positions = spread(count, || {
        let mut bytes = [0; 8];
        if let Err(error) = entropy.fill(&mut bytes) {
            failure = Some(error);
        }
        u64::from_be_bytes(bytes)
    });
    match failure {
        Some(error) => Err(error.into()),
        // Slots are fewer than 256.
        None => Ok(positions
            .into_iter()
            .filter_map(|slot| u8::try_from(slot).ok())
            .collect()),
    }
}

fn draw_blindings(entropy: &mut impl Entropy) -> Result<Vec<B256>, EpochError> {
    let draw = |_| Ok(random_element(entropy)?.into());
    (0..SLOTS).map(draw).collect()
}
