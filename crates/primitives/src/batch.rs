//! Batches: what the sequencer commits to on L1, what a proof's public value says. `docs/PROTOCOL.md` §Batches.

use alloc::vec::Vec;

use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::{Block, QueueHash, TxEnvelope};

/// Most blocks in one batch.
pub const MAX_BLOCKS: usize = 4096;

/// What L1 data says of one block; the rest follows from its parent.
#[derive(Debug, Clone, PartialEq, Eq, Default, RlpEncodable, RlpDecodable)]
pub struct BatchBlock {
    /// Seconds since 1970.
    pub timestamp: u64,
    /// L1 messages taken from the queue, executed first.
    pub message_count: u64,
    /// EIP-2718 encodings of the other transactions, in order.
    pub transactions: Vec<Bytes>,
}

/// A transaction in a batch that can't be in a block.
#[derive(Debug, thiserror::Error)]
pub enum BadTransaction {
    /// Not an EIP-2718 transaction of a type the L2 knows.
    #[error("transaction {position} of the block does not decode: {reason}")]
    Malformed {
        /// Position among the block's listed transactions.
        position: usize,
        /// What the decoder said.
        reason: alloy_eips::eip2718::Eip2718Error,
    },
    /// A message is listed although messages come from the queue only.
    #[error("transaction {position} of the block is an L1 message; messages are counted, not listed")]
    ListedMessage {
        /// Position among the block's listed transactions.
        position: usize,
    },
}

impl BatchBlock {
    /// What a batch says of `block`.
    pub fn from_block(block: &Block) -> Self {
        let transactions = &block.body.transactions;
        Self {
            timestamp: block.header.timestamp,
            message_count: transactions.iter().filter(|tx| tx.is_l1_message()).count() as u64,
            transactions: transactions
                .iter()
                .filter(|tx| !tx.is_l1_message())
                .map(|tx| tx.encoded_2718().into())
                .collect(),
        }
    }

    /// Decodes the listed transactions.
    ///
    /// # Errors
    /// [`BadTransaction`] for the first that is not one, has trailing bytes, or is an L1 message.
    pub fn decode_transactions(&self) -> Result<Vec<TxEnvelope>, BadTransaction> {
        // Collecting results knows no length beforehand, and would copy the transactions while it grows.
        let mut transactions = Vec::with_capacity(self.transactions.len());
        for (position, bytes) in self.transactions.iter().enumerate() {
            let tx = TxEnvelope::decode_2718_exact(bytes)
                .map_err(|reason| BadTransaction::Malformed { position, reason })?;
            if tx.is_l1_message() {
                return Err(BadTransaction::ListedMessage { position });
            }
            transactions.push(tx);
        }
        Ok(transactions)
    }
}

/// Where a batch's data lies on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub enum DataLocation {
    /// EIP-4844 blobs, by versioned hash, in order.
    Blobs(Vec<B256>),
    /// Call data of the committing transaction, by keccak.
    Calldata(B256),
}

impl DataLocation {
    /// Whether the data lies in blobs.
    pub const fn is_blobs(&self) -> bool {
        matches!(self, Self::Blobs(_))
    }

    /// `dataHash` of the batch.
    pub fn data_hash(&self) -> B256 {
        match self {
            Self::Calldata(hash) => *hash,
            Self::Blobs(hashes) => {
                let mut words = Words::default();
                words.uint(32).uint(hashes.len() as u64);
                hashes.iter().for_each(|hash| {
                    words.word(*hash);
                });
                words.hash()
            }
        }
    }
}

/// Everything `Rollup` binds into a batch hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct BatchCommitment {
    /// Hash of the batch before this one.
    pub parent_batch_hash: B256,
    /// Position in the chain of batches; genesis is 0.
    pub index: u64,
    /// First L2 block.
    pub first_block: u64,
    /// Last L2 block.
    pub last_block: u64,
    /// Timestamp of the last block, seconds.
    pub last_timestamp: u64,
    /// Hash of the block before the first.
    pub parent_block_hash: B256,
    /// Hash of the last block.
    pub block_hash: B256,
    /// State root after the last block.
    pub state_root: B256,
    /// Withdrawal root after the last block.
    pub withdrawal_root: B256,
    /// Queue before the first block.
    pub queue_before: QueueHash,
    /// Queue after the last block.
    pub queue_after: QueueHash,
    /// Where the data is.
    pub data: DataLocation,
}

