//! Chain, blocks, transactions, state.

use alloy::{
    consensus::proofs::calculate_transaction_root,
    primitives::{Address, B256, U256, keccak256},
    rpc::types::{Block, TransactionReceipt},
};
use cwe_primitives::{L1Message, predeploys::FEE_VAULT};
use cwe_trie::{WitnessNodes, read_account, read_slot};
use serde_json::{Value, json};

use crate::common::{COUNTER, Node, SOMEBODY, Tx, wallet};

const NO_HASH: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::test]
async fn the_node_says_what_it_is() {
    let node = Node::start().await;
    for (method, expected) in [
        ("eth_chainId", json!("0x1cbd")),
        ("net_version", json!("7357")),
        ("net_listening", json!(true)),
        ("net_peerCount", json!("0x0")),
        ("web3_clientVersion", json!("cwe/test")),
        ("eth_blockNumber", json!("0x0")),
        ("eth_syncing", json!(false)),
        ("eth_accounts", json!([])),
        ("eth_coinbase", json!(FEE_VAULT)),
        ("eth_gasPrice", json!("0xf4240")),
        ("eth_maxPriorityFeePerGas", json!("0x0")),
        ("eth_blobBaseFee", json!("0x1")),
    ] {
        assert_eq!(node.call(method, json!([])).await, expected, "{method}");
    }
    assert_eq!(node.call("web3_sha3", json!(["0x"])).await, json!(keccak256([])));
    let config = node.call("eth_config", json!([])).await;
    assert_eq!(
        config["current"]["precompiles"]["POSEIDON"],
        json!("0x0000000000000000000000000000000000c0e100")
    );
}

#[tokio::test]
async fn a_receipt_is_there_at_once_and_gets_its_block_when_sealed() {
    let node = Node::start().await;
    let hash = node.send(&Tx::transfer(0).sign(1)).await;
    let soft = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(soft["blockHash"], json!(NO_HASH));
    assert_eq!(
        (&soft["status"], &soft["blockNumber"], &soft["gasUsed"]),
        (&json!("0x1"), &json!("0x1"), &json!("0x5208"))
    );
    assert_eq!(
        node.call("eth_getTransactionByHash", json!([hash])).await["transactionIndex"],
        json!("0x0")
    );

    let block_hash = node.seal().await;
    let sealed = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(sealed["blockHash"], json!(block_hash));
    let parsed: TransactionReceipt = serde_json::from_value(sealed.clone()).unwrap();
    assert!(parsed.status() && parsed.effective_gas_price == 1_000_001 && parsed.to == Some(SOMEBODY));
    assert_eq!(
        node.call("eth_getBlockReceipts", json!(["latest"])).await,
        json!([sealed])
    );
}

#[tokio::test]
async fn blocks_hash_to_what_they_say_and_hold_their_transactions() {
    let node = Node::start().await;
    let first = node.send(&Tx::transfer(0).sign(1)).await;
    let second = node.send(&Tx::transfer(0).sign(2)).await;
    let hash = node.seal().await;
    let full = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    let block: Block = serde_json::from_value(full.clone()).unwrap();
    assert_eq!(block.header.inner.hash_slow().to_string(), hash);
    let envelopes: Vec<_> = block
        .transactions
        .clone()
        .into_transactions()
        .map(|tx| tx.into_inner())
        .collect();
    assert_eq!(calculate_transaction_root(&envelopes), block.header.transactions_root);
    assert_eq!(full, node.call("eth_getBlockByHash", json!([hash, true])).await);
    let hashes = node.call("eth_getBlockByNumber", json!(["0x1"])).await;
    assert_eq!(hashes["transactions"], json!([first, second]));
    assert_eq!(
        node.call("eth_getBlockTransactionCountByHash", json!([hash])).await,
        json!("0x2")
    );
    assert_eq!(
        node.call("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await,
        json!("0x2")
    );
    let by_index = node
        .call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x1"]))
        .await;
    assert_eq!(by_index, full["transactions"][1]);
    assert_eq!(
        by_index,
        node.call("eth_getTransactionByBlockHashAndIndex", json!([hash, "0x1"]))
            .await
    );
    assert_eq!(
        node.call("eth_getUncleCountByBlockNumber", json!(["0x1"])).await,
        json!("0x0")
    );
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x2", false])),
        ("eth_getBlockByHash", json!([B256::repeat_byte(9), false])),
        ("eth_getTransactionByHash", json!([B256::repeat_byte(9)])),
        ("eth_getTransactionReceipt", json!([B256::repeat_byte(9)])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x2"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])),
    ] {
        assert_eq!(node.call(method, params).await, Value::Null, "{method}");
    }
}

#[tokio::test]
async fn state_at_latest_is_what_the_holder_of_a_receipt_expects() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    let balance = |tag: &'static str| node.call("eth_getBalance", json!([SOMEBODY, tag]));
    assert_eq!(balance("latest").await, json!("0x1"));
    assert_eq!(balance("pending").await, json!("0x1"));
    assert_eq!(balance("0x1").await, json!("0x1"));
    for sealed in ["earliest", "safe", "finalized", "0x0"] {
        assert_eq!(balance(sealed).await, json!("0x0"), "{sealed}");
    }
    let sender = wallet(1).address();
    // Behind the executed one waits another, and then there is a gap.
    node.send(&Tx::transfer(2).sign(1)).await;
    assert_eq!(
        node.call("eth_getTransactionCount", json!([sender, "latest"])).await,
        json!("0x1")
    );
    assert_eq!(
        node.call("eth_getTransactionCount", json!([sender, "pending"])).await,
        json!("0x1")
    );
    node.seal().await;
    assert_eq!(balance("0x0").await, json!("0x0"));
    let missing = node.failure("eth_getBalance", json!([SOMEBODY, "0x9"])).await;
    assert_eq!(missing.code, -32001, "{missing:?}");
    assert!(missing.message.starts_with("header not found"), "{missing:?}");
}

