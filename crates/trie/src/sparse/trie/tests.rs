use alloc::{collections::BTreeMap, vec};

use proptest::{collection::vec as many, prelude::*};

use super::*;
use crate::testing::reference;

type Leaves = BTreeMap<B256, Vec<u8>>;

/// Keys that share long prefixes, so that extensions, embedded nodes and collapses at every depth come up.
fn key() -> impl Strategy<Value = B256> {
    (
        prop::sample::select(vec![0usize, 1, 2, 3, 30, 61, 62, 63]),
        0u8..4,
        prop::sample::select(vec![0usize, 1, 62, 63]),
        0u8..4,
    )
        .prop_map(|(first, a, second, b)| {
            let mut key = B256::ZERO;
            set_nibble(&mut key, first, a);
            set_nibble(&mut key, second, b);
            key
        })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(1u8..=255).prop_map(|byte| vec![byte]), many(any::<u8>(), 2..120),]
}

/// What `alloy_trie` makes of the leaves: root and nodes.
fn expected(leaves: &Leaves) -> (B256, Vec<Bytes>) {
    let leaves = leaves
        .iter()
        .map(|(key, value)| (Nibbles::unpack_array(&key.0), value.clone()))
        .collect();
    let (root, store) = reference(&leaves);
    (root, store.0.into_values().collect())
}

fn place(key: B256) -> Place {
    Place { owner: None, key }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_of_changes_gives_the_reference_root(
        old in prop::collection::btree_map(key(), value(), 0..20),
        blocks in many(many((key(), prop::option::weighted(0.6, value())), 0..8), 1..4),
    ) {
        let mut leaves = old;
        let (root, nodes) = expected(&leaves);
        let mut arena = Arena::new(WitnessNodes::new(nodes));
        let mut link = arena.open(root);
        for block in blocks {
            for (key, value) in block {
                match value {
                    Some(value) => {
                        link = arena.set(link, 0, &place(key), value.clone().into()).unwrap();
                        leaves.insert(key, value);
                    }
                    None => {
                        link = arena.remove(link, 0, &place(key)).unwrap();
                        leaves.remove(&key);
                    }
                }
                prop_assert_eq!(arena.get(link, &place(key)).unwrap().map(|value| value.to_vec()), leaves.get(&key).cloned());
            }
            prop_assert_eq!(arena.root(link), expected(&leaves).0);
        }
        for (key, value) in &leaves {
            prop_assert_eq!(arena.get(link, &place(*key)).unwrap(), Some(&Bytes::from(value.clone())));
        }
    }

    #[test]
    fn nodes_that_are_missing_or_hostile_are_an_error_not_a_panic(
        old in prop::collection::btree_map(key(), value(), 1..20),
        changes in many((key(), prop::option::of(value())), 1..8),
        hurt in any::<prop::sample::Index>(),
        junk in prop::option::of(many(any::<u8>(), 0..80)),
    ) {
        let (root, nodes) = expected(&old);
        let mut nodes: Vec<_> = nodes.into_iter().map(|rlp| (keccak256(&rlp), rlp)).collect();
        let index = hurt.index(nodes.len());
        match junk {
            Some(junk) => nodes[index].1 = junk.into(),
            None => drop(nodes.remove(index)),
        }
        let mut arena = Arena::new(WitnessNodes::forged(nodes));
        let mut link = arena.open(root);
        for (key, value) in changes {
            let changed = match value {
                Some(value) => arena.set(link, 0, &place(key), value.into()),
                None => arena.remove(link, 0, &place(key)),
            };
            let Ok(changed) = changed else {
                return Ok(());
            };
            link = changed;
            let _ = arena.get(link, &place(key));
        }
        arena.root(link);
    }
}
