//! The state as it was: what blocks replaced, in runs.
//!
//! A *run* holds the previous values of all rows that some consecutive blocks changed, sorted by row and block and
//! packed into chunks of a few pages. It is written once, front to back, and small ones are merged into larger ones:
//! history costs the disk little more than its own bytes, wherever in the state the rows lie. Whoever reads an old
//! state asks the runs above its block, the oldest first: the first value found is what the row had then.

mod chunk;
mod entries;

use std::borrow::Cow;

use signet_libmdbx::TransactionKind;

use self::{
    chunk::{ChunkReader, ChunkWriter, Malformed},
    entries::Entries,
};
use crate::{
    StorageError,
    codec::{ChunkKey, HistoryKey, Key, RunInfo, Value},
    environment::{Transaction, WriteCursor, Writer, decode_value},
    recent::Generation,
    tables::{AccountNodes, Accounts, Runs, Slots, StateTable, StorageNodes, Table},
};

/// Runs are merged up to this size: few runs to ask, and no merge takes long.
const MERGED_BYTES: u64 = if cfg!(test) { 4 << 10 } else { 16 << 20 };

/// Runs below this size count as equally large.
const SMALL_RUN_BYTES: u64 = if cfg!(test) { 128 } else { 16 << 10 };

/// The value that a row had after `block`.
pub(crate) fn value_at<T: StateTable, K: TransactionKind>(
    transaction: &Transaction<K>,
    key: &T::Key,
    block: u64,
) -> Result<Option<T::Value>, StorageError> {
    let key = key.encode();
    let row = key.as_ref();
    let next = block.saturating_add(1);
    let mut run = transaction.seek::<Runs>(&next)?;
    while let Some((last, _)) = run {
        if let Some(previous) = value_in_run::<T, K>(transaction, last, row, next)? {
            return Ok(previous);
        }
        run = transaction.seek::<Runs>(&last.saturating_add(1))?;
    }
    transaction
        .get_raw::<T>(row)?
        .map(|bytes| decode_value::<T>(&bytes))
        .transpose()
}

/// What the first block of a run from `block` on that changed a row replaced.
fn value_in_run<T: StateTable, K: TransactionKind>(
    transaction: &Transaction<K>,
    run: u64,
    row: &[u8],
    block: u64,
) -> Result<Option<Option<T::Value>>, StorageError> {
    let wanted = HistoryKey::new(row, block);
    let first_chunk = ChunkKey::new(run, wanted.as_ref()).encode();
    let Some((chunk_key, chunk)) = transaction.seek_raw::<T::History>(first_chunk.as_ref())? else {
        return Ok(None);
    };
    if !ChunkKey::is_of(run, &chunk_key) {
        return Ok(None);
    }
    let mut entries = ChunkReader::new(&chunk);
    while let Some((key, value)) = entries.next().map_err(malformed::<T>)? {
        if key < wanted.as_ref() {
            continue;
        }
        return if !HistoryKey::is_of(row, key) {
            Ok(None)
        } else if value.is_empty() {
            Ok(Some(None))
        } else {
            decode_value::<T>(value).map(|value| Some(Some(value)))
        };
    }
    Ok(None)
}

/// Writes what blocks change in one state table, and collects what they replace.
pub(crate) struct StateWriter<'w, T: StateTable> {
    current: WriteCursor<'w, T>,
    replaced: Entries,
    value: Vec<u8>,
    previous: Vec<u8>,
}

impl<'w, T: StateTable> StateWriter<'w, T> {
    pub(crate) fn new(writer: &'w Writer) -> Result<Self, StorageError> {
        Ok(Self {
            current: writer.cursor::<T>()?,
            replaced: Entries::default(),
            value: Vec::new(),
            previous: Vec::new(),
        })
    }

    /// Sets a row, or removes it, in one block. Fastest in key order. Each row once.
    pub(crate) fn set(&mut self, key: &T::Key, block: u64, value: Option<&T::Value>) -> Result<(), StorageError> {
        self.set_row(key.encode().as_ref(), [(block, value)])
    }

