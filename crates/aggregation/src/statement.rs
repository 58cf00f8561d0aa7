//! The checks, reveal by reveal.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, U256, keccak256};
use cwe_halo2_verifier::{Curve, PreparedKey, Proof, VerifyingKey, Word, fold};
use cwe_trie::{SparseTrie, WitnessNodes};

use crate::{
    AggregationError, AggregationInput, EpochContext, MAX_REVEALS, Reveal, Roots, Total,
    abi::Words,
    registry::Priced,
    totals::{nullifier_key, total_key},
};

/// Units of one fee.
const UNITS: u8 = 100;
/// Public inputs of a Reveal proof.
const INPUTS: usize = 9;

/// The effect of a batch of reveals: `ICWEPayouts.Aggregate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The state it builds on.
    pub before: Roots,
    /// The state it makes.
    pub after: Roots,
    /// Number of reveals.
    pub reveals: u64,
    /// Units revealed in each tier.
    pub units: Vec<u64>,
}

/// What an input shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregated {
    /// The effect.
    pub aggregate: Aggregate,
    /// Keccak-256 of the verifying key that the proofs were checked with.
    pub key_hash: B256,
    /// The two points whose pairing the contract checks: left.x, left.y, right.x, right.y.
    pub accumulator: [Word; 4],
    /// `CWEPayouts.aggregateValue`.
    pub value: B256,
    /// What the proof shows: value, key and accumulator together.
    pub public_value: B256,
}

/// Decodes an input, checks it, and returns the proof's public value.
///
/// # Errors
/// [`AggregationError`]; any input is allowed.
pub fn aggregate_input<C: Curve>(input: &[u8]) -> Result<B256, AggregationError> {
    Ok(aggregate::<C>(&AggregationInput::decode(input)?)?.public_value)
}

/// Checks an input and returns what it shows.
///
/// # Errors
/// [`AggregationError`]. Whether all reveals' proofs hold shows only in the accumulator's pairing.
pub fn aggregate<C: Curve>(input: &AggregationInput) -> Result<Aggregated, AggregationError> {
    let given = input.reveals.len();
    if given == 0 || given > MAX_REVEALS {
        let limit = MAX_REVEALS;
        return Err(AggregationError::Count { given, limit });
    }
    let works = input
        .registry
        .priced(input.context.epoch, input.context.registry_commitment)?;
    let mut effect = Effect::new(input);
    let mut statements = Vec::with_capacity(given);
    for (index, reveal) in input.reveals.iter().enumerate() {
        let work = usize::try_from(reveal.work).ok().and_then(|place| works.get(place));
        let tier = usize::try_from(reveal.tier)
            .ok()
            .and_then(|place| input.context.tiers.get(place));
        let (work, tier) = work.zip(tier).ok_or(AggregationError::Dangling(index))?;
        effect.count(index, reveal)?;
        statements.push(statement(&input.context, work, *tier, reveal));
    }
    let (key_hash, accumulator) = folded::<C>(input, &statements)?;
    let aggregate = effect.finish(&works)?;
    let value = aggregate.value(&input.context, input.coordinator);
    Ok(Aggregated {
        public_value: public_value(value, key_hash, &accumulator),
        aggregate,
        key_hash,
        accumulator,
        value,
    })
}

/// The public inputs of a reveal's proof, in the protocol's order.
fn statement(context: &EpochContext, work: &Priced, tier: B256, reveal: &Reveal) -> [Word; INPUTS] {
    let number = |number: u64| U256::from(number).to_be_bytes();
    [
        number(context.epoch),
        context.epoch_key.0,
        tier.0,
        work.work.0,
        number(u64::from(reveal.units)),
        number(work.price_per_min),
        number(u64::from(work.factor_ppm)),
        context.note_root.0,
        reveal.nullifier.0,
    ]
}

fn folded<C: Curve>(
    input: &AggregationInput,
    statements: &[[Word; INPUTS]],
) -> Result<(B256, [Word; 4]), AggregationError> {
    let key = PreparedKey::<C>::new(VerifyingKey::decode(&input.verifying_key)?)?;
    let parts = input.reveals.iter().zip(statements);
    let proofs: Vec<_> = parts
        .map(|(reveal, instances)| Proof {
            instances,
            bytes: &reveal.proof,
        })
        .collect();
    let accumulator = fold(&key, &proofs)?;
    let points = [C::encode(&accumulator.left), C::encode(&accumulator.right)];
    let mut words = [[0; 32]; 4];
    for (word, bytes) in words.iter_mut().zip(points.as_flattened().as_chunks::<32>().0) {
        *word = *bytes;
    }
    Ok((keccak256(&input.verifying_key), words))
}

