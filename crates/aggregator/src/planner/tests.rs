use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch};

use super::*;
use crate::{
    config::{LimitsSection, Peer},
    ingress,
    peers::{Peers, Tokens},
    server::{Api, router},
    testing::{self, EPOCH, reveal},
    view::View,
};

const COORDINATOR: Address = Address::repeat_byte(1);
const LEASE: Duration = Duration::from_secs(60);

/// A chain in memory that takes every proof but those that end with "bad".
struct FakeChain {
    states: Mutex<BTreeMap<Roots, u64>>,
    view: watch::Sender<Option<Arc<View>>>,
}

impl FakeChain {
    fn new() -> (Arc<Self>, ViewReceiver) {
        let (view, shown) = watch::channel(Some(Arc::new(testing::view())));
        let states = Mutex::new(BTreeMap::from([(Roots::EMPTY, 0)]));
        (Arc::new(Self { states, view }), shown)
    }

    fn add(&self, before: Roots, after: Roots, reveals: u64) {
        let mut states = self.states.lock();
        let sum = states[&before] + reveals;
        states.insert(after, sum);
        let best = states.iter().max_by_key(|(_, reveals)| **reveals).unwrap();
        let best = Best {
            roots: *best.0,
            reveals: *best.1,
        };
        self.change(|epoch| epoch.best = best);
    }

    fn change(&self, change: impl FnOnce(&mut EpochView)) {
        let mut view = View::clone(self.view.borrow().as_ref().unwrap());
        change(view.epochs.get_mut(&EPOCH).unwrap());
        self.view.send_replace(Some(Arc::new(view)));
    }

    fn best(&self) -> Best {
        self.view.borrow().as_ref().unwrap().epochs[&EPOCH].best
    }
}

impl Chain for FakeChain {
    async fn look(&self, last: Option<Arc<View>>) -> Result<View, ChainFailure> {
        Ok(last.map_or_else(testing::view, |view| View::clone(&view)))
    }

    async fn reveals_of(&self, _: u64, roots: Roots) -> Result<Option<u64>, ChainFailure> {
        Ok(self.states.lock().get(&roots).copied())
    }

    async fn submit(&self, aggregate: &StoredAggregate, proof: &[u8]) -> Result<Sending, ChainFailure> {
        if proof.ends_with(b"bad") {
            return Ok(Sending::Refused("ProofInvalid".into()));
        }
        if self.reveals_of(EPOCH, aggregate.before).await?.is_none() {
            return Ok(Sending::Refused("StateUnknown".into()));
        }
        self.add(aggregate.before, aggregate.after, aggregate.step.reveals());
        Ok(Sending::Sent)
    }
}

/// Makes inputs without proofs in them.
struct FakeMaker {
    refuses: AtomicBool,
}

impl AggregateMaker for FakeMaker {
    fn make(&self, request: &Request<'_>) -> Result<Made, MakeError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(MakeError::Refused("test"));
        }
        let step = State::of_records(request.reveals.iter().map(|reveal| &reveal.record)).unwrap();
        let mut after = request.base.clone();
        after.add(&step).map_err(|_| MakeError::Refused("replayed"))?;
        Ok(Made {
            after: after.roots(),
            units: vec![step.totals.values().map(|total| total.units).sum()],
            public_value: after.roots().nullifier_root,
            input: b"input".to_vec(),
            head: b"head".to_vec(),
        })
    }
}

struct Fixture {
    planner: Planner<FakeChain, FakeMaker>,
    chain: Arc<FakeChain>,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(rule: AggregatesSection) -> Self {
        Self::on(FakeChain::new(), rule, &[]).await
    }

    async fn on((chain, view): (Arc<FakeChain>, ViewReceiver), rule: AggregatesSection, ask: &[Peer]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let planner = planner(&folder, &chain, view, rule, ask).await;
        Self { planner, chain, folder }
    }

    async fn accept(&self, numbers: std::ops::RangeInclusive<u8>) {
        let reveals: Vec<_> = numbers.map(reveal).collect();
        self.planner.store.accept(&reveals).await.unwrap();
    }

