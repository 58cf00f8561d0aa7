//! Which folders are an index.

use std::{fs, path::Path};

use signet_libmdbx::{DatabaseFlags, Environment, WriteFlags};

use super::works::{empty, small, sound, work};
use crate::{FingerprintIndex, IndexError, MdbxIndex, Options, Prepared};

fn refused(folder: &Path) -> IndexError {
    MdbxIndex::open(folder, &small()).unwrap_err()
}

/// Another program's database, with this row in a table.
fn other_database(folder: &Path, table: &str, key: &str, value: &[u8]) {
    let mut builder = Environment::builder();
    builder.set_max_dbs(4);
    let environment = builder.open(folder).unwrap();
    let tx = environment.begin_rw_unsync().unwrap();
    let table = tx.create_db(Some(table), DatabaseFlags::empty()).unwrap();
    tx.put(table, key, value, WriteFlags::UPSERT).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_folder_with_other_files_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("holiday.jpg"), "x").unwrap();
    let error = refused(folder.path());
    assert!(error.to_string().contains("holiday.jpg"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn another_programs_database_is_refused() {
    for (table, key) in [("blocks", "x"), ("meta", "schema")] {
        let folder = tempfile::tempdir().unwrap();
        other_database(folder.path(), table, key, b"1");
        assert!(matches!(refused(folder.path()), IndexError::Foreign { .. }), "{table}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mdbx.dat"), [7; 20_000]).unwrap();
    assert!(matches!(refused(folder.path()), IndexError::Foreign { .. }));
}

#[test]
fn another_format_is_refused_by_number() {
    let folder = tempfile::tempdir().unwrap();
    other_database(folder.path(), "meta", "format", b"cwe-fingerprint-index\0\0\0\x63");
    let error = refused(folder.path());
    assert!(matches!(error, IndexError::Format { found: 99, .. }), "{error}");
}

#[test]
fn a_second_writer_is_refused_and_the_first_goes_on() {
    let (folder, index) = empty();
    assert!(matches!(refused(folder.path()), IndexError::Locked { .. }));
    index.insert(work(1), &sound(1, 10)).unwrap();
    drop(index);
    assert_eq!(MdbxIndex::open(folder.path(), &small()).unwrap().works().unwrap(), 1);
}

#[test]
fn reading_needs_an_index_and_makes_none() {
    let parent = tempfile::tempdir().unwrap();
    let options = Options {
        read_only: true,
        ..small()
    };
    for folder in [parent.path().to_path_buf(), parent.path().join("nowhere")] {
        let error = MdbxIndex::open(&folder, &options).unwrap_err();
        assert!(matches!(error, IndexError::Missing { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn an_index_that_was_half_loaded_is_refused() {
    let (folder, index) = empty();
    let mut load = index.bulk_load().unwrap();
    load.add(&Prepared::new(work(1), &sound(1, 10))).unwrap();
    drop(load);
    drop(index);
    assert!(matches!(refused(folder.path()), IndexError::InterruptedLoad { .. }));
}

#[test]
fn a_full_index_refuses_a_work_and_keeps_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        max_size_bytes: 4 << 20,
        ..small()
    };
    let index = MdbxIndex::open(folder.path(), &options).unwrap();
    let refused = (0..1_000).find_map(|number| {
        let refused = index.insert(work(number), &sound(number, 200)).err()?;
        Some((number, refused))
    });
    let (stored, error) = refused.unwrap();
    assert!(matches!(error, IndexError::NoRoom { .. }), "{error}");
    assert_eq!(index.works().unwrap(), stored);
    assert_eq!(index.descriptor(work(0)).unwrap(), Some(sound(0, 200)));
}
