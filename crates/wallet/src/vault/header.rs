//! The part of a wallet file that is not encrypted.

use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};

use super::VaultError;

/// Length of a header.
pub(super) const BYTES: usize = SUM_OFFSET + SUM_BYTES;
pub(super) const KEY_BYTES: usize = 32;
pub(super) const CHECK_BYTES: usize = 16;
pub(super) const SALT_BYTES: usize = 16;
pub(super) const NONCE_BYTES: usize = 24;

const MAGIC: &[u8; 8] = b"CWEWALLT";
const VERSION: u16 = 1;
const SUM_OFFSET: usize = 8 + 2 + 8 + SALT_BYTES + CHECK_BYTES + NONCE_BYTES;
const SUM_BYTES: usize = 32;

/// How dear a guess of the password is: Argon2id with one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    memory_kib: u32,
    passes: u32,
}

impl KdfCost {
    /// Least memory.
    pub const MIN_MEMORY_KIB: u32 = 8 * 1024;
    /// Most memory: a hostile file can't ask for more.
    pub const MAX_MEMORY_KIB: u32 = 256 * 1024;
    /// Most passes.
    pub const MAX_PASSES: u32 = 16;
    /// 64 MiB, three passes: RFC 9106's second choice, which fits a browser too.
    pub const STANDARD: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
    };
    /// The cheapest that is allowed.
    pub const LOWEST: Self = Self {
        memory_kib: Self::MIN_MEMORY_KIB,
        passes: 1,
    };

    /// A cost within the bounds.
    ///
    /// # Errors
    /// It is outside of them.
    pub fn new(memory_kib: u32, passes: u32) -> Result<Self, VaultError> {
        let memory_fits = (Self::MIN_MEMORY_KIB..=Self::MAX_MEMORY_KIB).contains(&memory_kib);
        if !memory_fits || passes == 0 || passes > Self::MAX_PASSES {
            return Err(VaultError::CostOutOfRange { memory_kib, passes });
        }
        Ok(Self { memory_kib, passes })
    }

    pub(super) fn argon2(self, output_bytes: usize) -> Result<Argon2<'static>, VaultError> {
        let params = Params::new(self.memory_kib, self.passes, 1, Some(output_bytes))
            .map_err(|error| VaultError::KeyDerivation(error.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// A header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub cost: KdfCost,
    pub salt: [u8; SALT_BYTES],
    pub check: [u8; CHECK_BYTES],
    pub nonce: [u8; NONCE_BYTES],
}

impl Header {
    /// As it stands in the file.
    pub(super) fn bytes(&self) -> [u8; BYTES] {
        let fields = [
            MAGIC.as_slice(),
            &VERSION.to_be_bytes(),
            &self.cost.memory_kib.to_be_bytes(),
            &self.cost.passes.to_be_bytes(),
            &self.salt,
            &self.check,
            &self.nonce,
        ]
        .concat();
        let mut bytes = [0; BYTES];
        bytes[..SUM_OFFSET].copy_from_slice(&fields);
        bytes[SUM_OFFSET..].copy_from_slice(&Sha256::digest(&fields));
        bytes
    }

    /// Splits a file into its header and what is encrypted.
    ///
    /// # Errors
    /// It is no wallet file, of another version, damaged, or asks for too much work.
    pub(super) fn read(file: &[u8]) -> Result<(Self, &[u8]), VaultError> {
        let mut rest = file;
        if take::<8>(&mut rest).ok_or(VaultError::NotAWallet)? != *MAGIC {
            return Err(VaultError::NotAWallet);
        }
        let (header, sealed) = file
            .split_at_checked(BYTES)
            .ok_or(VaultError::Damaged("it was cut off"))?;
        // The version first: a newer format may have another sum.
        let found = u16::from_be_bytes(field(&mut rest)?);
        if found != VERSION {
            return Err(VaultError::UnknownVersion { found, known: VERSION });
        }
        if header[SUM_OFFSET..] != Sha256::digest(&header[..SUM_OFFSET])[..] {
            return Err(VaultError::Damaged("its header was changed"));
        }
        let memory_kib = u32::from_be_bytes(field(&mut rest)?);
        let passes = u32::from_be_bytes(field(&mut rest)?);
        let header = Self {
            cost: KdfCost::new(memory_kib, passes)?,
            salt: field(&mut rest)?,
            check: field(&mut rest)?,
            nonce: field(&mut rest)?,
        };
        Ok((header, sealed))
    }
}

fn field<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], VaultError> {
    take(rest).ok_or(VaultError::Damaged("it was cut off"))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(memory_kib: u32, passes: u32) -> Header {
        Header {
            cost: KdfCost { memory_kib, passes },
            salt: [1; SALT_BYTES],
            check: [2; CHECK_BYTES],
            nonce: [3; NONCE_BYTES],
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let written = header(KdfCost::MIN_MEMORY_KIB, 2);
        let file = [&written.bytes()[..], b"rest"].concat();
        assert_eq!(Header::read(&file).unwrap(), (written, b"rest".as_slice()));
    }

    #[test]
    fn a_hostile_file_cannot_ask_for_memory_or_time() {
        for (memory_kib, passes) in [
            (u32::MAX, 1),
            (KdfCost::MAX_MEMORY_KIB + 1, 1),
            (0, 1),
            (8192, 0),
            (8192, u32::MAX),
        ] {
            let error = Header::read(&header(memory_kib, passes).bytes()).unwrap_err();
            assert_eq!(error, VaultError::CostOutOfRange { memory_kib, passes });
        }
    }
}
