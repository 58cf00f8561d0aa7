//! Events of `Inbox` and `Rollup`, decoded and checked.

use alloy::{
    primitives::{B256, Bytes, keccak256},
    rpc::types::Log,
    sol_types::SolEvent,
};
use cwe_bindings::contracts::{IRollup, Inbox, Rollup};
use cwe_primitives::{BatchCommitment, DataLocation, L1Message, QueueHash};
use cwe_storage::L1Block;

use crate::L1Error;

/// An event and where it is on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedEvent {
    /// L1 block.
    pub block: L1Block,
    /// Position among the block's logs.
    pub log_index: u64,
    /// Transaction that emitted it.
    pub transaction: B256,
    /// The event.
    pub event: L1Event,
}

/// What happened on L1 that L2 follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum L1Event {
    /// A message entered the queue.
    Message {
        /// The message.
        message: L1Message,
        /// Queue hash after it, as L1 says.
        queue_hash: B256,
    },
    /// A batch was committed.
    BatchCommitted(Box<CommittedBatch>),
    /// Unproven batches were dropped.
    BatchesReverted {
        /// First batch dropped.
        from: u64,
        /// Last batch dropped.
        to: u64,
    },
    /// Batches were proven.
    BatchesFinalized {
        /// First batch proven.
        from: u64,
        /// Last batch proven.
        to: u64,
    },
}

/// A batch as its event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedBatch {
    /// Committed fields; their hash is the event's.
    pub commitment: BatchCommitment,
    /// Batch data if it lies in call data, else empty.
    pub calldata: Bytes,
}

/// Topics of all events that [`decode`] knows.
pub(crate) const TOPICS: [B256; 4] = [
    Inbox::MessageEnqueued::SIGNATURE_HASH,
    Rollup::BatchCommitted::SIGNATURE_HASH,
    Rollup::BatchesReverted::SIGNATURE_HASH,
    Rollup::BatchesFinalized::SIGNATURE_HASH,
];

/// Decodes one log of our contracts; `None` for an event that L2 does not depend on.
pub(crate) fn decode(log: &Log) -> Result<Option<LocatedEvent>, L1Error> {
    let Some(event) = decode_event(log)? else {
        return Ok(None);
    };
    let missing = |what: &str| L1Error::Malformed {
        method: "eth_getLogs",
        reason: format!("a log has no {what}"),
    };
    Ok(Some(LocatedEvent {
        block: L1Block {
            number: log.block_number.ok_or_else(|| missing("block number"))?,
            hash: log.block_hash.ok_or_else(|| missing("block hash"))?,
        },
        log_index: log.log_index.ok_or_else(|| missing("index"))?,
        transaction: log.transaction_hash.ok_or_else(|| missing("transaction hash"))?,
        event,
    }))
}

fn decode_event(log: &Log) -> Result<Option<L1Event>, L1Error> {
    let Some(topic) = log.topic0() else { return Ok(None) };
    Ok(match *topic {
        Inbox::MessageEnqueued::SIGNATURE_HASH => Some(message(typed(log, "MessageEnqueued")?)),
        Rollup::BatchCommitted::SIGNATURE_HASH => Some(committed(typed(log, "BatchCommitted")?)?),
        Rollup::BatchesReverted::SIGNATURE_HASH => {
            let event: Rollup::BatchesReverted = typed(log, "BatchesReverted")?;
            Some(L1Event::BatchesReverted {
                from: event.fromIndex,
                to: event.toIndex,
            })
        }
        Rollup::BatchesFinalized::SIGNATURE_HASH => {
            let event: Rollup::BatchesFinalized = typed(log, "BatchesFinalized")?;
            Some(L1Event::BatchesFinalized {
                from: event.fromIndex,
                to: event.toIndex,
            })
        }
        _ => None,
    })
}

fn typed<E: SolEvent>(log: &Log, name: &'static str) -> Result<E, L1Error> {
    E::decode_log_validate(&log.inner)
        .map(|decoded| decoded.data)
        .map_err(|error| L1Error::Malformed {
            method: name,
            reason: error.to_string(),
        })
}

fn message(event: Inbox::MessageEnqueued) -> L1Event {
    L1Event::Message {
        message: L1Message {
            index: event.index,
            sender: event.sender,
            to: event.to,
            mint: event.mint,
            value: event.value,
            gas_limit: event.gasLimit,
            data: event.data,
        },
        queue_hash: event.queueHash,
    }
}

