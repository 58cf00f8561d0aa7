//! The search index and the fingerprint index, kept in step with the store.
//!
//! The store says which works they are behind on; one turn at a time brings those up to date and only then says so, so
//! a crash between any two steps is made good by the next turn. Each index carries the store's name: one that is
//! missing, damaged, of another format or of another store is built anew.

mod folder;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use cwe_fingerprint::Descriptor;
use cwe_fingerprint_index::{FingerprintIndex, IndexError, MdbxIndex, Options, Prepared, WorkId};
use cwe_manifest::Manifest;
use eyre::{Result, WrapErr};
use metrics::{counter, gauge};
use tokio::{runtime::Handle, sync::Mutex, task::spawn_blocking, time::timeout};
use tracing::{error, info, warn};

use crate::{
    api::Duplicate,
    search::{self, Entry, SearchError, SearchIndex},
    store::{Outline, Pending, Store, StoreError},
};

/// Changes whenever fingerprint indices of earlier programs must be built anew.
const FINGERPRINTS_FORMAT: &str = "fingerprints 2";
/// Works of one turn's batch.
const BATCH: u32 = 256;
/// Most look-alikes of a work that are written down.
const MAX_DUPLICATES: usize = 16;

/// Why the indices are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum IndexingError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The search index fails.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The fingerprint index fails.
    #[error("the fingerprint index fails: {0}")]
    Fingerprints(#[from] IndexError),
    /// A task was cut off.
    #[error("indexing was cut off")]
    CutOff,
}

/// Both indices and what they follow.
pub struct Indices {
    store: Store,
    /// Full-text search.
    pub search: Arc<SearchIndex>,
    /// Recognition.
    pub fingerprints: Arc<dyn FingerprintIndex>,
    turn: Mutex<()>,
}

impl Indices {
    /// Opens the indices of `store` in `folder`, building anew what has to be. A bucket of the fingerprint index holds
    /// at least `bucket_works` works.
    ///
    /// # Errors
    /// The folder can't be used, another process uses it, or the store fails.
    pub async fn open(store: Store, folder: &Path, options: &Options) -> Result<Self> {
        // What kept a work out may be gone with the process that it kept it out of.
        store.retry_all().await?;
        let name = store.name().await?;
        let fingerprints = open_fingerprints(&store, folder, &name, options).await?;
        let search = open_search(&store, folder, &name).await?;
        Ok(Self {
            store,
            search: Arc::new(search),
            fingerprints: Arc::new(fingerprints),
            turn: Mutex::new(()),
        })
    }

    /// Brings both up to date with the store, in a task of its own: whoever asks for it may go away. Waits for
    /// `patience`.
    ///
    /// # Errors
    /// [`IndexingError`]; the next turn goes on.
    pub async fn catch_up_within(self: &Arc<Self>, patience: Duration) -> Result<(), IndexingError> {
        let indices = self.clone();
        let turn = tokio::spawn(async move { indices.catch_up().await });
        match timeout(patience, turn).await {
            Ok(turn) => turn.map_err(|_| IndexingError::CutOff)?,
            Err(_) => Ok(()),
        }
    }

    /// Brings both up to date with the store. A work that the fingerprint index does not take keeps no other from it, and
    /// is tried again later, a bounded number of times.
    ///
    /// # Errors
    /// [`IndexingError`]; the next turn goes on.
    pub async fn catch_up(&self) -> Result<(), IndexingError> {
        let _turn = self.turn.lock().await;
        let (now_secs, mut after) = (now_secs(), None);
        loop {
            let pending = self.store.pending(now_secs, after, BATCH).await?;
            let Some(last) = pending.last() else { return Ok(()) };
            after = Some(last.work);
            let epoch = self.store.epoch().await?;
            let (mut done, mut entries) = (Vec::new(), Vec::new());
            for pending in pending {
                let Outline { manifest, descriptor } = self.store.outline(pending.work, epoch).await?;
                match self.place(pending.work, descriptor).await {
                    Ok(()) => done.push(pending),
                    Err(IndexingError::Fingerprints(error)) => self.put_off(&pending, now_secs, &error).await?,
                    Err(error) => return Err(error),
                }
                entries.push((pending.work, manifest.and_then(|json| entry(pending.work, &json))));
            }
            let search = self.search.clone();
            blocking(move || Ok(search.update(&entries)?)).await?;
            self.store.finish(&done).await?;
            gauge!("cwe_hub_fingerprints").set(self.fingerprints.works()? as f64);
        }
    }

    async fn put_off(&self, pending: &Pending, now_secs: i64, error: &IndexError) -> Result<(), StoreError> {
        let work = pending.work;
        if self.store.put_off(pending, now_secs, &error.to_string()).await? {
            error!(%work, %error, "the fingerprint index does not take a work: gives it up until the next start");
            counter!("cwe_hub_given_up_total").increment(1);
        } else {
            warn!(%work, %error, "the fingerprint index does not take a work: tries again later");
        }
        Ok(())
    }

