use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::U256;
use cwe_dapr::{Parameters, RegistryOpening, Settlement, Tier, payouts_hash};
use tokio::sync::watch;

use super::*;
use crate::{
    chain::Chain,
    state::{Roots, State},
    status::Share,
    store::StoredAggregate,
    testing::{self, EPOCH, reveal},
    view::{Best, View},
};

const GRACE_ENDS_AT: u64 = u64::MAX;

/// A chain in memory on which [`EPOCH`] is to be settled.
struct FakeChain {
    due: Mutex<Due>,
    carried_root_in: B256,
    published: Mutex<(B256, Vec<Vec<u8>>)>,
    posted: Mutex<Option<(SettlementBasis, Settlement, Vec<u8>)>>,
    settled: Mutex<bool>,
    /// How often it was asked what a division is of.
    asked: Mutex<u32>,
    refuses: Mutex<bool>,
}

impl Chain for FakeChain {
    async fn look(&self, _: Option<Arc<View>>) -> Result<View, ChainFailure> {
        Ok(view())
    }

    async fn reveals_of(&self, _: u64, _: Roots) -> Result<Option<u64>, ChainFailure> {
        Ok(None)
    }

    async fn submit(&self, _: &StoredAggregate, _: &[u8]) -> Result<Sending, ChainFailure> {
        Ok(Sending::Waits)
    }
}

impl Settlements for FakeChain {
    async fn due(&self) -> Result<Due, ChainFailure> {
        Ok(*self.due.lock())
    }

    async fn inputs(&self, epoch: u64, basis: SettlementBasis) -> Result<SettlementInputs, ChainFailure> {
        *self.asked.lock() += 1;
        let carries = self.carried_root_in != EMPTY_ROOT_HASH && !basis.abandon_carried;
        Ok(SettlementInputs {
            epoch,
            ends_at: 1_000,
            totals_root: basis.roots.totals_root,
            parameters: Parameters {
                eco_ppm: 100_000,
                min_reveals: 1,
                ..Parameters::default()
            },
            tiers: vec![Tier {
                id: B256::with_last_byte(9),
                fee: U256::from(1_000_000),
                revenue: U256::from(1_000_000),
            }],
            carried_root_in: if carries { self.carried_root_in } else { EMPTY_ROOT_HASH },
            carried_in: U256::from(if carries { 7 } else { 0 }),
            eco: U256::from(100_000),
            ..SettlementInputs::default()
        })
    }

    async fn registrations(&self, _: u64, _: &BTreeSet<B256>) -> Result<RegistryOpening, ChainFailure> {
        Err(ChainFailure::Nonsense(
            "without the half-life no registration is asked for",
        ))
    }

    async fn published(&self, _: u64) -> Result<(B256, u32), ChainFailure> {
        let published = self.published.lock();
        Ok((published.0, u32::try_from(published.1.len()).unwrap()))
    }

    async fn publish(&self, _: u64, index: u32, entries: Vec<u8>) -> Result<Sending, ChainFailure> {
        let mut published = self.published.lock();
        published.1.truncate(index as usize);
        published.1.push(entries);
        published.0 = published
            .1
            .iter()
            .fold(B256::ZERO, |hash, chunk| append_to_chain(hash, chunk));
        Ok(Sending::Sent)
    }

    async fn prove_settlement(
        &self,
        _: u64,
        basis: SettlementBasis,
        settlement: &Settlement,
        proof: Vec<u8>,
    ) -> Result<Sending, ChainFailure> {
        assert_eq!(settlement.payouts_hash, self.published.lock().0);
        if *self.refuses.lock() {
            return Ok(Sending::Refused("proof invalid".into()));
        }
        let mut due = self.due.lock();
        due.proven = Some(due.best.reveals);
        *self.posted.lock() = Some((basis, *settlement, proof));
        Ok(Sending::Sent)
    }

    async fn settle(&self, _: u64) -> Result<Sending, ChainFailure> {
        *self.settled.lock() = true;
        Ok(Sending::Sent)
    }
}

fn view() -> View {
    let mut view = testing::view();
    let windows = &mut view.epochs.get_mut(&EPOCH).unwrap().windows;
    (windows.reveal_ends_at, windows.settleable_at) = (2_001, 2_002);
    view
}

fn state() -> State {
    State::of_records(&[reveal(1).record, reveal(2).record]).unwrap()
}

