//! Simulated calls.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::{Revert, SolError},
};
use serde_json::json;

use crate::common::{COUNTER, ECHO_REVERT, LOGGER, Node, SOMEBODY, Tx, wallet};

const TARGET: Address = Address::repeat_byte(0x55);

#[tokio::test]
async fn a_revert_comes_with_code_3_reason_and_data() {
    let node = Node::start().await;
    let data = Bytes::from(Revert::from("no money").abi_encode());
    let code = json!({ TARGET.to_string(): { "code": ECHO_REVERT } });
    let call = json!({ "to": TARGET, "data": data });
    for method in ["eth_call", "eth_estimateGas"] {
        let reverted = node.failure(method, json!([call, "latest", code])).await;
        assert_eq!(
            (reverted.code, reverted.message.as_str()),
            (3, "execution reverted: no money"),
            "{method}"
        );
        assert_eq!(reverted.data, json!(data));
    }
    let bare = node
        .failure("eth_call", json!([{ "to": TARGET }, "latest", code]))
        .await;
    assert_eq!(
        (bare.code, bare.message.as_str(), bare.data),
        (3, "execution reverted", json!("0x"))
    );
}

#[tokio::test]
async fn calls_see_overrides_of_state_and_block() {
    let node = Node::start().await;
    // SLOAD(0) + NUMBER, returned.
    let code = "0x600054430160005260206000f3";
    let slot = format!("0x{:064x}", 0);
    let account = |key: &str| json!({ TARGET.to_string(): { "code": code, key: { &slot: format!("0x{:064x}", 5) } } });
    for key in ["state", "stateDiff"] {
        let params = json!([{ "to": TARGET }, "latest", account(key), { "number": "0x64" }]);
        let result = node.call("eth_call", params).await;
        assert_eq!(result, json!(format!("0x{:064x}", 105)), "{key}");
    }
    let moved = json!({ TARGET.to_string(): { "movePrecompileToAddress": SOMEBODY } });
    assert_eq!(
        node.failure("eth_call", json!([{ "to": TARGET }, "latest", moved]))
            .await
            .code,
        -32004
    );
}

#[tokio::test]
async fn calls_that_can_not_be_are_refused() {
    let node = Node::start().await;
    let poor = node
        .failure("eth_call", json!([{ "from": TARGET, "to": SOMEBODY, "value": "0x1" }]))
        .await;
    assert_eq!(poor.code, -32000);
    assert!(poor.message.starts_with("insufficient funds"), "{poor:?}");
    let both = json!([{ "to": SOMEBODY, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]);
    assert_eq!(node.failure("eth_call", both).await.code, -32602);
    let differ = json!([{ "to": SOMEBODY, "data": "0x01", "input": "0x02" }]);
    assert_eq!(node.failure("eth_call", differ).await.code, -32602);
    let other_chain = json!([{ "to": SOMEBODY, "chainId": "0x1" }]);
    assert_eq!(node.failure("eth_call", other_chain).await.code, -32602);
    let burn = json!({ TARGET.to_string(): { "code": "0x5b600056" } });
    let burnt = node
        .failure("eth_call", json!([{ "to": TARGET }, "latest", burn]))
        .await;
    assert_eq!((burnt.code, burnt.message.as_str()), (-32000, "out of gas"));
    let low = node
        .failure("eth_call", json!([{ "to": SOMEBODY, "gas": "0x5" }]))
        .await;
    assert!(low.message.starts_with("intrinsic gas too low"), "{low:?}");
}

#[tokio::test]
async fn an_estimate_is_enough_and_not_much_more() {
    let node = Node::start().await;
    let from = wallet(4).address();
    let transfer = json!([{ "from": from, "to": SOMEBODY, "value": "0x1" }]);
    assert_eq!(node.call("eth_estimateGas", transfer).await, json!("0x5208"));
    let counter = node.deploy(0, COUNTER).await;
    let estimate: U256 = serde_json::from_value(
        node.call("eth_estimateGas", json!([{ "from": from, "to": counter }]))
            .await,
    )
    .unwrap();
    let gas = estimate.to::<u64>();
    let hash = node
        .send(
            &Tx {
                gas,
                ..Tx::call(1, counter)
            }
            .sign(4),
        )
        .await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], json!("0x1"));
    let used: U256 = serde_json::from_value(receipt["gasUsed"].clone()).unwrap();
    assert!(gas < used.to::<u64>() * 103 / 100, "{gas} for {used}");

    let burn = json!({ TARGET.to_string(): { "code": "0x5b600056" } });
    let endless = node
        .failure(
            "eth_estimateGas",
            json!([{ "from": from, "to": TARGET }, "latest", burn]),
        )
        .await;
    assert!(
        endless.message.starts_with("gas required exceeds allowance"),
        "{endless:?}"
    );
    let unfunded = json!([{ "from": TARGET, "to": SOMEBODY, "value": "0x1", "gasPrice": "0xf4240" }]);
    assert_eq!(
        node.failure("eth_estimateGas", unfunded).await.message,
        "insufficient funds for transfer"
    );
}

