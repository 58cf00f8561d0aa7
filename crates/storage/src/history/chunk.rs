//! Chunks of history as bytes: entries in the order of their keys, each as what it adds to the one before.
//!
//! Keys share the beginning with the key before. A value of the same row, one block later, is mostly the same: of a
//! branch of the trie one or two children of sixteen are others. Whoever looks for an entry reads the chunk from its
//! beginning anyway.
//!
//! An entry: bytes shared with the key before (one byte), length of the rest of the key (one byte), that rest; a number
//! in LEB128, which is twice the length of a value that follows whole, or one more than twice the number of *pieces* in
//! which the value differs from the one before. A piece: bytes skipped since the last one, its length (LEB128 both), its
//! bytes.

use crate::codec::MAX_KEY_BYTES;

/// Most bytes of a chunk of more than one entry: with its header it fills two pages of the file.
pub(super) const CHUNK_BYTES: usize = if cfg!(test) { 128 } else { 2 * 4096 - 20 };

/// Equal bytes between two differences that are worth a piece of their own.
const GAP: usize = 4;

/// Bytes that no chunk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Key and value of an entry.
type Entry<'e> = (&'e [u8], &'e [u8]);

/// Makes one chunk after the other.
#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    bytes: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl ChunkWriter {
    /// Adds an entry behind all others. `false` if the chunk has no room: it is to be stored and [cleared](Self::clear)
    /// first.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        let before = self.bytes.len();
        let shared = common_prefix(&self.key, key).min(usize::from(u8::MAX));
        // Keys are at most `MAX_KEY_BYTES` long.
        self.bytes.push(u8::try_from(shared).unwrap_or(u8::MAX));
        self.bytes.push(u8::try_from(key.len() - shared).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(&key[shared..]);
        let is_same_row = self.key.len() == key.len() && shared + 8 >= key.len();
        if !(is_same_row && self.push_pieces(value)) {
            push_number(&mut self.bytes, value.len() * 2);
            self.bytes.extend_from_slice(value);
        }
        if before > 0 && self.bytes.len() > CHUNK_BYTES {
            self.bytes.truncate(before);
            return false;
        }
        self.key.clear();
        self.key.extend_from_slice(key);
        self.value.clear();
        self.value.extend_from_slice(value);
        true
    }

    /// Writes in which pieces a value differs from the last one, if it is as long and that is shorter than the value.
    fn push_pieces(&mut self, value: &[u8]) -> bool {
        if value.len() != self.value.len() {
            return false;
        }
        let start = self.bytes.len();
        let mut count = 0;
        let mut done = 0;
        while let Some((from, to)) = next_piece(&self.value, value, done) {
            count += 1;
            push_number(&mut self.bytes, from - done);
            push_number(&mut self.bytes, to - from);
            self.bytes.extend_from_slice(&value[from..to]);
            done = to;
            if self.bytes.len() - start >= value.len() {
                self.bytes.truncate(start);
                return false;
            }
        }
        let mut head = Vec::new();
        push_number(&mut head, count * 2 + 1);
        self.bytes.splice(start..start, head);
        true
    }

    /// The chunk, and the key of its last entry; `None` if it is empty.
    pub(super) fn chunk(&self) -> Option<Entry<'_>> {
        (!self.bytes.is_empty()).then_some((&self.key, &self.bytes))
    }

    /// Begins the next chunk.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.key.clear();
        self.value.clear();
    }
}

