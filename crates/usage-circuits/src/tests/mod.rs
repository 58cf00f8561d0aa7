//! Tests of the circuits: that honest witnesses are accepted, and nothing else is.

mod layouts;
mod mutations;
mod portable;

use std::sync::OnceLock;

use alloy_primitives::{B256, U256};
use cwe_srs::{Setup, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, MerklePath, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId,
    poseidon::hash,
};
use halo2_proofs::{
    dev::MockProver,
    halo2curves::{bn256::Fr, ff::Field},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::{columns::TraceCircuit, fault::Fault, split_hints::SplitHints, *};

fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

fn work(top: u8, number: u64) -> WorkId {
    let mut bytes = [0; 32];
    bytes[1] = top;
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    WorkId::try_from(B256::from(bytes)).unwrap()
}

fn terms() -> EpochTerms {
    EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(B256::with_last_byte(9)).unwrap(),
        allowance_secs: 100_000,
        diminishing_ppm: 1_000_000,
    }
}

fn ledger() -> Vec<Usage> {
    let row = |work, seconds, plays, price, region, credibility| Usage {
        work,
        seconds,
        plays,
        price,
        region,
        credibility,
    };
    vec![
        row(work(0, 1), 12_345, 40, 1_500, 1_000_000, 1_000_000),
        row(work(1, 2), 180, 1, 20_000, 500_000, 1_000_000),
        row(work(77, 3), 3_600, 12, 900, 1_000_000, 750_000),
        row(work(200, 4), 60_000, 300, 100, 2_000_000, 1_000_000),
        row(work(255, u64::MAX), 7_200, 2, 1_000, 1_000_000, 1_000_000),
    ]
}

fn secret() -> Secret {
    Secret::try_from(drawn(3, 0)).unwrap()
}

fn split_of(terms: EpochTerms, usages: &[Usage], positions: &[usize]) -> SplitWitness {
    let secret = secret();
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(5, slot)).collect();
    let split = Split::new(terms, &secret, usages, positions, &blindings).unwrap();
    let leaves = [drawn(4, 0), secret.leaf(&terms), drawn(4, 1)];
    let subscriptions = Tree::with_leaves(EPOCH_TREE_DEPTH, leaves).unwrap();
    SplitWitness::new(split, secret, subscriptions.path(1).unwrap(), subscriptions.root()).unwrap()
}

fn split() -> SplitWitness {
    split_of(terms(), &ledger(), &[0, 17, 64, 65, 127])
}

fn reveal_of(slot: usize) -> RevealWitness {
    let (terms, witness) = (terms(), split());
    let notes = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(6, 0), witness.split().notes_root()]).unwrap();
    let path = witness
        .split()
        .note_path(slot)
        .unwrap()
        .extended(&notes.path(1).unwrap());
    let note = witness.split().slots[slot].note().unwrap();
    RevealWitness::new(terms.epoch, terms.key, terms.tier, note, path, notes.root()).unwrap()
}

fn mock(circuit: &TraceCircuit) -> Result<(), String> {
    let public = circuit.trace.public_inputs();
    let prover = MockProver::run(circuit.layout.log2_rows, circuit, vec![public]).map_err(|error| error.to_string())?;
    prover
        .verify_par()
        .map_err(|failures| format!("{} failures, first {}", failures.len(), failures[0]))
}

fn keys() -> &'static ProvingKeys {
    static KEYS: OnceLock<ProvingKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = SrsStore::in_folder(Setup::default(), folder.path().into());
        ProvingKeys::derive(&store.params(SRS_K).unwrap()).unwrap()
    })
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

fn split_trace(hints: &SplitHints) -> TraceCircuit {
    TraceCircuit {
        trace: hints.trace(&Layout::SPLIT, Fault::default()),
        layout: Layout::SPLIT,
    }
}

fn split_proof() -> &'static SplitProof {
    static PROOF: OnceLock<SplitProof> = OnceLock::new();
    PROOF.get_or_init(|| prove_split(keys(), &split(), rng(), |_| ()).unwrap())
}

fn reveal_proof(slot: usize) -> RevealProof {
    prove_reveal(keys(), &reveal_of(slot), rng(), |_| ()).unwrap()
}

#[test]
fn an_honest_split_satisfies_the_circuit() {
    let witness = split();
    let circuit = split_trace(&SplitHints::new(&witness).unwrap());
    assert_eq!(
        circuit.trace.public_inputs(),
        witness.inputs().to_elements().map(field::scalar)
    );
    mock(&circuit).unwrap();
}

