//! The whole way of an epoch against a world in memory: a chain that takes submissions as `CWEConsumption` does, a
//! coordinator that takes reveals, and a wallet that is killed after any of its writes.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

use cwe_usage::{Element, Secret};

use super::*;
use crate::{
    chain::{EpochFacts, EpochWindows, Submissions, Submitted, Subscription, Subscriptions, WorkTable, WorkTerms},
    epoch::RevealState,
    identity::random_secret,
    ids::WorkId,
    ledger::Ruling,
    testing::{MemoryStorage, Seeded},
    vault::KdfCost,
    wallet::Played,
};

const EPOCH: u64 = 3;
const PASSWORD: &[u8] = b"password";
const WINDOWS: EpochWindows = EpochWindows {
    starts_at: 1_000_000,
    ends_at: 2_000_000,
    submission_ends_at: 2_500_000,
    reveal_ends_at: 3_500_000,
};

fn tier() -> B256 {
    B256::with_last_byte(7)
}

fn work(number: u8) -> WorkId {
    WorkId::try_from(B256::with_last_byte(number)).unwrap()
}

/// Runs what never waits for anything but itself.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for something that never comes");
}

struct World {
    now: Cell<u64>,
    key: Cell<Option<u64>>,
    subscribers: RefCell<Vec<Subscription>>,
    submitted: RefCell<Vec<Submitted>>,
    /// By nullifier: every distinct body that arrived.
    submissions_seen: RefCell<BTreeMap<B256, Vec<SubmissionBody>>>,
    reveals_seen: RefCell<BTreeMap<B256, Vec<RevealBody>>>,
    /// Answers of relayer and coordinator that get lost on the way back.
    lost_answers: Cell<u32>,
}

impl World {
    fn new(listener: &Secret) -> Self {
        let mut others: Vec<_> = (1..60).map(B256::with_last_byte).collect();
        others.insert(17, listener.identity_commitment().into());
        let subscribers = others.into_iter().map(|commitment| Subscription {
            commitment,
            tier: tier(),
        });
        Self {
            now: Cell::new(WINDOWS.starts_at),
            key: Cell::new(None),
            subscribers: RefCell::new(subscribers.collect()),
            submitted: RefCell::default(),
            submissions_seen: RefCell::default(),
            reveals_seen: RefCell::default(),
            lost_answers: Cell::new(0),
        }
    }

    fn end_epoch(&self) {
        self.now.set(WINDOWS.ends_at + 10);
        self.key.set(Some(4242));
    }

    /// Submissions of other listeners, so that there is a crowd.
    fn others_submit(&self, count: u8) {
        for number in 0..count {
            self.submitted.borrow_mut().push(Submitted {
                tier: tier(),
                nullifier: B256::with_last_byte(100 + number),
                notes_root: B256::with_last_byte(1 + number),
            });
        }
    }

    fn answer<T>(&self, value: T) -> Result<T, OutletError> {
        if self.lost_answers.get() == 0 {
            return Ok(value);
        }
        self.lost_answers.set(self.lost_answers.get() - 1);
        Err(OutletError::Unreachable {
            to: "world".into(),
            reason: "the answer got lost".into(),
        })
    }
}

impl Chain for &World {
    async fn head_secs(&self) -> Result<u64, ChainError> {
        Ok(self.now.get())
    }

    async fn now_secs(&self) -> Result<u64, ChainError> {
        self.head_secs().await
    }

    async fn facts(&self, _: u64) -> Result<EpochFacts, ChainError> {
        Ok(EpochFacts {
            windows: WINDOWS,
            key: self.key.get().map(|key| Element::from(key).into()),
            diminishing_ppm: 1_000_000,
            allowances: [(tier(), 100_000)].into(),
        })
    }

    async fn subscriptions(&self, epoch: u64) -> Result<Subscriptions, ChainError> {
        let leaves = self.subscribers.borrow().clone();
        match Subscriptions::new(epoch, leaves.clone(), B256::ZERO) {
            Err(ChainError::RootMismatch { computed, .. }) => Subscriptions::new(epoch, leaves, computed),
            other => other,
        }
    }

