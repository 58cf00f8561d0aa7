//! Whoever lies in a proof's input gets no proof, or a proof of another statement that L1 refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cwe_executor::BlockInput;
use cwe_primitives::{BatchBlock, TxEnvelope, codec, predeploys};
use cwe_prover_testkit::{
    Chain, HASHER, Location, SealedBatch, Senders, Step, TOKEN, deposit, erc20_transfers, transfer_call,
};
use cwe_statement::{NativeScalar, ProofInput, statement};
use proptest::prelude::*;

/// Two batches: token transfers, a deposit, a withdrawal, a Poseidon hash.
static CASE: LazyLock<SealedBatch> = LazyLock::new(|| {
    let senders = Senders::new(4).unwrap();
    let mut chain = Chain::new(1337, &senders, 50).unwrap();
    let mut first = erc20_transfers(&chain, &senders, 3);
    // A message counts its sender's nonce up, so it is nobody's who sends transactions.
    first.messages = vec![deposit(&chain, 0, Address::repeat_byte(0x31), 1_000)];
    let sender = senders.get(3);
    let withdraw = Step {
        value: U256::from(77),
        ..Step::call(predeploys::MESSAGE_PASSER, withdraw_call())
    };
    let second = BlockInput {
        timestamp: first.timestamp + 1,
        messages: vec![deposit(&chain, 1, Address::repeat_byte(0x32), 2_000)],
        transactions: vec![
            sender.transaction(1337, 0, withdraw),
            sender.transaction(1337, 1, Step::call(HASHER, vec![0; 64])),
        ],
    };
    let third = BlockInput {
        timestamp: second.timestamp,
        messages: Vec::new(),
        transactions: vec![sender.transaction(1337, 2, Step::call(TOKEN, transfer_call(senders.get(2).address(), 5)))],
    };
    chain
        .seal(vec![vec![first, second], vec![third]], Location::Blobs)
        .unwrap()
});

/// `withdraw(address)`
fn withdraw_call() -> Bytes {
    let mut call = keccak256("withdraw(address)")[..4].to_vec();
    call.extend_from_slice(&[0; 12]);
    call.extend_from_slice(&[0x44; 20]);
    call.into()
}

fn public_value(input: ProofInput) -> Result<B256, String> {
    statement::<NativeScalar>(input)
        .map(|statement| statement.public_value())
        .map_err(|error| error.to_string())
}

/// What an attacker's input shows natively: never the true statement.
#[track_caller]
fn refused(change: impl FnOnce(&mut ProofInput)) {
    let mut input = CASE.input.clone();
    change(&mut input);
    if let Ok(value) = public_value(input) {
        panic!(
            "accepted: the public value is {}the true one",
            if value == CASE.statement.public_value() {
                ""
            } else {
                "not "
            }
        );
    }
}

/// The input is a true one of another statement: the public value differs, and L1 knows only the true one.
#[track_caller]
fn other_statement(change: impl FnOnce(&mut ProofInput)) {
    let mut input = CASE.input.clone();
    change(&mut input);
    assert_ne!(public_value(input).unwrap(), CASE.statement.public_value());
}

/// Changes the blocks of the first batch.
fn rewrite(input: &mut ProofInput, change: impl FnOnce(&mut Vec<BatchBlock>)) {
    let mut blocks = codec::decode(&input.batches[0].data).unwrap();
    change(&mut blocks);
    input.batches[0].data = codec::encode(&blocks).unwrap().into();
}

/// Changes a transaction of the first block.
fn resign(blocks: &mut [BatchBlock], change: impl FnOnce(TxEip1559, &mut U256) -> TxEip1559) {
    let bytes = &mut blocks[0].transactions[0];
    let TxEnvelope::Eip1559(signed) = TxEnvelope::decode_2718(&mut bytes.as_ref()).unwrap() else {
        panic!("not of type 2");
    };
    let (tx, signature, _) = signed.into_parts();
    let mut s = signature.s();
    let tx = change(tx, &mut s);
    let signature = alloy_primitives::Signature::new(signature.r(), s, signature.v());
    *bytes = TxEnvelope::Eip1559(tx.into_signed(signature)).encoded_2718().into();
}

#[test]
fn the_true_input_shows_the_true_statement() {
    assert_eq!(statement::<NativeScalar>(CASE.input.clone()).unwrap(), CASE.statement);
    assert_eq!(
        ProofInput::decode(&CASE.input.encode().into()).unwrap(),
        CASE.input,
        "the encoding loses nothing"
    );
}

