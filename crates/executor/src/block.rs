//! What a block fixes before its first transaction runs.

use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use cwe_primitives::{ChainSpec, chain};
use revm::{context::BlockEnv, context_interface::block::BlobExcessGasAndPrice};

use crate::error::ContextError;

/// The part of a header that is known when the block is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// Height; genesis is 0.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Most gas of the whole block.
    pub gas_limit: u64,
    /// CLN wei per gas; paid to the fee vault.
    pub base_fee: u64,
    /// `PREVRANDAO`.
    pub prevrandao: B256,
    /// [`ChainSpec::hash`]: the header's extra data.
    pub spec_hash: B256,
}

impl BlockContext {
    /// The block after `parent`, whose hash is `parent_hash`, opened at `timestamp` (seconds).
    ///
    /// # Errors
    /// [`ContextError`] if `timestamp` is before the parent's, or the parent was made under other chain parameters.
    pub fn next(spec: &ChainSpec, parent: &Header, parent_hash: B256, timestamp: u64) -> Result<Self, ContextError> {
        let number = parent.number.checked_add(1).ok_or(ContextError::NumberOverflow)?;
        let spec_hash = spec.hash();
        if parent.extra_data.as_ref() != spec_hash.as_slice() {
            return Err(ContextError::OtherParameters {
                number,
                expected: spec_hash,
            });
        }
        if timestamp < parent.timestamp {
            return Err(ContextError::TimestampBeforeParent {
                number,
                timestamp,
                parent: parent.timestamp,
            });
        }
        Ok(Self {
            number,
            timestamp,
            parent_hash,
            gas_limit: spec.gas_limit,
            base_fee: spec.next_base_fee(
                parent.gas_used,
                parent.base_fee_per_gas.unwrap_or(spec.initial_base_fee),
            ),
            prevrandao: chain::prevrandao(parent_hash),
            spec_hash,
        })
    }

    /// The context in which the block of an existing `header` was executed: for calls and traces.
    pub fn of(header: &Header) -> Self {
        Self {
            number: header.number,
            timestamp: header.timestamp,
            parent_hash: header.parent_hash,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prevrandao: header.mix_hash,
            spec_hash: B256::try_from(header.extra_data.as_ref()).unwrap_or_default(),
        }
    }

    /// The context as revm takes it.
    pub fn env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: chain::FEE_RECIPIENT,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: BLOB_GAS_PRICE,
            }),
            slot_num: 0,
        }
    }
}

/// What `BLOBBASEFEE` answers: the least, since there are no blobs.
const BLOB_GAS_PRICE: u128 = 1;
