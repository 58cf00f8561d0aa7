//! Witnesses: the part of the state that some blocks touch, to execute them without a database.

use alloc::{boxed::Box, vec::Vec};

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

/// Most bytes of an encoded witness.
pub const MAX_WITNESS_BYTES: usize = 256 << 20;

/// Most headers: what `BLOCKHASH` reaches back.
pub const MAX_WITNESS_HEADERS: usize = 256;

/// What executing consecutive blocks needs: their parent, older headers that `BLOCKHASH` asks for, trie nodes and
/// contract codes.
///
/// Nothing in it is trusted: [`WitnessState`](crate::WitnessState) checks all of it against the hash of the parent.
#[derive(Debug, Clone, PartialEq, Eq, Default, RlpEncodable, RlpDecodable)]
pub struct Witness {
    /// Consecutive headers, oldest first; the last is the parent of the first block to execute.
    pub headers: Vec<Header>,
    /// RLP of trie nodes.
    pub nodes: Vec<Bytes>,
    /// Contract codes.
    pub codes: Vec<Bytes>,
}

/// Why a witness can't be used, or does not hold what execution asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// More bytes than any witness has.
    #[error("witness has {0} bytes, allowed are {MAX_WITNESS_BYTES}")]
    TooLarge(usize),
    /// Not the RLP of a witness.
    #[error("witness does not decode: {0}")]
    Rlp(alloy_rlp::Error),
    /// No header, or more than `BLOCKHASH` can ask for.
    #[error("witness has {0} headers, allowed are 1 to {MAX_WITNESS_HEADERS}")]
    HeaderCount(usize),
    /// A header is not the parent of the next.
    #[error("witness header {number} does not follow the one before it")]
    BrokenHeaderChain {
        /// Number of the later header.
        number: u64,
    },
    /// A block hash was asked for that the headers don't tell.
    #[error("witness misses the header of block {0}")]
    MissingHeader(u64),
    /// A code was asked for that is not there.
    #[error("witness misses the code with hash {0}")]
    MissingCode(B256),
    /// A code is no bytecode: it begins like a delegation and isn't one.
    #[error("the code with hash {0} is no bytecode")]
    BadCode(B256),
    /// A trie node is missing or malformed.
    #[error("witness has not the state it needs: {0}")]
    Trie(#[source] Box<cwe_trie::TrieError<core::convert::Infallible>>),
}

impl revm::database_interface::DBErrorMarker for WitnessError {}

impl From<cwe_trie::TrieError<core::convert::Infallible>> for WitnessError {
    fn from(error: cwe_trie::TrieError<core::convert::Infallible>) -> Self {
        Self::Trie(Box::new(error))
    }
}

impl Witness {
    /// Decodes a witness from untrusted bytes.
    ///
    /// # Errors
    /// Too large, malformed, or followed by other bytes.
    pub fn decode_exact(bytes: &[u8]) -> Result<Self, WitnessError> {
        if bytes.len() > MAX_WITNESS_BYTES {
            return Err(WitnessError::TooLarge(bytes.len()));
        }
        let mut rest = bytes;
        let witness = Self::decode(&mut rest).map_err(WitnessError::Rlp)?;
        if !rest.is_empty() {
            return Err(WitnessError::Rlp(alloy_rlp::Error::UnexpectedLength));
        }
        Ok(witness)
    }
}
