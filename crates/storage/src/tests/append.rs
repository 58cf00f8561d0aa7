//! Blocks in memory and blocks in the file are one chain.

use std::{fs, time::Duration};

use cwe_primitives::Withdrawal;
use proptest::prelude::*;

use super::{
    chain::{MadeBlock, Model, Step, apply, assert_state, commit_all, next_block, open, small, steps},
    history::{blocks, dump, genesis_of},
};
use crate::{BlockCommit, Database, Options, StorageError};

fn append(database: &Database, block: &MadeBlock) -> Result<(), StorageError> {
    database.append_block(block.commit(), || Ok(()))
}

fn set(account: u8, balance: u64) -> Vec<Step> {
    vec![Step::Set {
        account,
        nonce: 1,
        balance,
    }]
}

/// Appends the block after the newest one; returns it with the state after it.
fn append_next(database: &Database, before: &Model, steps: &[Step]) -> (MadeBlock, Model) {
    let mut after = before.clone();
    apply(&mut after, steps);
    let block = next_block(database, before, &after);
    append(database, &block).unwrap();
    (block, after)
}

/// Everything about a block that readers can ask for.
fn assert_block(database: &Database, made: &MadeBlock) {
    let snapshot = database.latest().unwrap();
    let number = made.block.header.number;
    let found = snapshot.block(number).unwrap().unwrap();
    assert_eq!((found.inner(), found.seal()), (&made.block, made.hash));
    assert_eq!(snapshot.block_number(made.hash).unwrap(), Some(number));
    assert_eq!(snapshot.senders(number).unwrap().as_ref(), Some(&made.senders));
    assert_eq!(snapshot.receipts(number).unwrap().as_ref(), Some(&made.receipts));
    assert_eq!(snapshot.queue_after(number).unwrap(), Some(made.queue));
    let hash = made.block.body.transactions[0].hash();
    assert_eq!(snapshot.transaction_location(hash).unwrap().unwrap().block, number);
    let record = snapshot.withdrawal(number - 1).unwrap().unwrap();
    assert_eq!((record.block, record.withdrawal), (number, made.withdrawals[0]));
    assert_eq!(snapshot.withdrawal_count(number).unwrap(), number);
    let leaves = snapshot.withdrawal_leaves(number).unwrap();
    assert_eq!(leaves.last(), made.withdrawals.first().map(Withdrawal::leaf).as_ref());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn appended_blocks_read_and_end_up_as_committed_ones(
        genesis in steps(),
        blocks in blocks(),
        persist in proptest::collection::vec(any::<bool>(), 9),
    ) {
        let genesis = genesis_of(&genesis);
        let directory = tempfile::tempdir().unwrap();
        let database = open(directory.path(), small(), &genesis);
        let mut models = vec![genesis.clone()];
        let mut made = Vec::new();
        let mut snapshots = Vec::new();
        for (steps, persist) in blocks.iter().zip(persist) {
            let (block, after) = append_next(&database, models.last().unwrap(), steps);
            models.push(after);
            made.push(block);
            snapshots.push(database.latest().unwrap());
            if persist {
                database.persist().unwrap();
                prop_assert_eq!(database.persisted().unwrap(), made.len() as u64);
            }
            made.iter().for_each(|block| assert_block(&database, block));
            for (number, model) in models.iter().enumerate() {
                assert_state(&database.at(number as u64).unwrap(), model);
            }
        }
        // What was written meanwhile changes nothing for old snapshots.
        for (snapshot, model) in snapshots.iter().zip(&models[1..]) {
            assert_state(snapshot, model);
        }
        prop_assert!(database.at(models.len() as u64).is_err());
        database.persist().unwrap();
        let other = tempfile::tempdir().unwrap();
        let other = open(other.path(), small(), &genesis);
        commit_all(&other, &genesis, &blocks);
        prop_assert!(dump(&database) == dump(&other), "the files differ");
        let unwound = u64::try_from(blocks.len() / 2).unwrap();
        database.unwind_to(unwound).unwrap();
        other.unwind_to(unwound).unwrap();
        prop_assert!(dump(&database) == dump(&other), "the files differ after unwinding");
    }
}

