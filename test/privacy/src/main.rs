//! How much the amounts of reveals give away: listeners are made up, their months are divided by the protocol's own
//! rounding, and an observer who has everything that aggregators and the chain see tries to tell which reveals come from
//! one listener, and from which submission. In: numbers of subscribers. Out: a table, `privacy.json` and `privacy.svg`.
//! `make sim-privacy` calls it; docs/PRIVACY.md explains what the numbers mean.

mod observer;
mod population;
mod report;

use std::path::PathBuf;

use clap::Parser;
use eyre::Result;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    observer::{Knowledge, Scores},
    population::{Population, World},
    report::Row,
};

/// Listeners from whom the observer learns what is usual, before it is set at others.
const TRAINING_LISTENERS: usize = 40_000;
/// Reveals attacked at each size, at least.
const ATTACKED_REVEALS: usize = 100_000;

/// Measures how well reveals are linked, with 100 units a fee and with a million
#[derive(Debug, Parser)]
struct Args {
    /// Subscribers of one tier and epoch; several
    #[arg(long, value_delimiter = ',', default_value = "100,300,1000,3000,10000")]
    subscribers: Vec<usize>,
    /// Folder for privacy.json and privacy.svg
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut rng = StdRng::seed_from_u64(args.seed);
    let world = World::new(&mut rng)?;
    let training = Population::draw(&world, TRAINING_LISTENERS, &mut rng)?;
    let (coarse, fine) = (Knowledge::learn(&training.coarse), Knowledge::learn(&training.fine));
    let mut rows = Vec::new();
    for &subscribers in &args.subscribers {
        let (mut units, mut ppm) = (Scores::default(), Scores::default());
        while units.reveals() < ATTACKED_REVEALS {
            let population = Population::draw(&world, subscribers, &mut rng)?;
            units.add(&coarse.attack(&population.coarse, &mut rng));
            ppm.add(&fine.attack(&population.fine, &mut rng));
        }
        let row = Row {
            subscribers,
            units,
            ppm,
        };
        report::print(&row, rows.is_empty());
        rows.push(row);
    }
    report::write(&args.out, &rows)
}
