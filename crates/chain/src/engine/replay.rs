//! Starting: from the journal back to the blocks, the open block and the mempool as they were acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{
    consensus::transaction::{Recovered, SignerRecoverable},
    eips::eip2718::Decodable2718,
    primitives::{B256, Bytes},
};
use cwe_primitives::{ChainSpec, TxEnvelope};
use cwe_storage::{Database, ExecutedItem, JournalContents, JournaledBlock, Snapshot};

use super::{EngineError, open_block::OpenBlock};
use crate::{commit::append_block, mempool::PoolTransaction};

/// What the journal gave.
pub(super) struct Replayed {
    /// The open block, its journaled transactions executed.
    pub(super) block: OpenBlock,
    /// Accepted transactions that are in no block, in the order of their acceptance.
    pub(super) waiting: Vec<PoolTransaction>,
    /// Sequence number of the next accepted transaction.
    pub(super) next_sequence: u64,
}

/// Rebuilds from the journal on the database: sealed blocks that it lost in a crash are appended again, the open one is
/// opened again. `now_secs` is the timestamp if a block must be opened anew.
pub(super) fn replay(
    spec: &ChainSpec,
    db: &Database,
    contents: JournalContents,
    now_secs: u64,
) -> Result<Replayed, EngineError> {
    let accepted: BTreeMap<u64, Bytes> = contents.accepted.into_iter().map(|tx| (tx.sequence, tx.raw)).collect();
    let mut open = None;
    for block in &contents.blocks {
        let parent = Arc::new(db.latest()?);
        if block.opened.number <= parent.number() {
            check_stored(&parent, block, &accepted)?;
            continue;
        }
        let replayed = replay_block(spec, &parent, block, &accepted)?;
        match block.sealed {
            Some(hash) => append_again(db, replayed, hash)?,
            None => open = Some(replayed),
        }
    }
    let block = match open {
        Some(block) => block,
        None => OpenBlock::open(spec, Arc::new(db.latest()?), now_secs)?,
    };
    let executed: BTreeSet<u64> = contents.blocks.iter().flat_map(sequences).collect();
    let waiting = accepted
        .iter()
        .filter(|(sequence, _)| !executed.contains(sequence))
        .map(|(sequence, raw)| waiting(*sequence, raw))
        .collect::<Result<_, _>>()?;
    Ok(Replayed {
        block,
        waiting,
        next_sequence: contents.next_sequence,
    })
}

/// Seals a block that was sealed before, and must come out the same.
fn append_again(db: &Database, block: OpenBlock, hash: B256) -> Result<(), EngineError> {
    let number = block.view().number();
    let (executed, senders) = block.conclude()?;
    if executed.hash != hash {
        return Err(EngineError::Journal(format!(
            "block {number} was sealed as {hash}, executed again it is {}: report this, it is a defect",
            executed.hash
        )));
    }
    // The journal has it already.
    append_block(db, executed, senders, || Ok(()))?;
    tracing::info!(number, %hash, "a sealed block was built again from the journal");
    Ok(())
}

/// Accepted transactions of a block, by sequence number.
fn sequences(block: &JournaledBlock) -> impl Iterator<Item = u64> {
    block.executed.iter().filter_map(|item| match item {
        ExecutedItem::Transaction(sequence) => Some(*sequence),
        ExecutedItem::Message(_) => None,
    })
}

