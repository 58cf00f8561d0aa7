//! Writing an executed block to the database.

use alloy::{
    primitives::{Address, Log},
    sol_types::SolEvent,
};
use cwe_bindings::contracts::MessagePasser::WithdrawalInitiated;
use cwe_executor::ExecutedBlock;
use cwe_primitives::{Receipt, Withdrawal, predeploys::MESSAGE_PASSER};
use cwe_storage::{BlockCommit, Database, StorageError};

use crate::SealedBlock;

/// Appends the block to the chain. `senders` are those of its transactions, in order. The block is shown to readers once
/// `write_ahead` has made sure that it can be built again after a crash.
pub(crate) fn append_block(
    db: &Database,
    executed: ExecutedBlock,
    senders: Vec<Address>,
    write_ahead: impl FnOnce() -> Result<(), StorageError>,
) -> Result<SealedBlock, StorageError> {
    let commit = BlockCommit {
        block: &executed.block,
        hash: executed.hash,
        senders: &senders,
        receipts: &executed.receipts,
        changes: &executed.changes,
        trie: &executed.trie,
        queue: executed.queue,
        withdrawals: &withdrawals(&executed.receipts),
    };
    db.append_block(commit, write_ahead)?;
    Ok(SealedBlock {
        hash: executed.hash,
        block: executed.block,
        senders,
        receipts: executed.receipts,
    })
}

/// The withdrawals that a block's transactions initiated, in order.
fn withdrawals(receipts: &[Receipt]) -> Vec<Withdrawal> {
    receipts
        .iter()
        .flat_map(|receipt| &receipt.logs)
        .filter_map(withdrawal)
        .collect()
}

fn withdrawal(log: &Log) -> Option<Withdrawal> {
    if log.address != MESSAGE_PASSER {
        return None;
    }
    let event = WithdrawalInitiated::decode_log(log).ok()?.data;
    Some(Withdrawal {
        index: event.index,
        sender: event.sender,
        recipient: event.recipient,
        amount: event.amount,
    })
}
