//! The store's rules, on SQLite and on a real PostgreSQL server.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../jobs/tests/queue/databases.rs"]
mod databases;

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256};
use cwe_hub::{
    api::{Duplicate, Status},
    chain::{BlockRef, Content, Event, Located, Standing},
    store::{KEPT_BLOCKS, NewManifest, Pending, Read, Store, StoreError},
};
use databases::{Postgres, sqlite};

const CHAIN: &str = "31337 0x08";
const EPOCH: u64 = 5;
const WORK: B256 = B256::with_last_byte(1);
const OTHER: B256 = B256::with_last_byte(2);
const CREATOR: B256 = B256::repeat_byte(0xcc);

fn content(number: u8) -> Content {
    Content {
        content_id: B256::repeat_byte(number),
        manifest_id: B256::repeat_byte(number + 1),
        fp_id: B256::repeat_byte(number + 2),
        fp_hash: B256::repeat_byte(number + 3),
        access_classes: (1 << 48) - 1,
        shares_ppm: vec![999_999, 1],
    }
}

fn version(version: u32, from_epoch: u64, content: Content) -> Event {
    Event::VersionAdded {
        work: WORK,
        version,
        from_epoch,
        content,
    }
}

fn terms(from_epoch: u64, price_per_min: u64) -> Event {
    Event::TermsSet {
        work: WORK,
        from_epoch,
        price_per_min,
        region_rule: B256::ZERO,
    }
}

fn read(block: u64, epoch: u64, events: Vec<Event>) -> Read {
    let located = events.into_iter().enumerate().map(|(index, event)| Located {
        block,
        log_index: index as u64,
        event,
    });
    Read {
        events: located.collect(),
        tip: BlockRef {
            number: block,
            hash: B256::from(alloy::primitives::U256::from(block)),
        },
        epoch,
    }
}

async fn registered(store: &Store) {
    let work = |work| Event::WorkRegistered { work, creator: CREATOR };
    let events = vec![
        work(WORK),
        version(1, EPOCH, content(1)),
        terms(EPOCH, u64::MAX),
        work(OTHER),
    ];
    store.apply(&read(1, EPOCH, events)).await.unwrap();
}

async fn prices_and_statuses_are_those_of_the_epoch_and_go_with_their_blocks(store: &Store) {
    registered(store).await;
    // Twice for one epoch: the last one counts.
    let later = vec![
        terms(EPOCH + 1, 7),
        terms(EPOCH + 1, 8),
        Event::StatusSet {
            work: WORK,
            standing: Standing::Blacklisted,
            by: Address::repeat_byte(1),
            reason: B256::repeat_byte(2),
        },
        Event::RuleSet {
            rule: B256::ZERO,
            from_epoch: EPOCH,
            factor_ppm: 9,
        },
    ];
    store.apply(&read(2, EPOCH, later.clone())).await.unwrap();
    store.apply(&read(2, EPOCH, later)).await.unwrap();
    let price = async |epoch| {
        store
            .terms_at(WORK, epoch)
            .await
            .unwrap()
            .map(|terms| terms.price_per_min)
    };
    assert_eq!(price(EPOCH - 1).await, None);
    assert_eq!(price(EPOCH).await, Some(u64::MAX));
    assert_eq!(price(EPOCH + 9).await, Some(8));
    assert_eq!(store.terms(WORK).await.unwrap().len(), 2);
    assert_eq!(store.region_factor_at(B256::ZERO, EPOCH).await.unwrap(), Some(9));
    let status = store.work(WORK).await.unwrap().unwrap().status;
    assert!(matches!(status, Status::Blacklisted { .. }));
    assert_eq!(store.card(WORK, EPOCH).await.unwrap(), None);
    assert_eq!(store.blacklisted().await.unwrap(), BTreeSet::from([WORK]));

    store.rewind(Some(1)).await.unwrap();
    assert_eq!(price(EPOCH + 9).await, Some(u64::MAX));
    assert_eq!(store.region_factor_at(B256::ZERO, EPOCH).await.unwrap(), None);
    assert_eq!(store.work(WORK).await.unwrap().unwrap().status, Status::Active);
    assert_eq!(store.tip().await.unwrap().unwrap().number, 1);
    assert_eq!(store.count_works().await.unwrap(), 2);
    store.rewind(None).await.unwrap();
    assert_eq!(
        (store.count_works().await.unwrap(), store.tip().await.unwrap()),
        (0, None)
    );
}

