//! Made-up listeners whose months are divided by the protocol's rounding.

use alloy_primitives::{B256, U256};
use cwe_usage::{Diminishing, Element, OFFSET_BITS, Shares, Usage, WorkId, poseidon::hash};
use eyre::Result;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

const GENRES: u16 = 40;
const WORKS_PER_GENRE: u32 = 500;
/// Micro-CLN a minute; most works cost the same.
const PRICES: [u64; 4] = [1500, 1500, 1500, 3000];
/// Part of a listener's works that are of the favourite genres.
const LOYALTY: f64 = 0.7;
const FAVOURITES: usize = 2;
const MAX_WORKS: usize = 60;
const ALLOWANCE_SECS: u64 = 3_600_000;
/// `k` of diminishing returns.
const DIMINISHING_PPM: u32 = 1_000_000;

/// A work as everybody knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Work {
    pub(crate) genre: u16,
    rank: u32,
}

/// Works and what they cost.
pub(crate) struct World {
    prices: Vec<u64>,
    diminishing: Diminishing,
    /// Units of a fee that the protocol's are compared with.
    other_units: u32,
}

/// What is sent to aggregators for one note, and whose it is, which only the referee looks at. When it is sent is drawn
/// for each note by itself and says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reveal {
    pub(crate) listener: u32,
    pub(crate) work: Work,
    pub(crate) units: u32,
    pub(crate) price: u64,
}

/// All that an observer sees of one tier and epoch.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Units of a fee.
    pub(crate) unit_count: u32,
    pub(crate) reveals: Vec<Reveal>,
    /// By listener, who is not known: the offset that the public nullifier gives, 0 to 1.
    pub(crate) submissions: Vec<f64>,
}

/// The same months with the protocol's units, and with another number of them.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) protocol: Seen,
    pub(crate) other: Seen,
}

impl World {
    pub(crate) fn new(other_units: u32, rng: &mut StdRng) -> Result<Self> {
        let works = u32::from(GENRES) * WORKS_PER_GENRE;
        let price = |_| PRICES.choose(rng).copied().unwrap_or_default();
        Ok(Self {
            prices: (0..works).map(price).collect(),
            diminishing: Diminishing::new(DIMINISHING_PPM)?,
            other_units,
        })
    }

    fn price(&self, work: Work) -> u64 {
        self.prices.get(work.number()).copied().unwrap_or_default()
    }
}

impl Work {
    fn number(self) -> usize {
        usize::from(self.genre) * WORKS_PER_GENRE as usize + self.rank as usize
    }

    /// Popularity falls with the rank as 1 / rank.
    fn draw(genre: u16, rng: &mut StdRng) -> Self {
        let rank = f64::from(WORKS_PER_GENRE).powf(rng.random::<f64>()) - 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and WORKS_PER_GENRE"
        )]
        let rank = rank as u32;
        Self { genre, rank }
    }
}

impl Population {
    pub(crate) fn draw(world: &World, listeners: usize, rng: &mut StdRng) -> Result<Self> {
        let seen = |unit_count| Seen {
            unit_count,
            reveals: Vec::new(),
            submissions: Vec::new(),
        };
        let mut population = Self {
            protocol: seen(cwe_usage::UNITS.into()),
            other: seen(world.other_units),
        };
        for listener in 0..u32::try_from(listeners)? {
            population.add(world, listener, rng)?;
        }
        Ok(population)
    }

    fn add(&mut self, world: &World, listener: u32, rng: &mut StdRng) -> Result<()> {
        let works = month(rng);
        let usages = usages(world, &works, rng)?;
        let nullifier = hash(Element::from(rng.random::<u64>()), Element::from(rng.random::<u64>()));
        let shares = Shares::new(&usages, ALLOWANCE_SECS, &world.diminishing, nullifier)?;
        let offset = offset(nullifier);
        let weights: Vec<_> = shares
            .usages
            .iter()
            .map(|usage| usage.weight(&world.diminishing))
            .collect();
        let other = cumulative(&weights, offset, world.other_units);
        let mut works = works;
        works.sort();
        for ((work, units), other) in works.into_iter().zip(shares.units).zip(other) {
            let reveal = |units| Reveal {
                listener,
                work,
                units,
                price: world.price(work),
            };
            // Notes without units are never revealed.
            if units > 0 {
                self.protocol.reveals.push(reveal(units.into()));
            }
            if other > 0 {
                self.other.reveals.push(reveal(other));
            }
        }
        self.protocol.submissions.push(offset);
        self.other.submissions.push(offset);
        Ok(())
    }
}

/// The works of a listener's month: mostly few, sometimes many, mostly of some favourite genres.
fn month(rng: &mut StdRng) -> Vec<Work> {
    // Half of all months have at most five works.
    let count = 1.0 + 4.0 * (1.0 / (1.0 - rng.random::<f64>()) - 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, and capped below"
    )]
    let count = (count as usize).min(MAX_WORKS);
    let favourites: Vec<u16> = (0..FAVOURITES).map(|_| rng.random_range(0..GENRES)).collect();
    let mut works = Vec::with_capacity(count);
    while works.len() < count {
        let genre = match favourites.choose(rng) {
            Some(&genre) if rng.random_bool(LOYALTY) => genre,
            _ => rng.random_range(0..GENRES),
        };
        let work = Work::draw(genre, rng);
        if !works.contains(&work) {
            works.push(work);
        }
    }
    works
}

/// Minutes of very different lengths.
fn usages(world: &World, works: &[Work], rng: &mut StdRng) -> Result<Vec<Usage>> {
    let usage = |work: &Work| {
        let plays = rng.random_range(1..=20_u32);
        let secs_per_play = rng.random_range(60..=600_u32);
        Ok(Usage {
            // Ids in the order of works, so that both come back sorted alike.
            work: WorkId::try_from(B256::from(U256::from(work.number() + 1)))?,
            seconds: plays * secs_per_play,
            plays,
            price: world.price(*work),
            region: 1_000_000,
            credibility: 1_000_000,
        })
    };
    works.iter().map(usage).collect()
}

/// `o / W`.
fn offset(nullifier: Element) -> f64 {
    let low = nullifier.to_uint() & ((U256::from(1) << OFFSET_BITS) - U256::from(1));
    f64::from(low) / f64::from(U256::from(1) << OFFSET_BITS)
}

/// The protocol's cumulative rounding, to so many units.
fn cumulative(weights: &[U256], offset: f64, unit_count: u32) -> Vec<u32> {
    let total: U256 = weights.iter().sum();
    let total = f64::from(total);
    let (mut sum, mut before) = (offset * total, 0.0);
    let units = weights.iter().map(|weight| {
        sum += f64::from(unit_count) * f64::from(*weight);
        let after = (sum / total).floor();
        let units = after - before;
        before = after;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and unit_count"
        )]
        let units = units as u32;
        units
    });
    units.collect()
}
