//! Committing blocks: one by one and durable at once, or appended in memory and written later.

use alloy_primitives::{Address, B256, Bytes};
use cwe_primitives::{Block, QueueHash, Receipt, StateChanges, Withdrawal};
use cwe_trie::TrieUpdates;

use crate::{
    BlockCommit, Database, HistoryMode, Snapshot, StorageError, TransactionLocation,
    codec::{AccountNodeKey, BlockId, Key, Rlp, SlotKey, StorageNodeKey, Value},
    database::latest_of,
    environment::Writer,
    history::{self, Run, StateWriter},
    recent::Generation,
    tables::{
        AccountNodes, Accounts, Bodies, Codes, HEADS, Headers, LATEST, Numbers, OLDEST_STATE, Queue, Receipts, Senders,
        Slots, StorageNodes, StoredHeader, StoredWithdrawal, Table, Transactions, Withdrawals,
    },
};

/// Most blocks whose history one new block removes; more than one, so that a shorter window is reached in time.
const PRUNED_BLOCKS_PER_BLOCK: u64 = 4;

impl Database {
    /// Commits the next block: header, transactions, receipts, state, trie, queue, withdrawals, all or nothing. When
    /// this returns, the block survives a crash and a loss of power.
    ///
    /// # Errors
    /// [`StorageError::NotNext`] if it does not follow the newest block, [`StorageError::Inconsistent`] if its parts
    /// contradict each other, [`StorageError::DiskFull`], [`StorageError::ReadOnly`], [`StorageError::Uninitialised`].
    /// The database is then as before.
    pub fn commit_block(&self, commit: BlockCommit<'_>) -> Result<(), StorageError> {
        let _exclusive = self.recent.exclusive()?;
        let writer = self.environment.writer()?;
        check(&commit, &Before::of(&self.latest()?)?)?;
        write(&writer, &commit)?;
        prune(&writer, self.history, commit.block.header.number, 1)?;
        writer.commit()
    }

    /// Appends the next block and writes it to the file later, together with others. Every reader sees it at once; a
    /// crash loses it until [`Self::persisted`] reaches it. `write_ahead` must therefore make sure that it can be built
    /// again; it is called when nothing else can fail any more. Waits if very much is unwritten.
    ///
    /// # Errors
    /// As [`Self::commit_block`], of earlier blocks too: while the file can't be written, nothing is appended. What
    /// `write_ahead` returns. The chain is then as before.
    pub fn append_block<E: From<StorageError>>(
        &self,
        commit: BlockCommit<'_>,
        write_ahead: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        if self.read_only {
            return Err(StorageError::ReadOnly {
                path: self.path().to_path_buf(),
            }
            .into());
        }
        let appending = self.recent.appending()?;
        check(&commit, &Before::of(&self.latest()?)?)?;
        write_ahead()?;
        appending.push(&commit);
        Ok(())
    }

    /// Writes every appended block to the file. When this returns, they survive a crash and a loss of power.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`] and its like: the blocks stay in memory, and are tried again.
    pub fn persist(&self) -> Result<(), StorageError> {
        self.recent.persist()
    }

    /// The newest block that survives a crash and a loss of power.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn persisted(&self) -> Result<u64, StorageError> {
        Ok(latest_of(&self.environment.reader()?)?.number)
    }

    /// A transaction of the file for what refers to blocks: it never survives a crash that they don't.
    pub(crate) fn writer_after_blocks(&self) -> Result<Writer, StorageError> {
        self.recent.persist()?;
        self.environment.writer()
    }
}

/// The chain that a block is to follow.
struct Before {
    latest: BlockId,
    queue: QueueHash,
    next_withdrawal: u64,
}

impl Before {
    fn of(snapshot: &Snapshot) -> Result<Self, StorageError> {
        Ok(Self {
            latest: BlockId {
                number: snapshot.number(),
                hash: snapshot.head().seal(),
            },
            queue: snapshot.queue_after(snapshot.number())?.unwrap_or_default(),
            next_withdrawal: snapshot.next_withdrawal()?,
        })
    }
}

/// Removes history that the window no longer covers, a few blocks for each of the `added` ones.
fn prune(writer: &Writer, history: HistoryMode, latest: u64, added: u64) -> Result<(), StorageError> {
    let HistoryMode::Window(blocks) = history else {
        return Ok(());
    };
    let finalized = writer.meta(&HEADS)?.unwrap_or_default().finalized;
    let target = latest.saturating_sub(blocks).min(finalized);
    let oldest = writer.meta(&OLDEST_STATE)?.unwrap_or_default();
    if oldest >= target {
        return Ok(());
    }
    let target = target.min(oldest.saturating_add(PRUNED_BLOCKS_PER_BLOCK * added));
    history::prune(writer, target)?;
    writer.put_meta(&OLDEST_STATE, &target)
}

