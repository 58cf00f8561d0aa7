//! The state as it was: what blocks replaced, in runs.
//!
//! A *run* holds the previous values of all rows that some consecutive blocks changed, sorted by row and block and
//! packed into chunks of a few pages. It is written once, front to back, and small ones are merged into larger ones:
//! history costs the disk little more than its own bytes, wherever in the state the rows lie. Whoever reads an old
//! state asks the runs above its block, the oldest first: the first value found is what the row had then.

use std::borrow::Cow;

use signet_libmdbx::TransactionKind;

use crate::{
    StorageError,
    codec::{ChunkKey, HistoryKey, Key, RunInfo, Value},
    environment::{Transaction, WriteCursor, Writer, decode_value},
    recent::Generation,
    tables::{AccountNodes, Accounts, Runs, Slots, StateTable, StorageNodes, Table},
};

/// Bytes of entries in one chunk: a lookup scans half of one.
const CHUNK_BYTES: usize = if cfg!(test) { 128 } else { 8 << 10 };

/// Runs are merged up to this size: few runs to ask, and no merge takes long.
const MERGED_BYTES: u64 = if cfg!(test) { 4 << 10 } else { 16 << 20 };

/// Runs below this size count as equally large.
const SMALL_RUN_BYTES: u64 = if cfg!(test) { 128 } else { 16 << 10 };

/// The value that a row had before a block: key (row and block) and value.
type Entry = (HistoryKey, Vec<u8>);

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
    for entry in Entries(&chunk) {
        let (key, value) = entry.ok_or_else(cut_off::<T>)?;
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
    replaced: Vec<Entry>,
    value: Vec<u8>,
    previous: Vec<u8>,
}

impl<'w, T: StateTable> StateWriter<'w, T> {
    pub(crate) fn new(writer: &'w Writer) -> Result<Self, StorageError> {
        Ok(Self {
            current: writer.cursor::<T>()?,
            replaced: Vec::new(),
            value: Vec::new(),
            previous: Vec::new(),
        })
    }

    /// Sets a row, or removes it, in one block or in several, ascending. Fastest in key order. Each row once.
    pub(crate) fn set(&mut self, key: &T::Key, changes: &[(u64, Option<&T::Value>)]) -> Result<(), StorageError> {
        let key = key.encode();
        let row = key.as_ref();
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
            if self.previous != self.value && *block > 0 {
                self.replaced
                    .push((HistoryKey::new(row, *block), self.previous.clone()));
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
    pub(crate) fn finish(self) -> Vec<Entry> {
        self.replaced
    }
}

/// Writes what the blocks of a generation change in one state table; returns what they replace.
fn write_versions<T: StateTable>(writer: &Writer, generation: &Generation) -> Result<Vec<Entry>, StorageError> {
    let mut rows = Vec::new();
    T::versions(generation).for_each(|key, versions| rows.push((key.encode(), key, versions)));
    rows.sort_unstable_by(|(a, ..), (b, ..)| a.as_ref().cmp(b.as_ref()));
    let mut state = StateWriter::<T>::new(writer)?;
    let mut changes = Vec::new();
    for (_, key, versions) in &rows {
        changes.clear();
        changes.extend(versions.iter().map(|(block, value)| (*block, value.as_ref())));
        state.set(key, &changes)?;
    }
    Ok(state.finish())
}

/// The previous values of consecutive blocks, in memory.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) accounts: Vec<Entry>,
    pub(crate) slots: Vec<Entry>,
    pub(crate) account_nodes: Vec<Entry>,
    pub(crate) storage_nodes: Vec<Entry>,
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
            merged.accounts.append(&mut self.accounts);
            merged.slots.append(&mut self.slots);
            merged.account_nodes.append(&mut self.account_nodes);
            merged.storage_nodes.append(&mut self.storage_nodes);
            (self, bytes) = (merged, sum);
        }
        self.put(writer)
    }

    fn bytes(&self) -> u64 {
        let tables = [&self.accounts, &self.slots, &self.account_nodes, &self.storage_nodes];
        let entries = tables.into_iter().flatten();
        entries
            .map(|(key, value)| (key.as_ref().len() + value.len()) as u64)
            .sum()
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
fn revert_table<T: StateTable>(writer: &Writer, entries: &mut Vec<Entry>, floor: u64) -> Result<(), StorageError> {
    let mut current = writer.cursor::<T>()?;
    let mut done: Option<HistoryKey> = None;
    for (key, previous) in entries.iter().filter(|(key, _)| key.block() > floor) {
        if done.is_some_and(|done| done.row() == key.row()) {
            continue;
        }
        done = Some(*key);
        if previous.is_empty() {
            current.delete(key.row())?;
        } else {
            current.put(key.row(), previous)?;
        }
    }
    entries.retain(|(key, _)| key.block() <= floor);
    Ok(())
}

/// Forgets the runs that only states below `oldest` need.
pub(crate) fn prune(writer: &Writer, oldest: u64) -> Result<(), StorageError> {
    while let Some((last, info)) = writer.seek::<Runs>(&0)?.filter(|(last, _)| *last <= oldest) {
        drop(Run::take(writer, last, info)?);
    }
    Ok(())
}

fn put_chunks<T: StateTable>(writer: &Writer, run: u64, mut entries: Vec<Entry>) -> Result<(), StorageError> {
    entries.sort_unstable_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
    let mut history = writer.cursor::<T::History>()?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES * 2);
    for (position, (key, value)) in entries.iter().enumerate() {
        push_entry(&mut chunk, key.as_ref(), value);
        if chunk.len() >= CHUNK_BYTES || position + 1 == entries.len() {
            // Runs come in order, and the newest one's chunks behind all others.
            history.append(ChunkKey::new(run, key.as_ref()).encode().as_ref(), &chunk)?;
            chunk.clear();
        }
    }
    Ok(())
}

