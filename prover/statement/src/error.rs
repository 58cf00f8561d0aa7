//! Why a statement is not shown.

use alloc::boxed::Box;

use cwe_executor::{BlockError, WitnessError};
use cwe_primitives::{batch::BadTransaction, codec::CodecError};

use crate::reader::InputError;

/// Why an input shows nothing. No proof exists of such an input.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The input's framing or a part of it is malformed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The witness's headers are no chain.
    #[error("witness is unusable: {0}")]
    Witness(#[from] WitnessError),
    /// Parameters under which no chain can be.
    #[error("chain parameter {name} is {value}: no chain has it")]
    Parameter {
        /// Which.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// The parent header has a field that no header of a chain has.
    #[error("parent header's {name} is {value}: no header has it")]
    ParentHeader {
        /// Which field.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// No batch.
    #[error("proof input has no batch")]
    NoBatch,
    /// Batch or queue numbers run over.
    #[error("batch {batch} has a number beyond 2^64")]
    Overflow {
        /// Batch.
        batch: u64,
    },
    /// Batch data does not decode.
    #[error("data of batch {batch} does not decode: {source}")]
    Data {
        /// Batch.
        batch: u64,
        /// Why.
        source: CodecError,
    },
    /// There are more or fewer blobs than the data takes.
    #[error("{found} versioned hashes, the data takes {expected} blobs")]
    BlobCount {
        /// Hashes given.
        found: usize,
        /// Blobs that the data fills.
        expected: usize,
    },
    /// A listed transaction is malformed.
    #[error("block {block}: {source}")]
    Transaction {
        /// Block number.
        block: u64,
        /// Why.
        source: BadTransaction,
    },
    /// A signature recovers to nobody.
    #[error("block {block}: the signature of a transaction is no signature")]
    Signature {
        /// Block number.
        block: u64,
    },
    /// The blocks take more or fewer messages than were given.
    #[error("batch {batch} has {found} L1 messages, its blocks take {expected}")]
    MessageCount {
        /// Batch.
        batch: u64,
        /// Messages in the input.
        found: usize,
        /// Messages that the blocks count.
        expected: u64,
    },
    /// A block can't be executed.
    #[error("block {block} can't be executed: {reason}")]
    Block {
        /// Block number.
        block: u64,
        /// Why.
        reason: Box<BlockError<WitnessError>>,
    },
}
