//! Real Reveal proofs of an epoch in which every submission divides its fee among a hundred works.

use alloy::primitives::B256;
use cwe_srs::{Setup, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, SLOTS, Secret, Split, TierId, Tree, Usage, WorkId, poseidon::hash,
};
use cwe_usage_circuits::{ProvingKeys, RevealWitness, SRS_K, prove_reveal};
use cwe_wallet::messages::RevealBody;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// Price of all works, micro-CLN a minute.
pub(crate) const PRICE: u64 = 1500;
/// Factor of their region rule, ppm.
pub(crate) const REGION_PPM: u32 = 1_000_000;
/// Works of a submission: as many as a fee has units.
pub(crate) const WORKS: u8 = 100;

/// What the chain has of the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch {
    pub(crate) key: Element,
    pub(crate) tier: B256,
    pub(crate) note_root: Element,
}

/// The proving keys of the development reference string.
pub(crate) fn keys() -> ProvingKeys {
    let folder = tempfile::tempdir().unwrap();
    let store = SrsStore::in_folder(Setup::default(), folder.path().into());
    ProvingKeys::derive(&store.params(SRS_K).unwrap()).unwrap()
}

/// The id of a work, `1 ..= WORKS`.
pub(crate) fn work(number: u8) -> B256 {
    B256::with_last_byte(number)
}

fn drawn(seed: u64, index: u64) -> Element {
    hash(Element::from(seed), Element::from(index))
}

/// An epoch with reveals of `count` notes, as wallets send them.
pub(crate) fn prove(keys: &ProvingKeys, number: u64, count: usize) -> (Epoch, Vec<RevealBody>) {
    let terms = EpochTerms {
        epoch: number,
        key: drawn(2, 0),
        tier: TierId::try_from(B256::with_last_byte(9)).unwrap(),
        allowance_secs: 1_000_000,
        diminishing_ppm: 1_000_000,
    };
    let splits: Vec<_> = (0..count.div_ceil(WORKS.into()) as u64)
        .map(|who| split(terms, who))
        .collect();
    let notes = Tree::with_leaves(EPOCH_TREE_DEPTH, splits.iter().map(Split::notes_root)).unwrap();
    let epoch = Epoch {
        key: terms.key,
        tier: terms.tier.into(),
        note_root: notes.root(),
    };
    let bodies = (0..count).map(|place| {
        let (who, slot) = (place / usize::from(WORKS), place % usize::from(WORKS));
        let path = splits[who]
            .note_path(slot)
            .unwrap()
            .extended(&notes.path(who as u64).unwrap());
        let note = splits[who].slots[slot].note().unwrap();
        let witness = RevealWitness::new(number, terms.key, terms.tier, note, path, notes.root()).unwrap();
        body(keys, &witness)
    });
    (epoch, bodies.collect())
}

fn split(terms: EpochTerms, who: u64) -> Split {
    let usage = |number| Usage {
        work: WorkId::try_from(work(number)).unwrap(),
        seconds: 60,
        plays: 1,
        price: PRICE,
        region: REGION_PPM,
        credibility: 1_000_000,
    };
    let usages: Vec<_> = (1..=WORKS).map(usage).collect();
    let positions: Vec<_> = (0..usages.len()).collect();
    let blindings: Vec<_> = (0..SLOTS as u64).map(|slot| drawn(100 + who, slot)).collect();
    let secret = Secret::try_from(drawn(3, who)).unwrap();
    Split::new(terms, &secret, &usages, &positions, &blindings).unwrap()
}

fn body(keys: &ProvingKeys, witness: &RevealWitness) -> RevealBody {
    let proof = prove_reveal(keys, witness, ChaCha20Rng::from_seed([1; 32]), |_| ()).unwrap();
    let inputs = proof.inputs;
    RevealBody {
        epoch: inputs.epoch,
        tier_id: inputs.tier.into(),
        work_id: inputs.work.into(),
        units: inputs.units,
        price_per_min: inputs.price,
        region_ppm: inputs.region,
        note_root: inputs.note_root.into(),
        nullifier: inputs.nullifier.into(),
        proof: proof.bytes.into(),
    }
}
