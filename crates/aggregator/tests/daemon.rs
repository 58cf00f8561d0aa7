//! The daemon as its users have it: a process that is killed.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::{path::Path, time::Duration};

use cwe_aggregator::{Receipt, receipt};
use cwe_wallet::messages::RevealBody;
use support::{daemon::Daemon, node, proofs};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cwe-aggregator");

/// Sends a reveal until it is taken: at first the daemon has not seen the chain.
async fn send(daemon: &Daemon, body: &RevealBody) -> Receipt {
    let client = reqwest::Client::new();
    for _ in 0..200 {
        let response = client
            .post(format!("{}/ingress", daemon.url))
            .json(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        match status {
            200 => return response.json().await.unwrap(),
            425 | 503 => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => panic!("{status}: {}", response.text().await.unwrap()),
        }
    }
    panic!(
        "the reveal was never taken: {}",
        std::fs::read_to_string(&daemon.log).unwrap()
    );
}

async fn accepted(daemon: &Daemon) -> u64 {
    for _ in 0..200 {
        let response = reqwest::get(format!("{}/batch_status/{}", daemon.url, node::EPOCH))
            .await
            .unwrap();
        if response.status().is_success() {
            let status: serde_json::Value = response.json().await.unwrap();
            return status["accepted"].as_u64().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the epoch is never told of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_outlives_the_process_that_gave_it_and_nothing_of_a_reveal_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (epoch, bodies) = proofs::prove(&proofs::keys(), node::EPOCH, 3);
    let node = node::start(epoch, folder.path()).await;
    let start = || Daemon::start(Path::new(PROGRAM), node, folder.path());

    let daemon = start();
    let mut receipts = Vec::new();
    for body in &bodies[..2] {
        receipts.push(send(&daemon, body).await);
    }
    drop(daemon);

    let daemon = start();
    assert_eq!(accepted(&daemon).await, 2);
    for (body, receipt) in bodies.iter().zip(&receipts) {
        assert_eq!(send(&daemon, body).await, *receipt, "the same receipt");
        receipt
            .check(&receipt::domain(node::CHAIN_ID, node::payouts()))
            .unwrap();
    }
    let other = RevealBody {
        units: bodies[0].units + 1,
        ..bodies[0].clone()
    };
    let url = format!("{}/ingress", daemon.url);
    let refused = reqwest::Client::new().post(url).json(&other).send().await.unwrap();
    assert_eq!(refused.status(), 409, "the nullifier is still known");
    send(&daemon, &bodies[2]).await;

    let log = std::fs::read_to_string(&daemon.log).unwrap();
    assert!(log.contains("takes reveals"), "{log}");
    for body in &bodies {
        for secret in [
            body.nullifier.to_string(),
            body.work_id.to_string(),
            body.proof.to_string()[..40].to_owned(),
        ] {
            assert!(!log.contains(&secret[2..]), "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_never_ends_its_request_is_closed_and_others_are_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let epoch = proofs::Epoch {
        key: 5.into(),
        tier: proofs::work(9),
        note_root: 6.into(),
    };
    let node = node::start(epoch, folder.path()).await;
    let daemon = Daemon::start_with(Path::new(PROGRAM), node, folder.path(), &["limits.connection_secs=1"]);
    let address = daemon.url.trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.unwrap();
    slow.write_all(b"POST /ingress HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    accepted(&daemon).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), slow.read(&mut [0; 64])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    accepted(&daemon).await;
}
