//! Measures how fast a hub recognises over HTTP: fills a store with works as the follower and creators would, starts the
//! daemon as a process of its own on a chain that this program plays, and asks `POST /resolve` at a fixed rate. A request
//! counts from the moment it was due, so that a hub that falls behind shows. A table, and one line of JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a measurement ends where it fails"
)]

#[path = "../../fingerprint-index/examples/bench-fingerprint-index/synthetic.rs"]
mod synthetic;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, Bytes},
    rpc::types::Block,
    sol_types::SolCall,
};
use axum::{Json, Router, http::StatusCode, routing::post};
use cwe_bindings::economy::{EconomyAddresses, contracts::EpochClock};
use cwe_fingerprint::Descriptor;
use cwe_hub::{
    api::Resolution,
    chain::{BlockRef, Content, Event, Located},
    store::{Read, Store},
};
use serde_json::{Value, json};
use synthetic::{descriptor, heard, id};

const CHAIN_ID: u64 = 51_337;
const EPOCH: u64 = 3;
const TIP: BlockRef = BlockRef {
    number: 1_000,
    hash: B256::repeat_byte(0xaa),
};
/// Works that are written at once.
const BATCH: u64 = 500;
/// Different excerpts; half of them of works that the hub has.
const EXCERPTS: u64 = 400;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(
        arguments
            .next()
            .expect("usage: bench-hub CWE-HUB [WORKS] [PER_SECOND] [SECONDS]"),
    );
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (works, per_second, seconds): (u64, u64, u64) = (number(10_000), number(100), number(30));
    let folder = tempfile::tempdir().unwrap();
    println!("{}\n", synthetic::DESCRIPTION);
    let filling = Instant::now();
    fill(folder.path(), works).await;
    println!(
        "works stored                  {works} in {:.0} s",
        filling.elapsed().as_secs_f64()
    );
    let node = play_chain(folder.path()).await;
    let starting = Instant::now();
    let daemon = Daemon::start(&program, node, folder.path());
    let index_secs = starting.elapsed().as_secs_f64();
    println!("indices built, serves after   {index_secs:.1} s");
    let questions: Vec<Question> = (0..EXCERPTS).map(|number| question(number, works)).collect();
    let warmed = ask(&daemon.url, &questions, 20, 3).await;
    assert!(warmed.right > 0, "the hub recognises nothing");
    let Outcome {
        mut latencies,
        right,
        wrong,
        refused,
    } = ask(&daemon.url, &questions, per_second, seconds).await;
    assert!(!latencies.is_empty(), "the hub refused every request");
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "requests                      {} at {per_second} a second, {refused} of them refused (429)",
        latencies.len() + refused
    );
    println!("recognised rightly, wrongly   {right}, {wrong}; half of the works are not there");
    println!(
        "p50, p95, p99, max            {:.1}, {:.1}, {:.1}, {:.1} ms",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    );
    println!(
        "{}",
        json!({
            "hub_works": works,
            "hub_resolve_per_s": per_second,
            "hub_resolve_p50_ms": at(0.5),
            "hub_resolve_p95_ms": at(0.95),
            "hub_resolve_p99_ms": at(0.99),
            "hub_resolve_refused": refused,
            "hub_index_build_s": index_secs,
        })
    );
}

/// An excerpt and the work that it is of.
struct Question {
    body: Vec<u8>,
    work: B256,
}

/// What became of questions.
#[derive(Default)]
struct Outcome {
    latencies: Vec<Duration>,
    right: usize,
    wrong: usize,
    /// Told to come back later; they have no latency.
    refused: usize,
}

/// Of a work that the hub has, or of one that it has not.
fn question(number: u64, works: u64) -> Question {
    let known = number.is_multiple_of(2);
    let song = if known {
        number * works / EXCERPTS
    } else {
        works + number
    };
    let heard = heard(song, number);
    Question {
        body: heard.query.encode(),
        work: heard.work.0.into(),
    }
}

async fn fill(folder: &Path, works: u64) {
    let store = Store::open(&database(folder), &format!("{CHAIN_ID} {}", addresses().registry))
        .await
        .unwrap();
    for first in (0..works).step_by(BATCH as usize) {
        let batch = first..works.min(first + BATCH);
        let described: Vec<_> = batch
            .map(|number| (B256::from(id(number).0), descriptor(number)))
            .collect();
        let events = described
            .iter()
            .flat_map(|(work, descriptor)| registration(*work, descriptor));
        let located = events.enumerate().map(|(index, event)| Located {
            block: TIP.number,
            log_index: first * 4 + index as u64,
            event,
        });
        let read = Read {
            events: located.collect(),
            tip: TIP,
            epoch: EPOCH,
        };
        store.apply(&read).await.unwrap();
        for (work, descriptor) in &described {
            let (fp_hash, fp_id) = (descriptor.fp_hash().into(), descriptor.fp_id().0.into());
            store
                .put_descriptor(fp_hash, fp_id, &descriptor.encode(), &[*work])
                .await
                .unwrap();
        }
        // As after their turns: the indices are then built from the store at once.
        store
            .finish(&store.pending(0, None, u32::MAX).await.unwrap())
            .await
            .unwrap();
    }
}

