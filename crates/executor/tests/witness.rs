//! Whatever is done to a witness, it executes to the true block or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use alloy_primitives::{Address, Bytes, U256};
use common::{Chain, Tx, contracts, envelope, message, sender, words};
use cwe_executor::{
    BlockError, BlockInput, ExecutedBlock, Parent, SealedBlock, Witness, WitnessError, WitnessState, execute_block,
    record_witness,
};
use cwe_primitives::L1Message;
use cwe_trie::TrieError;

/// Two blocks that read and write accounts, slots, codes and an old block hash, after two blocks of history.
struct Case {
    chain: Chain,
    parent: Parent,
    inputs: Vec<BlockInput>,
    blocks: Vec<ExecutedBlock>,
    witness: Witness,
}

fn case() -> Case {
    let mut chain = Chain::new();
    for timestamp in [1_001, 1_002] {
        let input = BlockInput {
            timestamp,
            ..BlockInput::default()
        };
        let block = execute_block(&chain.spec, &chain.parent, input, &chain.state).unwrap();
        chain.apply(&block);
    }
    let pay = words(&[U256::from_be_bytes(sender(1).into_word().0), U256::from(10)]);
    let store = |value: u64| words(&[U256::from(1), U256::from(value)]);
    let call = |nonce, to, input| {
        Tx {
            input,
            ..Tx::call(sender(0), nonce, to)
        }
        .eip1559()
    };
    let inputs = vec![
        BlockInput {
            timestamp: 1_003,
            messages: vec![L1Message {
                mint: 5,
                value: 5,
                ..message(0, sender(2), Address::with_last_byte(0xee))
            }],
            transactions: vec![
                call(0, contracts::TOKEN, pay.clone()),
                call(1, contracts::STORE, store(4)),
                call(2, contracts::HISTORIAN, words(&[U256::from(2)])),
            ],
        },
        BlockInput {
            timestamp: 1_004,
            messages: Vec::new(),
            transactions: vec![call(3, contracts::STORE, store(0)), call(4, contracts::TOKEN, pay)],
        },
    ];
    let parent = chain.parent.clone();
    let (witness, blocks) = record_witness(&chain.spec, &parent, inputs.clone(), &chain.state, |number| {
        chain.state.header(number)
    })
    .unwrap();
    Case {
        chain,
        parent,
        inputs,
        blocks,
        witness,
    }
}

impl Case {
    fn execute(&self, witness: Witness) -> Result<Vec<SealedBlock>, BlockError<WitnessError>> {
        let mut state = WitnessState::new(witness).map_err(BlockError::Database)?;
        let mut queue = self.parent.queue;
        let mut blocks = Vec::new();
        for input in self.inputs.clone() {
            let block = state.execute(&self.chain.spec, queue, input)?;
            queue = block.queue;
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn sealed(&self) -> Vec<SealedBlock> {
        self.blocks.iter().map(common::sealed).collect()
    }
}

#[test]
fn the_recorded_witness_is_enough_and_nothing_in_it_is_idle() {
    let case = case();
    assert_eq!(case.execute(case.witness.clone()).unwrap(), case.sealed());
    assert_eq!(
        case.witness.headers.len(),
        2,
        "BLOCKHASH reached one block behind the parent"
    );
    for index in 0..case.witness.nodes.len() {
        let mut witness = case.witness.clone();
        witness.nodes.remove(index);
        let refused = case.execute(witness).unwrap_err();
        let missing = |error: &TrieError<core::convert::Infallible>| matches!(error, TrieError::MissingNode { .. });
        assert!(match &refused {
            BlockError::Database(WitnessError::Trie(error)) => missing(error.as_ref()),
            BlockError::Transaction { source, .. } => source.to_string().contains("misses node"),
            _ => false,
        });
    }
    for index in 0..case.witness.codes.len() {
        let mut witness = case.witness.clone();
        witness.codes.remove(index);
        assert!(
            case.execute(witness)
                .unwrap_err()
                .to_string()
                .contains("misses the code")
        );
    }
}

#[test]
fn a_changed_node_is_a_missing_node() {
    let case = case();
    for index in 0..case.witness.nodes.len() {
        let mut witness = case.witness.clone();
        let mut node = witness.nodes[index].to_vec();
        let last = node.len() - 1;
        node[last] ^= 1;
        witness.nodes[index] = node.into();
        assert!(case.execute(witness).unwrap_err().to_string().contains("misses node"));
    }
}

#[test]
fn a_changed_code_is_a_missing_code() {
    let case = case();
    for index in 0..case.witness.codes.len() {
        let mut witness = case.witness.clone();
        witness.codes[index] = Bytes::from_static(&[0x00]);
        assert!(
            case.execute(witness)
                .unwrap_err()
                .to_string()
                .contains("misses the code")
        );
    }
}

#[test]
fn a_changed_parent_is_another_parent() {
    let case = case();
    let mut witness = case.witness.clone();
    witness.headers.last_mut().unwrap().gas_used += 1;
    let state = WitnessState::new(witness).unwrap();
    assert_ne!(state.parent_hash(), case.parent.hash);
}

#[test]
fn a_changed_ancestor_breaks_the_header_chain() {
    let mut witness = case().witness;
    witness.headers[0].timestamp += 1;
    assert_eq!(
        WitnessState::new(witness).unwrap_err(),
        WitnessError::BrokenHeaderChain { number: 2 }
    );
}

#[test]
fn a_missing_ancestor_is_not_guessed() {
    let case = case();
    let mut witness = case.witness.clone();
    witness.headers.remove(0);
    assert!(
        case.execute(witness)
            .unwrap_err()
            .to_string()
            .contains("misses the header of block 1")
    );
    assert_eq!(
        WitnessState::new(Witness::default()).unwrap_err(),
        WitnessError::HeaderCount(0)
    );
}

#[test]
fn idle_parts_do_no_harm() {
    let case = case();
    let mut witness = case.witness.clone();
    witness.nodes.push(Bytes::from_static(b"no node"));
    witness.codes.push(Bytes::from_static(&[0xef, 0x01, 0x00, 0x01]));
    assert_eq!(case.execute(witness).unwrap(), case.sealed());
}

#[test]
fn bytes_after_a_witness_are_refused() {
    let case = case();
    let mut bytes = alloy_rlp::encode(&case.witness);
    assert_eq!(Witness::decode_exact(&bytes).unwrap(), case.witness);
    bytes.push(0);
    assert!(matches!(Witness::decode_exact(&bytes), Err(WitnessError::Rlp(_))));
}

#[test]
fn a_message_in_the_wrong_place_of_the_queue_is_refused() {
    let case = case();
    let mut state = WitnessState::new(case.witness.clone()).unwrap();
    let mut input = case.inputs[0].clone();
    input.messages[0].index = 1;
    let refused = state.execute(&case.chain.spec, case.parent.queue, input).unwrap_err();
    assert!(matches!(refused, BlockError::Transaction { position: 0, .. }));
    assert_eq!(envelope(case.inputs[0].messages[0].clone()).signer(), sender(2));
}