    async fn submissions(&self, epoch: u64) -> Result<Submissions, ChainError> {
        let leaves = self.submitted.borrow().clone();
        match Submissions::new(epoch, leaves.clone(), B256::ZERO) {
            Err(ChainError::RootMismatch { computed, .. }) => Submissions::new(epoch, leaves, computed),
            other => other,
        }
    }

    async fn works(&self, _: u64) -> Result<WorkTable, ChainError> {
        let terms = WorkTerms {
            price: 1200,
            region_ppm: 1_000_000,
        };
        Ok((1..=9).map(|number| (work(number), terms)).collect())
    }
}

fn note_distinct<B: Clone + PartialEq>(seen: &RefCell<BTreeMap<B256, Vec<B>>>, nullifier: B256, body: &B) {
    let mut seen = seen.borrow_mut();
    let bodies = seen.entry(nullifier).or_default();
    if !bodies.contains(body) {
        bodies.push(body.clone());
    }
}

impl SubmissionOutlet for &World {
    async fn send(&self, submission: &SubmissionBody) -> Result<Sent, OutletError> {
        note_distinct(&self.submissions_seen, submission.nullifier, submission);
        let mut submitted = self.submitted.borrow_mut();
        match submitted.iter().find(|taken| taken.nullifier == submission.nullifier) {
            Some(taken) if taken.notes_root != submission.notes_root => {
                return Err(OutletError::Refused {
                    to: "chain".into(),
                    reason: "NullifierUsed".into(),
                });
            }
            Some(_) => {}
            None => submitted.push(Submitted {
                tier: submission.tier_id,
                nullifier: submission.nullifier,
                notes_root: submission.notes_root,
            }),
        }
        drop(submitted);
        self.answer(Sent { transaction: None })
    }
}

impl RevealOutlet for &World {
    fn name(&self) -> &str {
        "coordinator"
    }

    async fn send(&self, reveal: &RevealBody) -> Result<String, OutletError> {
        note_distinct(&self.reveals_seen, reveal.nullifier, reveal);
        self.answer("accepted".into())
    }
}

/// Proofs that are different every time, as real ones are.
#[derive(Default)]
struct FakeProver(Cell<u8>);

impl FakeProver {
    fn fresh(&self) -> Vec<u8> {
        self.0.set(self.0.get().wrapping_add(1));
        vec![self.0.get(); 8]
    }
}

impl UsageProver for FakeProver {
    fn prove_split(&self, witness: SplitWitness<'_>, progress: &mut dyn FnMut(u32)) -> Result<Vec<u8>, ProverError> {
        progress(1000);
        assert_eq!(
            witness
                .split
                .slots
                .iter()
                .map(|slot| u32::from(slot.units))
                .sum::<u32>(),
            100
        );
        let leaf = witness.secret.leaf(&witness.split.terms);
        assert_eq!(witness.subscription.root(leaf), witness.subscription_root);
        Ok(self.fresh())
    }

    fn prove_reveal(&self, witness: RevealWitness<'_>) -> Result<Vec<u8>, ProverError> {
        let commitment = witness.note.commitment(witness.terms.tier, witness.terms.epoch);
        assert_eq!(witness.path.siblings.len(), 27);
        assert_eq!(witness.path.root(commitment), witness.note_root);
        Ok(self.fresh())
    }
}

type TestWallet = Wallet<MemoryStorage, Seeded>;

fn secret() -> Secret {
    random_secret(&mut Seeded::new(11)).unwrap()
}

fn wallet(storage: &MemoryStorage) -> TestWallet {
    device(storage, 12)
}

/// A wallet with three works listened to, one of them excluded; its draws are those of `seed`.
fn device(storage: &MemoryStorage, seed: u64) -> TestWallet {
    let mut wallet = Wallet::create(storage.clone(), Seeded::new(seed), PASSWORD, KdfCost::LOWEST, secret()).unwrap();
    for (number, seconds) in [(1, 600), (2, 300), (3, 100)] {
        let played = Played {
            work: work(number),
            seconds,
            plays: 1,
            epoch: Some(EPOCH),
        };
        wallet.record(played, WINDOWS.starts_at).unwrap();
    }
    wallet.correct(EPOCH, work(3), Ruling::Excluded).unwrap();
    wallet
}