fn registration(work: B256, descriptor: &Descriptor) -> [Event; 3] {
    let content = Content {
        content_id: work,
        manifest_id: work,
        fp_id: descriptor.fp_id().0.into(),
        fp_hash: descriptor.fp_hash().into(),
        access_classes: 2,
        shares_ppm: vec![1_000_000],
    };
    [
        Event::WorkRegistered {
            work,
            creator: B256::repeat_byte(0xcc),
        },
        Event::VersionAdded {
            work,
            version: 1,
            from_epoch: 1,
            content,
        },
        Event::TermsSet {
            work,
            from_epoch: 1,
            price_per_min: 1_500,
            region_rule: B256::ZERO,
        },
    ]
}

fn database(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("hub.db").display())
}

fn addresses() -> EconomyAddresses {
    let at = Address::repeat_byte;
    EconomyAddresses {
        l2_chain_id: CHAIN_ID,
        timelock: at(1),
        clock: at(2),
        beacon: at(3),
        parameters: at(4),
        regions: at(5),
        identity: at(6),
        creators: at(7),
        registry: at(8),
        split_pay: at(9),
        escrow: at(10),
        direct_sale: at(11),
        treasury: at(12),
        tiers: at(13),
        consumption: at(14),
        payouts: at(15),
        refunds: at(16),
    }
}

/// A node of a chain that ends with [`TIP`].
async fn play_chain(folder: &Path) -> SocketAddr {
    std::fs::write(
        folder.join("economy.json"),
        serde_json::to_string(&addresses()).unwrap(),
    )
    .unwrap();
    let answer = async |Json(request): Json<Value>| {
        let result = match request["method"].as_str().unwrap() {
            "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
            "eth_getBlockByNumber" => {
                let mut block: Block = Block::default();
                block.header.inner.number = TIP.number;
                block.header.hash = TIP.hash;
                serde_json::to_value(block).unwrap()
            }
            "eth_call" => json!(Bytes::from(EpochClock::currentEpochCall::abi_encode_returns(&EPOCH))),
            other => panic!("a hub at the end of the chain does not ask for {other}"),
        };
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/", post(answer)))
            .await
            .unwrap()
    });
    address
}

/// Asks at a fixed rate. An answer's latency counts from the moment it was due.
async fn ask(url: &str, questions: &[Question], per_second: u64, seconds: u64) -> Outcome {
    let client = reqwest::Client::new();
    let (begin, mut tasks) = (Instant::now(), tokio::task::JoinSet::new());
    for number in 0..per_second * seconds {
        let due = begin + Duration::from_secs_f64(number as f64 / per_second as f64);
        tokio::time::sleep_until(due.into()).await;
        let Question { body, work } = &questions[(number % questions.len() as u64) as usize];
        let (request, work) = (client.post(format!("{url}/resolve")).body(body.clone()), *work);
        tasks.spawn(async move {
            let response = request.send().await.unwrap();
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                return None;
            }
            assert_eq!(response.status(), StatusCode::OK);
            let resolution: Resolution = response.json().await.unwrap();
            let is_right = resolution.works.first().map(|found| found.work.work_id == work);
            Some((due.elapsed(), is_right))
        });
    }
    let mut outcome = Outcome::default();
    for answer in tasks.join_all().await {
        let Some((latency, is_right)) = answer else {
            outcome.refused += 1;
            continue;
        };
        outcome.latencies.push(latency);
        outcome.right += usize::from(is_right == Some(true));
        outcome.wrong += usize::from(is_right == Some(false));
    }
    outcome
}

/// The hub as a process; dropping it kills it.
struct Daemon {
    process: Child,
    url: String,
}

impl Daemon {
    fn start(program: &Path, node: SocketAddr, folder: &Path) -> Self {
        let settings = [
            "serve.listen=127.0.0.1:0".to_owned(),
            "ops.listen=127.0.0.1:0".into(),
            format!("serve.database={}", database(folder)),
            format!("serve.index={}", folder.join("index").display()),
            format!("l2.rpc_url=http://{node}"),
            format!("l2.economy={}", folder.join("economy.json").display()),
            format!("l2.chain_id={CHAIN_ID}"),
            "limits.network_per_second=0".into(),
            "log.filter=warn".into(),
        ];
        let mut command = Command::new(program);
        for setting in &settings {
            command.arg("--set").arg(setting);
        }
        let mut process = command
            .arg("--json")
            .env("CWE_ANSWERS__PRIVATE_KEY", format!("0x{:064x}", 1))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let serving: Value = serde_json::from_str(&line).expect("the hub does not serve");
        let url = serving["url"].as_str().unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