#[tokio::test]
async fn code_and_storage_are_read_and_proven() {
    let node = Node::start().await;
    let counter = node.deploy(0, COUNTER).await;
    node.send(&Tx::call(1, counter).sign(4)).await;
    node.seal().await;
    assert_eq!(
        node.call("eth_getCode", json!([counter])).await,
        json!("0x60005460010160005500")
    );
    let one = format!("0x{:064x}", 1);
    assert_eq!(
        node.call("eth_getStorageAt", json!([counter, "0x0", "latest"])).await,
        json!(one)
    );

    let proof = node
        .call("eth_getProof", json!([counter, ["0x0", "0x5"], "latest"]))
        .await;
    let block = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    let root: B256 = serde_json::from_value(block["stateRoot"].clone()).unwrap();
    let nodes = |list: &Value| serde_json::from_value::<Vec<alloy::primitives::Bytes>>(list.clone()).unwrap();
    let account_nodes = WitnessNodes::new(nodes(&proof["accountProof"]));
    let leaf = read_account(&account_nodes, root, keccak256(counter)).unwrap().unwrap();
    assert_eq!(json!(leaf.storage_root), proof["storageHash"]);
    for (slot, value) in [(0, 1), (5, 0)] {
        let entry = proof["storageProof"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["key"] == json!(format!("{slot:#x}")));
        let slot_nodes = WitnessNodes::new(nodes(&entry.unwrap()["proof"]));
        let read = read_slot(&slot_nodes, keccak256(counter), leaf.storage_root, U256::from(slot)).unwrap();
        assert_eq!(read, U256::from(value));
    }
    let absent = node
        .call("eth_getProof", json!([Address::repeat_byte(0x77), [], "latest"]))
        .await;
    let absent_nodes = WitnessNodes::new(nodes(&absent["accountProof"]));
    assert!(
        read_account(&absent_nodes, root, keccak256(Address::repeat_byte(0x77)))
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_message_from_l1_is_a_transaction_of_type_0x7e() {
    let node = Node::start().await;
    let message = L1Message {
        index: 0,
        sender: Address::repeat_byte(0xde),
        to: Address::repeat_byte(0xcc),
        mint: 1_000,
        value: 10,
        gas_limit: 100_000,
        data: Default::default(),
    };
    node.push_messages(std::slice::from_ref(&message)).await;
    node.seal().await;
    let block = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    let tx = &block["transactions"][0];
    for (key, value) in [
        ("type", "0x7e"),
        ("nonce", "0x0"),
        ("queueIndex", "0x0"),
        ("mint", "0x3e8"),
        ("gasPrice", "0x0"),
        ("r", "0x0"),
        ("yParity", "0x0"),
    ] {
        assert_eq!(tx[key], json!(value), "{key}");
    }
    let receipt = node.call("eth_getTransactionReceipt", json!([tx["hash"]])).await;
    assert_eq!(
        (&receipt["type"], &receipt["status"], &receipt["effectiveGasPrice"]),
        (&json!("0x7e"), &json!("0x1"), &json!("0x0"))
    );
    assert_eq!(node.call("eth_getBalance", json!([message.to])).await, json!("0xa"));
}

#[tokio::test]
async fn fee_history_covers_the_blocks_asked_for() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    node.seal().await;
    let history = node.call("eth_feeHistory", json!(["0x5", "latest", [50.0]])).await;
    assert_eq!(history["oldestBlock"], json!("0x0"));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["reward"], json!([["0x0"], ["0x1"]]));
    assert_eq!(history["gasUsedRatio"][1], json!(0.0007));
    assert_eq!(
        node.failure("eth_feeHistory", json!([1, "latest", [90, 10]]))
            .await
            .code,
        -32602
    );
    assert_eq!(
        node.failure("eth_feeHistory", json!([1, "0x99", []])).await.code,
        -32001
    );
}
