//! The same layouts in Rust and in Solidity: `test/vectors/protocol.json` is written by the contracts' tests.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test may stop at anything unexpected")]

use std::{fs, path::Path};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cwe_primitives::{
    BatchCommitment, DataLocation, L1Message, QueueHash, Withdrawal, WithdrawalTree,
    batch::{BlobOpening, ProofStatement, ProvenBatch},
    withdrawal,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    messages: Vec<MessageCase>,
    withdrawals: Withdrawals,
    batches: Vec<BatchCase>,
    public_values: Vec<PublicValueCase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageCase {
    index: u64,
    sender: Address,
    to: Address,
    mint: U256,
    value: U256,
    gas_limit: u64,
    data: Bytes,
    message_hash: B256,
    queue_hash: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Withdrawals {
    empty_root: B256,
    cases: Vec<WithdrawalCase>,
    proofs_in_last_root: Vec<Vec<B256>>,
}

#[derive(Deserialize)]
struct WithdrawalCase {
    index: u64,
    sender: Address,
    recipient: Address,
    amount: U256,
    leaf: B256,
    root: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchCase {
    parent_batch_hash: B256,
    batch_index: u64,
    first_block: u64,
    last_block: u64,
    last_timestamp: u64,
    parent_block_hash: B256,
    block_hash: B256,
    state_root: B256,
    withdrawal_root: B256,
    messages_before: u64,
    messages_after: u64,
    queue_hash_before: B256,
    queue_hash_after: B256,
    blobs: bool,
    versioned_hashes: Vec<B256>,
    data: Bytes,
    data_hash: B256,
    batch_hash: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicValueCase {
    l2_chain_id: u64,
    from: u64,
    to: u64,
    prover: Address,
    openings: Vec<Vec<Opening>>,
    public_value: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    versioned_hash: B256,
    z: B256,
    y: B256,
}

impl BatchCase {
    fn commitment(&self) -> BatchCommitment {
        BatchCommitment {
            parent_batch_hash: self.parent_batch_hash,
            index: self.batch_index,
            first_block: self.first_block,
            last_block: self.last_block,
            last_timestamp: self.last_timestamp,
            parent_block_hash: self.parent_block_hash,
            block_hash: self.block_hash,
            state_root: self.state_root,
            withdrawal_root: self.withdrawal_root,
            queue_before: QueueHash {
                next_index: self.messages_before,
                hash: self.queue_hash_before,
            },
            queue_after: QueueHash {
                next_index: self.messages_after,
                hash: self.queue_hash_after,
            },
            data: if self.blobs {
                DataLocation::Blobs(self.versioned_hashes.clone())
            } else {
                DataLocation::Calldata(if self.batch_index == 0 {
                    B256::ZERO
                } else {
                    keccak256(&self.data)
                })
            },
        }
    }
}

fn vectors() -> Vectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/vectors/protocol.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_queue_hash_agrees_with_solidity() {
    let mut prefix = QueueHash::default();
    for case in vectors().messages {
        let message = L1Message {
            index: case.index,
            sender: case.sender,
            to: case.to,
            mint: case.mint.to(),
            value: case.value.to(),
            gas_limit: case.gas_limit,
            data: case.data,
        };
        assert_eq!(message.message_hash(), case.message_hash);
        prefix.append(&message).unwrap();
        assert_eq!(prefix.hash, case.queue_hash);
    }
}

#[test]
fn the_withdrawal_tree_agrees_with_solidity() {
    let Withdrawals {
        empty_root,
        cases,
        proofs_in_last_root,
    } = vectors().withdrawals;
    assert_eq!(withdrawal::empty_root(), empty_root);
    let mut leaves = Vec::new();
    for WithdrawalCase {
        index,
        sender,
        recipient,
        amount,
        leaf,
        root,
    } in cases
    {
        assert_eq!(
            Withdrawal {
                index,
                sender,
                recipient,
                amount
            }
            .leaf(),
            leaf
        );
        leaves.push(leaf);
        assert_eq!(WithdrawalTree::new(leaves.clone()).root(), root);
    }
    let tree = WithdrawalTree::new(leaves);
    for (index, proof) in proofs_in_last_root.into_iter().enumerate() {
        assert_eq!(tree.proof(index as u64).unwrap().to_vec(), proof);
    }
}

#[test]
fn batch_hashes_agree_with_solidity() {
    for case in vectors().batches {
        let commitment = case.commitment();
        assert_eq!(
            commitment.data.data_hash(),
            case.data_hash,
            "data of batch {}",
            case.batch_index
        );
        assert_eq!(commitment.hash(), case.batch_hash, "batch {}", case.batch_index);
    }
}

#[test]
fn public_values_agree_with_solidity() {
    let Vectors {
        batches, public_values, ..
    } = vectors();
    let find = |index: u64| batches.iter().find(|batch| batch.batch_index == index).unwrap();
    for case in public_values {
        let (first, last) = (find(case.from), find(case.to));
        let batches = (case.from..=case.to)
            .zip(case.openings)
            .map(|(index, openings)| ProvenBatch {
                batch_hash: find(index).batch_hash,
                openings: openings
                    .into_iter()
                    .map(|Opening { versioned_hash, z, y }| BlobOpening { versioned_hash, z, y })
                    .collect(),
            });
        let statement = ProofStatement {
            l2_chain_id: case.l2_chain_id,
            parent_block_hash: first.parent_block_hash,
            block_hash: last.block_hash,
            state_root: last.state_root,
            withdrawal_root: last.withdrawal_root,
            queue_hash_before: first.queue_hash_before,
            queue_hash_after: last.queue_hash_after,
            batches: batches.collect(),
            prover: case.prover,
        };
        assert_eq!(statement.public_value(), case.public_value);
    }
}
