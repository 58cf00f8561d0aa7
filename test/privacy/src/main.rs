//! How much the amounts of reveals give away: listeners are made up, their months are divided by the protocol's own
//! rounding, and an observer who has everything that aggregators and the chain see tries to tell which reveals come from
//! one listener, and from which submission. In: numbers of subscribers. Out: a table with errors over independent runs, `privacy.json` and `privacy.svg`.
//! `make sim-privacy` calls it; docs/PRIVACY.md explains what the numbers mean.

mod observer;
mod population;
mod report;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use clap::Parser;
use eyre::{Result, eyre};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    observer::Knowledge,
    population::{Population, World},
    report::{Pair, Row},
};

/// Listeners from whom the observer learns what is usual, before it is set at others.
const TRAINING_LISTENERS: usize = 40_000;

/// Measures how well reveals are linked, with the protocol's units a fee and with another number of them
#[derive(Debug, Parser)]
struct Args {
    /// Subscribers of one tier and epoch; several
    #[arg(long, value_delimiter = ',', default_value = "100,300,1000,3000,10000")]
    subscribers: Vec<usize>,
    /// Folder for privacy.json and privacy.svg
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// Independent runs, each with works, listeners and an observer of its own: what errors are computed from
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Seed of the first run; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Reveals attacked at each size in each run, at least
    #[arg(long, default_value_t = 50_000)]
    reveals: usize,
    /// Units of a fee to compare with
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    other_units: u32,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runs = all_runs(&args)?;
    let rows = args.subscribers.iter().enumerate().map(|(size, &subscribers)| Row {
        subscribers,
        runs: runs.iter().filter_map(|run| run.get(size).copied()).collect(),
    });
    let rows: Vec<_> = rows.collect();
    report::print(&rows, args.other_units);
    report::write(&args.out, &rows, args.other_units)
}

/// All runs, as many at a time as there are processors.
fn all_runs(args: &Args) -> Result<Vec<Vec<Pair>>> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.seeds {
                return Ok(done);
            }
            done.push((number, run(args, args.seed + number)?));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let done: Result<Vec<_>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| eyre!("a run panicked"))?);
        joined.collect()
    });
    let mut runs: Vec<_> = done?.into_iter().flatten().collect();
    runs.sort_by_key(|(number, _)| *number);
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

/// Scores by number of subscribers.
fn run(args: &Args, seed: u64) -> Result<Vec<Pair>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let world = World::new(args.other_units, &mut rng)?;
    let training = Population::draw(&world, TRAINING_LISTENERS, &mut rng)?;
    let [protocol, other] = [&training.protocol, &training.other].map(Knowledge::learn);
    let sizes = args.subscribers.iter().map(|&subscribers| {
        let mut scores = Pair::default();
        while scores.protocol.reveals() < args.reveals {
            let population = Population::draw(&world, subscribers, &mut rng)?;
            scores.protocol.add(&protocol.attack(&population.protocol, &mut rng));
            scores.other.add(&other.attack(&population.other, &mut rng));
        }
        Ok(scores)
    });
    sizes.collect()
}
