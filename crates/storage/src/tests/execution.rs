//! The same blocks on the database and on a witness of it give the same results.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::Recovered};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, bytes};
use cwe_executor::{
    BlockInput, Genesis, GenesisAccount, StateBackend, SystemContracts, WitnessState, execute_block, record_witness,
};
use cwe_primitives::{ChainSpec, L1Message, TxEnvelope};
use proptest::prelude::*;

use super::chain::small;
use crate::{BlockCommit, Database};

/// Stores its second word of call data at the slot that the first one names.
const STORE: Bytes = bytes!("602035600035 55 00");
/// Creates a contract whose code is the byte 0x00, and stores 1 in its own slot 0.
const CREATE: Bytes = bytes!("6001600055 6001 6000 53 6001 601f 6000 f0 00");

const CHAIN_ID: u64 = 4242;

fn contract(kind: u8) -> Address {
    Address::repeat_byte(0xc0 + kind)
}

fn user(number: u8) -> Address {
    Address::repeat_byte(0x10 + number)
}

fn genesis() -> Genesis {
    let mut genesis = Genesis::new(ChainSpec::new(CHAIN_ID), 1, SystemContracts::default());
    for (kind, code) in (0..).zip([STORE, CREATE]) {
        let account = GenesisAccount {
            nonce: 1,
            code,
            ..GenesisAccount::default()
        };
        genesis.alloc.insert(contract(kind), account);
    }
    for number in 0..3 {
        genesis.fund(user(number), U256::from(10).pow(U256::from(24)));
    }
    genesis
}

/// A call by a user, or by an L1 message.
#[derive(Debug, Clone)]
struct Call {
    message: bool,
    user: u8,
    contract: u8,
    slot: u8,
    value: u8,
    gas: u64,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (any::<bool>(), 0u8..3, 0u8..3, 0u8..4, 0u8..3, 60_000u64..200_000).prop_map(
        |(message, user, contract, slot, value, gas)| Call {
            message,
            user,
            contract,
            slot,
            value,
            gas,
        },
    );
    proptest::collection::vec(call, 0..6)
}

fn call_data(call: &Call) -> Bytes {
    [
        U256::from(call.slot).to_be_bytes::<32>(),
        U256::from(call.value).to_be_bytes::<32>(),
    ]
    .concat()
    .into()
}

fn block_input(calls: &[Call], timestamp: u64, next_message: u64, nonces: &mut [u64; 3]) -> BlockInput {
    let mut input = BlockInput {
        timestamp,
        ..BlockInput::default()
    };
    for call in calls.iter().filter(|call| call.message) {
        // Messages raise their sender's nonce; another sender keeps the users' nonces simple.
        input.messages.push(L1Message {
            index: next_message + input.messages.len() as u64,
            sender: Address::repeat_byte(0x50 + call.user),
            to: contract(call.contract),
            mint: 1000,
            value: u128::from(call.value) * 700,
            gas_limit: call.gas,
            data: call_data(call),
        });
    }
    for call in calls.iter().filter(|call| !call.message) {
        let nonce = &mut nonces[usize::from(call.user)];
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: *nonce,
            gas_limit: call.gas,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(contract(call.contract)),
            value: U256::from(call.value),
            input: call_data(call),
            ..TxEip1559::default()
        };
        *nonce += 1;
        let signed = tx.into_signed(Signature::test_signature());
        input
            .transactions
            .push(Recovered::new_unchecked(TxEnvelope::Eip1559(signed), user(call.user)));
    }
    input
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn database_and_witness_execute_alike(blocks in proptest::collection::vec(calls(), 1..6)) {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path(), small()).unwrap();
        let genesis = genesis();
        let built = genesis.build().unwrap();
        database.init_genesis(&genesis.spec, BlockCommit::genesis(&built)).unwrap();
        let mut parent = built.as_parent();
        let mut nonces = [0; 3];
        let mut inputs = Vec::new();
        for (calls, timestamp) in blocks.iter().zip(2..) {
            let input = block_input(calls, timestamp, parent.queue.next_index, &mut nonces);
            let snapshot = database.latest().unwrap();
            prop_assert_eq!(StateBackend::state_root(&snapshot), parent.header.state_root);
            let executed = execute_block(&genesis.spec, &parent, input.clone(), &snapshot).unwrap();

            let header = |number| Ok(snapshot.header(number)?.unwrap().into_inner());
            let (witness, recorded) =
                record_witness(&genesis.spec, &parent, [input.clone()], &snapshot, header).unwrap();
            prop_assert_eq!(&recorded[0], &executed);
            let mut witness = WitnessState::new(witness).unwrap();
            let replayed = witness.execute(&genesis.spec, parent.queue, input.clone()).unwrap();
            prop_assert_eq!(replayed.hash, executed.hash);

            let senders: Vec<_> = input
                .messages
                .iter()
                .map(|message| message.sender)
                .chain(input.transactions.iter().map(|tx| tx.signer()))
                .collect();
            database.commit_block(BlockCommit::new(&executed, &senders, &[])).unwrap();
            parent = executed.as_parent();
            inputs.push((input, executed));
        }
        // Old blocks again, on the history.
        for (number, (input, executed)) in inputs.into_iter().enumerate() {
            let snapshot = database.at(number as u64).unwrap();
            let parent = cwe_executor::Parent {
                header: snapshot.head().inner().clone(),
                hash: snapshot.head().seal(),
                queue: snapshot.queue_after(number as u64).unwrap().unwrap(),
            };
            prop_assert_eq!(execute_block(&genesis.spec, &parent, input, &snapshot).unwrap(), executed);
        }
    }
}
