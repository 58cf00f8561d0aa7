//! Measures Split and Reveal on this machine: a table, and `usage.json` in the folder given.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use cwe_srs::{Setup, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId, poseidon::hash,
};
use cwe_usage_circuits::{
    FOLDED, ProvingKeys, REVEAL_PROOF_BYTES, RevealProof, RevealWitness, SPLIT_PROOF_BYTES, SRS_K, SplitWitness,
    prove_reveal, prove_split, verify_reveal, verify_reveals, verify_split,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Proofs of each kind that a time is the median of.
const RUNS: usize = 5;
/// Reveals verified together.
const BATCH: usize = 1000;

fn main() -> Result<()> {
    let folder = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("usage: bench-usage FOLDER")?;
    let keys_started = Instant::now();
    let keys = ProvingKeys::derive(&SrsStore::new(Setup::default())?.params(SRS_K)?)?;
    let keys_secs = keys_started.elapsed().as_secs_f64();
    let verifying = keys.verifying_keys();
    let witness = split_witness()?;
    let rng = || ChaCha20Rng::from_seed([9; 32]);

    let (split_time, split) = median(RUNS, || prove_split(&keys, &witness, rng(), |_| ()))?;
    let peak = peak_memory_gib()?;
    let reveals = witnesses(&witness)?;
    let first = reveals.first().ok_or("no note")?;
    let (reveal_time, _) = median(RUNS, || prove_reveal(&keys, first, rng(), |_| ()))?;
    let (verify_split_time, ()) = median(RUNS, || verify_split(&verifying, &split.inputs, &split.bytes))?;
    let proofs = reveals
        .iter()
        .map(|witness| prove_reveal(&keys, witness, rng(), |_| ()));
    let proofs = proofs.collect::<std::result::Result<Vec<_>, _>>()?;
    let one = proofs.first().ok_or("no proof")?;
    let (verify_reveal_time, ()) = median(RUNS, || verify_reveal(&verifying, &one.inputs, &one.bytes))?;
    let batch: Vec<RevealProof> = proofs.iter().cycle().take(BATCH).cloned().collect();
    let cpu = cpu_secs()?;
    verify_reveals(&verifying, &batch)?;
    let per_core = BATCH as f64 / (cpu_secs()? - cpu);

    let verify = verify_split_time.max(verify_reveal_time);
    println!("slots                                 {SLOTS}");
    println!("keys derived                          {keys_secs:.2} s");
    println!(
        "Split, {} threads                      {:.2} s",
        threads(),
        split_time.as_secs_f64()
    );
    println!("Split, peak memory                    {peak:.2} GiB");
    println!("Split, bytes of a proof               {SPLIT_PROOF_BYTES}");
    println!(
        "Reveal, {} threads                     {:.3} s",
        threads(),
        reveal_time.as_secs_f64()
    );
    println!("Reveal, bytes of a proof              {REVEAL_PROOF_BYTES}");
    println!(
        "verification, Split / Reveal          {:.1} / {:.1} ms",
        millis(verify_split_time),
        millis(verify_reveal_time)
    );
    println!("reveals verified a second and core    {per_core:.0} ({BATCH} together, a pairing for {FOLDED})");
    let figures = serde_json::json!({
        "slots": SLOTS,
        "threads": threads(),
        "keys_native_s": keys_secs,
        "split_native_s": split_time.as_secs_f64(),
        "split_peak_memory_gib": peak,
        "split_proof_bytes": SPLIT_PROOF_BYTES,
        "reveal_native_s": reveal_time.as_secs_f64(),
        "reveal_proof_bytes": REVEAL_PROOF_BYTES,
        "verify_ms": millis(verify),
        "batch_verify_per_s_core": per_core,
    });
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("usage.json"), format!("{figures:#}\n"))?;
    Ok(())
}

fn median<T, E>(
    runs: usize,
    mut run: impl FnMut() -> std::result::Result<T, E>,
) -> std::result::Result<(Duration, T), E> {
    let mut timed = || {
        let started = Instant::now();
        run().map(|value| (started.elapsed(), value))
    };
    let mut best = timed()?;
    let mut times = vec![best.0];
    for _ in 1..runs {
        best = timed()?;
        times.push(best.0);
    }
    times.sort();
    Ok((times[times.len() / 2], best.1))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Most memory that this process has had.
fn peak_memory_gib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / f64::from(1 << 20))
}

/// Processor time of this process, all threads together.
fn cpu_secs() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}

fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

/// A month with every slot used.
fn split_witness() -> Result<SplitWitness> {
    let id = |number: u8| alloy_primitives::B256::with_last_byte(number);
    let terms = EpochTerms {
        epoch: 7,
        key: drawn(2, 0),
        tier: TierId::try_from(id(9))?,
        allowance_secs: 1_000_000,
        diminishing_ppm: 1_000_000,
    };
    let mut usages = Vec::with_capacity(SLOTS);
    for number in 1..=u8::try_from(SLOTS)? {
        usages.push(Usage {
            work: WorkId::try_from(id(number))?,
            seconds: 50 * u32::from(number),
            plays: number.into(),
            price: 1500,
            region: 1_000_000,
            credibility: 1_000_000,
        });
    }
    let secret = Secret::try_from(drawn(3, 0))?;
    let positions: Vec<_> = (0..SLOTS).collect();
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(5, slot)).collect();
    let split = Split::new(terms, &secret, &usages, &positions, &blindings)?;
    let subscriptions = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(4, 0), secret.leaf(&terms)])?;
    Ok(SplitWitness::new(
        split,
        secret,
        subscriptions.path(1)?,
        subscriptions.root(),
    )?)
}

/// Its first notes.
fn witnesses(witness: &SplitWitness) -> Result<Vec<RevealWitness>> {
    let split = witness.split();
    let terms = split.terms;
    let notes = Tree::with_leaves(EPOCH_TREE_DEPTH, [drawn(6, 0), split.notes_root()])?;
    let mut witnesses = Vec::new();
    for slot in 0..4 {
        let path = split.note_path(slot)?.extended(&notes.path(1)?);
        let note = split.slots[slot].note().ok_or("an unused slot")?;
        witnesses.push(RevealWitness::new(
            terms.epoch,
            terms.key,
            terms.tier,
            note,
            path,
            notes.root(),
        )?);
    }
    Ok(witnesses)
}
