//! What a proof of an aggregate is made from.

use alloy::primitives::{Address, B256};

use crate::{
    state::{Roots, State},
    store::Reveal,
    view::EpochTerms,
};

/// What is to be aggregated.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The L2's chain id.
    pub chain_id: u64,
    /// The epoch.
    pub epoch: u64,
    /// What is fixed of it.
    pub terms: &'a EpochTerms,
    /// The state that the aggregate builds on.
    pub base: &'a State,
    /// The reveals, at least one.
    pub reveals: &'a [Reveal],
    /// Who will post it.
    pub coordinator: Address,
}

/// All that proving and posting need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The state that it leads to.
    pub after: Roots,
    /// Units by tier, in the order of `CWETiers.tierIds`.
    pub units: Vec<u64>,
    /// What the proof must show.
    pub public_value: B256,
    /// What the guest reads.
    pub input: Vec<u8>,
    /// What stands before the prover's output in the proof for the contract.
    pub head: Vec<u8>,
}

/// Why no proof can be made. Names no nullifier: it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The guest would refuse one or more of these reveals.
    #[error("the guest would refuse these reveals: {0}")]
    Refused(&'static str),
    /// What the chain says does not fit together: later.
    #[error("{0}")]
    NotNow(&'static str),
}

/// Makes the inputs of proofs.
pub trait AggregateMaker: Send + Sync + 'static {
    /// Everything for a proof of these reveals. Blocks.
    ///
    /// # Errors
    /// [`MakeError`].
    fn make(&self, request: &Request<'_>) -> Result<Made, MakeError>;
}
