//! Looking a work up without saying which: buckets of the index, and matching them on the listener's side.
//!
//! An index orders its anchors by their [`mix`]ed keys. A **bucket** is everything whose mixed key begins with the same
//! bits: a listener's program sends such a [`BucketPrefix`] instead of what it heard, gets a [`Bucket`] (anchors of many
//! works, each with the [slice](crate::Descriptor::slice) of the descriptor around it) and finds the work in it by
//! [`match_bucket`], at home. An index answers prefixes only up to a length at which every bucket holds so many works
//! that the prefix does not tell which of them is playing.
//!
//! **Ask for few prefixes.** One prefix leaves the index with all works of the bucket to guess from. A second one of the
//! same excerpt leaves it with the works that are in both: of a million works in buckets of 256, usually one. So a
//! program asks for the first of [`prefixes`], fetches all pages of the bucket (where it stops would tell, too), and asks
//! for the next one only when nothing matched, best some time later and on another connection.

mod codec;
mod matching;
mod prefix;

pub use matching::{match_bucket, prefixes};
pub use prefix::{BucketPrefix, BucketPrefixError, MAX_PREFIX_BITS, mix, unmix};

use core::fmt;

use crate::{Anchor, Descriptor};

/// The most entries of a page.
pub const MAX_ENTRIES: usize = 256;
/// The most anchors of an entry.
pub const MAX_ANCHORS: usize = 256;
/// The longest encoded slice of an entry, in bytes.
pub const MAX_SLICE_BYTES: usize = 64 << 10;
/// The longest encoded page, in bytes.
pub const MAX_PAGE_BYTES: usize = 4 << 20;

/// What an index calls a work by: its id on the chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkId(pub [u8; 32]);

impl fmt::Display for WorkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for WorkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// One page of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which bucket.
    pub prefix: BucketPrefix,
    /// How many works the whole bucket holds.
    pub works: u32,
    /// Which page this is, from 0.
    pub page: u32,
    /// How many pages the bucket has; at least 1.
    pub pages: u32,
    /// Ascending by work, then by time.
    pub entries: Vec<BucketEntry>,
}

/// A stretch of a work: the anchors there that are in the bucket, and what to verify them with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEntry {
    /// The work.
    pub work: WorkId,
    /// At least one, ascending by time, then by key.
    pub anchors: Vec<Anchor>,
    /// The work's descriptor around them.
    pub slice: Descriptor,
}

/// Why a bucket is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The encoding is wrong.
    #[error("{0}")]
    Encoding(#[from] crate::DecodeError),
    /// A list is longer than allowed.
    #[error("{what} is {found}, at most {max} is allowed")]
    TooLarge {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The prefix cannot be.
    #[error("{0}")]
    Prefix(#[from] BucketPrefixError),
    /// A page beyond the last.
    #[error("page {page} of {pages}: pages are counted from 0")]
    Page {
        /// The page.
        page: u32,
        /// How many there are.
        pages: u32,
    },
    /// An entry that does not belong to the bucket, or not there.
    #[error("entry {entry}: {reason}")]
    Entry {
        /// The entry's place in the page, from 0.
        entry: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}
