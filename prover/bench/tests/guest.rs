//! The guest in the virtual machine shows what native execution shows, and refuses what that refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;

use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy, transaction::Recovered};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, uint};
use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField};
use cwe_executor::BlockInput;
use cwe_primitives::{L1Message, TxEnvelope};
use cwe_prover::{COMMITMENTS, Commitments, Machine, Program, ProverError, STATE_TRANSITION_ELF, vm_config};
use cwe_prover_testkit::{
    Chain, HASHER, Location, POKER, SealedBatch, Senders, Step, TOKEN, deposit, erc20_transfers, transfer_call,
};
use cwe_statement::ProofInput;
use proptest::prelude::*;

const CHAIN_ID: u64 = 1337;

static SENDERS: LazyLock<Senders> = LazyLock::new(|| Senders::new(12).unwrap());
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

/// One transaction each to the precompile at `to`, through a contract that keeps what comes back. Each has a block of its own,
/// and so a state root.
fn poke(chain: &mut Chain, calls: &[(Address, Bytes)]) -> SealedBatch {
    let steps = calls.iter().map(|(to, data)| {
        let input = [to.into_word().as_slice(), data].concat();
        Step {
            gas: 5_000_000,
            ..Step::call(POKER, input)
        }
    });
    one_by_one(chain, steps)
}

/// A block for each transaction.
fn one_by_one(chain: &mut Chain, steps: impl Iterator<Item = Step>) -> SealedBatch {
    let sender = SENDERS.get(0);
    let nonce = chain.state.nonce(sender.address());
    let first = chain.parent.header.timestamp + 1;
    let blocks = (0..).zip(steps).map(|(number, step)| BlockInput {
        timestamp: first + number,
        messages: Vec::new(),
        transactions: vec![sender.transaction(CHAIN_ID, nonce + number, step)],
    });
    let blocks = blocks.collect();
    chain.seal(vec![blocks], Location::Blobs).unwrap()
}

/// A creation by this initialisation code.
fn create(init: Vec<u8>) -> Step {
    Step {
        to: TxKind::Create,
        ..Step::call(Address::ZERO, init)
    }
}

/// A creation of a contract with this code, of at most 255 bytes.
fn deploy(code: &[u8]) -> Step {
    let length = u8::try_from(code.len()).unwrap();
    create([&[0x60, length][..], &hex!("80600a5f395ff300"), code].concat())
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

const PRIMES: [U256; 2] = [
    uint!(21888242871839275222246405745257275088548364400416034343698204186575808495617_U256),
    uint!(21888242871839275222246405745257275088696311157297823662689037894645226208583_U256),
];

fn encode_g1(point: G1Affine) -> Vec<u8> {
    let (x, y) = point.xy().unwrap_or_default();
    [x, y]
        .iter()
        .flat_map(|coordinate| coordinate.into_bigint().to_bytes_be())
        .collect()
}

fn encode_g2(point: G2Affine) -> Vec<u8> {
    let (x, y) = point.xy().unwrap_or_default();
    [x.c1, x.c0, y.c1, y.c0]
        .iter()
        .flat_map(|coordinate| coordinate.into_bigint().to_bytes_be())
        .collect()
}

/// Points of the twist that don't have the order of the group: of each, one whose order divides the cofactor.
fn off_the_group() -> Vec<G2Affine> {
    let found = (1_u64..).filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1.into()), false));
    let points = found
        .filter(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .take(2);
    points
        .flat_map(|point| [point, point.mul_bigint(Fr::MODULUS).into_affine()])
        .collect()
}

