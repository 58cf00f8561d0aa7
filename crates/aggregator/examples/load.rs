//! Measures how many reveals a coordinator takes: starts the daemon as a process of its own on a chain that this program
//! plays, makes real reveals, and sends them, each by a connection of its own, as wallets do. A table, and one line of
//! JSON.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement ends where it fails"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use support::{daemon::Daemon, node, proofs};

/// Requests under way at the same time.
const CLIENTS: usize = 256;
/// Ticks of a processor's time a second, as the kernel counts them for programs.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().expect("usage: load CWE-AGGREGATOR [REVEALS]"));
    let count: usize = arguments.next().map_or(1_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let making = Instant::now();
    let (epoch, bodies) = tokio::task::spawn_blocking(move || proofs::prove(&proofs::keys(), node::EPOCH, count))
        .await
        .unwrap();
    println!(
        "reveals made                  {count} in {:.0} s",
        making.elapsed().as_secs_f64()
    );
    let node = node::start(epoch, folder.path()).await;
    let daemon = Daemon::start(&program, node, folder.path());
    wait_until_open(&daemon).await;

    let bodies: Vec<String> = bodies.iter().map(|body| serde_json::to_string(body).unwrap()).collect();
    let (before, started) = (cpu_secs(daemon.id()), Instant::now());
    send(&daemon, bodies.into()).await;
    let (elapsed, cpu) = (started.elapsed().as_secs_f64(), cpu_secs(daemon.id()) - before);
    let count = count as f64;
    println!("accepted a second             {:.0}", count / elapsed);
    println!("processor time of a reveal    {:.2} ms", 1e3 * cpu / count);
    println!(
        "{}",
        serde_json::json!({
            "ingress_reveals": count,
            "ingress_reveals_per_s": count / elapsed,
            "ingress_cpu_s_per_reveal": cpu / count,
            "ingress_reveals_per_s_core": count / cpu,
        })
    );
}

/// It tells of the epoch once it has seen the chain.
async fn wait_until_open(daemon: &Daemon) {
    loop {
        let url = format!("{}/batch_status/{}", daemon.url, node::EPOCH);
        if reqwest::get(url).await.unwrap().status().is_success() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn send(daemon: &Daemon, bodies: Arc<[String]>) {
    let next = Arc::new(AtomicUsize::new(0));
    let url = format!("{}/ingress", daemon.url);
    let clients = (0..CLIENTS).map(|_| {
        let (next, bodies, url) = (next.clone(), bodies.clone(), url.clone());
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = client.post(&url).header("content-type", "application/json");
                let response = request.body(body.clone()).send().await.unwrap();
                assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// Processor time of a process, all its threads together.
fn cpu_secs(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / TICKS
}
