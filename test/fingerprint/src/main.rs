//! How well works are recognised after what the world does to recordings. Music composed and rendered here and speech of
//! espeak-ng are changed (codecs, noise, filters, speed, cuts), and excerpts looked up; half of them are of works that the
//! index lacks, many of these the same score or text in another performance. Debian's `fpcalc` with AcoustID's matching
//! answers the same questions. In: numbers of works and queries. Out: a table, keys of `fingerprint.json`, and
//! `fingerprint.svg`. `make bench-fingerprint` calls it; docs/BENCHMARKS.md explains the figures.

#![allow(
    clippy::cast_possible_truncation,
    reason = "arithmetic of signals in a measurement, within known ranges"
)]

mod arrange;
mod cells;
mod chromaprint;
mod clip;
mod compose;
mod corpus;
mod effects;
mod extract;
mod ffmpeg;
mod matching;
mod report;
mod scenes;
mod speech;
mod video;

use std::path::PathBuf;

use clap::Parser;
use eyre::Result;
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::{
    arrange::Orchestra,
    corpus::Plan,
    extract::{Extract, Studio},
    matching::Outcome,
};

const BABBLE_S: f64 = 60.0;
const BABBLE_SPEAKERS: usize = 6;

/// Measures how well works are recognised, beside Chromaprint
#[derive(Debug, Parser)]
struct Args {
    /// Works that the index knows; half as many again are unknown to it
    #[arg(long, default_value_t = 1_000)]
    works: u32,
    /// Excerpts looked up
    #[arg(long, default_value_t = 10_320)]
    queries: u32,
    /// A tenth of the works and queries, and rendered sounds are kept for the next time (3 GB)
    #[arg(long)]
    quick: bool,
    /// Folder for fingerprint.json and fingerprint.svg
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// Folder for what an interrupted or later run need not make again
    #[arg(long, value_name = "FOLDER", default_value = "target/fingerprint-corpus")]
    cache: PathBuf,
    /// Instruments
    #[arg(long, value_name = "FILE", default_value = "/usr/share/sounds/sf2/TimGM6mb.sf2")]
    soundfont: PathBuf,
    /// Sound only, or pictures only
    #[arg(long, value_enum)]
    only: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Audio,
    Video,
}

/// Films that the index knows for each tenth of the works.
const FILMS: u32 = 12;
const FILM_QUERIES: u32 = 290;

fn main() -> Result<()> {
    let args = Args::parse();
    let path = args.out.join("fingerprint.json");
    if args.only != Some(Part::Video) {
        let (figures, outcome) = audio(&args)?;
        report::merge(&path, figures)?;
        let picture = args.out.join("fingerprint.svg");
        report::draw(&picture, &outcome)?;
        println!("-> {}", picture.display());
    }
    if args.only != Some(Part::Audio) {
        report::merge(&path, video(&args)?)?;
    }
    println!("-> {}", path.display());
    Ok(())
}

fn audio(args: &Args) -> Result<(Map<String, Value>, Outcome)> {
    let scale = args.scale();
    let plans = corpus::plans((args.works / scale).div_ceil(10) * 10, args.queries / scale);
    let studio = Studio {
        orchestra: Orchestra::open(&args.soundfont)?,
        babble: speech::babble(BABBLE_S, BABBLE_SPEAKERS, &mut StdRng::seed_from_u64(0))?,
        cache: args.cache.clone(),
        keep_sounds: args.quick,
    };
    let works = extract_all(&studio, plans)?;
    let outcome = matching::run(&works, &bar("queries"))?;
    report::print(&outcome);
    let seconds: f64 = works.iter().map(|(_, extract)| extract.seconds).sum();
    let cpu_s: f64 = works.iter().map(|(_, extract)| extract.cpu_s).sum();
    let factor = seconds / cpu_s.max(1e-9);
    println!(
        "{:.1} h of sound fingerprinted {factor:.0} times as fast as it plays",
        seconds / 3_600.0
    );
    Ok((report::figures(&outcome, factor), outcome))
}

fn video(args: &Args) -> Result<Map<String, Value>> {
    let tenths = 10 / args.scale();
    let cinema = video::Cinema {
        cache: args.cache.join("video"),
        known: FILMS * tenths,
        queries: FILM_QUERIES * tenths,
    };
    let mut figures = cinema.run(&bar("films"))?;
    let factor = video::realtime_factor()?;
    println!("frames of 320 x 180 at 25 a second fingerprinted {factor:.0} times as fast as they play");
    figures.insert("video_realtime_factor".to_owned(), extract::figure(factor));
    Ok(figures)
}

impl Args {
    const fn scale(&self) -> u32 {
        if self.quick { 10 } else { 1 }
    }
}

fn extract_all(studio: &Studio, plans: Vec<Plan>) -> Result<Vec<(Plan, Extract)>> {
    let code = extract::code()?;
    let bar = bar("works");
    bar.set_length(plans.len() as u64);
    let extracts = plans.into_par_iter().map(|plan| {
        let extract = studio.extract(&plan, &code)?;
        bar.inc(1);
        Ok((plan, extract))
    });
    extracts.collect()
}

fn bar(what: &'static str) -> ProgressBar {
    const TEMPLATE: &str = "{msg:8} {wide_bar} {pos}/{len} {elapsed_precise} eta {eta_precise}";
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style).with_message(what)
}
