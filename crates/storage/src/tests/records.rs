//! Blocks, batches, L1 messages and heads as they are read back.

use alloy_primitives::{Address, B256};
use cwe_primitives::{BatchCommitment, DataLocation, QueueHash, WithdrawalTree};
use revm::DatabaseRef;

use super::chain::{MadeBlock, Model, Step, apply, commit_all, genesis, message, next_block, open, small, spec};
use crate::{
    BatchRecord, BatchStatus, BlockCommit, Database, Heads, L1Block, L1MessageRecord, L1Stream, StorageError,
    TransactionLocation,
};

fn opened() -> (Database, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open(directory.path(), small(), &Model::new()), directory)
}

fn filled(count: u8) -> (Database, tempfile::TempDir) {
    let (database, directory) = opened();
    let blocks: Vec<_> = (0..count)
        .map(|n| {
            vec![Step::Slot {
                account: n,
                slot: n,
                value: 1,
            }]
        })
        .collect();
    commit_all(&database, &Model::new(), &blocks);
    (database, directory)
}

#[test]
fn a_block_is_read_back_by_every_key() {
    let (database, _directory) = opened();
    let mut after = Model::new();
    apply(
        &mut after,
        &[Step::Set {
            account: 1,
            nonce: 1,
            balance: 5,
        }],
    );
    let MadeBlock {
        block,
        hash,
        senders,
        receipts,
        queue,
        ..
    } = &{
        let made = next_block(&database, &Model::new(), &after);
        database.commit_block(made.commit()).unwrap();
        made
    };
    let snapshot = database.latest().unwrap();
    assert_eq!(snapshot.block(1).unwrap().unwrap().inner(), block);
    assert_eq!(snapshot.header_by_hash(*hash).unwrap().unwrap().inner(), &block.header);
    assert_eq!(snapshot.block_number(*hash).unwrap(), Some(1));
    assert_eq!(snapshot.block_hash(1).unwrap(), Some(*hash));
    assert_eq!(snapshot.senders(1).unwrap().as_ref(), Some(senders));
    assert_eq!(snapshot.receipts(1).unwrap().as_ref(), Some(receipts));
    assert_eq!(snapshot.queue_after(1).unwrap(), Some(*queue));
    let transaction = block.body.transactions[0].hash();
    let location = TransactionLocation { block: 1, index: 0 };
    assert_eq!(snapshot.transaction_location(transaction).unwrap(), Some(location));
    assert_eq!(snapshot.block(2).unwrap(), None);
    assert_eq!(snapshot.header_by_hash(B256::ZERO).unwrap(), None);
}

#[test]
fn block_hashes_end_at_the_block_of_the_state() {
    let (database, _directory) = filled(3);
    let snapshot = database.at(2).unwrap();
    assert_eq!(
        Some(snapshot.block_hash_ref(2).unwrap()),
        snapshot.block_hash(2).unwrap()
    );
    assert_eq!(snapshot.block_hash_ref(3).unwrap(), B256::ZERO);
}

#[test]
fn withdrawals_are_counted_up_to_a_block() {
    let (database, _directory) = filled(5);
    let snapshot = database.latest().unwrap();
    for block in 0..=5 {
        assert_eq!(snapshot.withdrawal_count(block).unwrap(), block);
    }
    assert_eq!(snapshot.withdrawal_count(u64::MAX).unwrap(), 5);
    let leaves = snapshot.withdrawal_leaves(3).unwrap();
    assert_eq!(leaves.len(), 3);
    assert_eq!(leaves[2], snapshot.withdrawal(2).unwrap().unwrap().withdrawal.leaf());
    assert!(WithdrawalTree::new(leaves).proof(2).is_some());
    assert_eq!(snapshot.withdrawal_leaves(u64::MAX).unwrap().len(), 5);
}

#[test]
fn a_block_that_does_not_follow_is_refused() {
    let (database, _directory) = filled(1);
    let again = {
        let (other, _directory) = opened();
        next_block(&other, &Model::new(), &Model::new())
    };
    let refused = database.commit_block(again.commit()).unwrap_err();
    assert!(matches!(
        refused,
        StorageError::NotNext {
            number: 1,
            latest: 1,
            ..
        }
    ));
}

#[test]
fn a_commit_whose_parts_disagree_is_refused_and_changes_nothing() {
    let (database, _directory) = opened();
    let made = next_block(&database, &Model::new(), &Model::new());
    let good = made.commit();
    let mut trie = made.trie.clone();
    trie.root = B256::ZERO;
    let bad = [
        BlockCommit {
            hash: B256::ZERO,
            ..good
        },
        BlockCommit { senders: &[], ..good },
        BlockCommit { receipts: &[], ..good },
        BlockCommit {
            queue: QueueHash::default(),
            ..good
        },
        BlockCommit { trie: &trie, ..good },
        BlockCommit {
            withdrawals: &[made.withdrawals[0], made.withdrawals[0]],
            ..good
        },
    ];
    for commit in bad {
        let refused = database.commit_block(commit).unwrap_err();
        assert!(
            matches!(refused, StorageError::Inconsistent { number: 1, .. }),
            "{refused}"
        );
    }
    assert_eq!(database.latest().unwrap().latest_number(), 0);
    database.commit_block(good).unwrap();
}

