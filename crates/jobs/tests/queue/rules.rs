//! Each function is a rule; it gets the address of an empty database.

use std::{collections::HashSet, time::Duration};

use cwe_jobs::{Counts, Enqueued, JobState, JobsError, Lease, NewJob, Progress, Queue, Retry};
use sqlx::{AnyConnection, Connection, Executor};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);
/// Well after a short lease has ended.
const AFTER_SHORT: Duration = Duration::from_millis(500);

fn job(key: &str) -> NewJob {
    NewJob {
        kind: "batch".into(),
        key: key.into(),
        payload: format!("{{\"batch\":\"{key}\"}}"),
        priority: 0,
        max_attempts: 3,
    }
}

async fn take(queue: &Queue, worker: &str, lease: Duration) -> Option<Lease> {
    queue.lease("batch", worker, lease).await.unwrap()
}

fn assert_lost<T: std::fmt::Debug>(outcome: Result<T, JobsError>) {
    assert!(matches!(outcome, Err(JobsError::LeaseLost { .. })), "{outcome:?}");
}

pub(crate) async fn a_job_asked_for_twice_is_one_job(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let first = queue.enqueue(&job("1-4")).await.unwrap();
    assert!(matches!(first, Enqueued::New(_)));
    assert_eq!(queue.enqueue(&job("1-4")).await.unwrap(), Enqueued::Known(first.id()));
    let other_kind = NewJob {
        kind: "epoch".into(),
        ..job("1-4")
    };
    assert!(matches!(queue.enqueue(&other_kind).await.unwrap(), Enqueued::New(_)));
    let other_payload = NewJob {
        payload: "{}".into(),
        ..job("1-4")
    };
    let refused = queue.enqueue(&other_payload).await;
    assert!(matches!(refused, Err(JobsError::PayloadDiffers { id, .. }) if id == first.id()));
    assert_eq!(queue.list(0, 10).await.unwrap().len(), 2);

    let lease = take(&queue, "w", LONG).await.unwrap();
    lease.complete(b"proof").await.unwrap();
    assert_eq!(queue.enqueue(&job("1-4")).await.unwrap(), Enqueued::Known(first.id()));
    assert!(
        take(&queue, "w", LONG).await.is_none(),
        "a finished job is not done again"
    );
}

pub(crate) async fn what_a_job_is_enqueued_with_is_there_for_its_worker_and_only_once(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let input = vec![7u8; 300_000];
    let first = queue.enqueue_with(&job("1"), &[("input", &input)]).await.unwrap();
    let again = queue.enqueue_with(&job("1"), &[("input", b"another")]).await.unwrap();
    assert_eq!(again, Enqueued::Known(first.id()));
    let lease = take(&queue, "w", LONG).await.unwrap();
    assert_eq!(lease.result("input").await.unwrap(), Some(input));
    lease.complete(b"proof").await.unwrap();

    queue.remove(first.id()).await.unwrap();
    queue.enqueue(&job("1")).await.unwrap();
    let lease = take(&queue, "w", LONG).await.unwrap();
    assert_eq!(lease.result("input").await.unwrap(), None, "it went with the job");
}

pub(crate) async fn higher_priority_goes_first_then_the_order_of_arrival(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    for (key, priority) in [("a", 0), ("b", 0), ("urgent", 5), ("idle", -5)] {
        let job = NewJob { priority, ..job(key) };
        queue.enqueue(&job).await.unwrap();
    }
    for expected in ["urgent", "a", "b", "idle"] {
        assert_eq!(take(&queue, "w", LONG).await.unwrap().job().key, expected);
    }
    assert!(take(&queue, "w", LONG).await.is_none());
    assert!(queue.lease("epoch", "w", LONG).await.unwrap().is_none());
}

pub(crate) async fn a_job_has_one_holder_however_many_workers_ask(address: &str) {
    const JOBS: usize = 40;
    let queue = Queue::open(address).await.unwrap();
    for number in 0..JOBS {
        queue.enqueue(&job(&number.to_string())).await.unwrap();
    }
    let worker = |name: usize| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(lease) = take(&queue, &name.to_string(), LONG).await {
                taken.push(lease.job().id);
            }
            taken
        })
    };
    let workers: Vec<_> = (0..6).map(worker).collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), JOBS);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), JOBS);
}

pub(crate) async fn a_lost_lease_can_write_nothing_and_the_next_holder_goes_on_after_the_finished_stages(
    address: &str,
) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("1")).await.unwrap().id();
    let dead = take(&queue, "first", SHORT).await.unwrap();
    dead.put_result("execute", b"segments").await.unwrap();
    dead.put_result("execute", b"better segments").await.unwrap();
    dead.renew("stark", Progress::of(1, 4)).await.unwrap();
    assert!(take(&queue, "second", LONG).await.is_none(), "the lease still runs");
    tokio::time::sleep(AFTER_SHORT).await;

    let heir = take(&queue, "second", LONG).await.unwrap();
    assert_eq!(heir.job().worker.as_deref(), Some("second"));
    assert_eq!(
        (heir.job().stage.as_str(), heir.job().progress.ppm()),
        ("stark", 250_000)
    );
    assert_eq!(heir.result("execute").await.unwrap().unwrap(), b"better segments");
    assert_eq!(heir.result("stark").await.unwrap(), None);

    assert_lost(dead.renew("stark", Progress::of(4, 4)).await);
    assert_lost(dead.put_result("stark", b"late").await);
    assert_lost(dead.clone().fail("late", Retry::Never).await);
    assert_lost(dead.clone().release().await);
    assert_lost(dead.complete(b"late").await);
    assert_eq!(heir.result("stark").await.unwrap(), None);

    heir.clone().complete(b"proof").await.unwrap();
    assert_eq!(queue.output(id).await.unwrap(), b"proof");
    assert_eq!(
        heir.result("execute").await.unwrap(),
        None,
        "results go with the end of the job"
    );
    assert_lost(heir.renew("again", Progress::default()).await);
}

