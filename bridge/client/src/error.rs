//! What can go wrong on the way to L1, and what to do about it.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, Bytes};
use cwe_chain::{batching::BatchingError, derivation::ApplyError};
use cwe_storage::StorageError;

use crate::blobs::BlobError;

/// A request to the L1 that brought no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum L1Error {
    /// The configured URL is none.
    #[error("l1.rpc_url is not a URL: {0}")]
    BadUrl(String),
    /// No answer: down, slow, or in the way is a proxy.
    #[error("L1 at {host} does not answer {method}: {reason}")]
    Unreachable {
        /// Host of the endpoint, without path and credentials.
        host: String,
        /// JSON-RPC method.
        method: &'static str,
        /// What the transport said.
        reason: String,
    },
    /// The L1 answered with an error.
    #[error("L1 at {host} refuses {method}: {message} (code {code})")]
    Refused {
        /// Host of the endpoint.
        host: String,
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// Its message.
        message: String,
        /// Data of a reverted call.
        revert: Option<Bytes>,
    },
    /// The answer has a wrong form.
    #[error("L1 answer to {method} is unusable: {reason}")]
    Malformed {
        /// JSON-RPC method, or name of the event.
        method: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The L1 does not know a block that it should have.
    #[error("L1 has no {0} block yet")]
    NoBlock(String),
    /// The L1 is not where it was.
    #[error(
        "the L1's confirmed head is below block {read}, which was read before: another endpoint, or a reorganisation that goes on"
    )]
    Behind {
        /// Block that was read before.
        read: u64,
    },
    /// The logs we need were thrown away by the endpoint.
    #[error(
        "L1 no longer has the logs of blocks {from} to {to} ({reason}): use an endpoint with full log history, for \
         example an archive node"
    )]
    LogsPruned {
        /// First block asked for.
        from: u64,
        /// Last block asked for.
        to: u64,
        /// What the endpoint said, or how it showed.
        reason: String,
    },
    /// Another chain.
    #[error("L1 at {host} has chain id {found}, configured is l1.chain_id = {expected}: check l1.rpc_url")]
    WrongChain {
        /// Host of the endpoint.
        host: String,
        /// Configured.
        expected: u64,
        /// Answered.
        found: u64,
    },
    /// Nothing is deployed where a contract should be.
    #[error("there is no contract at {name} = {address} on the L1: check the address and the network")]
    NoContract {
        /// Configuration key.
        name: &'static str,
        /// The address.
        address: Address,
    },
    /// The contracts don't belong together.
    #[error("the Rollup contract uses the inbox {found}, configured is l1.inbox = {expected}")]
    WrongInbox {
        /// Configured.
        expected: Address,
        /// By the contract.
        found: Address,
    },
    /// The Rollup is that of another L2.
    #[error("the Rollup contract is for L2 chain id {found}, this L2 has {expected}")]
    WrongL2Chain {
        /// By this L2's genesis.
        expected: u64,
        /// By the contract.
        found: u64,
    },
    /// The Rollup begins with another genesis.
    #[error(
        "the Rollup contract begins with batch hash {found}, this L2's genesis gives {expected}: it is not the genesis \
         that the contract was deployed with"
    )]
    GenesisMismatch {
        /// By this L2's genesis.
        expected: B256,
        /// By the contract.
        found: B256,
    },
}

impl L1Error {
    /// Whether waiting can't help: the configuration or the deployment is wrong.
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::BadUrl(_)
                | Self::WrongChain { .. }
                | Self::NoContract { .. }
                | Self::WrongInbox { .. }
                | Self::WrongL2Chain { .. }
                | Self::GenesisMismatch { .. }
        )
    }
}

