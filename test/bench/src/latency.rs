//! How soon a transaction is confirmed: from sending it to having its receipt.

use std::time::{Duration, Instant};

use alloy::primitives::Address;
use eyre::{Result, bail};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{
    endpoint::Endpoint,
    throughput::{DRAIN_LIMIT, prepare},
    workload::{Signed, dev_signer},
};

/// Milliseconds from sending to receipt, sorted: `rate` token transfers a second for so many seconds.
pub(crate) async fn latency(
    l2: &Endpoint,
    chain_id: u64,
    token: Address,
    rate: u32,
    duration_secs: u32,
) -> Result<Vec<f64>> {
    let signer = dev_signer(0)?;
    let prepared = prepare(l2, chain_id, &signer, token, u64::from(rate * duration_secs)).await?;
    let (done, mut results) = mpsc::channel(prepared.len().max(1));
    let mut ticks = interval(Duration::from_secs(1) / rate.max(1));
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
