//! A whole state of an epoch's aggregation, as a coordinator keeps it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer};

use crate::{
    AggregationInput, EpochContext, Registry, RegistryError, Reveal, Roots, Total,
    totals::{nullifier_key, total_key},
};

/// A note revealed, with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The work.
    pub work: B256,
    /// The tier.
    pub tier: B256,
    /// Hundredths of the fee, 1 … 100.
    pub units: u8,
    /// `nf_note`.
    pub nullifier: B256,
    /// The Reveal proof; empty where only the effect matters.
    pub proof: Bytes,
}

/// Records that a state can't take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A note that the state has already, or that comes twice.
    #[error("nullifier {0} is in this state already")]
    NullifierUsed(B256),
    /// A tier that the epoch doesn't have.
    #[error("tier {0} is not one of the epoch's")]
    UnknownTier(B256),
    /// A work that the epoch's registry doesn't have.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A total beyond 2⁶⁴.
    #[error("the total of work {0} is too large")]
    TooLarge(B256),
}

/// All nullifiers and totals of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochState {
    nullifiers: BTreeSet<B256>,
    totals: BTreeMap<(B256, B256), Total>,
}

impl EpochState {
    /// The state that every epoch begins with.
    pub fn new() -> Self {
        Self::default()
    }

    /// A state from its parts, by work and tier; compare [`Self::roots`] before you believe them.
    pub fn from_parts(
        nullifiers: impl IntoIterator<Item = B256>,
        totals: impl IntoIterator<Item = ((B256, B256), Total)>,
    ) -> Self {
        Self {
            nullifiers: nullifiers.into_iter().collect(),
            totals: totals.into_iter().collect(),
        }
    }

    /// Whether a note is in this state.
    pub fn contains(&self, nullifier: B256) -> bool {
        self.nullifiers.contains(&nullifier)
    }

    /// Number of reveals.
    pub fn reveals(&self) -> u64 {
        self.nullifiers.len() as u64
    }

    /// The nullifiers, in ascending order.
    pub fn nullifiers(&self) -> impl ExactSizeIterator<Item = B256> {
        self.nullifiers.iter().copied()
    }

    /// The totals, by work and tier.
    pub const fn totals(&self) -> &BTreeMap<(B256, B256), Total> {
        &self.totals
    }

    /// Roots of both tries.
    pub fn roots(&self) -> Roots {
        Roots {
            nullifiers: self.nullifier_trie(Vec::new()).0,
            totals: self.totals_trie(Vec::new()).0,
        }
    }

    /// Adds records: all of them, or none.
    ///
    /// # Errors
    /// [`StateError::NullifierUsed`], [`StateError::TooLarge`].
    pub fn apply(&mut self, records: &[Record]) -> Result<(), StateError> {
        self.require_new(records)?;
        let mut totals = HashMap::new();
        for record in records {
            let place = (record.work, record.tier);
            let total = totals
                .entry(place)
                .or_insert_with(|| self.totals.get(&place).copied().unwrap_or_default());
            *total = total.with(record.units).ok_or(StateError::TooLarge(record.work))?;
        }
        self.totals.extend(totals);
        self.nullifiers.extend(records.iter().map(|record| record.nullifier));
        Ok(())
    }

    fn require_new(&self, records: &[Record]) -> Result<(), StateError> {
        let mut seen = BTreeSet::new();
        for Record { nullifier, .. } in records {
            if self.contains(*nullifier) || !seen.insert(*nullifier) {
                return Err(StateError::NullifierUsed(*nullifier));
            }
        }
        Ok(())
    }

    /// The guest's input for an aggregate of `records` that builds on this state.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn input(
        &self,
        context: &EpochContext,
        registry: &Registry,
        verifying_key: Bytes,
        coordinator: Address,
        records: &[Record],
    ) -> Result<AggregationInput, StateError> {
        self.require_new(records)?;
        let works: BTreeSet<B256> = records.iter().map(|record| record.work).collect();
        let works: Vec<B256> = works.into_iter().collect();
        let reveals = records
            .iter()
            .map(|record| reveal(record, &works, &context.tiers))
            .collect::<Result<_, _>>()?;
        let (nullifiers, nullifier_nodes) =
            self.nullifier_trie(records.iter().map(|record| nullifier_key(record.nullifier)).collect());
        let (totals, totals_nodes) = self.totals_trie(
            records
                .iter()
                .map(|record| total_key(record.work, record.tier))
                .collect(),
        );
        Ok(AggregationInput {
            context: context.clone(),
            coordinator,
            verifying_key,
            before: Roots { nullifiers, totals },
            nodes: nullifier_nodes.into_iter().chain(totals_nodes).collect(),
            registry: registry.witness(&works)?,
            reveals,
        })
    }

    /// The nodes that show whether a note is in this state, from the root down.
    pub fn nullifier_proof(&self, nullifier: B256) -> Vec<Bytes> {
        self.nullifier_trie(vec![nullifier_key(nullifier)]).1
    }

    fn nullifier_trie(&self, shown: Vec<B256>) -> (B256, Vec<Bytes>) {
        let leaves = self
            .nullifiers
            .iter()
            .map(|nullifier| (nullifier_key(*nullifier), U256::from(1)));
        trie(leaves.collect(), shown)
    }

    fn totals_trie(&self, shown: Vec<B256>) -> (B256, Vec<Bytes>) {
        let leaves = self.totals.iter();
        let leaves = leaves.map(|((work, tier), total)| (total_key(*work, *tier), total.to_number()));
        trie(leaves.collect(), shown)
    }
}

fn reveal(record: &Record, works: &[B256], tiers: &[B256]) -> Result<Reveal, StateError> {
    let unknown = StateError::Registry(RegistryError::Unknown(record.work));
    let place = |place: usize| u32::try_from(place).ok();
    let work = works.binary_search(&record.work).ok().and_then(place).ok_or(unknown)?;
    let tier = tiers.iter().position(|tier| *tier == record.tier).and_then(place);
    Ok(Reveal {
        work,
        tier: tier.ok_or(StateError::UnknownTier(record.tier))?,
        units: record.units,
        nullifier: record.nullifier,
        proof: record.proof.clone(),
    })
}

/// Root of a trie, and its nodes on the way to some keys, root first.
fn trie(mut leaves: Vec<(B256, U256)>, shown: Vec<B256>) -> (B256, Vec<Bytes>) {
    leaves.sort_unstable();
    let retainer = ProofRetainer::from_iter(shown.into_iter().map(Nibbles::unpack));
    let mut builder = HashBuilder::default().with_proof_retainer(retainer);
    for (key, number) in leaves {
        builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(number));
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (root, nodes.into_iter().map(|(_, node)| node).collect())
}
