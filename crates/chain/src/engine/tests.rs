//! The engine on a real database and journal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use alloy::{
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, TxKind, U256},
};
use cwe_storage::{Journal, JournalGroup, StorageError};

use super::{EngineError, group::JournalWriter, start_with};
use crate::{
    ChainEvent, EngineConfig, MempoolConfig, SubmitError,
    handle::Inclusion,
    testing::{BURN, COUNTER, GAS_PRICE, Home, Running, Tx, manual, message, now_secs, spec, wallet},
};

fn balance(running: &Running, address: Address) -> U256 {
    let account = running.chain.pending().unwrap().account(address).unwrap();
    account.map_or(U256::ZERO, |account| account.balance)
}

#[tokio::test]
async fn a_transaction_is_executed_and_visible_when_it_is_acknowledged() {
    let home = Home::new();
    let running = home.start(manual());
    let mut events = running.chain.subscribe();
    let hash = running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    let pending = running.chain.pending().unwrap();
    let executed = pending.by_hash(&hash).unwrap();
    assert!(executed.receipt.success);
    assert_eq!(
        (executed.gas_used, executed.index, pending.gas_used()),
        (21_000, 0, 21_000)
    );
    assert_eq!(balance(&running, Address::repeat_byte(0xbb)), U256::from(1));
    assert_eq!(running.chain.pending_nonce(wallet(1).address()).unwrap(), 1);
    assert!(matches!(
        events.try_recv(),
        Ok(ChainEvent::Executed { block_number: 1, .. })
    ));
    assert!(matches!(
        running.chain.find(hash).unwrap(),
        Some(Inclusion::Pending { .. })
    ));

    let block = running.engine.seal().await.unwrap();
    assert_eq!(running.chain.db().latest().unwrap().head().hash(), block);
    assert!(matches!(
        running.chain.find(hash).unwrap(),
        Some(Inclusion::Sealed {
            block_number: 1,
            index: 0
        })
    ));
    assert!(matches!(events.try_recv(), Ok(ChainEvent::Block(sealed)) if sealed.hash == block));
    assert_eq!(running.chain.heads().latest, 1);
    assert!(running.chain.pending().unwrap().is_empty());
    assert_eq!(balance(&running, Address::repeat_byte(0xbb)), U256::from(1));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let home = Home::new();
    let running = home.start(manual());
    running.push_messages(&[message(0, 100_000)]);
    for nonce in 0..3 {
        running.submit(&Tx::transfer(nonce).sign(1)).await.unwrap();
    }
    running.engine.seal().await.unwrap();
    let executed = running.submit(&Tx::transfer(0).sign(2)).await.unwrap();
    let created = running.submit(&Tx::create(1, BURN, 60_000).sign(2)).await.unwrap();
    let waiting = running.submit(&Tx::transfer(5).sign(2)).await.unwrap();
    let before = running.chain.pending().unwrap();
    let receipts: Vec<_> = before.transactions().cloned().collect();
    let context = *before.context();
    drop(before);
    running.kill().await;

    let running = home.start(manual());
    let after = running.chain.pending().unwrap();
    assert_eq!(*after.context(), context);
    assert_eq!(after.transactions().cloned().collect::<Vec<_>>(), receipts);
    assert!(after.by_hash(&executed).is_some() && after.by_hash(&created).is_some());
    assert!(running.chain.pool().by_hash(&waiting).is_some());
    assert_eq!(
        running.submit(&Tx::transfer(0).sign(2)).await,
        Err(SubmitError::AlreadyKnown)
    );
    assert_eq!(
        running.submit(&Tx::transfer(5).sign(2)).await,
        Err(SubmitError::AlreadyKnown)
    );
    drop(after);

    // Killed right after sealing: the journal still has the sealed block, and must not run it twice.
    running.engine.seal().await.unwrap();
    running.kill().await;
    let running = home.start(manual());
    assert!(running.chain.pending().unwrap().is_empty());
    assert_eq!(running.chain.heads().latest, 2);
    assert_eq!(running.receipts_of(2), 2);
    assert!(running.chain.pool().by_hash(&waiting).is_some());
    for nonce in 2..5 {
        running.submit(&Tx::transfer(nonce).sign(2)).await.unwrap();
    }
    assert!(running.chain.pending().unwrap().by_hash(&waiting).is_some());
    assert!(running.chain.pool().is_empty());
    running.kill().await;
    assert_eq!(home.start(manual()).chain.pending().unwrap().len(), 4);
}

