//! The wallet's contents at rest: encrypted under a password, padded, authenticated.
//!
//! In: contents and a password, or a file of bytes from a hostile place. Out: the file's bytes, or the contents. The key
//! is derived by Argon2id once and kept while the wallet is open; every save takes a fresh nonce of XChaCha20-Poly1305,
//! with the whole header as associated data.
//!
//! | bytes | of the header |
//! |---|---|
//! | 0 … 8 | `CWEWALLT` |
//! | 8 … 10 | version, 1 |
//! | 10 … 18 | Argon2id: memory in KiB, passes (one lane) |
//! | 18 … 34 | salt |
//! | 34 … 50 | password check: 16 more bytes of Argon2id's output |
//! | 50 … 74 | nonce |
//! | 74 … 106 | SHA-256 of the bytes before |
//!
//! The sum and the check tell a damaged file from a wrong password: a header that is intact and a check that differs
//! mean another password, since guessing through the check costs what guessing through the encryption costs. A file
//! that somebody put together on purpose can only be refused, by one or the other name.
//!
//! Plaintext is a length, the contents and zeros up to 1 MiB or the next power of two above, so that the file's size
//! does not tell how much was listened to. An older copy of the file put back in place of the newer one is not noticed
//! here; what follows from it is in [`crate::epoch`].

mod header;
mod padding;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::header::KdfCost;
use self::header::{CHECK_BYTES, Header, KEY_BYTES, NONCE_BYTES, SALT_BYTES};
use crate::entropy::{Entropy, EntropyError};

/// Most bytes of a file.
pub const MAX_FILE_BYTES: usize = header::BYTES + padding::MAX_PADDED_BYTES + TAG_BYTES;

const TAG_BYTES: usize = 16;

/// Why a file can't be opened or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It is something else.
    #[error("this is no wallet file")]
    NotAWallet,
    /// Of a newer program.
    #[error("the wallet file has format {found}, this program knows {known}: use a newer program")]
    UnknownVersion {
        /// In the file.
        found: u16,
        /// Known here.
        known: u16,
    },
    /// Some bytes changed.
    #[error("the wallet file is damaged ({0}): restore it from a copy")]
    Damaged(&'static str),
    /// The key derivation that the file, or the caller, asks for.
    #[error(
        "key derivation with {memory_kib} KiB and {passes} passes is outside of what is allowed ({MIN} to {MAX} KiB, 1 to \
         {PASSES} passes)",
        MIN = KdfCost::MIN_MEMORY_KIB, MAX = KdfCost::MAX_MEMORY_KIB, PASSES = KdfCost::MAX_PASSES
    )]
    CostOutOfRange {
        /// Memory.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
    },
    /// It is intact, and encrypted under another password.
    #[error("wrong password")]
    WrongPassword,
    /// An empty password protects nothing.
    #[error("the password is empty")]
    EmptyPassword,
    /// It would be larger than a wallet may be.
    #[error("the wallet's contents have {0} bytes, more than fit a wallet file")]
    TooLarge(usize),
    /// The computer refused the memory, or the like.
    #[error("the key can't be derived from the password: {0}")]
    KeyDerivation(String),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The key of one wallet file, derived from its password. Wiped from memory when dropped.
#[derive(Clone)]
pub struct VaultKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    check: [u8; CHECK_BYTES],
    salt: [u8; SALT_BYTES],
    cost: KdfCost,
}

