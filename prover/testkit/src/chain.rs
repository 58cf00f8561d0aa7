//! A chain that seals batches.

use alloy_primitives::{Address, B256, U256, keccak256};
use cwe_bindings::system;
use cwe_executor::{
    BlockInput, ExecutedBlock, Genesis, GenesisError, Parent, RecordError, SystemContracts, record_witness,
};
use cwe_primitives::{
    BatchBlock, BatchCommitment, ChainSpec, DataLocation,
    batch::{ProofStatement, ProvenBatch},
    codec::{self, CodecError},
};
use cwe_statement::{BatchInput, NativeScalar, ProofInput, StatementError, open_blobs};

use crate::{
    contracts,
    state::{MemoryError, MemoryState},
    workload::Senders,
};

/// Where a batch's data goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Blobs, under made-up versioned hashes.
    Blobs,
    /// Call data.
    Calldata,
}

/// Why a chain can't go on.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// The genesis is refused.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A block can't be executed.
    #[error(transparent)]
    Block(#[from] Box<RecordError<MemoryError>>),
    /// The blocks fit no batch.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The blobs can't be opened.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// No blocks.
    #[error("a batch needs a block")]
    Empty,
}

/// A chain in memory.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Parameters.
    pub spec: ChainSpec,
    /// State after the last block.
    pub state: MemoryState,
    /// The last block.
    pub parent: Parent,
    /// Hash of the last batch.
    pub batch_hash: B256,
    /// Position of the next batch.
    pub next_index: u64,
}

/// A batch, as a proof's input and as what the proof must show.
#[derive(Debug, Clone)]
pub struct SealedBatch {
    /// Input of the proof.
    pub input: ProofInput,
    /// What it must show, computed from the execution on the whole state.
    pub statement: ProofStatement,
    /// Gas that the blocks used.
    pub gas_used: u64,
}

impl Chain {
    /// A chain at its genesis, with funded senders and `holders` more accounts; each of them holds tokens too.
    ///
    /// # Errors
    /// [`TestkitError::Genesis`].
    pub fn new(chain_id: u64, senders: &Senders, holders: u64) -> Result<Self, TestkitError> {
        let spec = ChainSpec::new(chain_id);
        let system = SystemContracts {
            message_passer: system::MESSAGE_PASSER_CODE.clone(),
            l1_block_oracle: system::L1_BLOCK_ORACLE_CODE.clone(),
            fee_vault: system::FEE_VAULT_CODE.clone(),
            ..SystemContracts::default()
        };
        let mut genesis = Genesis::new(spec.clone(), 1_000, system);
        let accounts = || senders.addresses().chain((0..holders).map(holder));
        accounts().for_each(|account| genesis.fund(account, U256::from(10).pow(U256::from(21))));
        contracts::alloc(&mut genesis, accounts());
        let block = genesis.build()?;
        let header = &block.block.header;
        let root = BatchCommitment::genesis(header.timestamp, block.hash, header.state_root, block.withdrawal_root);
        Ok(Self {
            spec,
            state: MemoryState::new(&block.changes, &block.trie, header),
            parent: block.as_parent(),
            batch_hash: root.hash(),
            next_index: 1,
        })
    }

    /// Executes blocks, one batch for each list, and goes on to the state after them.
    ///
    /// # Errors
    /// [`TestkitError`].
    pub fn seal(&mut self, batches: Vec<Vec<BlockInput>>, location: Location) -> Result<SealedBatch, TestkitError> {
        let (parent, queue) = (self.parent.clone(), self.parent.queue);
        let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
        let messages: Vec<Vec<_>> = batches
            .iter()
            .map(|blocks| blocks.iter().flat_map(|block| block.messages.clone()).collect())
            .collect();
        let inputs = batches.into_iter().flatten();
        let header = |number| self.state.header(number);
        let (witness, blocks) = record_witness(&self.spec, &parent, inputs, &self.state, header).map_err(Box::new)?;
        let mut input = ProofInput {
            spec: self.spec.clone(),
            prover: Address::repeat_byte(0x99),
            parent_batch_hash: self.batch_hash,
            first_index: self.next_index,
            queue,
            witness,
            batches: Vec::new(),
        };
        let mut proven = Vec::new();
        let mut rest = blocks.as_slice();
        for (size, messages) in sizes.into_iter().zip(messages) {
            let (blocks, later) = rest.split_at(size);
            rest = later;
            let batch = batch(blocks, messages, &location)?;
            proven.push(self.commit(&batch, blocks)?);
            input.batches.push(batch);
        }
        let last = blocks.last().ok_or(TestkitError::Empty)?;
        let statement = ProofStatement {
            l2_chain_id: self.spec.chain_id,
            parent_block_hash: parent.hash,
            block_hash: last.hash,
            state_root: last.trie.root,
            withdrawal_root: last.withdrawal_root,
            queue_hash_before: queue.hash,
            queue_hash_after: last.queue.hash,
            batches: proven,
            prover: input.prover,
        };
        Ok(SealedBatch {
            input,
            statement,
            gas_used: blocks.iter().map(|block| block.block.header.gas_used).sum(),
        })
    }

    /// Hashes a batch as L1 does, and goes on to the state after it.
    fn commit(&mut self, batch: &BatchInput, blocks: &[ExecutedBlock]) -> Result<ProvenBatch, TestkitError> {
        let last = blocks.last().ok_or(TestkitError::Empty)?;
        let header = &last.block.header;
        let hashes = &batch.versioned_hashes;
        let (data, openings) = if hashes.is_empty() {
            (DataLocation::Calldata(keccak256(&batch.data)), Vec::new())
        } else {
            let openings = open_blobs::<NativeScalar>(hashes, &batch.data)?;
            (DataLocation::Blobs(hashes.clone()), openings)
        };
        let commitment = BatchCommitment {
            parent_batch_hash: self.batch_hash,
            index: self.next_index,
            first_block: self.parent.header.number + 1,
            last_block: header.number,
            last_timestamp: header.timestamp,
            parent_block_hash: self.parent.hash,
            block_hash: last.hash,
            state_root: last.trie.root,
            withdrawal_root: last.withdrawal_root,
            queue_before: self.parent.queue,
            queue_after: last.queue,
            data,
        };
        blocks.iter().for_each(|block| self.state.apply_block(block));
        self.parent = last.as_parent();
        self.batch_hash = commitment.hash();
        self.next_index += 1;
        Ok(ProvenBatch {
            batch_hash: self.batch_hash,
            openings,
        })
    }
}

/// What L1 has of executed blocks.
fn batch(
    blocks: &[ExecutedBlock],
    messages: Vec<cwe_primitives::L1Message>,
    location: &Location,
) -> Result<BatchInput, TestkitError> {
    let listed: Vec<_> = blocks
        .iter()
        .map(|block| BatchBlock::from_block(&block.block))
        .collect();
    let data = codec::encode(&listed)?;
    let versioned_hashes = match location {
        Location::Calldata => Vec::new(),
        Location::Blobs => cwe_primitives::blob::pack(&data)
            .unwrap_or_default()
            .iter()
            .map(versioned_hash)
            .collect(),
    };
    Ok(BatchInput {
        versioned_hashes,
        data: data.into(),
        messages,
    })
}

/// Stands for a blob's: the guest takes any, L1 compares it.
fn versioned_hash(blob: &Vec<u8>) -> B256 {
    let mut hash = keccak256(blob);
    hash[0] = 1;
    hash
}

/// An account that holds tokens and never sends.
pub(crate) fn holder(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}
