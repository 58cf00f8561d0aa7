//! `kill -9` at any instant: what was reported is there, and the index is whole. Readers beside the writer.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::works::{heard, small, song, sound, work};
use crate::{
    FingerprintIndex, MdbxIndex, Options,
    environment::Table,
    rows::{BANDS, descriptor_of, work_of},
};

const FOLDER: &str = "CWE_INDEX_CRASH_FOLDER";
const ROUNDS: u64 = 3;
const SECONDS: u32 = 12;

/// Inserts until it is killed, replaces and removes now and then, and says after each step which it was.
#[test]
#[ignore = "the child of the test below"]
fn insert_until_killed() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let index = MdbxIndex::open(Path::new(&folder), &small()).unwrap();
    let mut out = std::io::stderr();
    for step in index.works().unwrap().. {
        index.insert(work(step), &sound(step, SECONDS)).unwrap();
        if step % 3 == 0 {
            index.insert(work(step), &sound(step, SECONDS)).unwrap();
        }
        if step % 4 == 0 {
            index.insert(work(u64::MAX), &sound(1, SECONDS)).unwrap();
            assert!(index.remove(work(u64::MAX)).unwrap());
        }
        writeln!(out, "inserted {step}").unwrap();
    }
}

fn child(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture", name])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The last step that the child reported before it was killed.
fn run_and_kill(folder: &Path, round: u64) -> u64 {
    let mut child = child("tests::crash::insert_until_killed", folder).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut last = 0;
    let mut note = |line: String| match line.strip_prefix("inserted ") {
        Some(step) => last = step.parse().unwrap(),
        None => panic!("{line}"),
    };
    lines.by_ref().take(6).for_each(&mut note);
    std::thread::sleep(Duration::from_micros(900 * round));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(note);
    last
}

/// Every row belongs to a work, and every work has all its rows.
fn assert_whole(index: &MdbxIndex) {
    let reader = index.environment().reader().unwrap();
    let (mut works, mut postings) = (0, 0);
    let mut cursor = reader.cursor(Table::Works).unwrap();
    for row in cursor.iter_start::<[u8; 4], Vec<u8>>().unwrap() {
        let number = u32::from_be_bytes(row.unwrap().0);
        let row = work_of(&reader, number).unwrap();
        let descriptor = descriptor_of(&reader, number).unwrap();
        assert_eq!(row.fp_id, descriptor.fp_id());
        works += 1;
        postings += descriptor.anchors().len() as u64;
    }
    assert_eq!(reader.rows(Table::Numbers).unwrap(), works);
    assert_eq!(reader.rows(Table::Descriptors).unwrap(), works);
    assert_eq!(reader.rows(Table::Bands).unwrap(), works * BANDS as u64);
    assert_eq!(reader.rows(Table::Postings).unwrap(), postings);
}

#[test]
fn a_killed_writer_leaves_a_whole_index_with_all_it_reported() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let last = run_and_kill(folder.path(), round);
        let index = MdbxIndex::open(folder.path(), &small()).unwrap();
        assert_whole(&index);
        for step in 0..=last {
            assert_eq!(
                index.descriptor(work(step)).unwrap(),
                Some(sound(step, SECONDS)),
                "step {step}"
            );
        }
        let query = heard(&song(last, SECONDS), 1_000, 10_000);
        assert_eq!(index.query(&query, 3).unwrap()[0].work, work(last));
        // What was under way: a next work, or the one that comes and goes.
        let works = index.works().unwrap();
        assert!(
            (last + 1..=last + 3).contains(&works),
            "{works} works after step {last}"
        );
        index.remove(work(u64::MAX)).unwrap();
    }
}

/// Says how many works a reader sees, and how a second writer is refused.
#[test]
#[ignore = "the child of the test below"]
fn look_from_another_process() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let refused = MdbxIndex::open(folder, &small()).unwrap_err();
    let reading = Options {
        read_only: true,
        ..small()
    };
    let index = MdbxIndex::open(folder, &reading).unwrap();
    let written = index.insert(work(7), &sound(7, SECONDS)).unwrap_err();
    let mut out = std::io::stderr();
    writeln!(out, "{refused}\n{}\n{written}", index.works().unwrap()).unwrap();
}

#[test]
fn another_process_may_read_but_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let index = MdbxIndex::open(folder.path(), &small()).unwrap();
    index.insert(work(1), &sound(1, SECONDS)).unwrap();
    let output = child("tests::crash::look_from_another_process", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].contains("in use by another writer"), "{said}");
    assert_eq!(lines[1], "1");
    assert!(lines[2].contains("read-only"), "{said}");
}
