//! Reading the events of our contracts without missing any: one mechanism for the sequencer's watcher and the follower,
//! which differ in what they take from the events ([`Reader`]).

use std::{ops::RangeInclusive, sync::Arc};

use alloy::{eips::BlockId, primitives::B256};
use cwe_chain::ChainHandle;
use cwe_primitives::{L1Message, QueueHash};
use cwe_storage::{BatchStatus, Database, L1Block, L1MessageRecord, L1Stream};
use metrics::gauge;
use tracing::{info, warn};

use crate::{BlockRef, L1Client, L1Error, LocatedEvent, TaskError, heads, ranges::Ranges, turns::blocking};

/// Who reads L1, and what it does with what it reads.
pub(crate) trait Reader {
    fn l1(&self) -> &L1Client;

    fn chain(&self) -> &ChainHandle;

    /// Takes the events of a part and moves the position behind it.
    async fn take(&self, part: Part, head: &BlockRef) -> Result<(), TaskError>;

    /// The block up to which L1 was read is gone: makes the chain fit what L1 has now, before it is read again.
    async fn on_deep_reorganisation(&self, head: &BlockRef) -> Result<(), TaskError>;

    /// The last check of a turn: L1 at `head` and the chain agree.
    async fn check(&self, head: &BlockRef) -> Result<(), TaskError>;
}

/// Reads what L1 has confirmed since `seen`; returns the new `seen`.
pub(crate) async fn turn<R: Reader>(reader: &R, seen: Option<BlockRef>) -> Result<Option<BlockRef>, TaskError> {
    let (l1, chain) = (reader.l1(), reader.chain());
    l1.ensure_checked().await?;
    let head = l1.confirmed_head().await?;
    if seen == Some(head) || !l1.is_deployed_at(&head).await? {
        return Ok(seen);
    }
    let first = first_block(reader, &head).await?;
    let mut scan = Scan::new(l1, first, head);
    while let Some(part) = scan.next(l1).await? {
        reader.take(part, &head).await?;
    }
    check_queue(l1, chain, &head).await?;
    reader.check(&head).await?;
    heads::update(l1, chain, &head).await?;
    Ok(Some(head))
}

/// First block to read.
async fn first_block<R: Reader>(reader: &R, head: &BlockRef) -> Result<u64, TaskError> {
    let (l1, chain) = (reader.l1(), reader.chain());
    match position(l1, cursor(chain.db())?, head).await? {
        Position::Canonical(block) => return Ok(block.number + 1),
        Position::Start => {}
        Position::Gone => {
            warn!(confirmation = %l1.config().confirmation, "L1 reorganised below the confirmation depth");
            reader.on_deep_reorganisation(head).await?;
        }
    }
    restart(l1, chain).await?;
    Ok(cursor(chain.db())?.map_or(l1.config().start_block, |block| block.number + 1))
}

/// The L1 block up to which events were taken.
pub(crate) fn cursor(db: &Database) -> Result<Option<L1Block>, TaskError> {
    Ok(db.latest()?.l1_cursor(L1Stream::Inbox)?)
}

/// One answer's events, with the block they end with.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) events: Vec<LocatedEvent>,
    pub(crate) end: L1Block,
}

/// Walks a span of confirmed blocks.
#[derive(Debug)]
struct Scan {
    ranges: Ranges,
    head: BlockRef,
}

impl Scan {
    /// All blocks from `first` to `head`.
    fn new(l1: &L1Client, first: u64, head: BlockRef) -> Self {
        Self {
            ranges: Ranges::new(first..=head.id.number, l1.config().log_range_blocks),
            head,
        }
    }

