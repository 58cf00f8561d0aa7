//! `bench rpc`: how soon a transaction is confirmed, and how many token transfers a second go through JSON-RPC.
//!
//! The load is the same for both chains: two accounts, transactions signed beforehand, a fixed number of requests of each
//! account under way at a time. Both chains make blocks every second and have a block gas limit that binds neither.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use eyre::{Result, WrapErr, bail};
use serde::Serialize;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    artifact,
    endpoint::Endpoint,
    program::{Devnet, start_anvil},
    report::{figure, percentile, publish},
    token,
    workload::{Call, Signed, TRANSFER_GAS, address, dev_signer, sign, transaction},
};

const ANVIL_CHAIN_ID: u64 = 31_337;
const SENDERS: u32 = 2;
const CREATION_GAS: u64 = 3_000_000;
/// Longest wait until everything sent is in blocks.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// Block gas limit of both chains: out of reach, so that it is not what is measured.
pub(crate) const GAS_LIMIT: u64 = 1_000_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Transactions per second while latency is measured
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds for which latency is measured
    #[arg(long, default_value_t = 20)]
    latency_secs: u32,
    /// Token transfers sent by each of the two senders
    #[arg(long, default_value_t = 20_000)]
    transfers: u64,
    /// Requests of each sender under way at a time
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    confirm_p50_ms: f64,
    confirm_p95_ms: f64,
    confirm_max_ms: f64,
    confirm_rate_per_s: u32,
    confirm_samples: usize,
    transfers_per_s: f64,
    anvil_transfers_per_s: f64,
    times_anvil: f64,
    transfers_per_sender: u64,
    in_flight_per_sender: usize,
}

/// Runs the benchmark.
pub(crate) async fn run(args: &Args, cwe: &Path, out: &Path) -> Result<()> {
    println!(
        "latency: {} transactions a second for {} s",
        args.rate, args.latency_secs
    );
    let gas_limit = ["--gas-limit".to_owned(), GAS_LIMIT.to_string()];
    let devnet = Devnet::start(cwe, &gas_limit).await?;
    let l2 = Endpoint::new(&devnet.network.l2_rpc)?;
    let chain_id = devnet.network.l2_chain_id;
    let token = deploy(&l2, chain_id).await?;
    let latencies = latency(args, &l2, chain_id, token).await?;

    println!(
        "throughput: {SENDERS} senders, {} transfers each, on the rollup",
        args.transfers
    );
    let ours = throughput(args, &l2, chain_id, token).await?;
    devnet.stop().await?;

    println!("the same on anvil");
    let (mut anvil, url) = start_anvil(GAS_LIMIT).await?;
    let l1 = Endpoint::new(&url)?;
    let token = deploy(&l1, ANVIL_CHAIN_ID).await?;
    let theirs = throughput(args, &l1, ANVIL_CHAIN_ID, token).await?;
    anvil.kill().await?;

    let figures = Figures {
        confirm_p50_ms: figure(percentile(&latencies, 0.50)),
        confirm_p95_ms: figure(percentile(&latencies, 0.95)),
        confirm_max_ms: figure(percentile(&latencies, 1.0)),
        confirm_rate_per_s: args.rate,
        confirm_samples: latencies.len(),
        transfers_per_s: figure(ours),
        anvil_transfers_per_s: figure(theirs),
        times_anvil: figure(ours / theirs),
        transfers_per_sender: args.transfers,
        in_flight_per_sender: args.in_flight,
    };
    publish(out, "rpc", &figures)
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
async fn prepare(
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

/// Milliseconds from sending to receipt, sorted.
async fn latency(args: &Args, l2: &Endpoint, chain_id: u64, token: Address) -> Result<Vec<f64>> {
    let signer = dev_signer(0)?;
    let prepared = prepare(l2, chain_id, &signer, token, u64::from(args.rate * args.latency_secs)).await?;
    let (done, mut results) = mpsc::channel(prepared.len().max(1));
    let mut ticks = interval(Duration::from_secs(1) / args.rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for signed in prepared {
        ticks.tick().await;
        let (l2, done) = (l2.clone(), done.clone());
        tokio::spawn(async move {
            // The channel holds all results, so sending never waits and never fails before the end.
            let _ = done.send(confirm(&l2, &signed).await).await;
        });
    }
    drop(done);
    let mut latencies = Vec::new();
    while let Some(result) = results.recv().await {
        latencies.push(result?);
    }
    latencies.sort_by(f64::total_cmp);
    Ok(latencies)
}

async fn confirm(l2: &Endpoint, signed: &Signed) -> Result<f64> {
    let started = Instant::now();
    l2.send(&signed.raw).await?;
    while l2.receipt(signed.hash).await?.is_none() {
        if started.elapsed() > DRAIN_LIMIT {
            bail!("{} was acknowledged and has no receipt", signed.hash);
        }
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

/// Transfers a second, from the first request to the block with the last transfer.
async fn throughput(args: &Args, endpoint: &Endpoint, chain_id: u64, token: Address) -> Result<f64> {
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let signer = dev_signer(number)?;
        let first = endpoint.nonce(signer.address()).await?;
        let prepared = prepare(endpoint, chain_id, &signer, token, args.transfers).await?;
        senders.push((signer.address(), first + args.transfers, prepared));
    }
    let started = Instant::now();
    let mut load = JoinSet::new();
    let mut targets = Vec::new();
    for (account, target, prepared) in senders {
        targets.push((account, target));
        load.spawn(send_all(endpoint.clone(), prepared, args.in_flight));
    }
    while let Some(sent) = load.join_next().await {
        sent.wrap_err("a sender")??;
    }
    for (account, target) in targets {
        while endpoint.sealed_nonce(account).await? < target {
            if started.elapsed() > DRAIN_LIMIT * 2 {
                bail!("{account} has not all its transfers in blocks");
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
    let sent = args.transfers * u64::from(SENDERS);
    Ok(sent as f64 / started.elapsed().as_secs_f64())
}

/// Sends transactions in order, with so many requests under way.
async fn send_all(endpoint: Endpoint, prepared: Vec<Signed>, in_flight: usize) -> Result<()> {
    let slots = Arc::new(Semaphore::new(in_flight.max(1)));
    let mut requests: JoinSet<Result<()>> = JoinSet::new();
    for signed in prepared {
        let slot = slots.clone().acquire_owned().await?;
        let endpoint = endpoint.clone();
        requests.spawn(async move {
            endpoint.send(&signed.raw).await?;
            drop(slot);
            Ok(())
        });
        while let Some(finished) = requests.try_join_next() {
            finished??;
        }
    }
    while let Some(finished) = requests.join_next().await {
        finished??;
    }
    Ok(())
}
