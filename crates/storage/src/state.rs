//! Snapshots as the executor and the trie see them.

use alloy_primitives::{Address, B256, Bytes, U256};
use cwe_executor::StateBackend;
use cwe_primitives::StateChanges;
use cwe_trie::{Nibbles, NodeSource, TrieError, TrieUpdates};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use crate::{
    Snapshot, StorageError,
    codec::{AccountNodeKey, StorageNodeKey},
    tables::{AccountNodes, StorageNodes},
};

impl DatabaseRef for Snapshot {
    type Error = StorageError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StorageError> {
        let Some(account) = self.account(address)? else {
            return Ok(None);
        };
        // The code is loaded when it is needed.
        let info = AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            ..Default::default()
        };
        Ok(Some(AccountInfo {
            code_hash: account.code_hash,
            code: None,
            ..info
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StorageError> {
        let code = self.code(code_hash)?.ok_or_else(|| StorageError::MissingRow {
            what: format!("code {code_hash}"),
        })?;
        Bytecode::new_raw_checked(code).map_err(|_| StorageError::MalformedRow {
            table: "codes",
            reason: "a delegation is malformed",
        })
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        self.slot(address, slot)
    }

    /// Zero above the block whose state this is.
    fn block_hash_ref(&self, number: u64) -> Result<B256, StorageError> {
        if number > self.number() {
            return Ok(B256::ZERO);
        }
        self.block_hash(number)?.ok_or_else(|| StorageError::MissingRow {
            what: format!("header {number}"),
        })
    }
}

impl NodeSource for Snapshot {
    type Error = StorageError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, _hash: B256) -> Result<Option<Bytes>, StorageError> {
        match owner {
            None => self.state::<AccountNodes>(&AccountNodeKey(*path)),
            Some(owner) => self.state::<StorageNodes>(&StorageNodeKey { owner, path: *path }),
        }
    }
}

impl StateBackend for Snapshot {
    fn state_root(&self) -> B256 {
        Self::state_root(self)
    }

    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<StorageError>> {
        cwe_trie::update_state_parallel(self, Self::state_root(self), changes)
    }
}
