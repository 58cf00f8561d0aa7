//! What a proof is made from, as RLP.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::{AggregationError, RegistryWitness, Roots};

/// Most reveals under one proof.
pub const MAX_REVEALS: usize = 1 << 16;

/// The epoch as the chain has it; all of it is bound by the public value.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct EpochContext {
    /// The L2's chain id.
    pub chain_id: u64,
    /// The epoch.
    pub epoch: u64,
    /// `K_E`.
    pub epoch_key: B256,
    /// Root of the epoch's final note tree.
    pub note_root: B256,
    /// `WorkRegistry.registryCommitment` of the epoch.
    pub registry_commitment: B256,
    /// `CWETiers.tierIds`.
    pub tiers: Vec<B256>,
}

/// A note revealed. Price and region factor are the registry's.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Reveal {
    /// Place of its work among the input's.
    pub work: u32,
    /// Place of its tier among the epoch's.
    pub tier: u32,
    /// Hundredths of the fee, 1 … 100.
    pub units: u8,
    /// `nf_note`.
    pub nullifier: B256,
    /// The Reveal proof.
    pub proof: Bytes,
}

/// All that the guest reads.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AggregationInput {
    /// The epoch.
    pub context: EpochContext,
    /// The account that will submit the aggregate.
    pub coordinator: Address,
    /// The Reveal circuit's verifying key; the contract pins its hash.
    pub verifying_key: Bytes,
    /// The state that the aggregate builds on.
    pub before: Roots,
    /// Nodes of both tries, on the way to every place that changes.
    pub nodes: Vec<Bytes>,
    /// The registry, as far as the reveals need it.
    pub registry: RegistryWitness,
    /// The reveals.
    pub reveals: Vec<Reveal>,
}

impl AggregationInput {
    /// The input as the guest reads it.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }

    /// Reads what [`encode`](Self::encode) wrote; any bytes may come.
    ///
    /// # Errors
    /// [`AggregationError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AggregationError> {
        alloy_rlp::decode_exact(bytes).map_err(AggregationError::Malformed)
    }
}