#[test]
fn pairings_agree_with_software() {
    let (p, q) = (G1Affine::generator(), G2Affine::generator());
    let times = |a: u64, b: u64| (p * Fr::from(a)).into_affine().mul_bigint([b]).into_affine();
    let pair = |p: G1Affine, q: G2Affine| [encode_g1(p), encode_g2(q)].concat();
    let of_two = |a: u64, b: u64, product: u64| {
        let left = pair((p * Fr::from(a)).into_affine(), (q * Fr::from(b)).into_affine());
        [left, pair(-times(product, 1), q)].concat()
    };
    let (none, no_q) = (G1Affine::identity(), G2Affine::identity());
    let last = |mut input: Vec<u8>, change: fn(&mut u8)| {
        change(input.last_mut().unwrap());
        input
    };
    let unreduced = |offset: usize| {
        let mut input = pair(p, q);
        let coordinate: [u8; 32] = input[offset..offset + 32].try_into().unwrap();
        let same = U256::from_be_bytes(coordinate) + PRIMES[1];
        input[offset..offset + 32].copy_from_slice(&same.to_be_bytes::<32>());
        input
    };
    let mut inputs = vec![
        Vec::new(),
        pair(p, q),
        pair(none, q),
        pair(p, no_q),
        pair(none, no_q),
        of_two(1, 1, 1),
        of_two(7, 11, 77),
        of_two(7, 11, 78),
        of_two(u64::MAX, 3, 5),
        [of_two(2, 3, 6), pair(none, q)].concat(),
        [of_two(2, 3, 5), pair(-p, q)].concat(),
        last(pair(p, q), |byte| *byte ^= 1),
        last(pair(none, no_q), |byte| *byte = 1),
        vec![0; 191],
    ];
    inputs.extend((0..6).map(|number| unreduced(32 * number)));
    inputs.extend(off_the_group().into_iter().map(|point| pair(p, point)));
    let calls: Vec<(Address, Bytes)> = inputs
        .into_iter()
        .map(|input| (Address::with_last_byte(8), input.into()))
        .collect();
    shows_the_truth(&poke(&mut chain(), &calls));
}

#[test]
fn products_and_powers_agree_with_software() {
    // slot(d) = mulmod(a, b, n) for the call data a, b, n, d; and one that has nothing to multiply.
    let code = hex!("6040356020355f35096060355500");
    let contract = SENDERS.get(0).address().create(0);
    let moduli = [
        PRIMES[0],
        PRIMES[1],
        U256::ZERO,
        U256::ONE,
        PRIMES[0] + U256::ONE,
        U256::MAX,
    ];
    let numbers = [U256::ZERO, U256::from(3), PRIMES[0] - U256::ONE, PRIMES[1], U256::MAX];
    let products = moduli.iter().flat_map(|modulus| numbers.map(|left| (left, *modulus)));
    let products =
        products.flat_map(|(left, modulus)| [U256::from(5), U256::MAX - U256::ONE].map(|right| [left, right, modulus]));
    let call = |(number, [left, right, modulus]): (u64, [U256; 3])| {
        let words = [left, right, modulus, U256::from(number + 1)];
        Step::call(
            contract,
            words
                .iter()
                .flat_map(|word| word.to_be_bytes::<32>())
                .collect::<Vec<_>>(),
        )
    };
    let steps = [deploy(&code), create(hex!("5f5f09").to_vec())].into_iter();
    shows_the_truth(&one_by_one(&mut chain(), steps.chain((0..).zip(products).map(call))));

    let power = |base: &[u8], exponent: &[u8], modulus: &[u8]| {
        let lengths = [base, exponent, modulus].map(|number| U256::from(number.len()).to_be_bytes::<32>());
        Bytes::from([lengths.concat().as_slice(), base, exponent, modulus].concat())
    };
    let mut inputs = Vec::new();
    for prime in PRIMES {
        let modulus = prime.to_be_bytes::<32>();
        let inverse = (prime - U256::from(2)).to_be_bytes::<32>();
        inputs.extend([
            power(&[7; 32], &inverse, &modulus),
            power(&[0xff; 32], &inverse, &modulus),
            power(&modulus, &[3], &modulus),
            power(&[9; 31], &[], &modulus),
            power(&[], &[], &modulus),
            power(&[], &[5], &modulus),
            power(&[3; 33], &[2], &modulus),
            power(&[3; 32], &[1; 33], &modulus),
            power(&[3; 32], &[7], &[&[0], modulus.as_slice()].concat()),
            power(&[3; 32], &[7], &modulus[..31]),
        ]);
    }
    let calls: Vec<(Address, Bytes)> = inputs
        .into_iter()
        .map(|input| (Address::with_last_byte(5), input))
        .collect();
    shows_the_truth(&poke(&mut chain(), &calls));
}