/// What `AggregationVerifier` compares the proof's public value with.
fn public_value(value: B256, key_hash: B256, accumulator: &[Word; 4]) -> B256 {
    let mut words = Words::default();
    words.word(value).word(key_hash);
    for word in accumulator {
        words.word(B256::from(*word));
    }
    words.hash()
}

/// The tries as they change.
struct Effect<'a> {
    input: &'a AggregationInput,
    nullifiers: SparseTrie,
    totals: SparseTrie,
    /// What this aggregate adds, by places of work and tier.
    added: BTreeMap<(u32, u32), Total>,
}

impl<'a> Effect<'a> {
    fn new(input: &'a AggregationInput) -> Self {
        let nodes = WitnessNodes::new(input.nodes.iter().cloned());
        Self {
            input,
            nullifiers: SparseTrie::new(nodes.clone(), input.before.nullifiers),
            totals: SparseTrie::new(nodes, input.before.totals),
            added: BTreeMap::new(),
        }
    }

    /// Counts a reveal, once.
    fn count(&mut self, index: usize, reveal: &Reveal) -> Result<(), AggregationError> {
        let Reveal { units, nullifier, .. } = *reveal;
        if units == 0 || units > UNITS {
            return Err(AggregationError::Units { reveal: index, units });
        }
        let key = nullifier_key(nullifier);
        if !self.nullifiers.get(key)?.is_zero() {
            return Err(AggregationError::NullifierUsed {
                reveal: index,
                nullifier,
            });
        }
        self.nullifiers.set(key, U256::from(1))?;
        // At most 2¹⁶ reveals of 100 units.
        let total = self.added.entry((reveal.work, reveal.tier)).or_default();
        total.reveals += 1;
        total.units += u64::from(units);
        Ok(())
    }

    /// Adds everything up. Openings of one work may stand in several places; they are one key of the trie.
    fn finish(mut self, works: &[Priced]) -> Result<Aggregate, AggregationError> {
        let tiers = &self.input.context.tiers;
        let mut units: Vec<u64> = tiers.iter().map(|_| 0).collect();
        for ((work, tier), added) in core::mem::take(&mut self.added) {
            let work = works.get(work as usize).map(|work| work.work);
            let place = tier as usize;
            let (Some(work), Some(tier), Some(sum)) = (work, tiers.get(place), units.get_mut(place)) else {
                continue;
            };
            *sum += added.units;
            let key = total_key(work, *tier);
            let number = self.totals.get(key)?;
            let wrong = AggregationError::Total(number.into());
            let total = Total::from_number(number).ok_or(wrong.clone())?;
            let total = Total {
                reveals: total.reveals.checked_add(added.reveals).ok_or(wrong.clone())?,
                units: total.units.checked_add(added.units).ok_or(wrong)?,
            };
            self.totals.set(key, total.to_number())?;
        }
        Ok(Aggregate {
            before: self.input.before,
            after: Roots {
                nullifiers: self.nullifiers.root(),
                totals: self.totals.root(),
            },
            reveals: self.input.reveals.len() as u64,
            units,
        })
    }
}

impl Aggregate {
    /// `CWEPayouts.aggregateValue`.
    pub fn value(&self, context: &EpochContext, coordinator: Address) -> B256 {
        const HEAD: usize = 8;
        const AGGREGATE_HEAD: usize = 6;
        let tiers = context.tiers.len();
        let mut words = Words::default();
        words
            .uint(context.chain_id)
            .uint(context.epoch)
            .word(context.epoch_key)
            .word(context.note_root)
            .word(context.registry_commitment)
            .offset(HEAD)
            .offset(HEAD + 1 + tiers)
            .address(coordinator)
            .uint(tiers as u64);
        for tier in &context.tiers {
            words.word(*tier);
        }
        words
            .word(self.before.nullifiers)
            .word(self.after.nullifiers)
            .word(self.before.totals)
            .word(self.after.totals)
            .uint(self.reveals)
            .offset(AGGREGATE_HEAD)
            .uint(self.units.len() as u64);
        for units in &self.units {
            words.uint(*units);
        }
        words.hash()
    }
}
