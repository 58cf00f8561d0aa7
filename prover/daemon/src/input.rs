//! The input of a proof: asked of the node, executed as the guest will, compared with what L1 has.

use alloy::primitives::{Address, B256, Bytes};
use cwe_bridge::{TaskError, open_blobs};
use cwe_primitives::{BatchCommitment, DataLocation};
use cwe_statement::{InputError, NativeScalar, ProofInput, StatementError, statement};
use tracing::info;

use crate::{
    bundling,
    job::{JobBatch, ProofJob, expected_statement},
    node::{NodeClient, NodeError},
    work::sha256,
};

/// Why there is no input for a run of batches.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The node fails.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node's input is no input.
    #[error("the node's input for batches {first} to {last} is malformed: {error}")]
    Input {
        /// First batch.
        first: u64,
        /// Last batch.
        last: u64,
        /// Why.
        error: InputError,
    },
    /// The node's input is for something else.
    #[error("the node's input for batches {first} to {last} has another {what}: use another node")]
    OtherInput {
        /// First batch.
        first: u64,
        /// Last batch.
        last: u64,
        /// What differs.
        what: &'static str,
    },
    /// The input can't be proven.
    #[error(
        "BATCHES {first} TO {last} CAN'T BE PROVEN: {error}; the node's database is damaged, or a batch on L1 is not \
         what executing its data gives (`cwe audit` tells which)"
    )]
    Statement {
        /// First batch.
        first: u64,
        /// Last batch.
        last: u64,
        /// Why.
        error: Box<StatementError>,
    },
    /// The batches on L1 are not what their execution gives.
    #[error(
        "BATCHES {first} TO {last} CAN'T BE PROVEN: their execution gives the public value {shown}, L1 will compare with \
         {expected}; check them with `cwe audit`"
    )]
    Mismatch {
        /// First batch.
        first: u64,
        /// Last batch.
        last: u64,
        /// By execution.
        shown: B256,
        /// By L1.
        expected: B256,
    },
    /// Blobs on L1 are not those of the data.
    #[error("batch {index}: {error}")]
    Blobs {
        /// Batch.
        index: u64,
        /// Why.
        error: TaskError,
    },
    /// A thread died.
    #[error("a background computation failed: {0}")]
    Worker(String),
}

impl PrepareError {
    /// Whether the batches on L1 can't be proven, however often it is tried.
    pub const fn is_unprovable(&self) -> bool {
        matches!(
            self,
            Self::Statement { .. } | Self::Mismatch { .. } | Self::Blobs { .. }
        )
    }
}

/// Makes jobs for one prover.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The node.
    pub node: NodeClient,
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Who may submit the proofs.
    pub prover: Address,
}

impl Inputs {
    /// A job, with its input, for batches as L1 has them, or for their beginning where all of them are too large for one
    /// answer of the node.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub async fn prepare(&self, batches: &[BatchCommitment]) -> Result<(ProofJob, Bytes), PrepareError> {
        let mut batches = batches.to_vec();
        let input = loop {
            let (first, last) = ends(&batches);
            match self.node.proof_input(first, last, self.prover).await {
                Ok(input) => break input,
                Err(NodeError::TooLarge(_)) if batches.len() > 1 => {
                    batches.truncate(bundling::shorter(batches.len()));
                    info!(
                        first,
                        last, "the input is too large for one answer of the node: takes fewer batches"
                    );
                }
                Err(error) => return Err(error.into()),
            }
        };
        let (l2_chain_id, prover, bytes) = (self.l2_chain_id, self.prover, input.clone());
        let job = tokio::task::spawn_blocking(move || check(l2_chain_id, prover, &batches, &bytes)).await;
        let job = job.map_err(|error| PrepareError::Worker(error.to_string()))??;
        Ok((job, input))
    }
}

/// Indices of the first and the last batch.
fn ends(batches: &[BatchCommitment]) -> (u64, u64) {
    let index = |batch: Option<&BatchCommitment>| batch.map_or(0, |batch| batch.index);
    (index(batches.first()), index(batches.last()))
}

/// Executes an input as the guest will, and compares with what L1 has: `batches` are L1's.
fn check(
    l2_chain_id: u64,
    prover: Address,
    batches: &[BatchCommitment],
    bytes: &Bytes,
) -> Result<ProofJob, PrepareError> {
    let (first, last) = ends(batches);
    let input = ProofInput::decode(bytes).map_err(|error| PrepareError::Input { first, last, error })?;
    let other = |what| PrepareError::OtherInput { first, last, what };
    if input.prover != prover {
        return Err(other("prover"));
    }
    if input.batches.len() != batches.len() {
        return Err(other("number of batches"));
    }
    let pairs = batches.iter().zip(&input.batches);
    let opened = pairs.map(|(commitment, batch)| open(commitment, &batch.data));
    let opened = opened.collect::<Result<Vec<_>, _>>()?;
    let expected = expected_statement(l2_chain_id, prover, &opened).ok_or_else(|| other("number of batches"))?;
    let expected = expected.public_value();
    let shown = statement::<NativeScalar>(input).map_err(|error| PrepareError::Statement {
        first,
        last,
        error: Box::new(error),
    })?;
    let shown = shown.public_value();
    if shown != expected {
        return Err(PrepareError::Mismatch {
            first,
            last,
            shown,
            expected,
        });
    }
    ProofJob::new(prover, expected, sha256(bytes), opened).ok_or_else(|| other("order of batches"))
}