#[test]
fn genesis_is_committed_once_and_of_one_chain_only() {
    let (database, _directory) = filled(2);
    database.init_genesis(&spec(), genesis(&Model::new()).commit()).unwrap();
    assert_eq!(database.latest().unwrap().latest_number(), 2);
    let mut other = Model::new();
    apply(
        &mut other,
        &[Step::Set {
            account: 1,
            nonce: 1,
            balance: 1,
        }],
    );
    let refused = database.init_genesis(&spec(), genesis(&other).commit()).unwrap_err();
    assert!(matches!(
        refused,
        StorageError::WrongChain {
            what: "genesis hash",
            ..
        }
    ));
    let mut other = spec();
    other.chain_id += 1;
    let refused = database
        .init_genesis(&other, genesis(&Model::new()).commit())
        .unwrap_err();
    assert!(matches!(refused, StorageError::WrongChain { what: "chain id", .. }));
    let mut other = spec();
    other.min_base_fee += 1;
    let refused = database
        .init_genesis(&other, genesis(&Model::new()).commit())
        .unwrap_err();
    assert!(matches!(refused, StorageError::WrongChain { what: "parameters", .. }));
    assert_eq!(database.chain_spec().unwrap(), Some(spec()));
}

fn messages(count: u8) -> Vec<L1MessageRecord> {
    let mut queue = QueueHash::default();
    (0..count)
        .map(|index| {
            let message = message(index.into());
            queue.append(&message).unwrap();
            L1MessageRecord {
                message,
                l1_block: at(index / 2),
                queue_hash: queue.hash,
            }
        })
        .collect()
}

fn at(number: u8) -> L1Block {
    L1Block {
        number: number.into(),
        hash: B256::with_last_byte(number),
    }
}

#[test]
fn l1_messages_are_kept_in_order_and_checked() {
    let (database, _directory) = opened();
    let all = messages(5);
    database.append_l1_messages(&all[..3], at(1)).unwrap();
    let gap = database.append_l1_messages(&all[4..], at(2)).unwrap_err();
    assert!(matches!(gap, StorageError::MessageNotNext(_)));
    let mut lie = all[3].clone();
    lie.queue_hash = B256::ZERO;
    let mismatch = database.append_l1_messages(&[lie], at(2)).unwrap_err();
    assert!(matches!(mismatch, StorageError::QueueHashMismatch { index: 3, .. }));
    assert_eq!(
        database.latest().unwrap().l1_cursor(L1Stream::Inbox).unwrap(),
        Some(at(1))
    );
    database.append_l1_messages(&all[3..], at(3)).unwrap();
    database.set_l1_cursor(L1Stream::Rollup, at(9)).unwrap();
    let snapshot = database.latest().unwrap();
    assert_eq!(snapshot.l1_messages(1, 3).unwrap(), all[1..4]);
    assert_eq!(snapshot.l1_message(4).unwrap().as_ref(), Some(&all[4]));
    assert_eq!(snapshot.l1_message(5).unwrap(), None);
    assert_eq!(snapshot.l1_queue_tip().unwrap(), all[4].queue_after());
    assert_eq!(snapshot.l1_cursor(L1Stream::Inbox).unwrap(), Some(at(3)));
    assert_eq!(snapshot.l1_cursor(L1Stream::Rollup).unwrap(), Some(at(9)));
}

#[test]
fn messages_that_a_block_took_are_not_forgotten() {
    let (database, _directory) = filled(2);
    let all = messages(5);
    database.append_l1_messages(&all, at(3)).unwrap();
    let refused = database.rewind_l1_messages(1, at(0)).unwrap_err();
    assert!(matches!(
        refused,
        StorageError::MessagesInUse {
            next_index: 1,
            taken: 2
        }
    ));
    database.rewind_l1_messages(2, at(0)).unwrap();
    let snapshot = database.latest().unwrap();
    assert_eq!(snapshot.l1_queue_tip().unwrap(), all[1].queue_after());
    assert_eq!(snapshot.l1_cursor(L1Stream::Inbox).unwrap(), Some(at(0)));
    database.append_l1_messages(&all[2..], at(4)).unwrap();
}

#[test]
fn heads_are_ordered_and_finality_never_goes_back() {
    let (database, _directory) = filled(3);
    database.set_heads(Heads { safe: 3, finalized: 1 }).unwrap();
    database.set_heads(Heads { safe: 2, finalized: 1 }).unwrap();
    for (safe, finalized) in [(3, 0), (1, 2), (4, 1)] {
        let refused = database.set_heads(Heads { safe, finalized }).unwrap_err();
        assert!(matches!(
            refused,
            StorageError::BadHeads {
                before: 1,
                latest: 3,
                ..
            }
        ));
    }
    assert_eq!(
        database.latest().unwrap().heads().unwrap(),
        Heads { safe: 2, finalized: 1 }
    );
}