    fn queue(&self) -> Queue {
        self.planner.queue.clone().unwrap()
    }

    /// Works on the next job.
    async fn prove(&self, output: &[u8]) {
        let lease = self.queue().lease(KIND, "test", LEASE).await.unwrap().unwrap();
        assert_eq!(lease.result(GuestJob::INPUT).await.unwrap().unwrap(), b"input");
        let job = GuestJob::parse(&lease.job().payload).unwrap();
        assert_eq!(job.guest, Guest::Aggregation);
        lease.complete(output).await.unwrap();
    }

    async fn fail(&self) {
        let lease = self.queue().lease(KIND, "test", LEASE).await.unwrap().unwrap();
        lease.fail("test", cwe_jobs::Retry::Never).await.unwrap();
    }

    fn told(&self) -> EpochStatus {
        self.planner.statuses.get(EPOCH).unwrap().told
    }

    async fn jobs(&self) -> u64 {
        self.queue().counts(KIND).await.unwrap().queued
    }
}

async fn planner(
    folder: &tempfile::TempDir,
    chain: &Arc<FakeChain>,
    view: ViewReceiver,
    rule: AggregatesSection,
    ask: &[Peer],
) -> Planner<FakeChain, FakeMaker> {
    let database = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let store = Store::open(&database("reveals.db")).await.unwrap();
    Planner {
        chain: chain.clone(),
        view,
        counts: Arc::new(Counts::of(&store).await.unwrap()),
        store,
        queue: Some(Queue::open(&database("queue.db")).await.unwrap()),
        maker: Arc::new(FakeMaker {
            refuses: AtomicBool::new(false),
        }),
        peers: PeerClient::new(ask, Duration::from_secs(10)).unwrap(),
        statuses: Arc::default(),
        rule,
        chain_id: 1,
        payouts: Address::repeat_byte(5),
        coordinator: COORDINATOR,
        memory: BTreeMap::new(),
    }
}

fn rule(max_reveals: u32) -> AggregatesSection {
    AggregatesSection {
        max_reveals,
        ..AggregatesSection::default()
    }
}

#[tokio::test]
async fn full_aggregates_are_planned_each_on_the_one_before_and_posted_in_order() {
    let mut fixture = Fixture::new(rule(4)).await;
    fixture.accept(1..=10).await;
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 2);
    assert_eq!((fixture.told().planned.reveals, fixture.told().waiting), (8, 2));
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 2, "asked for once");

    // The second proof comes first: it waits for the first.
    let first = fixture.queue().lease(KIND, "test", LEASE).await.unwrap().unwrap();
    fixture.prove(b"second").await;
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 0);
    first.complete(b"first").await.unwrap();
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 4);
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 8);
    fixture.planner.turn().await;
    let told = fixture.told();
    assert_eq!((told.planned.reveals, told.proven.reveals, told.waiting), (0, 0, 2));
    assert!(told.has_best);
    let status = fixture.planner.statuses.get(EPOCH).unwrap();
    let shown = status.shown().unwrap();
    assert_eq!((shown.roots, shown.state.nullifiers.len()), (told.best.roots, 8));
}

#[tokio::test]
async fn what_waits_is_aggregated_after_its_time_and_when_the_window_is_over() {
    let mut fixture = Fixture::new(rule(100)).await;
    fixture.accept(1..=3).await;
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 0);
    fixture.chain.change(|epoch| epoch.windows.reveal_ends_at = 2_001);
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 1);

    let mut patient = Fixture::new(AggregatesSection {
        after_secs: 0,
        ..rule(100)
    })
    .await;
    patient.accept(1..=3).await;
    patient.planner.turn().await;
    assert_eq!(patient.jobs().await, 1);

    let mut late = Fixture::new(AggregatesSection {
        after_secs: 0,
        ..rule(100)
    })
    .await;
    late.accept(1..=3).await;
    late.chain.change(|epoch| epoch.windows.settleable_at = 2_001);
    late.planner.turn().await;
    assert_eq!(late.jobs().await, 0, "nothing can be posted any more");
}