struct Fixture {
    settler: Settler<FakeChain>,
    shown: watch::Sender<Option<Arc<View>>>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(state: State, carried_root_in: B256) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let best = Best {
            roots: state.roots(),
            reveals: state.reveals(),
        };
        let chain = FakeChain {
            due: Mutex::new(Due {
                epoch: EPOCH,
                best,
                proven: None,
                grace_ends_at: GRACE_ENDS_AT,
            }),
            carried_root_in,
            published: Mutex::default(),
            posted: Mutex::default(),
            settled: Mutex::default(),
            asked: Mutex::default(),
            refuses: Mutex::default(),
        };
        let statuses = Statuses::default();
        let told = EpochStatus {
            epoch: EPOCH,
            windows: view().epochs[&EPOCH].windows,
            accepted: 2,
            waiting: 0,
            planned: Share::default(),
            proven: Share::default(),
            best,
            has_best: true,
        };
        let roots = state.roots();
        statuses.set(Status {
            told,
            known: Some(Arc::new(KnownState {
                roots,
                state: Arc::new(state),
            })),
        });
        let (shown, view) = watch::channel(Some(Arc::new(view())));
        let settler = Settler {
            chain: Arc::new(chain),
            view,
            statuses: Arc::new(statuses),
            store: Store::open(&database("reveals.db")).await.unwrap(),
            queue: Queue::open(&database("queue.db")).await.unwrap(),
            chain_id: 1,
            payouts: Address::repeat_byte(5),
            max_attempts: 3,
            divided: Mutex::default(),
        };
        Self {
            settler,
            shown,
            _folder: folder,
        }
    }

    async fn prove(&self) -> SettlementProofInput {
        let lease = self
            .settler
            .queue
            .lease(KIND, "test", Duration::from_secs(60))
            .await
            .unwrap()
            .unwrap();
        let input = lease.result(GuestJob::INPUT).await.unwrap().unwrap();
        let job = GuestJob::parse(&lease.job().payload).unwrap();
        assert_eq!(job.guest, Guest::Settlement);
        lease.complete(b"proof").await.unwrap();
        let input = SettlementProofInput::decode(&input).unwrap();
        let settled = settle(&input.inputs, &input.data).unwrap();
        assert_eq!(job.public_value, public_value(1, &input.inputs, &settled.settlement));
        input
    }
}

#[tokio::test]
async fn an_epoch_is_divided_published_proven_and_settled() {
    let fixture = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    let (settler, chain) = (&fixture.settler, &fixture.settler.chain);
    settler.turn().await.unwrap();
    assert_eq!(chain.published.lock().1.len(), 1, "first the list");
    settler.turn().await.unwrap();
    settler.turn().await.unwrap();
    let input = fixture.prove().await;
    settler.turn().await.unwrap();
    let (basis, settlement, proof) = chain.posted.lock().clone().unwrap();
    assert_eq!(proof, b"proof");
    assert_eq!(
        basis,
        SettlementBasis {
            roots: state().roots(),
            abandon_carried: false
        }
    );
    let settled = settle(&input.inputs, &input.data).unwrap();
    assert_eq!(
        (settlement, payouts_hash(&settled.payouts)),
        (settled.settlement, settlement.payouts_hash)
    );
    assert_eq!(
        settlement.creators,
        U256::from(24 * 9_000),
        "24 of 100 units, nine tenths of the fee"
    );
    assert!(!*chain.settled.lock());
    settler.turn().await.unwrap();
    assert!(*chain.settled.lock());
}

#[tokio::test]
async fn a_state_is_divided_once_and_again_when_the_chain_refuses_the_division() {
    let fixture = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    let (settler, chain) = (&fixture.settler, &fixture.settler.chain);
    for _ in 0..5 {
        settler.turn().await.unwrap();
    }
    assert_eq!(*chain.asked.lock(), 1);
    fixture.prove().await;
    *chain.refuses.lock() = true;
    settler.turn().await.unwrap();
    *chain.refuses.lock() = false;
    settler.turn().await.unwrap();
    assert_eq!(*chain.asked.lock(), 2);
    assert!(chain.posted.lock().is_some());
}

#[tokio::test]
async fn an_epoch_without_reveals_or_carried_money_is_settled_without_a_proof() {
    let fixture = Fixture::new(State::default(), EMPTY_ROOT_HASH).await;
    fixture.settler.turn().await.unwrap();
    assert!(*fixture.settler.chain.settled.lock());
}

#[tokio::test]
async fn nothing_is_done_before_the_time_or_without_data() {
    let fixture = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    let mut early = view();
    early.epochs.get_mut(&EPOCH).unwrap().windows.settleable_at = u64::MAX;
    fixture.shown.send_replace(Some(Arc::new(early)));
    fixture.settler.turn().await.unwrap();
    fixture.shown.send_replace(Some(Arc::new(view())));
    fixture.settler.statuses.forget_before(EPOCH + 1);
    fixture.settler.turn().await.unwrap();
    assert!(fixture.settler.chain.published.lock().1.is_empty());
    fixture.shown.send_replace(Some(Arc::new(View {
        head_secs: 0,
        epochs: BTreeMap::new(),
    })));
    fixture.settler.turn().await.unwrap();
}