    /// As [`Self::set`], in several blocks, ascending.
    fn set_row<'v>(
        &mut self,
        row: &[u8],
        changes: impl IntoIterator<Item = (u64, Option<&'v T::Value>)>,
    ) -> Result<(), StorageError>
    where
        T::Value: 'v,
    {
        let found = self.current.find(row)?;
        let stored = found.as_deref().unwrap_or_default();
        self.value.clear();
        self.value.extend_from_slice(stored);
        for (block, value) in changes {
            std::mem::swap(&mut self.value, &mut self.previous);
            self.value.clear();
            if let Some(value) = value {
                value.encode(&mut self.value);
            }
            // No block is before genesis, so nobody can ask for the state there.
            if self.previous != self.value && block > 0 {
                self.replaced.push(row, block, &self.previous);
            }
        }
        if stored == self.value {
            return Ok(());
        }
        if self.value.is_empty() {
            self.current.delete_found()
        } else {
            self.current.put(row, &self.value)
        }
    }

    /// What was replaced.
    pub(crate) fn finish(self) -> Entries {
        self.replaced
    }
}

/// Writes what the blocks of a generation change in one state table; returns what they replace.
fn write_versions<T: StateTable>(writer: &Writer, generation: &Generation) -> Result<Entries, StorageError> {
    let shards = T::versions(generation).read();
    let mut keys = Vec::new();
    let mut rows: Vec<_> = shards
        .iter()
        .flat_map(|shard| shard.iter())
        .map(|(key, newest)| {
            let start = keys.len();
            keys.extend_from_slice(key.encode().as_ref());
            (start, keys.len(), newest)
        })
        .collect();
    rows.sort_unstable_by(|a, b| keys[a.0..a.1].cmp(&keys[b.0..b.1]));
    let mut state = StateWriter::<T>::new(writer)?;
    let mut versions = Vec::new();
    for (start, end, newest) in rows {
        versions.clear();
        versions.extend(newest.and_older());
        state.set_row(&keys[start..end], versions.drain(..).rev())?;
    }
    Ok(state.finish())
}

/// The previous values of consecutive blocks, in memory.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) accounts: Entries,
    pub(crate) slots: Entries,
    pub(crate) account_nodes: Entries,
    pub(crate) storage_nodes: Entries,
}

impl Run {
    /// Writes the state that a generation leaves.
    pub(crate) fn of(writer: &Writer, generation: &Generation, first: u64, last: u64) -> Result<Self, StorageError> {
        Ok(Self {
            first,
            last,
            accounts: write_versions::<Accounts>(writer, generation)?,
            slots: write_versions::<Slots>(writer, generation)?,
            account_nodes: write_versions::<AccountNodes>(writer, generation)?,
            storage_nodes: write_versions::<StorageNodes>(writer, generation)?,
        })
    }

    /// Adds the run after the newest one; merges it with those before that are no larger than it by much.
    pub(crate) fn append(mut self, writer: &Writer) -> Result<(), StorageError> {
        let mut bytes = self.bytes();
        while let Some((last, before)) = writer.last::<Runs>()? {
            let sum = bytes.saturating_add(before.bytes);
            if before.bytes > 2 * bytes.max(SMALL_RUN_BYTES) || sum > MERGED_BYTES {
                break;
            }
            let mut merged = Self::take(writer, last, before)?;
            merged.last = self.last;
            merged.accounts.append(self.accounts);
            merged.slots.append(self.slots);
            merged.account_nodes.append(self.account_nodes);
            merged.storage_nodes.append(self.storage_nodes);
            (self, bytes) = (merged, sum);
        }
        self.put(writer)
    }

    fn bytes(&self) -> u64 {
        let tables = [&self.accounts, &self.slots, &self.account_nodes, &self.storage_nodes];
        tables.into_iter().map(Entries::size).sum()
    }

    fn put(self, writer: &Writer) -> Result<(), StorageError> {
        let info = RunInfo {
            first: self.first,
            bytes: self.bytes(),
        };
        writer.put::<Runs>(&self.last, &info)?;
        put_chunks::<Accounts>(writer, self.last, self.accounts)?;
        put_chunks::<Slots>(writer, self.last, self.slots)?;
        put_chunks::<AccountNodes>(writer, self.last, self.account_nodes)?;
        put_chunks::<StorageNodes>(writer, self.last, self.storage_nodes)
    }

    /// Removes a run from the file.
    fn take(writer: &Writer, last: u64, info: RunInfo) -> Result<Self, StorageError> {
        writer.delete::<Runs>(&last)?;
        Ok(Self {
            first: info.first,
            last,
            accounts: take_chunks::<Accounts>(writer, last)?,
            slots: take_chunks::<Slots>(writer, last)?,
            account_nodes: take_chunks::<AccountNodes>(writer, last)?,
            storage_nodes: take_chunks::<StorageNodes>(writer, last)?,
        })
    }
}

