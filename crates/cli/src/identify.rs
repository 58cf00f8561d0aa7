//! `cwe identify`: which work a file, or what comes in on standard input, is.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

use crate::{
    economy::ids,
    hub::{Found, Hub, HubArgs},
    media::{self, Excerpt, KindArgs},
    network::NetworkArgs,
    progress::Progress,
};

/// Most bytes that are read from standard input: more than three excerpts of any format need.
const MAX_INPUT_BYTES: u64 = 256 << 20;

/// Say which work a file is, and what a minute of it costs
#[derive(Debug, clap::Args)]
pub(crate) struct IdentifyArgs {
    /// File, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Begin so many seconds into it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    from_secs: u32,
    /// Seconds of an excerpt
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=60))]
    excerpt_secs: u32,
    /// Excerpts that are tried, one after the other, until one is recognised
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
    tries: u32,
    /// Send the hub the excerpt's fingerprint instead of a part of one hash: faster, but it tells the hub what you hear
    #[arg(long)]
    plain: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kind: KindArgs,
    #[command(flatten)]
    hubs: HubArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Debug, Serialize)]
struct Identified {
    found: bool,
    #[serde(flatten)]
    work: Option<Work>,
    /// How the hubs were asked: `buckets`, or `query`.
    asked: &'static str,
    /// Excerpts that were looked up.
    excerpts: usize,
    decoding_ms: u64,
    asking_ms: u64,
}

#[derive(Debug, Serialize)]
struct Work {
    work_id: B256,
    title: Option<String>,
    /// Micro-CLN, before the region's factor; none when the hub knows none.
    price_per_min: Option<u64>,
    /// Epoch from which the price holds.
    price_from_epoch: Option<u64>,
    region_rule: Option<String>,
    score_ppm: u32,
    /// Where in the work the file begins.
    offset_ms: i64,
    speed_ppm: u32,
    hub: String,
}

/// Runs `cwe identify`.
pub(crate) async fn run(args: &IdentifyArgs) -> Result<()> {
    let hubs = args.hubs.require(args.network.resolve()?.l2_chain_id).await?;
    let mut progress = Progress::new();
    progress.step(format!("listening to {}", args.file.display()));
    let started = Instant::now();
    let excerpts = excerpts(args)?;
    let decoding = started.elapsed();
    let started = Instant::now();
    let mut looked_up = 0;
    let mut work = None;
    'search: for excerpt in &excerpts {
        looked_up += 1;
        for hub in &hubs {
            progress.step(format!("asking {}", hub.url()));
            if let Some(found) = ask(args, hub, excerpt).await? {
                work = Some(describe(found, excerpt, hub));
                break 'search;
            }
        }
    }
    progress.finish();
    let identified = Identified {
        found: work.is_some(),
        work,
        asked: if args.plain { "query" } else { "buckets" },
        excerpts: looked_up,
        decoding_ms: millis(decoding),
        asking_ms: millis(started.elapsed()),
    };
    report(args, &identified)
}

fn excerpts(args: &IdentifyArgs) -> Result<Vec<Excerpt>> {
    let wanted = media::Wanted {
        from_secs: args.from_secs,
        length_secs: args.excerpt_secs,
        count: args.tries as usize,
    };
    if args.file != Path::new("-") {
        return media::excerpts(&args.file, &args.kind, wanted);
    }
    // Decoders seek.
    let mut file = tempfile::NamedTempFile::new().wrap_err("keeping standard input")?;
    let mut input = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1);
    let bytes = std::io::copy(&mut input, &mut file).wrap_err("reading standard input")?;
    match bytes {
        0 => bail!("standard input is empty: give a file, or pipe one in"),
        1..=MAX_INPUT_BYTES => media::excerpts(file.path(), &args.kind, wanted),
        _ => bail!(
            "standard input has more than {} MiB: give a part of it",
            MAX_INPUT_BYTES >> 20
        ),
    }
}

async fn ask(args: &IdentifyArgs, hub: &Hub, excerpt: &Excerpt) -> Result<Option<Found>> {
    if args.plain {
        hub.resolve(&excerpt.query).await
    } else {
        Ok(hub.identify(&excerpt.query).await?.found.map(|(found, _)| found))
    }
}

fn describe(found: Found, excerpt: &Excerpt, hub: &Hub) -> Work {
    let terms = found.work.terms;
    let before = i64::from(excerpt.at_ms) * i64::from(found.matched.speed_ppm) / 1_000_000;
    Work {
        work_id: found.work.work_id,
        title: found.work.title,
        price_per_min: terms.as_ref().map(|terms| terms.price_per_min),
        price_from_epoch: terms.as_ref().map(|terms| terms.from_epoch),
        region_rule: terms.map(|terms| ids::name_of(terms.region_rule)),
        score_ppm: found.matched.score_ppm,
        offset_ms: found.matched.offset_ms.saturating_sub(before),
        speed_ppm: found.matched.speed_ppm,
        hub: hub.url().to_owned(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn report(args: &IdentifyArgs, identified: &Identified) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(identified)?);
        return Ok(());
    }
    let Some(work) = &identified.work else {
        println!("unknown: no work of these hubs");
        return Ok(());
    };
    println!("{}", work.title.as_deref().unwrap_or("(without a title)"));
    println!("  work    {}", work.work_id);
    if let (Some(price), Some(rule)) = (work.price_per_min, &work.region_rule) {
        println!("  price   {price} micro-CLN a minute, region rule {rule}");
    }
    println!("  begins  {:.1} s into the work", work.offset_ms as f64 / 1000.0);
    println!(
        "  score   {:.1} %, at {:.1} % speed",
        f64::from(work.score_ppm) / 10_000.0,
        f64::from(work.speed_ppm) / 10_000.0
    );
    println!(
        "  took    {} ms of listening, {} ms of asking {} ({})",
        identified.decoding_ms, identified.asking_ms, work.hub, identified.asked
    );
    Ok(())
}