pub(crate) async fn a_worker_that_always_dies_uses_up_the_attempts(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("poison")).await.unwrap().id();
    for attempt in 1..=3 {
        let lease = take(&queue, "w", SHORT).await.unwrap();
        assert_eq!(lease.job().attempts, attempt);
        tokio::time::sleep(AFTER_SHORT).await;
    }
    assert!(take(&queue, "w", SHORT).await.is_none());
    let given_up = queue.job(id).await.unwrap();
    assert_eq!(given_up.state, JobState::Failed);
    assert!(given_up.error.unwrap().contains("stopped answering"));
    assert!(matches!(queue.output(id).await, Err(JobsError::WrongState { .. })));

    queue.retry(id).await.unwrap();
    assert!(matches!(queue.retry(id).await, Err(JobsError::WrongState { .. })));
    assert_eq!(take(&queue, "w", LONG).await.unwrap().job().attempts, 1);
}

pub(crate) async fn a_failed_attempt_is_offered_again_after_its_delay_or_never(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("1")).await.unwrap().id();
    let lease = take(&queue, "w", LONG).await.unwrap();
    lease.fail("the L1 is down", Retry::After(SHORT)).await.unwrap();
    assert!(take(&queue, "w", LONG).await.is_none());
    assert_eq!(queue.job(id).await.unwrap().error.as_deref(), Some("the L1 is down"));
    tokio::time::sleep(AFTER_SHORT).await;
    let lease = take(&queue, "w", LONG).await.unwrap();
    lease.fail("the witness is false", Retry::Never).await.unwrap();
    let counts = Counts {
        failed: 1,
        ..Counts::default()
    };
    assert_eq!(queue.counts("batch").await.unwrap(), counts);
    assert_eq!(queue.counts("epoch").await.unwrap(), Counts::default());
}

pub(crate) async fn a_job_given_back_has_lost_no_attempt(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    queue.enqueue(&job("1")).await.unwrap();
    for _ in 0..5 {
        let lease = take(&queue, "w", LONG).await.unwrap();
        assert_eq!(lease.job().attempts, 1);
        lease.release().await.unwrap();
    }
}

pub(crate) async fn heartbeats_keep_the_lease_and_tell_when_it_is_lost(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("1")).await.unwrap().id();
    let lease = take(&queue, "w", 2 * AFTER_SHORT).await.unwrap();
    let alive = lease.keep_alive();
    alive.report("stark", Progress::of(1, 2));
    tokio::time::sleep(4 * AFTER_SHORT).await;
    assert!(take(&queue, "thief", LONG).await.is_none(), "the lease was renewed");
    assert!(!alive.lost().is_cancelled());
    assert_eq!(queue.job(id).await.unwrap().progress.ppm(), 500_000);

    lease.release().await.unwrap();
    tokio::time::timeout(LONG, alive.lost().cancelled()).await.unwrap();
}

pub(crate) async fn a_job_is_removed_only_while_nobody_works_on_it(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("1")).await.unwrap().id();
    let lease = take(&queue, "w", LONG).await.unwrap();
    lease.put_result("execute", b"segments").await.unwrap();
    assert!(matches!(queue.remove(id).await, Err(JobsError::WrongState { .. })));
    lease.clone().release().await.unwrap();
    queue.remove(id).await.unwrap();
    assert!(matches!(queue.job(id).await, Err(JobsError::NoSuchJob { .. })));
    assert!(matches!(queue.remove(id).await, Err(JobsError::NoSuchJob { .. })));
    assert_eq!(lease.result("execute").await.unwrap(), None);
}

pub(crate) async fn everything_is_there_after_opening_again(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let id = queue.enqueue(&job("1")).await.unwrap().id();
    let before = queue.job(id).await.unwrap();
    drop(queue);
    let queue = Queue::open(address).await.unwrap();
    assert_eq!(queue.job(id).await.unwrap(), before);
    assert_eq!(queue.find("batch", "1").await.unwrap().unwrap(), before);
    assert_eq!(queue.find("batch", "2").await.unwrap(), None);
}

pub(crate) async fn tables_of_a_newer_program_are_refused(address: &str) {
    drop(Queue::open(address).await.unwrap());
    let mut connection = AnyConnection::connect(address).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    connection.execute(newer).await.unwrap();
    assert!(matches!(Queue::open(address).await, Err(JobsError::Schema(_))));
}

pub(crate) async fn hostile_text_is_only_text(address: &str) {
    let queue = Queue::open(address).await.unwrap();
    let hostile = NewJob {
        payload: "'); DROP TABLE jobs; --".into(),
        ..job("'; DELETE FROM jobs; --")
    };
    let id = queue.enqueue(&hostile).await.unwrap().id();
    let lease = take(&queue, "$1 OR 1=1", LONG).await.unwrap();
    lease.fail("\u{1F600} ' \" \\", Retry::Never).await.unwrap();
    let kept = queue.job(id).await.unwrap();
    assert_eq!((kept.key, kept.payload), (hostile.key, hostile.payload));
    assert_eq!(kept.error.as_deref(), Some("\u{1F600} ' \" \\"));
}
