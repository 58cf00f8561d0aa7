use cwe_fingerprint::{Kind, Query, bucket::BucketPrefix};
use cwe_fingerprint_index::{BucketGroup, Hit, NearDuplicate};

use super::*;
use crate::{
    chain::Standing,
    search::Wanted,
    store::{MAX_TRIES, NewManifest},
    testing::{self, EPOCH, TestWork, apply, excerpt},
};

fn options() -> Options {
    Options {
        max_size_bytes: 64 << 20,
        growth_step_bytes: 1 << 20,
        ..Options::default()
    }
}

async fn open(store: &Store, folder: &tempfile::TempDir) -> Indices {
    let opened = Indices::open(store.clone(), &folder.path().join("index"), &options()).await;
    opened.unwrap()
}

/// Both halves of what a creator hands over.
async fn hand_over(store: &Store, work: &TestWork) {
    let body = work.manifest.body();
    let manifest = NewManifest {
        work: work.id,
        creator: work.creator,
        content: work.content(),
        work_type: body.work_type.to_string(),
        title: body.title.clone(),
        json: work.manifest.to_json().unwrap(),
    };
    store.put_manifest(&manifest).await.unwrap();
    let content = work.content();
    store
        .put_descriptor(content.fp_hash, content.fp_id, &work.descriptor(), &[work.id])
        .await
        .unwrap();
}

fn searched(indices: &Indices, text: &str) -> Vec<B256> {
    let text = text.into();
    let wanted = Wanted {
        text,
        ..Wanted::default()
    };
    indices.search.search(&wanted, None, 10).unwrap().works
}

fn recognised(indices: &Indices, work: &TestWork) -> Vec<B256> {
    let hits = indices.fingerprints.query(&excerpt(&work.sound, 20_000), 5).unwrap();
    hits.into_iter().map(|hit| hit.work.0.into()).collect()
}

#[tokio::test]
async fn what_is_handed_over_is_found_until_it_is_blacklisted() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let work = TestWork::new(1, "Night river", &["calm"]);
    apply(&store, 1, EPOCH, work.events(EPOCH)).await;
    let indices = open(&store, &folder).await;
    indices.catch_up().await.unwrap();
    assert!(searched(&indices, "river").is_empty(), "no manifest yet");
    hand_over(&store, &work).await;
    indices.catch_up().await.unwrap();
    assert_eq!(searched(&indices, "river"), [work.id]);
    assert_eq!(recognised(&indices, &work), [work.id]);

    apply(&store, 2, EPOCH, vec![testing::status(work.id, Standing::Blacklisted)]).await;
    indices.catch_up().await.unwrap();
    assert!(searched(&indices, "river").is_empty());
    assert_eq!(
        store.card(work.id, EPOCH).await.unwrap(),
        None,
        "what is recognised is not told"
    );

    apply(&store, 3, EPOCH, vec![testing::status(work.id, Standing::Deprecated)]).await;
    indices.catch_up().await.unwrap();
    assert_eq!(searched(&indices, "river"), [work.id]);
}

#[tokio::test]
async fn a_missing_damaged_or_foreign_index_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let work = TestWork::new(1, "Night river", &[]);
    apply(&store, 1, EPOCH, work.events(EPOCH)).await;
    hand_over(&store, &work).await;
    open(&store, &folder).await.catch_up().await.unwrap();
    let index = folder.path().join("index");
    let (search, fingerprints) = (index.join("hub-search"), index.join("hub-fingerprints"));
    let harms: [(&str, &dyn Fn()); 5] = [
        ("nothing", &|| ()),
        ("missing", &|| std::fs::remove_dir_all(&index).unwrap()),
        ("damaged", &|| {
            std::fs::write(search.join("meta.json"), "{").unwrap();
            for file in std::fs::read_dir(fingerprints.join("index")).unwrap().flatten() {
                std::fs::write(file.path(), "not an index").unwrap();
            }
        }),
        ("without its main files", &|| {
            std::fs::remove_file(search.join("meta.json")).unwrap();
            std::fs::remove_file(fingerprints.join("index/mdbx.dat")).unwrap();
        }),
        ("of another store", &|| {
            std::fs::write(search.join("STAMP"), "search 1 other").unwrap();
            std::fs::write(fingerprints.join("STAMP"), "fingerprints 2 other").unwrap();
        }),
    ];
    for (name, harm) in harms {
        harm();
        let indices = open(&store, &folder).await;
        indices.catch_up().await.unwrap();
        assert_eq!(searched(&indices, "river"), [work.id], "{name}");
        assert_eq!(recognised(&indices, &work), [work.id], "{name}");
    }
}

#[tokio::test]
async fn a_turn_that_was_cut_off_is_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let work = TestWork::new(1, "Night river", &[]);
    apply(&store, 1, EPOCH, work.events(EPOCH)).await;
    hand_over(&store, &work).await;
    let indices = open(&store, &folder).await;
    let pending = store.pending(0, None, 10).await.unwrap();
    indices.catch_up().await.unwrap();
    assert!(store.pending(0, None, 10).await.unwrap().is_empty());
    // Marked again while a turn was under way: what that turn did does not count for it.
    store.mark_all().await.unwrap();
    store.mark_all().await.unwrap();
    store.finish(&pending[..0]).await.unwrap();
    store.finish(&[Pending { marks: 1, ..pending[0] }]).await.unwrap();
    assert_eq!(store.pending(0, None, 10).await.unwrap().len(), 1);
    indices.catch_up().await.unwrap();
    assert_eq!(searched(&indices, "river"), [work.id]);
    assert_eq!(recognised(&indices, &work), [work.id]);
}

