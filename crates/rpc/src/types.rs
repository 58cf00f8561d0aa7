//! JSON of blocks, transactions and receipts, field for field as geth gives it.

pub(crate) mod block;
pub(crate) mod receipt;
pub(crate) mod transaction;

use alloy::primitives::B256;

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Hash of the block; zero while the block is open, because libraries insist on 32 bytes.
    pub(crate) block_hash: B256,
    /// Number of the block.
    pub(crate) block_number: u64,
    /// Timestamp of the block, seconds.
    pub(crate) timestamp: u64,
    /// Base fee of the block, CLN wei per gas.
    pub(crate) base_fee: u64,
    /// Position in the block.
    pub(crate) index: u64,
}
