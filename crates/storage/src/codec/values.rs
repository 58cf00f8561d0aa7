//! Values of rows.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Decodable, Encodable};
use cwe_primitives::{Account, QueueHash};

use crate::records::{L1Block, TransactionLocation};

/// A type of value.
pub(crate) trait Value: Sized {
    /// Appends the value's bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// The value from bytes, or what is wrong with them.
    fn decode(bytes: &[u8]) -> Result<Self, &'static str>;
}

/// A run of history, filed under its last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunInfo {
    /// Its first block.
    pub(crate) first: u64,
    /// Bytes of all keys and values.
    pub(crate) bytes: u64,
}

impl Value for RunInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.first, out);
        Value::encode(&self.bytes, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (first, bytes) = bytes.split_at_checked(8).ok_or("a run is too short")?;
        Ok(Self {
            first: Value::decode(first)?,
            bytes: Value::decode(bytes)?,
        })
    }
}

/// Bytes kept as they are.
impl Value for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::copy_from_slice(bytes))
    }
}

impl Value for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::from_be_bytes(
            bytes.try_into().map_err(|_| "a number is not 8 bytes")?,
        ))
    }
}

impl Value for B256 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::try_from(bytes).map_err(|_| "a hash is not 32 bytes")
    }
}

/// A slot's value without leading zeros.
impl Value for U256 {
    fn encode(&self, out: &mut Vec<u8>) {
        let bytes = self.to_be_bytes::<32>();
        let leading_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        out.extend_from_slice(&bytes[leading_zeros..]);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::try_from_be_slice(bytes).ok_or("a slot value is over 32 bytes")
    }
}

/// Nonce, balance length, balance without leading zeros, code hash unless there is no code.
impl Value for Account {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce.to_be_bytes());
        let length_at = out.len();
        out.push(0);
        Value::encode(&self.balance, out);
        out[length_at] = u8::try_from(out.len() - length_at - 1).unwrap_or(32);
        if self.code_hash != KECCAK256_EMPTY {
            out.extend_from_slice(self.code_hash.as_slice());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "an account is too short";
        let (nonce, rest) = bytes.split_at_checked(8).ok_or(SHORT)?;
        let (balance_len, rest) = rest.split_first().ok_or(SHORT)?;
        let (balance, code_hash) = rest.split_at_checked((*balance_len).into()).ok_or(SHORT)?;
        let code_hash = if code_hash.is_empty() {
            KECCAK256_EMPTY
        } else {
            <B256 as Value>::decode(code_hash)?
        };
        Ok(Self {
            nonce: <u64 as Value>::decode(nonce)?,
            balance: U256::try_from_be_slice(balance).ok_or("a balance is over 32 bytes")?,
            code_hash,
        })
    }
}

/// Hash and number of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockId {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

impl Value for BlockId {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.number, out);
        Value::encode(&self.hash, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (number, hash) = bytes.split_at_checked(8).ok_or("a block id is too short")?;
        Ok(Self {
            number: Value::decode(number)?,
            hash: Value::decode(hash)?,
        })
    }
}

impl Value for L1Block {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(
            &BlockId {
                number: self.number,
                hash: self.hash,
            },
            out,
        );
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let BlockId { number, hash } = Value::decode(bytes)?;
        Ok(Self { number, hash })
    }
}

impl Value for QueueHash {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(
            &BlockId {
                number: self.next_index,
                hash: self.hash,
            },
            out,
        );
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let BlockId {
            number: next_index,
            hash,
        } = Value::decode(bytes)?;
        Ok(Self { next_index, hash })
    }
}

impl Value for TransactionLocation {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.block, out);
        out.extend_from_slice(&self.index.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const LENGTH: &str = "a transaction location is not 12 bytes";
        let (block, index) = bytes.split_at_checked(8).ok_or(LENGTH)?;
        Ok(Self {
            block: Value::decode(block)?,
            index: u32::from_be_bytes(index.try_into().map_err(|_| LENGTH)?),
        })
    }
}

/// Addresses back to back.
impl Value for Vec<Address> {
    fn encode(&self, out: &mut Vec<u8>) {
        for address in self {
            out.extend_from_slice(address.as_slice());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (addresses, rest) = bytes.as_chunks::<20>();
        if !rest.is_empty() {
            return Err("a list of addresses ends inside an address");
        }
        Ok(addresses.iter().map(Address::from).collect())
    }
}

/// A value in its RLP encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rlp<T>(pub(crate) T);

impl<T: Encodable + Decodable> Value for Rlp<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let value = T::decode(&mut bytes).map_err(|_| "malformed RLP")?;
        if bytes.is_empty() {
            Ok(Self(value))
        } else {
            Err("bytes after the RLP")
        }
    }
}
