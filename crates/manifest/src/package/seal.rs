//! From a file to sealed fragments, one at a time.

use std::io::{self, Read};

use aead_stream::StreamPrimitive;
use zeroize::{Zeroize, Zeroizing};

use super::{
    ASSOCIATED_DATA, ContentKey, FragmentSize, Layout, LayoutError, cipher, hash, layout::LENGTH_BYTES, order::Order,
};
use crate::{ContentId, Fragment, dag};

/// Why a file was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file or the fragment size.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The file can't be read.
    #[error("reading the file to publish: {0}")]
    Read(#[source] io::Error),
    /// The file is not as long as it was said to be.
    #[error("the file to publish is not {expected_bytes} bytes long any more: publish it when nobody writes to it")]
    LengthChanged {
        /// At the start.
        expected_bytes: u64,
    },
    /// A fragment can't be stored.
    #[error("storing a fragment: {}{}", .0, remedy(.0))]
    Store(#[source] io::Error),
    /// The cipher refuses, as it would only for fragments beyond all bounds here.
    #[error("the cipher refuses a fragment of {bytes} bytes")]
    Cipher {
        /// Its length.
        bytes: usize,
    },
}

/// What to do about a failure of storage.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free space for the encrypted file and try again"
        }
        _ => "",
    }
}

/// A fragment on its way to storage.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    /// Hash, size and place in the encrypted file.
    pub fragment: Fragment,
    /// The encrypted bytes.
    pub bytes: &'a [u8],
}

/// What a manifest says of the encrypted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedContent {
    /// The file's id.
    pub content_id: ContentId,
    /// Its pieces, by place.
    pub fragments: Vec<Fragment>,
}

/// Seals a file of exactly `file_bytes`. `store` gets each fragment once, in the order of the work, not of their places.
/// Memory: one fragment, and 100 bytes for each. The key must not have sealed another file.
///
/// # Errors
/// The file can't be read, has another length, or `store` fails.
pub fn seal(
    file: &mut impl Read,
    file_bytes: u64,
    size: FragmentSize,
    key: &ContentKey,
    mut store: impl FnMut(Sealed<'_>) -> io::Result<()>,
) -> Result<SealedContent, SealError> {
    let layout = Layout::of(file_bytes, size)?;
    let (cipher, order) = (cipher(key), Order::new(key, layout.fragments));
    let mut source = Padded::new(file, file_bytes);
    let mut fragments: Vec<Option<Fragment>> = (0..layout.fragments).map(|_| None).collect();
    let room = usize::try_from(layout.room()).unwrap_or(usize::MAX);
    let mut buffer = Zeroizing::new(Vec::new());
    for part in 0..layout.fragments {
        buffer.resize(room, 0);
        source.fill(&mut buffer)?;
        let is_last = part + 1 == layout.fragments;
        let sealed = cipher.encrypt_in_place(part, is_last, ASSOCIATED_DATA, &mut *buffer);
        sealed.map_err(|_| SealError::Cipher { bytes: room })?;
        let place = order.place(part).unwrap_or_default();
        let fragment = Fragment {
            fragment_hash: hash(&buffer),
            size: layout.fragment_bytes,
            order: u64::try_from(place).unwrap_or(u64::MAX),
        };
        store(Sealed {
            fragment,
            bytes: &buffer,
        })
        .map_err(SealError::Store)?;
        if let Some(entry) = fragments.get_mut(place) {
            *entry = Some(fragment);
        }
    }
    source.finish()?;
    let fragments: Vec<_> = fragments.into_iter().flatten().collect();
    Ok(SealedContent {
        content_id: dag::content_id(&fragments),
        fragments,
    })
}

/// Length, file, zeros.
struct Padded<'a, R> {
    length: [u8; 8],
    /// Bytes given so far.
    given: u64,
    file: &'a mut R,
    file_bytes: u64,
}

impl<'a, R: Read> Padded<'a, R> {
    const fn new(file: &'a mut R, file_bytes: u64) -> Self {
        Self {
            length: file_bytes.to_be_bytes(),
            given: 0,
            file,
            file_bytes,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), SealError> {
        let mut rest = buffer;
        if self.given == 0 {
            let (front, behind) = rest.split_at_mut(self.length.len().min(rest.len()));
            front.copy_from_slice(self.length.get(..front.len()).unwrap_or_default());
            self.given = LENGTH_BYTES;
            rest = behind;
        }
        let left = self.file_bytes.saturating_sub(self.given - LENGTH_BYTES);
        let take = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let (contents, zeros) = rest.split_at_mut(take);
        self.file.read_exact(contents).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => SealError::Read(error),
        })?;
        zeros.zeroize();
        self.given += u64::try_from(take).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Nothing may be left.
    fn finish(self) -> Result<(), SealError> {
        let mut byte = Zeroizing::new(Vec::new());
        match self.file.take(1).read_to_end(&mut byte).map_err(SealError::Read)? {
            0 => Ok(()),
            _ => Err(SealError::LengthChanged {
                expected_bytes: self.file_bytes,
            }),
        }
    }

    const fn changed(&self) -> SealError {
        SealError::LengthChanged {
            expected_bytes: self.file_bytes,
        }
    }
}
