//! Blocks of any shape give the reference root, from a database and from a witness, on one thread and on several.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, address, b256, keccak256};
use alloy_trie::TrieAccount;
use alloy_trie::proof::verify_proof;
use cwe_primitives::{Account, StateChanges};
use cwe_trie::{
    EMPTY_ROOT_HASH, Nibbles, Recorder, SparseState, WitnessNodes, account_proof, read_account, read_slot,
    state_root_after, storage_proof, update_state, update_state_parallel,
};
use proptest::collection::{btree_map, vec as many};
use proptest::option;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::plain::{Block, Plain, Store, hash_slot};

/// Checks every read and proof of an account and some slots, present or not.
/// Changes as a [`SparseState`] takes them.
fn plain(
    changes: &StateChanges,
) -> impl Iterator<Item = (Address, Option<Account>, impl Iterator<Item = (U256, U256)> + Clone)> {
    changes.accounts.iter().map(|(address, change)| {
        let slots = change.storage.iter().map(|(slot, values)| (*slot, values.current));
        (*address, change.current, slots)
    })
}

fn check_reads(store: &Store, root: B256, state: &Plain, address: Address) {
    let owner = keccak256(address);
    let expected = state.0.get(&address);
    let proof = account_proof(store, root, owner).unwrap();
    assert_eq!(read_account(store, root, owner).unwrap(), proof.leaf);
    assert_eq!(
        proof.leaf.map(|leaf| leaf.account),
        expected.map(|(account, _)| *account)
    );
    let value = proof.leaf.map(|leaf| {
        let Account {
            nonce,
            balance,
            code_hash,
        } = leaf.account;
        alloy_rlp::encode(TrieAccount::new(nonce, balance, leaf.storage_root, code_hash))
    });
    verify_proof(root, Nibbles::unpack(owner), value, &proof.nodes).unwrap();

    let storage_root = proof.leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
    for slot in (0..8).map(U256::from) {
        let expected = expected
            .and_then(|(_, slots)| slots.get(&slot))
            .copied()
            .unwrap_or_default();
        let proof = storage_proof(store, owner, storage_root, slot).unwrap();
        assert_eq!(proof.value, expected);
        assert_eq!(read_slot(store, owner, storage_root, slot).unwrap(), expected);
        let value = (!expected.is_zero()).then(|| alloy_rlp::encode(expected));
        verify_proof(storage_root, Nibbles::unpack(hash_slot(slot)), value, &proof.nodes).unwrap();
    }
}

