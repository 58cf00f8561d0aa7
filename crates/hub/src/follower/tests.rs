use super::*;
use crate::testing::{self, EPOCH, FakeChain, TestWork};

async fn catch_up(follower: &mut Follower<FakeChain>) {
    while follower.step().await.unwrap() {}
}

async fn has(store: &Store, work: &TestWork) -> bool {
    store.work(work.id).await.unwrap().is_some()
}

#[tokio::test]
async fn a_follower_goes_on_where_the_last_one_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (chain, first, second) = (FakeChain::new(), TestWork::new(1, "a", &[]), TestWork::new(2, "b", &[]));
    chain.add(0, first.events(EPOCH));
    catch_up(&mut Follower::new(chain.clone(), store.clone())).await;
    assert!(has(&store, &first).await);
    assert_eq!(chain.asked(), [(0, 1)]);
    chain.add(0, second.events(EPOCH));
    let mut follower = Follower::new(chain.clone(), testing::store(&folder).await);
    catch_up(&mut follower).await;
    catch_up(&mut follower).await;
    assert_eq!(chain.asked(), [(2, 2)]);
    assert!(has(&store, &second).await);
}

#[tokio::test]
async fn a_reorganisation_takes_back_exactly_what_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let chain = FakeChain::new();
    let [kept, gone, new] = [1, 2, 3].map(|number| TestWork::new(number, "t", &[]));
    let mut follower = Follower::new(chain.clone(), store.clone());
    for work in [&kept, &gone] {
        chain.add(0, work.events(EPOCH));
        catch_up(&mut follower).await;
    }
    store.finish(&store.pending(0, None, 10).await.unwrap()).await.unwrap();
    chain.cut(2);
    chain.add(1, new.events(EPOCH));
    chain.add(1, Vec::new());
    catch_up(&mut follower).await;
    assert!(has(&store, &kept).await && !has(&store, &gone).await && has(&store, &new).await);
    assert_eq!(store.tip().await.unwrap().unwrap().number, 3);
    let pending: Vec<_> = store
        .pending(0, None, 10)
        .await
        .unwrap()
        .iter()
        .map(|pending| pending.work)
        .collect();
    assert_eq!(
        pending,
        [gone.id, new.id],
        "the indices hear of what went and of what came"
    );
}

#[tokio::test]
async fn a_chain_that_is_shorter_now_is_followed_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (chain, work) = (FakeChain::new(), TestWork::new(1, "a", &[]));
    let mut follower = Follower::new(chain.clone(), store.clone());
    catch_up(&mut follower).await;
    chain.add(0, work.events(EPOCH));
    catch_up(&mut follower).await;
    chain.cut(1);
    catch_up(&mut follower).await;
    assert!(!has(&store, &work).await);
}

#[tokio::test]
async fn a_chain_without_any_known_block_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let [old, new] = [1, 2].map(|number| TestWork::new(number, "t", &[]));
    let (chain, other) = (FakeChain::new(), FakeChain::new());
    chain.add(0, old.events(EPOCH));
    other.add(1, new.events(EPOCH));
    catch_up(&mut Follower::new(chain, store.clone())).await;
    // The first read ends at block 1: no other hash is kept.
    catch_up(&mut Follower::new(other, store.clone())).await;
    assert!(!has(&store, &old).await && has(&store, &new).await);
}

#[tokio::test]
async fn ranges_that_a_node_refuses_are_halved() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (chain, work) = (FakeChain::new(), TestWork::new(1, "a", &[]));
    for _ in 0..39 {
        chain.add(0, Vec::new());
    }
    chain.add(0, work.events(EPOCH));
    chain.refuse_above(16);
    catch_up(&mut Follower::new(chain.clone(), store.clone())).await;
    assert!(has(&store, &work).await);
    let read: Vec<_> = chain.asked().into_iter().filter(|(from, to)| to - from < 16).collect();
    assert!(read.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "{read:?}");
    assert_eq!((read[0].0, read.last().unwrap().1), (0, 40));
}

#[tokio::test]
async fn an_epoch_that_begins_brings_its_versions_and_prices() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let (chain, work) = (FakeChain::new(), TestWork::new(1, "a", &[]));
    chain.add(0, work.events(EPOCH + 1));
    let mut follower = Follower::new(chain.clone(), store.clone());
    catch_up(&mut follower).await;
    store.finish(&store.pending(0, None, 10).await.unwrap()).await.unwrap();
    assert_eq!(store.terms_at(work.id, EPOCH).await.unwrap(), None);
    chain.enter(EPOCH + 1);
    catch_up(&mut follower).await;
    assert_eq!(store.epoch().await.unwrap(), EPOCH + 1);
    assert_eq!(store.pending(0, None, 10).await.unwrap()[0].work, work.id);
    assert_eq!(
        store.terms_at(work.id, EPOCH + 1).await.unwrap().unwrap().price_per_min,
        1_500
    );
}
