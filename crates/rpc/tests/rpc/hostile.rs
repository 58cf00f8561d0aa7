//! Requests that nobody should send.

use cwe_rpc::RpcConfig;
use serde_json::{Value, json};

use crate::common::{Node, SOMEBODY};

fn code(answer: &str) -> i64 {
    serde_json::from_str::<Value>(answer).unwrap()["error"]["code"]
        .as_i64()
        .unwrap()
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let node = Node::start().await;
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":{}",
        "[".repeat(100_000)
    );
    for (body, expected) in [
        ("", -32700),
        ("nonsense", -32700),
        ("{", -32700),
        ("[1,", -32700),
        (&deep, -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_nonsense\"}", -32601),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":{\"a\":1}}",
            -32602,
        ),
    ] {
        let (_, answer) = node.post(body).await;
        assert_eq!(code(&answer), expected, "{}: {answer}", &body[..body.len().min(80)]);
    }
    assert_eq!(node.call("eth_chainId", json!([])).await, json!("0x1cbd"));
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let node = Node::start().await;
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let nested: Value = serde_json::from_str(&nested).unwrap();
    for (method, params) in [
        ("eth_getBalance", json!([])),
        ("eth_getBalance", json!(["0x12"])),
        ("eth_getBalance", json!([SOMEBODY, "yesterday"])),
        ("eth_getBalance", json!([SOMEBODY, "latest", 1])),
        ("eth_getBalance", json!([SOMEBODY, "0xffffffffffffffffffff"])),
        ("eth_getBlockByNumber", json!([true])),
        ("eth_call", json!([[]])),
        ("eth_call", json!([{ "to": "0x1" }])),
        ("eth_call", json!([{ "to": SOMEBODY, "gas": "0xffffffffffffffffff" }])),
        ("eth_getLogs", json!([{ "topics": ["0x1"] }])),
        ("eth_getLogs", json!([nested])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["latest", "-1"])),
        ("eth_getProof", json!([SOMEBODY, "0x0"])),
        ("debug_traceTransaction", json!([1])),
        ("cwe_getBatch", json!([-1])),
    ] {
        let refused = node.failure(method, params.clone()).await;
        assert_eq!(refused.code, -32602, "{method} {params}: {refused:?}");
        assert!(!refused.message.is_empty());
    }
}

#[tokio::test]
async fn sizes_are_limited() {
    let config = RpcConfig {
        max_request_bytes: 10_000,
        max_batch_length: 3,
        ..RpcConfig::default()
    };
    let node = Node::start_with(config).await;
    let (status, _) = node.post(&"x".repeat(20_000)).await;
    assert_eq!(status, 413);
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let batch = |length: usize| Value::from(vec![request.clone(); length]).to_string();
    let (_, answers) = node.post(&batch(3)).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&answers).unwrap().len(), 3);
    let (_, refused) = node.post(&batch(4)).await;
    assert!(code(&refused) < 0, "{refused}");
    let (_, empty) = node.post("[]").await;
    assert_eq!(code(&empty), -32600);
    let (_, mixed) = node
        .post(&json!([1, request, { "jsonrpc": "2.0", "id": 2, "method": "no" }]).to_string())
        .await;
    let mixed: Vec<Value> = serde_json::from_str(&mixed).unwrap();
    let codes: Vec<_> = mixed.iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [Some(-32600), None, Some(-32601)]);
}

#[tokio::test]
async fn only_json_is_taken_and_only_from_allowed_hosts_and_origins() {
    let config = RpcConfig {
        allowed_hosts: vec!["localhost:*".into()],
        cors_origins: vec!["https://wallet.example".into()],
        ..RpcConfig::default()
    };
    let node = Node::start_with(config).await;
    let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"}";
    let json_type = "content-type: application/json\r\n";
    let ask = |headers: String| {
        let node = &node;
        async move { node.request("POST", &headers, body).await }
    };
    assert_eq!(ask(format!("host: localhost:1\r\n{json_type}")).await.0, 200);
    assert_eq!(ask(format!("host: evil.example\r\n{json_type}")).await.0, 403);
    assert_eq!(
        ask("host: localhost\r\ncontent-type: text/plain\r\n".into()).await.0,
        415
    );
    assert_eq!(node.request("GET", "host: localhost\r\n", "").await.0, 405);
    let origin = |origin: &str| ask(format!("host: localhost\r\n{json_type}origin: {origin}\r\n"));
    let allowed = "access-control-allow-origin: https://wallet.example";
    assert!(origin("https://wallet.example").await.1.contains(allowed));
    assert!(
        !origin("https://evil.example")
            .await
            .1
            .contains("access-control-allow-origin")
    );
}

#[tokio::test]
async fn a_client_that_asks_too_fast_is_slowed() {
    let config = RpcConfig {
        rate_limit_per_s: 1,
        rate_limit_burst: 2,
        rate_limit_loopback: true,
        ..RpcConfig::default()
    };
    let node = Node::start_with(config).await;
    node.call("eth_chainId", json!([])).await;
    node.call("eth_chainId", json!([])).await;
    let slowed = node.failure("eth_chainId", json!([])).await;
    assert_eq!(slowed.code, -32005, "{slowed:?}");
}

#[tokio::test]
async fn debug_can_be_switched_off() {
    let node = Node::start_with(RpcConfig {
        debug: false,
        ..RpcConfig::default()
    })
    .await;
    assert_eq!(node.failure("debug_traceTransaction", json!([])).await.code, -32601);
}

#[tokio::test]
async fn a_stopped_server_frees_its_address_in_time() {
    let node = Node::start().await;
    let url = format!("ws://{}", node.address);
    let _idle = jsonrpsee::ws_client::WsClientBuilder::default()
        .build(url)
        .await
        .unwrap();
    let address = node.address;
    let started = std::time::Instant::now();
    node.stop(std::time::Duration::from_secs(5)).await;
    assert!(
        started.elapsed() < std::time::Duration::from_secs(4),
        "an idle connection must not hold the server"
    );
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