#[tokio::test]
async fn an_access_list_names_the_touched_slots() {
    let node = Node::start().await;
    let counter = node.deploy(0, COUNTER).await;
    let list = node
        .call(
            "eth_createAccessList",
            json!([{ "from": wallet(4).address(), "to": counter }]),
        )
        .await;
    assert_eq!(list["accessList"][0]["storageKeys"], json!([format!("0x{:064x}", 0)]));
    assert!(list.get("error").is_none_or(serde_json::Value::is_null), "{list}");
}

#[tokio::test]
async fn a_simulation_chains_blocks_calls_and_overrides() {
    let node = Node::start().await;
    let logger = node.deploy(0, LOGGER).await;
    let payload = json!({
        "blockStateCalls": [
            {
                "stateOverrides": { TARGET.to_string(): { "balance": "0x64" } },
                "calls": [{ "from": TARGET, "to": SOMEBODY, "value": "0x64" }, { "from": TARGET, "to": logger }],
            },
            { "blockOverrides": { "number": "0x5" }, "calls": [{ "from": TARGET, "to": SOMEBODY, "value": "0x1" }] },
        ],
        "traceTransfers": true,
    });
    let refused = node.failure("eth_simulateV1", json!([payload, "latest"])).await;
    assert_eq!(
        refused.code, -38014,
        "the balance was spent in the block before: {refused:?}"
    );

    let payload = json!({
        "blockStateCalls": [
            {
                "stateOverrides": { TARGET.to_string(): { "balance": "0x65" } },
                "calls": [{ "from": TARGET, "to": SOMEBODY, "value": "0x64" }, { "from": TARGET, "to": logger }],
            },
            { "blockOverrides": { "number": "0x5" }, "calls": [{ "from": TARGET, "to": SOMEBODY, "value": "0x1" }] },
        ],
        "traceTransfers": true,
        "returnFullTransactions": true,
    });
    let blocks = node.call("eth_simulateV1", json!([payload, "0x1"])).await;
    let blocks = blocks.as_array().unwrap();
    let numbers: Vec<_> = blocks.iter().map(|block| block["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["0x2", "0x3", "0x4", "0x5"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    let calls = &blocks[0]["calls"];
    assert_eq!(
        calls[0]["logs"][0]["address"],
        json!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")
    );
    assert_eq!(calls[1]["logs"][0]["topics"], json!([format!("0x{:064x}", 7)]));
    assert_eq!(blocks[0]["transactions"][0]["from"], json!(TARGET));
    assert_eq!(
        node.failure("eth_simulateV1", json!([{ "blockStateCalls": [] }]))
            .await
            .code,
        -32602
    );
    let far = json!({ "blockStateCalls": [{ "blockOverrides": { "number": "0xffffff" } }] });
    assert_eq!(node.failure("eth_simulateV1", json!([far])).await.code, -38026);
}