/// Takes back what the newest blocks changed, down to `floor` or to the beginning of their run; returns the newest
/// block whose state is there now.
pub(crate) fn revert(writer: &Writer, floor: u64) -> Result<u64, StorageError> {
    let (last, info) = writer.last::<Runs>()?.ok_or_else(|| StorageError::MissingRow {
        what: format!("the history above block {floor}"),
    })?;
    let floor = floor.max(info.first.saturating_sub(1));
    let mut run = Run::take(writer, last, info)?;
    revert_table::<Accounts>(writer, &mut run.accounts, floor)?;
    revert_table::<Slots>(writer, &mut run.slots, floor)?;
    revert_table::<AccountNodes>(writer, &mut run.account_nodes, floor)?;
    revert_table::<StorageNodes>(writer, &mut run.storage_nodes, floor)?;
    if run.first <= floor {
        run.last = floor;
        run.put(writer)?;
    }
    Ok(floor)
}

/// Puts back what blocks above `floor` replaced first, and keeps the entries of the others.
fn revert_table<T: StateTable>(writer: &Writer, entries: &mut Entries, floor: u64) -> Result<(), StorageError> {
    let mut current = writer.cursor::<T>()?;
    let mut done: Option<&[u8]> = None;
    for (key, previous) in entries.iter() {
        let (row, block) = HistoryKey::split(key);
        if block <= floor || done == Some(row) {
            continue;
        }
        done = Some(row);
        if previous.is_empty() {
            current.delete(row)?;
        } else {
            current.put(row, previous)?;
        }
    }
    entries.keep_through(floor);
    Ok(())
}

/// Forgets the runs that only states below `oldest` need.
pub(crate) fn prune(writer: &Writer, oldest: u64) -> Result<(), StorageError> {
    while let Some((last, info)) = writer.seek::<Runs>(&0)?.filter(|(last, _)| *last <= oldest) {
        drop(Run::take(writer, last, info)?);
    }
    Ok(())
}

fn put_chunks<T: StateTable>(writer: &Writer, run: u64, mut entries: Entries) -> Result<(), StorageError> {
    entries.sort();
    let mut history = writer.cursor::<T::History>()?;
    // Runs come in order, and the newest one's chunks behind all others.
    let mut store = |chunk: &ChunkWriter| match chunk.chunk() {
        Some((last, bytes)) => history.append(ChunkKey::new(run, last).encode().as_ref(), bytes),
        None => Ok(()),
    };
    let mut chunk = ChunkWriter::default();
    for (key, value) in entries.iter() {
        if !chunk.push(key, value) {
            store(&chunk)?;
            chunk.clear();
            chunk.push(key, value);
        }
    }
    store(&chunk)
}

fn take_chunks<T: StateTable>(writer: &Writer, run: u64) -> Result<Entries, StorageError> {
    let first = ChunkKey::new(run, &[]).encode();
    let mut history = writer.cursor::<T::History>()?;
    let mut taken = Entries::default();
    while let Some((key, chunk)) = writer.seek_raw::<T::History>(first.as_ref())? {
        if !ChunkKey::is_of(run, &key) {
            break;
        }
        let mut entries = ChunkReader::new(&chunk);
        while let Some((key, value)) = entries.next().map_err(malformed::<T>)? {
            taken.push_key(key, value);
        }
        let key = Cow::into_owned(key);
        drop(chunk);
        history.delete(&key)?;
    }
    Ok(taken)
}

fn malformed<T: StateTable>(_: Malformed) -> StorageError {
    StorageError::MalformedRow {
        table: T::History::NAME,
        reason: "a chunk is cut off or malformed",
    }
}

/// All previous values of a table, by row and block, wherever they are kept.
#[cfg(test)]
pub(crate) fn all<T: StateTable, K: TransactionKind>(transaction: &Transaction<K>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    let mut next = Vec::new();
    while let Some((key, chunk)) = transaction.seek_raw::<T::History>(&next).unwrap() {
        next = [&key, [0].as_slice()].concat();
        let mut entries = ChunkReader::new(&chunk);
        while let Some((key, value)) = entries.next().unwrap() {
            all.push((key.to_vec(), value.to_vec()));
        }
    }
    all.sort();
    all
}