#[tokio::test]
async fn the_prover_s_output_stands_behind_the_head_of_the_proof() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=2).await;
    fixture.planner.turn().await;
    fixture.prove(b"output").await;
    fixture.planner.turn().await;
    let stored = fixture.planner.store.aggregates(EPOCH).await.unwrap();
    assert_eq!(stored[0].proof.as_deref(), Some(&b"headoutput"[..]));
}

#[tokio::test]
async fn a_restart_goes_on_where_the_store_is() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=4).await;
    fixture.planner.turn().await;
    fixture.prove(b"one").await;
    fixture.prove(b"two").await;
    let view = fixture.planner.view.clone();
    let Fixture {
        planner: old,
        chain,
        folder,
    } = fixture;
    drop(old);
    let planner = planner(&folder, &chain, view, rule(2), &[]).await;
    let mut fixture = Fixture { planner, chain, folder };
    for _ in 0..3 {
        fixture.planner.turn().await;
    }
    assert_eq!(fixture.chain.best().reveals, 4);
    assert!(fixture.folder.path().join("queue.db").exists());
}

#[tokio::test]
async fn a_step_whose_job_was_never_asked_for_is_planned_again() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=2).await;
    fixture.planner.turn().await;
    let job = fixture.queue().list(0, 10).await.unwrap().remove(0);
    fixture.queue().remove(job.id).await.unwrap();
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 1);
}

#[tokio::test]
async fn a_proof_that_fails_for_good_frees_its_reveals_and_the_one_that_can_t_be_proven_is_found() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=2).await;
    fixture.planner.turn().await;
    fixture.fail().await;
    fixture.planner.turn().await;
    assert_eq!(fixture.jobs().await, 2, "one by one now");
    fixture.fail().await;
    fixture.planner.turn().await;
    let left = fixture.planner.store.nullifiers(EPOCH).await.unwrap();
    assert_eq!(left.len(), 1, "the first one alone failed");
    fixture.planner.turn().await;
    assert_eq!(
        fixture.told().planned.reveals,
        0,
        "a single one is not due in an aggregate of two"
    );
    fixture.chain.change(|epoch| epoch.windows.reveal_ends_at = 2_001);
    fixture.planner.turn().await;
    fixture.prove(b"good").await;
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 1);
}

#[tokio::test]
async fn a_proof_that_the_chain_refuses_frees_its_reveals() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=2).await;
    fixture.planner.turn().await;
    fixture.prove(b"bad").await;
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 0);
    assert_eq!(fixture.jobs().await, 2, "planned anew, smaller");
}

#[tokio::test]
async fn reveals_that_the_guest_would_refuse_are_narrowed_down() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=2).await;
    fixture.planner.maker.refuses.store(true, Ordering::SeqCst);
    fixture.planner.turn().await;
    fixture.planner.turn().await;
    assert_eq!(fixture.planner.store.nullifiers(EPOCH).await.unwrap().len(), 1);
    assert_eq!(fixture.jobs().await, 0);
}

/// A step of somebody else, on the chain.
fn others(chain: &FakeChain, numbers: &[u8]) -> StoredAggregate {
    let step = branch::tests::step(&State::default(), numbers);
    chain.add(step.before, step.after, step.step.reveals());
    step
}

#[tokio::test]
async fn data_that_is_withheld_does_not_keep_anybody_from_building_on_what_is_known() {
    let mut fixture = Fixture::new(rule(2)).await;
    fixture.accept(1..=4).await;
    fixture.planner.turn().await;
    fixture.prove(b"one").await;
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 2);
    let withheld = others(&fixture.chain, &[20, 21, 22]);
    assert_eq!(fixture.chain.best().roots, withheld.after);
    fixture.planner.turn().await;
    assert!(!fixture.told().has_best);
    fixture.prove(b"two").await;
    fixture.planner.turn().await;
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 4, "the withholder's state is overtaken");
    assert!(fixture.told().has_best);
}