#[tokio::test]
async fn works_that_are_alike_are_told_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (first, mut second) = (TestWork::new(1, "One", &[]), TestWork::new(2, "Two", &[]));
    second.sound = first.sound.clone();
    second.sound.peaks.truncate(first.sound.peaks.len() - 3);
    let descriptor = Descriptor::Audio(second.sound.clone());
    let fp = (B256::from(descriptor.fp_hash()), B256::from(descriptor.fp_id().0));
    let mut events = second.events(EPOCH);
    if let crate::chain::Event::VersionAdded { content, .. } = &mut events[1] {
        (content.fp_hash, content.fp_id) = fp;
    }
    let indices = open(&store, &folder).await;
    apply(&store, 1, EPOCH, first.events(EPOCH)).await;
    hand_over(&store, &first).await;
    indices.catch_up().await.unwrap();
    assert!(
        store.duplicates(first.id).await.unwrap().is_empty(),
        "a work is not like itself"
    );
    apply(&store, 2, EPOCH, events).await;
    store
        .put_descriptor(fp.0, fp.1, &descriptor.encode(), &[second.id])
        .await
        .unwrap();
    indices.catch_up().await.unwrap();
    apply(&store, 3, EPOCH, vec![testing::status(first.id, Standing::Blacklisted)]).await;
    indices.catch_up().await.unwrap();
    for (work, other) in [(&first, &second), (&second, &first)] {
        let duplicates = store.duplicates(work.id).await.unwrap();
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].work_id, other.id);
        assert!(duplicates[0].similarity_ppm > 500_000, "{duplicates:?}");
    }
}

/// An index that takes all works but one.
struct Refusing(Arc<dyn FingerprintIndex>, B256);

impl FingerprintIndex for Refusing {
    fn insert(&self, work: WorkId, descriptor: &Descriptor) -> Result<(), IndexError> {
        if work.0 == self.1.0 {
            return Err(IndexError::Full { limit: 1 });
        }
        self.0.insert(work, descriptor)
    }

    fn remove(&self, work: WorkId) -> Result<bool, IndexError> {
        self.0.remove(work)
    }

    fn query(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
        self.0.query(query, limit)
    }

    fn near_duplicates(&self, descriptor: &Descriptor, limit: usize) -> Result<Vec<NearDuplicate>, IndexError> {
        self.0.near_duplicates(descriptor, limit)
    }

    fn bucket_groups(&self, prefix: BucketPrefix) -> Result<Vec<BucketGroup>, IndexError> {
        self.0.bucket_groups(prefix)
    }

    fn descriptor(&self, work: WorkId) -> Result<Option<Descriptor>, IndexError> {
        self.0.descriptor(work)
    }

    fn bucket_bits(&self, kind: Kind) -> Result<u8, IndexError> {
        self.0.bucket_bits(kind)
    }

    fn works(&self) -> Result<u64, IndexError> {
        self.0.works()
    }
}

#[tokio::test]
async fn a_work_that_the_index_does_not_take_is_given_up_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (broken, sound) = (TestWork::new(1, "Broken", &[]), TestWork::new(2, "Sound", &[]));
    for (block, work) in [(1, &broken), (2, &sound)] {
        apply(&store, block, EPOCH, work.events(EPOCH)).await;
        hand_over(&store, work).await;
    }
    let mut indices = open(&store, &folder).await;
    let whole = indices.fingerprints.clone();
    indices.fingerprints = Arc::new(Refusing(whole.clone(), broken.id));
    indices.catch_up().await.unwrap();
    assert_eq!(recognised(&indices, &sound), [sound.id], "it keeps no other out");
    assert_eq!(searched(&indices, "broken"), [broken.id], "its words are found");

    let mut now_secs = now_secs();
    for tries in 2..=MAX_TRIES {
        let turn = now_secs + (1 << (tries - 2));
        assert!(
            store.pending(now_secs - 1, None, 10).await.unwrap().is_empty(),
            "{tries}"
        );
        let pending = store.pending(turn, None, 10).await.unwrap();
        assert_eq!((pending.len(), pending[0].failures), (1, tries - 1));
        let is_last = store.put_off(&pending[0], turn, "still full").await.unwrap();
        assert_eq!(is_last, tries == MAX_TRIES);
        now_secs = turn;
    }
    assert!(store.pending(i64::MAX, None, 10).await.unwrap().is_empty());
    let given_up = store.given_up().await.unwrap();
    assert_eq!(
        (given_up[0].work, given_up[0].reason.as_str()),
        (broken.id, "still full")
    );

    drop((indices, whole));
    let indices = open(&store, &folder).await;
    indices.catch_up().await.unwrap();
    assert_eq!(recognised(&indices, &broken), [broken.id], "the next start tries again");
}
