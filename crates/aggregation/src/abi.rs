//! `abi.encode`, as far as public values need it.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};

/// Words one after another. Dynamic parts go where the caller puts them.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub(crate) fn word(&mut self, word: B256) -> &mut Self {
        self.0.extend_from_slice(word.as_slice());
        self
    }

    pub(crate) fn uint(&mut self, number: u64) -> &mut Self {
        self.word(U256::from(number).into())
    }

    pub(crate) fn address(&mut self, address: Address) -> &mut Self {
        self.word(address.into_word())
    }

    /// How many bytes into the whole something begins, given the words before it.
    pub(crate) fn offset(&mut self, words: usize) -> &mut Self {
        self.uint(32 * words as u64)
    }

    pub(crate) fn hash(&self) -> B256 {
        keccak256(&self.0)
    }
}
