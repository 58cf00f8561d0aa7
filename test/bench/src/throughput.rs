//! `bench rpc`: how soon a transaction is confirmed, and how many token transfers a second go through JSON-RPC.
//!
//! The load is the same for both chains: two accounts, transactions signed beforehand, one client process. Both chains
//! make blocks every second, have a block gas limit that binds neither, and are started anew for every measurement.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use eyre::{Result, WrapErr, bail};
use serde_json::{Map, Value, json};

use crate::{
    artifact, cpu,
    endpoint::Endpoint,
    latency::latency,
    load::{self, Load, Shape},
    program::{Devnet, start_anvil},
    report::{figure, median, percentile, publish},
    token,
    workload::{Call, Signed, TRANSFER_GAS, address, dev_signer, sign, transaction},
};

const ANVIL_CHAIN_ID: u64 = 31_337;
const SENDERS: u32 = 2;
const CREATION_GAS: u64 = 3_000_000;
/// Longest wait until everything sent is in blocks.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// Balances asked for in one request.
const BALANCES_PER_REQUEST: usize = 64;
/// Block gas limit of both chains: out of reach, so that it is not what is measured.
pub(crate) const GAS_LIMIT: u64 = 1_000_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Transactions per second while latency is measured
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds for which latency is measured; 0 leaves it out
    #[arg(long, default_value_t = 20)]
    latency_secs: u32,
    /// Token transfers sent by each of the two senders in one measurement
    #[arg(long, default_value_t = 20_000)]
    transfers: u64,
    /// Measurements of each kind, taken in turns; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Plain requests of each sender under way at a time
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
    /// Transfers in one JSON-RPC batch
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// JSON-RPC batches of each sender under way at a time
    #[arg(long, default_value_t = 3)]
    batches_in_flight: usize,
    /// Measure JSON-RPC batches only
    #[arg(long)]
    batched_only: bool,
}

/// How the load comes, and what its figures begin with.
#[derive(Debug, Clone, Copy)]
struct Mode {
    name: &'static str,
    shape: Shape,
}

impl Args {
    fn modes(&self) -> Vec<Mode> {
        let batched = Mode {
            name: "batched",
            shape: Shape {
                connections: self.batches_in_flight,
                per_request: self.batch,
            },
        };
        let single = Mode {
            name: "single",
            shape: Shape {
                connections: self.in_flight,
                per_request: 1,
            },
        };
        if self.batched_only {
            vec![batched]
        } else {
            vec![batched, single]
        }
    }
}

/// What one measurement gave.
#[derive(Debug, Clone, Copy)]
struct Measured {
    transfers_per_s: f64,
    /// Microseconds of processor time that the node took per transfer; `None` where it can't be read.
    node_cpu_us: Option<f64>,
    /// The same of this process.
    client_cpu_us: Option<f64>,
}

/// A node to send to.
struct Target {
    endpoint: Endpoint,
    chain_id: u64,
    pid: u32,
}

/// Runs the benchmark.
pub(crate) async fn run(args: &Args, cwe: &Path, out: &Path) -> Result<()> {
    let mut figures = Map::new();
    if args.latency_secs > 0 {
        figures.extend(confirmation(args, cwe).await?);
    }
    for mode in args.modes() {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 1..=args.rounds.max(1) {
            println!("{} transfers, round {round} of {}", mode.name, args.rounds);
            ours.push(on_rollup(args, mode, cwe).await?);
            theirs.push(on_anvil(args, mode).await?);
        }
        compare(&mut figures, mode, &ours, &theirs);
    }
    figures.insert("transfers_per_sender".into(), json!(args.transfers));
    figures.insert("rounds".into(), json!(args.rounds));
    figures.insert("single_in_flight_per_sender".into(), json!(args.in_flight));
    figures.insert("batched_in_flight_per_sender".into(), json!(args.batches_in_flight));
    figures.insert("batched_transfers_per_request".into(), json!(args.batch));
    publish(out, "rpc", &figures)
}

async fn start_rollup(cwe: &Path) -> Result<(Devnet, Target)> {
    let devnet = Devnet::start(cwe, &["--gas-limit".to_owned(), GAS_LIMIT.to_string()]).await?;
    let target = Target {
        endpoint: Endpoint::new(&devnet.network.l2_rpc)?,
        chain_id: devnet.network.l2_chain_id,
        pid: devnet.pid()?,
    };
    Ok((devnet, target))
}