fn batch(database: &Database, parent: Option<&BatchRecord>, first_block: u64, last_block: u64) -> BatchRecord {
    let snapshot = database.latest().unwrap();
    let last = snapshot.header(last_block).unwrap().unwrap();
    BatchRecord {
        commitment: BatchCommitment {
            parent_batch_hash: parent.map_or(B256::ZERO, |parent| parent.commitment.hash()),
            index: parent.map_or(0, |parent| parent.commitment.index + 1),
            first_block,
            last_block,
            last_timestamp: last.timestamp,
            parent_block_hash: last.parent_hash,
            block_hash: last.seal(),
            state_root: last.state_root,
            withdrawal_root: B256::repeat_byte(7),
            queue_before: QueueHash {
                next_index: first_block,
                hash: B256::repeat_byte(1),
            },
            queue_after: snapshot.queue_after(last_block).unwrap().unwrap(),
            data: DataLocation::Blobs(vec![B256::repeat_byte(8), B256::repeat_byte(9)]),
        },
        status: BatchStatus::Built,
    }
}

#[test]
fn batches_follow_each_other_and_are_found_by_block() {
    let (database, _directory) = filled(5);
    let zero = batch(&database, None, 0, 0);
    let one = batch(&database, Some(&zero), 1, 3);
    let mut two = batch(&database, Some(&one), 4, 5);
    two.commitment.data = DataLocation::Calldata(B256::repeat_byte(5));
    assert!(matches!(
        database.put_batch(&one, None),
        Err(StorageError::BatchNotNext { latest: None, .. })
    ));
    database.put_batch(&zero, None).unwrap();
    assert!(matches!(
        database.put_batch(&two, None),
        Err(StorageError::BatchNotNext {
            latest: Some((0, 0)),
            ..
        })
    ));
    database.put_batch(&one, Some(b"data")).unwrap();
    let mut wrong = two.clone();
    wrong.commitment.block_hash = B256::ZERO;
    assert!(matches!(
        database.put_batch(&wrong, None),
        Err(StorageError::BatchMismatch { index: 2, .. })
    ));
    database.put_batch(&two, None).unwrap();

    let snapshot = database.latest().unwrap();
    assert_eq!(snapshot.batch_of_block(0).unwrap().as_ref(), Some(&zero));
    assert_eq!(snapshot.batch_of_block(1).unwrap().as_ref(), Some(&one));
    assert_eq!(snapshot.batch_of_block(3).unwrap().as_ref(), Some(&one));
    assert_eq!(snapshot.batch_of_block(5).unwrap().as_ref(), Some(&two));
    assert_eq!(snapshot.batch_of_block(6).unwrap(), None);
    assert_eq!(snapshot.batch_data(1).unwrap().unwrap().as_ref(), b"data");
    assert_eq!(snapshot.latest_batch().unwrap().as_ref(), Some(&two));
    drop(snapshot);

    database.remove_batch_data(1).unwrap();
    assert_eq!(database.latest().unwrap().batch_data(1).unwrap(), None);
    database.remove_batches_from(2).unwrap();
    assert_eq!(database.latest().unwrap().latest_batch().unwrap().as_ref(), Some(&one));
    database.put_batch(&two, None).unwrap();
    database.unwind_to(2).unwrap();
    assert_eq!(database.latest().unwrap().latest_batch().unwrap().as_ref(), Some(&zero));
}

#[test]
fn every_status_of_a_batch_is_kept() {
    let (database, _directory) = filled(1);
    database.put_batch(&batch(&database, None, 0, 0), None).unwrap();
    let transaction = B256::repeat_byte(3);
    let statuses = [
        BatchStatus::Built,
        BatchStatus::Submitted {
            transaction,
            nonce: 4,
            max_fee_per_gas: 5,
            max_priority_fee_per_gas: 6,
        },
        BatchStatus::Committed {
            transaction,
            l1_block: at(7),
        },
        BatchStatus::Finalized {
            committed_by: transaction,
            proven_by: B256::repeat_byte(4),
            l1_block: at(8),
        },
    ];
    for status in statuses {
        database.set_batch_status(0, status).unwrap();
        assert_eq!(database.latest().unwrap().batch(0).unwrap().unwrap().status, status);
    }
    assert!(matches!(
        database.set_batch_status(1, BatchStatus::Built),
        Err(StorageError::NoBatch { index: 1 })
    ));
}

#[test]
fn an_absent_account_is_no_account() {
    let (database, _directory) = opened();
    assert_eq!(
        database.latest().unwrap().basic_ref(Address::repeat_byte(9)).unwrap(),
        None
    );
}