fn take_chunks<T: StateTable>(writer: &Writer, run: u64) -> Result<Vec<Entry>, StorageError> {
    let first = ChunkKey::new(run, &[]).encode();
    let mut history = writer.cursor::<T::History>()?;
    let mut entries = Vec::new();
    while let Some((key, chunk)) = writer.seek_raw::<T::History>(first.as_ref())? {
        if !ChunkKey::is_of(run, &key) {
            break;
        }
        for entry in Entries(&chunk) {
            let (key, value) = entry.ok_or_else(cut_off::<T>)?;
            let key = HistoryKey::decode(key).ok_or_else(cut_off::<T>)?;
            entries.push((key, value.to_vec()));
        }
        let key = Cow::into_owned(key);
        drop(chunk);
        history.delete(&key)?;
    }
    Ok(entries)
}

fn cut_off<T: StateTable>() -> StorageError {
    StorageError::MalformedRow {
        table: T::History::NAME,
        reason: "an entry of a chunk is cut off",
    }
}

/// Length of the key in one byte, the key, length of the value in four, the value.
fn push_entry(chunk: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // Keys are at most `MAX_KEY_BYTES` long, values of the state a few hundred bytes.
    chunk.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    chunk.extend_from_slice(key);
    chunk.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    chunk.extend_from_slice(value);
}

/// The entries of a chunk; `None` where it is cut off.
struct Entries<'c>(&'c [u8]);

impl<'c> Entries<'c> {
    fn split(&mut self) -> Option<(&'c [u8], &'c [u8])> {
        let (length, rest) = self.0.split_first()?;
        let (key, rest) = rest.split_at_checked((*length).into())?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some((key, value))
    }
}

impl<'c> Iterator for Entries<'c> {
    type Item = Option<(&'c [u8], &'c [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.split();
        if entry.is_none() {
            self.0 = &[];
        }
        Some(entry)
    }
}

/// All previous values of a table, by row and block, wherever they are kept.
#[cfg(test)]
pub(crate) fn all<T: StateTable, K: TransactionKind>(transaction: &Transaction<K>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut next = Vec::new();
    while let Some((key, chunk)) = transaction.seek_raw::<T::History>(&next).unwrap() {
        next = [&key, [0].as_slice()].concat();
        entries.extend(Entries(&chunk).map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()));
    }
    entries.sort();
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_off_chunk_is_noticed() {
        let mut chunk = Vec::new();
        push_entry(&mut chunk, b"ab", b"");
        push_entry(&mut chunk, b"c", b"value");
        let whole = [
            Some((b"ab".as_slice(), b"".as_slice())),
            Some((b"c".as_slice(), b"value".as_slice())),
        ];
        assert_eq!(Entries(&chunk).collect::<Vec<_>>(), whole);
        chunk.pop();
        assert_eq!(Entries(&chunk).collect::<Vec<_>>(), [whole[0], None]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_a_chunk_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Entries(&bytes).count() <= bytes.len());
        }
    }
}