#[test]
fn every_word_of_the_statement_enters_the_public_value() {
    let truth = CASE.statement.public_value();
    let changed = |change: &dyn Fn(&mut cwe_statement::ProofStatement)| {
        let mut statement = CASE.statement.clone();
        change(&mut statement);
        assert_ne!(statement.public_value(), truth);
    };
    changed(&|it| it.l2_chain_id ^= 1);
    changed(&|it| it.parent_block_hash.0[31] ^= 1);
    changed(&|it| it.block_hash.0[31] ^= 1);
    changed(&|it| it.state_root.0[31] ^= 1);
    changed(&|it| it.withdrawal_root.0[31] ^= 1);
    changed(&|it| it.queue_hash_before.0[31] ^= 1);
    changed(&|it| it.queue_hash_after.0[31] ^= 1);
    changed(&|it| it.prover.0[0] ^= 1);
    changed(&|it| it.batches[0].batch_hash.0[0] ^= 1);
    changed(&|it| it.batches[0].openings[0].y.0[31] ^= 1);
    changed(&|it| it.batches[0].openings[0].z.0[31] ^= 1);
    changed(&|it| it.batches[0].openings[0].versioned_hash.0[31] ^= 1);
    changed(&|it| drop(it.batches.pop()));
    changed(&|it| it.batches.swap(0, 1));
}

#[test]
fn a_state_root_of_choice_is_no_parents() {
    refused(|input| input.witness.headers.last_mut().unwrap().state_root.0[0] ^= 1);
}

#[test]
fn another_parent_is_another_statement() {
    other_statement(|input| input.witness.headers.last_mut().unwrap().gas_used += 1);
}

#[test]
fn another_chain_id_is_refused() {
    refused(|input| input.spec.chain_id += 1);
}

#[test]
fn chain_parameters_are_the_parents() {
    refused(|input| input.spec.gas_limit += 1);
    refused(|input| input.spec.min_base_fee = 0);
}

#[test]
fn a_queue_hash_of_choice_is_another_statement() {
    other_statement(|input| input.queue.hash.0[0] ^= 1);
}

#[test]
fn a_message_changed_is_another_queue() {
    other_statement(|input| input.batches[0].messages[0].mint += 1);
    other_statement(|input| input.batches[0].messages[1].to = TOKEN);
}

#[test]
fn messages_can_not_be_left_out_added_or_reordered() {
    refused(|input| drop(input.batches[0].messages.pop()));
    refused(|input| {
        let message = input.batches[0].messages[0].clone();
        input.batches[0].messages.push(message);
    });
    refused(|input| input.batches[0].messages.swap(0, 1));
}

#[test]
fn a_message_count_of_choice_is_refused() {
    refused(|input| rewrite(input, |blocks| blocks[0].message_count = 0));
    refused(|input| rewrite(input, |blocks| blocks[0].message_count = u64::MAX));
}

#[test]
fn transactions_can_not_be_left_out_added_or_reordered() {
    // Other data, other blocks: what is shown is not what L1 has committed. Left-out transactions make later ones
    // invalid here or change every root.
    let differs = |change: &dyn Fn(&mut Vec<BatchBlock>)| {
        let mut input = CASE.input.clone();
        rewrite(&mut input, change);
        if let Ok(value) = public_value(input) {
            assert_ne!(value, CASE.statement.public_value());
        }
    };
    differs(&|blocks| drop(blocks[0].transactions.pop()));
    differs(&|blocks| {
        let again = blocks[0].transactions[0].clone();
        blocks[0].transactions.push(again);
    });
    differs(&|blocks| blocks[0].transactions.swap(0, 1));
    differs(&|blocks| blocks[0].timestamp += 1);
    differs(&|blocks| drop(blocks.pop()));
    refused(|input| {
        rewrite(input, |blocks| {
            let again = blocks[0].transactions[0].clone();
            blocks[0].transactions.push(again);
        });
    });
}

#[test]
fn a_forged_signature_is_refused() {
    refused(|input| {
        rewrite(input, |blocks| {
            resign(blocks, |tx, s| {
                *s += U256::from(1);
                tx
            })
        })
    });
    refused(|input| {
        rewrite(input, |blocks| {
            resign(blocks, |tx, s| {
                *s = U256::ZERO;
                tx
            })
        })
    });
    refused(|input| {
        rewrite(input, |blocks| {
            resign(blocks, |tx, s| {
                *s = U256::MAX;
                tx
            })
        })
    });
    refused(|input| {
        rewrite(input, |blocks| {
            resign(blocks, |tx, _| TxEip1559 {
                value: tx.value + U256::from(1),
                ..tx
            });
        });
    });
}

