//! Single rules: what is refused, and what an empty state is.

use std::collections::BTreeMap;
use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cwe_primitives::{Account, AccountChange, SlotChange, StateChanges};
use cwe_trie::{
    BulkError, EMPTY_ROOT_HASH, Nibbles, StateRootBuilder, TrieError, WitnessNodes, account_proof, read_account,
    read_slot, state_root_after, update_state,
};

use crate::plain::{Block, Plain, Store, hash_slot};

/// One account with two slots.
fn small_state() -> (Plain, Store, B256, Address) {
    let address = Address::repeat_byte(1);
    let slots = BTreeMap::from([(U256::from(1), U256::from(10)), (U256::from(2), U256::from(20))]);
    let mut state = Plain::default();
    let changes = state.apply(Block::from([(address, Some((Account::default(), slots)))]));
    let updates = update_state(&WitnessNodes::default(), EMPTY_ROOT_HASH, &changes).unwrap();
    let mut store = Store::default();
    let root = updates.root;
    store.apply(updates);
    (state, store, root, address)
}

#[test]
fn the_empty_state_has_the_empty_root() {
    let nothing = StateChanges::default();
    assert_eq!(
        state_root_after(&WitnessNodes::default(), EMPTY_ROOT_HASH, &nothing),
        Ok(EMPTY_ROOT_HASH)
    );
    assert_eq!(Store::build(&Plain::default()), (EMPTY_ROOT_HASH, Store::default()));
    assert_eq!(
        account_proof(&Store::default(), EMPTY_ROOT_HASH, B256::ZERO)
            .unwrap()
            .nodes,
        Vec::<Bytes>::new()
    );
}

#[test]
fn deleting_everything_leaves_no_node() {
    let (mut state, mut store, root, address) = small_state();
    let changes = state.apply(Block::from([(address, None)]));
    let updates = update_state(&store, root, &changes).unwrap();
    assert_eq!(updates.root, EMPTY_ROOT_HASH);
    store.apply(updates);
    assert_eq!(store, Store::default());
}

#[test]
fn an_account_is_not_deleted_with_storage_left() {
    let (_, store, root, address) = small_state();
    let mut changes = StateChanges::default();
    let change = AccountChange {
        previous: Some(Account::default()),
        ..AccountChange::default()
    };
    changes.accounts.insert(address, change);
    let owner = keccak256(address);
    let left = read_account(&store, root, owner).unwrap().unwrap().storage_root;
    assert_eq!(
        update_state(&store, root, &changes),
        Err(TrieError::StorageRemains { owner, root: left })
    );
}

#[test]
fn a_change_made_on_another_state_is_refused() {
    let (_, store, root, address) = small_state();
    let owner = keccak256(address);
    let account = Some(Account::default());
    let with = |previous, storage: [(u64, u64, u64); 1]| {
        let storage = storage.map(|(slot, previous, current)| {
            (
                U256::from(slot),
                SlotChange {
                    previous: U256::from(previous),
                    current: U256::from(current),
                },
            )
        });
        let change = AccountChange {
            previous,
            current: account,
            storage: storage.into(),
        };
        StateChanges {
            accounts: BTreeMap::from([(address, change)]),
            ..StateChanges::default()
        }
    };
    let stale_slot = |slot: u64| TrieError::StaleChange {
        owner: Some(owner),
        key: Nibbles::unpack(hash_slot(U256::from(slot))),
    };
    let stale_account = TrieError::StaleChange {
        owner: None,
        key: Nibbles::unpack(owner),
    };

    assert!(update_state(&store, root, &with(account, [(1, 10, 11)])).is_ok());
    assert_eq!(
        update_state(&store, root, &with(account, [(1, 9, 11)])),
        Err(stale_slot(1))
    );
    assert_eq!(
        update_state(&store, root, &with(account, [(3, 1, 2)])),
        Err(stale_slot(3))
    );
    assert_eq!(
        update_state(&store, root, &with(None, [(1, 10, 11)])),
        Err(stale_account)
    );
}

#[test]
fn a_missing_node_is_named() {
    let (_, store, root, address) = small_state();
    let owner = keccak256(address);
    let storage_root = read_account(&store, root, owner).unwrap().unwrap().storage_root;
    let witness = WitnessNodes::new([store.0[&(None, Nibbles::new())].clone()]);
    assert_eq!(read_account(&witness, root, owner), read_account(&store, root, owner));
    let missing = TrieError::MissingNode {
        owner: Some(owner),
        path: Nibbles::new(),
        hash: storage_root,
    };
    assert_eq!(
        read_slot(&witness, owner, storage_root, U256::from(1)),
        Err(missing.clone())
    );
    assert_eq!(
        missing.to_string(),
        format!("storage trie of {owner} misses node {storage_root} at path root")
    );
}

#[test]
fn bulk_input_must_ascend() {
    let [low, high] = [B256::repeat_byte(1), B256::repeat_byte(2)];
    let builder = || StateRootBuilder::new(|_, _, _| Ok::<(), Infallible>(()));
    let account = Account::default();

    let mut accounts = builder();
    accounts.account(high, &account, []).unwrap();
    assert_eq!(
        accounts.account(low, &account, []),
        Err(BulkError::Unsorted {
            previous: high,
            key: low
        })
    );
    let twice = [(low, U256::from(1)), (low, U256::from(1))];
    assert_eq!(
        builder().account(high, &account, twice),
        Err(BulkError::Unsorted {
            previous: low,
            key: low
        })
    );
    assert_eq!(
        builder().account(high, &account, [(low, U256::ZERO)]),
        Ok(EMPTY_ROOT_HASH)
    );
}

#[test]
fn bulk_stops_when_a_node_is_not_taken() {
    let mut builder = StateRootBuilder::new(|_, _, _| Err(std::fmt::Error));
    let slots = [(B256::repeat_byte(1), U256::from(1))];
    assert_eq!(
        builder.account(B256::repeat_byte(1), &Account::default(), slots),
        Err(BulkError::Emit(std::fmt::Error))
    );
}