fn block() -> impl Strategy<Value = Block> {
    let address = (0u8..12).prop_map(Address::repeat_byte);
    let slot = (0u8..24).prop_map(U256::from);
    let value = prop_oneof![Just(U256::ZERO), (1u64..300).prop_map(U256::from), Just(U256::MAX)];
    let account = (0u64..3, 0u64..1000).prop_map(|(nonce, balance)| Account {
        nonce,
        balance: U256::from(balance),
        code_hash: KECCAK256_EMPTY,
    });
    btree_map(
        address,
        option::weighted(0.8, (account, btree_map(slot, value, 0..10))),
        0..10,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn blocks_from_database_and_witness_give_the_reference_root(blocks in many(block(), 1..6)) {
        let mut state = Plain::default();
        let mut store = Store::default();
        let mut carried = SparseState::new(WitnessNodes::default(), EMPTY_ROOT_HASH);
        let mut root = EMPTY_ROOT_HASH;
        for block in blocks {
            let changes = state.apply(block);
            let recorder = Recorder::new(&store);
            let updates = update_state(&recorder, root, &changes).unwrap();
            let witness = WitnessNodes::new(recorder.into_nodes());

            prop_assert_eq!(updates.root, state.root());
            prop_assert_eq!(&update_state(&witness, root, &changes).unwrap(), &updates);
            prop_assert_eq!(&update_state_parallel(&store, root, &changes).unwrap(), &updates);
            prop_assert_eq!(state_root_after(&witness, root, &changes), Ok(updates.root));
            prop_assert_eq!(SparseState::new(witness.clone(), root).update(plain(&changes)), Ok(updates.root));
            prop_assert_eq!(carried.update(plain(&changes)), Ok(updates.root));
            let mut next = witness.clone();
            next.apply(&updates);
            for (address, change) in &changes.accounts {
                let leaf = read_account(&next, updates.root, keccak256(address)).unwrap();
                prop_assert_eq!(leaf.map(|leaf| leaf.account), change.current);
            }

            root = updates.root;
            store.apply(updates);
            prop_assert_eq!((root, &store), (Store::build(&state).0, &Store::build(&state).1));
        }
        for byte in 0..13 {
            check_reads(&store, root, &state, Address::repeat_byte(byte));
        }
        prop_assert_eq!(carried.root(), root);
        for address in (0..13).map(Address::repeat_byte) {
            let owner = keccak256(address);
            let leaf = read_account(&store, root, owner).unwrap();
            prop_assert_eq!(carried.account(address).unwrap(), leaf);
            let storage_root = leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
            for slot in (0..8).map(U256::from) {
                prop_assert_eq!(
                    carried.slot(address, slot).unwrap(),
                    read_slot(&store, owner, storage_root, slot).unwrap()
                );
            }
        }
    }
}

fn random_block(rng: &mut StdRng, accounts: u64, slots_of_one: u64) -> Block {
    let account = |rng: &mut StdRng| Account {
        nonce: 1,
        balance: U256::from(rng.random::<u64>()),
        ..Account::default()
    };
    let mut block = Block::new();
    for _ in 0..accounts {
        let address = Address::left_padding_from(&rng.random_range(0..4 * accounts).to_be_bytes());
        let update = rng.random_bool(0.9).then(|| {
            (
                account(rng),
                BTreeMap::from([(U256::ZERO, U256::from(rng.random::<u64>()))]),
            )
        });
        block.insert(address, update);
    }
    let mut slots = BTreeMap::new();
    for _ in 0..slots_of_one {
        slots.insert(
            U256::from(rng.random_range(0..4 * slots_of_one)),
            U256::from(rng.random_range(0..9u64)),
        );
    }
    block.insert(Address::repeat_byte(0xee), Some((account(rng), slots)));
    block
}

#[test]
fn threads_change_nothing_but_the_time() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut state = Plain::default();
    let mut store = Store::default();
    let mut root = EMPTY_ROOT_HASH;
    for _ in 0..4 {
        let changes = state.apply(random_block(&mut rng, 600, 1400));
        let updates = update_state_parallel(&store, root, &changes).unwrap();
        assert_eq!(updates, update_state(&store, root, &changes).unwrap());
        root = updates.root;
        assert_eq!(root, state.root());
        store.apply(updates);
        assert_eq!(store, Store::build(&state).1);
    }
}

#[test]
fn the_genesis_of_sepolia_has_its_root() {
    let million = U256::from(10).pow(U256::from(24));
    let alloc = [
        (address!("a2A6d93439144FFE4D27c9E088dCD8b783946263"), million),
        (address!("Bc11295936Aa79d594139de1B2e12629414F3BDB"), million),
        (address!("7cF5b79bfe291A67AB02b393E456cCc4c266F753"), million),
        (address!("aaec86394441f915bce3e6ab399977e9906f3b69"), million),
        (address!("F47CaE1CF79ca6758Bfc787dbD21E6bdBe7112B8"), million),
        (address!("d7eDDB78ED295B3C9629240E8924fb8D8874ddD8"), million),
        (address!("8b7F0977Bb4f0fBE7076FA22bC24acA043583F5e"), million),
        (address!("e2e2659028143784d557bcec6ff3a0721048880a"), million),
        (address!("d9a5179f091d85051d3c982785efd1455cec8699"), million),
        (address!("beef32ca5b9a198d27B4e02F4c70439fE60356Cf"), million),
        (
            address!("0000006916a87b82333f4245046623b23794c65c"),
            million * U256::from(10),
        ),
        (
            address!("b21c33de1fab3fa15499c62b59fe0cc3250020d1"),
            million * U256::from(100),
        ),
        (
            address!("10F5d45854e038071485AC9e402308cF80D2d2fE"),
            million * U256::from(100),
        ),
        (
            address!("d7d76c58b3a519e9fA6Cc4D22dC017259BC49F1E"),
            million * U256::from(100),
        ),
        (
            address!("799D329e5f583419167cD722962485926E338F4a"),
            U256::from(10).pow(U256::from(18)),
        ),
    ];
    let block = alloc.map(|(address, balance)| {
        (
            address,
            Some((
                Account {
                    balance,
                    ..Account::default()
                },
                BTreeMap::new(),
            )),
        )
    });
    let mut state = Plain::default();
    let changes = state.apply(block.into());
    let expected = b256!("5eb6e371a698b8d68f665192350ffcecbbbf322916f4b51bd79bb6887da3f494");
    assert_eq!(
        state_root_after(&WitnessNodes::default(), EMPTY_ROOT_HASH, &changes),
        Ok(expected)
    );
    assert_eq!(Store::build(&state).0, expected);
}
