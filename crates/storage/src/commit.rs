//! Committing blocks: one atomic, durable transaction each.

use cwe_primitives::{Receipt, StateChanges, Withdrawal};
use cwe_trie::TrieUpdates;

use crate::{
    BlockCommit, Database, HistoryMode, StorageError, TransactionLocation,
    codec::{AccountNodeKey, BlockId, Key, Rlp, SlotKey, StorageNodeKey, Value},
    database::latest_of,
    environment::Writer,
    history::{self, StateWriter},
    tables::{
        AccountNodes, Accounts, Bodies, Codes, HEADS, Headers, LATEST, Numbers, OLDEST_STATE, Queue, Receipts, Senders,
        Slots, StorageNodes, StoredHeader, StoredWithdrawal, Table, Transactions, Withdrawals,
    },
};

/// Most blocks whose history one commit removes; more than one, so that a shorter window is reached in time.
const PRUNED_BLOCKS_PER_COMMIT: u64 = 4;

impl Database {
    /// Commits the next block: header, transactions, receipts, state, trie, queue, withdrawals, all or nothing. When
    /// this returns, the block survives a crash and a loss of power.
    ///
    /// # Errors
    /// [`StorageError::NotNext`] if it does not follow the newest block, [`StorageError::Inconsistent`] if its parts
    /// contradict each other, [`StorageError::DiskFull`], [`StorageError::ReadOnly`], [`StorageError::Uninitialised`].
    /// The database is then as before.
    pub fn commit_block(&self, commit: BlockCommit<'_>) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        let latest = latest_of(&writer)?;
        let header = &commit.block.header;
        if header.number != latest.number.saturating_add(1) || header.parent_hash != latest.hash {
            return Err(StorageError::NotNext {
                number: header.number,
                parent: header.parent_hash,
                latest: latest.number,
                latest_hash: latest.hash,
            });
        }
        write(&writer, &commit)?;
        self.prune(&writer, header.number)?;
        writer.commit()
    }

    /// Removes history that the window no longer covers, a few blocks at a time.
    fn prune(&self, writer: &Writer, latest: u64) -> Result<(), StorageError> {
        let HistoryMode::Window(blocks) = self.history else {
            return Ok(());
        };
        let finalized = writer.meta(&HEADS)?.unwrap_or_default().finalized;
        let target = latest.saturating_sub(blocks).min(finalized);
        let oldest = writer.meta(&OLDEST_STATE)?.unwrap_or_default();
        if oldest >= target {
            return Ok(());
        }
        let target = target.min(oldest.saturating_add(PRUNED_BLOCKS_PER_COMMIT));
        for block in oldest + 1..=target {
            history::prune::<Accounts>(writer, block)?;
            history::prune::<Slots>(writer, block)?;
            history::prune::<AccountNodes>(writer, block)?;
            history::prune::<StorageNodes>(writer, block)?;
        }
        writer.put_meta(&OLDEST_STATE, &target)
    }
}

/// Writes a block whose place in the chain is checked, genesis included.
pub(crate) fn write(writer: &Writer, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    check(writer, commit)?;
    write_block(writer, commit)?;
    write_state(writer, commit.block.header.number, commit.changes)?;
    write_trie(writer, commit.block.header.number, commit.trie)
}

fn check(writer: &Writer, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    let header = &commit.block.header;
    let transactions = &commit.block.body.transactions;
    let messages = transactions.iter().filter(|tx| tx.is_l1_message()).count() as u64;
    let queue_before = match header.number.checked_sub(1) {
        Some(parent) => writer.get::<Queue>(&parent)?.unwrap_or_default().next_index,
        None => 0,
    };
    let next_withdrawal = next_withdrawal(writer)?;
    let in_order = commit
        .withdrawals
        .iter()
        .zip(next_withdrawal..)
        .all(|(withdrawal, index)| withdrawal.index == index);
    let broken = [
        (header.hash_slow() != commit.hash, "the hash is not the header's"),
        (
            commit.trie.root != header.state_root,
            "the trie's root is not the header's state root",
        ),
        (
            commit.senders.len() != transactions.len(),
            "there is not one sender a transaction",
        ),
        (
            commit.receipts.len() != transactions.len(),
            "there is not one receipt a transaction",
        ),
        (
            commit.queue.next_index != queue_before + messages,
            "the queue does not move by the block's messages",
        ),
        (!in_order, "the withdrawals do not continue the withdrawal index"),
    ];
    match broken.into_iter().find(|(broken, _)| *broken) {
        Some((_, reason)) => Err(StorageError::Inconsistent {
            number: header.number,
            reason,
        }),
        None => Ok(()),
    }
}

