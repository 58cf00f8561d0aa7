//! Traces, raw encodings, witnesses.

use alloy::{
    consensus::Header,
    primitives::{B256, Bytes, keccak256},
    rlp::Decodable,
};
use cwe_rpc::RpcConfig;
use serde_json::json;

use crate::common::{COUNTER, Node, SOMEBODY, Tx};

#[tokio::test]
async fn a_transaction_is_traced_on_the_state_that_it_ran_on() {
    let node = Node::start().await;
    let counter = node.deploy(0, COUNTER).await;
    node.send(&Tx::call(1, counter).sign(4)).await;
    let second = node.send(&Tx::call(2, counter).sign(4)).await;
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let open = node.call("debug_traceTransaction", json!([second, diff])).await;
    let block = node.seal().await;
    let sealed = node.call("debug_traceTransaction", json!([second, diff])).await;
    assert_eq!(open, sealed);
    let account = counter.to_string().to_lowercase();
    let slot = format!("0x{:064x}", 0);
    assert_eq!(
        sealed["pre"][&account]["storage"][&slot],
        json!(format!("0x{:064x}", 1))
    );
    assert_eq!(
        sealed["post"][&account]["storage"][&slot],
        json!(format!("0x{:064x}", 2))
    );

    let call = node
        .call("debug_traceTransaction", json!([second, { "tracer": "callTracer" }]))
        .await;
    let receipt = node.call("eth_getTransactionReceipt", json!([second])).await;
    assert_eq!(
        (&call["type"], &call["to"], &call["gasUsed"]),
        (&json!("CALL"), &json!(account), &receipt["gasUsed"])
    );
    let steps = node.call("debug_traceTransaction", json!([second])).await;
    assert_eq!(
        (&steps["failed"], &steps["structLogs"][0]["op"]),
        (&json!(false), &json!("PUSH1"))
    );
    assert_eq!(
        node.call("debug_traceTransaction", json!([second, { "tracer": "noopTracer" }]))
            .await,
        json!({})
    );
    assert_eq!(
        node.call("debug_traceTransaction", json!([second, { "tracer": "4byteTracer" }]))
            .await,
        json!({})
    );

    let by_number = node
        .call(
            "debug_traceBlockByNumber",
            json!(["latest", { "tracer": "callTracer" }]),
        )
        .await;
    assert_eq!(
        by_number,
        node.call("debug_traceBlockByHash", json!([block, { "tracer": "callTracer" }]))
            .await
    );
    assert_eq!(by_number[1], json!({ "result": call, "txHash": second }));
}

#[tokio::test]
async fn a_call_is_traced_without_being_sent() {
    let node = Node::start().await;
    let trace = node
        .call(
            "debug_traceCall",
            json!([{ "to": SOMEBODY }, "latest", { "tracer": "callTracer" }]),
        )
        .await;
    assert_eq!(trace["gasUsed"], json!("0x5208"));
    let unknown = node
        .failure(
            "debug_traceCall",
            json!([{ "to": SOMEBODY }, "latest", { "tracer": "{step: 1}" }]),
        )
        .await;
    assert_eq!(unknown.code, -32602, "{unknown:?}");
    assert_eq!(
        node.failure("debug_traceBlockByNumber", json!(["0x0"])).await.message,
        "genesis is not traceable"
    );
    assert_eq!(
        node.failure("debug_traceTransaction", json!([B256::ZERO])).await.code,
        -32001
    );
}

#[tokio::test]
async fn a_trace_that_grows_too_large_is_stopped() {
    let node = Node::start_with(RpcConfig {
        max_trace_bytes: 10_000,
        ..RpcConfig::default()
    })
    .await;
    let burn = json!({ "stateOverrides": { SOMEBODY.to_string(): { "code": "0x5b600056" } } });
    let stopped = node
        .failure("debug_traceCall", json!([{ "to": SOMEBODY }, "latest", burn]))
        .await;
    assert_eq!(stopped.code, -32002, "{stopped:?}");
}

#[tokio::test]
async fn raw_parts_hash_to_what_the_block_says() {
    let node = Node::start().await;
    let tx = node.send(&Tx::transfer(0).sign(1)).await;
    let hash = node.seal().await;
    let raw = |value: serde_json::Value| serde_json::from_value::<Bytes>(value).unwrap();
    let header = raw(node.call("debug_getRawHeader", json!(["latest"])).await);
    assert_eq!(keccak256(&header).to_string(), hash);
    let block = raw(node.call("debug_getRawBlock", json!([hash])).await);
    let decoded = cwe_primitives::Block::decode(&mut &block[..]).unwrap();
    assert_eq!(decoded.header.hash_slow().to_string(), hash);
    let transaction = raw(node.call("debug_getRawTransaction", json!([tx])).await);
    assert_eq!(keccak256(&transaction).to_string(), tx);
    let receipts = node.call("debug_getRawReceipts", json!(["latest"])).await;
    assert_eq!(raw(receipts[0].clone())[0], 2);
}

#[tokio::test]
async fn a_witness_has_the_parent_header_and_state_nodes() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    node.seal().await;
    let witness = node.call("debug_executionWitness", json!(["latest"])).await;
    let headers: Vec<Bytes> = serde_json::from_value(witness["headers"].clone()).unwrap();
    let parent = Header::decode(&mut &headers.last().unwrap()[..]).unwrap();
    let nodes: Vec<Bytes> = serde_json::from_value(witness["state"].clone()).unwrap();
    assert!(nodes.iter().any(|node| keccak256(node) == parent.state_root));
}
