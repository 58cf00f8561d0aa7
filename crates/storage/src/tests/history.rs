//! State at old blocks, unwinding, pruning: against a model in memory.

use proptest::prelude::*;

use super::chain::{
    Model, Step, apply, assert_state, commit_all, newest_state, next_block, open, small, steps, windowed,
};
use crate::{
    Database, Heads, StorageError, history,
    tables::{
        AccountNodes, Accounts, BatchEnds, Batches, Bodies, Headers, L1Messages, Meta, Numbers, Queue, Receipts, Runs,
        Senders, Slots, StorageNodes, Table, Transactions, Withdrawals,
    },
};

/// Every row of every table except codes, which are never removed; history as what it says, not as it is cut.
pub(super) fn dump(database: &Database) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let reader = database.environment.reader().unwrap();
    let mut rows = Vec::new();
    macro_rules! dump_tables {
        ($($table:ident),*) => {$(
            let mut next = Vec::new();
            while let Some((key, value)) = reader.seek_raw::<$table>(&next).unwrap() {
                next = [&key, [0].as_slice()].concat();
                rows.push(($table::NAME, key.to_vec(), value.to_vec()));
            }
        )*};
    }
    dump_tables!(
        Meta,
        Headers,
        Numbers,
        Bodies,
        Senders,
        Receipts,
        Transactions,
        Queue,
        Withdrawals,
        Accounts,
        Slots,
        AccountNodes,
        StorageNodes,
        L1Messages,
        Batches,
        BatchEnds
    );
    macro_rules! dump_history {
        ($($table:ident),*) => {$(
            rows.extend(history::all::<$table, _>(&reader).into_iter().map(|(key, value)| ($table::NAME, key, value)));
        )*};
    }
    dump_history!(Accounts, Slots, AccountNodes, StorageNodes);
    rows
}

pub(super) fn blocks() -> impl Strategy<Value = Vec<Vec<Step>>> {
    proptest::collection::vec(steps(), 1..9)
}

pub(super) fn genesis_of(steps: &[Step]) -> Model {
    let mut genesis = Model::new();
    apply(&mut genesis, steps);
    genesis
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn every_old_state_is_what_it_was(genesis in steps(), blocks in blocks()) {
        let directory = tempfile::tempdir().unwrap();
        let genesis = genesis_of(&genesis);
        let database = open(directory.path(), small(), &genesis);
        let models = commit_all(&database, &genesis, &blocks);
        drop(database);
        let database = open(directory.path(), small(), &genesis);
        for (number, model) in models.iter().enumerate() {
            let snapshot = database.at(number as u64).unwrap();
            prop_assert_eq!(snapshot.number(), number as u64);
            assert_state(&snapshot, model);
        }
        let newest = newest_state(&database.environment.reader().unwrap());
        prop_assert_eq!(&newest, models.last().unwrap());
        let above = database.at(models.len() as u64).map(drop);
        let refused = matches!(above, Err(StorageError::PrunedHistory { oldest: 0, .. }));
        prop_assert!(refused, "{above:?}");
    }

    #[test]
    fn unwinding_is_as_if_the_blocks_never_were(genesis in steps(), blocks in blocks(), keep in 0usize..9) {
        let keep = keep.min(blocks.len());
        let genesis = genesis_of(&genesis);
        let unwound = tempfile::tempdir().unwrap();
        let unwound = (open(unwound.path(), small(), &genesis), unwound);
        let models = commit_all(&unwound.0, &genesis, &blocks);
        unwound.0.unwind_to(keep as u64).unwrap();
        let never = tempfile::tempdir().unwrap();
        let never = (open(never.path(), small(), &genesis), never);
        commit_all(&never.0, &genesis, &blocks[..keep]);
        prop_assert_eq!(dump(&unwound.0), dump(&never.0));
        assert_state(&unwound.0.latest().unwrap(), &models[keep]);
        let next = next_block(&unwound.0, &models[keep], models.last().unwrap());
        unwound.0.commit_block(next.commit()).unwrap();
        assert_state(&unwound.0.latest().unwrap(), models.last().unwrap());
    }

    #[test]
    fn pruning_keeps_the_window_and_nothing_else(blocks in proptest::collection::vec(steps(), 6..14), window in 0u64..4) {
        let directory = tempfile::tempdir().unwrap();
        let database = open(directory.path(), windowed(window), &Model::new());
        let mut models = vec![Model::new()];
        for (number, steps) in (1u64..).zip(&blocks) {
            let mut after = models.last().unwrap().clone();
            apply(&mut after, steps);
            database.commit_block(next_block(&database, models.last().unwrap(), &after).commit()).unwrap();
            database.set_heads(Heads { safe: number, finalized: number }).unwrap();
            models.push(after);
        }
        let latest = blocks.len() as u64;
        let oldest = database.latest().unwrap().oldest_state();
        // The newest block was finalized after its own commit.
        prop_assert_eq!(oldest, latest.saturating_sub(window).min(latest - 1));
        for (number, model) in (0..=latest).zip(&models) {
            match database.at(number) {
                Ok(snapshot) => assert_state(&snapshot, model),
                Err(StorageError::PrunedHistory { .. }) => prop_assert!(number < oldest),
                Err(error) => panic!("{error}"),
            }
        }
        // Runs are forgotten as a whole, when no state needs any block of them.
        let reader = database.environment.reader().unwrap();
        let runs = reader.scan::<Runs>(&0, usize::MAX).unwrap();
        prop_assert!(runs.iter().all(|(last, _)| *last > oldest));
        let first = runs.first().map_or(latest + 1, |(_, run)| run.first);
        let blocks = history::all::<Slots, _>(&reader).into_iter().map(|(key, _)| {
            u64::from_be_bytes(*key.last_chunk().unwrap())
        });
        for block in blocks {
            prop_assert!(block >= first);
        }
    }
}

