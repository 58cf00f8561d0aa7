//! A validity proof as `Rollup.proveBatches` takes it: first and last batch, the openings of all blobs, the proof.

use alloy::{
    eips::eip4844::{c_kzg, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
    primitives::{Address, B256, Bytes, FixedBytes, keccak256},
    sol_types::SolCall,
};
use cwe_bindings::contracts::{IRollup, Rollup};
use cwe_primitives::{
    BatchCommitment,
    batch::{BlobOpening, ProofStatement, ProvenBatch},
    blob,
};
use cwe_statement::challenge;
use serde::{Deserialize, Serialize};

use crate::{TaskError, batch_struct, transactions::Draft};

/// A blob's value at the point that its data chooses, with the KZG data by which L1 checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenedBlob {
    /// Versioned hash.
    pub versioned_hash: B256,
    /// Point, a canonical BLS12-381 scalar.
    pub z: B256,
    /// Value, a canonical BLS12-381 scalar.
    pub y: B256,
    /// KZG commitment.
    pub commitment: FixedBytes<48>,
    /// KZG proof of the value.
    pub proof: FixedBytes<48>,
}

impl OpenedBlob {
    /// The part that a validity proof binds.
    pub const fn opening(&self) -> BlobOpening {
        BlobOpening {
            versioned_hash: self.versioned_hash,
            z: self.z,
            y: self.y,
        }
    }
}

/// Opens the blobs that hold `data`, which must be those of `versioned_hashes`. Takes tenths of a second a blob.
///
/// # Errors
/// [`TaskError::Kzg`]: they are other blobs.
pub fn open_blobs(versioned_hashes: &[B256], data: &[u8]) -> Result<Vec<OpenedBlob>, TaskError> {
    let blobs = blob::pack(data).map_err(|error| TaskError::Kzg(error.to_string()))?;
    if blobs.len() != versioned_hashes.len() {
        return Err(TaskError::Kzg(format!(
            "{} versioned hashes, the data fills {} blobs",
            versioned_hashes.len(),
            blobs.len()
        )));
    }
    let data_hash = keccak256(data);
    let pairs = versioned_hashes.iter().zip(&blobs);
    pairs.map(|(hash, blob)| open_blob(*hash, blob, data_hash)).collect()
}

/// What a proof of these batches, each with its blobs' openings, must show: computed as `Rollup` computes it from what it
/// has stored. `None` without batches.
pub fn committed_statement(
    l2_chain_id: u64,
    prover: Address,
    batches: &[(&BatchCommitment, Vec<BlobOpening>)],
) -> Option<ProofStatement> {
    let ((first, _), (last, _)) = (batches.first()?, batches.last()?);
    let proven = |(commitment, openings): &(&BatchCommitment, Vec<BlobOpening>)| ProvenBatch {
        batch_hash: commitment.hash(),
        openings: openings.clone(),
    };
    Some(ProofStatement {
        l2_chain_id,
        parent_block_hash: first.parent_block_hash,
        block_hash: last.block_hash,
        state_root: last.state_root,
        withdrawal_root: last.withdrawal_root,
        queue_hash_before: first.queue_before.hash,
        queue_hash_after: last.queue_after.hash,
        batches: batches.iter().map(proven).collect(),
        prover,
    })
}

fn open_blob(versioned_hash: B256, blob: &[u8], data_hash: B256) -> Result<OpenedBlob, TaskError> {
    let failed = |error: c_kzg::Error| TaskError::Kzg(error.to_string());
    let blob = c_kzg::Blob::from_bytes(blob).map_err(failed)?;
    let settings = EnvKzgSettings::Default.get();
    let commitment = settings.blob_to_kzg_commitment(&blob).map_err(failed)?;
    let found = kzg_to_versioned_hash(commitment.as_slice());
    if found != versioned_hash {
        return Err(TaskError::Kzg(format!(
            "the batch data gives blob {found}, committed was {versioned_hash}"
        )));
    }
    let z = challenge(versioned_hash, data_hash);
    let (proof, y) = settings
        .compute_kzg_proof(&blob, &c_kzg::Bytes32::new(z.0))
        .map_err(failed)?;
    Ok(OpenedBlob {
        versioned_hash,
        z,
        y: B256::new(*y),
        commitment: FixedBytes::new(*commitment.to_bytes()),
        proof: FixedBytes::new(*proof.to_bytes()),
    })
}

/// What finalizes a run of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofSubmission {
    /// First batch.
    pub first: BatchCommitment,
    /// Last batch.
    pub last: BatchCommitment,
    /// Per batch its blobs in order; empty for call data.
    pub openings: Vec<Vec<OpenedBlob>>,
    /// The proof, for the verifier contract.
    pub proof: Bytes,
}

impl ProofSubmission {
    /// The call to `Rollup`.
    pub(crate) fn draft(&self, rollup: Address) -> Draft {
        let openings = self.openings.iter();
        let input = IRollup::ProveInput {
            first: batch_struct(&self.first),
            last: batch_struct(&self.last),
            openings: openings
                .map(|blobs| blobs.iter().map(opening_struct).collect())
                .collect(),
            proof: self.proof.clone(),
        };
        Draft {
            to: rollup,
            input: Rollup::proveBatchesCall { input }.abi_encode().into(),
            sidecar: None,
        }
    }
}

fn opening_struct(blob: &OpenedBlob) -> IRollup::BlobOpening {
    IRollup::BlobOpening {
        versionedHash: blob.versioned_hash,
        z: blob.z,
        y: blob.y,
        commitment: Bytes::copy_from_slice(blob.commitment.as_slice()),
        proof: Bytes::copy_from_slice(blob.proof.as_slice()),
    }
}

#[cfg(test)]
mod tests {
    use cwe_chain::batching;
    use cwe_statement::NativeScalar;

    use super::*;

    const DATA: &[u8] = b"data of a batch, long enough for more than one field element of a blob";

    #[test]
    fn the_kzg_library_and_the_statement_open_a_blob_alike() {
        let (_, hashes) = batching::to_blobs(DATA).unwrap();
        let opened = open_blobs(&hashes, DATA).unwrap();
        let stated = cwe_statement::open_blobs::<NativeScalar>(&hashes, DATA).unwrap();
        assert_eq!(opened.iter().map(OpenedBlob::opening).collect::<Vec<_>>(), stated);
        let proven = opened[0];
        let holds = EnvKzgSettings::Default.get().verify_kzg_proof(
            &c_kzg::Bytes48::new(proven.commitment.0),
            &c_kzg::Bytes32::new(proven.z.0),
            &c_kzg::Bytes32::new(proven.y.0),
            &c_kzg::Bytes48::new(proven.proof.0),
        );
        assert!(holds.unwrap());
    }

    #[test]
    fn blobs_of_other_data_are_not_opened() {
        let (_, hashes) = batching::to_blobs(DATA).unwrap();
        assert!(open_blobs(&hashes, &DATA[1..]).is_err());
        assert!(open_blobs(&[hashes[0], hashes[0]], DATA).is_err());
        assert!(open_blobs(&[], DATA).is_err());
    }
}