async fn confirmation(args: &Args, cwe: &Path) -> Result<Map<String, Value>> {
    println!(
        "latency: {} transactions a second for {} s",
        args.rate, args.latency_secs
    );
    let (devnet, target) = start_rollup(cwe).await?;
    let token = deploy(&target.endpoint, target.chain_id).await?;
    let latencies = latency(&target.endpoint, target.chain_id, token, args.rate, args.latency_secs).await?;
    devnet.stop().await?;
    let figures = [
        ("confirm_p50_ms", json!(figure(percentile(&latencies, 0.50)))),
        ("confirm_p95_ms", json!(figure(percentile(&latencies, 0.95)))),
        ("confirm_max_ms", json!(figure(percentile(&latencies, 1.0)))),
        ("confirm_rate_per_s", json!(args.rate)),
        ("confirm_samples", json!(latencies.len())),
    ];
    Ok(figures
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect())
}

async fn on_rollup(args: &Args, mode: Mode, cwe: &Path) -> Result<Measured> {
    let (devnet, target) = start_rollup(cwe).await?;
    devnet.halt_l1().await?;
    let measured = throughput(args, mode.shape, &target)
        .await
        .wrap_err("transfers on the rollup");
    devnet.resume_l1().await?;
    let measured = measured?;
    devnet.stop().await?;
    Ok(shown("rollup", measured))
}

async fn on_anvil(args: &Args, mode: Mode) -> Result<Measured> {
    let (mut anvil, url) = start_anvil(GAS_LIMIT).await?;
    let target = Target {
        endpoint: Endpoint::new(&url)?,
        chain_id: ANVIL_CHAIN_ID,
        pid: anvil.pid()?,
    };
    let measured = throughput(args, mode.shape, &target)
        .await
        .wrap_err("transfers on anvil")?;
    anvil.kill().await?;
    Ok(shown("anvil", measured))
}

fn shown(chain: &str, measured: Measured) -> Measured {
    let microseconds = |value: Option<f64>| value.map_or_else(|| "?".into(), |us| format!("{us:.0} µs"));
    println!(
        "  {chain}: {:.0} transfers/s; processor time per transfer: node {}, client {}",
        measured.transfers_per_s,
        microseconds(measured.node_cpu_us),
        microseconds(measured.client_cpu_us)
    );
    measured
}

/// Adds a mode's figures. Those of batched requests are the main ones and go without prefix as well.
fn compare(figures: &mut Map<String, Value>, mode: Mode, ours: &[Measured], theirs: &[Measured]) {
    let rate = |measured: &[Measured]| median(measured.iter().map(|one| one.transfers_per_s).collect());
    let times = rate(ours) / rate(theirs);
    let mut add = |name: &str, value: f64| {
        figures.insert(name.to_owned(), json!(figure(value)));
    };
    let name = mode.name;
    add(&format!("{name}_transfers_per_s"), rate(ours));
    add(&format!("{name}_anvil_transfers_per_s"), rate(theirs));
    add(&format!("{name}_times_anvil"), times);
    if mode.shape.per_request > 1 {
        add("transfers_per_s", rate(ours));
        add("anvil_transfers_per_s", rate(theirs));
        add("times_anvil", times);
    }
    for (chain, measured) in [("", ours), ("anvil_", theirs)] {
        let node: Vec<f64> = measured.iter().filter_map(|one| one.node_cpu_us).collect();
        let client: Vec<f64> = measured.iter().filter_map(|one| one.client_cpu_us).collect();
        if !node.is_empty() {
            add(&format!("{name}_{chain}node_cpu_us"), median(node));
            add(&format!("{name}_{chain}client_cpu_us"), median(client));
        }
    }
}

/// Deploys the demo token from account 0 and gives all senders a share.
pub(crate) async fn deploy(endpoint: &Endpoint, chain_id: u64) -> Result<Address> {
    let owner = dev_signer(0)?;
    let mut nonce = endpoint.nonce(owner.address()).await?;
    let supply = U256::from(u64::MAX);
    let mut code = artifact::token()?.creation.to_vec();
    code.extend(token::constructor(owner.address(), supply));
    let creation = Call {
        to: TxKind::Create,
        value: U256::ZERO,
        gas: CREATION_GAS,
        input: code.into(),
    };
    let signed = sign(&owner, transaction(chain_id, nonce, creation))?;
    endpoint.send(&signed.raw).await?;
    let contract = owner.address().create(nonce);
    endpoint
        .wait(signed.hash, DRAIN_LIMIT)
        .await
        .wrap_err("deploying the token")?;
    for number in 1..SENDERS {
        nonce += 1;
        let share = transfer(contract, dev_signer(number)?.address(), u64::MAX / 4);
        let signed = sign(&owner, transaction(chain_id, nonce, share))?;
        endpoint.send(&signed.raw).await?;
        endpoint
            .wait(signed.hash, DRAIN_LIMIT)
            .await
            .wrap_err("sharing the token")?;
    }
    Ok(contract)
}

