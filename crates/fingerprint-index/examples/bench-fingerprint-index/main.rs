//! The index at 10⁴, 10⁵ and 10⁶ works: how long building takes, how large it is, how fast it answers, what a private
//! listener downloads. `make bench-fingerprint-index` runs it.
//!
//! In: nothing but a seed; works are made up ([`synthetic`]), but their anchors, probes and verification are the real
//! ones. Out: a table on the screen, figures merged into `fingerprint.json`, the growth curve as `fingerprint-index.svg`.
//! The index itself is removed after each size.

mod measure;
mod report;
mod synthetic;

use std::{fs, path::PathBuf};

use clap::Parser;
use eyre::{Result, WrapErr, ensure};

/// Measure the index of fingerprints
#[derive(Debug, Parser)]
struct Args {
    /// Folder that the figures are written to
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
    /// Folder that the index is built in; needs 8 GB for a million works
    #[arg(long, value_name = "DIR", default_value = "target/bench/fingerprint-index")]
    folder: PathBuf,
    /// Largest number of works; the others are powers of ten from 10 000 on
    #[arg(long, default_value_t = 1_000_000)]
    max_works: u64,
    /// Excerpts asked for at each size, half of them of works that the index does not have
    #[arg(long, default_value_t = 2_000)]
    queries: u64,
    /// Build an index of so many works alone, keep it, and ask the one that was kept the next time
    #[arg(long, value_name = "WORKS", conflicts_with = "max_works")]
    keep: Option<u64>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.max_works >= 10_000, "--max-works is at least 10000");
    fs::create_dir_all(&args.out).wrap_err_with(|| format!("creating {}", args.out.display()))?;
    println!("{}", synthetic::DESCRIPTION);
    if let Some(works) = args.keep {
        let point = measure::measure(&args.folder, works, args.queries)?;
        println!("{}", report::line(&point));
        return Ok(());
    }
    let mut points = Vec::new();
    for works in (4..)
        .map(|power| 10_u64.pow(power))
        .take_while(|works| *works <= args.max_works)
    {
        // Left by a run that was interrupted.
        if args.folder.exists() {
            fs::remove_dir_all(&args.folder)?;
        }
        let point = measure::measure(&args.folder, works, args.queries);
        fs::remove_dir_all(&args.folder)?;
        let point = point.wrap_err_with(|| format!("with {works} works"))?;
        println!("{}", report::line(&point));
        points.push(point);
    }
    report::publish(&args.out, &points)
}
