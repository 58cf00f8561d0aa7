//! The input of a validity proof, from what the node keeps.

use std::ops::RangeInclusive;

use alloy::{
    consensus::{Header, transaction::Recovered},
    primitives::Address,
};
use cwe_executor::{BlockInput, Parent, RecordError, Witness, record_witness};
use cwe_primitives::{BatchCommitment, ChainSpec, DataLocation, TxEnvelope};
use cwe_statement::{BatchInput, MAX_BATCHES, ProofInput};
use cwe_storage::{BatchRecord, Database, Snapshot, StorageError};

/// Why there is no input for the batches asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProofInputError {
    /// The range names no batch, too many, or the genesis.
    #[error(
        "batches {first} to {last} can't be proven together: ask for 1 to {MAX_BATCHES} batches, none of them batch 0"
    )]
    Range {
        /// First batch asked for.
        first: u64,
        /// Last batch asked for.
        last: u64,
    },
    /// There is no such batch yet.
    #[error("batch {0} is not there yet")]
    NoBatch(u64),
    /// The batch's data is not kept: this node learnt of it from elsewhere.
    #[error("this node does not keep the data of batch {0}: ask the sequencer that posted it")]
    NoData(u64),
    /// The state before the first block, or a block, is not kept.
    #[error("the state before the first batch is not kept: {0}")]
    History(#[source] StorageError),
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored block can't be executed again.
    #[error("the blocks can't be executed again: {0}")]
    Execution(#[source] Box<RecordError<StorageError>>),
    /// Executing the stored blocks ends in another block than the batch says.
    #[error("batch {0} is not what its blocks give: the database is damaged")]
    Mismatch(u64),
}

/// All that a proof of these batches is made from, executed once more to find what it touches.
///
/// # Errors
/// [`ProofInputError`].
pub fn proof_input(
    db: &Database,
    spec: &ChainSpec,
    batches: RangeInclusive<u64>,
    prover: Address,
) -> Result<ProofInput, ProofInputError> {
    let newest = db.latest()?;
    let records = records(&newest, &batches)?;
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Err(out_of_range(&batches));
    };
    let (first, last) = (&first.commitment, &last.commitment);
    let parent = parent(&newest, first.first_block.saturating_sub(1))?;
    let blocks = (first.first_block..=last.last_block)
        .map(|number| block(&newest, number))
        .collect::<Result<Vec<_>, _>>()?;
    let witness = witness(db, spec, &parent, &blocks, last)?;
    let mut blocks = blocks.into_iter();
    let inputs = records
        .iter()
        .map(|record| batch(&newest, &record.commitment, &mut blocks));
    Ok(ProofInput {
        spec: spec.clone(),
        prover,
        parent_batch_hash: first.parent_batch_hash,
        first_index: first.index,
        queue: first.queue_before,
        witness,
        batches: inputs.collect::<Result<_, _>>()?,
    })
}

fn out_of_range(batches: &RangeInclusive<u64>) -> ProofInputError {
    ProofInputError::Range {
        first: *batches.start(),
        last: *batches.end(),
    }
}

fn records(view: &Snapshot, batches: &RangeInclusive<u64>) -> Result<Vec<BatchRecord>, ProofInputError> {
    let (first, last) = (*batches.start(), *batches.end());
    let count = last.checked_sub(first).and_then(|count| usize::try_from(count).ok());
    if first == 0 || count.is_none_or(|count| count >= MAX_BATCHES) {
        return Err(out_of_range(batches));
    }
    batches
        .clone()
        .map(|index| view.batch(index)?.ok_or(ProofInputError::NoBatch(index)))
        .collect()
}

fn parent(view: &Snapshot, number: u64) -> Result<Parent, ProofInputError> {
    let header = view.header(number)?.ok_or_else(|| missing("header", number))?;
    let queue = view
        .queue_after(number)?
        .ok_or_else(|| missing("queue after block", number))?;
    let (header, hash) = header.into_parts();
    Ok(Parent { header, hash, queue })
}

