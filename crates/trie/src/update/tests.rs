use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, b256, hex, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use proptest::collection::{btree_map, vec as many};
use proptest::prelude::*;

use super::*;
use crate::fork::{HEAVY, Parallel, Sequential};
use crate::read::walk;
use crate::testing::{PathStore, reference};
use crate::{Recorder, TrieUpdates, WitnessNodes};

/// Sets or deletes a leaf with any key and value.
struct Put {
    key: Nibbles,
    value: Option<Vec<u8>>,
    weight: usize,
}

impl Change for Put {
    fn key(&self) -> &Nibbles {
        &self.key
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn apply<S: NodeSource, F: Fork<S>>(
        &self,
        _trie: &Trie<'_, S, F>,
        _old: Option<&[u8]>,
        _out: &mut NodeWriter,
    ) -> Result<Option<Vec<u8>>, TrieError<S::Error>> {
        Ok(self.value.clone())
    }
}

type Block = BTreeMap<Nibbles, Option<Vec<u8>>>;

/// Applies a block, once as light changes and once as heavy ones on several threads, which must come to the same.
fn update<S>(source: &S, root: B256, block: &Block) -> Result<TrieUpdates, TrieError<S::Error>>
where
    S: NodeSource<Error: Send + PartialEq> + Sync,
{
    let light = update_with::<S, Sequential>(source, root, block, 1);
    let heavy = update_with::<S, Parallel>(source, root, block, HEAVY);
    assert_eq!(light.is_ok(), heavy.is_ok());
    if let (Ok(light), Ok(heavy)) = (&light, &heavy) {
        assert_eq!(light, heavy);
    }
    light
}

fn update_with<S: NodeSource, F: Fork<S>>(
    source: &S,
    root: B256,
    block: &Block,
    weight: usize,
) -> Result<TrieUpdates, TrieError<S::Error>> {
    let changes: Vec<_> = block
        .iter()
        .map(|(key, value)| Put {
            key: *key,
            value: value.clone(),
            weight,
        })
        .collect();
    let mut out = NodeWriter::keeping();
    let root = Trie::<S, F>::new(source, None).update(root, &changes, &mut out)?;
    Ok(out.into_updates(root))
}

fn secure(entries: &[(&[u8], Option<&[u8]>)]) -> Block {
    entries
        .iter()
        .map(|(key, value)| (Nibbles::unpack(keccak256(key)), value.map(<[u8]>::to_vec)))
        .collect()
}

#[test]
fn roots_equal_those_of_the_ethereum_trie_tests() {
    let accounts = secure(&[
        (
            &hex!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b"),
            Some(&hex!(
                "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )),
        ),
        (
            &hex!("095e7baea6a6c7c4c2dfeb977efac326af552d87"),
            Some(&hex!(
                "f8440101a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a004bccc5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769"
            )),
        ),
        (
            &hex!("d2571607e241ecf590ed94b12d87c94babe36db6"),
            Some(&hex!(
                "f8440180a0ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )),
        ),
        (
            &hex!("62c01474f089b07dae603491675dc5b5748f7049"),
            Some(&hex!(
                "f8448080a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )),
        ),
        (
            &hex!("2adc25665018aa1fe0e6bc666dac8fc2697ff9ba"),
            Some(&hex!(
                "f8478083019a59a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
            )),
        ),
    ]);
    let root = update(&PathStore::default(), EMPTY_ROOT_HASH, &accounts).unwrap().root;
    assert_eq!(
        root,
        b256!("730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797")
    );

    let first = secure(&[
        (b"do", Some(b"verb")),
        (b"ether", Some(b"wookiedoo")),
        (b"horse", Some(b"stallion")),
        (b"shaman", Some(b"horse")),
        (b"doge", Some(b"coin")),
    ]);
    let second = secure(&[(b"ether", None), (b"dog", Some(b"puppy")), (b"shaman", None)]);
    let mut store = PathStore::default();
    let updates = update(&store, EMPTY_ROOT_HASH, &first).unwrap();
    store.apply(updates.account_nodes);
    let root = update(&store, updates.root, &second).unwrap().root;
    assert_eq!(
        root,
        b256!("29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d")
    );
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let block = secure(&[
        (b"do", Some(b"verb")),
        (b"horse", Some(b"stallion")),
        (b"doge", Some(b"coin")),
    ]);
    let mut store = PathStore::default();
    let TrieUpdates {
        root, account_nodes, ..
    } = update(&store, EMPTY_ROOT_HASH, &block).unwrap();
    store.apply(account_nodes);
    let nothing = secure(&[(b"do", Some(b"verb")), (b"dog", None), (b"cat", None)]);
    let updates = update(&store, root, &nothing).unwrap();
    assert_eq!((updates.root, updates.account_nodes), (root, vec![]));
}

/// Keys that share long prefixes, so that extensions, deep branches and embedded nodes are common.
fn key() -> impl Strategy<Value = Nibbles> {
    (many(0u8..3, 6), any::<bool>()).prop_map(|(picks, is_deep)| {
        let mut nibbles = [0u8; 64];
        let places = if is_deep {
            [0, 30, 60, 61, 62, 63]
        } else {
            [0, 1, 2, 20, 40, 63]
        };
        for (place, pick) in places.into_iter().zip(picks) {
            nibbles[place] = pick;
        }
        Nibbles::from_nibbles(nibbles)
    })
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        3 => many(1u8.., 1..3).prop_map(Some),
        2 => many(any::<u8>(), 32..70).prop_map(Some),
        3 => Just(None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// After each block: the root and every stored node equal a trie built from nothing, so none is missing, none
    /// stale; a witness of the nodes read gives the same root and has no node too many; values are found.
    #[test]
    fn updates_equal_a_trie_built_from_nothing(blocks in many(btree_map(key(), value(), 0..40), 1..6), delete_all in any::<bool>()) {
        let mut leaves = BTreeMap::new();
        let mut store = PathStore::default();
        let mut root = EMPTY_ROOT_HASH;
        let mut blocks = blocks;
        if delete_all {
            blocks.push(blocks.iter().flat_map(|block| block.keys()).map(|key| (*key, None)).collect());
        }
        for block in &blocks {
            for (key, value) in block {
                match value {
                    Some(value) => leaves.insert(*key, value.clone()),
                    None => leaves.remove(key),
                };
            }
            let recorder = Recorder::new(&store);
            let updates = update(&recorder, root, block).unwrap();
            let witness = recorder.into_nodes();

            let replayed = update(&WitnessNodes::new(witness.clone()), root, block);
            prop_assert_eq!(replayed.as_ref(), Ok(&updates));
            for left_out in 0..witness.len().min(4) {
                let mut witness = witness.clone();
                witness.remove(left_out);
                let error = update(&WitnessNodes::new(witness), root, block).err();
                let is_missing = matches!(error, Some(TrieError::MissingNode { .. }));
                prop_assert!(is_missing);
            }

            root = updates.root;
            store.apply(updates.account_nodes);
            let (expected_root, expected_nodes) = reference(&leaves);
            prop_assert_eq!(root, expected_root);
            prop_assert_eq!(&store, &expected_nodes);
        }
        for key in blocks.iter().flat_map(|block| block.keys()) {
            let found = walk(&store, None, root, key, |_| {}).unwrap();
            prop_assert_eq!(found.map(|value| value.to_vec()), leaves.get(key).cloned());
        }
    }
}

/// A node that a hostile prover could make up.
#[derive(Debug, Clone)]
enum Forged {
    Branch(Vec<(u8, Link)>),
    /// Encoded path (leaf or extension, well-formed or not) and what follows.
    Short(Vec<u8>, Link),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone)]
enum Link {
    /// One of the nodes made before, by hash or, if small, embedded.
    Earlier(usize),
    Value(Vec<u8>),
    Raw(Vec<u8>),
}

impl Link {
    fn encode(&self, earlier: &[Vec<u8>], out: &mut Vec<u8>) {
        match self {
            Self::Earlier(_) if earlier.is_empty() => out.push(0x80),
            Self::Earlier(index) => match &earlier[index % earlier.len()] {
                small if small.len() < 32 => out.extend_from_slice(small),
                node => keccak256(node).encode(out),
            },
            Self::Value(value) => value.as_slice().encode(out),
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl Forged {
    fn encode(&self, earlier: &[Vec<u8>]) -> Vec<u8> {
        let mut payload = Vec::new();
        match self {
            Self::Bytes(bytes) => return bytes.clone(),
            Self::Branch(links) => {
                let mut children: [Option<&Link>; 17] = [None; 17];
                for (nibble, link) in links {
                    children[usize::from(*nibble)] = Some(link);
                }
                for child in children {
                    match child {
                        Some(link) => link.encode(earlier, &mut payload),
                        None => payload.push(0x80),
                    }
                }
            }
            Self::Short(path, link) => {
                path.as_slice().encode(&mut payload);
                link.encode(earlier, &mut payload);
            }
        }
        let mut rlp = Vec::new();
        alloy_rlp::Header {
            list: true,
            payload_length: payload.len(),
        }
        .encode(&mut rlp);
        rlp.extend(payload);
        rlp
    }
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![
        6 => any::<usize>().prop_map(Link::Earlier),
        2 => many(any::<u8>(), 0..40).prop_map(Link::Value),
        1 => many(any::<u8>(), 0..36).prop_map(Link::Raw),
    ]
}

fn forged() -> impl Strategy<Value = Forged> {
    let path = prop_oneof![
        4 => (0u8..4, many(Just(0u8), 0..33)).prop_map(|(flags, mut rest)| { rest.insert(0, flags << 4); rest }),
        1 => many(any::<u8>(), 0..36),
    ];
    prop_oneof![
        4 => many((0u8..3, link()), 1..5).prop_map(Forged::Branch),
        1 => many((0u8..17, link()), 1..5).prop_map(Forged::Branch),
        4 => (path, link()).prop_map(|(path, link)| Forged::Short(path, link)),
        1 => many(any::<u8>(), 0..80).prop_map(Forged::Bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn forged_nodes_never_panic(recipes in many(forged(), 1..12), block in btree_map(key(), value(), 1..12)) {
        let mut nodes: Vec<Vec<u8>> = Vec::new();
        for recipe in &recipes {
            let node = recipe.encode(&nodes);
            nodes.push(node);
        }
        let root = keccak256(nodes.last().unwrap());
        let witness = WitnessNodes::new(nodes.into_iter().map(Bytes::from));
        for key in block.keys() {
            let _ = walk(&witness, None, root, key, |_| {});
        }
        let _ = update(&witness, root, &block);
    }
}

#[test]
fn a_chain_of_nodes_is_followed_no_deeper_than_a_key() {
    // Branches that each hold the one before at nibble 0, one more than a key has nibbles.
    let mut nodes = vec![{
        let mut leaf = Vec::new();
        alloy_rlp::encode_list::<&[u8], [u8]>(&[&[0x20], &[7; 40]], &mut leaf);
        leaf
    }];
    for _ in 0..65 {
        let links = vec![(0, Link::Earlier(nodes.len() - 1)), (1, Link::Earlier(0))];
        let node = Forged::Branch(links).encode(&nodes);
        nodes.push(node);
    }
    let key = Nibbles::from_nibbles([0; 64]);
    let block = Block::from([(key, None)]);

    let root = keccak256(&nodes[64]);
    let witness = WitnessNodes::new(nodes.iter().cloned().map(Bytes::from));
    assert!(walk(&witness, None, root, &key, |_| {}).unwrap().is_some());

    let too_deep = keccak256(&nodes[65]);
    let error = TrieError::BadNode {
        owner: None,
        path: key,
        reason: "a branch below the longest key",
    };
    assert_eq!(walk(&witness, None, too_deep, &key, |_| {}), Err(error.clone()));
    assert_eq!(update(&witness, too_deep, &block).err(), Some(error));
}