fn transfer(token: Address, to: Address, value: u64) -> Call {
    let input: Bytes = token::transfer(to, value);
    Call {
        to: TxKind::Call(token),
        value: U256::ZERO,
        gas: TRANSFER_GAS,
        input,
    }
}

/// Transfers of one sender to ever new holders, signed.
pub(crate) async fn prepare(
    endpoint: &Endpoint,
    chain_id: u64,
    signer: &PrivateKeySigner,
    token: Address,
    count: u64,
) -> Result<Vec<Signed>> {
    let first = endpoint.nonce(signer.address()).await?;
    (0..count)
        .map(|offset| {
            sign(
                signer,
                transaction(chain_id, first + offset, transfer(token, address(offset), 1)),
            )
        })
        .collect()
}

/// A sender, and what must be true of it when everything is in blocks.
struct Sender {
    account: Address,
    nonce_after: u64,
    tokens_after: U256,
}

/// Measures one load, from the first request to the block with the last transfer.
async fn throughput(args: &Args, shape: Shape, target: &Target) -> Result<Measured> {
    let Target {
        endpoint,
        chain_id,
        pid,
    } = target;
    let token = deploy(endpoint, *chain_id).await?;
    let (mut senders, mut loads) = (Vec::new(), Vec::new());
    for number in 0..SENDERS {
        let signer = dev_signer(number)?;
        let account = signer.address();
        let transactions = prepare(endpoint, *chain_id, &signer, token, args.transfers).await?;
        senders.push(Sender {
            account,
            nonce_after: endpoint.nonce(account).await? + args.transfers,
            tokens_after: endpoint.token_balance(token, account).await? - U256::from(args.transfers),
        });
        loads.push(Load::new(&transactions, shape));
    }
    let cpu_before = (cpu::time_of(*pid)?, cpu::time_of(std::process::id())?);
    let started = Instant::now();
    load::send(endpoint.url(), loads).await?;
    for sender in &senders {
        while endpoint.sealed_nonce(sender.account).await? < sender.nonce_after {
            if started.elapsed() > DRAIN_LIMIT * 2 {
                bail!("{} has not all its transfers in blocks", sender.account);
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
    let elapsed = started.elapsed();
    let cpu_after = (cpu::time_of(*pid)?, cpu::time_of(std::process::id())?);
    check_balances(args, endpoint, token, &senders).await?;
    let transfers = (args.transfers * u64::from(SENDERS)) as f64;
    let per_transfer = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.saturating_sub(before?).as_secs_f64() * 1e6 / transfers)
    };
    Ok(Measured {
        transfers_per_s: transfers / elapsed.as_secs_f64(),
        node_cpu_us: per_transfer(cpu_before.0, cpu_after.0),
        client_cpu_us: per_transfer(cpu_before.1, cpu_after.1),
    })
}

/// Every transfer did what it says: the senders have so much less, every holder has what all senders gave it.
async fn check_balances(args: &Args, endpoint: &Endpoint, token: Address, senders: &[Sender]) -> Result<()> {
    for sender in senders {
        let tokens = endpoint.token_balance(token, sender.account).await?;
        if tokens != sender.tokens_after {
            bail!(
                "{} has {tokens} tokens, not {}: transfers failed",
                sender.account,
                sender.tokens_after
            );
        }
    }
    let holders: Vec<Address> = (0..args.transfers).map(address).collect();
    for some in holders.chunks(BALANCES_PER_REQUEST) {
        let balances = endpoint.token_balances(token, some).await?;
        if let Some((holder, tokens)) = some
            .iter()
            .zip(balances)
            .find(|(_, tokens)| *tokens != U256::from(SENDERS))
        {
            bail!("holder {holder} has {tokens} tokens, not {SENDERS}");
        }
    }
    Ok(())
}
