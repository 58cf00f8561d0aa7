//! The state as it is and as it was. The scheme is described in [`tables`](crate::tables).

use std::{borrow::Cow, collections::BTreeMap};

use signet_libmdbx::TransactionKind;

use crate::{
    StorageError,
    codec::{HistoryKey, Key, TouchedKey, Value},
    environment::{Transaction, WriteCursor, Writer, decode_value},
    recent::Generation,
    tables::{StateTable, Table, Touched},
};

/// The value that a row had after `block`.
pub(crate) fn value_at<T: StateTable, K: TransactionKind>(
    transaction: &Transaction<K>,
    key: &T::Key,
    block: u64,
) -> Result<Option<T::Value>, StorageError> {
    let key = key.encode();
    let row = key.as_ref();
    let next = HistoryKey::new(row, block.saturating_add(1)).encode();
    if let Some((found, previous)) = transaction.seek_raw::<T::History>(next.as_ref())?
        && HistoryKey::is_of(row, &found)
    {
        return if previous.is_empty() {
            Ok(None)
        } else {
            decode_value::<T>(&previous).map(Some)
        };
    }
    transaction
        .get_raw::<T>(row)?
        .map(|bytes| decode_value::<T>(&bytes))
        .transpose()
}

/// Writes what blocks change in one state table, and what they replace into the history.
pub(crate) struct StateWriter<'w, T: StateTable> {
    writer: &'w Writer,
    current: WriteCursor<'w, T>,
    history: WriteCursor<'w, T::History>,
    /// Rows by block.
    touched: BTreeMap<u64, Vec<u8>>,
    value: Vec<u8>,
    previous: Vec<u8>,
}

impl<'w, T: StateTable> StateWriter<'w, T> {
    pub(crate) fn new(writer: &'w Writer) -> Result<Self, StorageError> {
        Ok(Self {
            writer,
            current: writer.cursor::<T>()?,
            history: writer.cursor::<T::History>()?,
            touched: BTreeMap::new(),
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
            if self.previous != self.value {
                remember(&mut self.history, &mut self.touched, *block, row, &self.previous)?;
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

    /// Writes down which rows were touched.
    pub(crate) fn finish(self) -> Result<(), StorageError> {
        for (block, rows) in self.touched {
            let key = TouchedKey { block, table: T::ID }.encode();
            self.writer.cursor::<Touched>()?.put(key.as_ref(), &rows)?;
        }
        Ok(())
    }
}

/// Notes what a block replaces.
fn remember<H: Table>(
    history: &mut WriteCursor<'_, H>,
    touched: &mut BTreeMap<u64, Vec<u8>>,
    block: u64,
    row: &[u8],
    previous: &[u8],
) -> Result<(), StorageError> {
    // No block is before genesis, so nobody can ask for the state there.
    if block == 0 {
        return Ok(());
    }
    history.put(HistoryKey::new(row, block).encode().as_ref(), previous)?;
    push_row(touched.entry(block).or_default(), row);
    Ok(())
}

/// Writes what the blocks of a generation change in one state table.
pub(crate) fn write_versions<T: StateTable>(writer: &Writer, generation: &Generation) -> Result<(), StorageError> {
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
    state.finish()
}

/// Takes back what `block`, the newest, changed in a state table.
pub(crate) fn revert<T: StateTable>(writer: &Writer, block: u64) -> Result<(), StorageError> {
    let mut current = writer.cursor::<T>()?;
    let mut history = writer.cursor::<T::History>()?;
    take_touched::<T>(writer, block, |row| {
        let key = HistoryKey::new(row, block).encode();
        let previous =
            history
                .find(key.as_ref())?
                .ok_or(MISSING_PREVIOUS)
                .map_err(|reason| StorageError::MalformedRow {
                    table: T::History::NAME,
                    reason,
                })?;
        if previous.is_empty() {
            current.delete(row)?;
        } else {
            current.put(row, &previous)?;
        }
        history.delete(key.as_ref())
    })
}

const MISSING_PREVIOUS: &str = "the previous value of a touched row is missing";

/// Forgets the values that `block` replaced: the state before it is no longer known.
pub(crate) fn prune<T: StateTable>(writer: &Writer, block: u64) -> Result<(), StorageError> {
    let mut history = writer.cursor::<T::History>()?;
    take_touched::<T>(writer, block, |row| {
        history.delete(HistoryKey::new(row, block).encode().as_ref())
    })
}

/// Visits the rows that a block touched in a state table, and removes the list.
fn take_touched<T: StateTable>(
    writer: &Writer,
    block: u64,
    mut visit: impl FnMut(&[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let key = TouchedKey { block, table: T::ID };
    let Some(list) = writer.get_raw::<Touched>(key.encode().as_ref())?.map(Cow::into_owned) else {
        return Ok(());
    };
    for row in Rows(&list) {
        visit(row.ok_or(StorageError::MalformedRow {
            table: Touched::NAME,
            reason: "a row is cut off",
        })?)?;
    }
    writer.delete::<Touched>(&key).map(drop)
}

fn push_row(list: &mut Vec<u8>, row: &[u8]) {
    // Keys are at most `MAX_KEY_BYTES` long, which fits a byte.
    list.push(u8::try_from(row.len()).unwrap_or(u8::MAX));
    list.extend_from_slice(row);
}

/// The rows of a list; `None` where it is cut off.
struct Rows<'l>(&'l [u8]);

impl<'l> Iterator for Rows<'l> {
    type Item = Option<&'l [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first()?;
        let Some((row, rest)) = rest.split_at_checked((*length).into()) else {
            self.0 = &[];
            return Some(None);
        };
        self.0 = rest;
        Some(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_off_list_of_rows_is_noticed() {
        let mut list = Vec::new();
        push_row(&mut list, b"ab");
        push_row(&mut list, b"c");
        assert_eq!(
            Rows(&list).collect::<Vec<_>>(),
            [Some(b"ab".as_slice()), Some(b"c".as_slice())]
        );
        list.pop();
        assert_eq!(Rows(&list).collect::<Vec<_>>(), [Some(b"ab".as_slice()), None]);
    }
}
