//! Batches, withdrawals, sync status.

use alloy::{
    primitives::{B256, Bytes, U256},
    sol_types::SolCall,
};
use cwe_bindings::contracts::MessagePasser;
use cwe_chain::{
    BatchingConfig,
    batching::{genesis_commitment, next_batch},
};
use cwe_primitives::{BatchCommitment, DataLocation, predeploys::MESSAGE_PASSER, withdrawal::verify_proof};
use cwe_statement::{NativeScalar, ProofInput};
use cwe_storage::{BatchRecord, BatchStatus, L1Block};
use serde_json::json;

use crate::common::{Node, SOMEBODY, Tx};

/// The batch of exactly one block, as the poster would record it.
fn batch(node: &Node, number: u64, status: BatchStatus) -> BatchRecord {
    let snapshot = node.chain.db().at(number).unwrap();
    let below = number
        .checked_sub(1)
        .map(|below| snapshot.header(below).unwrap().unwrap());
    let queue = |number| snapshot.queue_after(number).unwrap().unwrap_or_default();
    let withdrawal_root = snapshot.slot(MESSAGE_PASSER, U256::ZERO).unwrap().into();
    let commitment = BatchCommitment {
        parent_batch_hash: B256::ZERO,
        index: number,
        first_block: number,
        last_block: number,
        last_timestamp: snapshot.head().timestamp,
        parent_block_hash: below.map_or(B256::ZERO, |header| header.seal()),
        block_hash: snapshot.head().seal(),
        state_root: snapshot.state_root(),
        withdrawal_root,
        queue_before: queue(number.saturating_sub(1)),
        queue_after: queue(number),
        data: DataLocation::Calldata(B256::repeat_byte(3)),
    };
    BatchRecord { commitment, status }
}

#[tokio::test]
async fn a_withdrawal_is_proven_under_the_root_of_its_batch() {
    let node = Node::start().await;
    let input = MessagePasser::withdrawCall { recipient: SOMEBODY }.abi_encode().into();
    let withdraw = |nonce| {
        Tx {
            value: U256::from(500),
            input,
            ..Tx::call(nonce, MESSAGE_PASSER)
        }
        .sign(1)
    };
    let tx = node.send(&withdraw(0)).await;
    node.seal().await;
    let early = node.failure("cwe_withdrawalProof", json!([tx])).await;
    assert_eq!(early.code, -32001, "{early:?}");

    let l1_block = L1Block {
        number: 9,
        hash: B256::repeat_byte(9),
    };
    let committed = BatchStatus::Committed {
        transaction: B256::repeat_byte(1),
        l1_block,
    };
    node.chain.db().put_batch(&batch(&node, 0, committed), None).unwrap();
    let genesis_hash = batch(&node, 0, committed).commitment.hash();
    let mut record = batch(&node, 1, committed);
    record.commitment.parent_batch_hash = genesis_hash;
    node.chain.db().put_batch(&record, None).unwrap();

    let proof = node.call("cwe_withdrawalProof", json!([tx])).await;
    assert_eq!(proof, node.call("cwe_withdrawalProof", json!(["0x0", 1])).await);
    assert_eq!(
        (&proof["status"], &proof["amount"]),
        (&json!("committed"), &json!("0x1f4"))
    );
    let siblings: Vec<B256> = serde_json::from_value(proof["proof"].clone()).unwrap();
    let leaf: B256 = serde_json::from_value(proof["leaf"].clone()).unwrap();
    assert!(verify_proof(
        record.commitment.withdrawal_root,
        leaf,
        0,
        &siblings.try_into().unwrap()
    ));
    assert_eq!(
        node.failure("cwe_withdrawalProof", json!(["0x0", 0])).await.code,
        -32001
    );
    assert_eq!(node.failure("cwe_withdrawalProof", json!([5])).await.code, -32001);

    let of_block = node.call("cwe_batchOfBlock", json!(["0x1"])).await;
    assert_eq!(of_block, node.call("cwe_getBatch", json!([1])).await);
    assert_eq!(of_block["hash"], json!(record.commitment.hash()));
    let status = node.call("cwe_batchStatus", json!([1])).await;
    assert_eq!(
        (&status["status"], &status["l1Block"]["number"]),
        (&json!("committed"), &json!("0x9"))
    );
    assert_eq!(node.call("cwe_getBatch", json!([7])).await, json!(null));
}

#[tokio::test]
async fn the_node_tells_its_place() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    let status = node.call("cwe_syncStatus", json!([])).await;
    assert_eq!(
        (&status["latestBlock"], &status["openBlock"]["transactions"]),
        (&json!("0x0"), &json!("0x1"))
    );
    assert_eq!(node.call("cwe_l1Contracts", json!([])).await, json!(null));
    assert_eq!(node.call("cwe_chainSpec", json!([])).await["chainId"], json!(7357));
}

#[tokio::test]
async fn a_proof_input_is_given_for_batches_whose_data_is_kept() {
    let node = Node::start().await;
    node.send(&Tx::transfer(0).sign(1)).await;
    node.seal().await;
    let db = node.chain.db();
    let genesis = genesis_commitment(db).unwrap();
    let config = BatchingConfig {
        max_age_secs: 0,
        ..BatchingConfig::default()
    };
    let built = next_batch(db, &genesis, &config, u64::MAX).unwrap().unwrap();
    for (commitment, data) in [(&genesis, None), (&built.commitment, Some(&built.data[..]))] {
        let record = BatchRecord {
            commitment: commitment.clone(),
            status: BatchStatus::Built,
        };
        db.put_batch(&record, data).unwrap();
    }
    let encoded = node.call("cwe_proofInput", json!([1, "0x1", SOMEBODY])).await;
    let encoded: Bytes = serde_json::from_value(encoded).unwrap();
    let statement = cwe_statement::statement::<NativeScalar>(ProofInput::decode(&encoded).unwrap()).unwrap();
    assert_eq!(statement.batches[0].batch_hash, built.commitment.hash());
    assert_eq!(statement.prover, SOMEBODY);

    for (params, code) in [
        (json!([0, 1, SOMEBODY]), -32602),
        (json!([2, 1, SOMEBODY]), -32602),
        (json!([1, 1]), -32602),
        (json!([1, 2, SOMEBODY]), -32001),
    ] {
        assert_eq!(node.failure("cwe_proofInput", params).await.code, code);
    }
    db.remove_batch_data(1).unwrap();
    assert_eq!(
        node.failure("cwe_proofInput", json!([1, 1, SOMEBODY])).await.code,
        -32001
    );
}
