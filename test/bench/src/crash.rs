//! `bench crash`: the sequencer killed under load, again and again. What it acknowledged must be there afterwards, once,
//! and the whole chain must equal its replay from L1.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use eyre::{Result, WrapErr, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use serde_json::json;
use tokio::{process::Command, task::JoinSet};

use crate::{
    endpoint::Endpoint,
    program::{Devnet, Program},
    report::{figure, percentile, publish},
    workload::{Call, dev_signer, sign, transaction},
};

/// Receives all transfers of the load; its balance counts them.
const RECEIVER: Address = Address::repeat_byte(0xdd);
const TRANSFER_GAS: u64 = 21_000;
const READY_LIMIT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(5);
/// Longest wait for what was acknowledged and not executed yet.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const SAFE_LIMIT: Duration = Duration::from_secs(300);
/// Seed of the moments at which the sequencer is killed.
const SEED: u64 = 0xdead;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the sequencer is killed
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Accounts that send at the same time
    #[arg(long, default_value_t = 4)]
    senders: u32,
    /// Shortest life of the sequencer in milliseconds
    #[arg(long, default_value_t = 300)]
    min_life_ms: u64,
    /// Longest life of the sequencer in milliseconds
    #[arg(long, default_value_t = 3000)]
    max_life_ms: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    kills: u32,
    acknowledged: usize,
    lost: usize,
    /// Executed transfers that no sender's nonce accounts for.
    duplicated: u64,
    ready_p50_s: f64,
    ready_p95_s: f64,
    ready_max_s: f64,
    /// Whether the audit of the whole chain from L1 agreed.
    replay_equal: bool,
    blocks: u64,
}

