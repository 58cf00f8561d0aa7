//! `kill -9` at any instant: what was reported durable is there, and the database is whole.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use alloy_primitives::B256;

use super::chain::{Model, Step, apply, assert_state, newest_state, next_block, open, small};
use crate::{AcceptedTransaction, ExecutedItem, Journal, JournalGroup, OpenBlock};

const DIRECTORY: &str = "CWE_CRASH_DIRECTORY";
const ROUNDS: u64 = 4;

/// The state after block `number`, whoever computes it.
fn state_after(number: u64) -> Model {
    let mut model = Model::new();
    for n in 1..=number {
        let [.., byte] = n.to_be_bytes();
        let account = byte % 7;
        apply(
            &mut model,
            &[
                Step::Set {
                    account,
                    nonce: n,
                    balance: n,
                },
                Step::Slot {
                    account,
                    slot: byte % 11,
                    value: n % 5,
                },
                Step::Slot {
                    account: 8,
                    slot: byte % 5,
                    value: n,
                },
            ],
        );
    }
    model
}

fn open_journal(path: &Path) -> Journal {
    Journal::open(&path.join("journal"), 1, B256::ZERO, 64 << 20).unwrap()
}

fn group(number: u64) -> JournalGroup {
    JournalGroup {
        forget_through: number.checked_sub(1),
        opened: Some(OpenBlock {
            number,
            parent_hash: B256::ZERO,
            timestamp: number,
            base_fee: 1,
            gas_limit: 1,
        }),
        accepted: vec![AcceptedTransaction {
            sequence: number,
            raw: vec![1; 300].into(),
        }],
        executed: vec![ExecutedItem::Transaction(number)],
        ..JournalGroup::default()
    }
}

/// Commits until it is killed, and says after each commit what is durable.
#[test]
#[ignore = "the child of the test below"]
fn commit_until_killed() {
    let Ok(path) = env::var(DIRECTORY) else { return };
    let path = Path::new(&path);
    let database = open(path, small(), &Model::new());
    let mut journal = open_journal(path);
    let mut out = std::io::stderr();
    for number in database.latest().unwrap().number() + 1.. {
        journal.append(&group(number)).unwrap();
        writeln!(out, "journal {number}").unwrap();
        let next = next_block(&database, &state_after(number - 1), &state_after(number));
        database.commit_block(next.commit()).unwrap();
        writeln!(out, "block {number}").unwrap();
    }
}

fn run_and_kill(path: &Path, round: u64) -> (u64, u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "tests::crash::commit_until_killed",
        ])
        .env(DIRECTORY, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut durable = (0, 0);
    let mut note = |line: String| match line.split_once(' ') {
        Some(("journal", number)) => durable.0 = number.parse().unwrap(),
        Some(("block", number)) => durable.1 = number.parse().unwrap(),
        _ => panic!("{line}"),
    };
    for line in lines.by_ref().take(20) {
        note(line);
    }
    std::thread::sleep(Duration::from_micros(700 * round));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(note);
    durable
}

#[test]
fn a_killed_writer_loses_nothing_that_it_reported() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..ROUNDS {
        let (journaled, committed) = run_and_kill(directory.path(), round);
        assert!(committed > last, "the child committed nothing");
        let database = open(directory.path(), small(), &Model::new());
        let snapshot = database.latest().unwrap();
        last = snapshot.number();
        assert!(
            (committed..=committed + 1).contains(&last),
            "{last} is not {committed} or the one in flight"
        );
        let expected = state_after(last);
        assert_eq!(newest_state(&database.environment.reader().unwrap()), expected);
        assert_state(&snapshot, &expected);
        let old = last - 3;
        assert_state(&database.at(old).unwrap(), &state_after(old));
        let contents = open_journal(directory.path()).load().unwrap();
        let block = contents.blocks.last().unwrap();
        let open = block.opened.number;
        assert!((journaled..=journaled + 1).contains(&open));
        let JournalGroup { accepted, executed, .. } = group(open);
        assert_eq!((&contents.accepted, &block.executed), (&accepted, &executed));
    }
}
