use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    sync::OnceLock,
};

use alloy::primitives::Address;
use cwe_jobs::{JobState, NewJob};

use super::*;
use crate::{config::StagesSection, progress::LogLines, work::sha256};

/// Stands for the stage program: writes down how it was called, and gives every stage an output.
const PROGRAM: &str = r#"#!/bin/sh
echo "$@" >> "$0.calls"
stage=$1
while [ $# -gt 0 ]; do
  if [ "$1" = --output ]; then output=$2; fi
  shift
done
if [ "$stage" = execute ]; then
  cp "$0.execution" "$output"
else
  echo "$stage" > "$output"
fi
"#;

/// The program, written once: a file that is being written can't be run, and another test's processes may hold it open.
fn script() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stage");
        fs::write(&path, PROGRAM).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    });
    folder.path().join("stage")
}

const INPUT_BYTES: &[u8] = b"input";

struct Fixture {
    workshop: Workshop,
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(shown: B256) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("stage");
        symlink(script(), &program).unwrap();
        fs::write(
            folder.path().join("stage.execution"),
            format!(r#"{{"publicValue":"{shown}"}}"#),
        )
        .unwrap();
        let stages = StagesSection {
            program: program.clone(),
            ..StagesSection::default()
        };
        let needs: Vec<_> = Stage::ALL
            .iter()
            .map(|stage| serde_json::json!({ "stage": stage, "memoryBytes": 1, "seconds": 1 }))
            .collect();
        let address = format!("sqlite:{}", folder.path().join("queue.db").display());
        let workshop = Workshop {
            queue: Queue::open(&address).await.unwrap(),
            kind: crate::kind(1, Address::ZERO, StopAfter::Halo2),
            guests: Guest::ALL.into(),
            lease: Duration::from_secs(60),
            retry: Duration::from_secs(1),
            stop_after: StopAfter::Halo2,
            gives_back: false,
            needs: Needs::parse(&serde_json::to_vec(&needs).unwrap()).unwrap(),
            program: StageProgram::new(&stages, folder.path(), None).unwrap(),
            stage_timeout: Duration::from_secs(60),
            memory: Memory::default(),
            folder: WorkFolder::open(&folder.path().join("work")).unwrap(),
            view: watch::channel(None).1,
            observer: Arc::new(LogLines::default()),
            shutdown: CancellationToken::new(),
        };
        Self {
            workshop,
            program,
            _folder: folder,
        }
    }

    async fn enqueue(&self, kind: &str, guest: Guest, public_value: B256) -> i64 {
        let job = NewJob {
            kind: kind.into(),
            key: "key".into(),
            payload: GuestJob::new(guest, public_value, sha256(INPUT_BYTES))
                .payload()
                .unwrap(),
            priority: 0,
            max_attempts: 3,
        };
        let queue = &self.workshop.queue;
        queue
            .enqueue_with(&job, &[(GuestJob::INPUT, INPUT_BYTES)])
            .await
            .unwrap()
            .id()
    }

    async fn work(&self) -> Attempt {
        let lease = self.workshop.next("test").await.unwrap().unwrap();
        self.workshop.work(lease).await.unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.program.with_extension("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_guest_s_job_goes_through_the_stages_of_its_own_guest() {
    let value = B256::repeat_byte(7);
    for guest in Guest::ALL {
        let fixture = Fixture::new(value).await;
        let id = fixture.enqueue(guest.name(), guest, value).await;
        let attempt = fixture.work().await;
        assert_eq!(attempt, Attempt::Done(b"wrap\n".to_vec()));
        assert_eq!(fixture.workshop.queue.output(id).await.unwrap(), b"wrap\n");
        let calls = fixture.calls();
        assert_eq!(calls.len(), Stage::ALL.len());
        for (call, stage) in calls.iter().zip(Stage::ALL) {
            assert!(call.starts_with(stage.name()), "{call}");
            assert!(call.contains(&format!("--guest {guest}")), "{call}");
        }
    }
}

#[tokio::test]
async fn a_guest_that_shows_something_else_is_not_proven() {
    let fixture = Fixture::new(B256::repeat_byte(7)).await;
    let id = fixture
        .enqueue("aggregation", Guest::Aggregation, B256::repeat_byte(8))
        .await;
    assert!(matches!(fixture.work().await, Attempt::Refused(_)));
    assert_eq!(fixture.calls().len(), 1, "nothing after the execution");
    assert_eq!(fixture.workshop.queue.job(id).await.unwrap().state, JobState::Failed);
}

#[tokio::test]
async fn a_job_for_another_guest_than_its_kind_s_is_refused() {
    let fixture = Fixture::new(B256::ZERO).await;
    fixture.enqueue("settlement", Guest::Aggregation, B256::ZERO).await;
    assert!(matches!(fixture.work().await, Attempt::Refused(_)));
    assert!(fixture.calls().is_empty());
}

#[tokio::test]
async fn batches_go_first_and_other_guests_jobs_only_where_they_are_wanted() {
    let mut fixture = Fixture::new(B256::ZERO).await;
    fixture.enqueue("aggregation", Guest::Aggregation, B256::ZERO).await;
    let batch = NewJob {
        kind: fixture.workshop.kind.clone(),
        key: "batch".into(),
        payload: "{}".into(),
        priority: 0,
        max_attempts: 3,
    };
    fixture.workshop.queue.enqueue(&batch).await.unwrap();
    let first = fixture.workshop.next("test").await.unwrap().unwrap();
    assert_eq!(first.job().kind, batch.kind);
    fixture.workshop.guests.clear();
    assert!(fixture.workshop.next("test").await.unwrap().is_none());
    fixture.workshop.guests = Guest::ALL.into();
    let second = fixture.workshop.next("test").await.unwrap().unwrap();
    assert_eq!(second.job().kind, "aggregation");
}