/// Serves what a fixture's store has to whoever has the token.
async fn serve(fixture: &Fixture) -> Peer {
    let token = "t".repeat(32);
    let tokens = fixture.folder.path().join("tokens");
    std::fs::write(&tokens, &token).unwrap();
    let peers = Peers {
        tokens: Tokens::read(&tokens).unwrap(),
        store: fixture.planner.store.clone(),
        coordinator: COORDINATOR,
    };
    let ingress = ingress::tests::start(LimitsSection::default()).await.ingress;
    let api = Arc::new(Api::new(ingress, Arc::default(), peers));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(api)).await.unwrap() });
    Peer {
        url: format!("http://{address}/"),
        token: cwe_sequencer::config::Secret::new(token),
    }
}

#[tokio::test]
async fn two_coordinators_build_on_each_other_and_no_reveal_counts_twice() {
    let (chain, view) = FakeChain::new();
    let mut one = Fixture::on((chain.clone(), view.clone()), rule(3), &[]).await;
    let peer = serve(&one).await;
    let mut two = Fixture::on((chain.clone(), view), rule(3), std::slice::from_ref(&peer)).await;
    // Wallets sent 3 to both.
    one.accept(1..=3).await;
    two.accept(3..=5).await;
    one.planner.turn().await;
    two.planner.turn().await;
    assert_eq!((one.jobs().await, two.jobs().await), (1, 1));
    one.prove(b"one").await;
    one.planner.turn().await;
    assert_eq!(chain.best().reveals, 3);

    two.planner.turn().await;
    let told = two.told();
    assert!(told.has_best, "its data came from the other one");
    assert_eq!(
        (told.waiting, told.planned.reveals),
        (2, 0),
        "what both have is left out, the old plan dropped"
    );
    chain.change(|epoch| epoch.windows.reveal_ends_at = 2_001);
    two.planner.turn().await;
    two.prove(b"two").await;
    two.planner.turn().await;
    assert_eq!(chain.best().reveals, 5);

    // Who has no token gets nothing, and builds on what it knows.
    let stranger = Peer {
        token: cwe_sequencer::config::Secret::new("x".repeat(32)),
        ..peer
    };
    let mut three = Fixture::on((chain.clone(), two.planner.view.clone()), rule(3), &[stranger]).await;
    three.planner.turn().await;
    assert!(!three.told().has_best);
}

#[tokio::test]
async fn an_aggregate_of_a_peer_is_posted() {
    let mut fixture = Fixture::new(rule(10)).await;
    let step = branch::tests::step(&State::default(), &[7, 8]);
    let proven = StoredAggregate {
        stage: Stage::Proven,
        proof: Some(b"peer's".to_vec()),
        ..step
    };
    fixture.planner.store.put_aggregate(&proven).await.unwrap();
    fixture.planner.turn().await;
    assert_eq!(fixture.chain.best().reveals, 2);
}

#[tokio::test]
async fn a_coordinator_without_a_queue_only_tells() {
    let mut fixture = Fixture::new(AggregatesSection {
        after_secs: 0,
        ..rule(1)
    })
    .await;
    fixture.accept(1..=2).await;
    fixture.planner.queue = None;
    fixture.planner.turn().await;
    assert_eq!(fixture.told().waiting, 2);
    assert!(fixture.planner.store.aggregates(EPOCH).await.unwrap().is_empty());
}

#[tokio::test]
async fn epochs_that_are_no_longer_followed_are_forgotten() {
    let mut fixture = Fixture::new(rule(10)).await;
    fixture.accept(1..=2).await;
    fixture.planner.turn().await;
    let mut view = testing::view();
    let epoch = view.epochs.remove(&EPOCH).unwrap();
    view.epochs.insert(EPOCH + 1, epoch);
    fixture.chain.view.send_replace(Some(Arc::new(view)));
    fixture.planner.turn().await;
    assert!(fixture.planner.store.epochs().await.unwrap().is_empty());
    assert!(fixture.planner.statuses.get(EPOCH).is_none());
}