#[test]
fn an_honest_reveal_satisfies_the_circuit() {
    let witness = reveal_of(64);
    let layout = Layout::REVEAL;
    let trace = witness.hints().trace(&layout, Fault::default());
    assert_eq!(trace.public_inputs(), witness.inputs().to_elements().map(field::scalar));
    mock(&TraceCircuit { trace, layout }).unwrap();
}

#[test]
fn months_at_the_edges_satisfy_the_circuit() {
    let largest = |number| Usage {
        work: work(255, number),
        seconds: cwe_usage::MAX_SECONDS,
        plays: 1,
        price: u64::MAX,
        region: cwe_usage::MAX_FACTOR_PPM,
        credibility: cwe_usage::MAX_FACTOR_PPM,
    };
    let all: Vec<_> = (0..SLOTS).collect();
    let full: Vec<_> = (1..=SLOTS as u64).map(largest).collect();
    let wide = EpochTerms {
        allowance_secs: cwe_usage::MAX_ALLOWANCE_SECS,
        diminishing_ppm: 0,
        ..terms()
    };
    let steep = EpochTerms {
        diminishing_ppm: cwe_usage::MAX_DIMINISHING_PPM,
        ..wide
    };
    let often = Usage {
        plays: cwe_usage::MAX_PLAYS,
        price: 1,
        ..largest(1)
    };
    let months = [
        split_of(wide, &full, &all),
        split_of(steep, &[often], &[127]),
        split_of(
            EpochTerms {
                allowance_secs: 1,
                ..steep
            },
            &[Usage { seconds: 1, ..often }],
            &[0],
        ),
    ];
    for month in months {
        mock(&split_trace(&SplitHints::new(&month).unwrap())).unwrap();
    }
}

/// Falsifies the values of a month.
type Lie<'a> = &'a dyn Fn(&mut SplitHints);

