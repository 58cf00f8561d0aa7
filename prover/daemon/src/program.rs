//! Running the stage program: one process a stage, followed by its progress lines, killed when its work is for nothing.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use cwe_prover_stages::{Guest, Stage, of_process};
use futures::StreamExt;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_util::codec::{FramedRead, LinesCodec};
use tracing::{debug, warn};

use crate::{
    config::{Profile, StagesSection},
    guard,
    memory::{Needs, Reservation},
};

/// Longest line that is read, bytes.
const MAX_LINE: usize = 64 << 10;

/// Lines of a stage's log that are kept for its error.
const KEPT_LINES: usize = 8;

/// Time between two looks at a stage's memory.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// Longest wait for the program to say what it needs.
const NEEDS_TIMEOUT: Duration = Duration::from_secs(60);

/// Subcommand that makes keys.
const KEYS: &str = "keys";

/// Exit code: the input can never be proven.
const REFUSED: i32 = 2;

/// Exit code: the stage does not fit into memory.
const OUT_OF_MEMORY: i32 = 3;

/// The stage program with the arguments that all stages share.
#[derive(Debug, Clone)]
pub struct StageProgram {
    path: PathBuf,
    keys: PathBuf,
    common: Vec<String>,
    /// A program whose subcommand `guard` binds a stage to this process.
    guard: Option<PathBuf>,
}

/// Why the stage program can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It isn't there.
    #[error(
        "the stage program {0} is missing: build it with `make prover`, or name it by stages.program (`--stage-program`)"
    )]
    Missing(PathBuf),
    /// It can't be started.
    #[error("the stage program {path} can't be started: {error}", path = .path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It doesn't say what it needs.
    #[error("`{path} needs --json` gives no needs: {reason}", path = .path.display())]
    Needs {
        /// The program.
        path: PathBuf,
        /// What it did instead.
        reason: String,
    },
}

/// A stage that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How long it took.
    pub elapsed: Duration,
    /// Most memory that it had at once, bytes, as far as it was seen.
    pub peak_memory_bytes: u64,
}

/// A stage that is not done.
#[derive(Debug, PartialEq, Eq)]
pub enum StageFailure<C> {
    /// It can never be: the reason.
    Refused(String),
    /// It doesn't fit into memory: the figures.
    OutOfMemory(String),
    /// It may be another time.
    Failed(String),
    /// It was killed.
    Cancelled(C),
}

/// A line of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct StageProgress {
    /// Parts done, in the stage's own unit.
    pub done: u64,
    /// Parts known of.
    pub total: u64,
}

impl StageProgram {
    /// The program of a configuration. `guard`: this program, if it has the subcommand `guard`.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub fn new(stages: &StagesSection, data_dir: &Path, guard: Option<PathBuf>) -> Result<Self, ProgramError> {
        let path = stages.program();
        if !path.is_file() {
            return Err(ProgramError::Missing(path));
        }
        let mut common = Vec::new();
        if stages.profile == Profile::LowMemory {
            common.push("--low-memory".into());
        }
        if stages.srs != "dev" {
            common.extend([
                "--srs".to_owned(),
                stages.srs.clone(),
                "--srs-sha256".to_owned(),
                stages.srs_sha256.clone(),
            ]);
        }
        Ok(Self {
            path,
            keys: stages.keys(data_dir),
            common,
            guard,
        })
    }

    /// What the stages need.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub async fn needs(&self) -> Result<Needs, ProgramError> {
        let mut command = Command::new(&self.path);
        command.arg("needs").arg("--json").args(&self.common).kill_on_drop(true);
        let failed = |reason: String| ProgramError::Needs {
            path: self.path.clone(),
            reason,
        };
        let output = tokio::time::timeout(NEEDS_TIMEOUT, command.output())
            .await
            .map_err(|_| failed(format!("no answer within {} s", NEEDS_TIMEOUT.as_secs())))?
            .map_err(|error| self.start_error(error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!("{}: {}", output.status, said.trim())));
        }
        Needs::parse(&output.stdout).map_err(failed)
    }

    fn start_error(&self, error: io::Error) -> ProgramError {
        ProgramError::Start {
            path: self.path.clone(),
            error,
        }
    }

    /// Runs a stage in a folder that has its input, until it ends or `cancelled` does, of another guest than
    /// the rollup's if one is named. `report` gets every progress.
    ///
    /// # Errors
    /// [`StageFailure`]; the process is gone then, and its children with it.
    pub async fn run<C>(
        &self,
        stage: Stage,
        guest: Option<Guest>,
        folder: &Path,
        reservation: &Reservation,
        report: impl FnMut(StageProgress),
        cancelled: impl Future<Output = C>,
    ) -> Result<Finished, StageFailure<C>> {
        let mut command = self.command(stage.name());
        if let Some(guest) = guest {
            command.arg("--guest").arg(guest.name());
        }
        command
            .arg("--input")
            .arg(folder.join(stage.input_file()))
            .arg("--output")
            .arg(folder.join(stage.output_file()));
        let runs_as = |pid| reservation.runs_as(pid);
        self.run_command(stage.name(), command, runs_as, report, cancelled)
            .await
    }

    /// Makes the keys that are missing or can't be used: minutes and gigabytes the first time, later only reading. The
    /// program refuses by itself what does not fit into memory.
    ///
    /// # Errors
    /// [`StageFailure`]; the process is gone then, and its children with it.
    pub async fn make_keys<C>(&self, cancelled: impl Future<Output = C>) -> Result<Finished, StageFailure<C>> {
        let command = self.command(KEYS);
        self.run_command(KEYS, command, |_| (), |_| (), cancelled).await
    }

    fn command(&self, name: &'static str) -> Command {
        let mut command = guard::command(self.guard.as_deref(), &self.path);
        command.arg(name).args(&self.common).arg("--keys").arg(&self.keys);
        command
    }

    async fn run_command<C>(
        &self,
        name: &'static str,
        command: Command,
        runs_as: impl FnOnce(Option<u32>),
        mut report: impl FnMut(StageProgress),
        cancelled: impl Future<Output = C>,
    ) -> Result<Finished, StageFailure<C>> {
        let started = Instant::now();
        let failed = |reason: String| StageFailure::Failed(reason);
        let mut child = spawn(command)
            .await
            .map_err(|error| failed(self.start_error(error).to_string()))?;
        let group = KillOnDrop(child.id());
        runs_as(child.id());
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed("the stage's output can't be read".into()));
        };
        let mut peak = 0;
        let mut last_words = VecDeque::new();
        let ended = {
            let watched = watch(name, stdout, stderr, &mut report, &mut last_words);
            let sampled = sample(child.id(), &mut peak);
            tokio::pin!(cancelled);
            tokio::select! {
                cause = &mut cancelled => Err(cause),
                never = sampled => match never {},
                status = end_of(&mut child, watched, &group) => Ok(status),
            }
        };
        match ended {
            Err(cause) => {
                drop(group);
                // Reaped, so that its memory is back when the caller goes on.
                if let Err(error) = child.wait().await {
                    warn!(stage = name, %error, "a killed stage can't be waited for");
                }
                Err(StageFailure::Cancelled(cause))
            }
            Ok(Err(error)) => Err(failed(format!("the stage can't be waited for: {error}"))),
            Ok(Ok(status)) => judge(status, last_words).map(|()| Finished {
                elapsed: started.elapsed(),
                peak_memory_bytes: peak,
            }),
        }
    }
}