/// The machine's copies and fills of memory are written by hand: every alignment and every length up to a few blocks,
/// within the data that is copied from and past its end, where zeros come from.
#[test]
fn copies_of_every_alignment_agree() {
    // For every `to` below 4, `from` below 8 and `length` below 160: copies call data to memory and hashes the memory.
    let copier = hex!(
        "5f5f5f"              // [to, from, length]
        "5b 80 82 84 6040 01 37" // 3: calldatacopy(64 + to, from, length)
        "610100 5f 20 5f 52"  // memory[0] = keccak(memory[0..256])
        "6001 01 80 60a0 11 6003 57"
        "50 6001 01 80 6008 11 5f 90 6003 57"
        "50 50 6001 01 80 6004 11 5f 90 5f 90 6003 57"
        "5f51 5f55 00"        // slot 0 = memory[0]
    );
    let sender = SENDERS.get(0);
    let contract = sender.address().create(0);
    let data: Vec<u8> = (1..=100).collect();
    let copy = Step {
        gas: 5_000_000,
        ..Step::call(contract, data)
    };
    let block = BlockInput {
        timestamp: 1_001,
        messages: Vec::new(),
        transactions: vec![
            sender.transaction(CHAIN_ID, 0, deploy(&copier)),
            sender.transaction(CHAIN_ID, 1, copy),
        ],
    };
    let batch = chain().seal(vec![vec![block]], Location::Blobs).unwrap();
    assert!(
        (700_000..4_900_000).contains(&batch.gas_used),
        "{} gas for the copies",
        batch.gas_used
    );
    shows_the_truth(&batch);
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
    let kept = [
        include_str!("../../guests/openvm_init.rs"),
        include_str!("../../guests/openvm_init_fp2.rs"),
    ];
    for line in kept.iter().flat_map(|file| file.lines()) {
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
    Create2 { salt: u8, destroys: bool },
    Plant,
    Destroy { which: u8 },
    Precompile { number: u8, input: Vec<u8> },
    Nested { to: u8, value: u16 },
    Legacy { value: u8 },
    AccessList { slot: u8 },
    Delegate { authority: u8, target: u8, is_stale: bool },
    Withdraw { value: u16 },
    OutOfGas,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (any::<u8>(), any::<u32>()).prop_map(|(to, value)| Action::Transfer { to, value }),
        (any::<u8>(), any::<u16>()).prop_map(|(to, value)| Action::Token { to, value }),
        any::<u8>().prop_map(|left| Action::Hash { left }),
        (any::<u8>(), any::<bool>()).prop_map(|(value, fails)| Action::Create { value, fails }),
        (0u8..3, any::<bool>()).prop_map(|(salt, destroys)| Action::Create2 { salt, destroys }),
        Just(Action::Plant),
        any::<u8>().prop_map(|which| Action::Destroy { which }),
        (1u8..=17, prop::collection::vec(any::<u8>(), 0..250))
            .prop_map(|(number, input)| Action::Precompile { number, input }),
        (any::<u8>(), any::<u16>()).prop_map(|(to, value)| Action::Nested { to, value }),
        any::<u8>().prop_map(|value| Action::Legacy { value }),
        any::<u8>().prop_map(|slot| Action::AccessList { slot }),
        (0u8..4, 0u8..4, any::<bool>()).prop_map(|(authority, target, is_stale)| Action::Delegate {
            authority,
            target,
            is_stale
        }),
        any::<u16>().prop_map(|value| Action::Withdraw { value }),
        Just(Action::OutOfGas),
    ]
}

/// Accounts that sign delegations and nothing else.
const FIRST_AUTHORITY: usize = 8;

/// Turns actions into transactions, which are all valid.
#[derive(Default)]
struct Plan {
    nonces: [u64; 12],
    planted: Vec<Address>,
}

