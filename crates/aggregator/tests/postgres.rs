//! The store's rules on a real PostgreSQL server; on SQLite they are tested beside the code.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../jobs/tests/queue/databases.rs"]
mod databases;

use std::collections::BTreeSet;

use alloy::primitives::B256;
use cwe_aggregator::{
    Record,
    state::{Roots, State},
    store::{Kept, Reveal, SentTransaction, Stage, Store, StoredAggregate},
};
use cwe_wallet::messages::RevealBody;
use databases::Postgres;

const EPOCH: u64 = 7;

fn reveal(number: u8) -> Reveal {
    let proof = vec![number; 3424];
    let body = RevealBody {
        epoch: EPOCH,
        tier_id: B256::with_last_byte(9),
        work_id: B256::with_last_byte(1),
        units: 12,
        price_per_min: u64::MAX,
        region_ppm: u32::MAX,
        note_root: B256::with_last_byte(66),
        nullifier: B256::with_last_byte(number),
        proof: proof.clone().into(),
    };
    Reveal {
        record: Record::parse(&body).unwrap(),
        proof,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_same_rules() {
    let server = Postgres::start();
    let address = server.database("reveals").await;
    let store = Store::open(&address).await.unwrap();

    let mut other = reveal(1);
    other.record.units += 1;
    let kept = store.accept(&[reveal(1), reveal(2), reveal(1), other]).await.unwrap();
    assert_eq!(kept, [Kept::New, Kept::New, Kept::Known, Kept::Conflict]);
    let store = Store::open(&address).await.unwrap();
    let nullifiers = [1, 2].map(B256::with_last_byte);
    assert_eq!(store.nullifiers(EPOCH).await.unwrap(), BTreeSet::from(nullifiers));
    assert_eq!(store.reveals(EPOCH, &nullifiers).await.unwrap(), [reveal(1), reveal(2)]);
    store.refuse(EPOCH, nullifiers[0]).await.unwrap();
    assert_eq!(store.nullifiers(EPOCH).await.unwrap(), BTreeSet::from([nullifiers[1]]));

    let step = State::of_records([&reveal(1).record, &reveal(2).record]).unwrap();
    let mut aggregate = StoredAggregate {
        epoch: EPOCH,
        before: Roots::EMPTY,
        after: step.roots(),
        units: vec![24],
        step,
        stage: Stage::Planned,
        head: vec![1; 128],
        proof: None,
    };
    store.put_aggregate(&aggregate).await.unwrap();
    assert_eq!(store.aggregates(EPOCH).await.unwrap(), [aggregate.clone()]);
    store.put_proof(EPOCH, aggregate.after, b"proof").await.unwrap();
    (aggregate.stage, aggregate.proof) = (Stage::Proven, Some(b"proof".to_vec()));
    assert_eq!(store.aggregates(EPOCH).await.unwrap(), [aggregate]);

    let sent = SentTransaction {
        nonce: 3,
        purpose: "test".into(),
        hash: B256::repeat_byte(1),
        raw: vec![1, 2],
    };
    store.write_transaction(&sent).await.unwrap();
    assert_eq!(store.transactions().await.unwrap(), [sent]);
    store.put_carried(EPOCH, B256::ZERO, &[]).await.unwrap();
    assert_eq!(store.carried(EPOCH, B256::ZERO).await.unwrap(), Some(Vec::new()));

    store.forget_before(EPOCH + 1).await.unwrap();
    assert!(store.epochs().await.unwrap().is_empty());
}
