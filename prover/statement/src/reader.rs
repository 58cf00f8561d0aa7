//! The framing of proof inputs: little-endian words, and bytes that begin at a word boundary.
//!
//! A virtual machine hashes aligned bytes in place, so nodes and codes are never copied.

use alloc::vec::Vec;

use alloy_primitives::Bytes;

/// Bytes of a word.
const WORD: usize = 4;

/// Bytes that are not the framing of a proof input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The input ends inside of a part.
    #[error("proof input ends at byte {at}, {wanted} more bytes expected")]
    Short {
        /// Where the missing part should begin.
        at: usize,
        /// Its length.
        wanted: usize,
    },
    /// Bytes that fill up a word are not zero.
    #[error("proof input has padding that is not zero before byte {0}")]
    Padding(usize),
    /// Bytes after the last part.
    #[error("proof input has {0} bytes after its end")]
    Trailing(usize),
    /// A list longer than it may be.
    #[error("proof input has a list of {count} parts, at most {limit} allowed")]
    TooMany {
        /// Parts.
        count: usize,
        /// Limit.
        limit: usize,
    },
    /// A part is not the RLP it should be.
    #[error("proof input has a malformed {part}: {reason}")]
    Rlp {
        /// Which part.
        part: &'static str,
        /// What the decoder said.
        reason: alloy_rlp::Error,
    },
}

/// Reads parts one after another; slices share the input's memory.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    input: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(input: &'a Bytes) -> Self {
        Self { input, at: 0 }
    }

    pub(crate) fn word(&mut self) -> Result<usize, InputError> {
        let bytes = self.take(WORD)?;
        let mut word = [0; WORD];
        word.copy_from_slice(bytes);
        Ok(u32::from_le_bytes(word) as usize)
    }

    /// A length, then that many bytes, then zeros up to the next word.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, InputError> {
        let length = self.word()?;
        let start = self.at;
        self.take(length)?;
        let padding = self.take(length.wrapping_neg() % WORD)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(InputError::Padding(self.at));
        }
        Ok(self.input.slice(start..start + length))
    }

    /// A count, then that many parts.
    pub(crate) fn list(&mut self, limit: usize) -> Result<Vec<Bytes>, InputError> {
        let count = self.count(limit)?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(self.bytes()?);
        }
        Ok(parts)
    }

    /// The length of a list: every part of it takes a word at least, so a huge count is refused before it is allocated.
    pub(crate) fn count(&mut self, limit: usize) -> Result<usize, InputError> {
        let count = self.word()?;
        let limit = limit.min((self.input.len() - self.at) / WORD);
        if count > limit {
            return Err(InputError::TooMany { count, limit });
        }
        Ok(count)
    }

    /// Decodes one part.
    pub(crate) fn rlp<T: alloy_rlp::Decodable>(&mut self, part: &'static str) -> Result<T, InputError> {
        alloy_rlp::decode_exact(&self.bytes()?).map_err(|reason| InputError::Rlp { part, reason })
    }

    pub(crate) fn finish(self) -> Result<(), InputError> {
        match self.input.len() - self.at {
            0 => Ok(()),
            rest => Err(InputError::Trailing(rest)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], InputError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.input.len());
        let end = end.ok_or(InputError::Short {
            at: self.at,
            wanted: length,
        })?;
        let part = &self.input[self.at..end];
        self.at = end;
        Ok(part)
    }
}

/// Writes what [`Reader`] reads.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Lengths of honest inputs are far below 2³²; a longer one would be cut, and the reader would refuse it.
    pub(crate) fn word(&mut self, word: usize) {
        let word = u32::try_from(word).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len());
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(WORD), 0);
    }

    pub(crate) fn list(&mut self, parts: &[Bytes]) {
        self.word(parts.len());
        parts.iter().for_each(|part| self.bytes(part));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &'static [u8]) -> (Bytes, fn(&Bytes) -> Reader<'_>) {
        (Bytes::from_static(bytes), |bytes| Reader::new(bytes))
    }

    #[test]
    fn parts_begin_at_word_boundaries() {
        let mut writer = Writer::default();
        writer.bytes(b"abc");
        writer.list(&[Bytes::from_static(b"defgh"), Bytes::new()]);
        let bytes = Bytes::from(writer.finish());
        assert_eq!(bytes.len() % WORD, 0);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.bytes().unwrap(), Bytes::from_static(b"abc"));
        assert_eq!(reader.list(2).unwrap(), [Bytes::from_static(b"defgh"), Bytes::new()]);
        reader.finish().unwrap();
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        let (bytes, open) = reader(&[0xff, 0xff, 0xff, 0xff, 1, 2]);
        assert_eq!(
            open(&bytes).bytes(),
            Err(InputError::Short {
                at: 4,
                wanted: 0xffff_ffff
            })
        );
    }

    #[test]
    fn a_list_that_can_not_fit_is_refused_before_it_is_allocated() {
        let (bytes, open) = reader(&[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
        assert!(matches!(
            open(&bytes).list(usize::MAX),
            Err(InputError::TooMany { limit: 1, .. })
        ));
    }

    #[test]
    fn padding_is_zero() {
        let (bytes, open) = reader(&[1, 0, 0, 0, 7, 0, 1, 0]);
        assert_eq!(open(&bytes).bytes(), Err(InputError::Padding(8)));
    }

    #[test]
    fn nothing_follows_the_last_part() {
        let (bytes, open) = reader(&[0, 0, 0, 0, 9]);
        let mut reader = open(&bytes);
        reader.bytes().unwrap();
        assert_eq!(reader.finish(), Err(InputError::Trailing(1)));
    }
}