impl Plan {
    fn transaction(&mut self, sender: usize, action: &Action) -> Recovered<TxEnvelope> {
        let nonce = self.nonces[sender];
        self.nonces[sender] += 1;
        let from = SENDERS.get(sender);
        let (chain_id, gas_limit, gas_price) = (CHAIN_ID, 200_000, 1_000_000_000);
        match action {
            Action::Legacy { value } => from.signed(
                TxLegacy {
                    chain_id: (value % 2 == 0).then_some(chain_id),
                    nonce,
                    gas_price,
                    gas_limit,
                    to: TxKind::Call(Address::repeat_byte(0x51)),
                    value: U256::from(*value),
                    input: Bytes::new(),
                },
                TxEnvelope::Legacy,
            ),
            Action::AccessList { slot } => from.signed(
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to: TxKind::Call(TOKEN),
                    value: U256::ZERO,
                    access_list: AccessList(vec![AccessListItem {
                        address: TOKEN,
                        storage_keys: vec![B256::with_last_byte(*slot), B256::ZERO],
                    }]),
                    input: transfer_call(from.address(), 1),
                },
                TxEnvelope::Eip2930,
            ),
            Action::Delegate {
                authority,
                target,
                is_stale,
            } => {
                let index = FIRST_AUTHORITY + usize::from(*authority);
                let signer = SENDERS.get(index);
                let target = [Address::ZERO, HASHER, POKER, TOKEN][usize::from(*target)];
                let authorization = signer.authorize(chain_id, self.nonces[index] + u64::from(*is_stale), target);
                self.nonces[index] += u64::from(!is_stale);
                from.signed(
                    TxEip7702 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas: gas_price,
                        max_priority_fee_per_gas: 0,
                        to: signer.address(),
                        value: U256::from(3),
                        access_list: Default::default(),
                        authorization_list: vec![authorization],
                        input: vec![0; 64].into(),
                    },
                    TxEnvelope::Eip7702,
                )
            }
            Action::Plant => {
                self.planted.push(from.address().create(nonce));
                from.transaction(chain_id, nonce, self.step(action))
            }
            _ => from.transaction(chain_id, nonce, self.step(action)),
        }
    }

    fn step(&self, action: &Action) -> Step {
        let poke = |to: Address, input: &[u8]| Step::call(POKER, [to.into_word().as_slice(), input].concat());
        match action {
            Action::Transfer { to, value } => Step {
                value: U256::from(*value),
                ..Step::call(Address::repeat_byte(*to | 0x80), Bytes::new())
            },
            Action::Token { to, value } => Step::call(
                TOKEN,
                transfer_call(SENDERS.get(usize::from(*to)).address(), u64::from(*value)),
            ),
            Action::Hash { left } => Step::call(HASHER, [[0; 63].as_slice(), &[*left]].concat()),
            // SSTORE(value, 1), then returns or reverts with the first byte of memory.
            Action::Create { value, fails } => create(
                [
                    &[0x60, 0x01, 0x60, *value, 0x55, 0x60, 0x01, 0x5f][..],
                    &[if *fails { 0xfd } else { 0xf3 }],
                ]
                .concat(),
            ),
            // Creates a child by CREATE2 and keeps its address in slot 0. The child pays its creator back and is gone, or
            // stays with the one byte of code that would do so.
            Action::Create2 { salt, destroys } => Step {
                value: U256::from(9),
                ..create(if *destroys {
                    [&hex!("6133ff5f5260")[..], &[*salt], &hex!("6002601e34f55f5500")].concat()
                } else {
                    [
                        &hex!("6760ff5f5360015ff35f5260")[..],
                        &[*salt],
                        &hex!("6008601834f55f5500"),
                    ]
                    .concat()
                })
            },
            // Code that sends all it has to its caller by SELFDESTRUCT.
            Action::Plant => create(hex!("6133ff5f526002601ef3").to_vec()),
            Action::Destroy { which } => Step {
                value: U256::from(5),
                ..Step::call(
                    match self.planted.len() {
                        0 => Address::repeat_byte(0x52),
                        count => self.planted[usize::from(*which) % count],
                    },
                    Bytes::new(),
                )
            },
            Action::Precompile { number, input } => poke(Address::with_last_byte(*number), input),
            // A call that calls: a token transfer of the contract itself, which has no tokens and reverts, or of one that
            // calls a precompile.
            Action::Nested { to, value } => match to % 2 {
                0 => poke(TOKEN, &transfer_call(Address::repeat_byte(*to), u64::from(*value))),
                _ => poke(HASHER, &[0; 64]),
            },
            Action::Withdraw { value } => Step {
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
            _ => Step {
                gas: 22_500,
                ..Step::call(TOKEN, transfer_call(Address::repeat_byte(1), 1))
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn random_transactions_show_the_truth(
        blocks in prop::collection::vec((0u64..3, prop::collection::vec((0..FIRST_AUTHORITY, action()), 0..10)), 1..4),
        split in any::<bool>(),
    ) {
        let mut chain = chain();
        let mut plan = Plan::default();
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
                transactions: actions.iter().map(|(sender, action)| plan.transaction(*sender, action)).collect(),
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