    /// The next part; `None` at the end. Each part is read while its last block is canonical.
    async fn next(&mut self, l1: &L1Client) -> Result<Option<Part>, TaskError> {
        let Some((events, range)) = l1.next_events(&mut self.ranges).await? else {
            return Ok(None);
        };
        let end = self.end_of(l1, &range).await?;
        let torn = events
            .iter()
            .any(|event| event.block.number == end.number && event.block.hash != end.hash);
        if torn || !l1.is_canonical(self.head.id).await? {
            return Err(L1Error::Malformed {
                method: "eth_getLogs",
                reason: format!("L1 reorganised while blocks up to {} were read", end.number),
            }
            .into());
        }
        Ok(Some(Part { events, end }))
    }

    async fn end_of(&self, l1: &L1Client, range: &RangeInclusive<u64>) -> Result<L1Block, TaskError> {
        if *range.end() == self.head.id.number {
            return Ok(self.head.id);
        }
        let block = l1
            .block(*range.end())
            .await?
            .ok_or_else(|| L1Error::NoBlock(range.end().to_string()))?;
        Ok(block.id)
    }
}

/// Where an L1 position is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Nothing was read yet.
    Start,
    /// On the canonical chain; reading goes on behind it.
    Canonical(L1Block),
    /// A reorganisation removed it.
    Gone,
}

/// Compares a stored position with the L1.
async fn position(l1: &L1Client, stored: Option<L1Block>, head: &BlockRef) -> Result<Position, TaskError> {
    Ok(match stored {
        None => Position::Start,
        Some(block) if block.number > head.id.number => return Err(L1Error::Behind { read: block.number }.into()),
        Some(block) if l1.is_canonical(block).await? => Position::Canonical(block),
        Some(_) => Position::Gone,
    })
}

/// The newest batch that the canonical L1 chain has, and an L1 block from which reading again finds every event that a
/// reorganisation may have changed. Genesis and the deployment's block if there is none.
pub(crate) async fn anchor(l1: &L1Client, db: &Database) -> Result<(u64, L1Block), TaskError> {
    let start = l1.config().start_block;
    let start = l1
        .block(start)
        .await?
        .ok_or_else(|| L1Error::NoBlock(start.to_string()))?
        .id;
    let mut index = db.latest()?.latest_batch()?.map_or(0, |record| record.commitment.index);
    while index > 0 {
        match db.latest()?.batch(index)?.map(|record| record.status) {
            Some(BatchStatus::Committed { l1_block, .. }) if l1.is_canonical(l1_block).await? => {
                return Ok((index, l1_block));
            }
            // Where it was committed is not kept, only where it was proven.
            Some(BatchStatus::Finalized { l1_block, .. }) if l1.is_canonical(l1_block).await? => {
                return Ok((index, start));
            }
            _ => index -= 1,
        }
    }
    Ok((0, start))
}

/// Stores the messages that are not known yet, and moves the position. Returns how many are new.
pub(crate) async fn store_messages(
    chain: &ChainHandle,
    messages: Vec<L1MessageRecord>,
    cursor: L1Block,
) -> Result<usize, TaskError> {
    let db = chain.db().clone();
    blocking(move || {
        let snapshot = db.latest()?;
        let tip = snapshot.l1_queue_tip()?;
        let (known, new): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|record| record.message.index < tip.next_index);
        for record in known {
            let index = record.message.index;
            let stored = snapshot.l1_message(index)?.map(|stored| stored.queue_hash);
            if stored != Some(record.queue_hash) {
                return Err(L1Error::Malformed {
                    method: "MessageEnqueued",
                    reason: format!("message {index} differs from the one read before"),
                }
                .into());
            }
        }
        drop(snapshot);
        db.append_l1_messages(&new, cursor)?;
        Ok(new.len())
    })
    .await
}

/// A message event as it is stored.
pub(crate) const fn message_record(message: L1Message, queue_hash: B256, l1_block: L1Block) -> L1MessageRecord {
    L1MessageRecord {
        message,
        l1_block,
        queue_hash,
    }
}

