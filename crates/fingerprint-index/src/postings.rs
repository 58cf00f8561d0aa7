//! Reading postings: those of one key, and those of a range of keys.

use std::borrow::Cow;

use signet_libmdbx::{Cursor, TransactionKind};

use crate::{
    IndexError,
    environment::{Table, Transaction},
    rows::POSTING_BYTES,
};

/// Looks keys up in one table; best in ascending order.
pub(crate) struct Lookup<'t, K: TransactionKind> {
    transaction: &'t Transaction<'t, K>,
    cursor: Cursor<'t, K>,
}

/// What a key has.
pub(crate) enum Found<'t> {
    Nothing,
    /// More than the limit.
    Many(usize),
    /// All of it, when it is on one page, as it nearly always is.
    Page(Cow<'t, [u8]>),
    /// All of it.
    Pages(Vec<u8>),
}

impl Found<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Nothing | Self::Many(_) => &[],
            Self::Page(bytes) => bytes,
            Self::Pages(bytes) => bytes,
        }
    }
}

impl<'t, K: TransactionKind> Lookup<'t, K> {
    pub(crate) fn new(transaction: &'t Transaction<'t, K>, table: Table) -> Result<Self, IndexError> {
        let cursor = transaction.cursor(table)?;
        Ok(Self { transaction, cursor })
    }

    /// The values of a key, of `value_bytes` each, unless there are more than `limit`.
    pub(crate) fn find(&mut self, key: &[u8], value_bytes: usize, limit: usize) -> Result<Found<'t>, IndexError> {
        let failed = |error| self.transaction.failed(error);
        let Some(first) = self.cursor.set::<Cow<'t, [u8]>>(key).map_err(failed)? else {
            return Ok(Found::Nothing);
        };
        let count = self.cursor.dup_count().map_err(|error| self.transaction.mdbx(error))?;
        if count > limit {
            return Ok(Found::Many(count));
        }
        if count == 1 {
            return Ok(Found::Page(first));
        }
        let Some(page) = self.cursor.get_multiple::<Cow<'t, [u8]>>().map_err(failed)? else {
            return Ok(Found::Nothing);
        };
        if page.len() == count * value_bytes {
            return Ok(Found::Page(page));
        }
        let mut bytes = page.into_owned();
        while let Some((_, page)) = self.cursor.next_multiple::<(), Cow<'t, [u8]>>().map_err(failed)? {
            bytes.extend_from_slice(&page);
        }
        Ok(Found::Pages(bytes))
    }
}

/// Calls `each` with every mixed key of a range and its postings, ascending, until it says to stop.
pub(crate) fn scan<K: TransactionKind>(
    transaction: &Transaction<'_, K>,
    (low, high): (u32, u32),
    mut each: impl FnMut(u32, &[u8]) -> Result<bool, IndexError>,
) -> Result<(), IndexError> {
    let mut keys = transaction.cursor(Table::Postings)?;
    let mut lookup = Lookup::new(transaction, Table::Postings)?;
    let mut row = keys
        .set_range::<[u8; 4], ()>(&low.to_be_bytes())
        .map_err(|error| transaction.failed(error))?;
    while let Some((bytes, ())) = row {
        let key = u32::from_be_bytes(bytes);
        if key > high || !each(key, lookup.find(&bytes, POSTING_BYTES, usize::MAX)?.bytes())? {
            return Ok(());
        }
        row = keys.next_nodup().map_err(|error| transaction.failed(error))?;
    }
    Ok(())
}