/// On a thread that lives as long as this program: the kernel takes the thread that started a process for its parent.
async fn spawn(mut command: Command) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    crate::launcher::spawn(command).await
}

/// Waits for the process and the end of its output. What it left behind holds its output open, and is killed.
async fn end_of(child: &mut Child, watched: impl Future<Output = ()>, group: &KillOnDrop) -> io::Result<ExitStatus> {
    tokio::pin!(watched);
    tokio::select! {
        () = &mut watched => child.wait().await,
        status = child.wait() => {
            group.kill();
            watched.await;
            status
        }
    }
}

/// Kills a process group when dropped: a stage may have children of its own.
struct KillOnDrop(Option<u32>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.kill();
    }
}

impl KillOnDrop {
    fn kill(&self) {
        let pid = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails when the group has ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Reads both outputs to their ends.
async fn watch(
    stage: &'static str,
    stdout: ChildStdout,
    stderr: ChildStderr,
    report: &mut impl FnMut(StageProgress),
    last_words: &mut VecDeque<String>,
) {
    let lines = || LinesCodec::new_with_max_length(MAX_LINE);
    let mut progress = FramedRead::new(stdout, lines());
    let mut logs = FramedRead::new(stderr, lines());
    let (mut more_progress, mut more_logs) = (true, true);
    while more_progress || more_logs {
        tokio::select! {
            line = progress.next(), if more_progress => match line {
                Some(Ok(line)) => if let Ok(progress) = serde_json::from_str(&line) {
                    report(progress);
                },
                Some(Err(error)) => debug!(stage, %error, "a line of progress can't be read"),
                None => more_progress = false,
            },
            line = logs.next(), if more_logs => match line {
                Some(Ok(line)) => {
                    debug!(stage, "{line}");
                    if !line.trim().is_empty() {
                        last_words.push_back(line);
                    }
                    if last_words.len() > KEPT_LINES {
                        last_words.pop_front();
                    }
                }
                Some(Err(error)) => debug!(stage, %error, "a line of the log can't be read"),
                None => more_logs = false,
            },
        }
    }
}

/// Notes the highest peak until it is dropped.
async fn sample(pid: Option<u32>, peak: &mut u64) -> std::convert::Infallible {
    loop {
        if let Some(memory) = pid.and_then(of_process) {
            *peak = (*peak).max(memory.peak_bytes);
        }
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
}

fn judge<C>(status: ExitStatus, mut last_words: VecDeque<String>) -> Result<(), StageFailure<C>> {
    let reason = last_words
        .pop_back()
        .unwrap_or_else(|| format!("it said nothing ({status})"));
    match status.code() {
        Some(0) => Ok(()),
        Some(REFUSED) => Err(StageFailure::Refused(reason)),
        Some(OUT_OF_MEMORY) => Err(StageFailure::OutOfMemory(reason)),
        _ => {
            let before: Vec<String> = last_words.into();
            debug!(log = ?before, "the stage's last words");
            Err(StageFailure::Failed(format!("{status}: {reason}")))
        }
    }
}
