//! From sealed fragments to the file, each checked before a byte of it is used.

use std::io::{self, Write};

use aead_stream::StreamPrimitive;
use alloy_primitives::B256;
use zeroize::Zeroizing;

use super::{
    ASSOCIATED_DATA, Cipher, ContentKey, cipher, hash,
    layout::{LENGTH_BYTES, TAG_BYTES, padme},
    order::Order,
    seal::remedy,
};
use crate::{Fragment, MAX_FRAGMENT_BYTES, MAX_FRAGMENTS};

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The list of fragments is not one that sealing makes.
    #[error(
        "these {count} fragments are no sealed file: they must be 1 to {MAX_FRAGMENTS}, equally large, 25 to 1048576 bytes"
    )]
    Fragments {
        /// How many there are.
        count: usize,
    },
    /// A fragment was not to be had.
    #[error("fetching fragment {hash}: {source}; try other storage nodes")]
    Fetch {
        /// Its hash.
        hash: B256,
        /// Why.
        source: io::Error,
    },
    /// Storage gave something else.
    #[error("what storage gave for fragment {expected} has {bytes} bytes and hash {found}: fetch it from another node")]
    WrongFragment {
        /// The hash in the manifest.
        expected: B256,
        /// The hash of what came.
        found: B256,
        /// Its length.
        bytes: usize,
    },
    /// The fragment is the manifest's, but not sealed with this key at this place.
    #[error(
        "the key does not open part {part} of the file: it is another file's key, or the fragments are listed in a false order"
    )]
    WrongKey {
        /// The part, from 0.
        part: u32,
    },
    /// The length inside does not fit the fragments: the creator's program is at fault.
    #[error("the file says that it has {file_bytes} bytes, which its {fragments} fragments do not mean")]
    LengthInvalid {
        /// As it says.
        file_bytes: u64,
        /// How many there are.
        fragments: u32,
    },
    /// Behind the file are bytes other than zeros: the creator's program is at fault.
    #[error("part {part} of the file has something behind the file's end")]
    PaddingInvalid {
        /// The part, from 0.
        part: u32,
    },
    /// There is no such part.
    #[error("the file has {parts} parts, not a part {part}")]
    NoSuchPart {
        /// The part asked for.
        part: u32,
        /// How many there are.
        parts: u32,
    },
    /// The opened file can't be written.
    #[error("writing the opened file: {}{}", .0, remedy(.0))]
    Write(#[source] io::Error),
}

/// Opens parts of one file, in any order: players jump.
pub struct Opener {
    cipher: Cipher,
    order: Order,
    /// By place.
    fragments: Vec<Fragment>,
    room: u64,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener")
            .field("parts", &self.parts())
            .finish_non_exhaustive()
    }
}

impl Opener {
    /// For the fragments of a manifest.
    ///
    /// # Errors
    /// [`OpenError::Fragments`].
    pub fn new(fragments: &[Fragment], key: &ContentKey) -> Result<Self, OpenError> {
        let refused = OpenError::Fragments { count: fragments.len() };
        let sizes = TAG_BYTES + LENGTH_BYTES + 1..=MAX_FRAGMENT_BYTES;
        let size = fragments
            .first()
            .map(|first| first.size)
            .filter(|size| sizes.contains(size));
        let (Some(size), Ok(count)) = (size, u32::try_from(fragments.len())) else {
            return Err(refused);
        };
        if fragments.len() > MAX_FRAGMENTS || fragments.iter().any(|fragment| fragment.size != size) {
            return Err(refused);
        }
        Ok(Self {
            cipher: cipher(key),
            order: Order::new(key, count),
            fragments: fragments.to_vec(),
            room: size - TAG_BYTES,
        })
    }

    /// How many parts the file has; the last ones may be padding only.
    pub fn parts(&self) -> u32 {
        self.order.parts()
    }

    /// Bytes of a part. The file begins at byte 8 of the first one.
    pub const fn part_bytes(&self) -> u64 {
        self.room
    }

    /// The fragment to fetch for a part.
    ///
    /// # Errors
    /// [`OpenError::NoSuchPart`].
    pub fn fragment(&self, part: u32) -> Result<&Fragment, OpenError> {
        let fragment = self.order.place(part).and_then(|place| self.fragments.get(place));
        fragment.ok_or(OpenError::NoSuchPart {
            part,
            parts: self.parts(),
        })
    }

    /// A part from its fragment, after the fragment's hash and seal were checked.
    ///
    /// # Errors
    /// [`OpenError::WrongFragment`], [`OpenError::WrongKey`], [`OpenError::NoSuchPart`].
    pub fn open(&self, part: u32, sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let expected = self.fragment(part)?.fragment_hash;
        let found = hash(&sealed);
        if found != expected {
            return Err(OpenError::WrongFragment {
                expected,
                found,
                bytes: sealed.len(),
            });
        }
        let mut buffer = Zeroizing::new(sealed);
        let is_last = part + 1 == self.parts();
        let opened = self
            .cipher
            .decrypt_in_place(part, is_last, ASSOCIATED_DATA, &mut *buffer);
        opened.map_err(|_| OpenError::WrongKey { part })?;
        Ok(buffer)
    }

    /// The file's length, from its first part.
    ///
    /// # Errors
    /// [`OpenError::LengthInvalid`].
    pub fn file_bytes(&self, first: &[u8]) -> Result<u64, OpenError> {
        let length = first.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let fits = length
            .checked_add(LENGTH_BYTES)
            .is_some_and(|bytes| match self.parts() {
                1 => bytes <= self.room,
                parts => bytes > self.room && padme(bytes.div_ceil(self.room)) == u64::from(parts),
            });
        fits.then_some(length).ok_or_else(|| OpenError::LengthInvalid {
            file_bytes: length,
            fragments: self.parts(),
        })
    }
}

/// Opens a whole file into `out`, fetching one fragment at a time; gives its length. What was written before an error is
/// part of the file, unless the error is about length or padding.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    opener: &Opener,
    mut fetch: impl FnMut(&Fragment) -> io::Result<Vec<u8>>,
    out: &mut impl Write,
) -> Result<u64, OpenError> {
    let mut file_bytes = 0;
    let mut left = 0;
    for part in 0..opener.parts() {
        let fragment = opener.fragment(part)?;
        let sealed = fetch(fragment).map_err(|source| OpenError::Fetch {
            hash: fragment.fragment_hash,
            source,
        })?;
        let opened = opener.open(part, sealed)?;
        let mut contents = opened.as_slice();
        if part == 0 {
            file_bytes = opener.file_bytes(contents)?;
            left = file_bytes;
            contents = contents.get(8..).unwrap_or_default();
        }
        let take = usize::try_from(left).map_or(contents.len(), |left| left.min(contents.len()));
        let (contents, padding) = contents.split_at(take);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(OpenError::PaddingInvalid { part });
        }
        out.write_all(contents).map_err(OpenError::Write)?;
        left -= u64::try_from(take).unwrap_or(left);
    }
    out.flush().map_err(OpenError::Write)?;
    Ok(file_bytes)
}
