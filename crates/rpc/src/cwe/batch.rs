//! Batches as JSON: `cwe_getBatch`, `cwe_batchOfBlock`, `cwe_batchStatus`.

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, U64},
};
use cwe_primitives::DataLocation;
use cwe_storage::{BatchRecord, BatchStatus, L1Block};
use serde::{Deserialize, Serialize};

use crate::{api::Api, args::Args, error::RpcError};

/// An index as a quantity or a plain number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Index {
    /// Plain.
    Number(u64),
    /// Hexadecimal.
    Quantity(U64),
}

impl From<Index> for u64 {
    fn from(index: Index) -> Self {
        match index {
            Index::Number(number) => number,
            Index::Quantity(number) => number.to(),
        }
    }
}

/// A batch: what `Rollup` binds, and how far it got.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RpcBatch {
    index: U64,
    hash: B256,
    parent_batch_hash: B256,
    first_block: U64,
    last_block: U64,
    last_timestamp: U64,
    parent_block_hash: B256,
    block_hash: B256,
    state_root: B256,
    withdrawal_root: B256,
    messages_before: U64,
    messages_after: U64,
    queue_hash_before: B256,
    queue_hash_after: B256,
    data_hash: B256,
    /// Versioned hashes; `null` if the data is call data.
    blobs: Option<Vec<B256>>,
    #[serde(flatten)]
    status: RpcStatus,
}

/// How far a batch got.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RpcStatus {
    status: &'static str,
    /// L1 transaction that commits the batch.
    commit_transaction: Option<B256>,
    /// L1 transaction that proved it.
    proof_transaction: Option<B256>,
    /// L1 block of the newest of them that is in one.
    l1_block: Option<RpcL1Block>,
}

#[derive(Debug, Clone, Serialize)]
struct RpcL1Block {
    number: U64,
    hash: B256,
}

impl From<L1Block> for RpcL1Block {
    fn from(block: L1Block) -> Self {
        Self {
            number: U64::from(block.number),
            hash: block.hash,
        }
    }
}

impl From<BatchStatus> for RpcStatus {
    fn from(status: BatchStatus) -> Self {
        let none = Self {
            status: "built",
            commit_transaction: None,
            proof_transaction: None,
            l1_block: None,
        };
        match status {
            BatchStatus::Built => none,
            BatchStatus::Submitted { transaction, .. } => Self {
                status: "submitted",
                commit_transaction: Some(transaction),
                ..none
            },
            BatchStatus::Committed { transaction, l1_block } => Self {
                status: "committed",
                commit_transaction: Some(transaction),
                l1_block: Some(l1_block.into()),
                ..none
            },
            BatchStatus::Finalized {
                committed_by,
                proven_by,
                l1_block,
            } => Self {
                status: "finalized",
                commit_transaction: Some(committed_by),
                proof_transaction: Some(proven_by),
                l1_block: Some(l1_block.into()),
            },
        }
    }
}

impl From<BatchRecord> for RpcBatch {
    fn from(record: BatchRecord) -> Self {
        let commitment = &record.commitment;
        Self {
            index: U64::from(commitment.index),
            hash: commitment.hash(),
            parent_batch_hash: commitment.parent_batch_hash,
            first_block: U64::from(commitment.first_block),
            last_block: U64::from(commitment.last_block),
            last_timestamp: U64::from(commitment.last_timestamp),
            parent_block_hash: commitment.parent_block_hash,
            block_hash: commitment.block_hash,
            state_root: commitment.state_root,
            withdrawal_root: commitment.withdrawal_root,
            messages_before: U64::from(commitment.queue_before.next_index),
            messages_after: U64::from(commitment.queue_after.next_index),
            queue_hash_before: commitment.queue_before.hash,
            queue_hash_after: commitment.queue_after.hash,
            data_hash: commitment.data.data_hash(),
            blobs: match &commitment.data {
                DataLocation::Blobs(hashes) => Some(hashes.clone()),
                DataLocation::Calldata(_) => None,
            },
            status: record.status.into(),
        }
    }
}

fn read(api: &Api, mut args: Args<'_>) -> Result<Option<BatchRecord>, RpcError> {
    let index: Index = args.required()?;
    args.end()?;
    Ok(api.chain.db().latest()?.batch(index.into())?)
}

/// `cwe_getBatch(index)`.
pub(super) fn by_index(api: &Api, args: Args<'_>) -> Result<Option<RpcBatch>, RpcError> {
    Ok(read(api, args)?.map(RpcBatch::from))
}

/// `cwe_batchStatus(index)`.
pub(super) fn status(api: &Api, args: Args<'_>) -> Result<Option<RpcStatus>, RpcError> {
    Ok(read(api, args)?.map(|record| record.status.into()))
}

/// `cwe_batchOfBlock(number or tag)`.
pub(super) fn of_block(api: &Api, mut args: Args<'_>) -> Result<Option<RpcBatch>, RpcError> {
    let tag: BlockNumberOrTag = args.required()?;
    args.end()?;
    let number = api.sealed_number(tag);
    Ok(api.chain.db().latest()?.batch_of_block(number)?.map(RpcBatch::from))
}
