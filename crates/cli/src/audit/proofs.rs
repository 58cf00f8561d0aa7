//! The proofs of final batches, checked by the repository's own verifier for a value computed from L1's events and data.

use std::collections::BTreeMap;

use alloy::primitives::Bytes;
use cwe_bridge::committed_statement;
use cwe_primitives::{
    BatchCommitment, DataLocation,
    batch::{BlobOpening, ProofStatement},
};
use cwe_statement::NativeScalar;

use super::{
    OK,
    finality::{Finalization, SubmittedProof},
    local::LocalVerifier,
};

/// What a proof must show of a batch, as the audit found it on L1.
#[derive(Debug, Clone)]
pub(crate) struct AuditedBatch {
    commitment: BatchCommitment,
    openings: Vec<BlobOpening>,
}

impl AuditedBatch {
    /// Opens the batch's blobs, which hold `data`.
    ///
    /// # Errors
    /// They don't, in the words of the protocol.
    pub(crate) fn new(commitment: &BatchCommitment, data: &Bytes) -> Result<Self, String> {
        let openings = match &commitment.data {
            DataLocation::Blobs(hashes) => {
                cwe_statement::open_blobs::<NativeScalar>(hashes, data).map_err(|error| error.to_string())?
            }
            DataLocation::Calldata(_) => Vec::new(),
        };
        Ok(Self {
            commitment: commitment.clone(),
            openings,
        })
    }
}

/// `ok`, or what is wrong with the proof that made these batches final.
pub(crate) fn check(
    verifier: &mut LocalVerifier,
    l2_chain_id: u64,
    batches: &BTreeMap<u64, AuditedBatch>,
    finalization: &Finalization,
    submitted: &SubmittedProof,
) -> String {
    let outcome = statement(l2_chain_id, batches, finalization, submitted)
        .and_then(|statement| verifier.verify(statement.public_value(), &submitted.proof));
    match outcome {
        Ok(()) => OK.into(),
        Err(problem) => problem,
    }
}

/// What the proof must show.
fn statement(
    l2_chain_id: u64,
    batches: &BTreeMap<u64, AuditedBatch>,
    finalization: &Finalization,
    submitted: &SubmittedProof,
) -> Result<ProofStatement, String> {
    let run = (submitted.first..=submitted.last)
        .map(|index| {
            let missing = || format!("not checked: the data of batch {index} is not known");
            let batch = batches.get(&index).ok_or_else(missing)?;
            Ok((&batch.commitment, batch.openings.clone()))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let statement = committed_statement(l2_chain_id, finalization.prover, &run)
        .ok_or_else(|| "the proof covers no batch".to_owned())?;
    let final_roots = (
        finalization.block_hash,
        finalization.state_root,
        finalization.withdrawal_root,
    );
    if final_roots != (statement.block_hash, statement.state_root, statement.withdrawal_root) {
        return Err(format!(
            "Rollup made block {} with state {} and withdrawals {} final, committed were {}, {} and {}",
            finalization.block_hash,
            finalization.state_root,
            finalization.withdrawal_root,
            statement.block_hash,
            statement.state_root,
            statement.withdrawal_root
        ));
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, keccak256};
    use cwe_primitives::QueueHash;

    use super::*;

    const CHAIN: u64 = 7;

    /// Batches 3 to 5, of call data.
    fn batches() -> BTreeMap<u64, AuditedBatch> {
        let mut parent = B256::with_last_byte(0xaa);
        let mut batches = BTreeMap::new();
        for index in 3..=5u64 {
            let data = Bytes::copy_from_slice(&index.to_be_bytes());
            let block_hash = keccak256(&data);
            let commitment = BatchCommitment {
                parent_batch_hash: B256::ZERO,
                index,
                first_block: index,
                last_block: index,
                last_timestamp: index,
                parent_block_hash: parent,
                block_hash,
                state_root: B256::with_last_byte(1),
                withdrawal_root: B256::with_last_byte(2),
                queue_before: QueueHash::default(),
                queue_after: QueueHash::default(),
                data: DataLocation::Calldata(keccak256(&data)),
            };
            batches.insert(index, AuditedBatch::new(&commitment, &data).unwrap());
            parent = block_hash;
        }
        batches
    }

    fn finalization(batches: &BTreeMap<u64, AuditedBatch>) -> Finalization {
        let last = &batches[&5].commitment;
        Finalization {
            from: 4,
            to: 5,
            block_hash: last.block_hash,
            state_root: last.state_root,
            withdrawal_root: last.withdrawal_root,
            prover: Address::with_last_byte(9),
            transaction: B256::ZERO,
            verifier: Address::ZERO,
        }
    }

    fn submitted() -> SubmittedProof {
        SubmittedProof {
            first: 3,
            last: 5,
            proof: Bytes::new(),
        }
    }

    #[test]
    fn the_value_is_of_all_batches_that_the_proof_covers_and_of_who_submitted_it() {
        let batches = batches();
        let found = statement(CHAIN, &batches, &finalization(&batches), &submitted()).unwrap();
        assert_eq!(found.batches.len(), 3);
        assert_eq!(found.parent_block_hash, B256::with_last_byte(0xaa));
        assert_eq!(found.block_hash, batches[&5].commitment.block_hash);
        let value = found.public_value();
        let mut other = finalization(&batches);
        other.prover = Address::with_last_byte(8);
        let stolen = statement(CHAIN, &batches, &other, &submitted()).unwrap();
        assert_ne!(stolen.public_value(), value);
        let mut changed = batches.clone();
        changed.get_mut(&4).unwrap().commitment.last_timestamp += 1;
        let tampered = statement(CHAIN, &changed, &finalization(&batches), &submitted()).unwrap();
        assert_ne!(tampered.public_value(), value, "a batch in the middle counts");
    }

    #[test]
    fn final_roots_that_were_not_committed_are_a_finding() {
        let batches = batches();
        let changes: [fn(&mut Finalization); 3] = [
            |it| it.block_hash = B256::ZERO,
            |it| it.state_root = B256::ZERO,
            |it| it.withdrawal_root = B256::ZERO,
        ];
        for change in changes {
            let mut false_roots = finalization(&batches);
            change(&mut false_roots);
            let problem = statement(CHAIN, &batches, &false_roots, &submitted()).unwrap_err();
            assert!(problem.starts_with("Rollup made block"), "{problem}");
        }
    }

    #[test]
    fn a_batch_without_data_leaves_its_proof_unchecked() {
        let mut batches = batches();
        let finalization = finalization(&batches);
        batches.remove(&4);
        let problem = statement(CHAIN, &batches, &finalization, &submitted()).unwrap_err();
        assert!(problem.starts_with("not checked: the data of batch 4"), "{problem}");
    }

    #[test]
    fn blobs_other_than_those_that_hold_the_data_are_refused() {
        let mut commitment = batches()[&3].commitment.clone();
        commitment.data = DataLocation::Blobs(vec![B256::ZERO; 2]);
        assert!(AuditedBatch::new(&commitment, &Bytes::from_static(b"fits one")).is_err());
    }
}
