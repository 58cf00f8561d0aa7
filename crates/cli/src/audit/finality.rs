//! Finality on L1: which transaction made which batches final, and the proof in it.

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, Bytes},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::{SolCall, SolEvent},
};
use cwe_bindings::contracts::Rollup;
use eyre::{Result, WrapErr, eyre};

/// Batches that became final at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finalization {
    /// First batch that was not final before.
    pub from: u64,
    /// Last batch.
    pub to: u64,
    /// What `Rollup` says is final.
    pub block_hash: B256,
    /// State root after the last batch.
    pub state_root: B256,
    /// Withdrawal root after the last batch.
    pub withdrawal_root: B256,
    /// Who submitted the proof.
    pub prover: Address,
    /// Transaction with the proof.
    pub transaction: B256,
    /// The verifier that `Rollup` pointed at.
    pub verifier: Address,
}

/// A proof as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubmittedProof {
    /// First batch that it covers; may have been final before.
    pub first: u64,
    /// Last batch.
    pub last: u64,
    /// For the verifier.
    pub proof: Bytes,
}

/// Reads all finality up to L1 block `head`.
pub(crate) async fn read(
    l1: &DynProvider,
    rollup: Address,
    start_block: u64,
    head: u64,
    range_blocks: u64,
) -> Result<Vec<Finalization>> {
    let mut found = Vec::new();
    let mut verifier = Address::ZERO;
    let mut from = start_block;
    while from <= head {
        let to = head.min(from + range_blocks - 1);
        let filter = Filter::new()
            .address(rollup)
            .event_signature(vec![
                Rollup::BatchesFinalized::SIGNATURE_HASH,
                Rollup::VerifierChanged::SIGNATURE_HASH,
            ])
            .from_block(from)
            .to_block(to);
        for log in l1.get_logs(&filter).await.wrap_err("reading finality from L1")? {
            take(&log, &mut verifier, &mut found)?;
        }
        from = to + 1;
    }
    Ok(found)
}

fn take(log: &Log, verifier: &mut Address, found: &mut Vec<Finalization>) -> Result<()> {
    if log.topic0() == Some(&Rollup::VerifierChanged::SIGNATURE_HASH) {
        let event = Rollup::VerifierChanged::decode_log(&log.inner).wrap_err("decoding VerifierChanged")?;
        *verifier = event.verifier;
        return Ok(());
    }
    let event = Rollup::BatchesFinalized::decode_log(&log.inner).wrap_err("decoding BatchesFinalized")?;
    found.push(Finalization {
        from: event.fromIndex,
        to: event.toIndex,
        block_hash: event.blockHash,
        state_root: event.stateRoot,
        withdrawal_root: event.withdrawalRoot,
        prover: event.prover,
        transaction: log
            .transaction_hash
            .ok_or_else(|| eyre!("the L1 endpoint gives no transaction of a BatchesFinalized event"))?,
        verifier: *verifier,
    });
    Ok(())
}

/// The proof in the transaction's call data; a reason if it is not there.
///
/// # Errors
/// The L1 endpoint fails.
pub(crate) async fn proof(
    l1: &DynProvider,
    rollup: Address,
    finalization: &Finalization,
) -> Result<Result<SubmittedProof, String>> {
    let hash = finalization.transaction;
    let found = l1
        .get_transaction_by_hash(hash)
        .await
        .wrap_err_with(|| format!("reading L1 transaction {hash}"))?;
    let Some(transaction) = found else {
        return Ok(Err(format!("the L1 endpoint does not have transaction {hash}")));
    };
    if transaction.to() != Some(rollup) {
        return Ok(Err(format!(
            "transaction {hash} calls Rollup through another contract: its proof can't be read from the call data"
        )));
    }
    Ok(decode(transaction.input(), finalization)
        .ok_or_else(|| format!("transaction {hash} is no call that finalizes these batches")))
}