fn missing(what: &str, number: u64) -> StorageError {
    StorageError::MissingRow {
        what: format!("{what} {number}"),
    }
}

/// A stored block as it was executed.
fn block(view: &Snapshot, number: u64) -> Result<BlockInput, ProofInputError> {
    let stored = view.block(number)?.ok_or_else(|| missing("block", number))?;
    let senders = view
        .senders(number)?
        .ok_or_else(|| missing("senders of block", number))?;
    let transactions = stored.body.transactions.iter().zip(senders);
    Ok(block_input(
        stored.header.timestamp,
        transactions.map(|(transaction, sender)| Recovered::new_unchecked(transaction.clone(), sender)),
    ))
}

/// The input that gives a sealed block again, from its timestamp and transactions.
pub fn block_input(timestamp: u64, transactions: impl IntoIterator<Item = Recovered<TxEnvelope>>) -> BlockInput {
    let (mut messages, mut others) = (Vec::new(), Vec::new());
    for transaction in transactions {
        match transaction.inner().as_l1_message() {
            Some(message) => messages.push(message.clone()),
            None => others.push(transaction),
        }
    }
    BlockInput {
        timestamp,
        messages,
        transactions: others,
    }
}

/// Executes the blocks from the state of their parent on. `last` is the batch they end with.
fn witness(
    db: &Database,
    spec: &ChainSpec,
    parent: &Parent,
    blocks: &[BlockInput],
    last: &BatchCommitment,
) -> Result<Witness, ProofInputError> {
    let state = db.at(parent.header.number).map_err(ProofInputError::History)?;
    let ancestor = |number| -> Result<Header, StorageError> {
        let header = state.header(number)?.ok_or_else(|| missing("header", number))?;
        Ok(header.into_inner())
    };
    let (witness, executed) = record_witness(spec, parent, blocks.iter().cloned(), &state, ancestor)
        .map_err(|error| ProofInputError::Execution(Box::new(error)))?;
    match executed.last() {
        Some(block) if block.hash == last.block_hash => Ok(witness),
        _ => Err(ProofInputError::Mismatch(last.index)),
    }
}

/// Takes the batch's blocks from those that are left.
fn batch(
    view: &Snapshot,
    commitment: &BatchCommitment,
    blocks: &mut impl Iterator<Item = BlockInput>,
) -> Result<BatchInput, ProofInputError> {
    let numbers = commitment.first_block..=commitment.last_block;
    let messages = numbers.zip(blocks).flat_map(|(_, block)| block.messages).collect();
    Ok(BatchInput {
        versioned_hashes: match &commitment.data {
            DataLocation::Blobs(hashes) => hashes.clone(),
            DataLocation::Calldata(_) => Vec::new(),
        },
        data: view
            .batch_data(commitment.index)?
            .ok_or(ProofInputError::NoData(commitment.index))?,
        messages,
    })
}

#[cfg(test)]
mod tests {
    use cwe_primitives::batch::{ProofStatement, ProvenBatch};
    use cwe_statement::{NativeScalar, open_blobs, statement};
    use cwe_storage::BatchStatus;

    use super::*;
    use crate::{
        BatchingConfig,
        batching::{genesis_commitment, next_batch},
        testing::{COUNTER, Home, Running, Tx, manual, message, spec},
    };

    const PROVER: Address = Address::repeat_byte(0x77);

