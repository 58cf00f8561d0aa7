//! What creators hand over, checked against the chain before it is kept.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, B256};
use cwe_fingerprint::Descriptor;
use cwe_manifest::{AccessClasses, Checks, CreatorId, Manifest, ManifestError, OnChain};
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::{
    api::{Duplicate, Published},
    indices::Indices,
    refusal::Refusal,
    store::{NewManifest, Store, VersionFacts},
    views::failed,
};

/// How long an answer waits until what was handed over can be found.
const INDEXING_PATIENCE: Duration = Duration::from_secs(10);
/// Most look-alikes of one answer.
const MAX_DUPLICATES: usize = 16;

/// Takes a manifest: signed, whole, and that of a registered version.
///
/// # Errors
/// [`Refusal`].
pub(crate) async fn manifest(store: &Store, indices: &Arc<Indices>, json: Vec<u8>) -> Result<Published, Refusal> {
    let parsed = spawn_blocking(move || Manifest::from_json(&json)).await;
    let manifest = parsed.map_err(|_| Refusal::Unavailable)??;
    let author = manifest.author()?.address();
    let versions = store
        .versions_with_manifest(manifest.manifest_id())
        .await
        .map_err(failed)?;
    let work = manifest.body().work_id;
    let version = versions.iter().find(|version| version.work == work);
    let version = version.ok_or(Refusal::NotRegistered("manifest_id"))?;
    let facts = store.work(work).await.map_err(failed)?;
    let creator = facts.ok_or(Refusal::NotRegistered("manifest_id"))?.creator;
    let delegated = store
        .might_publish(creator, author, version.block)
        .await
        .map_err(failed)?;
    let whole = {
        let (manifest, on_chain) = (manifest.clone(), on_chain(version, creator));
        spawn_blocking(move || check(&manifest, &on_chain, delegated)).await
    };
    let json = whole.map_err(|_| Refusal::Unavailable)??;
    let body = manifest.body();
    let new = NewManifest {
        work,
        creator,
        content: version.content.clone(),
        work_type: body.work_type.to_string(),
        title: body.title.clone(),
        json,
    };
    store.put_manifest(&new).await.map_err(failed)?;
    published(store, indices, vec![work]).await
}

/// The manifest's canonical JSON, if it keeps every rule and is what the chain has.
fn check(manifest: &Manifest, on_chain: &OnChain, delegated: bool) -> Result<Vec<u8>, ManifestError> {
    manifest.matches_chain(on_chain)?;
    manifest.validate(&Checks {
        may_publish: &|creator: CreatorId, _: Address| creator == on_chain.creator_id && delegated,
        ..Checks::default()
    })?;
    manifest.to_json()
}

fn on_chain(version: &VersionFacts, creator: B256) -> OnChain {
    let content = &version.content;
    OnChain {
        work_id: version.work,
        creator_id: CreatorId(creator),
        content_id: content.content_id,
        manifest_id: content.manifest_id,
        fp_id: content.fp_id,
        fp_hash: content.fp_hash,
        access_classes: AccessClasses(content.access_classes),
        shares_ppm: content.shares_ppm.clone(),
    }
}

/// Takes a descriptor: canonical, with the hash of its path and the FP_ID of a registered version.
///
/// # Errors
/// [`Refusal`].
pub(crate) async fn descriptor(
    store: &Store,
    indices: &Arc<Indices>,
    fp_hash: B256,
    bytes: Vec<u8>,
) -> Result<Published, Refusal> {
    let versions = store.versions_with_descriptor(fp_hash).await.map_err(failed)?;
    if versions.is_empty() {
        return Err(Refusal::NotRegistered("fp_hash"));
    }
    let computed = spawn_blocking(move || compute(fp_hash, bytes)).await;
    let (fp_id, bytes) = computed.map_err(|_| Refusal::Unavailable)??;
    let mut works: Vec<_> = versions
        .iter()
        .filter(|version| version.content.fp_id == fp_id)
        .map(|version| version.work)
        .collect();
    works.dedup();
    if works.is_empty() {
        let computed = fp_id.to_string();
        return Err(Refusal::FpId { computed });
    }
    store
        .put_descriptor(fp_hash, fp_id, &bytes, &works)
        .await
        .map_err(failed)?;
    published(store, indices, works).await
}

fn compute(fp_hash: B256, bytes: Vec<u8>) -> Result<(B256, Vec<u8>), Refusal> {
    let descriptor = Descriptor::decode(&bytes)?;
    let computed = B256::from(descriptor.fp_hash());
    if computed != fp_hash {
        return Err(Refusal::FpHash(computed.to_string()));
    }
    Ok((descriptor.fp_id().0.into(), bytes))
}

/// What was kept is also found when this answers; where an index fails or has much to do, a later turn makes up for it.
async fn published(store: &Store, indices: &Arc<Indices>, work_ids: Vec<B256>) -> Result<Published, Refusal> {
    if let Err(error) = indices.catch_up_within(INDEXING_PATIENCE).await {
        warn!(%error, "the indices are behind");
    }
    let mut duplicates: Vec<Duplicate> = Vec::new();
    for work in &work_ids {
        duplicates.extend(store.duplicates(*work).await.map_err(failed)?);
    }
    duplicates.truncate(MAX_DUPLICATES);
    Ok(Published { work_ids, duplicates })
}
