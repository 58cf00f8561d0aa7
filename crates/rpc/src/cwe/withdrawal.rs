//! `cwe_withdrawalProof`: what `Bridge` on L1 wants to see for a withdrawal.

use std::sync::Arc;

use alloy::primitives::{Address, B256, U64, U256, b256};
use cwe_primitives::{BatchCommitment, Receipt, Withdrawal, WithdrawalTree, predeploys::MESSAGE_PASSER};
use cwe_storage::{BatchRecord, BatchStatus, Snapshot};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::batch::{Index, RpcStatus};
use crate::{api::Api, args::Args, error::RpcError, reader::Found};

/// Topic of `WithdrawalInitiated(uint64,address,address,uint256,bytes32,bytes32)`.
const WITHDRAWAL_INITIATED: B256 = b256!("1c8db2d4011a333f28430af3c44d57bcca7e78fb18bb4e1e51d67a56b6de1753");

/// The tree of the batch that was asked for last: callers ask for many proofs of one batch.
#[derive(Default)]
pub(crate) struct TreeCache(Mutex<Option<(B256, Arc<WithdrawalTree>)>>);

/// Which withdrawal, and for which batch.
pub(super) struct ProofArgs {
    withdrawal: Which,
    batch: Option<Index>,
}

/// A withdrawal by its index, or the first one of a transaction.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Which {
    Transaction(B256),
    Index(Index),
}

/// A withdrawal and its proof under the withdrawal root of a batch.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithdrawalProof {
    index: U64,
    sender: Address,
    recipient: Address,
    amount: U256,
    leaf: B256,
    /// L2 block that made the withdrawal.
    block_number: U64,
    batch_index: U64,
    /// Withdrawal root of the batch.
    root: B256,
    /// Siblings from the leaf to the root.
    proof: Vec<B256>,
    /// How far the batch got: a withdrawal can be taken on L1 once it is `finalized`.
    #[serde(flatten)]
    batch: RpcStatus,
}

impl ProofArgs {
    /// `index or transaction hash, batch index (optional)`.
    pub(super) fn parse(mut args: Args<'_>) -> Result<Self, RpcError> {
        let parsed = Self {
            withdrawal: args.required()?,
            batch: args.optional()?,
        };
        args.end()?;
        Ok(parsed)
    }
}

/// Proves a withdrawal under the root of the given batch, else of the newest finalized one that has it, else of the
/// newest committed one.
pub(super) fn prove(api: &Api, args: ProofArgs) -> Result<WithdrawalProof, RpcError> {
    let index = index_of(api, args.withdrawal)?;
    let snapshot = api.chain.db().latest()?;
    let record = snapshot
        .withdrawal(index)?
        .ok_or_else(|| RpcError::NotFound(format!("there is no withdrawal {index} in a sealed block")))?;
    let batch = match args.batch {
        Some(batch) => given_batch(&snapshot, batch.into(), record.block)?,
        None => newest_batch(&snapshot, record.block)?,
    };
    let tree = tree_of(api, &snapshot, &batch.commitment)?;
    let proof = tree
        .proof(index)
        .ok_or_else(|| RpcError::internal("the batch's tree lacks the withdrawal"))?;
    let Withdrawal {
        sender,
        recipient,
        amount,
        ..
    } = record.withdrawal;
    Ok(WithdrawalProof {
        index: U64::from(index),
        sender,
        recipient,
        amount,
        leaf: record.withdrawal.leaf(),
        block_number: U64::from(record.block),
        batch_index: U64::from(batch.commitment.index),
        root: batch.commitment.withdrawal_root,
        proof: proof.to_vec(),
        batch: batch.status.into(),
    })
}

fn index_of(api: &Api, which: Which) -> Result<u64, RpcError> {
    let hash = match which {
        Which::Index(index) => return Ok(index.into()),
        Which::Transaction(hash) => hash,
    };
    let found = api
        .find(hash)?
        .ok_or_else(|| RpcError::NotFound(format!("transaction {hash} not found")))?;
    let index = match &found {
        Found::Open(_, tx) => first_withdrawal(&tx.receipt),
        Found::Sealed(block, index) => block.receipts.get(*index).and_then(first_withdrawal),
    };
    index.ok_or_else(|| RpcError::NotFound(format!("transaction {hash} made no withdrawal")))
}

fn first_withdrawal(receipt: &Receipt) -> Option<u64> {
    let log = receipt
        .logs
        .iter()
        .find(|log| log.address == MESSAGE_PASSER && log.topics().first() == Some(&WITHDRAWAL_INITIATED))?;
    u64::try_from(U256::from_be_bytes(log.topics().get(1)?.0)).ok()
}

fn given_batch(snapshot: &Snapshot, index: u64, block: u64) -> Result<BatchRecord, RpcError> {
    let batch = snapshot
        .batch(index)?
        .ok_or_else(|| RpcError::NotFound(format!("there is no batch {index}")))?;
    if batch.commitment.last_block < block {
        return Err(RpcError::NotFound(format!(
            "batch {index} ends at block {}, the withdrawal is in block {block}",
            batch.commitment.last_block
        )));
    }
    Ok(batch)
}

fn newest_batch(snapshot: &Snapshot, block: u64) -> Result<BatchRecord, RpcError> {
    let mut committed = None;
    let mut next = snapshot.latest_batch()?;
    while let Some(batch) = next.filter(|batch| batch.commitment.last_block >= block) {
        next = match batch.commitment.index.checked_sub(1) {
            Some(below) => snapshot.batch(below)?,
            None => None,
        };
        match batch.status {
            BatchStatus::Finalized { .. } => return Ok(batch),
            BatchStatus::Committed { .. } => {
                committed.get_or_insert(batch);
            }
            BatchStatus::Built | BatchStatus::Submitted { .. } => {}
        }
    }
    committed.ok_or_else(|| RpcError::NotFound(format!("block {block} is not in a batch on L1 yet: ask again later")))
}

fn tree_of(api: &Api, snapshot: &Snapshot, batch: &BatchCommitment) -> Result<Arc<WithdrawalTree>, RpcError> {
    let root = batch.withdrawal_root;
    let mut cached = api.trees.0.lock();
    if let Some((_, tree)) = cached.as_ref().filter(|(of, _)| *of == root) {
        return Ok(tree.clone());
    }
    let count = snapshot.withdrawal_count(batch.last_block)?;
    let tree = Arc::new(WithdrawalTree::new(snapshot.withdrawal_leaves(count)?));
    if tree.root() != root {
        return Err(RpcError::internal(format_args!(
            "withdrawals of batch {} don't give its root",
            batch.index
        )));
    }
    *cached = Some((root, tree.clone()));
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;

    use super::*;

    #[test]
    fn the_topic_is_that_of_the_event() {
        let signature = "WithdrawalInitiated(uint64,address,address,uint256,bytes32,bytes32)";
        assert_eq!(WITHDRAWAL_INITIATED, keccak256(signature));
    }

    #[test]
    fn a_withdrawal_is_named_by_hash_quantity_or_number() {
        let parse = |text: &str| serde_json::from_str::<Which>(text).unwrap();
        assert!(matches!(parse(&format!("\"{}\"", B256::ZERO)), Which::Transaction(_)));
        assert!(matches!(parse("\"0x5\""), Which::Index(Index::Quantity(_))));
        assert!(matches!(parse("5"), Which::Index(Index::Number(5))));
    }
}
