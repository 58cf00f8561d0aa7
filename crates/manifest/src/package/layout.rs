//! How many fragments of which size a file of a length becomes.

use crate::{MAX_FRAGMENT_BYTES, MAX_FRAGMENTS};

/// Bytes of a fragment unless somebody chooses otherwise.
pub const DEFAULT_FRAGMENT_BYTES: u64 = 512 << 10;
/// Bytes that sealing adds to a fragment.
pub(super) const TAG_BYTES: u64 = 16;
/// Bytes in front of the file that have its length.
pub(super) const LENGTH_BYTES: u64 = 8;
/// Fewest bytes of a fragment to choose.
const MIN_FRAGMENT_BYTES: u64 = 16 << 10;
/// A file below this is padded to it.
const MIN_PADDED_BYTES: u64 = 4 << 10;

/// Bytes of a full fragment: a power of two, 16 KiB to 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentSize(u64);

impl FragmentSize {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`LayoutError::FragmentSize`].
    pub const fn new(bytes: u64) -> Result<Self, LayoutError> {
        if bytes < MIN_FRAGMENT_BYTES || bytes > MAX_FRAGMENT_BYTES || !bytes.is_power_of_two() {
            return Err(LayoutError::FragmentSize { bytes });
        }
        Ok(Self(bytes))
    }
}

impl Default for FragmentSize {
    fn default() -> Self {
        Self(DEFAULT_FRAGMENT_BYTES)
    }
}

/// Why a file has no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The size that was chosen.
    #[error("fragments of {bytes} bytes are not possible: choose a power of two, 16384 to 1048576")]
    FragmentSize {
        /// The choice.
        bytes: u64,
    },
    /// The file.
    #[error(
        "a file of {bytes} bytes needs more than {MAX_FRAGMENTS} fragments: choose larger ones, or publish it in parts"
    )]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
}

/// A file's fragments: how many, and how large each is. All are equally large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Number of fragments, 1 to [`MAX_FRAGMENTS`].
    pub fragments: u32,
    /// Encrypted bytes of each.
    pub fragment_bytes: u64,
}

impl Layout {
    /// Of a file of `file_bytes`. What others see of it is padded by Padmé (Nikitin and others, 2019), to a length of
    /// which only the first few bits differ: in bytes while it is one fragment, in fragments above.
    ///
    /// # Errors
    /// [`LayoutError::TooLarge`].
    pub fn of(file_bytes: u64, size: FragmentSize) -> Result<Self, LayoutError> {
        let too_large = LayoutError::TooLarge { bytes: file_bytes };
        let bytes = file_bytes.checked_add(LENGTH_BYTES).ok_or(too_large)?;
        let room = size.0 - TAG_BYTES;
        if bytes <= room {
            let padded = padme(bytes).clamp(MIN_PADDED_BYTES, room);
            return Ok(Self {
                file_bytes,
                fragments: 1,
                fragment_bytes: padded + TAG_BYTES,
            });
        }
        let fragments = u32::try_from(padme(bytes.div_ceil(room))).map_err(|_| too_large)?;
        if usize::try_from(fragments).map_or(true, |count| count > MAX_FRAGMENTS) {
            return Err(too_large);
        }
        Ok(Self {
            file_bytes,
            fragments,
            fragment_bytes: size.0,
        })
    }

    /// Bytes of a fragment before it is sealed.
    pub(super) const fn room(&self) -> u64 {
        self.fragment_bytes - TAG_BYTES
    }

    /// Bytes of the encrypted file.
    pub fn encrypted_bytes(&self) -> u64 {
        u64::from(self.fragments) * self.fragment_bytes
    }
}

/// The next length of which only the leading bits may be set: at most 12 % more, and less the longer it is.
pub(super) fn padme(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2().filter(|exponent| *exponent > 0) else {
        return length;
    };
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1u64 << exponent.saturating_sub(kept_bits)) - 1;
    length.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padding_follows_the_published_examples() {
        for (length, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (8, 8),
            (9, 10),
            (100, 104),
            (1000, 1024),
            (1_000_000, 1_015_808),
        ] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        for bytes in [0, 1, 8192, 100_000, 2 << 20] {
            assert_eq!(FragmentSize::new(bytes), Err(LayoutError::FragmentSize { bytes }));
        }
        let size = FragmentSize::default();
        assert_eq!(Layout::of(0, size).unwrap().encrypted_bytes(), 4112);
        // The last length that one fragment holds, and the first that it does not.
        assert_eq!(Layout::of(524_264, size).unwrap().encrypted_bytes(), 524_288);
        assert_eq!(Layout::of(524_265, size).unwrap().encrypted_bytes(), 2 * 524_288);
        for bytes in [u64::MAX, 65_536 * 524_288] {
            assert_eq!(Layout::of(bytes, size), Err(LayoutError::TooLarge { bytes }));
        }
    }

    proptest! {
        #[test]
        fn a_layout_holds_the_file_and_little_more(bytes in 0u64..30 << 30, log in 14u32..=20) {
            let size = FragmentSize::new(1 << log).unwrap();
            let Ok(layout) = Layout::of(bytes, size) else { return Ok(()) };
            let room = u64::from(layout.fragments) * layout.room();
            prop_assert!(room >= bytes + LENGTH_BYTES);
            let most = (bytes + LENGTH_BYTES) * 112 / 100 + MIN_PADDED_BYTES + 2 * layout.fragment_bytes;
            prop_assert!(layout.encrypted_bytes() <= most);
        }
    }
}
