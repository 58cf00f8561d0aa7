use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use cwe_fingerprint::{
    Kind, Query,
    bucket::{BucketPrefix, match_bucket, prefixes},
};
use cwe_fingerprint_index::{FingerprintIndex, MdbxIndex, Options, Prepared};
use eyre::{Result, WrapErr, eyre};
use indicatif::{ProgressBar, ProgressStyle};

use crate::synthetic::{descriptor, heard, id};

/// Queries before the clock starts.
const WARM_UP: u64 = 200;
/// Works inserted one by one, each durable.
const INSERTS: u64 = 50;
/// Buckets that are fetched whole.
const BUCKETS: u32 = 50;
/// Excerpts looked up privately, and the most buckets that each asks for.
const PRIVATE: u64 = 100;
const PRIVATE_BUCKETS: usize = 16;

/// One point of the curve.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) works: u64,
    /// From the first work to the last row; the works are made up meanwhile, by both cores. Zero when it was there.
    pub(crate) build: Duration,
    pub(crate) disk_bytes: u64,
    /// Resident after the queries: memory of its own, and pages of the file that queries touched.
    pub(crate) anonymous_bytes: u64,
    pub(crate) mapped_bytes: u64,
    /// Of excerpts of works that are there, then of the others; ascending.
    pub(crate) known: Vec<Duration>,
    pub(crate) unknown: Vec<Duration>,
    /// Processor time of a query, of all its threads, on average: what other programs take does not count.
    pub(crate) cpu: Duration,
    /// Making the probes of one query in all variants, median: on one core, part of the time of an unknown excerpt.
    pub(crate) probes: Duration,
    /// Known excerpts whose work was the best hit.
    pub(crate) found: u64,
    /// Excerpts for which a wrong work was the best hit.
    pub(crate) wrong: u64,
    /// Median of single durable inserts.
    pub(crate) insert: Duration,
    pub(crate) bucket_bits: u8,
    pub(crate) bucket_works: u64,
    pub(crate) bucket_bytes: u64,
    /// Private look-ups that found their work, and how many buckets those asked for, ascending.
    pub(crate) private: Vec<usize>,
}

impl Point {
    /// All queries, ascending.
    pub(crate) fn queries(&self) -> Vec<Duration> {
        let mut all = [self.known.as_slice(), &self.unknown].concat();
        all.sort_unstable();
        all
    }
}

/// Builds the index unless it is there already.
pub(crate) fn measure(folder: &Path, works: u64, queries: u64) -> Result<Point> {
    let data = folder.join("mdbx.dat");
    let only_queries = data.exists();
    let build = if only_queries {
        Duration::ZERO
    } else {
        build(folder, works)?
    };
    let disk_bytes = fs::metadata(data)?.len();
    let index = MdbxIndex::open(folder, &Options::default())?;
    let mut point = Point {
        works,
        build,
        disk_bytes,
        anonymous_bytes: 0,
        mapped_bytes: 0,
        known: Vec::new(),
        unknown: Vec::new(),
        cpu: Duration::ZERO,
        probes: Duration::ZERO,
        found: 0,
        wrong: 0,
        insert: Duration::ZERO,
        bucket_bits: index.bucket_bits(Kind::Audio)?,
        bucket_works: 0,
        bucket_bytes: 0,
        private: Vec::new(),
    };
    ask(&index, queries, &mut point)?;
    point.anonymous_bytes = memory("RssAnon")?;
    point.mapped_bytes = memory("RssFile")?;
    if only_queries {
        return Ok(point);
    }
    fetch_buckets(&index, &mut point)?;
    look_up_privately(&index, &mut point)?;
    point.insert = insert(&index, works)?;
    Ok(point)
}

