//! Tests of the circuits: that honest witnesses are accepted, and nothing else is.

mod mutations;

use cwe_srs::{Setup, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId, poseidon::hash,
};
use halo2_proofs::dev::MockProver;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::{
    ProvingKeys, RevealWitness, SRS_K, SplitWitness, fault::Fault, layout::TraceCircuit, reveal, split_circuit,
    split_hints::SplitHints, *,
};

fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

fn work(top: u8, number: u64) -> WorkId {
    let mut bytes = [0; 32];
    bytes[1] = top;
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    WorkId::try_from(alloy_primitives::B256::from(bytes)).unwrap()
}

fn terms() -> EpochTerms {
    EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(alloy_primitives::B256::with_last_byte(9)).unwrap(),
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
        row(work(255, u64::MAX), 1, 1, u64::MAX, (1 << 24) - 1, (1 << 24) - 1),
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
    let k = if circuit.ranges { split_circuit::K } else { reveal::K };
    let public = circuit.trace.public_inputs();
    let prover = MockProver::run(k, circuit, vec![public]).map_err(|error| error.to_string())?;
    prover
        .verify_par()
        .map_err(|failures| format!("{} failures, first {}", failures.len(), failures[0]))
}

fn keys() -> &'static ProvingKeys {
    static KEYS: std::sync::OnceLock<ProvingKeys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = SrsStore::in_folder(Setup::default(), folder.path().into());
        ProvingKeys::derive(&store.params(SRS_K).unwrap()).unwrap()
    })
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

#[test]
fn an_honest_split_satisfies_the_circuit() {
    let witness = split();
    let trace = SplitHints::new(&witness).unwrap().trace(Fault::default());
    let expected: Vec<_> = witness.inputs().to_elements().map(field::scalar).to_vec();
    assert_eq!(trace.public_inputs(), expected);
    println!(
        "main {} digits {} hashes {}",
        trace.main.len(),
        trace.digits.len(),
        trace.hashes.len()
    );
    mock(&TraceCircuit { trace, ranges: true }).unwrap();
}

#[test]
fn an_honest_reveal_satisfies_the_circuit() {
    let witness = reveal_of(64);
    let trace = witness.hints().trace(Fault::default());
    let expected: Vec<_> = witness.inputs().to_elements().map(field::scalar).to_vec();
    assert_eq!(trace.public_inputs(), expected);
    println!(
        "main {} digits {} hashes {}",
        trace.main.len(),
        trace.digits.len(),
        trace.hashes.len()
    );
    mock(&TraceCircuit { trace, ranges: false }).unwrap();
}

#[test]
fn proofs_hold() {
    let start = std::time::Instant::now();
    let keys = keys();
    println!("keys {:?}", start.elapsed());
    let verifying = keys.verifying_keys();
    let start = std::time::Instant::now();
    let proof = prove_split(keys, &split(), rng(), |_| ()).unwrap();
    println!("split {:?} {} bytes", start.elapsed(), proof.bytes.len());
    let start = std::time::Instant::now();
    verify_split(&verifying, &proof.inputs, &proof.bytes).unwrap();
    println!("verify {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let proof = prove_reveal(keys, &reveal_of(17), rng(), |_| ()).unwrap();
    println!("reveal {:?} {} bytes", start.elapsed(), proof.bytes.len());
    let start = std::time::Instant::now();
    verify_reveal(&verifying, &proof.inputs, &proof.bytes).unwrap();
    println!("verify {:?}", start.elapsed());
}
