//! `cwe prove`: a proof of batches by hand, with the library of the prover daemon and a queue of one's own, so that a run
//! that was interrupted goes on where it was.

use std::{
    ffi::OsString,
    fs,
    io::IsTerminal,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use cwe_bridge::{ConfirmationPolicy, FeeCaps, L1Client, ProofPoster, ProofPosterConfig};
use cwe_jobs::{Enqueued, JobState, JobsError, Lease, NewJob, Queue};
use cwe_prover_daemon::{
    Attempt, Bars, Finished, Inputs, JobName, LogLines, Memory, NodeClient, Observer, ProofJob, StageEvent,
    StageProgram, StopAfter, WorkFolder, Workshop, batches_on_l1,
    config::{Profile, StagesSection},
    deployment,
    guard::{self, GuardArgs},
    kind, make_keys,
};
use cwe_prover_stages::{Stage, gibibytes};
use cwe_sequencer::config::L1Section;
use eyre::{Result, WrapErr, bail, eyre};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    keys::KeyArgs,
    network::{Network, NetworkArgs},
    node::cancelled_by_signals,
    progress::Progress,
    table,
};

const NODE_TIMEOUT: Duration = Duration::from_secs(600);
const REQUEST_TIMEOUT_MS: u64 = 30_000;
/// After this long without a sign of life another run may go on with the job.
const LEASE: Duration = Duration::from_secs(15);
const STAGE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const RETRY: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_secs(1);
const RESUBMIT_AFTER: Duration = Duration::from_secs(60);
const WEI_PER_GWEI: u128 = 1_000_000_000;
/// Runs by hand are repeated by hand.
const MAX_ATTEMPTS: u32 = 1_000;

/// Prove batches: all stages in one go, resumed where they were interrupted
#[derive(Debug, clap::Args)]
pub(crate) struct ProveArgs {
    /// First batch
    #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// Last batch, under the same proof; default: the first
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Last stage to run; `halo2` gives the proof that L1 takes
    #[arg(long, value_enum, default_value_t = Stop::Halo2)]
    stop_after: Stop,
    /// Post the proof to L1; needs a key
    #[arg(long)]
    post: bool,
    /// Account that will post the proof, when this run doesn't; only it can
    #[arg(long, value_name = "ADDRESS", conflicts_with = "post")]
    prover: Option<Address>,
    /// Highest price per gas that is paid, gwei
    #[arg(long, value_name = "GWEI", default_value_t = 500)]
    max_fee_gwei: u64,
    #[command(flatten)]
    stages: StageArgs,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
struct StageArgs {
    /// The program that runs stages; default: cwe-prover-stage beside this program
    #[arg(long, value_name = "FILE")]
    stage_program: Option<PathBuf>,
    /// Folder of proving keys; default: keys in the data folder
    #[arg(long, value_name = "DIR")]
    proving_keys: Option<PathBuf>,
    /// Smaller segments, for a machine with 24 GiB
    #[arg(long)]
    low_memory: bool,
    /// Reference string: `dev`, or a powers-of-tau file
    #[arg(long, value_name = "FILE", default_value = "dev")]
    srs: String,
    /// SHA-256 of that file
    #[arg(long, value_name = "HEX")]
    srs_sha256: Option<String>,
    /// Folder of what is kept between runs; default: cwe/prove in the user's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Last stage to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stop {
    /// Execute only
    Execute,
    /// One STARK
    Stark,
    /// The proof that L1 takes
    Halo2,
}

impl From<Stop> for StopAfter {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Execute => Self::Execute,
            Stop::Stark => Self::Stark,
            Stop::Halo2 => Self::Halo2,
        }
    }
}