/// Why one turn of an L1 task failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The L1 failed.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A blob can't be had.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// No batch can be built.
    #[error(transparent)]
    Batching(#[from] BatchingError),
    /// A worker thread died.
    #[error("a background computation failed: {0}")]
    Worker(String),
    /// L1 changed messages that L2 has executed.
    #[error(
        "L1 reorganised below the confirmation depth ({policy}): it changed messages that L2 has executed (the queue \
         hash after message {last_index} was {executed}, L1 now says {found}); L2 stops, because going on would make \
         batches that L1 refuses. Restore the L2 from L1 with an empty data directory"
    )]
    ExecutedMessageChanged {
        /// Confirmation policy in force.
        policy: String,
        /// Last executed message.
        last_index: u64,
        /// Queue hash as executed.
        executed: B256,
        /// Queue hash on L1 now; zero if L1 has fewer messages.
        found: B256,
    },
    /// Somebody else's batch is on L1.
    #[error(
        "batch {index} on L1 ends with block {l1_block_hash}, this sequencer's chain has {local}: another sequencer or \
         an open-mode prover committed it. Stop, and restore the data directory from L1"
    )]
    ForeignBatch {
        /// Batch index.
        index: u64,
        /// Hash of its last block on L1.
        l1_block_hash: B256,
        /// Our block of that number.
        local: String,
    },
    /// A batch on L1 does not follow from its data.
    #[error("{0}; the node stays before it until L1 reverts the batch")]
    InvalidBatch(ApplyError),
    /// Batches on L1 are not consecutive.
    #[error("L1 has batch {found} after batch {expected_after}: logs are missing, use another L1 endpoint")]
    BatchGap {
        /// Last batch known.
        expected_after: u64,
        /// Batch found.
        found: u64,
    },
    /// A batch on L1 that does not continue the one before it.
    #[error("batch {index} on L1 has the parent {found}, the batch before it is {expected}: logs are missing or wrong")]
    WrongParent {
        /// Batch index.
        index: u64,
        /// Hash of the batch before it.
        expected: B256,
        /// Parent hash it names.
        found: B256,
    },
    /// The last batch on L1 is not in the database.
    #[error(
        "batch {index} on L1 ({hash}) is not the one in the database: posting waits until it is confirmed and taken over"
    )]
    UnknownTip {
        /// Last batch on L1.
        index: u64,
        /// Its hash on L1.
        hash: B256,
    },
    /// The L1 contract would revert.
    #[error("{call} would revert: {reason}")]
    WouldRevert {
        /// Contract and function.
        call: &'static str,
        /// Decoded error.
        reason: String,
    },
    /// The posting account has too little ETH.
    #[error(
        "the posting account {address} has {balance_wei} wei on L1, the next transaction may cost {needed_wei}: fund it"
    )]
    InsufficientFunds {
        /// The account.
        address: Address,
        /// What it has, wei.
        balance_wei: u128,
        /// What is needed, wei.
        needed_wei: u128,
    },
    /// Prices on L1 are above the caps.
    #[error(transparent)]
    AboveCap(#[from] crate::fees::AboveCap),
    /// The L1 has no blobs although they are asked for.
    #[error("batches.data = \"blobs\", but the L1 has no blobs: set it to \"auto\" or \"calldata\"")]
    NoBlobsOnL1,
    /// Blocks may be larger than a batch in call data.
    #[error(
        "the L1 has no blobs, so batches go to call data, where a block may have {limit} bytes of transactions; \
         engine.max_block_bytes is {configured}: set it to {limit}"
    )]
    BlocksTooLarge {
        /// Configured.
        configured: usize,
        /// Most that fits.
        limit: usize,
    },
    /// KZG computation failed.
    #[error("KZG: {0}")]
    Kzg(String),
    /// A transaction can't be written down, and so isn't sent.
    #[error("{path} can't be written: {error}; nothing is sent before", path = .path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Signing failed.
    #[error("the L1 transaction can't be signed: {0}")]
    Signing(String),
}

impl TaskError {
    /// Whether the daemon must stop: waiting can't help, going on would harm.
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::L1(error) => error.is_fatal(),
            Self::ExecutedMessageChanged { .. }
            | Self::ForeignBatch { .. }
            | Self::NoBlobsOnL1
            | Self::BlocksTooLarge { .. } => true,
            _ => false,
        }
    }

    /// Short stable name, a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::L1(_) => "l1",
            Self::Storage(_) => "storage",
            Self::Blob(_) => "blob",
            Self::Batching(_) => "batching",
            Self::Worker(_) => "worker",
            Self::ExecutedMessageChanged { .. } => "reorg",
            Self::ForeignBatch { .. } => "foreign_batch",
            Self::InvalidBatch(_) => "invalid_batch",
            Self::BatchGap { .. } | Self::WrongParent { .. } => "gap",
            Self::UnknownTip { .. } => "unknown_tip",
            Self::WouldRevert { .. } => "revert",
            Self::InsufficientFunds { .. } => "funds",
            Self::AboveCap(_) => "fee_cap",
            Self::NoBlobsOnL1 | Self::BlocksTooLarge { .. } | Self::Kzg(_) => "blobs",
            Self::Memory { .. } => "storage",
            Self::Signing(_) => "signing",
        }
    }
}