#[test]
fn history_down_to_the_finalized_block_is_never_pruned() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), windowed(1), &Model::new());
    let blocks = vec![
        vec![Step::Slot {
            account: 1,
            slot: 1,
            value: 1
        }];
        3
    ];
    let models = commit_all(&database, &Model::new(), &blocks);
    assert_eq!(database.latest().unwrap().oldest_state(), 0);
    database.set_heads(Heads { safe: 2, finalized: 1 }).unwrap();
    let mut more = models[3].clone();
    apply(&mut more, &[Step::Delete { account: 1 }]);
    database
        .commit_block(next_block(&database, &models[3], &more).commit())
        .unwrap();
    assert_eq!(database.latest().unwrap().oldest_state(), 1);
    assert!(matches!(
        database.unwind_to(0),
        Err(StorageError::Finalized { asked: 0, finalized: 1 })
    ));
    database.unwind_to(1).unwrap();
    assert_state(&database.latest().unwrap(), &models[1]);
    assert_eq!(
        database.latest().unwrap().heads().unwrap(),
        Heads { safe: 1, finalized: 1 }
    );
}

#[test]
fn unwinding_takes_more_blocks_than_fit_one_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let blocks: Vec<_> = (0..70u8)
        .map(|n| {
            vec![Step::Set {
                account: n % 5,
                nonce: 1,
                balance: n.into(),
            }]
        })
        .collect();
    let models = commit_all(&database, &Model::new(), &blocks);
    database.unwind_to(2).unwrap();
    assert_eq!(database.latest().unwrap().latest_number(), 2);
    assert_state(&database.latest().unwrap(), &models[2]);
}

#[test]
fn a_snapshot_never_sees_later_commits() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let first = commit_all(
        &database,
        &Model::new(),
        &[vec![Step::Slot {
            account: 1,
            slot: 1,
            value: 1,
        }]],
    );
    let snapshot = database.latest().unwrap();
    let mut after = first[1].clone();
    apply(&mut after, &[Step::Delete { account: 1 }]);
    database
        .commit_block(next_block(&database, &first[1], &after).commit())
        .unwrap();
    assert_state(&snapshot, &first[1]);
    assert_eq!(snapshot.header(2).unwrap(), None);
    assert_state(&database.latest().unwrap(), &after);
}

#[test]
fn threads_share_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path(), small(), &Model::new());
    let models = commit_all(
        &database,
        &Model::new(),
        &[vec![Step::Slot {
            account: 1,
            slot: 1,
            value: 1,
        }]],
    );
    let snapshot = database.latest().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_state(&snapshot, &models[1]));
        }
    });
}
