//! An epoch in memory: works, listeners, and their notes revealed with real proofs.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use cwe_aggregation::{
    EpochContext, EpochState, Record, RegionRule, Registry, RegistryError, StateError, Terms, WorkTerms,
};
use cwe_srs::{Setup, SrsError, SrsStore};
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, IdError, NotCanonical, SLOTS, Secret, SecretError, Split, TierId, Tree,
    TreeError, Usage, UsageError, WorkId,
};
use cwe_usage_circuits::{
    PortableKeyError, ProofError, ProvingKeys, REVEAL_INPUTS, RevealWitness, SRS_K, VerifyingKeys, WitnessError,
    g2_words, prove_reveal,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// The epoch's number.
const EPOCH: u64 = 7;
/// Works that each listener listened to.
const WORKS_EACH: usize = 5;

/// An epoch whose submissions are in and whose reveals are about to come.
#[derive(Debug)]
pub struct Epoch {
    /// What the chain says of it.
    pub context: EpochContext,
    /// Its registry.
    pub registry: Registry,
    /// The Reveal circuit's verifying key, portable.
    pub verifying_key: Bytes,
    /// `[s]₂` of the reference string, as the pairing precompile takes it.
    pub s_g2: [[u8; 32]; 4],
    /// What proofs are checked with by halo2.
    pub verifying_keys: VerifyingKeys,
    keys: ProvingKeys,
    reveals: Vec<RevealWitness>,
}

/// An epoch that can't be.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum EpochError {
    #[error(transparent)]
    Element(#[from] NotCanonical),
    #[error(transparent)]
    Id(#[from] IdError),
    #[error(transparent)]
    PortableKey(#[from] PortableKeyError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Srs(#[from] SrsError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Witness(#[from] WitnessError),
}

/// A field element that depends on all of these.
fn drawn(kind: &str, number: usize, part: usize) -> Result<Element, EpochError> {
    let mut hash = keccak256(format!("{kind} {number} {part}"));
    hash[0] = 0;
    Ok(Element::try_from(U256::from_be_bytes(hash.0))?)
}

fn work_id(number: usize) -> Result<WorkId, EpochError> {
    let mut id = keccak256(format!("work {number}"));
    id[0] = 0;
    Ok(WorkId::try_from(id)?)
}

fn registry(works: usize) -> Result<Registry, EpochError> {
    let rule = |name: u8| B256::left_padding_from(&[name]);
    let leaves = (0..works)
        .map(|number| {
            let id = work_id(number)?;
            let terms = |price_per_min| Terms {
                price_per_min,
                region_rule: rule(if number % 2 == 0 { 1 } else { 2 }),
            };
            Ok(WorkTerms {
                work: B256::from(id.to_element()),
                registered_at: 1_700_000_000 + number as u64,
                // Some change their price with the next epoch.
                from_epoch: if number % 3 == 0 { EPOCH + 1 } else { 1 },
                terms: terms(1_000 + 10 * number as u64),
                previous: terms(500),
            })
        })
        .collect::<Result<_, EpochError>>()?;
    let rules = [(1, 1_000_000), (2, 500_000)].map(|(name, factor_ppm)| RegionRule {
        rule: rule(name),
        factor_ppm,
    });
    Ok(Registry::new(leaves, rules.to_vec())?)
}

impl Epoch {
    /// An epoch with so many listeners, each of whom listened to five of so many works.
    ///
    /// # Errors
    /// [`EpochError`].
    pub fn new(listeners: usize, works: usize) -> Result<Self, EpochError> {
        let tiers = [B256::with_last_byte(8), B256::with_last_byte(9)];
        let registry = registry(works)?;
        let epoch_key = drawn("epoch key", 0, 0)?;
        let splits = (0..listeners)
            .map(|listener| {
                let terms = EpochTerms {
                    epoch: EPOCH,
                    key: epoch_key,
                    tier: TierId::try_from(tiers[listener % tiers.len()])?,
                    allowance_secs: 100_000,
                    diminishing_ppm: 1_000_000,
                };
                Ok((terms, split(terms, &registry, listener, works)?))
            })
            .collect::<Result<Vec<_>, EpochError>>()?;
        let notes = Tree::with_leaves(EPOCH_TREE_DEPTH, splits.iter().map(|(_, split)| split.notes_root()))?;
        let mut reveals = Vec::new();
        for (index, (terms, split)) in (0_u64..).zip(&splits) {
            for (slot, note) in split
                .slots
                .iter()
                .enumerate()
                .filter_map(|(slot, used)| Some((slot, used.note()?)))
            {
                if note.units == 0 {
                    continue;
                }
                let path = split.note_path(slot)?.extended(&notes.path(index)?);
                reveals.push(RevealWitness::new(
                    EPOCH,
                    epoch_key,
                    terms.tier,
                    note,
                    path,
                    notes.root(),
                )?);
            }
        }
        let srs = SrsStore::new(Setup::default())?.params(SRS_K)?;
        let keys = ProvingKeys::derive(&srs)?;
        let verifying_keys = keys.verifying_keys();
        Ok(Self {
            context: EpochContext {
                chain_id: 51_337,
                epoch: EPOCH,
                epoch_key: epoch_key.into(),
                note_root: notes.root().into(),
                registry_commitment: registry.commitment(),
                tiers: tiers.to_vec(),
            },
            registry,
            verifying_key: verifying_keys.reveal.portable(REVEAL_INPUTS)?.encode().into(),
            s_g2: g2_words(&verifying_keys.reveal.srs),
            verifying_keys,
            keys,
            reveals,
        })
    }

    /// How many notes there are to reveal.
    pub fn notes(&self) -> usize {
        self.reveals.len()
    }

    /// Reveals some notes.
    ///
    /// # Errors
    /// [`EpochError::Proof`].
    pub fn reveal(&self, notes: std::ops::Range<usize>) -> Result<Vec<Record>, EpochError> {
        let witnesses = self.reveals.iter().enumerate().skip(notes.start).take(notes.len());
        witnesses
            .map(|(number, witness)| {
                let rng = ChaCha20Rng::seed_from_u64(number as u64);
                let proof = prove_reveal(&self.keys, witness, rng, |_| ())?;
                let inputs = proof.inputs;
                Ok(Record {
                    work: inputs.work.to_element().into(),
                    tier: inputs.tier.to_element().into(),
                    units: inputs.units,
                    nullifier: inputs.nullifier.into(),
                    proof: proof.bytes.into(),
                })
            })
            .collect()
    }

    /// The guest's input for records on a state.
    ///
    /// # Errors
    /// [`EpochError::State`].
    pub fn input(
        &self,
        state: &EpochState,
        records: &[Record],
    ) -> Result<cwe_aggregation::AggregationInput, EpochError> {
        let coordinator = alloy_primitives::Address::repeat_byte(0xc0);
        Ok(state.input(
            &self.context,
            &self.registry,
            self.verifying_key.clone(),
            coordinator,
            records,
        )?)
    }
}

fn split(terms: EpochTerms, registry: &Registry, listener: usize, works: usize) -> Result<Split, EpochError> {
    let secret = Secret::try_from(drawn("secret", listener, 0)?)?;
    let mut chosen: Vec<WorkId> = (0..WORKS_EACH.min(works))
        .map(|part| work_id((3 * listener + part) % works))
        .collect::<Result<_, _>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    let usages: Vec<_> = (0_u32..)
        .zip(&chosen)
        .map(|(part, work)| {
            let (price, region) = registry.price(work.to_element().into(), EPOCH).unwrap_or_default();
            Usage {
                work: *work,
                seconds: 600 + 100 * part,
                plays: 1 + part,
                price,
                region,
                credibility: 1_000_000,
            }
        })
        .collect();
    let places: Vec<_> = (0..usages.len()).collect();
    let blindings = (0..SLOTS)
        .map(|slot| drawn("r", listener, slot))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Split::new(terms, &secret, &usages, &places, &blindings)?)
}