#[test]
fn a_transaction_of_another_chain_is_refused() {
    refused(|input| rewrite(input, |blocks| resign(blocks, |tx, _| TxEip1559 { chain_id: 1, ..tx })));
}

#[test]
fn every_node_of_the_witness_is_needed_and_true() {
    for index in 0..CASE.input.witness.nodes.len() {
        refused(|input| drop(input.witness.nodes.remove(index)));
        refused(|input| {
            let mut node = input.witness.nodes[index].to_vec();
            let last = node.len() - 1;
            node[last] ^= 1;
            input.witness.nodes[index] = node.into();
        });
    }
}

#[test]
fn every_code_of_the_witness_is_needed_and_true() {
    for index in 0..CASE.input.witness.codes.len() {
        refused(|input| drop(input.witness.codes.remove(index)));
        refused(|input| {
            let mut code = input.witness.codes[index].to_vec();
            code[0] ^= 1;
            input.witness.codes[index] = code.into();
        });
    }
}

#[test]
fn a_changed_byte_of_blob_data_shows_nothing_true() {
    let length = CASE.input.batches[0].data.len();
    for at in 0..length {
        let mut input = CASE.input.clone();
        let mut data = input.batches[0].data.to_vec();
        data[at] ^= 1;
        input.batches[0].data = data.into();
        if let Ok(value) = public_value(input) {
            assert_ne!(value, CASE.statement.public_value(), "byte {at}");
        }
    }
}

#[test]
fn blobs_are_counted() {
    refused(|input| input.batches[0].versioned_hashes.push(B256::ZERO));
    refused(|input| {
        let hash = input.batches[0].versioned_hashes[0];
        input.batches[0].versioned_hashes = vec![hash; 6];
    });
}

#[test]
fn another_blob_is_another_statement() {
    other_statement(|input| input.batches[0].versioned_hashes[0].0[5] ^= 1);
}

#[test]
fn call_data_is_another_statement_than_blobs() {
    other_statement(|input| input.batches[0].versioned_hashes.clear());
}

#[test]
fn batches_can_not_be_left_out_or_reordered() {
    refused(|input| input.batches.swap(0, 1));
    refused(|input| drop(input.batches.remove(0)));
    refused(|input| input.batches.clear());
    other_statement(|input| drop(input.batches.pop()));
}

#[test]
fn a_proof_for_another_batch_or_prover_is_another_statement() {
    other_statement(|input| input.first_index += 1);
    other_statement(|input| input.parent_batch_hash.0[31] ^= 1);
    other_statement(|input| input.prover.0[19] ^= 1);
}

#[test]
fn headers_of_choice_are_refused() {
    refused(|input| input.witness.headers.clear());
    refused(|input| {
        let parent = input.witness.headers[0].clone();
        input.witness.headers.push(parent);
    });
}

#[test]
fn numbers_that_run_over_are_refused() {
    refused(|input| input.first_index = u64::MAX);
    refused(|input| {
        input.queue.next_index = u64::MAX;
        input.batches[0].messages[0].index = u64::MAX;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hostile_bytes_are_an_error_not_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(cwe_statement::prove::<NativeScalar>(&bytes.into()).is_err());
    }

    #[test]
    fn a_changed_byte_anywhere_shows_nothing_true(at in any::<prop::sample::Index>(), mask in 1u8..) {
        let mut bytes = CASE.input.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        if let Ok(value) = cwe_statement::prove::<NativeScalar>(&bytes.into()) {
            prop_assert_ne!(value, CASE.statement.public_value());
        }
    }

    /// Leaves among them: a wrong nonce, balance, storage root, code hash or slot value.
    #[test]
    fn a_changed_byte_of_any_node_or_code_is_refused(
        part in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), mask in 1u8..,
    ) {
        let mut input = CASE.input.clone();
        let witness = &mut input.witness;
        let count = witness.nodes.len() + witness.codes.len();
        let mut parts = witness.nodes.iter_mut().chain(&mut witness.codes);
        let part = parts.nth(part.index(count)).unwrap();
        let mut bytes = part.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        *part = bytes.into();
        prop_assert!(public_value(input).is_err());
    }

    #[test]
    fn a_cut_input_is_an_error_not_a_panic(at in any::<prop::sample::Index>()) {
        let mut bytes = CASE.input.encode();
        bytes.truncate(at.index(bytes.len()));
        prop_assert!(cwe_statement::prove::<NativeScalar>(&bytes.into()).is_err());
    }
}