fn stage(wallet: &TestWallet) -> &'static str {
    wallet
        .contents()
        .epoch(EPOCH)
        .map_or("none", |record| record.stage.name())
}

/// Everything from proof to last reveal, with the chain's time moved on as windows open.
fn live_through(wallet: &mut TestWallet, world: &World) -> Result<NextReveal, DriveError> {
    let prover = FakeProver::default();
    run(prove(wallet, &world, &prover, EPOCH, &mut |_| {}))?;
    run(submit(wallet, &world, &world, EPOCH))?;
    world.now.set(world.now.get().max(WINDOWS.submission_ends_at));
    loop {
        let round = run(reveal(wallet, &world, &prover, &world, EPOCH, false))?;
        match round.next {
            NextReveal::WaitUntil(time) => world.now.set(time),
            next => return Ok(next),
        }
    }
}

/// No two different things under one nullifier, and every note of the statement exactly once.
fn assert_sent_once(world: &World) {
    let ours = B256::from(secret().epoch_nullifier(Element::from(4242)));
    assert_eq!(world.submissions_seen.borrow()[&ours].len(), 1);
    assert_eq!(
        world
            .submitted
            .borrow()
            .iter()
            .filter(|taken| taken.nullifier == ours)
            .count(),
        1
    );
    let reveals = world.reveals_seen.borrow();
    assert!(reveals.values().all(|bodies| bodies.len() == 1), "one note, one body");
    let units: BTreeMap<B256, u8> = reveals
        .values()
        .map(|bodies| (bodies[0].work_id, bodies[0].units))
        .collect();
    assert_eq!(units.len(), reveals.len());
    assert_eq!(units.values().map(|units| u32::from(*units)).sum::<u32>(), 100);
    assert_eq!(
        units.keys().copied().collect::<Vec<_>>(),
        [B256::from(work(1)), B256::from(work(2))]
    );
}

#[test]
fn an_epoch_goes_from_ledger_to_the_last_reveal() {
    let world = World::new(&secret());
    let mut wallet = wallet(&MemoryStorage::default());
    let early = run(prove(&mut wallet, &&world, &FakeProver::default(), EPOCH, &mut |_| {}));
    assert!(matches!(
        early,
        Err(DriveError::Wallet(WalletError::Epoch(EpochError::KeyMissing {
            epoch: EPOCH
        })))
    ));
    world.end_epoch();
    world.others_submit(59);
    assert_eq!(live_through(&mut wallet, &world).unwrap(), NextReveal::Done);
    assert_sent_once(&world);
    let record = wallet.contents().epoch(EPOCH).unwrap();
    assert_eq!(record.reveals().unwrap().crowd(), 60);
    assert!(!record.reveals().unwrap().is_held_back());
    assert!(
        record
            .reveals()
            .unwrap()
            .reveals()
            .iter()
            .all(|reveal| matches!(reveal.state, RevealState::Acknowledged(_)))
    );
}

#[test]
fn a_kill_after_any_write_loses_nothing_and_sends_nothing_twice() {
    for kill_at in 0.. {
        let storage = MemoryStorage::default();
        let world = World::new(&secret());
        world.end_epoch();
        drop(wallet(&storage));
        storage.kill_after_writes(Some(kill_at));
        let mut wallet = Wallet::open(storage.clone(), Seeded::new(1000 + u64::from(kill_at)), PASSWORD).unwrap();
        let outcome = live_through(&mut wallet, &world);
        storage.kill_after_writes(None);
        if outcome.is_ok() {
            assert!(kill_at > 8, "only {kill_at} writes");
            return;
        }
        let mut again = Wallet::open(storage, Seeded::new(5000 + u64::from(kill_at)), PASSWORD).unwrap();
        assert_eq!(
            live_through(&mut again, &world).unwrap(),
            NextReveal::Done,
            "killed after write {kill_at}"
        );
        assert_sent_once(&world);
    }
}

#[test]
fn answers_that_get_lost_are_asked_for_again_with_the_same_bytes() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    world.lost_answers.set(1);
    assert!(live_through(&mut wallet, &world).is_err());
    assert_eq!(stage(&wallet), "sending");
    world.lost_answers.set(0);
    run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap();
    assert_eq!(stage(&wallet), "confirmed");
    world.lost_answers.set(3);
    assert_eq!(live_through(&mut wallet, &world).unwrap(), NextReveal::Done);
    assert_sent_once(&world);
}

