//! What people see of stages under way: bars with the time that is left on a terminal, log lines elsewhere.

use std::{
    collections::BTreeMap,
    fmt, io,
    time::{Duration, Instant},
};

use cwe_prover_stages::{Guest, Need, Stage, gibibytes};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use tracing::info;
use tracing_subscriber::fmt::MakeWriter;

use crate::program::{Finished, StageProgress};

/// Time between two log lines about a stage.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// A job as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobName {
    /// Number in the queue.
    pub id: i64,
    /// What is proven.
    pub subject: Subject,
}

/// What a job proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Batches of the L2.
    Batches {
        /// First batch.
        first: u64,
        /// Last batch.
        last: u64,
    },
    /// What another guest shows.
    Guest(Guest),
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Batches { first, last } if first == last => write!(f, "batch {first}"),
            Subject::Batches { first, last } => write!(f, "batches {first}–{last}"),
            Subject::Guest(guest) => write!(f, "{guest} {}", self.id),
        }
    }
}

/// What happens to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageEvent {
    /// It was done before, by this or another worker.
    Kept,
    /// It starts.
    Begins(Need),
    /// It has come so far.
    Progress(StageProgress),
    /// It is done.
    Finished(Finished),
    /// It was stopped or failed.
    Stopped,
}

/// Who is told of stages.
pub trait Observer: Send + Sync {
    /// Something happens.
    fn note(&self, job: JobName, stage: Stage, event: StageEvent);
}

/// Log lines.
#[derive(Debug, Default)]
pub struct LogLines(Mutex<BTreeMap<(JobName, Stage), Instant>>);

impl LogLines {
    /// Whether a line is due.
    fn is_due(&self, job: JobName, stage: Stage) -> bool {
        let mut logged = self.0.lock();
        let last = logged.entry((job, stage)).or_insert_with(Instant::now);
        let due = last.elapsed() >= LOG_EVERY;
        if due {
            *last = Instant::now();
        }
        due
    }
}

impl Observer for LogLines {
    fn note(&self, job: JobName, stage: Stage, event: StageEvent) {
        match event {
            StageEvent::Kept => info!(%job, %stage, "was done before"),
            StageEvent::Begins(need) => info!(%job, %stage, typical_seconds = need.seconds, "begins"),
            StageEvent::Progress(StageProgress { done, total }) => {
                if self.is_due(job, stage) {
                    info!(%job, %stage, done, total, "goes on");
                }
                return;
            }
            StageEvent::Finished(finished) => info!(
                %job,
                %stage,
                seconds = finished.elapsed.as_secs(),
                peak_memory = gibibytes(finished.peak_memory_bytes),
                "done"
            ),
            StageEvent::Stopped => {}
        }
        self.0.lock().remove(&(job, stage));
    }
}

/// Bars on a terminal.
#[derive(Debug, Clone)]
pub struct Bars {
    all: MultiProgress,
    bars: std::sync::Arc<Mutex<BTreeMap<(JobName, Stage), ProgressBar>>>,
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            all: MultiProgress::new(),
            bars: Default::default(),
        }
    }
}

impl Bars {
    fn begin(&self, job: JobName, stage: Stage, need: Need) {
        let bar = self.all.add(ProgressBar::new_spinner());
        let typical = format!(
            "{{spinner}} {job}, {stage:<9} {{elapsed}} (typically {} s)",
            need.seconds
        );
        if let Ok(style) = ProgressStyle::with_template(&typical) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bars.lock().insert((job, stage), bar);
    }

    fn advance(&self, job: JobName, stage: Stage, progress: StageProgress) {
        let bars = self.bars.lock();
        let Some(bar) = bars.get(&(job, stage)) else { return };
        if bar.length() != Some(progress.total) {
            let counted = format!("{{spinner}} {job}, {stage:<9} {{bar:30}} {{pos}}/{{len}} {{elapsed}}, {{eta}} left");
            if let Ok(style) = ProgressStyle::with_template(&counted) {
                bar.set_style(style);
            }
            bar.set_length(progress.total);
        }
        bar.set_position(progress.done);
    }

    fn end(&self, job: JobName, stage: Stage, line: Option<String>) {
        if let Some(bar) = self.bars.lock().remove(&(job, stage)) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        if let Some(line) = line {
            // Fails without a terminal only.
            let _ = self.all.println(line);
        }
    }
}

impl Observer for Bars {
    fn note(&self, job: JobName, stage: Stage, event: StageEvent) {
        match event {
            StageEvent::Kept => self.end(job, stage, Some(format!("  ✓ {job}, {stage} (done before)"))),
            StageEvent::Begins(need) => self.begin(job, stage, need),
            StageEvent::Progress(progress) => self.advance(job, stage, progress),
            StageEvent::Finished(finished) => {
                let line = format!(
                    "  ✓ {job}, {stage} ({:.1} s, {})",
                    finished.elapsed.as_secs_f64(),
                    gibibytes(finished.peak_memory_bytes)
                );
                self.end(job, stage, Some(line));
            }
            StageEvent::Stopped => self.end(job, stage, None),
        }
    }
}

/// Writes log lines above the bars.
impl<'a> MakeWriter<'a> for Bars {
    type Writer = AboveBars;

    fn make_writer(&'a self) -> AboveBars {
        AboveBars(self.all.clone())
    }
}

/// Writer of [`Bars`].
#[derive(Debug)]
pub struct AboveBars(MultiProgress);

impl io::Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
