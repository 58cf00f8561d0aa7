//! Accounts and what a block changes in them: the executor writes it, trie and database take it.

use alloc::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};

/// An account without its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// CLN wei.
    pub balance: U256,
    /// Keccak of the code; [`KECCAK256_EMPTY`] without code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
        }
    }
}

impl Account {
    /// Empty by EIP-161: such an account is not in the state.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }
}

/// A storage slot before and after; never equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotChange {
    /// Value before the block; zero is absence.
    pub previous: U256,
    /// Value after the block.
    pub current: U256,
}

/// An account before and after a block. `None` is absence.
///
/// Under the rules since Cancun an account that existed before the transaction is never destroyed with its storage,
/// so a deletion here has no storage behind it other than what `storage` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountChange {
    /// Before the block.
    pub previous: Option<Account>,
    /// After the block.
    pub current: Option<Account>,
    /// Slots that differ.
    pub storage: BTreeMap<U256, SlotChange>,
}

/// Everything a block, or a run of blocks, changes in the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateChanges {
    /// Accounts that differ in themselves or in their storage.
    pub accounts: BTreeMap<Address, AccountChange>,
    /// Codes that appear for the first time, by hash.
    pub codes: BTreeMap<B256, Bytes>,
}