#[test]
fn an_epoch_that_another_device_submitted_is_left_to_it() {
    let world = World::new(&secret());
    world.end_epoch();
    let (mut one, mut other) = (
        device(&MemoryStorage::default(), 1),
        device(&MemoryStorage::default(), 2),
    );
    let prover = FakeProver::default();
    run(prove(&mut one, &&world, &prover, EPOCH, &mut |_| {})).unwrap();
    run(prove(&mut other, &&world, &prover, EPOCH, &mut |_| {})).unwrap();
    run(submit(&mut one, &&world, &&world, EPOCH)).unwrap();
    assert_eq!(run(submit(&mut other, &&world, &&world, EPOCH)).unwrap(), None);
    assert_eq!(stage(&other), "superseded");
    world.now.set(WINDOWS.submission_ends_at);
    assert!(run(reveal(&mut other, &&world, &prover, &&world, EPOCH, true)).is_err());
    assert_eq!(
        run(reveal(&mut one, &&world, &prover, &&world, EPOCH, true))
            .unwrap()
            .next,
        NextReveal::Done
    );
    assert_sent_once(&world);
}

#[test]
fn an_older_copy_of_the_wallet_put_back_sends_nothing_different() {
    let world = World::new(&secret());
    world.end_epoch();
    let storage = MemoryStorage::default();
    drop(wallet(&storage));
    let copy = storage.load().unwrap().unwrap();
    let mut wallet = Wallet::open(storage, Seeded::new(1), PASSWORD).unwrap();
    live_through(&mut wallet, &world).unwrap();
    let mut old = MemoryStorage::default();
    old.replace(&copy).unwrap();
    let mut restored = Wallet::open(old, Seeded::new(2), PASSWORD).unwrap();
    run(prove(
        &mut restored,
        &&world,
        &FakeProver::default(),
        EPOCH,
        &mut |_| {},
    ))
    .unwrap();
    assert_eq!(stage(&restored), "superseded");
    assert_sent_once(&world);
}

#[test]
fn a_beacon_that_changes_is_noticed_before_anything_is_sent() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    let prover = FakeProver::default();
    run(prove(&mut wallet, &&world, &prover, EPOCH, &mut |_| {})).unwrap();
    world.key.set(Some(9999));
    let refused = run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap_err();
    assert!(refused.to_string().contains("key of epoch 3"), "{refused}");
    assert!(world.submissions_seen.borrow().is_empty());
    wallet.discard_epoch(EPOCH).unwrap();
    run(prove(&mut wallet, &&world, &prover, EPOCH, &mut |_| {})).unwrap();
    run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap();
    assert_eq!(stage(&wallet), "confirmed");
    assert!(wallet.discard_epoch(EPOCH).is_err(), "what was sent is not thrown away");
}

#[test]
fn a_subscription_root_that_is_gone_is_noticed() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    run(prove(&mut wallet, &&world, &FakeProver::default(), EPOCH, &mut |_| {})).unwrap();
    world.subscribers.borrow_mut().pop();
    let refused = run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap_err();
    assert!(refused.to_string().contains("subscription root"), "{refused}");
}

#[test]
fn an_empty_month_and_a_missing_subscription_say_so() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = Wallet::create(
        MemoryStorage::default(),
        Seeded::new(1),
        PASSWORD,
        KdfCost::LOWEST,
        secret(),
    )
    .unwrap();
    let empty = run(prove(&mut wallet, &&world, &FakeProver::default(), EPOCH, &mut |_| {})).unwrap_err();
    assert!(empty.to_string().contains("nothing to report"), "{empty}");
    world.subscribers.borrow_mut().remove(17);
    let stranger = run(preview(wallet.contents(), &&world, EPOCH)).unwrap_err();
    assert!(stranger.to_string().contains("not subscribed"), "{stranger}");
}

#[test]
fn a_window_that_closed_is_missed_and_nothing_is_sent() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    run(prove(&mut wallet, &&world, &FakeProver::default(), EPOCH, &mut |_| {})).unwrap();
    world.now.set(WINDOWS.submission_ends_at);
    assert_eq!(run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap(), None);
    assert_eq!(stage(&wallet), "missed");
    assert!(world.submissions_seen.borrow().is_empty());
}

