//! Damaged files, full disks, second instances, foreign schemas: clear errors, no panics, nothing lost.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::Command,
};

use alloy_primitives::{U256, keccak256};

use super::chain::{
    MadeBlock, Model, Step, apply, assert_state, commit_all, difference, genesis, next_block, open, small, spec,
};
use crate::{
    BulkAccount, BulkState, Database, Options, StorageError,
    codec::Key,
    database::SCHEMA,
    tables::{self, Accounts, LOADING},
};

const DATA_FILE: &str = "mdbx.dat";
/// Environment variable with the directory of a test that runs with small files.
const SMALL_FILES: &str = "CWE_SMALL_FILES";

fn filled(path: &Path) -> Model {
    let database = open(path, small(), &Model::new());
    let blocks: Vec<_> = (0..6)
        .map(|n| {
            vec![Step::Slot {
                account: n,
                slot: n,
                value: 1,
            }]
        })
        .collect();
    commit_all(&database, &Model::new(), &blocks).pop().unwrap()
}

fn overwrite(path: &Path, offset: u64, length: usize) {
    let mut file = OpenOptions::new().write(true).open(path.join(DATA_FILE)).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&vec![0xa5; length]).unwrap();
}

#[test]
fn a_second_instance_is_told_who_holds_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path(), small(), &Model::new());
    let snapshot = first.latest().unwrap();
    let own = std::process::id();
    let locked = |refused: StorageError| matches!(refused, StorageError::Locked { pid: Some(pid), .. } if pid == own);
    assert!(locked(Database::open(directory.path(), small()).unwrap_err()));
    drop(first);
    assert!(
        locked(Database::open(directory.path(), small()).unwrap_err()),
        "a snapshot still maps the files"
    );
    drop(snapshot);
    Database::open(directory.path(), small()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_by_its_version() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    for (schema, newer) in [(SCHEMA + 1, true), (SCHEMA - 1, false)] {
        let database = Database::open(directory.path(), small());
        if let Ok(database) = database {
            let writer = database.environment.writer().unwrap();
            writer.put_meta(&tables::SCHEMA, &schema).unwrap();
            writer.commit().unwrap();
        }
        let refused = Database::open(directory.path(), small()).unwrap_err();
        match refused {
            StorageError::NewerSchema { found, supported, .. } => {
                assert!(newer && found == schema && supported == SCHEMA)
            }
            StorageError::OlderSchema { found, .. } => assert!(!newer && found == schema),
            other => panic!("{other}"),
        }
        fs::remove_dir_all(directory.path()).unwrap();
        filled(directory.path());
    }
}

#[test]
fn a_file_of_garbage_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(DATA_FILE), vec![0xa5; 1 << 20]).unwrap();
    let refused = Database::open(directory.path(), small()).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupted { .. }), "{refused:?}");
}

#[test]
fn overwritten_meta_pages_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    overwrite(directory.path(), 0, 3 * 4096);
    let refused = Database::open(directory.path(), small()).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupted { .. }), "{refused:?}");
}

#[test]
fn a_file_cut_short_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let file = OpenOptions::new()
        .write(true)
        .open(directory.path().join(DATA_FILE))
        .unwrap();
    file.set_len(5 * 4096).unwrap();
    drop(file);
    let refused = Database::open(directory.path(), small()).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupted { .. }), "{refused:?}");
}

#[test]
fn overwritten_data_pages_are_errors_and_not_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let model = filled(directory.path());
    let length = fs::metadata(directory.path().join(DATA_FILE)).unwrap().len();
    overwrite(directory.path(), 3 * 4096, usize::try_from(length).unwrap() - 3 * 4096);
    let read = Database::open(directory.path(), small()).and_then(|database| {
        let snapshot = database.latest()?;
        model
            .keys()
            .try_for_each(|address| snapshot.account(*address).map(drop))
    });
    assert!(matches!(read, Err(StorageError::Corrupted { .. })), "{read:?}");
}

#[test]
fn a_malformed_row_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let database = Database::open(directory.path(), small()).unwrap();
    let writer = database.environment.writer().unwrap();
    let address = super::chain::address(1);
    writer
        .cursor::<Accounts>()
        .unwrap()
        .put(address.encode().as_ref(), &[1, 2, 3])
        .unwrap();
    writer.commit().unwrap();
    let refused = database.latest().unwrap().account(address).unwrap_err();
    assert!(matches!(refused, StorageError::MalformedRow { table: "accounts", .. }));
}

fn after_large_block(before: &Model, number: u64) -> Model {
    let mut after = before.clone();
    let value = number + 1;
    apply(
        &mut after,
        &[Step::Slot {
            account: 1,
            slot: 1,
            value,
        }],
    );
    after
}

/// A block that writes about a megabyte.
fn large_block(database: &Database, before: &Model) -> (MadeBlock, Model) {
    let number = database.latest().unwrap().number();
    let after = after_large_block(before, number);
    let mut made = next_block(database, before, &after);
    let code = keccak256(number.to_be_bytes()).repeat(32 << 10);
    made.changes.codes.insert(keccak256(&code), code.into());
    (made, after)
}

fn fill_up(database: &Database, model: &mut Model) -> StorageError {
    loop {
        let (made, after) = large_block(database, model);
        match database.commit_block(made.commit()) {
            Ok(()) => *model = after,
            Err(error) => return error,
        }
    }
}