#[tokio::test]
async fn the_proof_is_asked_for_as_soon_as_every_reveal_is_in_the_best_state() {
    let fixture = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    let (settler, chain) = (&fixture.settler, &fixture.settler.chain);
    let during_the_window = |reveal_ends_at| {
        let mut view = view();
        let windows = &mut view.epochs.get_mut(&EPOCH).unwrap().windows;
        (windows.reveal_ends_at, windows.settleable_at) = (reveal_ends_at, u64::MAX);
        fixture.shown.send_replace(Some(Arc::new(view)));
        let mut status = settler.statuses.get(EPOCH).unwrap();
        status.told.windows.reveal_ends_at = reveal_ends_at;
        settler.statuses.set(status);
    };
    let asked = || async {
        settler
            .queue
            .lease(KIND, "test", Duration::from_secs(60))
            .await
            .unwrap()
    };
    during_the_window(u64::MAX);
    settler.turn().await.unwrap();
    assert!(asked().await.is_none(), "reveals may still come");

    during_the_window(1);
    let told = |change: fn(&mut Status)| {
        let mut status = settler.statuses.get(EPOCH).unwrap();
        change(&mut status);
        settler.statuses.set(status);
    };
    told(|status| status.told.waiting = 1);
    settler.turn().await.unwrap();
    assert!(asked().await.is_none(), "one is not aggregated yet");
    told(|status| status.told.waiting = 0);
    chain.due.lock().best.reveals += 1;
    settler.turn().await.unwrap();
    assert!(asked().await.is_none(), "somebody has more");
    chain.due.lock().best.reveals -= 1;

    for _ in 0..2 {
        settler.turn().await.unwrap();
    }
    fixture.prove().await;
    settler.turn().await.unwrap();
    assert!(
        chain.published.lock().1.is_empty() && chain.posted.lock().is_none(),
        "the chain takes it later"
    );
    fixture.shown.send_replace(Some(Arc::new(view())));
    for _ in 0..3 {
        settler.turn().await.unwrap();
    }
    assert!(*chain.settled.lock());
    assert!(asked().await.is_none(), "proven once");
}

#[tokio::test]
async fn somebody_elses_settlement_on_as_many_reveals_is_settled() {
    let fixture = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    fixture.settler.chain.due.lock().proven = Some(2);
    fixture.settler.turn().await.unwrap();
    assert!(*fixture.settler.chain.settled.lock());

    let better = Fixture::new(state(), EMPTY_ROOT_HASH).await;
    better.settler.chain.due.lock().proven = Some(1);
    better.settler.turn().await.unwrap();
    assert!(!*better.settler.chain.settled.lock());
    assert_eq!(
        better.settler.chain.published.lock().1.len(),
        1,
        "one on fewer reveals is replaced"
    );
}

#[tokio::test]
async fn carried_money_is_taken_from_the_store_and_given_up_only_after_the_grace() {
    let entry = CarriedEntry {
        work: reveal(1).record.work.into(),
        tier: reveal(1).record.tier.into(),
        reveals: 1,
        amount: 7,
    };
    let root = cwe_dapr::carried_root(&[entry]);
    let fixture = Fixture::new(state(), root).await;
    let (settler, chain) = (&fixture.settler, &fixture.settler.chain);
    assert!(matches!(
        settler.turn().await,
        Err(SettlerError::CarriedMissing { before: 6, .. })
    ));
    let before_grace = chain.due.lock().grace_ends_at;
    chain.due.lock().grace_ends_at = 1;
    settler.turn().await.unwrap();
    settler.turn().await.unwrap();
    fixture.prove().await;
    settler.turn().await.unwrap();
    assert!(chain.posted.lock().as_ref().unwrap().0.abandon_carried);

    chain.due.lock().grace_ends_at = before_grace;
    chain.due.lock().proven = None;
    *chain.published.lock() = Default::default();
    settler.store.put_carried(EPOCH - 1, root, &[entry]).await.unwrap();
    for _ in 0..2 {
        settler.turn().await.unwrap();
    }
    let input = fixture.prove().await;
    assert_eq!(input.data.carried(), [entry]);
}

#[test]
fn a_list_is_published_on_from_where_it_is() {
    let all = vec![vec![1], vec![2], vec![3]];
    let after = |count| {
        all.iter()
            .take(count)
            .fold(B256::ZERO, |hash, chunk| append_to_chain(hash, chunk))
    };
    for count in 0..=2 {
        assert_eq!(next_chunk(&all, after(count), u32::try_from(count).unwrap()), count);
    }
    assert_eq!(next_chunk(&all, B256::repeat_byte(9), 2), 0, "another list");
    assert_eq!(next_chunk(&all, after(3), 9), 0);
}
