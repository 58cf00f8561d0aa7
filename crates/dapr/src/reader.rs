//! The framing of the guest's input: words of fixed width, integers little-endian, lists behind their length.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};

use crate::DataError;

/// Why bytes are no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The input ends inside of a part.
    #[error("settlement input ends at byte {at}, {wanted} more bytes expected")]
    Short {
        /// Where the missing part should begin.
        at: usize,
        /// Its length in bytes.
        wanted: usize,
    },
    /// Bytes after the last part.
    #[error("settlement input has {0} bytes after its end")]
    Trailing(usize),
    /// A list longer than it may be, or than the input.
    #[error("settlement input has a list of {count} entries, at most {limit} are possible")]
    TooMany {
        /// Entries.
        count: usize,
        /// Limit.
        limit: usize,
    },
    /// A flag that is neither 0 nor 1.
    #[error("settlement input has the flag {0}: it must be 0 or 1")]
    Flag(u32),
    /// Lists that are not in order.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Reads parts one after another.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    input: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(input: &'a [u8]) -> Self {
        Self { input, rest: input }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, InputError> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, InputError> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Result<u128, InputError> {
        self.take().map(u128::from_le_bytes)
    }

    pub(crate) fn u256(&mut self) -> Result<U256, InputError> {
        self.take().map(U256::from_le_bytes::<32>)
    }

    pub(crate) fn hash(&mut self) -> Result<B256, InputError> {
        self.take().map(B256::new)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, InputError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(InputError::Flag(other)),
        }
    }

    /// A length, then that many entries of `bytes` each: a length beyond the input is refused before it is allocated.
    pub(crate) fn list<T>(
        &mut self,
        bytes: usize,
        maximum: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, InputError>,
    ) -> Result<Vec<T>, InputError> {
        let count = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let limit = maximum.min(self.rest.len() / bytes.max(1));
        if count > limit {
            return Err(InputError::TooMany { count, limit });
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(entry(self)?);
        }
        Ok(entries)
    }

    pub(crate) const fn finish(self) -> Result<(), InputError> {
        match self.rest.len() {
            0 => Ok(()),
            rest => Err(InputError::Trailing(rest)),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], InputError> {
        let (part, rest) = self.rest.split_first_chunk::<N>().ok_or(InputError::Short {
            at: self.input.len() - self.rest.len(),
            wanted: N,
        })?;
        self.rest = rest;
        Ok(*part)
    }
}