fn open(commitment: &BatchCommitment, data: &[u8]) -> Result<JobBatch, PrepareError> {
    let blobs = match &commitment.data {
        DataLocation::Blobs(hashes) => open_blobs(hashes, data),
        DataLocation::Calldata(_) => Ok(Vec::new()),
    };
    let blobs = blobs.map_err(|error| PrepareError::Blobs {
        index: commitment.index,
        error,
    })?;
    Ok(JobBatch {
        commitment: commitment.clone(),
        blobs,
    })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;
    use cwe_prover_testkit::{Chain, Location, Senders, erc20_blocks};

    use super::*;

    const CHAIN_ID: u64 = 77;

    /// A real batch in call data: its input, and what L1 has of it.
    fn sealed() -> (ProofInput, BatchCommitment) {
        let senders = Senders::new(3).unwrap();
        let mut chain = Chain::new(CHAIN_ID, &senders, 2).unwrap();
        let blocks = erc20_blocks(&chain, &senders, 3);
        let before = chain.parent.clone();
        let sealed = chain.seal(vec![blocks], Location::Calldata).unwrap();
        let (input, statement, last) = (sealed.input, sealed.statement, &chain.parent);
        let commitment = BatchCommitment {
            parent_batch_hash: input.parent_batch_hash,
            index: input.first_index,
            first_block: before.header.number + 1,
            last_block: last.header.number,
            last_timestamp: last.header.timestamp,
            parent_block_hash: before.hash,
            block_hash: last.hash,
            state_root: statement.state_root,
            withdrawal_root: statement.withdrawal_root,
            queue_before: before.queue,
            queue_after: last.queue,
            data: DataLocation::Calldata(keccak256(&input.batches[0].data)),
        };
        assert_eq!(commitment.hash(), chain.batch_hash);
        (input, commitment)
    }

    fn checked(input: &ProofInput, commitment: &BatchCommitment) -> Result<ProofJob, PrepareError> {
        let bytes = input.encode().into();
        check(CHAIN_ID, input.prover, std::slice::from_ref(commitment), &bytes)
    }

    #[test]
    fn an_input_that_shows_what_l1_has_becomes_a_job() {
        let (input, commitment) = sealed();
        let job = checked(&input, &commitment).unwrap();
        let shown = statement::<NativeScalar>(input.clone()).unwrap().public_value();
        assert_eq!((job.public_value, job.prover), (shown, input.prover));
        assert_eq!(job.input_sha256, sha256(&input.encode()));
    }

    #[test]
    fn a_batch_on_l1_that_its_data_does_not_give_starts_no_proof() {
        let (input, commitment) = sealed();
        let changes: [fn(&mut BatchCommitment); 4] = [
            |batch| batch.block_hash.0[0] ^= 1,
            |batch| batch.withdrawal_root.0[0] ^= 1,
            |batch| batch.last_block += 1,
            |batch| batch.queue_after.hash.0[0] ^= 1,
        ];
        for change in changes {
            let mut changed = commitment.clone();
            change(&mut changed);
            let error = checked(&input, &changed).unwrap_err();
            assert!(
                matches!(&error, PrepareError::Mismatch { .. }) && error.is_unprovable(),
                "{error}"
            );
        }
    }

    #[test]
    fn an_input_for_something_else_is_refused() {
        let (mut input, commitment) = sealed();
        let bytes: Bytes = input.encode().into();
        let batches = std::slice::from_ref(&commitment);
        let refused = check(CHAIN_ID, Address::ZERO, batches, &bytes);
        assert!(matches!(refused, Err(PrepareError::OtherInput { what: "prover", .. })));
        let two = [commitment.clone(), commitment.clone()];
        assert!(matches!(
            check(CHAIN_ID, input.prover, &two, &bytes),
            Err(PrepareError::OtherInput { .. })
        ));
        let cut = bytes.slice(..bytes.len() - 4);
        assert!(matches!(
            check(CHAIN_ID, input.prover, batches, &cut),
            Err(PrepareError::Input { .. })
        ));
        input.witness.nodes.clear();
        assert!(matches!(
            checked(&input, &commitment),
            Err(PrepareError::Statement { .. })
        ));
    }
}
