//! The journal on real files.

use std::path::Path;

use super::*;

const MAX_SIZE_BYTES: usize = 64 << 20;

fn open(path: &Path) -> Journal {
    Journal::open(path, 7, B256::ZERO, MAX_SIZE_BYTES).unwrap()
}

fn block(number: u64) -> OpenBlock {
    OpenBlock {
        number,
        parent_hash: B256::repeat_byte(1),
        timestamp: 5,
        base_fee: 7,
        gas_limit: 30_000_000,
    }
}

fn journaled(opened: OpenBlock, executed: Vec<ExecutedItem>, sealed: Option<B256>) -> JournaledBlock {
    JournaledBlock {
        opened,
        executed,
        sealed,
    }
}

fn accepted(sequence: u8) -> AcceptedTransaction {
    AcceptedTransaction {
        sequence: sequence.into(),
        raw: vec![sequence; 200].into(),
    }
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    let first = [ExecutedItem::Message(9), ExecutedItem::Transaction(1)];
    journal
        .append(&JournalGroup {
            opened: Some(block(4)),
            accepted: vec![accepted(1), accepted(2)],
            executed: first.to_vec(),
            ..JournalGroup::default()
        })
        .unwrap();
    journal
        .append(&JournalGroup {
            executed: vec![ExecutedItem::Transaction(2)],
            ..JournalGroup::default()
        })
        .unwrap();
    drop(journal);
    let contents = open(directory.path()).load().unwrap();
    let executed = [first.as_slice(), &[ExecutedItem::Transaction(2)]].concat();
    assert_eq!(contents.blocks, [journaled(block(4), executed, None)]);
    assert_eq!(contents.accepted, [accepted(1), accepted(2)]);
    assert_eq!(contents.next_sequence, 3);
}

#[test]
fn a_sealed_block_takes_only_its_own_transactions_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    journal
        .append(&JournalGroup {
            opened: Some(block(4)),
            accepted: vec![accepted(1), accepted(2), accepted(3)],
            executed: vec![ExecutedItem::Transaction(2)],
            dropped: vec![3],
            ..JournalGroup::default()
        })
        .unwrap();
    journal
        .append(&JournalGroup {
            forget_through: Some(4),
            opened: Some(block(5)),
            ..JournalGroup::default()
        })
        .unwrap();
    let contents = journal.load().unwrap();
    assert_eq!(contents.blocks, [journaled(block(5), vec![], None)]);
    assert_eq!(contents.accepted, [accepted(1)]);
}

#[test]
fn opening_a_block_anew_keeps_the_transactions() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    let executed = vec![ExecutedItem::Transaction(1)];
    journal
        .append(&JournalGroup {
            opened: Some(block(4)),
            accepted: vec![accepted(1)],
            executed,
            ..JournalGroup::default()
        })
        .unwrap();
    let again = OpenBlock {
        timestamp: 6,
        ..block(4)
    };
    journal
        .append(&JournalGroup {
            opened: Some(again),
            ..JournalGroup::default()
        })
        .unwrap();
    let contents = journal.load().unwrap();
    assert_eq!(contents.blocks, [journaled(again, vec![], None)]);
    assert_eq!(contents.accepted, [accepted(1)]);
}

#[test]
fn executing_without_an_open_block_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    let group = JournalGroup {
        accepted: vec![accepted(1)],
        executed: vec![ExecutedItem::Transaction(1)],
        ..JournalGroup::default()
    };
    assert!(matches!(journal.append(&group), Err(StorageError::NoOpenBlock)));
    assert_eq!(journal.load().unwrap(), JournalContents::default());
}

#[test]
fn the_journal_of_another_chain_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let refused = Journal::open(directory.path(), 8, B256::ZERO, MAX_SIZE_BYTES).unwrap_err();
    assert!(matches!(refused, StorageError::WrongChain { what: "chain id", .. }));
    let refused = Journal::open(directory.path(), 7, B256::repeat_byte(1), MAX_SIZE_BYTES).unwrap_err();
    assert!(matches!(
        refused,
        StorageError::WrongChain {
            what: "genesis hash",
            ..
        }
    ));
}

#[test]
fn a_full_journal_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
    journal
        .append(&JournalGroup {
            accepted: vec![accepted(1)],
            ..JournalGroup::default()
        })
        .unwrap();
    let huge = AcceptedTransaction {
        sequence: 2,
        raw: vec![0; 2 << 20].into(),
    };
    let refused = journal.append(&JournalGroup {
        accepted: vec![huge.clone()],
        ..JournalGroup::default()
    });
    assert!(matches!(refused, Err(StorageError::DiskFull { .. })), "{refused:?}");
    assert_eq!(journal.load().unwrap().accepted, [accepted(1)]);
    journal
        .append(&JournalGroup {
            accepted: vec![accepted(3)],
            ..JournalGroup::default()
        })
        .unwrap();
    drop(journal);
    let mut journal = open(directory.path());
    journal
        .append(&JournalGroup {
            accepted: vec![huge],
            ..JournalGroup::default()
        })
        .unwrap();
    assert_eq!(journal.load().unwrap().accepted.len(), 3);
}

#[test]
fn what_is_forgotten_makes_room_under_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
    for number in 1..60 {
        let raw = vec![1; 100_000].into();
        journal
            .append(&JournalGroup {
                forget_through: Some(number - 1),
                opened: Some(block(number)),
                accepted: vec![AcceptedTransaction { sequence: number, raw }],
                executed: vec![ExecutedItem::Message(number), ExecutedItem::Transaction(number)],
                ..JournalGroup::default()
            })
            .unwrap();
    }
    let before = journal.load().unwrap();
    assert_eq!(before.accepted.len(), 1);
    drop(journal);
    let journal = Journal::open(directory.path(), 7, B256::ZERO, 1 << 20).unwrap();
    assert_eq!(journal.load().unwrap(), before);
}

#[test]
fn sealed_blocks_are_kept_until_they_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path());
    for number in 1..=3u8 {
        let group = JournalGroup {
            opened: Some(block(number.into())),
            accepted: vec![accepted(number)],
            executed: vec![ExecutedItem::Transaction(number.into())],
            sealed: Some(B256::repeat_byte(number)),
            ..JournalGroup::default()
        };
        journal.append(&group).unwrap();
    }
    let again = JournalGroup {
        sealed: Some(B256::ZERO),
        ..JournalGroup::default()
    };
    assert!(matches!(journal.append(&again), Err(StorageError::NoOpenBlock)));
    let empty = JournalGroup {
        forget_through: Some(1),
        opened: Some(block(4)),
        sealed: Some(B256::repeat_byte(4)),
        ..JournalGroup::default()
    };
    journal.append(&empty).unwrap();
    let sealed = |number: u8, executed| journaled(block(number.into()), executed, Some(B256::repeat_byte(number)));
    let expected = [
        sealed(2, vec![ExecutedItem::Transaction(2)]),
        sealed(3, vec![ExecutedItem::Transaction(3)]),
        sealed(4, vec![]),
    ];
    for _ in 0..2 {
        let contents = journal.load().unwrap();
        assert_eq!(contents.blocks, expected);
        assert_eq!(contents.accepted, [accepted(2), accepted(3)]);
        // Once read back from its records, once written anew.
        journal.rewrite().unwrap();
        drop(journal);
        journal = open(directory.path());
    }
}