#[test]
fn sessions_that_come_after_the_statement_was_frozen_are_kept_and_said_to_be_late() {
    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    run(prove(&mut wallet, &&world, &FakeProver::default(), EPOCH, &mut |_| {})).unwrap();
    let late = Played {
        work: work(4),
        seconds: 60,
        plays: 1,
        epoch: Some(EPOCH),
    };
    assert!(wallet.record(late, WINDOWS.ends_at).unwrap().too_late);
    let frozen = run(preview(wallet.contents(), &&world, EPOCH)).unwrap();
    assert_eq!(frozen.rows.len(), 2);
}

#[test]
fn a_preview_before_the_end_shows_shares_and_changes_nothing() {
    let world = World::new(&secret());
    let wallet = wallet(&MemoryStorage::default());
    let statement = run(preview(wallet.contents(), &&world, EPOCH)).unwrap();
    assert_eq!(statement.rows.len(), 2);
    assert!(statement.rows.iter().all(|row| row.units.is_none()));
    assert_eq!(stage(&wallet), "none");
}

/// The circuits' own proofs instead of invented ones, checked as the chain and a coordinator check them.
#[cfg(feature = "circuits")]
#[test]
fn real_proofs_of_an_epoch_hold_for_exactly_what_is_sent() {
    use cwe_usage::{TierId, WorkId as UsageWork};
    use cwe_usage_circuits::{ProvingKeys, RevealInputs, SRS_K, SplitInputs, verify_reveal, verify_split};

    let folder = tempfile::tempdir().unwrap();
    let store = cwe_srs::SrsStore::in_folder(cwe_srs::Setup::default(), folder.path().into());
    let keys = ProvingKeys::derive(&store.params(SRS_K).unwrap()).unwrap();
    let verifying = keys.verifying_keys();
    let prover = crate::proving::CircuitProver::new(keys, Seeded::new(5));

    let world = World::new(&secret());
    world.end_epoch();
    let mut wallet = wallet(&MemoryStorage::default());
    let mut shown = Vec::new();
    run(prove(&mut wallet, &&world, &prover, EPOCH, &mut |part| {
        shown.push(part)
    }))
    .unwrap();
    assert!(shown.is_sorted() && shown.last() == Some(&1000));
    run(submit(&mut wallet, &&world, &&world, EPOCH)).unwrap();
    world.now.set(WINDOWS.submission_ends_at);
    let round = run(reveal(&mut wallet, &&world, &prover, &&world, EPOCH, true)).unwrap();
    assert_eq!(round.next, NextReveal::Done);
    assert_sent_once(&world);

    let plan = &wallet.contents().epoch(EPOCH).unwrap().plan;
    let element = |word: B256| Element::from_be_bytes(word.0).unwrap();
    let submissions = world.submissions_seen.borrow();
    let submission = &submissions.values().next().unwrap()[0];
    let inputs = SplitInputs {
        terms: plan.terms().unwrap(),
        subscription_root: element(plan.subscription_root()),
        nullifier: element(submission.nullifier),
        notes_root: element(submission.notes_root),
    };
    verify_split(&verifying, &inputs, &submission.proof).unwrap();
    let other = SplitInputs {
        notes_root: inputs.nullifier,
        ..inputs
    };
    verify_split(&verifying, &other, &submission.proof).unwrap_err();
    for bodies in world.reveals_seen.borrow().values() {
        let body = &bodies[0];
        let inputs = RevealInputs {
            epoch: body.epoch,
            epoch_key: inputs.terms.key,
            tier: TierId::try_from(body.tier_id).unwrap(),
            work: UsageWork::try_from(body.work_id).unwrap(),
            units: body.units,
            price: body.price_per_min,
            region: body.region_ppm,
            note_root: element(body.note_root),
            nullifier: element(body.nullifier),
        };
        verify_reveal(&verifying, &inputs, &body.proof).unwrap();
        let more = RevealInputs {
            units: body.units + 1,
            ..inputs
        };
        verify_reveal(&verifying, &more, &body.proof).unwrap_err();
    }
}
