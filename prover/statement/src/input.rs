//! The input of a proof.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use cwe_executor::Witness;
use cwe_primitives::{ChainSpec, L1Message, QueueHash};

use crate::reader::{InputError, Reader, Writer};

/// Most batches in one proof.
pub const MAX_BATCHES: usize = 1024;

/// All that a proof of consecutive batches is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofInput {
    /// Chain parameters: those whose hash the parent header carries.
    pub spec: ChainSpec,
    /// Who may submit the proof.
    pub prover: Address,
    /// Hash of the batch before the first.
    pub parent_batch_hash: B256,
    /// Position of the first batch in the chain of batches.
    pub first_index: u64,
    /// The L1 queue before the first block.
    pub queue: QueueHash,
    /// The state after the block before the first, as far as it is needed.
    pub witness: Witness,
    /// The batches, in order.
    pub batches: Vec<BatchInput>,
}

/// One batch: what L1 has of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchInput {
    /// Versioned hashes of the blobs that hold the data; none if it lies in call data.
    pub versioned_hashes: Vec<B256>,
    /// Batch data, unpacked from blobs.
    pub data: Bytes,
    /// The L1 messages that its blocks take.
    pub messages: Vec<L1Message>,
}

/// The fixed part of an input.
#[derive(RlpEncodable, RlpDecodable)]
struct Preamble {
    spec: ChainSpec,
    prover: Address,
    parent_batch_hash: B256,
    first_index: u64,
    next_message: u64,
    queue_hash: B256,
}

impl ProofInput {
    /// Encodes the input for the guest.
    pub fn encode(&self) -> Vec<u8> {
        let preamble = Preamble {
            spec: self.spec.clone(),
            prover: self.prover,
            parent_batch_hash: self.parent_batch_hash,
            first_index: self.first_index,
            next_message: self.queue.next_index,
            queue_hash: self.queue.hash,
        };
        let mut out = Writer::default();
        out.bytes(&alloy_rlp::encode(preamble));
        out.bytes(&rlp_list(&self.witness.headers));
        out.list(&self.witness.nodes);
        out.list(&self.witness.codes);
        out.word(self.batches.len());
        for batch in &self.batches {
            out.bytes(&rlp_list(&batch.versioned_hashes));
            out.bytes(&batch.data);
            out.bytes(&rlp_list(&batch.messages));
        }
        out.finish()
    }

    /// Decodes an input from untrusted bytes; nodes, codes and data share their memory.
    ///
    /// # Errors
    /// [`InputError`]; any input is allowed.
    pub fn decode(bytes: &Bytes) -> Result<Self, InputError> {
        let mut reader = Reader::new(bytes);
        let preamble: Preamble = reader.rlp("preamble")?;
        let headers = reader.rlp("list of headers")?;
        let nodes = reader.list(usize::MAX)?;
        let codes = reader.list(usize::MAX)?;
        let count = reader.count(MAX_BATCHES)?;
        let batches = (0..count)
            .map(|_| {
                Ok(BatchInput {
                    versioned_hashes: reader.rlp("list of versioned hashes")?,
                    data: reader.bytes()?,
                    messages: reader.rlp("list of L1 messages")?,
                })
            })
            .collect::<Result<_, InputError>>()?;
        reader.finish()?;
        Ok(Self {
            spec: preamble.spec,
            prover: preamble.prover,
            parent_batch_hash: preamble.parent_batch_hash,
            first_index: preamble.first_index,
            queue: QueueHash {
                next_index: preamble.next_message,
                hash: preamble.queue_hash,
            },
            witness: Witness { headers, nodes, codes },
            batches,
        })
    }
}

fn rlp_list<T: alloy_rlp::Encodable>(items: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list(items, &mut out);
    out
}
