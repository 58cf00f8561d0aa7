//! Previous values of one table in memory: hundreds of thousands of small ones, so they share one buffer.

use crate::codec::HistoryKey;

/// History keys (row and block) and the values that the rows had before.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where an entry lies: its key, and behind it its value.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: usize,
    value: usize,
    end: usize,
}

impl Place {
    fn key<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.key..self.value]
    }

    fn value<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.value..self.end]
    }
}

impl Entries {
    /// Adds what a row was before a block; empty bytes for no value.
    pub(super) fn push(&mut self, row: &[u8], block: u64, value: &[u8]) {
        self.push_key(HistoryKey::new(row, block).as_ref(), value);
    }

    /// Adds an entry by its history key.
    pub(super) fn push_key(&mut self, key: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.places.push(Place {
            key: start,
            value: start + key.len(),
            end: self.bytes.len(),
        });
    }

    /// Takes over the entries of another table.
    pub(super) fn append(&mut self, other: Self) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.places.extend(other.places.iter().map(|place| Place {
            key: place.key + offset,
            value: place.value + offset,
            end: place.end + offset,
        }));
    }

    /// Sorts by row and block. Entries come nearly sorted, in a few runs: this kind of sort makes use of it.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        self.places.sort_by(|a, b| a.key(bytes).cmp(b.key(bytes)));
    }

    /// Keeps the entries of the blocks up to `last`.
    pub(super) fn keep_through(&mut self, last: u64) {
        let bytes = &self.bytes;
        self.places
            .retain(|place| HistoryKey::split(place.key(bytes)).1 <= last);
    }

    /// Keys and values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places
            .iter()
            .map(|place| (place.key(&self.bytes), place.value(&self.bytes)))
    }

    /// Bytes of all keys and values.
    pub(super) fn size(&self) -> u64 {
        self.places.iter().map(|place| (place.end - place.key) as u64).sum()
    }
}