fn decode(input: &[u8], finalization: &Finalization) -> Option<SubmittedProof> {
    let submitted = if let Ok(call) = Rollup::proveBatchesCall::abi_decode(input) {
        SubmittedProof {
            first: call.input.first.batchIndex,
            last: call.input.last.batchIndex,
            proof: call.input.proof,
        }
    } else {
        let call = Rollup::commitAndProveCall::abi_decode(input).ok()?;
        let index = call.parent.batchIndex.checked_add(1)?;
        SubmittedProof {
            first: index,
            last: index,
            proof: call.proof,
        }
    };
    let covers = submitted.first <= finalization.from && submitted.last == finalization.to;
    covers.then_some(submitted)
}

#[cfg(test)]
mod tests {
    use cwe_bindings::contracts::IRollup;

    use super::*;

    fn finalization(from: u64, to: u64) -> Finalization {
        Finalization {
            from,
            to,
            block_hash: B256::ZERO,
            state_root: B256::ZERO,
            withdrawal_root: B256::ZERO,
            prover: Address::ZERO,
            transaction: B256::ZERO,
            verifier: Address::ZERO,
        }
    }

    fn batch(index: u64) -> IRollup::Batch {
        IRollup::Batch {
            batchIndex: index,
            ..empty_batch()
        }
    }

    fn empty_batch() -> IRollup::Batch {
        IRollup::Batch {
            parentBatchHash: B256::ZERO,
            batchIndex: 0,
            firstBlock: 0,
            lastBlock: 0,
            lastTimestamp: 0,
            parentBlockHash: B256::ZERO,
            blockHash: B256::ZERO,
            stateRoot: B256::ZERO,
            withdrawalRoot: B256::ZERO,
            messagesBefore: 0,
            messagesAfter: 0,
            queueHashBefore: B256::ZERO,
            queueHashAfter: B256::ZERO,
            blobs: false,
            dataHash: B256::ZERO,
        }
    }

    fn call(first: u64, last: u64) -> Vec<u8> {
        let input = IRollup::ProveInput {
            first: batch(first),
            last: batch(last),
            openings: Vec::new(),
            proof: Bytes::from_static(b"proof"),
        };
        Rollup::proveBatchesCall { input }.abi_encode()
    }

    #[test]
    fn the_proof_is_in_the_call_data() {
        let expected = SubmittedProof {
            first: 2,
            last: 5,
            proof: Bytes::from_static(b"proof"),
        };
        assert_eq!(decode(&call(2, 5), &finalization(2, 5)), Some(expected.clone()));
        assert_eq!(
            decode(&call(2, 5), &finalization(4, 5)),
            Some(expected),
            "it may begin earlier"
        );
    }

    #[test]
    fn a_call_that_does_not_cover_the_batches_is_none() {
        assert_eq!(decode(&call(3, 5), &finalization(2, 5)), None);
        assert_eq!(decode(&call(2, 4), &finalization(2, 5)), None);
        assert_eq!(decode(&call(2, 5)[..40], &finalization(2, 5)), None);
        assert_eq!(decode(&[], &finalization(2, 5)), None);
    }

    #[test]
    fn the_open_mode_commits_and_proves_one_batch() {
        let input = Rollup::commitAndProveCall {
            parent: batch(6),
            commitment: IRollup::BatchCommitment {
                lastBlock: 0,
                lastTimestamp: 0,
                messagesAfter: 0,
                blockHash: B256::ZERO,
                stateRoot: B256::ZERO,
                withdrawalRoot: B256::ZERO,
                queueHashAfter: B256::ZERO,
            },
            data: Bytes::new(),
            openings: Vec::new(),
            proof: Bytes::from_static(b"proof"),
        }
        .abi_encode();
        let submitted = decode(&input, &finalization(7, 7)).unwrap();
        assert_eq!((submitted.first, submitted.last), (7, 7));
        assert_eq!(decode(&input, &finalization(6, 6)), None);
    }
}