fn committed(event: Rollup::BatchCommitted) -> Result<L1Event, L1Error> {
    let batch = event.batch;
    let data = match (batch.batchIndex, batch.blobs) {
        // The genesis has no data.
        (0, _) => DataLocation::Calldata(batch.dataHash),
        (_, true) => DataLocation::Blobs(event.versionedHashes),
        (_, false) => DataLocation::Calldata(keccak256(&event.data)),
    };
    let malformed = |reason: String| L1Error::Malformed {
        method: "BatchCommitted",
        reason,
    };
    if data.data_hash() != batch.dataHash {
        return Err(malformed(format!(
            "data of batch {} does not hash to {}",
            batch.batchIndex, batch.dataHash
        )));
    }
    let commitment = BatchCommitment {
        parent_batch_hash: batch.parentBatchHash,
        index: batch.batchIndex,
        first_block: batch.firstBlock,
        last_block: batch.lastBlock,
        last_timestamp: batch.lastTimestamp,
        parent_block_hash: batch.parentBlockHash,
        block_hash: batch.blockHash,
        state_root: batch.stateRoot,
        withdrawal_root: batch.withdrawalRoot,
        queue_before: QueueHash {
            next_index: batch.messagesBefore,
            hash: batch.queueHashBefore,
        },
        queue_after: QueueHash {
            next_index: batch.messagesAfter,
            hash: batch.queueHashAfter,
        },
        data,
    };
    if commitment.hash() != event.batchHash || commitment.index != event.batchIndex {
        return Err(malformed(format!(
            "batch {} does not hash to {}",
            event.batchIndex, event.batchHash
        )));
    }
    Ok(L1Event::BatchCommitted(Box::new(CommittedBatch {
        commitment,
        calldata: event.data,
    })))
}

/// The fields of a batch as `Rollup` takes them.
pub fn batch_struct(commitment: &BatchCommitment) -> IRollup::Batch {
    IRollup::Batch {
        parentBatchHash: commitment.parent_batch_hash,
        batchIndex: commitment.index,
        firstBlock: commitment.first_block,
        lastBlock: commitment.last_block,
        lastTimestamp: commitment.last_timestamp,
        parentBlockHash: commitment.parent_block_hash,
        blockHash: commitment.block_hash,
        stateRoot: commitment.state_root,
        withdrawalRoot: commitment.withdrawal_root,
        messagesBefore: commitment.queue_before.next_index,
        messagesAfter: commitment.queue_after.next_index,
        queueHashBefore: commitment.queue_before.hash,
        queueHashAfter: commitment.queue_after.hash,
        blobs: commitment.data.is_blobs(),
        dataHash: commitment.data.data_hash(),
    }
}

#[cfg(test)]
mod tests {
    use alloy::{primitives::Log as PrimitiveLog, sol_types::SolValue};

    use super::*;

    fn commitment() -> BatchCommitment {
        BatchCommitment {
            parent_batch_hash: B256::repeat_byte(1),
            index: 4,
            first_block: 10,
            last_block: 12,
            last_timestamp: 99,
            parent_block_hash: B256::repeat_byte(2),
            block_hash: B256::repeat_byte(3),
            state_root: B256::repeat_byte(4),
            withdrawal_root: B256::repeat_byte(5),
            queue_before: QueueHash {
                next_index: 1,
                hash: B256::repeat_byte(6),
            },
            queue_after: QueueHash {
                next_index: 2,
                hash: B256::repeat_byte(7),
            },
            data: DataLocation::Calldata(keccak256(b"data")),
        }
    }

    fn log(batch_hash: B256, data: &'static [u8]) -> Log {
        let event = Rollup::BatchCommitted {
            batchIndex: 4,
            batchHash: batch_hash,
            batch: batch_struct(&commitment()),
            versionedHashes: Vec::new(),
            data: Bytes::from_static(data),
        };
        Log {
            inner: PrimitiveLog {
                address: Default::default(),
                data: event.encode_log_data(),
            },
            block_hash: Some(B256::ZERO),
            block_number: Some(1),
            log_index: Some(0),
            transaction_hash: Some(B256::ZERO),
            ..Default::default()
        }
    }

    #[test]
    fn the_solidity_struct_hashes_as_the_rust_commitment() {
        assert_eq!(keccak256(batch_struct(&commitment()).abi_encode()), commitment().hash());
    }

    #[test]
    fn a_batch_event_is_believed_only_if_its_hashes_fit() {
        let good = decode(&log(commitment().hash(), b"data")).unwrap().unwrap();
        assert!(matches!(good.event, L1Event::BatchCommitted(batch) if batch.commitment == commitment()));
        assert!(decode(&log(B256::ZERO, b"data")).is_err());
        assert!(decode(&log(commitment().hash(), b"other data")).is_err());
    }

    #[test]
    fn an_unknown_event_is_passed_over() {
        let mut unknown = log(commitment().hash(), b"data");
        let data = unknown.inner.data.data.clone();
        unknown.inner.data = alloy::primitives::LogData::new_unchecked(vec![B256::repeat_byte(9)], data);
        assert_eq!(decode(&unknown).unwrap(), None);
    }

    #[test]
    fn a_log_cut_short_is_an_error() {
        let mut short = log(commitment().hash(), b"data");
        let topics = short.inner.data.topics().to_vec();
        short.inner.data = alloy::primitives::LogData::new_unchecked(topics, Bytes::from_static(b"short"));
        assert!(decode(&short).is_err());
    }
}