/// A stage that dies with this program: not for people.
#[derive(Debug, clap::Args)]
pub(crate) struct GuardCommand {
    parent: u32,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl GuardCommand {
    /// Becomes the stage. Returns only if that fails.
    pub(crate) fn run(self) -> Result<()> {
        let guard = GuardArgs {
            parent: self.parent,
            program: self.program,
            args: self.args,
        };
        Err(guard::become_guarded(&guard)).wrap_err_with(|| format!("starting {}", guard.program.display()))
    }
}

/// What a run did.
#[derive(Debug, Serialize)]
struct Report {
    first: u64,
    last: u64,
    public_value: B256,
    stages: Vec<Row>,
    /// What the last stage wrote.
    output: PathBuf,
    /// Whether L1 has finalized the batches.
    finalized: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Row {
    stage: Stage,
    /// `None` if it was done before.
    seconds: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

/// Notes stages for the table, and hands them on to people.
struct Recorder {
    rows: Mutex<Vec<Row>>,
    shown: Box<dyn Observer>,
}

impl Recorder {
    fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Recorder {
    fn note(&self, job: JobName, stage: Stage, event: StageEvent) {
        let row = |finished: Option<Finished>| Row {
            stage,
            seconds: finished.map(|finished| finished.elapsed.as_secs_f64()),
            peak_memory_bytes: finished.map(|finished| finished.peak_memory_bytes),
        };
        let row = match event {
            StageEvent::Kept => Some(row(None)),
            StageEvent::Finished(finished) => Some(row(Some(finished))),
            _ => None,
        };
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).extend(row);
        self.shown.note(job, stage, event);
    }
}

/// Runs the command until the proof is made, and posted if asked for.
pub(crate) async fn run(args: &ProveArgs) -> Result<()> {
    let bars = Bars::default();
    let shown: Box<dyn Observer> = if std::io::stderr().is_terminal() {
        Box::new(bars)
    } else {
        crate::node::init_logs("warn,cwe_prover_daemon=info")?;
        Box::new(LogLines::default())
    };
    let network = args.network.resolve()?;
    let signer = signer(args)?;
    let prover = prover(args, signer.as_ref())?;
    let data = args.stages.folder()?;
    let program = StageProgram::new(&args.stages.section(), &data, Some(guard::own_program()))?;
    let folder = WorkFolder::open(&data.join("work"))?;
    let queue = Queue::open(&format!("sqlite:{}", data.join("queue.db").display())).await?;
    let shutdown = cancelled_by_signals()?;

    let mut progress = Progress::new();
    progress.step("reading the batches and their input");
    let (l1, job, input) = prepare(&network, args, prover).await?;
    let (kind, id) = enqueue(&queue, &network, &job, &input).await?;
    progress.finish();

    let recorder = Arc::new(Recorder {
        rows: Mutex::default(),
        shown,
    });
    let stop_after = args.stop_after.into();
    let workshop = Workshop {
        kind,
        guests: Vec::new(),
        lease: LEASE,
        retry: RETRY,
        stop_after,
        gives_back: stop_after != StopAfter::Halo2,
        needs: program.needs().await?,
        program,
        stage_timeout: STAGE_TIMEOUT,
        memory: Memory::default(),
        folder,
        view: watch::channel(None).1,
        observer: recorder.clone(),
        shutdown: shutdown.clone(),
        queue,
    };
    let proof = prove(&workshop, id).await?;
    let output = keep(&data, &job, stop_after, &proof)?;
    let finalized = match signer.filter(|_| args.post) {
        Some(signer) => {
            post(l1, args, &data, signer, &job, proof, &shutdown).await?;
            true
        }
        None => false,
    };
    let report = Report {
        first: job.first(),
        last: job.last(),
        public_value: job.public_value,
        stages: recorder.rows(),
        output,
        finalized,
    };
    print(args.json, &report)
}

/// The key, if this run needs one.
fn signer(args: &ProveArgs) -> Result<Option<PrivateKeySigner>> {
    if args.post && args.stop_after != Stop::Halo2 {
        bail!("only a halo2 proof can be posted: leave out --stop-after or --post");
    }
    if args.prover.is_some() {
        return Ok(None);
    }
    let signer = args.keys.signer();
    signer
        .map(Some)
        .wrap_err("a proof is made for the account that posts it: --prover names it, or a key")
}

fn prover(args: &ProveArgs, signer: Option<&PrivateKeySigner>) -> Result<Address> {
    let address = args.prover.or_else(|| signer.map(PrivateKeySigner::address));
    address.ok_or_else(|| eyre!("a proof is made for the account that posts it: give --prover"))
}

impl StageArgs {
    fn folder(&self) -> Result<PathBuf> {
        let folder = match &self.data {
            Some(folder) => folder.clone(),
            None => dirs::data_local_dir()
                .ok_or_else(|| eyre!("this user has no data folder: give --data"))?
                .join("cwe")
                .join("prove"),
        };
        fs::create_dir_all(&folder).wrap_err_with(|| format!("creating {}", folder.display()))?;
        Ok(folder)
    }

    fn section(&self) -> StagesSection {
        StagesSection {
            program: self.stage_program.clone().unwrap_or_default(),
            keys: self.proving_keys.clone().unwrap_or_default(),
            profile: if self.low_memory {
                Profile::LowMemory
            } else {
                Profile::Default
            },
            srs: self.srs.clone(),
            srs_sha256: self.srs_sha256.clone().unwrap_or_default(),
            ..StagesSection::default()
        }
    }
}

async fn prepare(network: &Network, args: &ProveArgs, prover: Address) -> Result<(Arc<L1Client>, ProofJob, Vec<u8>)> {
    let range: RangeInclusive<u64> = args.batch..=args.to.unwrap_or(args.batch);
    if range.is_empty() {
        bail!("--to {} is before --batch {}", range.end(), range.start());
    }
    let node = NodeClient::new(&network.l2_rpc, NODE_TIMEOUT)?;
    let section = L1Section {
        rpc_url: network.l1_rpc.clone(),
        chain_id: network.l1_chain_id,
        rollup: network.contracts.rollup,
        inbox: network.contracts.inbox,
        confirmation: ConfirmationPolicy::Depth(0),
        request_timeout_ms: REQUEST_TIMEOUT_MS,
        ..L1Section::default()
    };
    let deployment = deployment(&node).await?;
    let l1 = Arc::new(L1Client::new(section.client(), deployment)?);
    l1.ensure_checked().await?;
    let latest = BlockId::latest();
    let committed = l1.tips(latest).await?.committed;
    if *range.end() > committed {
        bail!("batch {} is not committed; the last one is {committed}", range.end());
    }
    let batches = batches_on_l1(&l1, &node, latest, range.clone(), &Default::default()).await?;
    let batches: Vec<_> = batches.into_values().collect();
    let inputs = Inputs {
        node,
        l2_chain_id: deployment.l2_chain_id,
        prover,
    };
    let (job, input) = inputs.prepare(&batches).await?;
    if job.last() < *range.end() {
        bail!(
            "the input of batches {} to {} is larger than the node may send: ask for batches up to {}, or raise \
             rpc.max_response_bytes in its configuration",
            range.start(),
            range.end(),
            job.last()
        );
    }
    Ok((l1, job, input.into()))
}

/// A queue of one kind for one job: leasing by kind then means this job.
async fn enqueue(queue: &Queue, network: &Network, job: &ProofJob, input: &[u8]) -> Result<(String, i64)> {
    let kind = format!(
        "{}/{}-{}/{}",
        kind(network.l1_chain_id, network.contracts.rollup, StopAfter::Halo2),
        job.first(),
        job.last(),
        job.prover
    );
    let new = NewJob {
        kind: kind.clone(),
        key: job.key(),
        payload: job.payload()?,
        priority: 0,
        max_attempts: MAX_ATTEMPTS,
    };
    let with = [("input", input)];
    let id = match queue.enqueue_with(&new, &with).await {
        Ok(Enqueued::New(id)) => id,
        Ok(Enqueued::Known(id)) => {
            if queue.job(id).await?.state == JobState::Failed {
                queue.retry(id).await?;
            }
            id
        }
        Err(JobsError::PayloadDiffers { id, .. }) => {
            // L1 has other batches by now.
            queue.remove(id).await?;
            queue.enqueue_with(&new, &with).await?.id()
        }
        Err(error) => return Err(error.into()),
    };
    Ok((kind, id))
}

/// The output of the last stage.
async fn prove(workshop: &Workshop, id: i64) -> Result<Vec<u8>> {
    if workshop.queue.job(id).await?.state == JobState::Done {
        if workshop.gives_back {
            bail!(
                "these batches are proven to the end, and what the stages before the last made is gone: name another folder \
                 with --data"
            );
        }
        return Ok(workshop.queue.output(id).await?);
    }
    let mut progress = Progress::new();
    progress.step("proving keys: what is missing is made, once, in about 15 minutes");
    if !make_keys(workshop).await? {
        bail!("interrupted: the same command goes on from here");
    }
    progress.finish();
    let lease = lease(workshop).await?;
    match workshop.work(lease).await? {
        Attempt::Done(output) => Ok(output),
        Attempt::Stopped => bail!("interrupted: the same command goes on from here"),
        Attempt::Lost => bail!("another run took the job over"),
        Attempt::Dropped(reason) | Attempt::Refused(reason) => bail!("{reason}"),
        Attempt::Failed(reason) | Attempt::GivenBack(reason) => {
            bail!("{reason}; the same command goes on from here")
        }
    }
}

/// A run that was killed still holds the job for a moment.
async fn lease(workshop: &Workshop) -> Result<Lease> {
    loop {
        if let Some(lease) = workshop.queue.lease(&workshop.kind, "cwe prove", LEASE).await? {
            return Ok(lease);
        }
        if workshop.shutdown.is_cancelled() {
            bail!("interrupted");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Keeps the output where people find it.
fn keep(data: &Path, job: &ProofJob, stop_after: StopAfter, output: &[u8]) -> Result<PathBuf> {
    let folder = data.join("proofs");
    fs::create_dir_all(&folder).wrap_err_with(|| format!("creating {}", folder.display()))?;
    let last = stop_after.stages().last().map_or("output", |stage| stage.output_file());
    let path = folder.join(format!("{}-{}-{last}", job.first(), job.last()));
    fs::write(&path, output).wrap_err_with(|| format!("writing {}", path.display()))?;
    Ok(path)
}

async fn post(
    l1: Arc<L1Client>,
    args: &ProveArgs,
    data: &Path,
    signer: PrivateKeySigner,
    job: &ProofJob,
    proof: Vec<u8>,
    shutdown: &CancellationToken,
) -> Result<()> {
    let config = ProofPosterConfig {
        resubmit_after: RESUBMIT_AFTER,
        fee_caps: FeeCaps {
            max_fee_per_gas: u128::from(args.max_fee_gwei).saturating_mul(WEI_PER_GWEI),
            max_fee_per_blob_gas: 0,
            section: "post",
        },
        memory: data.join("posting.json"),
    };
    let mut poster = ProofPoster::new(l1.clone(), config, signer);
    let submission = job.submission(proof).ok_or_else(|| eyre!("the job has no batches"))?;
    let mut progress = Progress::new();
    progress.step(format!("posting the proof from {}", poster.address()));
    while l1.tips(BlockId::latest()).await?.finalized < job.last() {
        if let Some(turn) = poster.follow().await?
            && l1.tips(BlockId::latest()).await?.finalized < job.last()
        {
            poster.post(turn, &submission).await?;
        }
        tokio::select! {
            () = shutdown.cancelled() => bail!("interrupted: the proof is kept, and may be on its way"),
            () = tokio::time::sleep(POLL) => {}
        }
    }
    progress.finish();
    Ok(())
}

fn print(json: bool, report: &Report) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    let mut rows = table::new(["stage", "seconds", "peak memory"]);
    for row in &report.stages {
        let seconds = row
            .seconds
            .map_or_else(|| "done before".into(), |seconds| format!("{seconds:.1}"));
        let memory = row.peak_memory_bytes.map(gibibytes).unwrap_or_default();
        rows.add_row([row.stage.name().to_owned(), seconds, memory]);
    }
    println!("{rows}\n");
    println!("public value  {}", report.public_value);
    println!("output        {}", report.output.display());
    if report.finalized {
        println!("batches {} to {} are final on L1", report.first, report.last);
    }
    Ok(())
}