/// Reads a chunk entry by entry.
#[derive(Debug)]
pub(super) struct ChunkReader<'c> {
    rest: &'c [u8],
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'c> ChunkReader<'c> {
    pub(super) const fn new(chunk: &'c [u8]) -> Self {
        Self {
            rest: chunk,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The next entry; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Entry<'_>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let shared = usize::from(self.take(1)?[0]);
        let length = usize::from(self.take(1)?[0]);
        if shared > self.key.len() || shared + length > MAX_KEY_BYTES {
            return Err(Malformed);
        }
        let rest = self.take(length)?;
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        let number = self.take_number()?;
        if number % 2 == 0 {
            let value = self.take(number / 2)?;
            self.value.clear();
            self.value.extend_from_slice(value);
        } else {
            self.take_pieces(number / 2)?;
        }
        Ok(Some((&self.key, &self.value)))
    }

    fn take_pieces(&mut self, count: usize) -> Result<(), Malformed> {
        let mut done = 0usize;
        for _ in 0..count {
            let from = done.checked_add(self.take_number()?).ok_or(Malformed)?;
            let length = self.take_number()?;
            let piece = self.take(length)?;
            done = from.checked_add(length).ok_or(Malformed)?;
            self.value.get_mut(from..done).ok_or(Malformed)?.copy_from_slice(piece);
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'c [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_number(&mut self) -> Result<usize, Malformed> {
        let mut number = 0;
        for shift in (0..28).step_by(7) {
            let byte = self.take(1)?[0];
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }
}

/// LEB128; values of the state have a few hundred bytes.
fn push_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f).to_le_bytes()[0]);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Where two values of the same length differ next, from `done` on.
fn next_piece(old: &[u8], new: &[u8], done: usize) -> Option<(usize, usize)> {
    let from = done + first_difference(&old[done..], &new[done..])?;
    let mut to = from + 1;
    let mut equal = 0;
    for (position, (a, b)) in old.iter().zip(new).enumerate().skip(to) {
        if a == b {
            equal += 1;
            if equal == GAP {
                break;
            }
        } else {
            equal = 0;
            to = position + 1;
        }
    }
    Some((from, to))
}

/// Position of the first byte that differs; eight bytes a step, since most don't.
fn first_difference(old: &[u8], new: &[u8]) -> Option<usize> {
    let words = old.as_chunks::<8>().0.iter().zip(new.as_chunks::<8>().0);
    let start = 8 * words.take_while(|(a, b)| a == b).count();
    let mut tail = old[start..].iter().zip(&new[start..]);
    tail.position(|(a, b)| a != b).map(|position| start + position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Key and value.
    type Entry = (Vec<u8>, Vec<u8>);

    fn read(chunk: &[u8]) -> Result<Vec<Entry>, Malformed> {
        let mut reader = ChunkReader::new(chunk);
        let mut entries = Vec::new();
        while let Some((key, value)) = reader.next()? {
            entries.push((key.to_vec(), value.to_vec()));
        }
        Ok(entries)
    }

    fn write(entries: &[Entry]) -> Vec<Vec<u8>> {
        let mut writer = ChunkWriter::default();
        let mut chunks = Vec::new();
        for (key, value) in entries {
            if !writer.push(key, value) {
                chunks.push(writer.chunk().unwrap().1.to_vec());
                writer.clear();
                assert!(writer.push(key, value));
            }
        }
        chunks.extend(writer.chunk().map(|(_, bytes)| bytes.to_vec()));
        chunks
    }

    fn key(row: u8, block: u64) -> Vec<u8> {
        [[row; 20].as_slice(), &block.to_be_bytes()].concat()
    }

    #[test]
    fn a_later_value_of_a_row_costs_what_it_changes() {
        let old: Vec<u8> = (0..100).collect();
        let mut new = old.clone();
        (new[40], new[41], new[99]) = (0, 0, 0);
        let entries = [(key(1, 1), old), (key(1, 2), new)];
        let chunks = write(&entries);
        assert_eq!(chunks.len(), 2, "the second entry alone is beyond the limit of tests");
        let mut writer = ChunkWriter::default();
        writer.bytes.reserve(200);
        assert!(writer.push(&entries[0].0, &entries[0].1[..60]));
        let before = writer.chunk().unwrap().1.len();
        assert!(writer.push(&entries[1].0, &entries[1].1[..60]));
        // Shared and length of the key, its last byte, number of pieces, one piece of two bytes.
        assert_eq!(writer.chunk().unwrap().1.len() - before, 2 + 1 + 1 + 2 + 2);
    }

    #[test]
    fn a_cut_off_chunk_is_noticed() {
        let entries = [(key(1, 1), vec![7; 30]), (key(1, 2), vec![8; 30])];
        let chunk = write(&entries).remove(0);
        assert_eq!(read(&chunk), Ok(entries.to_vec()));
        assert_eq!(read(&chunk[..chunk.len() - 1]), Err(Malformed));
    }

    #[test]
    fn a_key_that_shares_more_than_there_is_and_a_piece_beyond_the_value_are_refused() {
        assert_eq!(read(&[1, 1, 9, 0]), Err(Malformed));
        assert_eq!(read(&[0, 1, 9, 3, 0, 1, 5]), Err(Malformed));
        assert_eq!(read(&[0, 1, 9, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_a_chunk_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(entries) = read(&bytes) {
                prop_assert!(entries.len() <= bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read(
            rows in proptest::collection::btree_map((0u8..4, 0u64..5), proptest::collection::vec(0u8..3, 0..60), 0..40),
        ) {
            let entries: Vec<_> = rows.into_iter().map(|((row, block), value)| (key(row, block), value)).collect();
            let chunks = write(&entries);
            let read: Vec<_> = chunks.iter().flat_map(|chunk| read(chunk).unwrap()).collect();
            prop_assert_eq!(read, entries);
            prop_assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
        }
    }
}