async fn documents_belong_to_the_versions_that_bind_them(store: &Store) {
    registered(store).await;
    let manifest = NewManifest {
        work: WORK,
        creator: CREATOR,
        content: content(1),
        work_type: "audio".into(),
        title: "Ñandú 夜".into(),
        json: b"{}".to_vec(),
    };
    store.put_manifest(&manifest).await.unwrap();
    store.put_manifest(&manifest).await.unwrap();
    let stored = content(1);
    for _ in 0..2 {
        let put = store.put_descriptor(stored.fp_hash, stored.fp_id, b"descriptor", &[WORK]);
        put.await.unwrap();
    }
    let shown = async |epoch| {
        store
            .manifest_at(WORK, epoch)
            .await
            .unwrap()
            .map(|manifest| manifest.manifest_id)
    };
    assert_eq!(shown(EPOCH - 1).await, None);
    assert_eq!(shown(EPOCH).await, Some(stored.manifest_id));
    assert_eq!(
        store.descriptor(stored.fp_hash).await.unwrap(),
        Some(b"descriptor".to_vec())
    );
    let card = store.card(WORK, EPOCH).await.unwrap().unwrap();
    assert_eq!(
        (card.title.as_deref(), card.work_type.as_deref()),
        (Some("Ñandú 夜"), Some("audio"))
    );
    let outline = store.outline(WORK, EPOCH).await.unwrap();
    assert_eq!(
        (outline.manifest, outline.descriptor),
        (Some(b"{}".to_vec()), Some(b"descriptor".to_vec()))
    );
    assert_eq!(store.versions(WORK).await.unwrap()[0].content, stored);
    assert_eq!(store.versions_with_manifest(stored.manifest_id).await.unwrap().len(), 1);

    // Until the next version's documents are here, those before serve; documents of no version are not shown.
    store
        .apply(&read(2, EPOCH, vec![version(2, EPOCH + 1, content(11))]))
        .await
        .unwrap();
    assert_eq!(shown(EPOCH + 1).await, Some(stored.manifest_id));
    store.rewind(Some(0)).await.unwrap();
    assert_eq!(shown(EPOCH).await, None);
    assert_eq!(store.descriptor(stored.fp_hash).await.unwrap(), None);
    registered(store).await;
    assert_eq!(
        shown(EPOCH).await,
        Some(stored.manifest_id),
        "what was handed over is not lost"
    );
}

async fn what_can_not_be_indexed_is_tried_again_later(store: &Store) {
    registered(store).await;
    let works = async |now_secs| {
        let pending = store.pending(now_secs, None, 10).await.unwrap();
        pending.iter().map(|pending| pending.work).collect::<Vec<_>>()
    };
    let pending = store.pending(100, None, 10).await.unwrap();
    assert!(!store.put_off(&pending[0], 100, "full").await.unwrap());
    assert_eq!(works(100).await, [OTHER]);
    assert_eq!(works(101).await, [WORK, OTHER]);
    assert!(store.given_up().await.unwrap().is_empty());
}

async fn what_was_marked_meanwhile_stays_pending(store: &Store) {
    registered(store).await;
    let pending = store.pending(0, None, 10).await.unwrap();
    assert_eq!(
        pending.iter().map(|pending| pending.work).collect::<Vec<_>>(),
        [WORK, OTHER]
    );
    store.mark_all().await.unwrap();
    store.finish(&pending).await.unwrap();
    let again = store.pending(0, None, 10).await.unwrap();
    assert_eq!(again.len(), 2);
    store.finish(&again[..1]).await.unwrap();
    assert_eq!(store.settled_works_after(None, 10).await.unwrap(), [WORK]);
    assert_eq!(
        store.settled_works_after(Some(WORK), 10).await.unwrap(),
        [B256::ZERO; 0]
    );
    store.finish(&again).await.unwrap();
    assert_eq!(store.pending(0, None, 10).await.unwrap(), Vec::<Pending>::new());

    let duplicate = |work_id, similarity_ppm| Duplicate {
        work_id,
        similarity_ppm,
    };
    store
        .set_duplicates(WORK, &[duplicate(OTHER, 900_000), duplicate(WORK, 1)])
        .await
        .unwrap();
    assert_eq!(store.duplicates(OTHER).await.unwrap(), [duplicate(WORK, 900_000)]);
    store.set_duplicates(OTHER, &[]).await.unwrap();
    assert!(store.duplicates(WORK).await.unwrap().is_empty());
}

async fn only_so_many_blocks_are_kept(store: &Store) {
    for number in 1..=KEPT_BLOCKS + 2 {
        store.apply(&read(number, EPOCH, Vec::new())).await.unwrap();
    }
    let blocks = store.blocks().await.unwrap();
    assert_eq!(blocks.len() as u64, KEPT_BLOCKS);
    assert_eq!(
        (blocks[0].number, blocks[blocks.len() - 1].number),
        (KEPT_BLOCKS + 2, 3)
    );
}

async fn a_store_is_about_one_chain(address: &str) {
    let name = Store::open(address, CHAIN).await.unwrap().name().await.unwrap();
    assert_eq!(Store::open(address, CHAIN).await.unwrap().name().await.unwrap(), name);
    let other = Store::open(address, "1 0x09").await.unwrap_err();
    assert!(matches!(other, StoreError::OtherChain { .. }), "{other}");
}

macro_rules! on_each {
    ($($rule:ident),+) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn sqlite_keeps_the_rules() {
            $(
                let folder = tempfile::tempdir().unwrap();
                $rule(&Store::open(&sqlite(folder.path()), CHAIN).await.unwrap()).await;
            )+
            let folder = tempfile::tempdir().unwrap();
            a_store_is_about_one_chain(&sqlite(folder.path())).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres_keeps_the_same_rules() {
            let server = Postgres::start();
            $(
                let address = server.database(stringify!($rule)).await;
                $rule(&Store::open(&address, CHAIN).await.unwrap()).await;
            )+
            a_store_is_about_one_chain(&server.database("one_chain").await).await;
        }
    };
}

on_each!(
    prices_and_statuses_are_those_of_the_epoch_and_go_with_their_blocks,
    documents_belong_to_the_versions_that_bind_them,
    what_was_marked_meanwhile_stays_pending,
    what_can_not_be_indexed_is_tried_again_later,
    only_so_many_blocks_are_kept
);

#[tokio::test]
async fn an_address_of_no_known_database_is_refused_without_its_password() {
    let error = Store::open("mysql://me:secret@host/hub", CHAIN)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("mysql") && !error.contains("secret"), "{error}");
}