#[test]
fn months_that_lie_are_refused() {
    let one = Fr::ONE;
    let lies: [(&str, Lie<'_>); 8] = [
        ("units off by one", &|hints| {
            hints.slots[0].units += one;
            hints.slots[17].units -= one;
        }),
        ("an unused slot with units", &|hints| {
            hints.slots[0].units -= one;
            hints.slots[1].units += one;
        }),
        ("an unused slot with a price", &|hints| hints.slots[1].price = one),
        ("a work twice", &|hints| hints.slots[17].gap = -one),
        ("works out of order", &|hints| hints.slots[17].gap = -Fr::from(2)),
        ("more seconds than allowed", &|hints| hints.allowance = Fr::from(1000)),
        ("a price beyond 64 bits", &|hints| {
            hints.slots[0].price += field::power_of_two(64)
        }),
        ("the nullifier's number plus the modulus", &|hints| {
            let nullifier = split().inputs().nullifier.to_uint() + Element::modulus();
            let mask = (U256::from(1) << cwe_usage::OFFSET_BITS) - U256::from(1);
            hints.low = field::scalar_of(nullifier & mask);
            hints.high = field::scalar_of(nullifier >> cwe_usage::OFFSET_BITS);
        }),
    ];
    for (name, lie) in lies {
        let mut hints = SplitHints::new(&split()).unwrap();
        lie(&mut hints);
        assert!(mock(&split_trace(&hints)).is_err(), "{name}");
    }
}

/// Root of the same notes with two of them exchanged.
fn permuted_root() -> Element {
    let witness = split();
    let mut leaves: Vec<_> = witness
        .split()
        .slots
        .iter()
        .map(|slot| slot.commitment(&terms()))
        .collect();
    leaves.swap(0, 17);
    Tree::with_leaves(cwe_usage::SLOTS_DEPTH, leaves).unwrap().root()
}

#[test]
fn a_split_proof_shows_its_inputs_and_no_others() {
    let verifying = keys().verifying_keys();
    let SplitProof { inputs, bytes } = split_proof();
    assert_eq!(verify_split(&verifying, inputs, bytes), Ok(()));
    let other = drawn(9, 9);
    let mut wrong = [*inputs; 8];
    wrong[0].terms.epoch += 1;
    wrong[1].terms.key = other;
    wrong[2].terms.tier = TierId::try_from(B256::with_last_byte(8)).unwrap();
    wrong[3].terms.allowance_secs += 1;
    wrong[4].terms.diminishing_ppm += 1;
    wrong[5].subscription_root = other;
    wrong[6].nullifier = other;
    wrong[7].notes_root = permuted_root();
    for inputs in wrong {
        assert_eq!(
            verify_split(&verifying, &inputs, bytes),
            Err(VerificationError::Invalid),
            "{inputs:?}"
        );
    }
    for terms in [
        EpochTerms {
            allowance_secs: 1 << 48,
            ..inputs.terms
        },
        EpochTerms {
            diminishing_ppm: cwe_usage::MAX_DIMINISHING_PPM + 1,
            ..inputs.terms
        },
    ] {
        let inputs = SplitInputs { terms, ..*inputs };
        assert_eq!(
            verify_split(&verifying, &inputs, bytes),
            Err(VerificationError::InputOutOfRange)
        );
    }
}

#[test]
fn a_changed_proof_is_refused() {
    let verifying = keys().verifying_keys();
    let SplitProof { inputs, bytes } = split_proof();
    for position in (0..SPLIT_PROOF_BYTES).step_by(61) {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert_eq!(
            verify_split(&verifying, inputs, &changed),
            Err(VerificationError::Invalid),
            "{position}"
        );
    }
    for length in [0, SPLIT_PROOF_BYTES - 1, SPLIT_PROOF_BYTES + 1] {
        let mut changed = bytes.clone();
        changed.resize(length, 0);
        let expected = VerificationError::Length {
            given: length,
            expected: SPLIT_PROOF_BYTES,
        };
        assert_eq!(verify_split(&verifying, inputs, &changed), Err(expected));
    }
}

#[test]
fn a_reveal_proof_shows_its_inputs_and_no_others() {
    let verifying = keys().verifying_keys();
    let RevealProof { inputs, bytes } = reveal_proof(17);
    assert_eq!(verify_reveal(&verifying, &inputs, &bytes), Ok(()));
    let other = drawn(9, 9);
    let mut wrong = [inputs; 9];
    wrong[0].epoch += 1;
    wrong[1].epoch_key = other;
    wrong[2].tier = TierId::try_from(B256::with_last_byte(8)).unwrap();
    wrong[3].work = work(3, 3);
    wrong[4].units ^= 1;
    wrong[5].price += 1;
    wrong[6].region += 1;
    wrong[7].note_root = other;
    wrong[8].nullifier = other;
    for inputs in wrong {
        assert_eq!(
            verify_reveal(&verifying, &inputs, &bytes),
            Err(VerificationError::Invalid),
            "{inputs:?}"
        );
    }
}

#[test]
fn a_batch_holds_only_if_all_of_it_does() {
    let verifying = keys().verifying_keys();
    let mut batch = [0, 17, 64].map(reveal_proof);
    assert_eq!(verify_reveals(&verifying, &batch), Ok(()));
    assert_eq!(verify_reveals(&verifying, &[]), Ok(()));
    let mut long = vec![batch[0].clone(); FOLDED + 1];
    assert_eq!(verify_reveals(&verifying, &long), Ok(()));
    long[FOLDED].inputs.units ^= 1;
    assert_eq!(verify_reveals(&verifying, &long), Err(VerificationError::Invalid));
    batch[1].inputs.units ^= 1;
    assert_eq!(verify_reveals(&verifying, &batch), Err(VerificationError::Invalid));
}

#[test]
fn keys_survive_the_disk_and_damage_shows() {
    let mut file = Vec::new();
    keys().write(&mut file).unwrap();
    let read = ProvingKeys::read(file.as_slice()).unwrap();
    let proof = prove_reveal(&read, &reveal_of(17), rng(), |_| ()).unwrap();
    assert_eq!(
        verify_reveal(&keys().verifying_keys(), &proof.inputs, &proof.bytes),
        Ok(())
    );
    let last = file.len() - 1;
    file[last] ^= 1;
    assert!(matches!(ProvingKeys::read(file.as_slice()), Err(KeysError::Damaged)));
    assert!(matches!(ProvingKeys::read(&file[..20]), Err(KeysError::Damaged)));
    assert!(matches!(
        ProvingKeys::read(&b"something else"[..]),
        Err(KeysError::OtherVersion)
    ));
}

#[test]
fn a_witness_that_shows_nothing_is_refused() {
    let witness = split();
    let (split, path) = (witness.split().clone(), witness.subscription.clone());
    let root = witness.inputs().subscription_root;
    let other = Secret::try_from(drawn(3, 1)).unwrap();
    let refused = SplitWitness::new(split.clone(), other, path.clone(), root).map(|_| ());
    assert_eq!(refused, Err(WitnessError::OtherSecret));
    let refused = SplitWitness::new(split.clone(), secret(), path.clone(), drawn(0, 0)).map(|_| ());
    assert_eq!(
        refused,
        Err(WitnessError::PathElsewhere {
            reached: root,
            root: drawn(0, 0)
        })
    );
    let short = MerklePath {
        siblings: path.siblings[1..].to_vec(),
        ..path
    };
    let refused = SplitWitness::new(split, secret(), short, root).map(|_| ());
    assert_eq!(
        refused,
        Err(WitnessError::PathLength {
            given: 19,
            expected: 20
        })
    );
}
