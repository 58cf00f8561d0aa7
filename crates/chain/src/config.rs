//! Limits and timings, with their defaults. Unknown keys are refused when read from a file.

use cwe_primitives::{batch, blob};
use serde::{Deserialize, Serialize};

/// Block building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Milliseconds from opening a block to sealing it. Default 1000.
    pub block_time_ms: u64,
    /// Seal earlier when nothing was executed for this many milliseconds; 0 never does. Tools that read state by the
    /// newest block's number (`forge script`) then see on a quiet chain what their user was just told. Default 50.
    pub idle_seal_ms: u64,
    /// Seal an empty block after this many seconds without one; 0 never does. Default 0.
    pub heartbeat_secs: u64,
    /// Most transactions executed under one journal commit. Default 256.
    pub max_group: usize,
    /// Most transactions waiting for the engine; beyond it submissions are refused as busy. Default 8192.
    pub submission_queue: usize,
    /// Most bytes of transactions in a block, so that every block fits one batch. Default 700 000; for an L1 without
    /// blobs at most 110 000.
    pub max_block_bytes: usize,
    /// Events kept for a subscriber that lags; beyond it the subscriber is told how many it missed. Default 4096.
    pub event_backlog: usize,
    /// Transactions waiting for their turn.
    pub mempool: MempoolConfig,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            block_time_ms: 1000,
            idle_seal_ms: 50,
            heartbeat_secs: 0,
            max_group: 256,
            submission_queue: 8192,
            max_block_bytes: 700_000,
            event_backlog: 4096,
            mempool: MempoolConfig::default(),
        }
    }
}

/// Limits of the mempool: transactions accepted but not executed, because of a nonce gap or of a fee below the base fee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolConfig {
    /// Most transactions that wait. Default 8192.
    pub max_transactions: usize,
    /// Most bytes of transactions that wait. Default 64 MiB.
    pub max_bytes: usize,
    /// Most transactions of one sender that wait. Default 256: concurrent requests of one sender
    /// arrive in any order.
    pub max_per_sender: usize,
    /// Most bytes of one transaction. Default 131 072, as geth.
    pub max_transaction_bytes: usize,
    /// By how many percent both fees of a replacement must exceed those of the replaced. Default 10.
    pub replacement_percent: u64,
    /// Lowest `maxFeePerGas` accepted, CLN wei; the chain's lowest base fee binds as well. Default 0.
    pub min_fee_per_gas: u64,
    /// Whether legacy transactions without EIP-155 chain id are accepted: deterministic deployers need it, and who
    /// signs one allows its replay. Default true.
    pub allow_unprotected: bool,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        Self {
            max_transactions: 8192,
            max_bytes: 64 << 20,
            max_per_sender: 256,
            max_transaction_bytes: 128 << 10,
            replacement_percent: 10,
            min_fee_per_gas: 0,
            allow_unprotected: true,
        }
    }
}

/// When a batch is due, and how large it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchingConfig {
    /// Whether data goes to blobs; calldata otherwise. Default true.
    pub blobs: bool,
    /// Most blobs of one batch, 1 to 6. Default 6.
    pub max_blobs: usize,
    /// Most blocks of one batch, at most 4096. Default 1024.
    pub max_blocks: usize,
    /// A batch is due when its oldest block has waited this long, seconds. Default 60.
    pub max_age_secs: u64,
}

impl Default for BatchingConfig {
    fn default() -> Self {
        Self {
            blobs: true,
            max_blobs: blob::MAX_BLOBS,
            max_blocks: 1024,
            max_age_secs: 60,
        }
    }
}

impl BatchingConfig {
    /// Most bytes of data of one batch.
    pub fn max_data_bytes(&self) -> usize {
        if self.blobs {
            (self.max_blobs.clamp(1, blob::MAX_BLOBS) * blob::BLOB_DATA).saturating_sub(4)
        } else {
            MAX_CALLDATA_BYTES
        }
    }

    /// Most blocks of one batch, protocol limit included.
    pub fn block_limit(&self) -> usize {
        self.max_blocks.clamp(1, batch::MAX_BLOCKS)
    }
}

/// Most bytes of batch data in call data: what nodes accept in one transaction, less room for the call itself.
pub const MAX_CALLDATA_BYTES: usize = 120_000;