    /// Two batches, the first in blobs and the second in call data, of three blocks together.
    async fn chain(home: &Home) -> (Running, Vec<BatchCommitment>) {
        let running = home.start(manual());
        let mut last = genesis_commitment(running.chain.db()).unwrap();
        put(&running, &last, None);
        let mut batches = Vec::new();
        for blobs in [true, false] {
            let nonce = 3 * batches.len() as u64;
            running.push_messages(&[message(batches.len() as u64, 100_000)]);
            running.submit(&Tx::transfer(nonce).sign(1)).await.unwrap();
            running
                .submit(&Tx::create(nonce + 1, COUNTER, 200_000).sign(1))
                .await
                .unwrap();
            running.engine.seal().await.unwrap();
            running.submit(&Tx::transfer(nonce + 2).sign(1)).await.unwrap();
            running.engine.seal().await.unwrap();
            let config = BatchingConfig {
                blobs,
                max_age_secs: 0,
                ..BatchingConfig::default()
            };
            let built = next_batch(running.chain.db(), &last, &config, u64::MAX)
                .unwrap()
                .unwrap();
            put(&running, &built.commitment, Some(&built.data));
            last = built.commitment.clone();
            batches.push(built.commitment);
        }
        (running, batches)
    }

    fn put(running: &Running, commitment: &BatchCommitment, data: Option<&[u8]>) {
        let record = BatchRecord {
            commitment: commitment.clone(),
            status: BatchStatus::Built,
        };
        running.chain.db().put_batch(&record, data).unwrap();
    }

    fn input(running: &Running, batches: RangeInclusive<u64>) -> Result<ProofInput, ProofInputError> {
        proof_input(running.chain.db(), &spec(), batches, PROVER)
    }

    /// What L1 will compare with, from the commitments alone.
    fn expected(running: &Running, batches: &[BatchCommitment]) -> ProofStatement {
        let (first, last) = (&batches[0], batches.last().unwrap());
        let proven = |batch: &BatchCommitment| ProvenBatch {
            batch_hash: batch.hash(),
            openings: match &batch.data {
                DataLocation::Blobs(hashes) => {
                    let data = running.chain.db().latest().unwrap().batch_data(batch.index).unwrap();
                    open_blobs::<NativeScalar>(hashes, &data.unwrap()).unwrap()
                }
                DataLocation::Calldata(_) => Vec::new(),
            },
        };
        ProofStatement {
            l2_chain_id: spec().chain_id,
            parent_block_hash: first.parent_block_hash,
            block_hash: last.block_hash,
            state_root: last.state_root,
            withdrawal_root: last.withdrawal_root,
            queue_hash_before: first.queue_before.hash,
            queue_hash_after: last.queue_after.hash,
            batches: batches.iter().map(proven).collect(),
            prover: PROVER,
        }
    }

    #[tokio::test]
    async fn what_the_node_keeps_proves_what_its_batches_commit_to() {
        let home = Home::new();
        let (running, batches) = chain(&home).await;
        for (range, batches) in [(1..=2, &batches[..]), (1..=1, &batches[..1]), (2..=2, &batches[1..])] {
            let input = input(&running, range).unwrap();
            let decoded = ProofInput::decode(&input.encode().into()).unwrap();
            assert_eq!(decoded, input);
            assert_eq!(statement::<NativeScalar>(decoded).unwrap(), expected(&running, batches));
        }
    }

    #[tokio::test]
    async fn ranges_without_batches_are_refused() {
        let home = Home::new();
        let (running, _) = chain(&home).await;
        #[expect(clippy::reversed_empty_ranges, reason = "it is what is tested")]
        for range in [0..=1, 2..=1, 1..=u64::MAX] {
            assert!(matches!(input(&running, range), Err(ProofInputError::Range { .. })));
        }
        assert!(matches!(input(&running, 1..=3), Err(ProofInputError::NoBatch(3))));
    }

    #[tokio::test]
    async fn a_batch_whose_data_is_gone_is_named() {
        let home = Home::new();
        let (running, _) = chain(&home).await;
        running.chain.db().remove_batch_data(2).unwrap();
        assert!(matches!(input(&running, 1..=2), Err(ProofInputError::NoData(2))));
        assert!(input(&running, 1..=1).is_ok());
    }

    #[tokio::test]
    async fn an_input_of_another_chain_proves_nothing_here() {
        let home = Home::new();
        let (running, _) = chain(&home).await;
        let mut input = input(&running, 1..=2).unwrap();
        input.spec.chain_id += 1;
        assert!(statement::<NativeScalar>(input).is_err());
    }
}
