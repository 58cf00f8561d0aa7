//! The guest in the virtual machine shows what native execution shows, and refuses what that refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;

use alloy_consensus::{SignableTransaction, TxEip7702, transaction::Recovered};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex};
use cwe_executor::BlockInput;
use cwe_primitives::{L1Message, TxEnvelope};
use cwe_prover::{COMMITMENTS, Commitments, Machine, Program, ProverError, STATE_TRANSITION_ELF, vm_config};
use cwe_prover_testkit::{
    Chain, HASHER, Location, POKER, SealedBatch, Senders, Step, TOKEN, deposit, erc20_transfers, transfer_call,
};
use cwe_statement::ProofInput;
use proptest::prelude::*;

const CHAIN_ID: u64 = 1337;

static SENDERS: LazyLock<Senders> = LazyLock::new(|| Senders::new(8).unwrap());
static MACHINE: LazyLock<(Machine, Program)> = LazyLock::new(|| {
    let machine = Machine::new().unwrap();
    let program = machine.load(STATE_TRANSITION_ELF).unwrap();
    (machine, program)
});

fn chain() -> Chain {
    Chain::new(CHAIN_ID, &SENDERS, 100).unwrap()
}

fn run(input: &[u8]) -> Result<B256, u32> {
    match MACHINE.0.execute(&MACHINE.1, input) {
        Ok(execution) => Ok(execution.public_value.into()),
        Err(ProverError::Refused(code)) => Err(code),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn shows_the_truth(batch: &SealedBatch) {
    assert_eq!(run(&batch.input.encode()), Ok(batch.statement.public_value()));
}

/// One transaction each to the precompile at `to`, through a contract that keeps what comes back.
fn poke(chain: &mut Chain, calls: &[(Address, Bytes)]) -> SealedBatch {
    let sender = SENDERS.get(0);
    let nonce = chain.state.nonce(sender.address());
    let transactions = (nonce..)
        .zip(calls)
        .map(|(nonce, (to, data))| {
            let input = [to.into_word().as_slice(), data].concat();
            let step = Step {
                gas: 5_000_000,
                ..Step::call(POKER, input)
            };
            sender.transaction(CHAIN_ID, nonce, step)
        })
        .collect();
    let block = BlockInput {
        timestamp: chain.parent.header.timestamp + 1,
        messages: Vec::new(),
        transactions,
    };
    chain.seal(vec![vec![block]], Location::Blobs).unwrap()
}

#[test]
fn token_transfers_show_the_truth() {
    let mut chain = chain();
    let block = erc20_transfers(&chain, &SENDERS, 8);
    shows_the_truth(&chain.seal(vec![vec![block]], Location::Blobs).unwrap());
    let block = erc20_transfers(&chain, &SENDERS, 3);
    shows_the_truth(&chain.seal(vec![vec![block]], Location::Calldata).unwrap());
}

#[test]
fn precompiles_with_instructions_of_their_own_agree_with_software() {
    let word = |byte: u8| [byte; 32];
    let one_two = [U256::from(1).to_be_bytes::<32>(), U256::from(2).to_be_bytes()].concat();
    let generator_sum = [one_two.clone(), one_two.clone()].concat();
    let scalar = |scalar: U256| [one_two.clone(), scalar.to_be_bytes_vec()].concat();
    let hash = alloy_primitives::keccak256("a message");
    let signature = SENDERS.get(1).sign(hash);
    let recover = |v: u8, r: U256, s: U256| {
        [
            hash.as_slice(),
            &U256::from(v).to_be_bytes::<32>(),
            &r.to_be_bytes::<32>(),
            &s.to_be_bytes::<32>(),
        ]
        .concat()
    };
    let v = 27 + u8::from(signature.v());
    let (r, s) = (signature.r(), signature.s());
    // Wycheproof's first P-256 vector of EIP-7951.
    let p256 = hex!(
        "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4da73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d604aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff37618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
    );
    let mut bad_p256 = p256;
    bad_p256[40] ^= 1;
    let at = Address::with_last_byte;
    let calls: Vec<(Address, Bytes)> = vec![
        (at(2), Bytes::new()),
        (at(2), vec![7; 55].into()),
        (at(2), vec![7; 56].into()),
        (at(2), vec![7; 200].into()),
        (at(6), generator_sum.into()),
        (at(6), [one_two.clone(), vec![0; 64]].concat().into()),
        (at(6), vec![0; 128].into()),
        (at(6), [word(0xff), word(1), word(0), word(0)].concat().into()),
        (at(6), [word(1), word(1), word(0), word(0)].concat().into()),
        (at(7), scalar(U256::ZERO).into()),
        (at(7), scalar(U256::from(9)).into()),
        (at(7), scalar(U256::MAX).into()),
        (at(1), recover(v, r, s).into()),
        (at(1), recover(55 - v, r, s).into()),
        (at(1), recover(v, U256::ZERO, s).into()),
        (at(1), recover(v, r, U256::MAX).into()),
        (at(1), recover(v, U256::MAX, s).into()),
        (at(1), recover(v, U256::from(5), s).into()),
        (address!("0x0000000000000000000000000000000000000100"), p256.into()),
        (address!("0x0000000000000000000000000000000000000100"), bad_p256.into()),
        (cwe_primitives::predeploys::POSEIDON, one_two.clone().into()),
        (cwe_primitives::predeploys::POSEIDON, vec![0xff; 64].into()),
    ];
    shows_the_truth(&poke(&mut chain(), &calls));
}

#[test]
fn delegations_are_recovered_as_natively() {
    let mut chain = chain();
    let sender = SENDERS.get(0);
    let tx = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_limit: 500_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 0,
        to: SENDERS.get(5).address(),
        value: U256::ZERO,
        access_list: Default::default(),
        authorization_list: vec![SENDERS.get(5).authorize(CHAIN_ID, 0, HASHER)],
        input: vec![0; 64].into(),
    };
    let signature = sender.sign(tx.signature_hash());
    let block = BlockInput {
        timestamp: chain.parent.header.timestamp + 1,
        messages: Vec::new(),
        transactions: vec![Recovered::new_unchecked(
            TxEnvelope::Eip7702(tx.into_signed(signature)),
            sender.address(),
        )],
    };
    shows_the_truth(&chain.seal(vec![vec![block]], Location::Blobs).unwrap());
}

#[test]
fn the_machine_refuses_what_is_refused_natively() {
    let mut chain = chain();
    let mut first = erc20_transfers(&chain, &SENDERS, 2);
    first.messages = vec![
        deposit(&chain, 0, Address::repeat_byte(0x31), 1_000),
        deposit(&chain, 1, Address::repeat_byte(0x32), 1_000),
    ];
    let batch = chain.seal(vec![vec![first]], Location::Blobs).unwrap();
    shows_the_truth(&batch);
    let changes: [&dyn Fn(&mut ProofInput); 6] = [
        &|input| input.spec.chain_id += 1,
        &|input| drop(input.witness.nodes.pop()),
        &|input| drop(input.witness.codes.pop()),
        &|input| input.batches[0].messages.swap(0, 1),
        &|input| input.batches[0].versioned_hashes.push(B256::ZERO),
        &|input| input.batches.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut input = batch.input.clone();
        change(&mut input);
        assert_eq!(run(&input.encode()), Err(1), "case {number}");
    }
    let input = batch.input.encode();
    for end in [0, 3, 64, input.len() / 2, input.len() - 4] {
        assert_eq!(run(&input[..end]), Err(1), "cut at {end}");
    }
}

/// Order is all that matters in it: an instruction names a modulus or a curve by its position.
#[test]
fn the_init_file_is_that_of_the_configuration() {
    let generated = cwe_prover::init_file(&vm_config().unwrap());
    for line in include_str!("../../guests/openvm_init.rs").lines() {
        assert!(generated.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn the_kept_commitments_name_the_kept_guest() {
    let commitments: Commitments = serde_json::from_str(COMMITMENTS).unwrap();
    let guest = &commitments.guests["state-transition"];
    assert_eq!(guest.elf_sha256, cwe_prover::sha256(STATE_TRANSITION_ELF));
}

/// One random transaction.
#[derive(Debug, Clone)]
enum Action {
    Transfer { to: u8, value: u32 },
    Token { to: u8, value: u16 },
    Hash { left: u8 },
    Create { value: u8, fails: bool },
    Withdraw { value: u16 },
    OutOfGas,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (any::<u8>(), any::<u32>()).prop_map(|(to, value)| Action::Transfer { to, value }),
        (any::<u8>(), any::<u16>()).prop_map(|(to, value)| Action::Token { to, value }),
        any::<u8>().prop_map(|left| Action::Hash { left }),
        (any::<u8>(), any::<bool>()).prop_map(|(value, fails)| Action::Create { value, fails }),
        any::<u16>().prop_map(|value| Action::Withdraw { value }),
        Just(Action::OutOfGas),
    ]
}

impl Action {
    fn step(&self) -> Step {
        match self {
            Self::Transfer { to, value } => Step {
                value: U256::from(*value),
                ..Step::call(Address::repeat_byte(*to | 0x80), Bytes::new())
            },
            Self::Token { to, value } => Step::call(
                TOKEN,
                transfer_call(SENDERS.get(usize::from(*to)).address(), u64::from(*value)),
            ),
            Self::Hash { left } => Step::call(HASHER, [[0; 63].as_slice(), &[*left]].concat()),
            Self::Create { value, fails } => Step {
                to: TxKind::Create,
                // SSTORE(value, 1), then returns or reverts with the first byte of memory.
                input: [
                    &[0x60, 0x01, 0x60, *value, 0x55, 0x60, 0x01, 0x5f][..],
                    &[if *fails { 0xfd } else { 0xf3 }],
                ]
                .concat()
                .into(),
                ..Step::call(Address::ZERO, Bytes::new())
            },
            Self::Withdraw { value } => Step {
                value: U256::from(*value),
                ..Step::call(
                    cwe_primitives::predeploys::MESSAGE_PASSER,
                    [
                        &alloy_primitives::keccak256("withdraw(address)")[..4],
                        &[0; 12],
                        &[0x44; 20],
                    ]
                    .concat(),
                )
            },
            Self::OutOfGas => Step {
                gas: 22_500,
                ..Step::call(TOKEN, transfer_call(Address::repeat_byte(1), 1))
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn random_transactions_show_the_truth(
        blocks in prop::collection::vec((0u64..3, prop::collection::vec((0usize..8, action()), 0..6)), 1..4),
        split in any::<bool>(),
    ) {
        let mut chain = chain();
        let mut nonces = [0u64; 8];
        let mut messages = 0;
        let blocks: Vec<_> = blocks
            .iter()
            .enumerate()
            .map(|(number, (count, actions))| BlockInput {
                timestamp: 1_001 + number as u64,
                messages: (0..*count)
                    .map(|_| {
                        messages += 1;
                        L1Message { data: vec![1; 3].into(), ..deposit(&chain, messages - 1, Address::repeat_byte(0x31), 7) }
                    })
                    .collect(),
                transactions: actions
                    .iter()
                    .map(|(sender, action)| {
                        nonces[*sender] += 1;
                        SENDERS.get(*sender).transaction(CHAIN_ID, nonces[*sender] - 1, action.step())
                    })
                    .collect(),
            })
            .collect();
        let batches = if split {
            blocks.into_iter().map(|block| vec![block]).collect()
        } else {
            vec![blocks]
        };
        let batch = chain.seal(batches, Location::Blobs).unwrap();
        let input = batch.input.encode();
        prop_assert_eq!(cwe_statement::prove::<cwe_statement::NativeScalar>(&input.clone().into()).unwrap(), batch.statement.public_value());
        prop_assert_eq!(run(&input), Ok(batch.statement.public_value()));
    }
}