#[test]
fn a_crash_loses_appended_blocks_from_the_end_only() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let (_, first) = append_next(&database, &Model::new(), &set(1, 1));
    database.persist().unwrap();
    let file = fs::read(directory.path().join("mdbx.dat")).unwrap();
    let (_, second) = append_next(&database, &first, &set(1, 2));
    let (lost, third) = append_next(&database, &second, &set(2, 3));
    assert_state(&database.latest().unwrap(), &third);
    drop(database);
    assert_eq!(fs::read(directory.path().join("mdbx.dat")).unwrap(), file);

    let database = open(directory.path(), small(), &Model::new());
    assert_eq!(database.latest().unwrap().number(), 1);
    assert_state(&database.latest().unwrap(), &first);
    assert!(matches!(append(&database, &lost), Err(StorageError::NotNext { .. })));
    append_next(&database, &first, &set(1, 2));
    append(&database, &lost).unwrap();
    assert_block(&database, &lost);
}

#[test]
fn a_block_is_not_shown_unless_it_was_written_ahead() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let mut after = Model::new();
    apply(&mut after, &set(1, 1));
    let block = next_block(&database, &Model::new(), &after);
    let refused = database.append_block(block.commit(), || Err(StorageError::NoOpenBlock));
    assert!(matches!(refused, Err(StorageError::NoOpenBlock)));
    assert_eq!(database.latest().unwrap().number(), 0);
    let broken = BlockCommit {
        senders: &[],
        ..block.commit()
    };
    let refused = database.append_block(broken, || -> Result<(), StorageError> { panic!("checked before") });
    assert!(matches!(refused, Err(StorageError::Inconsistent { .. })));
    append(&database, &block).unwrap();
    assert_state(&database.latest().unwrap(), &after);
}

#[test]
fn what_refers_to_blocks_takes_them_to_the_disk_first() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let (_, first) = append_next(&database, &Model::new(), &set(1, 1));
    database.set_heads(crate::Heads { safe: 1, finalized: 0 }).unwrap();
    assert_eq!(database.persisted().unwrap(), 1);
    append_next(&database, &first, &set(1, 2));
    database.unwind_to(1).unwrap();
    assert_state(&database.latest().unwrap(), &first);
    // Another block 2 takes the place of the first.
    let (other, after) = append_next(&database, &first, &set(3, 7));
    assert_block(&database, &other);
    assert_state(&database.latest().unwrap(), &after);
}

#[test]
fn appended_blocks_reach_the_disk_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        persist_after: Duration::from_millis(5),
        ..small()
    };
    let database = open(directory.path(), options, &Model::new());
    append_next(&database, &Model::new(), &set(1, 1));
    let started = std::time::Instant::now();
    while database.persisted().unwrap() == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the block is never written"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_full_disk_refuses_further_blocks_and_keeps_those_it_took() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        max_size_bytes: 1 << 20,
        ..small()
    };
    let database = open(directory.path(), options, &Model::new());
    let mut model = Model::new();
    let mut refused = None;
    for number in 0..2000u64 {
        let mut after = model.clone();
        apply(&mut after, &set(1, number + 1));
        let block = next_block(&database, &model, &after);
        match append(&database, &block).and_then(|()| database.persist()) {
            Ok(()) => model = after,
            Err(error) => {
                assert!(matches!(error, StorageError::DiskFull { .. }), "{error}");
                refused = Some(block);
                model = after;
                break;
            }
        }
    }
    let last = refused.expect("a megabyte holds 2000 blocks");
    assert_state(&database.latest().unwrap(), &model);
    assert_eq!(database.persisted().unwrap() + 1, last.block.header.number);
    let next = next_block(&database, &model, &Model::new());
    assert!(matches!(append(&database, &next), Err(StorageError::DiskFull { .. })));
}
