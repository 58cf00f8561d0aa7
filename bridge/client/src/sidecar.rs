//! Blobs with the KZG data that L1 nodes want beside a blob transaction.

use alloy::{
    eips::{
        eip4844::{Blob, BlobTransactionSidecar, c_kzg, env_settings::EnvKzgSettings},
        eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
    },
    primitives::Bytes,
};

use crate::TaskError;

/// Which KZG data goes with the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SidecarFormat {
    /// Cell proofs of EIP-7594, wanted since Osaka.
    #[default]
    Cells,
    /// One proof a blob, wanted before.
    Blobs,
}

impl SidecarFormat {
    /// The other format: for an L1 that refuses this one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Cells => Self::Blobs,
            Self::Blobs => Self::Cells,
        }
    }
}

/// Computes the sidecar; takes about a second per blob and core.
pub(crate) fn build(blobs: &[Bytes], format: SidecarFormat) -> Result<BlobTransactionSidecarVariant, TaskError> {
    let kzg = |error: c_kzg::Error| TaskError::Kzg(error.to_string());
    let blobs = blobs
        .iter()
        .map(|blob| {
            Blob::try_from(blob.as_ref()).map_err(|_| TaskError::Kzg(format!("{} bytes are no blob", blob.len())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match format {
        SidecarFormat::Cells => BlobTransactionSidecarEip7594::try_from_blobs(blobs)
            .map_err(kzg)?
            .into(),
        SidecarFormat::Blobs => {
            let settings = EnvKzgSettings::Default.get();
            BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings)
                .map_err(kzg)?
                .into()
        }
    })
}

/// Whether an L1's refusal of a blob transaction is about the sidecar's format.
pub(crate) fn is_format_refusal(message: &str) -> bool {
    let message = message.to_lowercase();
    ["sidecar", "cell", "proofs", "rlp", "decode"]
        .iter()
        .any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use cwe_primitives::blob;

    use super::*;

    #[test]
    fn both_formats_commit_to_the_same_blobs() {
        let blobs: Vec<Bytes> = blob::pack(b"batch data")
            .unwrap()
            .into_iter()
            .map(Bytes::from)
            .collect();
        let cells = build(&blobs, SidecarFormat::Cells).unwrap();
        let whole = build(&blobs, SidecarFormat::Blobs).unwrap();
        assert_eq!(
            cells.versioned_hashes().collect::<Vec<_>>(),
            whole.versioned_hashes().collect::<Vec<_>>()
        );
        assert_eq!(SidecarFormat::Cells.other().other(), SidecarFormat::Cells);
    }

    #[test]
    fn only_refusals_of_the_format_switch_it() {
        assert!(is_format_refusal("unexpected blob sidecar version 1"));
        assert!(!is_format_refusal("insufficient funds for gas * price + value"));
        assert!(!is_format_refusal("replacement transaction underpriced"));
    }
}
