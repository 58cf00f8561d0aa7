//! Lengths that tell little.

use zeroize::Zeroizing;

use super::VaultError;

/// Least length of what is encrypted.
const MIN_PADDED_BYTES: usize = 1 << 20;
/// Most.
pub(super) const MAX_PADDED_BYTES: usize = 1 << 26;
/// Of the contents' length before them.
const LENGTH_BYTES: usize = 4;

/// `contents` behind their length, and zeros up to a power of two. `room`: how much the buffer must be able to grow
/// without moving, since what it leaves behind would not be wiped.
pub(super) fn padded(contents: &[u8], room: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let too_large = || VaultError::TooLarge(contents.len());
    let length = u32::try_from(contents.len()).map_err(|_| too_large())?;
    let size = (contents.len() + LENGTH_BYTES)
        .next_power_of_two()
        .max(MIN_PADDED_BYTES);
    if size > MAX_PADDED_BYTES {
        return Err(too_large());
    }
    let mut padded = Zeroizing::new(Vec::with_capacity(size + room));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(contents);
    padded.resize(size, 0);
    Ok(padded)
}

/// Undoes [`padded`].
pub(super) fn remove(padded: &mut Zeroizing<Vec<u8>>) -> Result<(), VaultError> {
    let damaged = VaultError::Damaged("its length is wrong");
    let Some((length, rest)) = padded.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(damaged);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| damaged.clone())?;
    if length > rest.len() {
        return Err(damaged);
    }
    padded.copy_within(LENGTH_BYTES..LENGTH_BYTES + length, 0);
    padded.truncate(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_removed_again_at_every_length() {
        for length in [
            0,
            1,
            MIN_PADDED_BYTES - 5,
            MIN_PADDED_BYTES - 4,
            MIN_PADDED_BYTES - 3,
            MIN_PADDED_BYTES * 2,
        ] {
            let contents = vec![9; length];
            let mut padded = padded(&contents, 0).unwrap();
            assert!(padded.len().is_power_of_two() && padded.len() >= MIN_PADDED_BYTES);
            remove(&mut padded).unwrap();
            assert_eq!(**padded, contents);
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        for bad in [vec![], vec![0; 3], vec![0, 0, 0, 1], vec![0xff; 100]] {
            assert!(matches!(remove(&mut Zeroizing::new(bad)), Err(VaultError::Damaged(_))));
        }
    }
}
