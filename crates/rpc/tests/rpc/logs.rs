//! Logs, filters, subscriptions.

use std::time::Duration;

use cwe_rpc::RpcConfig;
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};

use crate::common::{LOGGER, Node, Tx};

fn topic() -> String {
    format!("0x{:064x}", 7)
}

#[tokio::test]
async fn logs_are_found_by_range_hash_address_and_topic() {
    let node = Node::start().await;
    let logger = node.deploy(0, LOGGER).await;
    node.send(&Tx::call(1, logger).sign(4)).await;
    node.send(&Tx::call(2, logger).sign(4)).await;
    let hash = node.seal().await;
    let found = node
        .call(
            "eth_getLogs",
            json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": logger }]),
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(
        (&found[1]["logIndex"], &found[1]["transactionIndex"]),
        (&json!("0x1"), &json!("0x1"))
    );
    assert_eq!(found[0]["data"], json!(format!("0x{:064x}", 42)));
    assert_eq!(
        found,
        node.call("eth_getLogs", json!([{ "blockHash": hash, "topics": [topic()] }]))
            .await
    );
    let none = json!([{ "fromBlock": "0x0", "topics": [format!("0x{:064x}", 8)] }]);
    assert_eq!(node.call("eth_getLogs", none).await, json!([]));
    assert_eq!(
        node.failure("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]))
            .await
            .code,
        -32602
    );
}

#[tokio::test]
async fn a_log_query_is_bounded_in_blocks_and_results() {
    let config = RpcConfig {
        max_log_blocks: 2,
        max_logs: 1,
        ..RpcConfig::default()
    };
    let node = Node::start_with(config).await;
    let logger = node.deploy(0, LOGGER).await;
    node.send(&Tx::call(1, logger).sign(4)).await;
    node.send(&Tx::call(2, logger).sign(4)).await;
    node.seal().await;
    let wide = node
        .failure("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "0x2" }]))
        .await;
    let many = node
        .failure("eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x2" }]))
        .await;
    assert_eq!((wide.code, many.code), (-32005, -32005), "{wide:?} {many:?}");
}

#[tokio::test]
async fn filters_report_each_thing_once() {
    let node = Node::start().await;
    let logger = node.deploy(0, LOGGER).await;
    let logs = node.call("eth_newFilter", json!([{ "address": logger }])).await;
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    let arrivals = node.call("eth_newPendingTransactionFilter", json!([])).await;
    let tx = node.send(&Tx::call(1, logger).sign(4)).await;
    let block = node.seal().await;
    let changes = |id: &Value| node.call("eth_getFilterChanges", json!([id]));
    assert_eq!(changes(&logs).await[0]["transactionHash"], json!(tx));
    assert_eq!(changes(&blocks).await, json!([block]));
    assert_eq!(changes(&arrivals).await, json!([tx]));
    for id in [&logs, &blocks, &arrivals] {
        assert_eq!(changes(id).await, json!([]));
        assert_eq!(node.call("eth_uninstallFilter", json!([id])).await, json!(true));
        assert_eq!(
            node.failure("eth_getFilterChanges", json!([id])).await.message,
            "filter not found"
        );
    }
}

async fn client(node: &Node) -> WsClient {
    WsClientBuilder::default()
        .build(format!("ws://{}", node.address))
        .await
        .unwrap()
}

async fn next(subscription: &mut Subscription<Value>) -> Value {
    tokio::time::timeout(Duration::from_secs(10), subscription.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn subscribers_hear_of_arrivals_blocks_and_logs() {
    let node = Node::start().await;
    let logger = node.deploy(0, LOGGER).await;
    let client = client(&node).await;
    let subscribe = |params| client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe");
    let mut heads = subscribe(rpc_params!["newHeads"]).await.unwrap();
    let mut logs = subscribe(rpc_params!["logs", json!({ "topics": [topic()] })])
        .await
        .unwrap();
    let mut arrivals = subscribe(rpc_params!["newPendingTransactions"]).await.unwrap();
    let mut syncing = subscribe(rpc_params!["syncing"]).await.unwrap();
    let tx = node.send(&Tx::call(1, logger).sign(4)).await;
    assert_eq!(next(&mut arrivals).await, json!(tx));
    let block = node.seal().await;
    assert_eq!(next(&mut heads).await["hash"], json!(block));
    let log = next(&mut logs).await;
    assert_eq!(
        (&log["transactionHash"], &log["blockHash"]),
        (&json!(tx), &json!(block))
    );
    assert_eq!(next(&mut syncing).await, json!(false));
    assert!(subscribe(rpc_params!["nonsense"]).await.is_err());
    node.seal().await;
    assert_eq!(next(&mut heads).await["number"], json!("0x3"));
}

#[tokio::test]
async fn subscriptions_need_a_websocket_and_are_bounded() {
    let config = RpcConfig {
        max_subscriptions_per_connection: 1,
        ..RpcConfig::default()
    };
    let node = Node::start_with(config).await;
    let refused = node.failure("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (-32601, "notifications not supported")
    );
    let client = client(&node).await;
    let subscribe = || client.subscribe::<Value, _>("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe");
    let first = subscribe().await.unwrap();
    assert!(subscribe().await.is_err());
    first.unsubscribe().await.unwrap();
    assert!(subscribe().await.is_ok());
}
