//! The daemons against a real L1.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at anything unexpected"
)]

mod support;

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    providers::ext::AnvilApi,
};
use cwe_bridge::DataPolicy;
use cwe_sequencer::{run_full_node, run_sequencer};
use support::{Setup, all_posted, balance, block, eventually, poster, transfer};
use tokio_util::sync::CancellationToken;

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_rebuilds_the_chain_from_blobs_and_follows_a_reorganised_l1() {
    let setup = Setup::new().await;
    let sequencer = run_sequencer(setup.sequencer(DataPolicy::Auto), CancellationToken::new())
        .await
        .unwrap();

    setup.deposit(ALICE, U256::from(1_000)).await;
    eventually("the deposit is on L2", async || {
        balance(&sequencer.chain, ALICE) == U256::from(1_000)
    })
    .await;
    for _ in 0..5 {
        transfer(&sequencer.chain, BOB, 1).await;
    }
    all_posted(&sequencer).await;
    assert!(setup.committed().await >= 1);

    let node = run_full_node(setup.node(), CancellationToken::new()).await.unwrap();
    let safe = sequencer.chain.heads().safe;
    eventually("the node has the safe blocks", async || {
        node.chain.heads().latest >= safe
    })
    .await;
    assert_eq!(block(&node.chain, safe), block(&sequencer.chain, safe));
    assert_eq!(balance(&node.chain, ALICE), U256::from(1_000));

    // The reorganisation drops the next batch; it must come again.
    let before = setup.committed().await;
    let fork = setup.l1.anvil_snapshot().await.unwrap();
    transfer(&sequencer.chain, BOB, 1).await;
    eventually("another batch is on L1", async || setup.committed().await > before).await;
    eventually("the node has it", async || node.chain.heads().latest > safe).await;
    setup.l1.anvil_set_auto_mine(false).await.unwrap();
    assert!(setup.l1.anvil_revert(fork).await.unwrap());
    let committed = setup.committed().await;
    assert_eq!(committed, before, "the reorganisation drops the last batch");
    setup.l1.anvil_mine(Some(1), None).await.unwrap();
    setup.l1.anvil_set_auto_mine(true).await.unwrap();
    let posted_again = async || {
        // A transaction that came while mining was off waits for the next block.
        setup.l1.anvil_mine(Some(1), None).await.unwrap();
        setup.committed().await > before
    };
    eventually("the batch is posted again", posted_again).await;

    transfer(&sequencer.chain, BOB, 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    all_posted(&sequencer).await;
    let safe = sequencer.chain.heads().safe;
    eventually("the node follows", async || node.chain.heads().latest >= safe).await;
    assert_eq!(block(&node.chain, safe), block(&sequencer.chain, safe));
    assert_eq!(balance(&node.chain, BOB), U256::from(7));
    node.stop().await.unwrap();
    sequencer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_in_calldata_survive_restart_outage_empty_account_and_a_stuck_transaction() {
    let setup = Setup::new().await;
    let config = setup.sequencer(DataPolicy::Calldata);
    let sequencer = run_sequencer(config.clone(), CancellationToken::new()).await.unwrap();
    transfer(&sequencer.chain, BOB, 1).await;
    eventually("a batch is on L1", async || setup.committed().await == 1).await;

    let error = run_sequencer(config.clone(), CancellationToken::new())
        .await
        .err()
        .unwrap();
    assert!(format!("{error:#}").contains("in use by process"), "{error:#}");

    // An L1 that hangs: L2 goes on, and catches up afterwards.
    setup.anvil.freeze();
    let latest = sequencer.chain.heads().latest;
    transfer(&sequencer.chain, BOB, 1).await;
    eventually("L2 makes blocks without L1", async || {
        sequencer.chain.heads().latest > latest
    })
    .await;
    setup.anvil.thaw();
    all_posted(&sequencer).await;

    // A transaction that waits too long is outbid by the next.
    setup.l1.anvil_set_auto_mine(false).await.unwrap();
    let nonce = setup.poster_nonce().await;
    transfer(&sequencer.chain, BOB, 1).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(setup.poster_nonce().await, nonce);
    // The restart happens while it waits.
    let (number, before) = (sequencer.chain.heads().latest, setup.committed().await);
    let hash = block(&sequencer.chain, number);
    sequencer.stop().await.unwrap();
    let sequencer = run_sequencer(config, CancellationToken::new()).await.unwrap();
    assert_eq!(block(&sequencer.chain, number), hash);
    tokio::time::sleep(Duration::from_secs(2)).await;
    setup.l1.anvil_set_auto_mine(true).await.unwrap();
    setup.l1.anvil_mine(Some(1), None).await.unwrap();
    eventually("the batch is on L1 once", async || setup.committed().await > before).await;
    all_posted(&sequencer).await;

    // Without ETH nothing is posted; with ETH again it is.
    setup.l1.anvil_set_balance(poster(), U256::ZERO).await.unwrap();
    let before = setup.committed().await;
    transfer(&sequencer.chain, BOB, 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(setup.committed().await, before);
    setup
        .l1
        .anvil_set_balance(poster(), U256::from(10).pow(U256::from(19)))
        .await
        .unwrap();
    eventually("the batch is on L1", async || setup.committed().await > before).await;

    let node = run_full_node(setup.node(), CancellationToken::new()).await.unwrap();
    all_posted(&sequencer).await;
    let safe = sequencer.chain.heads().safe;
    eventually("the node has the safe blocks", async || {
        node.chain.heads().latest >= safe
    })
    .await;
    assert_eq!(block(&node.chain, safe), block(&sequencer.chain, safe));
    assert_eq!(balance(&node.chain, BOB), U256::from(4));
    node.stop().await.unwrap();
    sequencer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_that_is_not_ours_or_takes_back_an_executed_message_stops_the_sequencer() {
    let setup = Setup::new().await;
    let start = async |change: fn(&mut cwe_sequencer::Config)| {
        let mut config = setup.sequencer(DataPolicy::Auto);
        change(&mut config);
        let error = run_sequencer(config, CancellationToken::new())
            .await
            .err()
            .expect("refused");
        format!("{error:#}")
    };
    let error = start(|config| config.l1.chain_id = 1).await;
    assert!(
        error.contains("has chain id 31337") && error.contains("l1.chain_id = 1"),
        "{error}"
    );
    let error = start(|config| config.l1.rollup = Address::repeat_byte(9)).await;
    assert!(error.contains("no contract at l1.rollup"), "{error}");
    let error = start(|config| config.l1.inbox = config.l1.rollup).await;
    assert!(error.contains("uses the inbox"), "{error}");

    let mut sequencer = run_sequencer(setup.sequencer(DataPolicy::Auto), CancellationToken::new())
        .await
        .unwrap();
    let before = setup.l1_head().await;
    setup.message(b"first").await;
    let executed = async || {
        let snapshot = sequencer.chain.db().latest().unwrap();
        snapshot.queue_after(snapshot.number()).unwrap().unwrap().next_index == 1
    };
    eventually("the message is executed", executed).await;
    let depth = setup.l1_head().await - before;
    setup.l1.anvil_rollback(Some(depth)).await.unwrap();
    setup.message(b"another").await;
    setup.l1.anvil_mine(Some(depth + 1), None).await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(30), sequencer.wait())
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        error.to_string().contains("reorganised below the confirmation depth"),
        "{error}"
    );
    sequencer.stop().await.unwrap();
}
