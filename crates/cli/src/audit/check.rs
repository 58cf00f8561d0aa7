//! The checks of one batch after the other, on a database of the audit's own.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use alloy::primitives::{B256, Bytes};
use cwe_bridge::{CommittedBatch, Deployment, L1Event, LocatedEvent};
use cwe_chain::{
    batching::genesis_commitment,
    derivation::{apply_batch, derive, verify_batch},
};
use cwe_primitives::{BatchCommitment, ChainSpec, L1Message, QueueHash};
use cwe_storage::{BlockCommit, Database, Options};
use eyre::{Result, WrapErr};

use super::{NOT_CHECKED, NOT_PROVEN, OK, Row, genesis::CheckedGenesis, proofs::AuditedBatch, source::Source};

/// Re-executes batches in order.
pub(crate) struct Auditor {
    db: Database,
    spec: ChainSpec,
    /// Messages seen on L1 that no batch so far has processed.
    waiting: VecDeque<L1Message>,
    /// The queue up to the last batch.
    queue: QueueHash,
    /// Whether the state after the last batch is known, so that the next one can be executed.
    state_known: bool,
    /// Batches up to this one are final, so that they have a proof.
    last_final: u64,
    /// What the proofs of final batches must show.
    audited: BTreeMap<u64, AuditedBatch>,
}

impl Auditor {
    /// Opens the audit's database; a new one starts at `genesis`.
    pub(crate) fn open(folder: &Path, genesis: &CheckedGenesis) -> Result<Self> {
        let db = Database::open(&folder.join("db"), Options::default()).wrap_err("opening the audit's database")?;
        db.init_genesis(&genesis.genesis.spec, BlockCommit::genesis(&genesis.block))
            .wrap_err("this folder holds another chain; give a new --data folder")?;
        Ok(Self {
            db,
            spec: genesis.genesis.spec.clone(),
            waiting: VecDeque::new(),
            queue: QueueHash::default(),
            state_known: true,
            last_final: 0,
            audited: BTreeMap::new(),
        })
    }

    /// Keeps what is needed to check the proofs of the batches up to `last_final`.
    pub(crate) const fn expect_proofs(&mut self, last_final: u64) {
        self.last_final = last_final;
    }

    /// Chain id of the L2.
    pub(crate) const fn l2_chain_id(&self) -> u64 {
        self.spec.chain_id
    }

    /// The final batches whose data was found.
    pub(crate) const fn audited(&self) -> &BTreeMap<u64, AuditedBatch> {
        &self.audited
    }

    /// What `Rollup` must say to belong to this genesis.
    pub(crate) fn deployment(&self) -> Result<Deployment> {
        let genesis_batch_hash = genesis_commitment(&self.db)?.hash();
        Ok(Deployment {
            l2_chain_id: self.spec.chain_id,
            genesis_batch_hash,
        })
    }

    /// Checks the standing batches up to `last`, or all of them. `on_batch` sees each row as it is done.
    pub(crate) async fn run(
        &mut self,
        source: &Source,
        standing: &BTreeMap<u64, B256>,
        last: Option<u64>,
        mut on_batch: impl FnMut(&Row),
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(standing.len());
        source
            .for_each(async |located: LocatedEvent| {
                let l1_block = located.block.number;
                match located.event {
                    L1Event::Message { message, .. } => self.waiting.push_back(message),
                    L1Event::BatchCommitted(batch) => {
                        let index = batch.commitment.index;
                        // A batch that was reverted later has the index of another one.
                        if standing.get(&index) == Some(&batch.commitment.hash()) {
                            let row = self.check(source, &batch, l1_block).await;
                            on_batch(&row);
                            rows.push(row);
                            return Ok(last != Some(index));
                        }
                    }
                    L1Event::BatchesReverted { .. } | L1Event::BatchesFinalized { .. } => {}
                }
                Ok(true)
            })
            .await?;
        Ok(rows)
    }

    async fn check(&mut self, source: &Source, batch: &CommittedBatch, l1_block: u64) -> Row {
        let commitment = &batch.commitment;
        let mut row = Row {
            batch: commitment.index,
            first_block: commitment.first_block,
            last_block: commitment.last_block,
            messages: commitment
                .queue_after
                .next_index
                .saturating_sub(commitment.queue_before.next_index),
            transactions: None,
            data_bytes: None,
            data: NOT_CHECKED.into(),
            queue: NOT_CHECKED.into(),
            execution: NOT_CHECKED.into(),
            proof: if commitment.index <= self.last_final {
                NOT_CHECKED.into()
            } else {
                NOT_PROVEN.into()
            },
        };
        let messages = match self.take_messages(commitment) {
            Ok(messages) => {
                row.queue = OK.into();
                Some(messages)
            }
            Err(problem) => {
                row.queue = problem;
                None
            }
        };
        let data = match source.data(batch, l1_block).await {
            Ok(data) => {
                row.data_bytes = Some(data.len());
                row.data = OK.into();
                self.note_for_proof(commitment, &data, &mut row);
                Some(data)
            }
            Err(error) => {
                row.data = format!("{error:#}");
                None
            }
        };
        let (Some(messages), Some(data), true) = (messages, data, self.state_known) else {
            self.state_known = false;
            return row;
        };
        match self.execute(commitment, &data, &messages) {
            Ok(transactions) => {
                row.transactions = Some(transactions);
                row.execution = OK.into();
            }
            Err(error) => {
                self.state_known = false;
                row.execution = format!("{error:#}");
            }
        }
        row
    }

    fn note_for_proof(&mut self, commitment: &BatchCommitment, data: &Bytes, row: &mut Row) {
        if commitment.index > self.last_final {
            return;
        }
        match AuditedBatch::new(commitment, data) {
            Ok(batch) => drop(self.audited.insert(commitment.index, batch)),
            Err(problem) => row.proof = problem,
        }
    }

    /// The batch's messages, whose rolling hash is the committed one.
    fn take_messages(&mut self, commitment: &BatchCommitment) -> Result<Vec<L1Message>, String> {
        if commitment.queue_before != self.queue {
            return Err(format!(
                "begins at message {}, not {}",
                commitment.queue_before.next_index, self.queue.next_index
            ));
        }
        let mut taken = Vec::new();
        while self.queue.next_index < commitment.queue_after.next_index {
            let missing = || format!("message {} is not on L1 before the batch", self.queue.next_index);
            let message = self.waiting.pop_front().ok_or_else(missing)?;
            self.queue.append(&message).map_err(|error| error.to_string())?;
            taken.push(message);
        }
        if self.queue == commitment.queue_after {
            Ok(taken)
        } else {
            Err(format!(
                "the messages hash to {}, committed is {}",
                self.queue.hash, commitment.queue_after.hash
            ))
        }
    }

    /// Executes the batch, or checks it against the blocks that an earlier audit left. Returns its transactions.
    fn execute(&self, commitment: &BatchCommitment, data: &Bytes, messages: &[L1Message]) -> Result<u64> {
        let blocks = derive(commitment, data, messages)?;
        let transactions = blocks
            .iter()
            .map(|block| (block.messages.len() + block.transactions.len()) as u64)
            .sum();
        if self.db.latest()?.number() >= commitment.last_block {
            verify_batch(&self.db, &self.spec, commitment, data, messages)?;
        } else {
            apply_batch(&self.db, &self.spec, commitment, data, messages, |_| {})?;
        }
        Ok(transactions)
    }
}
