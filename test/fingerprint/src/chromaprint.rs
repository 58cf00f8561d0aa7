//! The other side of the comparison: features of Debian's `fpcalc`, matched as AcoustID's server does it: the offset that
//! most equal items agree on, then the bit errors of the overlap.

use std::{
    collections::HashMap,
    io::Write,
    process::{Command, Stdio},
    thread,
};

use eyre::{Result, WrapErr, eyre};

use crate::clip::Clip;

/// Bits of an item that must be equal to count for an offset.
const ALIGN_BITS: u32 = 14;
/// Bits of an item by which its variety is counted.
const VARIETY_BITS: u32 = 16;
/// Candidates of a query that are compared bit by bit.
const CANDIDATES: usize = 50;

/// The items of a clip; none when it is too short for one.
pub(crate) fn features(clip: &Clip) -> Result<Vec<u32>> {
    let mut child = Command::new("fpcalc")
        .args(["-raw", "-plain", "-format", "s16le", "-rate", &clip.rate_hz.to_string()])
        .args(["-channels", &clip.channels.to_string(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .wrap_err("starting fpcalc; install the package libchromaprint-tools")?;
    let mut input = child.stdin.take().ok_or_else(|| eyre!("fpcalc has no input"))?;
    let bytes = clip.to_s16le();
    let writer = thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output()?;
    writer
        .join()
        .map_err(|_| eyre!("the writer's thread ended early"))?
        .wrap_err("writing to fpcalc")?;
    let text = String::from_utf8(output.stdout).wrap_err("reading from fpcalc")?;
    let items = text.trim().split(',').filter(|item| !item.is_empty());
    items
        .map(|item| item.parse().wrap_err_with(|| format!("fpcalc gave the item {item:?}")))
        .collect()
}

/// The features of all works of the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    works: HashMap<u32, Vec<u32>>,
    places: HashMap<u32, Vec<(u32, u32)>>,
}

/// The likeliest work of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess {
    pub(crate) work: u32,
    /// 0 to 1.
    pub(crate) score: f64,
}

impl Catalogue {
    pub(crate) fn insert(&mut self, work: u32, items: Vec<u32>) {
        for (at, item) in (0..).zip(&items) {
            self.places
                .entry(item >> (32 - ALIGN_BITS))
                .or_default()
                .push((work, at));
        }
        self.works.insert(work, items);
    }

    pub(crate) fn guess(&self, query: &[u32]) -> Option<Guess> {
        let mut votes: HashMap<(u32, i64), u32> = HashMap::new();
        for (at, item) in (0_i64..).zip(query) {
            for &(work, place) in self.places.get(&(item >> (32 - ALIGN_BITS))).into_iter().flatten() {
                *votes.entry((work, i64::from(place) - at)).or_default() += 1;
            }
        }
        let mut best: HashMap<u32, (u32, i64)> = HashMap::new();
        for ((work, offset), count) in votes {
            let entry = best.entry(work).or_insert((0, 0));
            *entry = (*entry).max((count, -offset));
        }
        let mut candidates: Vec<_> = best
            .into_iter()
            .map(|(work, (count, offset))| (count, work, -offset))
            .collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates.truncate(CANDIDATES);
        let guesses = candidates.into_iter().filter_map(|(_, work, offset)| {
            let score = score(query, self.works.get(&work)?, offset);
            Some(Guess { work, score })
        });
        guesses.max_by(|a, b| a.score.total_cmp(&b.score).then(b.work.cmp(&a.work)))
    }
}

/// Likeness of the overlap, 0 at half of the bits wrong, scaled by how much of the shorter side overlaps and, where items
/// hardly vary, by their variety.
fn score(query: &[u32], work: &[u32], offset: i64) -> f64 {
    let start = offset.max(0);
    let end = (offset + query.len() as i64).min(work.len() as i64);
    if end <= start {
        return 0.0;
    }
    let pairs = (start..end).map(|at| (query[(at - offset) as usize], work[at as usize]));
    let errors: u32 = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
    let overlap = (end - start) as f64;
    let shorter = query.len().min(work.len()) as f64;
    let score = (overlap / shorter * (1.0 - 2.0 * f64::from(errors) / (32.0 * overlap))).max(0.0);
    let variety = variety(query).min(variety(work));
    if variety < 1.0 {
        score.powf(8.0 - 7.0 * variety)
    } else {
        score
    }
}

fn variety(items: &[u32]) -> f64 {
    let mut seen: Vec<u32> = items.iter().map(|item| item >> (32 - VARIETY_BITS)).collect();
    seen.sort_unstable();
    seen.dedup();
    ((seen.len() + 10) as f64 / items.len() as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn an_excerpt_with_bit_errors_is_of_its_work() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut catalogue = Catalogue::default();
        let works: Vec<Vec<u32>> = (0..20).map(|_| (0..300).map(|_| rng.random()).collect()).collect();
        for (number, work) in (0..).zip(&works) {
            catalogue.insert(number, work.clone());
        }
        let heard: Vec<u32> = works[7][100..160]
            .iter()
            .map(|item| item ^ (1 << rng.random_range(0..32)))
            .collect();
        let guess = catalogue.guess(&heard).unwrap();
        assert_eq!(guess.work, 7);
        assert!((guess.score - 0.9375).abs() < 1e-9, "{}", guess.score);
        let unknown: Vec<u32> = (0..60).map(|_| rng.random()).collect();
        assert!(catalogue.guess(&unknown).is_none_or(|guess| guess.score < 0.3));
    }
}
