//! A state in plain maps, a store of nodes by path, and how to get from one to the other.

use std::collections::BTreeMap;
use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::TrieAccount;
use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};
use cwe_primitives::{Account, AccountChange, SlotChange, StateChanges};
use cwe_trie::{ChangedNodes, Nibbles, NodeSource, StateRootBuilder, TrieUpdates};

/// The state in plain: what the tries must agree with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plain(pub(crate) BTreeMap<Address, (Account, BTreeMap<U256, U256>)>);

/// What a block sets; `None` deletes the account with its storage.
pub(crate) type Block = BTreeMap<Address, Option<(Account, BTreeMap<U256, U256>)>>;

impl Plain {
    pub(crate) fn apply(&mut self, block: Block) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, update) in block {
            let before = self.0.remove(&address);
            let (previous, old_slots) =
                before.map_or((None, BTreeMap::new()), |(account, slots)| (Some(account), slots));
            let mut slots = old_slots.clone();
            match &update {
                Some((_, writes)) => slots.extend(writes),
                None => slots.clear(),
            }
            slots.retain(|_, value| !value.is_zero());
            let value = |slots: &BTreeMap<U256, U256>, slot| slots.get(slot).copied().unwrap_or_default();
            let storage = old_slots
                .keys()
                .chain(slots.keys())
                .map(|slot| {
                    (
                        *slot,
                        SlotChange {
                            previous: value(&old_slots, slot),
                            current: value(&slots, slot),
                        },
                    )
                })
                .filter(|(_, change)| change.previous != change.current)
                .collect();
            let current = update.map(|(account, _)| account);
            changes.accounts.insert(
                address,
                AccountChange {
                    previous,
                    current,
                    storage,
                },
            );
            if let Some(account) = current {
                self.0.insert(address, (account, slots));
            }
        }
        changes
    }

    pub(crate) fn root(&self) -> B256 {
        state_root_unhashed(self.0.iter().map(|(address, (account, slots))| {
            let storage_root = storage_root(slots);
            (
                *address,
                TrieAccount::new(account.nonce, account.balance, storage_root, account.code_hash),
            )
        }))
    }
}

fn storage_root(slots: &BTreeMap<U256, U256>) -> B256 {
    storage_root_unhashed(slots.iter().map(|(slot, value)| (B256::from(*slot), *value)))
}

/// Nodes by owner and path, as a database keeps them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Store(pub(crate) BTreeMap<(Option<B256>, Nibbles), Bytes>);

impl Store {
    pub(crate) fn apply(&mut self, updates: TrieUpdates) {
        self.apply_trie(None, updates.account_nodes);
        for (owner, nodes) in updates.storage_nodes {
            self.apply_trie(Some(owner), nodes);
        }
    }

    fn apply_trie(&mut self, owner: Option<B256>, nodes: ChangedNodes) {
        for (path, node) in nodes {
            match node {
                Some(rlp) => self.0.insert((owner, path), rlp),
                None => self.0.remove(&(owner, path)),
            };
        }
    }

    /// The same state, built in bulk.
    pub(crate) fn build(state: &Plain) -> (B256, Self) {
        let mut nodes = BTreeMap::new();
        let mut builder = StateRootBuilder::new(|owner, path, rlp| {
            assert!(nodes.insert((owner, path), rlp).is_none(), "each node once");
            Ok::<(), Infallible>(())
        });
        let hashed: BTreeMap<B256, _> = state
            .0
            .iter()
            .map(|(address, rest)| (keccak256(address), rest))
            .collect();
        for (owner, (account, slots)) in hashed {
            let slots: BTreeMap<B256, U256> = slots.iter().map(|(slot, value)| (hash_slot(*slot), *value)).collect();
            builder.account(owner, account, slots).unwrap();
        }
        let root = builder.finish().unwrap();
        (root, Self(nodes))
    }
}

impl NodeSource for Store {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self
            .0
            .get(&(owner, *path))
            .filter(|rlp| keccak256(rlp) == hash)
            .cloned())
    }
}

pub(crate) fn hash_slot(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}