/// Hashes of all blocks.
fn hashes(running: &Running) -> Vec<B256> {
    let latest = running.chain.db().latest().unwrap();
    (0..=latest.number())
        .map(|number| latest.block_hash(number).unwrap().unwrap())
        .collect()
}

#[tokio::test]
async fn blocks_that_a_loss_of_power_took_from_the_database_are_built_again_hash_for_hash() {
    let home = Home::new();
    let running = home.start(manual());
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    running.chain.db().persist().unwrap();
    running.push_messages(&[message(0, 100_000), message(1, 100_000)]);

    running.submit(&Tx::transfer(1).sign(1)).await.unwrap();
    running.submit(&Tx::create(0, COUNTER, 200_000).sign(2)).await.unwrap();
    running.engine.seal().await.unwrap();
    // An empty one: its time is in no transaction.
    running.engine.seal().await.unwrap();
    let waiting = running.submit(&Tx::transfer(9).sign(3)).await.unwrap();
    running.push_messages(&[message(2, 100_000)]);
    running.submit(&Tx::transfer(2).sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    let open = running.submit(&Tx::transfer(3).sign(1)).await.unwrap();
    let sealed = hashes(&running);
    let context = *running.chain.pending().unwrap().context();
    assert_eq!((sealed.len(), running.chain.db().persisted().unwrap()), (5, 1));
    running.kill().await;

    let durable = home.database_file();
    for written in [false, true] {
        let running = home.start(manual());
        assert_eq!(hashes(&running), sealed);
        assert_eq!(running.chain.heads().latest, 4);
        let pending = running.chain.pending().unwrap();
        assert_eq!(*pending.context(), context);
        assert!(pending.by_hash(&open).is_some());
        assert!(running.chain.pool().by_hash(&waiting).is_some());
        drop(pending);
        if written {
            running.chain.db().persist().unwrap();
        }
        running.kill().await;
        home.restore_database_file(&durable);
    }

    let running = home.start(manual());
    running.engine.shutdown().await.unwrap();
    assert_eq!(running.chain.db().persisted().unwrap(), 5);
    running.kill().await;
    let running = home.start(manual());
    assert_eq!(hashes(&running)[..5], sealed);
    assert_eq!(running.chain.heads().latest, 5);
}

#[tokio::test]
async fn a_gap_holds_back_and_filling_it_executes_all() {
    let home = Home::new();
    let running = home.start(manual());
    let second = running.submit(&Tx::transfer(1).sign(1)).await.unwrap();
    let third = running.submit(&Tx::transfer(2).sign(1)).await.unwrap();
    assert!(running.chain.pending().unwrap().is_empty());
    assert_eq!(running.chain.pool().len(), 2);
    assert_eq!(running.chain.pending_nonce(wallet(1).address()).unwrap(), 0);
    let first = running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    let order: Vec<_> = running
        .chain
        .pending()
        .unwrap()
        .transactions()
        .map(|tx| tx.hash)
        .collect();
    assert_eq!(order, [first, second, third]);
    assert!(running.chain.pool().is_empty());
    assert_eq!(running.chain.pending_nonce(wallet(1).address()).unwrap(), 3);
}

#[tokio::test]
async fn a_waiting_transaction_is_replaced_only_by_a_better_one() {
    let home = Home::new();
    let running = home.start(manual());
    let tx = |fee, tip| {
        Tx {
            fee,
            tip,
            ..Tx::transfer(1)
        }
        .sign(1)
    };
    let old = running.submit(&tx(GAS_PRICE, 1_000)).await.unwrap();
    let refused = running.submit(&tx(GAS_PRICE * 11 / 10, 1_099)).await.unwrap_err();
    assert_eq!(
        refused,
        SubmitError::ReplacementUnderpriced {
            min_fee: GAS_PRICE * 11 / 10,
            min_tip: 1_100
        }
    );
    let new = running.submit(&tx(GAS_PRICE * 11 / 10, 1_100)).await.unwrap();
    let pool = running.chain.pool();
    assert!(pool.by_hash(&old).is_none() && pool.by_hash(&new).is_some());
    running.kill().await;
    let running = home.start(manual());
    assert_eq!(running.chain.pool().len(), 1);
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    assert!(running.chain.pending().unwrap().by_hash(&new).is_some());
}

#[tokio::test]
async fn state_dependent_refusals_say_why() {
    let home = Home::new();
    let mempool = MempoolConfig {
        max_per_sender: 2,
        ..MempoolConfig::default()
    };
    let running = home.start(EngineConfig { mempool, ..manual() });
    let sent = Tx::transfer(0).sign(1);
    running.submit(&sent).await.unwrap();
    assert_eq!(running.submit(&sent).await, Err(SubmitError::AlreadyKnown));
    let other = Tx {
        value: U256::from(2),
        ..Tx::transfer(0)
    }
    .sign(1);
    let address = wallet(1).address();
    assert_eq!(
        running.submit(&other).await,
        Err(SubmitError::NonceTooLow {
            address,
            tx: 0,
            state: 1
        })
    );
    let want = U256::from(21_000 * GAS_PRICE + 1);
    let poor = running.submit(&Tx::transfer(0).sign(9)).await;
    assert_eq!(poor, Err(SubmitError::InsufficientFunds { have: U256::ZERO, want }));
    running.submit(&Tx::transfer(5).sign(1)).await.unwrap();
    running.submit(&Tx::transfer(6).sign(1)).await.unwrap();
    let limited = running.submit(&Tx::transfer(7).sign(1)).await;
    assert_eq!(
        limited,
        Err(SubmitError::SenderLimit {
            address,
            limit: 2,
            next_nonce: 1
        })
    );
}

#[tokio::test]
async fn blocks_are_sealed_in_time_and_only_with_transactions() {
    let home = Home::new();
    let running = home.start(EngineConfig {
        block_time_ms: 60,
        ..EngineConfig::default()
    });
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(running.chain.heads().latest, 0);
    let mut events = running.chain.subscribe();
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    let sealed = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let ChainEvent::Block(block) = events.recv().await.unwrap() {
                return block;
            }
        }
    })
    .await
    .unwrap();
    assert_eq!((sealed.block.header.number, sealed.receipts.len()), (1, 1));
    let now = now_secs();
    assert!((now - 10..=now).contains(&sealed.block.header.timestamp));
}