/// Writes a block whose place in the chain is checked, genesis included.
pub(crate) fn write(writer: &Writer, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    let rows = BlockRows {
        block: commit.block,
        hash: commit.hash,
        senders: commit.senders,
        receipts: commit.receipts,
        queue: commit.queue,
        withdrawals: commit.withdrawals,
    };
    write_block(writer, &rows)?;
    write_codes(writer, &commit.changes.codes)?;
    let number = commit.block.header.number;
    let mut run = Run {
        first: number,
        last: number,
        ..Run::default()
    };
    write_state(writer, commit.changes, &mut run)?;
    write_trie(writer, commit.trie, &mut run)?;
    if number == 0 { Ok(()) } else { run.append(writer) }
}

/// Writes blocks that were appended.
pub(crate) fn write_generation(
    writer: &Writer,
    generation: &Generation,
    history: HistoryMode,
) -> Result<(), StorageError> {
    let blocks = generation.blocks();
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return Ok(());
    };
    for block in &blocks {
        let rows = BlockRows {
            block: &block.block,
            hash: block.hash,
            senders: &block.senders,
            receipts: &block.receipts,
            queue: block.queue,
            withdrawals: &block.withdrawals,
        };
        write_block(writer, &rows)?;
        write_codes(writer, block.codes.iter().map(|(hash, code)| (hash, code)))?;
    }
    Run::of(writer, generation, first.number(), last.number())?.append(writer)?;
    prune(writer, history, last.number(), blocks.len() as u64)
}

/// Checks a genesis block against itself; see [`check`].
pub(crate) fn check_genesis(commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    check_parts(commit, 0, 0)
}

fn check(commit: &BlockCommit<'_>, before: &Before) -> Result<(), StorageError> {
    let header = &commit.block.header;
    let latest = before.latest;
    if header.number != latest.number.saturating_add(1) || header.parent_hash != latest.hash {
        return Err(StorageError::NotNext {
            number: header.number,
            parent: header.parent_hash,
            latest: latest.number,
            latest_hash: latest.hash,
        });
    }
    check_parts(commit, before.queue.next_index, before.next_withdrawal)
}

fn check_parts(commit: &BlockCommit<'_>, queue_before: u64, next_withdrawal: u64) -> Result<(), StorageError> {
    let header = &commit.block.header;
    let transactions = &commit.block.body.transactions;
    let messages = transactions.iter().filter(|tx| tx.is_l1_message()).count() as u64;
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

/// A block as it is written, without state.
struct BlockRows<'a> {
    block: &'a Block,
    hash: B256,
    senders: &'a [Address],
    receipts: &'a [Receipt],
    queue: QueueHash,
    withdrawals: &'a [Withdrawal],
}

/// Index of the next withdrawal.
pub(crate) fn next_withdrawal(writer: &Writer) -> Result<u64, StorageError> {
    Ok(writer.last::<Withdrawals>()?.map_or(0, |(index, _)| index + 1))
}

fn write_block(writer: &Writer, commit: &BlockRows<'_>) -> Result<(), StorageError> {
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

fn write_transactions(writer: &Writer, commit: &BlockRows<'_>) -> Result<(), StorageError> {
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

fn write_codes<'c>(writer: &Writer, new: impl IntoIterator<Item = (&'c B256, &'c Bytes)>) -> Result<(), StorageError> {
    let mut codes = writer.cursor::<Codes>()?;
    for (hash, code) in new {
        if codes.find(hash.as_slice())?.is_none() {
            codes.put(Key::encode(hash).as_ref(), code)?;
        }
    }
    Ok(())
}

fn write_state(writer: &Writer, changes: &StateChanges, run: &mut Run) -> Result<(), StorageError> {
    let block = run.last;
    let mut accounts = StateWriter::<Accounts>::new(writer)?;
    let mut slots = StateWriter::<Slots>::new(writer)?;
    for (address, change) in &changes.accounts {
        accounts.set(address, block, change.current.as_ref())?;
        for (slot, change) in &change.storage {
            let value = (!change.current.is_zero()).then_some(&change.current);
            slots.set(
                &SlotKey {
                    address: *address,
                    slot: *slot,
                },
                block,
                value,
            )?;
        }
    }
    run.accounts = accounts.finish();
    run.slots = slots.finish();
    Ok(())
}

fn write_trie(writer: &Writer, trie: &TrieUpdates, run: &mut Run) -> Result<(), StorageError> {
    let block = run.last;
    let mut account_nodes = StateWriter::<AccountNodes>::new(writer)?;
    for (path, node) in &trie.account_nodes {
        account_nodes.set(&AccountNodeKey(*path), block, node.as_ref())?;
    }
    run.account_nodes = account_nodes.finish();
    let mut storage_nodes = StateWriter::<StorageNodes>::new(writer)?;
    for (owner, nodes) in &trie.storage_nodes {
        for (path, node) in nodes {
            storage_nodes.set(
                &StorageNodeKey {
                    owner: *owner,
                    path: *path,
                },
                block,
                node.as_ref(),
            )?;
        }
    }
    run.storage_nodes = storage_nodes.finish();
    Ok(())
}