impl BatchCommitment {
    /// Batch 0: the genesis block, without data.
    pub const fn genesis(timestamp: u64, block_hash: B256, state_root: B256, withdrawal_root: B256) -> Self {
        let queue = QueueHash {
            next_index: 0,
            hash: B256::ZERO,
        };
        Self {
            parent_batch_hash: B256::ZERO,
            index: 0,
            first_block: 0,
            last_block: 0,
            last_timestamp: timestamp,
            parent_block_hash: B256::ZERO,
            block_hash,
            state_root,
            withdrawal_root,
            queue_before: queue,
            queue_after: queue,
            data: DataLocation::Calldata(B256::ZERO),
        }
    }

    /// The batch hash.
    pub fn hash(&self) -> B256 {
        let mut words = Words::default();
        words
            .word(self.parent_batch_hash)
            .uint(self.index)
            .uint(self.first_block)
            .uint(self.last_block)
            .uint(self.last_timestamp)
            .word(self.parent_block_hash)
            .word(self.block_hash)
            .word(self.state_root)
            .word(self.withdrawal_root)
            .uint(self.queue_before.next_index)
            .uint(self.queue_after.next_index)
            .word(self.queue_before.hash)
            .word(self.queue_after.hash)
            .uint(self.data.is_blobs().into())
            .word(self.data.data_hash());
        words.hash()
    }
}

/// The blob polynomial's value at the point that the blob's data chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobOpening {
    /// Versioned hash of the blob.
    pub versioned_hash: B256,
    /// Point, a canonical BLS12-381 scalar.
    pub z: B256,
    /// Value, a canonical BLS12-381 scalar.
    pub y: B256,
}

/// A batch as a proof binds it: its hash, and the openings of its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenBatch {
    /// [`BatchCommitment::hash`].
    pub batch_hash: B256,
    /// One opening a blob, in order; none for calldata.
    pub openings: Vec<BlobOpening>,
}

impl ProvenBatch {
    fn hash(&self) -> B256 {
        let mut words = Words::default();
        words
            .word(self.batch_hash)
            .uint(2 * 32)
            .uint(self.openings.len() as u64);
        for opening in &self.openings {
            words.word(opening.versioned_hash).word(opening.z).word(opening.y);
        }
        words.hash()
    }
}

/// What a proof of consecutive batches claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofStatement {
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Hash of the block before the first batch.
    pub parent_block_hash: B256,
    /// Hash of the last block.
    pub block_hash: B256,
    /// State root after the last block.
    pub state_root: B256,
    /// Withdrawal root after the last block.
    pub withdrawal_root: B256,
    /// Queue hash before the first block.
    pub queue_hash_before: B256,
    /// Queue hash after the last block.
    pub queue_hash_after: B256,
    /// The batches, in order.
    pub batches: Vec<ProvenBatch>,
    /// Who may submit the proof.
    pub prover: Address,
}

impl ProofStatement {
    /// The proof's one public value.
    pub fn public_value(&self) -> B256 {
        let hashes: Vec<u8> = self.batches.iter().flat_map(|batch| batch.hash().0).collect();
        let mut words = Words::default();
        words
            .uint(self.l2_chain_id)
            .word(self.parent_block_hash)
            .word(self.block_hash)
            .word(self.state_root)
            .word(self.withdrawal_root)
            .word(self.queue_hash_before)
            .word(self.queue_hash_after)
            .word(keccak256(hashes))
            .word(self.prover.into_word());
        words.hash()
    }
}

/// `abi.encode` of static values, word by word.
#[derive(Default)]
struct Words(Vec<u8>);

impl Words {
    fn word(&mut self, word: B256) -> &mut Self {
        self.0.extend_from_slice(word.as_slice());
        self
    }

    fn uint(&mut self, value: u64) -> &mut Self {
        self.word(U256::from(value).into())
    }

    fn hash(&self) -> B256 {
        keccak256(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::L1Message;

    #[test]
    fn a_message_can_not_be_smuggled_into_batch_data() {
        let message = TxEnvelope::from(L1Message::default());
        let block = BatchBlock {
            transactions: Vec::from([message.encoded_2718().into()]),
            ..Default::default()
        };
        assert!(matches!(
            block.decode_transactions(),
            Err(BadTransaction::ListedMessage { position: 0 })
        ));
    }

    #[test]
    fn a_transaction_with_trailing_bytes_is_refused() {
        let block = BatchBlock {
            transactions: Vec::from([Bytes::from_static(&[0xc0, 0x00])]),
            ..Default::default()
        };
        assert!(matches!(
            block.decode_transactions(),
            Err(BadTransaction::Malformed { position: 0, .. })
        ));
    }
}