/// Notes that batches were proven, as far as they are known.
pub(crate) async fn note_proof(
    chain: &ChainHandle,
    (from, to): (u64, u64),
    proven_by: B256,
    l1_block: L1Block,
) -> Result<(), TaskError> {
    let db = chain.db().clone();
    blocking(move || {
        for index in from..=to {
            let Some(record) = db.latest()?.batch(index)? else {
                break;
            };
            let committed_by = match record.status {
                BatchStatus::Committed { transaction, .. } => transaction,
                BatchStatus::Finalized { committed_by, .. } => committed_by,
                BatchStatus::Built | BatchStatus::Submitted { .. } => B256::ZERO,
            };
            let status = BatchStatus::Finalized {
                committed_by,
                proven_by,
                l1_block,
            };
            db.set_batch_status(index, status)?;
        }
        info!(from, to, "batches are proven on L1");
        Ok(())
    })
    .await
}

/// Compares the stored queue with the contract's at `head`: an endpoint that has thrown logs away answers with fewer
/// of them, and no error. On a difference reading starts over.
async fn check_queue(l1: &L1Client, chain: &ChainHandle, head: &BlockRef) -> Result<(), TaskError> {
    let at = BlockId::hash(head.id.hash);
    let tip = chain.db().latest()?.l1_queue_tip()?;
    gauge!("cwe_inbox_messages").set(tip.next_index as f64);
    let count = l1.message_count(at).await?;
    if count == tip.next_index && l1.queue_hash(count, at).await? == Some(tip.hash) {
        return Ok(());
    }
    let reason = format!("the inbox has {count} messages, {} were found", tip.next_index);
    restart(l1, chain).await?;
    Err(L1Error::LogsPruned {
        from: l1.config().start_block,
        to: head.id.number,
        reason,
    }
    .into())
}

/// Sets the position to before the newest batch, and forgets messages that no block took.
pub(crate) async fn restart(l1: &L1Client, chain: &ChainHandle) -> Result<(), TaskError> {
    rewind(l1, chain.db(), executed_queue(chain)?.next_index).await
}

/// Before the engine starts: forgets messages that were read and not executed, if the L1 block up to which L1 was read
/// is gone. Else an engine on such a database (a copy made at a bad moment, or an L1 that reorganised while nothing
/// ran) would execute messages that L1 no longer has. `executed` is the index after the last message executed.
///
/// # Errors
/// [`TaskError`]; the L1 does not answer, mostly.
pub async fn forget_gone_messages(l1: &L1Client, db: &Arc<Database>, executed: u64) -> Result<(), TaskError> {
    let head = l1.confirmed_head().await?;
    if position(l1, cursor(db)?, &head).await? == Position::Gone {
        warn!("L1 reorganised since it was last read: messages that were not executed are read again");
        rewind(l1, db, executed).await?;
    }
    Ok(())
}

/// Sets the position to before the newest batch, and forgets the messages from `next_index` on.
async fn rewind(l1: &L1Client, db: &Arc<Database>, next_index: u64) -> Result<(), TaskError> {
    let (batch, block) = anchor(l1, db).await?;
    info!(l1_block = block.number, batch, "reads L1 from there");
    let db = Arc::clone(db);
    // The block itself is read again too, as other events of it may have been missed.
    let cursor = match block.number.checked_sub(1) {
        Some(number) => l1.block(number).await?.map_or(block, |before| before.id),
        None => block,
    };
    blocking(move || Ok(db.rewind_l1_messages(next_index, cursor)?)).await
}

/// The queue after the last executed message, those of the open block included.
pub(crate) fn executed_queue(chain: &ChainHandle) -> Result<QueueHash, TaskError> {
    // The open block is read first: if it is sealed meanwhile, its messages are counted in the database and the
    // queue refuses to count them again.
    let pending = chain.pending();
    let snapshot = chain.db().latest()?;
    let mut queue = snapshot.queue_after(snapshot.number())?.unwrap_or_default();
    for transaction in pending.iter().flat_map(|block| block.transactions()) {
        if let Some(message) = transaction.transaction.inner().as_l1_message()
            && message.index >= queue.next_index
            && queue.append(message).is_err()
        {
            break;
        }
    }
    Ok(queue)
}