#[tokio::test]
async fn a_quiet_chain_seals_long_before_the_block_time_is_over() {
    let home = Home::new();
    let running = home.start(EngineConfig {
        idle_seal_ms: 20,
        ..manual()
    });
    for nonce in 0..2 {
        let mut events = running.chain.subscribe();
        running.submit(&Tx::transfer(nonce).sign(1)).await.unwrap();
        let sealed = async { while !matches!(events.recv().await.unwrap(), ChainEvent::Block(_)) {} };
        tokio::time::timeout(Duration::from_secs(5), sealed).await.unwrap();
    }
    assert_eq!(running.chain.heads().latest, 2);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(running.chain.heads().latest, 2, "nothing more to seal");
}

#[tokio::test]
async fn a_heartbeat_seals_an_empty_block() {
    let home = Home::new();
    let running = home.start(EngineConfig {
        block_time_ms: 100,
        heartbeat_secs: 1,
        ..EngineConfig::default()
    });
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(running.chain.heads().latest, 0);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(running.chain.heads().latest >= 1);
    assert_eq!(running.receipts_of(1), 0);
}

#[tokio::test]
async fn messages_come_first_in_a_block() {
    let home = Home::new();
    let running = home.start(manual());
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    running.push_messages(&[message(0, 100_000), message(1, 100_000)]);
    running.submit(&Tx::transfer(1).sign(1)).await.unwrap();
    assert_eq!(running.chain.pending().unwrap().len(), 2);
    running.engine.seal().await.unwrap();
    let pending = running.chain.pending().unwrap();
    let indexes: Vec<_> = pending
        .transactions()
        .map(|tx| tx.transaction.as_l1_message().map(|message| message.index))
        .collect();
    assert_eq!(indexes, [Some(0), Some(1)]);
    assert_eq!(balance(&running, Address::repeat_byte(0xcc)), U256::from(20));

    // Only messages so far: more are taken into the same block, before a transaction.
    running.push_messages(&[message(2, 100_000)]);
    running.submit(&Tx::transfer(2).sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    let body = running.chain.db().latest().unwrap().body(2).unwrap().unwrap();
    let kinds: Vec<_> = body
        .transactions
        .iter()
        .map(cwe_primitives::TxEnvelope::is_l1_message)
        .collect();
    assert_eq!(kinds, [true, true, true, false]);
    assert_eq!(
        running
            .chain
            .db()
            .latest()
            .unwrap()
            .queue_after(2)
            .unwrap()
            .unwrap()
            .next_index,
        3
    );
}

#[tokio::test]
async fn messages_take_at_most_half_of_a_block() {
    let home = Home::new();
    let running = home.start(EngineConfig {
        block_time_ms: 3_600_000,
        idle_seal_ms: 0,
        ..EngineConfig::default()
    });
    let messages: Vec<_> = (0..9).map(|index| message(index, 2_000_000)).collect();
    running.push_messages(&messages);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while running.chain.heads().latest == 0 {
        assert!(tokio::time::Instant::now() < deadline, "the full block is not sealed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.receipts_of(1), 7);
    running.engine.seal().await.unwrap();
    assert_eq!(running.receipts_of(2), 2);
}

#[tokio::test]
async fn what_does_not_fit_the_block_is_executed_in_the_next() {
    let home = Home::new();
    let running = home.start(manual());
    let gas = 16_000_000;
    let first = running.submit(&Tx::create(0, BURN, gas).sign(1)).await.unwrap();
    let second = running.submit(&Tx::create(0, BURN, gas).sign(2)).await.unwrap();
    let found = running.chain.wait_for(second, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(found, Some(Inclusion::Pending { block, .. }) if block.number() == 2));
    assert!(matches!(
        running.chain.find(first).unwrap(),
        Some(Inclusion::Sealed { block_number: 1, .. })
    ));
}

#[tokio::test]
async fn a_fee_below_the_base_fee_waits_until_the_base_fee_falls() {
    let home = Home::new();
    let running = home.start(manual());
    let minimum = u128::from(spec().min_base_fee);
    let rich = |nonce| Tx::create(nonce, BURN, 16_700_000).sign(1);
    running.submit(&rich(0)).await.unwrap();
    running.engine.seal().await.unwrap();
    assert!(running.chain.pending().unwrap().context().base_fee > spec().min_base_fee);
    let cheap = running
        .submit(
            &Tx {
                fee: minimum,
                ..Tx::transfer(0)
            }
            .sign(2),
        )
        .await
        .unwrap();
    assert!(running.chain.pool().by_hash(&cheap).is_some());
    running.engine.seal().await.unwrap();
    assert!(running.chain.pending().unwrap().by_hash(&cheap).is_some());
    assert!(running.chain.pool().is_empty());
}

#[tokio::test]
async fn a_fee_below_the_base_fee_does_not_wait_for_ever_when_nobody_else_sends() {
    let home = Home::new();
    let running = home.start(EngineConfig {
        block_time_ms: 60,
        ..manual()
    });
    running.submit(&Tx::create(0, BURN, 16_700_000).sign(1)).await.unwrap();
    let cheap = Tx {
        fee: u128::from(spec().min_base_fee),
        ..Tx::transfer(0)
    };
    let sealed = async {
        while running.chain.pending().unwrap().context().base_fee == spec().min_base_fee {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), sealed).await.unwrap();
    let cheap = running.submit(&cheap.sign(2)).await.unwrap();
    let included = running.chain.wait_for(cheap, Duration::from_secs(10)).await.unwrap();
    assert!(included.is_some());
}

/// Refuses to write while told to.
struct Flaky {
    journal: Journal,
    broken: Arc<AtomicBool>,
}

impl JournalWriter for Flaky {
    fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StorageError::DiskFull {
                path: "journal".into(),
                reason: "the disk is full",
            });
        }
        self.journal.append(group)
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_or_visible_that_the_journal_could_not_take() {
    let home = Home::new();
    let db = home.database();
    let journal = home.journal(&db);
    let contents = journal.load().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let flaky = Box::new(Flaky {
        journal,
        broken: Arc::clone(&broken),
    });
    let (chain, engine) = start_with(manual(), spec(), db, flaky, contents).unwrap();
    let running = Running { chain, engine };
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    running.submit(&Tx::transfer(7).sign(1)).await.unwrap();

    broken.store(true, Ordering::SeqCst);
    let executable = Tx::transfer(1).sign(1);
    assert!(matches!(
        running.submit(&executable).await,
        Err(SubmitError::Unavailable(_))
    ));
    assert!(matches!(
        running.submit(&Tx::transfer(8).sign(1)).await,
        Err(SubmitError::Unavailable(_))
    ));
    assert_eq!(running.chain.pending().unwrap().len(), 1);
    assert_eq!(running.chain.pool().len(), 1);
    assert!(!running.engine.is_ready());

    broken.store(false, Ordering::SeqCst);
    running.submit(&executable).await.unwrap();
    assert_eq!(running.chain.pending().unwrap().len(), 2);
    assert!(running.engine.is_ready());
    running.kill().await;
    let running = home.start(manual());
    assert_eq!(
        (running.chain.pending().unwrap().len(), running.chain.pool().len()),
        (2, 1)
    );
}

/// Writes when told to, and fails when told so.
struct Gated {
    journal: Journal,
    may_write: mpsc::Receiver<bool>,
}

impl JournalWriter for Gated {
    fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError> {
        if self.may_write.recv() == Ok(true) {
            return self.journal.append(group);
        }
        Err(StorageError::DiskFull {
            path: "journal".into(),
            reason: "the disk is full",
        })
    }
}

#[tokio::test]
async fn what_was_executed_behind_a_group_that_the_journal_could_not_take_is_taken_back_with_it() {
    let home = Home::new();
    let db = home.database();
    let journal = home.journal(&db);
    let contents = journal.load().unwrap();
    let (gate, may_write) = mpsc::channel();
    let one_by_one = EngineConfig {
        max_group: 1,
        ..manual()
    };
    let gated = Box::new(Gated { journal, may_write });
    let (chain, engine) = start_with(one_by_one, spec(), db, gated, contents).unwrap();
    let running = Running { chain, engine };
    let submit = |nonce| {
        let (chain, raw) = (running.chain.clone(), Tx::transfer(nonce).sign(1).encoded_2718());
        tokio::spawn(async move { chain.submit(raw.into()).await })
    };
    // The engine writes the first group itself, and finds the other two when it is done: it executes the third while the
    // journal's thread is about to fail at the second.
    let sent = [submit(0), submit(1), submit(2)];
    tokio::time::sleep(Duration::from_millis(200)).await;
    gate.send(true).unwrap();
    gate.send(false).unwrap();
    let mut outcomes = Vec::new();
    for outcome in sent {
        outcomes.push(outcome.await.unwrap());
    }
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    for refused in &outcomes[1..] {
        assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{outcomes:?}");
    }
    assert_eq!(running.chain.pending().unwrap().len(), 1);
    assert!(!running.engine.is_ready());

    for nonce in [1, 2] {
        gate.send(true).unwrap();
        submit(nonce).await.unwrap().unwrap();
    }
    assert_eq!(running.chain.pending().unwrap().len(), 3);
    drop(gate);
    running.kill().await;
    let running = home.start(manual());
    assert_eq!(running.chain.pending().unwrap().len(), 3);
}

#[tokio::test]
async fn a_journal_ahead_of_the_database_is_refused() {
    let home = Home::new();
    let running = home.start(manual());
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    running.engine.seal().await.unwrap();
    running.chain.db().persist().unwrap();
    running.submit(&Tx::transfer(1).sign(1)).await.unwrap();
    running.kill().await;
    home.remove_database();
    assert!(matches!(home.try_start(manual()).err(), Some(EngineError::Journal(_))));
}

#[tokio::test]
async fn shutdown_seals_and_later_submissions_are_refused() {
    let home = Home::new();
    let running = home.start(manual());
    running.submit(&Tx::transfer(0).sign(1)).await.unwrap();
    running.engine.shutdown().await.unwrap();
    running.engine.shutdown().await.unwrap();
    assert_eq!(running.chain.heads().latest, 1);
    assert!(!running.engine.is_ready());
    assert!(matches!(
        running.submit(&Tx::transfer(1).sign(1)).await,
        Err(SubmitError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_setting_that_can_not_work_is_refused() {
    let home = Home::new();
    let refused = home
        .try_start(EngineConfig {
            block_time_ms: 0,
            ..EngineConfig::default()
        })
        .err();
    assert!(matches!(
        refused,
        Some(EngineError::Config {
            setting: "block_time_ms",
            ..
        })
    ));
}

#[tokio::test]
async fn a_waiting_transaction_that_became_unpayable_is_dropped() {
    let home = Home::new();
    let running = home.start(manual());
    let mut events = running.chain.subscribe();
    let all_but_fees = crate::testing::fortune() - U256::from(21_000 * GAS_PRICE * 2);
    let waiting = running
        .submit(
            &Tx {
                value: U256::from(10).pow(U256::from(20)),
                ..Tx::transfer(1)
            }
            .sign(1),
        )
        .await
        .unwrap();
    running
        .submit(
            &Tx {
                value: all_but_fees,
                to: TxKind::Call(Address::ZERO),
                ..Tx::transfer(0)
            }
            .sign(1),
        )
        .await
        .unwrap();
    assert!(running.chain.pool().is_empty());
    assert_eq!(running.chain.find(waiting).unwrap().map(|_| ()), None);
    let dropped = std::iter::from_fn(|| events.try_recv().ok())
        .any(|event| matches!(event, ChainEvent::Dropped(hashes) if hashes.contains(&waiting)));
    assert!(dropped);
}
