//! The state behind a witness, in memory: read and changed in place, hashed once per block along the changed paths.

mod encode;
#[cfg(feature = "standalone")]
mod standalone;
mod trie;

use alloc::vec::Vec;
use core::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use alloy_trie::EMPTY_ROOT_HASH;
use cwe_primitives::Account;

use crate::{AccountLeaf, TrieError, WitnessNodes, read::parse_slot};
#[cfg(feature = "standalone")]
pub use standalone::SparseTrie;
use trie::{Arena, Link, Place};

type Result<T> = core::result::Result<T, TrieError<Infallible>>;

/// A part of the state: what the nodes of a witness show of it.
///
/// Where [`update_state`](crate::update_state) reads and writes nodes one descent at a time, this keeps them decoded and
/// linked through a run of blocks: a node is decoded once, and hashed once for every block that changes it. It needs no
/// other nodes than that function reads.
#[derive(Debug, Clone)]
pub struct SparseState {
    root: B256,
    arena: Arena,
    accounts: Link,
    /// Storage tries that were asked for.
    storages: AddressMap<Storage>,
}

#[derive(Debug, Clone, Copy)]
struct Storage {
    owner: B256,
    trie: Link,
}

impl SparseState {
    /// The state under `root`, of which `nodes` are known.
    pub fn new(nodes: WitnessNodes, root: B256) -> Self {
        let mut arena = Arena::new(nodes);
        Self {
            root,
            accounts: arena.open(root),
            arena,
            storages: AddressMap::default(),
        }
    }

    /// Root of the account trie.
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// Reads an account; `None` if there is none.
    ///
    /// # Errors
    /// [`TrieError`] if a node on the way is missing or malformed.
    pub fn account(&mut self, address: Address) -> Result<Option<AccountLeaf>> {
        self.leaf(keccak256(address))
    }

    /// Reads a slot, zero if absent.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub fn slot(&mut self, address: Address, slot: U256) -> Result<U256> {
        let storage = self.storage(address)?;
        if storage.trie == Link::NONE {
            return Ok(U256::ZERO);
        }
        let place = storage.place(slot);
        match self.arena.get(storage.trie, &place)? {
            Some(value) => parse_slot(value).ok_or_else(|| place.bad_leaf("the leaf holds no slot value")),
            None => Ok(U256::ZERO),
        }
    }

    /// Goes on to the state after some changes and returns its root: accounts with what they then are, and slots with
    /// their values.
    ///
    /// # Errors
    /// As [`Self::account`], or an account is deleted with storage left. The state is then of no use any more.
    pub fn update<S>(&mut self, changes: impl IntoIterator<Item = (Address, Option<Account>, S)>) -> Result<B256>
    where
        S: Iterator<Item = (U256, U256)> + Clone,
    {
        let mut deleted = Vec::new();
        for (address, account, slots) in changes {
            let (owner, storage_root) = self.update_storage(address, slots)?;
            let place = Place {
                owner: None,
                key: owner,
            };
            match account {
                Some(account) => {
                    let leaf = AccountLeaf { account, storage_root };
                    self.accounts = self.arena.set(self.accounts, 0, &place, leaf.encode().into())?;
                }
                None if storage_root == EMPTY_ROOT_HASH => deleted.push(place),
                None => {
                    return Err(TrieError::StorageRemains {
                        owner,
                        root: storage_root,
                    });
                }
            }
        }
        for place in deleted {
            self.accounts = self.arena.remove(self.accounts, 0, &place)?;
        }
        self.root = self.arena.root(self.accounts);
        Ok(self.root)
    }

    /// Changes an account's slots; returns the Keccak of its address, and the root of its storage then.
    fn update_storage<S>(&mut self, address: Address, slots: S) -> Result<(B256, B256)>
    where
        S: Iterator<Item = (U256, U256)> + Clone,
    {
        if slots.clone().next().is_none() {
            let owner = keccak256(address);
            let leaf = self.leaf(owner)?;
            return Ok((owner, leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root)));
        }
        let mut storage = self.storage(address)?;
        for (slot, value) in slots.clone().filter(|(_, value)| !value.is_zero()) {
            let value = Bytes::from(alloy_rlp::encode(value));
            storage.trie = self.arena.set(storage.trie, 0, &storage.place(slot), value)?;
        }
        for (slot, _) in slots.filter(|(_, value)| value.is_zero()) {
            storage.trie = self.arena.remove(storage.trie, 0, &storage.place(slot))?;
        }
        self.storages.insert(address, storage);
        Ok((storage.owner, self.arena.root(storage.trie)))
    }

    fn storage(&mut self, address: Address) -> Result<Storage> {
        if let Some(storage) = self.storages.get(&address) {
            return Ok(*storage);
        }
        let owner = keccak256(address);
        let leaf = self.leaf(owner)?;
        let trie = leaf.map_or(Link::NONE, |leaf| self.arena.open(leaf.storage_root));
        let storage = Storage { owner, trie };
        self.storages.insert(address, storage);
        Ok(storage)
    }

    fn leaf(&mut self, owner: B256) -> Result<Option<AccountLeaf>> {
        let place = Place {
            owner: None,
            key: owner,
        };
        let Some(value) = self.arena.get(self.accounts, &place)? else {
            return Ok(None);
        };
        let leaf = AccountLeaf::parse(value).ok_or_else(|| place.bad_leaf("the leaf holds no account"))?;
        Ok(Some(leaf))
    }
}

impl Storage {
    fn place(&self, slot: U256) -> Place {
        Place {
            owner: Some(self.owner),
            key: keccak256(slot.to_be_bytes::<32>()),
        }
    }
}