fn replay_block(
    spec: &ChainSpec,
    parent: &Arc<Snapshot>,
    journaled: &JournaledBlock,
    accepted: &BTreeMap<u64, Bytes>,
) -> Result<OpenBlock, EngineError> {
    let open = &journaled.opened;
    let head = parent.head();
    if open.number != parent.number() + 1 || open.parent_hash != head.hash() {
        return Err(EngineError::Journal(format!(
            "it continues block {} with hash {}, the database ends at block {} with hash {}; was the database \
             replaced by an older copy? use the journal's own, or give up its transactions by removing the journal",
            open.number.saturating_sub(1),
            open.parent_hash,
            parent.number(),
            head.hash(),
        )));
    }
    let mut block = OpenBlock::open(spec, Arc::clone(parent), open.timestamp)?;
    let context = *block.view().context();
    if (context.timestamp, context.base_fee, context.gas_limit) != (open.timestamp, open.base_fee, open.gas_limit) {
        return Err(EngineError::Journal(format!(
            "block {} was opened with timestamp {}, base fee {} and gas limit {}, now it would have {}, {} and {}: \
             were the chain parameters changed?",
            open.number,
            open.timestamp,
            open.base_fee,
            open.gas_limit,
            context.timestamp,
            context.base_fee,
            context.gas_limit,
        )));
    }
    for item in &journaled.executed {
        let transaction = match item {
            ExecutedItem::Transaction(sequence) => recover(*sequence, raw_of(accepted, *sequence)?)?,
            ExecutedItem::Message(index) => message(parent, *index)?,
        };
        let hash = transaction.inner().hash();
        block.execute(transaction).map_err(|error| {
            EngineError::Journal(format!(
                "transaction {hash} of block {} does not execute: {error}",
                open.number
            ))
        })?;
    }
    Ok(block)
}

/// The database has the block already: it must be the journal's.
fn check_stored(latest: &Snapshot, block: &JournaledBlock, accepted: &BTreeMap<u64, Bytes>) -> Result<(), EngineError> {
    let number = block.opened.number;
    let stored = latest.block_hash(number)?;
    if let Some(sealed) = block.sealed
        && stored != Some(sealed)
    {
        return Err(EngineError::Journal(format!(
            "block {number} was sealed as {sealed}, the database has {stored:?}: was it replaced by another copy?"
        )));
    }
    for sequence in sequences(block) {
        let hash = decode(sequence, raw_of(accepted, sequence)?)?.hash();
        let place = latest.transaction_location(hash)?;
        if place.is_none_or(|place| place.block != number) {
            return Err(EngineError::Journal(format!(
                "transaction {hash} was acknowledged for block {number}, which is stored without it: was the database \
                 replaced by another copy?",
            )));
        }
    }
    Ok(())
}

fn raw_of(accepted: &BTreeMap<u64, Bytes>, sequence: u64) -> Result<&Bytes, EngineError> {
    accepted.get(&sequence).ok_or_else(|| {
        EngineError::Journal(format!(
            "accepted transaction {sequence} is missing: the journal is damaged"
        ))
    })
}

fn decode(sequence: u64, raw: &Bytes) -> Result<TxEnvelope, EngineError> {
    TxEnvelope::decode_2718_exact(raw).map_err(|error| {
        EngineError::Journal(format!(
            "accepted transaction {sequence} does not decode ({error}): the journal is damaged"
        ))
    })
}

fn recover(sequence: u64, raw: &Bytes) -> Result<Recovered<TxEnvelope>, EngineError> {
    let transaction = decode(sequence, raw)?;
    let sender = transaction.recover_signer().map_err(|error| {
        EngineError::Journal(format!(
            "accepted transaction {sequence} has a bad signature ({error}): the journal is damaged"
        ))
    })?;
    Ok(Recovered::new_unchecked(transaction, sender))
}

fn waiting(sequence: u64, raw: &Bytes) -> Result<PoolTransaction, EngineError> {
    let transaction = recover(sequence, raw)?;
    let hash = transaction.inner().hash();
    Ok(PoolTransaction {
        sequence,
        ..PoolTransaction::new(transaction, hash, raw.len())
    })
}

fn message(parent: &Snapshot, index: u64) -> Result<Recovered<TxEnvelope>, EngineError> {
    let record = parent.l1_message(index)?.ok_or_else(|| {
        EngineError::Journal(format!(
            "L1 message {index} was executed and is no longer in the database: was L1 reorganised below the safe depth?"
        ))
    })?;
    let sender = record.message.sender;
    Ok(Recovered::new_unchecked(record.message.into(), sender))
}
