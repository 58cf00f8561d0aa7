//! Sending transactions, and being refused.

use alloy::{
    eips::eip2718::Encodable2718,
    primitives::{Bytes, U256},
};
use cwe_primitives::{L1Message, TxEnvelope};
use serde_json::{Value, json};

use crate::common::{Node, Tx, wallet};

fn raw(tx: &TxEnvelope) -> Bytes {
    tx.encoded_2718().into()
}

#[tokio::test]
async fn the_synchronous_send_answers_with_the_receipt() {
    let node = Node::start().await;
    let tx = Tx::transfer(0).sign(1);
    let receipt = node.call("eth_sendRawTransactionSync", json!([raw(&tx)])).await;
    assert_eq!(
        (&receipt["transactionHash"], &receipt["status"]),
        (&json!(tx.hash()), &json!("0x1"))
    );
    let gapped = Tx::transfer(5).sign(1);
    let late = node
        .failure("eth_sendRawTransactionSync", json!([raw(&gapped), 50]))
        .await;
    assert_eq!((late.code, late.data), (4, json!(gapped.hash())));
}

#[tokio::test]
async fn refused_transactions_get_geths_words() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    node.send(&Tx::transfer(3).sign(1)).await;
    let blob = Bytes::from_static(&[0x03, 0xc0]);
    let message = raw(&TxEnvelope::from(L1Message::default()));
    let rich = U256::from(10).pow(U256::from(22));
    let table = [
        (raw(&Tx::transfer(0).sign(1)), "already known"),
        (
            raw(&Tx {
                value: U256::from(7),
                ..Tx::transfer(0)
            }
            .sign(1)),
            "nonce too low",
        ),
        (
            raw(&Tx {
                value: U256::from(7),
                ..Tx::transfer(3)
            }
            .sign(1)),
            "replacement transaction underpriced",
        ),
        (
            raw(&Tx {
                chain_id: 1,
                ..Tx::transfer(1)
            }
            .sign(1)),
            "invalid chain id for signer",
        ),
        (
            raw(&Tx {
                fee: 1,
                ..Tx::transfer(1)
            }
            .sign(1)),
            "transaction underpriced",
        ),
        (
            raw(&Tx {
                value: rich,
                ..Tx::transfer(1)
            }
            .sign(1)),
            "insufficient funds for gas * price + value",
        ),
        (
            raw(&Tx {
                gas: 20_000,
                ..Tx::transfer(1)
            }
            .sign(1)),
            "intrinsic gas too low",
        ),
        (
            raw(&Tx {
                gas: 40_000_000,
                ..Tx::transfer(1)
            }
            .sign(1)),
            "exceeds block gas limit",
        ),
        (
            raw(&Tx::transfer(0).sign(9)),
            "insufficient funds for gas * price + value",
        ),
        (blob, "transaction type not supported"),
        (message, "transaction type not supported"),
    ];
    for (bytes, text) in table {
        let refused = node.failure("eth_sendRawTransaction", json!([bytes])).await;
        assert_eq!(refused.code, -32000, "{text}: {refused:?}");
        assert!(refused.message.starts_with(text), "{text}: {refused:?}");
    }
    for garbage in ["0x", "0xc0", "0x02", "0x02c0", "0xffffffff"] {
        let refused = node.failure("eth_sendRawTransaction", json!([garbage])).await;
        assert_eq!(refused.code, -32000, "{garbage}: {refused:?}");
    }
    assert_eq!(
        node.failure("eth_sendRawTransaction", json!(["0xzz"])).await.code,
        -32602
    );
}

#[tokio::test]
async fn waiting_transactions_are_shown_by_sender_and_nonce() {
    let node = Node::start().await;
    let waiting = node.send(&Tx::transfer(2).sign(1)).await;
    let sender = wallet(1).address();
    assert_eq!(
        node.call("txpool_status", json!([])).await,
        json!({ "pending": "0x0", "queued": "0x1" })
    );
    let from = node.call("txpool_contentFrom", json!([sender])).await;
    assert_eq!(from["queued"]["2"]["hash"], json!(waiting));
    let content = node.call("txpool_content", json!([])).await;
    let of_sender = content["queued"].as_object().unwrap().values().next().unwrap();
    assert_eq!(of_sender["2"]["blockHash"], json!(null));
    let inspect = node.call("txpool_inspect", json!([])).await.to_string();
    assert!(inspect.contains("1 wei + 21000 gas × 2000000 wei"), "{inspect}");
    assert_eq!(
        node.call("eth_getTransactionByHash", json!([waiting])).await["blockNumber"],
        json!(null)
    );
    let raw_bytes = node.call("eth_getRawTransactionByHash", json!([waiting])).await;
    assert_eq!(raw_bytes, json!(raw(&Tx::transfer(2).sign(1))));
}

#[tokio::test]
async fn a_batch_submits_in_order_and_answers_each_call_for_itself() {
    let node = Node::start().await;
    let [first, second] = [Tx::transfer(0).sign(1), Tx::transfer(1).sign(1)];
    let call = |id: u64, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let send = |id: u64, params: Value| call(id, "eth_sendRawTransaction", params);
    let batch = json!([
        send(7, json!([raw(&first)])),
        send(8, json!([])),
        send(9, json!([raw(&first)])),
        send(10, json!([raw(&second)])),
        call(11, "eth_getTransactionReceipt", json!([second.hash()])),
        { "jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": [raw(&Tx::transfer(2).sign(1))] },
        call(12, "eth_getTransactionCount", json!([wallet(1).address(), "pending"])),
    ]);
    let (_, answers) = node.post(&batch.to_string()).await;
    let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [7, 8, 9, 10, 11, 12]);
    assert_eq!(answers[0]["result"], json!(first.hash()));
    assert_eq!(answers[1]["error"]["code"], -32602);
    assert_eq!(answers[2]["error"]["message"], "already known");
    assert_eq!(answers[3]["result"], json!(second.hash()));
    assert_eq!(answers[4]["result"]["status"], "0x1");
    assert_eq!(answers[5]["result"], "0x2");
}