impl VaultKey {
    /// A key for a new file, or for a new password.
    ///
    /// # Errors
    /// The password is empty, there is no randomness, or the memory is refused.
    pub fn new(password: &[u8], cost: KdfCost, entropy: &mut impl Entropy) -> Result<Self, VaultError> {
        if password.is_empty() {
            return Err(VaultError::EmptyPassword);
        }
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt)?;
        Self::derive(password, cost, salt)
    }

    /// Opens a file: the key for later saves, and the contents.
    ///
    /// # Errors
    /// The file is none, is damaged, asks for too much memory, or has another password.
    pub fn unlock(file: &[u8], password: &[u8]) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        let (header, sealed) = Header::read(file)?;
        if sealed.len() > padding::MAX_PADDED_BYTES + TAG_BYTES {
            return Err(VaultError::TooLarge(sealed.len()));
        }
        let key = Self::derive(password, header.cost, header.salt)?;
        if !bool::from(key.check.ct_eq(&header.check)) {
            return Err(VaultError::WrongPassword);
        }
        let mut contents = Zeroizing::new(sealed.to_vec());
        key.cipher()
            .decrypt_in_place(&XNonce::from(header.nonce), &header.bytes(), &mut *contents)
            .map_err(|_| VaultError::Damaged("its contents were changed or cut off"))?;
        padding::remove(&mut contents)?;
        Ok((key, contents))
    }

    /// The file that holds `contents`.
    ///
    /// # Errors
    /// The contents are too large, or there is no randomness.
    pub fn seal(&self, contents: &[u8], entropy: &mut impl Entropy) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce)?;
        let header = Header {
            cost: self.cost,
            salt: self.salt,
            check: self.check,
            nonce,
        };
        let mut sealed = padding::padded(contents, TAG_BYTES)?;
        self.cipher()
            .encrypt_in_place(&XNonce::from(nonce), &header.bytes(), &mut *sealed)
            .map_err(|_| VaultError::TooLarge(contents.len()))?;
        let mut file = Vec::with_capacity(header::BYTES + sealed.len());
        file.extend_from_slice(&header.bytes());
        file.extend_from_slice(&sealed);
        Ok(file)
    }

    fn derive(password: &[u8], cost: KdfCost, salt: [u8; SALT_BYTES]) -> Result<Self, VaultError> {
        let mut output = Zeroizing::new([0; KEY_BYTES + CHECK_BYTES]);
        cost.argon2(output.len())?
            .hash_password_into(password, &salt, &mut *output)
            .map_err(|error| VaultError::KeyDerivation(error.to_string()))?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut check = [0; CHECK_BYTES];
        key.copy_from_slice(&output[..KEY_BYTES]);
        check.copy_from_slice(&output[KEY_BYTES..]);
        Ok(Self { key, check, salt, cost })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("VaultKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Seeded;

    const PASSWORD: &[u8] = b"correct horse";

    fn key() -> VaultKey {
        VaultKey::new(PASSWORD, KdfCost::LOWEST, &mut Seeded::new(1)).unwrap()
    }

    #[test]
    fn what_was_saved_is_read_with_the_password() {
        let file = key().seal(b"contents", &mut Seeded::new(2)).unwrap();
        let (reopened, contents) = VaultKey::unlock(&file, PASSWORD).unwrap();
        assert_eq!(&**contents, b"contents");
        let again = reopened.seal(b"other", &mut Seeded::new(3)).unwrap();
        assert_eq!(&**VaultKey::unlock(&again, PASSWORD).unwrap().1, b"other");
    }

    #[test]
    fn a_wrong_password_is_told_from_a_damaged_file() {
        let file = key().seal(b"contents", &mut Seeded::new(2)).unwrap();
        assert_eq!(
            VaultKey::unlock(&file, b"wrong").unwrap_err(),
            VaultError::WrongPassword
        );
        assert_eq!(VaultKey::unlock(&file, b"").unwrap_err(), VaultError::WrongPassword);
        // Every byte of the header, and some of the contents, tag included.
        let places = (0..header::BYTES).chain([header::BYTES, header::BYTES + 9999, file.len() - 1]);
        for place in places {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            let error = VaultKey::unlock(&damaged, PASSWORD).unwrap_err();
            assert!(
                matches!(
                    error,
                    VaultError::Damaged(_) | VaultError::NotAWallet | VaultError::UnknownVersion { .. }
                ),
                "byte {place}: {error}"
            );
        }
        for length in [
            0,
            7,
            header::BYTES - 1,
            header::BYTES,
            header::BYTES + 15,
            file.len() - 1,
        ] {
            let error = VaultKey::unlock(&file[..length], PASSWORD).unwrap_err();
            assert!(
                matches!(error, VaultError::Damaged(_) | VaultError::NotAWallet),
                "{length}: {error}"
            );
        }
    }

    #[test]
    fn the_header_is_bound_to_the_contents() {
        let (one, other) = (
            key().seal(b"one", &mut Seeded::new(2)).unwrap(),
            key().seal(b"other", &mut Seeded::new(3)).unwrap(),
        );
        let mixed = [&one[..header::BYTES], &other[header::BYTES..]].concat();
        assert!(matches!(
            VaultKey::unlock(&mixed, PASSWORD),
            Err(VaultError::Damaged(_))
        ));
    }

    #[test]
    fn sizes_tell_nothing_about_little_contents_and_nonces_differ() {
        let mut entropy = Seeded::new(2);
        let sizes: std::collections::BTreeSet<_> = [0, 1, 1000, 500_000, 1_048_000]
            .map(|length| key().seal(&vec![7; length], &mut entropy).unwrap().len())
            .into();
        assert_eq!(sizes.len(), 1);
        let (one, two) = (
            key().seal(b"", &mut entropy).unwrap(),
            key().seal(b"", &mut entropy).unwrap(),
        );
        assert_ne!(one[header::BYTES..], two[header::BYTES..]);
    }

    #[test]
    fn nothing_is_made_without_a_password_or_too_large() {
        let empty = VaultKey::new(b"", KdfCost::LOWEST, &mut Seeded::new(1));
        assert_eq!(empty.unwrap_err(), VaultError::EmptyPassword);
        let large = vec![0; padding::MAX_PADDED_BYTES];
        assert!(matches!(
            key().seal(&large, &mut Seeded::new(1)),
            Err(VaultError::TooLarge(_))
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_take_much_memory(mut file in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(VaultKey::unlock(&file, PASSWORD).is_err());
            let start = b"CWEWALLT\x00\x01";
            for (byte, known) in file.iter_mut().zip(start) {
                *byte = *known;
            }
            prop_assert!(VaultKey::unlock(&file, PASSWORD).is_err());
        }
    }
}