    /// Gives a work its descriptor in the fingerprint index, or takes it out. Look-alikes are written down before, so
    /// that a work that is in the index has been compared.
    async fn place(&self, work: B256, descriptor: Option<Vec<u8>>) -> Result<(), IndexingError> {
        let index = self.fingerprints.clone();
        let Some(descriptor) = descriptor.and_then(|bytes| decoded(work, &bytes)) else {
            return blocking(move || Ok(index.remove(WorkId(work.0)).map(drop)?)).await;
        };
        let descriptor = Arc::new(descriptor);
        let shared = descriptor.clone();
        let compared = blocking(move || compare(index.as_ref(), work, &shared)).await?;
        let Some(duplicates) = compared else { return Ok(()) };
        self.store.set_duplicates(work, &duplicates).await?;
        let index = self.fingerprints.clone();
        blocking(move || Ok(index.insert(WorkId(work.0), &descriptor)?)).await
    }
}

/// Other works like a descriptor; `None` where the index has exactly this one for the work.
fn compare(
    index: &dyn FingerprintIndex,
    work: B256,
    descriptor: &Descriptor,
) -> Result<Option<Vec<Duplicate>>, IndexingError> {
    if index.descriptor(WorkId(work.0))?.as_ref() == Some(descriptor) {
        return Ok(None);
    }
    // One more: the work's former descriptor may be among them.
    let near = index.near_duplicates(descriptor, MAX_DUPLICATES + 1)?;
    let others = near.into_iter().filter(|near| near.work.0 != work.0);
    let duplicates = others.take(MAX_DUPLICATES).map(|near| Duplicate {
        work_id: near.work.0.into(),
        similarity_ppm: near.similarity_ppm,
    });
    Ok(Some(duplicates.collect()))
}

/// Seconds since 1970.
fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexingError> + Send + 'static,
) -> Result<T, IndexingError> {
    spawn_blocking(work).await.map_err(|_| IndexingError::CutOff)?
}

fn entry(work: B256, json: &[u8]) -> Option<Entry> {
    match Manifest::from_json(json) {
        Ok(manifest) => {
            let body = manifest.body();
            Some(Entry {
                work,
                title: body.title.clone(),
                description: body.description.clone(),
                tags: body.tags.clone(),
                work_type: body.work_type.to_string(),
            })
        }
        Err(error) => {
            warn!(%work, %error, "a stored manifest can't be read");
            None
        }
    }
}

fn decoded(work: B256, bytes: &[u8]) -> Option<Descriptor> {
    Descriptor::decode(bytes)
        .inspect_err(|error| warn!(%work, %error, "a stored descriptor can't be read"))
        .ok()
}

async fn open_search(store: &Store, folder: &Path, name: &str) -> Result<SearchIndex> {
    let folder = folder.join("hub-search");
    let stamp = format!("{} {name}", search::FORMAT);
    if folder::has_stamp(&folder, &stamp, "meta.json") {
        match SearchIndex::open(&folder) {
            Ok(index) => return Ok(index),
            Err(error @ SearchError::InUse(_)) => return Err(error.into()),
            Err(error) => warn!(%error, "the search index is damaged"),
        }
    }
    info!("builds the search index anew");
    folder::renew(&folder)?;
    let index = SearchIndex::open(&folder)?;
    store.mark_all().await?;
    folder::stamp(&folder, &stamp)?;
    Ok(index)
}

async fn open_fingerprints(store: &Store, folder: &Path, name: &str, options: &Options) -> Result<MdbxIndex> {
    let folder = folder.join("hub-fingerprints");
    let stamp = format!("{FINGERPRINTS_FORMAT} {name}");
    if folder::has_stamp(&folder, &stamp, "index/mdbx.dat") {
        match MdbxIndex::open(&folder.join("index"), options) {
            Ok(index) => return Ok(index),
            Err(error @ IndexError::Locked { .. }) => return Err(error.into()),
            Err(error) => warn!(%error, "the fingerprint index is damaged"),
        }
    }
    info!("builds the fingerprint index anew");
    folder::renew(&folder)?;
    let index = build_fingerprints(store, &folder.join("index"), options).await?;
    folder::stamp(&folder, &stamp)?;
    Ok(index)
}

/// All works that were up to date before; the others come in their turn, and are compared then.
async fn build_fingerprints(store: &Store, folder: &Path, options: &Options) -> Result<MdbxIndex> {
    std::fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let index = MdbxIndex::open(folder, options)?;
    let (store, runtime) = (store.clone(), Handle::current());
    spawn_blocking(move || {
        let epoch = runtime.block_on(store.epoch())?;
        let (mut load, mut after) = (index.bulk_load()?, None);
        loop {
            let works = runtime.block_on(store.settled_works_after(after, BATCH))?;
            let Some(last) = works.last().copied() else { break };
            for work in works {
                let descriptor = runtime.block_on(store.outline(work, epoch))?.descriptor;
                if let Some(descriptor) = descriptor.and_then(|bytes| decoded(work, &bytes)) {
                    load.add(&Prepared::new(WorkId(work.0), &descriptor))?;
                }
            }
            after = Some(last);
        }
        load.finish(|_| ())?;
        Ok(index)
    })
    .await
    .wrap_err("building the fingerprint index")?
}

#[cfg(test)]
mod tests;