#[test]
fn a_full_database_stays_readable_and_goes_on_when_the_limit_is_raised() {
    let directory = tempfile::tempdir().unwrap();
    let tiny = Options {
        max_size_bytes: 6 << 20,
        growth_step_bytes: 1 << 20,
        ..small()
    };
    let mut model = Model::new();
    let database = open(directory.path(), tiny, &model);
    let full = fill_up(&database, &mut model);
    assert!(
        matches!(&full, StorageError::DiskFull { path, .. } if path == directory.path()),
        "{full:?}"
    );
    assert_state(&database.latest().unwrap(), &model);
    assert!(matches!(fill_up(&database, &mut model), StorageError::DiskFull { .. }));
    drop(database);
    let database = Database::open(directory.path(), small()).unwrap();
    let (made, after) = large_block(&database, &model);
    database.commit_block(made.commit()).unwrap();
    assert_state(&database.latest().unwrap(), &after);
}

/// Runs `test` again in a process whose files can't grow above some megabytes: to MDBX that is a full disk.
fn run_with_small_files(test: &str, path: &Path) {
    let limited = "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\"";
    let status = Command::new("sh")
        .args(["-c", limited])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(SMALL_FILES, path)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    if let Some(path) = env::var_os(SMALL_FILES) {
        let path = Path::new(&path);
        let mut model = Model::new();
        let database = open(path, small(), &model);
        for _ in 0..2 {
            let full = fill_up(&database, &mut model);
            assert!(
                matches!(
                    &full,
                    StorageError::DiskFull {
                        reason: "the disk is full",
                        ..
                    }
                ),
                "{full:?}"
            );
            assert_state(&database.latest().unwrap(), &model);
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    run_with_small_files(
        "tests::faults::a_full_disk_is_named_and_loses_nothing",
        directory.path(),
    );
    let database = Database::open(directory.path(), small()).unwrap();
    let kept = database.latest().unwrap().number();
    assert!(kept > 0);
    let model = (0..kept).fold(Model::new(), |before, number| after_large_block(&before, number));
    assert_state(&database.latest().unwrap(), &model);
    let (made, after) = large_block(&database, &model);
    database.commit_block(made.commit()).unwrap();
    assert_state(&database.latest().unwrap(), &after);
}

#[test]
fn a_reader_beside_the_writer_sees_commits_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let read_only = Options {
        read_only: true,
        ..small()
    };
    assert!(matches!(
        Database::open(directory.path(), read_only),
        Err(StorageError::Uninitialised { .. })
    ));
    let model = filled(directory.path());
    let reader = Database::open(directory.path(), read_only).unwrap();
    assert_state(&reader.latest().unwrap(), &model);
    let refused = reader.commit_block(genesis(&model).commit()).unwrap_err();
    assert!(matches!(refused, StorageError::ReadOnly { .. }));
}

#[test]
fn an_empty_database_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path(), small()).unwrap();
    assert!(matches!(database.latest(), Err(StorageError::Uninitialised { .. })));
    assert_eq!(database.genesis_hash().unwrap(), None);
}

#[test]
fn too_many_snapshots_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(
        directory.path(),
        Options {
            max_readers: 4,
            ..small()
        },
        &Model::new(),
    );
    let mut held = Vec::new();
    let refused = loop {
        match database.latest() {
            Ok(snapshot) => held.push(snapshot),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(refused, StorageError::TooManyReaders { limit: 4, .. }),
        "{refused:?}"
    );
    held.pop();
    database.latest().unwrap();
}

#[test]
fn a_bulk_load_is_the_same_as_a_genesis() {
    let mut model = Model::new();
    let steps: Vec<_> = (0..10u8)
        .map(|n| Step::Slot {
            account: n,
            slot: n,
            value: 7,
        })
        .collect();
    apply(&mut model, &steps);
    let state = BulkState {
        accounts: model
            .iter()
            .rev()
            .map(|(address, (account, slots))| BulkAccount {
                address: *address,
                account: *account,
                storage: slots.clone().into_iter().chain([(U256::MAX, U256::ZERO)]).collect(),
            })
            .collect(),
        ..BulkState::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path(), small()).unwrap();
    let expected = genesis(&model);
    let hash = database
        .bulk_load(&spec(), state.clone(), |root| {
            assert_eq!(root, expected.trie.root);
            expected.block.clone()
        })
        .unwrap();
    assert_eq!(hash, expected.hash);
    assert_state(&database.latest().unwrap(), &model);
    database.init_genesis(&spec(), expected.commit()).unwrap();
    assert!(matches!(
        database.bulk_load(&spec(), state, |_| expected.block.clone()),
        Err(StorageError::NotEmpty { .. })
    ));
    let mut after = model.clone();
    apply(&mut after, &[Step::Delete { account: 3 }]);
    assert_eq!(difference(&model, &after).accounts.len(), 1);
    database
        .commit_block(next_block(&database, &model, &after).commit())
        .unwrap();
    assert_state(&database.latest().unwrap(), &after);
    assert_state(&database.at(0).unwrap(), &model);
}

#[test]
fn an_interrupted_bulk_load_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path(), small()).unwrap();
    let writer = database.environment.writer().unwrap();
    writer.put_meta(&LOADING, &1).unwrap();
    writer.commit().unwrap();
    drop(database);
    assert!(matches!(
        Database::open(directory.path(), small()),
        Err(StorageError::InterruptedLoad { .. })
    ));
}