/// Fills the index; two threads make works up and prepare them.
fn build(folder: &Path, works: u64) -> Result<Duration> {
    const THREADS: usize = 2;
    let index = MdbxIndex::open(folder, &Options::default())?;
    let started = Instant::now();
    let bar = bar(works, "works")?;
    let mut load = index.bulk_load()?;
    thread::scope(|scope| -> Result<()> {
        let (give, take) = mpsc::sync_channel(1_000);
        for first in 0..THREADS as u64 {
            let give = give.clone();
            scope.spawn(move || {
                let mut numbers = (first..works).step_by(THREADS);
                numbers.all(|number| give.send(Prepared::new(id(number), &descriptor(number))).is_ok())
            });
        }
        drop(give);
        for work in take {
            load.add(&work)?;
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let bar = self::bar(0, "rows")?;
    load.finish(|progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })?;
    bar.finish_and_clear();
    Ok(started.elapsed())
}

/// Asks for excerpts, one after the other; every second one is of a work that is not there.
fn ask(index: &MdbxIndex, queries: u64, point: &mut Point) -> Result<()> {
    let bar = bar(WARM_UP + queries, "queries")?;
    let mut cpu = Duration::ZERO;
    for seed in 0..WARM_UP + queries {
        let known = seed % 2 == 0;
        let number = seed.wrapping_mul(0x5851_f42d_4c95_7f2d) % point.works;
        let heard = heard(if known { number } else { point.works + 1_000 + number }, seed);
        let cpu_before = cpu_time()?;
        let started = Instant::now();
        let hits = index.query(&heard.query, 5)?;
        let took = started.elapsed();
        let cpu_after = cpu_time()?;
        bar.inc(1);
        if seed < WARM_UP {
            continue;
        }
        cpu += cpu_after.saturating_sub(cpu_before);
        match hits.first() {
            Some(hit) if known && hit.work == heard.work => point.found += 1,
            Some(_) => point.wrong += 1,
            None => {}
        }
        if known { &mut point.known } else { &mut point.unknown }.push(took);
    }
    bar.finish_and_clear();
    point.cpu = cpu.div_f64(queries.max(1) as f64);
    point.probes = make_probes();
    point.known.sort_unstable();
    point.unknown.sort_unstable();
    Ok(())
}

fn make_probes() -> Duration {
    let mut took: Vec<_> = (0..50)
        .map(|seed| {
            let query = heard(seed, seed).query;
            let started = Instant::now();
            std::hint::black_box(query.unordered_probes(0..query.variants()));
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// All pages of a bucket.
fn fetch(index: &MdbxIndex, prefix: BucketPrefix) -> Result<Vec<cwe_fingerprint::bucket::Bucket>> {
    let first = index.bucket(prefix, 0)?;
    let rest = (1..first.pages).map(|page| index.bucket(prefix, page));
    let rest = rest.collect::<Result<Vec<_>, _>>()?;
    Ok([vec![first], rest].concat())
}

/// The size of an average bucket.
fn fetch_buckets(index: &MdbxIndex, point: &mut Point) -> Result<()> {
    let (mut works, mut bytes, mut count) = (0, 0, 0);
    let all = 1_u32 << point.bucket_bits;
    let step = (all / BUCKETS).max(1);
    for value in (0..all).step_by(step as usize) {
        let prefix = BucketPrefix::new(Kind::Audio, point.bucket_bits, value)?;
        for page in fetch(index, prefix)? {
            if page.page == 0 {
                works += u64::from(page.works);
            }
            bytes += page.encode()?.len() as u64;
        }
        count += 1;
    }
    point.bucket_works = works / count;
    point.bucket_bytes = bytes / count;
    Ok(())
}

/// Looks works up as a private listener does.
fn look_up_privately(index: &MdbxIndex, point: &mut Point) -> Result<()> {
    for seed in 0..PRIVATE {
        let heard = heard(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) % point.works, seed);
        let bits = point.bucket_bits;
        let asked = prefixes(&heard.query, |_| bits);
        for (count, prefix) in asked.into_iter().take(PRIVATE_BUCKETS).enumerate() {
            if matched(&heard.query, &fetch(index, prefix)?).contains(&heard.work) {
                point.private.push(count + 1);
                break;
            }
        }
    }
    point.private.sort_unstable();
    Ok(())
}

fn matched(query: &Query, pages: &[cwe_fingerprint::bucket::Bucket]) -> BTreeSet<cwe_fingerprint::bucket::WorkId> {
    let matches = pages.iter().flat_map(|page| match_bucket(query, page));
    matches.map(|(work, _)| work).collect()
}

fn insert(index: &MdbxIndex, works: u64) -> Result<Duration> {
    let mut took = Vec::new();
    for number in works..works + INSERTS {
        let descriptor = descriptor(number);
        let started = Instant::now();
        index.insert(id(number), &descriptor)?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    Ok(took.get(took.len() / 2).copied().unwrap_or_default())
}

/// Processor time of this process, threads that have ended included, in steps of 10 ms: sums are exact on average.
fn cpu_time() -> Result<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat").wrap_err("processor time is measured on Linux only")?;
    // After the name, which may have spaces, user and system time are the 12th and 13th.
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or_else(|| eyre!("/proc/self/stat has no name"))?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * times.sum::<Result<u32, _>>()?)
}

/// Bytes that the kernel counts of this process under a name.
fn memory(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").wrap_err("memory is measured on Linux only")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.ok_or_else(|| eyre!("/proc/self/status has no {name}"))?;
    Ok(kibibytes.trim().parse::<u64>()? * 1_024)
}

fn bar(length: u64, what: &'static str) -> Result<ProgressBar> {
    let template = "{msg:>8} {wide_bar} {human_pos}/{human_len} {eta}";
    let bar = ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?);
    Ok(bar.with_message(what))
}
