//! Names of things as the wallet keeps them: parsed once at the edge, valid ever after.

use std::{fmt, str::FromStr};

use alloy_primitives::{B256, hex};
use cwe_usage::{IdError, NotCanonical};
use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, EntropyError};

/// How much of a text that is no id is shown.
const SHOWN_CHARS: usize = 80;

/// A work, as `cwe_usage::WorkId`, in the form that is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "B256", into = "B256")]
pub struct WorkId(B256);

/// Not a work id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkIdError {
    /// Not 32 bytes.
    #[error("`{0}` is no work id: write 32 bytes in hex, with 0x before them")]
    Text(String),
    /// 32 bytes out of range.
    #[error(transparent)]
    Range(#[from] IdError),
}

impl WorkId {
    /// As it stands in a note.
    ///
    /// # Errors
    /// Never: it was checked when it was made.
    pub fn to_usage(self) -> Result<cwe_usage::WorkId, IdError> {
        cwe_usage::WorkId::try_from(self.0)
    }
}

impl TryFrom<B256> for WorkId {
    type Error = WorkIdError;

    fn try_from(id: B256) -> Result<Self, WorkIdError> {
        cwe_usage::WorkId::try_from(id)?;
        Ok(Self(id))
    }
}

impl From<WorkId> for B256 {
    fn from(id: WorkId) -> Self {
        id.0
    }
}

impl FromStr for WorkId {
    type Err = WorkIdError;

    fn from_str(text: &str) -> Result<Self, WorkIdError> {
        text.parse::<B256>()
            .map_err(|_| WorkIdError::Text(text.chars().take(SHOWN_CHARS).collect()))?
            .try_into()
    }
}

impl fmt::Display for WorkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One installation of the wallet. Random, so that it says nothing about the device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// A new one.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn random(entropy: &mut impl Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// From bytes that are known to be some device's.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// An element out of 32 bytes from a file or a chain.
pub(crate) fn element(word: B256) -> Result<cwe_usage::Element, NotCanonical> {
    cwe_usage::Element::from_be_bytes(word.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_id_is_a_field_element_and_not_zero() {
        let text = format!("0x00{}", "ab".repeat(31));
        assert_eq!(text.parse::<WorkId>().unwrap().to_string(), text);
        for bad in [
            format!("0x01{}", "00".repeat(31)),
            format!("0x{}", "00".repeat(32)),
            "0x12".into(),
            "x".repeat(10_000),
        ] {
            let error = bad.parse::<WorkId>().unwrap_err().to_string();
            assert!(error.len() < 250 && error.contains("no work id"), "{error}");
        }
    }

    #[test]
    fn an_invalid_work_id_is_not_decoded_either() {
        let bytes = postcard::to_allocvec(&B256::repeat_byte(1)).unwrap();
        assert!(postcard::from_bytes::<WorkId>(&bytes).is_err());
    }
}