/// Runs the benchmark; fails when anything was lost, repeated, or differs from its replay.
pub(crate) async fn run(args: &Args, cwe: &Path, out: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let flags = [
        "--no-sequencer",
        "--data",
        &folder.path().display().to_string(),
        "--l2-port",
        &port.to_string(),
        "--batch-age-ms",
        "2000",
    ]
    .map(String::from);
    let devnet = Devnet::start(cwe, &flags).await?;
    let mut world = World::new(args, cwe, folder.path(), &devnet)?;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut sequencer = world.start().await?;
    world.wait_for_funds().await?;
    let before = world.nonces().await?;
    let mut ready = Vec::new();
    let mut acknowledged = Vec::new();
    for kill in 1..=args.kills {
        let life = Duration::from_millis(random.random_range(args.min_life_ms..=args.max_life_ms));
        acknowledged.extend(world.load_then_kill(&mut sequencer, life).await?);
        let started = Instant::now();
        sequencer = world.start().await?;
        ready.push(started.elapsed().as_secs_f64());
        if kill % 10 == 0 {
            println!("{kill} kills, {} acknowledged", acknowledged.len());
        }
    }
    let lost = world.lost(&acknowledged).await?;
    let duplicated = world.duplicated(before).await?;
    let blocks = world.wait_until_safe().await?;
    let network = folder.path().join("network.json");
    std::fs::write(&network, &devnet.line)?;
    let replay_equal = audit(cwe, &network, &folder.path().join("genesis.json")).await?;
    sequencer.kill().await?;
    devnet.stop().await?;

    ready.sort_by(f64::total_cmp);
    let figures = Figures {
        kills: args.kills,
        acknowledged: acknowledged.len(),
        lost,
        duplicated,
        ready_p50_s: figure(percentile(&ready, 0.50)),
        ready_p95_s: figure(percentile(&ready, 0.95)),
        ready_max_s: figure(percentile(&ready, 1.0)),
        replay_equal,
        blocks,
    };
    publish(out, "crash", &figures)?;
    if lost > 0 || duplicated > 0 || !replay_equal {
        bail!("the sequencer lost or repeated transactions, or differs from its replay");
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The audit of the whole chain, as anybody can run it.
async fn audit(cwe: &Path, network: &Path, genesis: &Path) -> Result<bool> {
    let status = Command::new(cwe)
        .args(["audit", "--json", "--network"])
        .arg(network)
        .arg("--genesis")
        .arg(genesis)
        .stdout(std::process::Stdio::null())
        .status();
    Ok(status.await.wrap_err("running the audit")?.success())
}

struct World {
    sequencer: PathBuf,
    config: String,
    l2: Endpoint,
    chain_id: u64,
    senders: Vec<PrivateKeySigner>,
}

impl World {
    fn new(args: &Args, cwe: &Path, folder: &Path, devnet: &Devnet) -> Result<Self> {
        Ok(Self {
            sequencer: cwe.with_file_name("cwe-sequencer"),
            config: folder.join("sequencer.toml").display().to_string(),
            l2: Endpoint::new(&devnet.network.l2_rpc)?,
            chain_id: devnet.network.l2_chain_id,
            senders: (0..args.senders).map(dev_signer).collect::<Result<_>>()?,
        })
    }

    /// Starts the sequencer and waits until it answers.
    async fn start(&mut self) -> Result<Program> {
        let program = Program::start(&self.sequencer, &["--config".into(), self.config.clone()])?;
        let started = Instant::now();
        while self.l2.call::<String>("eth_blockNumber", json!([])).await.is_err() {
            if started.elapsed() > READY_LIMIT {
                bail!(
                    "the sequencer does not answer {} s after its start",
                    READY_LIMIT.as_secs()
                );
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(program)
    }

    async fn wait_for_funds(&self) -> Result<()> {
        let started = Instant::now();
        for sender in &self.senders {
            while self.l2.balance(sender.address()).await?.is_zero() {
                if started.elapsed() > READY_LIMIT {
                    bail!("{} has no CLN on L2", sender.address());
                }
                tokio::time::sleep(READY_POLL).await;
            }
        }
        Ok(())
    }

    /// Sends transfers of all senders for the length of `life`, then kills the sequencer while they are sending.
    /// Returns what was acknowledged.
    async fn load_then_kill(&self, sequencer: &mut Program, life: Duration) -> Result<Vec<B256>> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = JoinSet::new();
        for sender in &self.senders {
            let nonce = self.l2.nonce(sender.address()).await?;
            load.spawn(send_until(
                self.l2.clone(),
                sender.clone(),
                self.chain_id,
                nonce,
                stop.clone(),
            ));
        }
        tokio::time::sleep(life).await;
        sequencer.kill().await?;
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        while let Some(sent) = load.join_next().await {
            acknowledged.extend(sent.wrap_err("a sender")??);
        }
        Ok(acknowledged)
    }

    /// How many acknowledged transactions get no successful receipt. One that waits for a lower base fee is not lost: it
    /// has its time to be executed.
    async fn lost(&self, acknowledged: &[B256]) -> Result<usize> {
        let distinct: BTreeSet<_> = acknowledged.iter().copied().collect();
        let repeated = acknowledged.len() - distinct.len();
        let started = Instant::now();
        let mut missing: Vec<_> = distinct.into_iter().collect();
        loop {
            let mut still = Vec::new();
            for hash in missing {
                match self.l2.receipt(hash).await? {
                    Some(receipt) if receipt["status"] == "0x1" => {}
                    _ => still.push(hash),
                }
            }
            if still.is_empty() || started.elapsed() > DRAIN_LIMIT {
                return Ok(repeated + still.len());
            }
            missing = still;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Sum of the senders' nonces. It does not start at zero: deposits count for the depositor.
    async fn nonces(&self) -> Result<u64> {
        let mut sum = 0;
        for sender in &self.senders {
            sum += self.l2.nonce(sender.address()).await?;
        }
        Ok(sum)
    }

    /// How many transfers arrived beyond those that the senders' nonces count since they summed up to `before`.
    async fn duplicated(&self, before: u64) -> Result<u64> {
        let sent = U256::from(self.nonces().await?.saturating_sub(before));
        let received: U256 = self.l2.call("eth_getBalance", json!([RECEIVER, "pending"])).await?;
        Ok(received.saturating_sub(sent).saturating_to())
    }

    /// Waits until every block is committed on L1; returns their number.
    async fn wait_until_safe(&self) -> Result<u64> {
        let number = |tag: &'static str| async move {
            let block: serde_json::Value = self.l2.call("eth_getBlockByNumber", json!([tag, false])).await?;
            let number: alloy::primitives::U64 = serde_json::from_value(block["number"].clone())?;
            Ok::<u64, eyre::Report>(number.to())
        };
        let latest = number("latest").await?;
        let started = Instant::now();
        while number("safe").await? < latest {
            if started.elapsed() > SAFE_LIMIT {
                bail!("block {latest} is not committed on L1 after {} s", SAFE_LIMIT.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(latest)
    }
}

/// One account's transfers, one after the other, until the node is gone.
async fn send_until(
    l2: Endpoint,
    sender: PrivateKeySigner,
    chain_id: u64,
    mut nonce: u64,
    stop: Arc<AtomicBool>,
) -> Result<Vec<B256>> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let call = Call {
            to: TxKind::Call(RECEIVER),
            value: U256::from(1),
            gas: TRANSFER_GAS,
            input: Bytes::new(),
        };
        let signed = sign(&sender, transaction(chain_id, nonce, call))?;
        // Refused or cut off: either way not acknowledged. The next round asks for the nonce again.
        if l2.send(&signed.raw).await.is_err() {
            break;
        }
        acknowledged.push(signed.hash);
        nonce += 1;
    }
    Ok(acknowledged)
}