/// Index of the next withdrawal.
pub(crate) fn next_withdrawal(writer: &Writer) -> Result<u64, StorageError> {
    Ok(writer.last::<Withdrawals>()?.map_or(0, |(index, _)| index + 1))
}

fn write_block(writer: &Writer, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    let header = &commit.block.header;
    let number = header.number;
    writer.put::<Headers>(
        &number,
        &Rlp(StoredHeader {
            hash: commit.hash,
            header: header.clone(),
        }),
    )?;
    writer.put::<Numbers>(&commit.hash, &number)?;
    put_bytes::<Bodies>(writer, number, &alloy_rlp::encode(&commit.block.body))?;
    let mut receipts = Vec::new();
    alloy_rlp::encode_list::<Receipt, _>(commit.receipts, &mut receipts);
    put_bytes::<Receipts>(writer, number, &receipts)?;
    writer.put::<Senders>(&number, &commit.senders.to_vec())?;
    writer.put::<Queue>(&number, &commit.queue)?;
    write_transactions(writer, commit)?;
    write_withdrawals(writer, number, commit.withdrawals)?;
    writer.put_meta(
        &LATEST,
        &BlockId {
            number,
            hash: commit.hash,
        },
    )
}

/// Writes a row whose value is encoded already: saves copying large values.
fn put_bytes<T: Table<Key = u64>>(writer: &Writer, number: u64, value: &[u8]) -> Result<(), StorageError> {
    writer.cursor::<T>()?.put(Key::encode(&number).as_ref(), value)
}

fn write_transactions(writer: &Writer, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    let number = commit.block.header.number;
    let mut locations: Vec<_> = commit
        .block
        .body
        .transactions
        .iter()
        .zip(0u32..)
        .map(|(tx, index)| (tx.hash(), TransactionLocation { block: number, index }))
        .collect();
    locations.sort_unstable_by_key(|(hash, _)| *hash);
    let mut cursor = writer.cursor::<Transactions>()?;
    let mut value = Vec::new();
    for (hash, location) in locations {
        value.clear();
        location.encode(&mut value);
        cursor.put(hash.as_slice(), &value)?;
    }
    Ok(())
}

fn write_withdrawals(writer: &Writer, block: u64, withdrawals: &[Withdrawal]) -> Result<(), StorageError> {
    for withdrawal in withdrawals {
        let Withdrawal {
            index,
            sender,
            recipient,
            amount,
        } = *withdrawal;
        writer.put::<Withdrawals>(
            &index,
            &Rlp(StoredWithdrawal {
                block,
                sender,
                recipient,
                amount,
            }),
        )?;
    }
    Ok(())
}

fn write_state(writer: &Writer, block: u64, changes: &StateChanges) -> Result<(), StorageError> {
    let mut codes = writer.cursor::<Codes>()?;
    for (hash, code) in &changes.codes {
        if codes.find(hash.as_slice())?.is_none() {
            codes.put(Key::encode(hash).as_ref(), code)?;
        }
    }
    let mut accounts = StateWriter::<Accounts>::new(writer, block)?;
    let mut slots = StateWriter::<Slots>::new(writer, block)?;
    for (address, change) in &changes.accounts {
        accounts.set(address, change.current.as_ref())?;
        for (slot, change) in &change.storage {
            let value = (!change.current.is_zero()).then_some(&change.current);
            slots.set(
                &SlotKey {
                    address: *address,
                    slot: *slot,
                },
                value,
            )?;
        }
    }
    accounts.finish()?;
    slots.finish()
}

fn write_trie(writer: &Writer, block: u64, trie: &TrieUpdates) -> Result<(), StorageError> {
    let mut account_nodes = StateWriter::<AccountNodes>::new(writer, block)?;
    for (path, node) in &trie.account_nodes {
        account_nodes.set(&AccountNodeKey(*path), node.as_ref())?;
    }
    account_nodes.finish()?;
    let mut storage_nodes = StateWriter::<StorageNodes>::new(writer, block)?;
    for (owner, nodes) in &trie.storage_nodes {
        for (path, node) in nodes {
            storage_nodes.set(
                &StorageNodeKey {
                    owner: *owner,
                    path: *path,
                },
                node.as_ref(),
            )?;
        }
    }
    storage_nodes.finish()
}
