//! The files between stages: a line that tells what it is, then its content.

use std::{fs, io::Write, path::Path};

use openvm_circuit::{arch::ContinuationVmProof, system::memory::merkle::public_values::UserPublicValuesProof};
use openvm_continuations::RootSC;
use openvm_sdk::{F, SC};
use openvm_stark_backend::{
    codec::{Decode, Encode},
    proof::Proof,
};
use openvm_verify_stark_host::VmStarkProof;

use super::{StageError, static_verifier::InnerProof, verify::DIGEST};

/// Bytes of the largest file that is read: a thousand segments.
const MAX_BYTES: u64 = 1 << 30;

/// Segments of the largest execution.
const MAX_SEGMENTS: usize = 1 << 12;

/// What a stage leaves for the next one.
pub trait StageFile: Sized {
    /// First line of the file.
    const MAGIC: &'static str;

    /// The content.
    ///
    /// # Errors
    /// The value can't be encoded.
    fn encode(&self) -> std::io::Result<Vec<u8>>;

    /// The value of a content, which may be anything.
    ///
    /// # Errors
    /// It is no such value.
    fn decode(content: &[u8]) -> std::io::Result<Self>;
}

/// Writes a value; the file appears whole or not at all.
///
/// # Errors
/// [`StageError::Io`].
pub fn write<T: StageFile>(path: &Path, value: &T) -> Result<(), StageError> {
    let content = value.encode().map_err(StageError::io(path))?;
    write_bytes(path, &[T::MAGIC.as_bytes(), b"\n", &content])
}

/// Reads a value.
///
/// # Errors
/// [`StageError::Invalid`] if the file is something else, [`StageError::Io`].
pub fn read<T: StageFile>(path: &Path) -> Result<T, StageError> {
    let bytes = read_bytes(path)?;
    let invalid = |reason: &dyn std::fmt::Display| {
        StageError::Invalid(format!("{}: not a whole file `{}`: {reason}", path.display(), T::MAGIC))
    };
    let content = bytes
        .strip_prefix(T::MAGIC.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
        .ok_or_else(|| invalid(&"it begins differently"))?;
    T::decode(content).map_err(|error| invalid(&error))
}

/// Writes parts one after the other; the file appears whole or not at all.
///
/// # Errors
/// [`StageError::Io`].
pub fn write_bytes(path: &Path, parts: &[&[u8]]) -> Result<(), StageError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(StageError::io(path))
}

/// Reads a file of bounded size.
///
/// # Errors
/// [`StageError::Invalid`] if it is too large, [`StageError::Io`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, StageError> {
    let length = fs::metadata(path).map_err(StageError::io(path))?.len();
    if length > MAX_BYTES {
        return Err(StageError::Invalid(format!(
            "{} has {length} bytes, at most {MAX_BYTES} are read",
            path.display()
        )));
    }
    fs::read(path).map_err(StageError::io(path))
}

impl StageFile for ContinuationVmProof<SC> {
    const MAGIC: &'static str = "cwe-segments-1";

    fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.per_segment.encode(&mut bytes)?;
        self.user_public_values.encode::<SC, _>(&mut bytes)?;
        Ok(bytes)
    }

    fn decode(content: &[u8]) -> std::io::Result<Self> {
        let mut reader = content;
        let per_segment = Vec::<Proof<SC>>::decode(&mut reader)?;
        let user_public_values = UserPublicValuesProof::<DIGEST, F>::decode::<SC, _>(&mut reader)?;
        if per_segment.is_empty() || per_segment.len() > MAX_SEGMENTS || !reader.is_empty() {
            return Err(std::io::Error::other("no segments, too many, or trailing bytes"));
        }
        Ok(Self {
            per_segment,
            user_public_values,
        })
    }
}

impl StageFile for VmStarkProof {
    const MAGIC: &'static str = "cwe-stark-1";

    fn encode(&self) -> std::io::Result<Vec<u8>> {
        self.encode_to_vec()
    }

    fn decode(content: &[u8]) -> std::io::Result<Self> {
        Self::decode_from_bytes(content)
    }
}

impl StageFile for Proof<RootSC> {
    const MAGIC: &'static str = "cwe-root-1";

    fn encode(&self) -> std::io::Result<Vec<u8>> {
        self.encode_to_vec()
    }

    fn decode(content: &[u8]) -> std::io::Result<Self> {
        Self::decode_from_bytes(content)
    }
}

impl StageFile for InnerProof {
    const MAGIC: &'static str = "cwe-halo2-1";

    fn encode(&self) -> std::io::Result<Vec<u8>> {
        Ok(self.to_bytes())
    }

    fn decode(content: &[u8]) -> std::io::Result<Self> {
        Self::from_bytes(content).ok_or_else(|| std::io::Error::other("not field elements and a proof"))
    }
}

#[cfg(test)]
mod tests {
    use halo2_axiom::halo2curves::bn256::Fr;

    use super::*;

    fn proof() -> InnerProof {
        InnerProof {
            instances: vec![Fr::from(1); 34],
            proof: vec![2; 64],
        }
    }

    #[test]
    fn a_stage_file_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("halo2.bin");
        write(&path, &proof()).unwrap();
        assert_eq!(read::<InnerProof>(&path).unwrap(), proof());
    }

    #[test]
    fn files_of_another_stage_empty_ones_and_noise_are_invalid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("halo2.bin");
        write(&path, &proof()).unwrap();
        let invalid = |result: Result<(), StageError>| assert_eq!(result.unwrap_err().exit_code(), 2);
        invalid(read::<VmStarkProof>(&path).map(drop));
        invalid(read::<Proof<RootSC>>(&path).map(drop));
        let noise: Vec<u8> = (0..5_000_u32)
            .map(|number| ((number * 193) >> 3).to_le_bytes()[0])
            .collect();
        for magic in ["", "cwe-segments-1", "cwe-stark-1", "cwe-root-1", "cwe-halo2-1"] {
            for length in [0, 1, 7, 8, 64, 1_000, 5_000] {
                write_bytes(&path, &[magic.as_bytes(), b"\n", &noise[..length]]).unwrap();
                invalid(read::<ContinuationVmProof<SC>>(&path).map(drop));
                invalid(read::<VmStarkProof>(&path).map(drop));
                invalid(read::<Proof<RootSC>>(&path).map(drop));
                invalid(read::<InnerProof>(&path).map(drop));
            }
        }
    }

    #[test]
    fn a_missing_file_is_no_reason_to_give_up_for_good() {
        assert_eq!(
            read::<VmStarkProof>(Path::new("/nowhere/stark.bin"))
                .unwrap_err()
                .exit_code(),
            1
        );
    }
}
