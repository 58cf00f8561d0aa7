//! Answers put together from the store.

use alloy::primitives::B256;
use tracing::error;

use crate::{
    api::{Creator, FoundWork, Terms, Version, Work},
    refusal::Refusal,
    store::{Store, StoreError, TermsFacts, VersionFacts},
};

/// Why is for the operator; the answer only says that it is not now.
pub(crate) fn failed(failure: StoreError) -> Refusal {
    error!(error = %failure, "the store fails");
    Refusal::Unavailable
}

/// A work with all that the chain says of it.
pub(crate) async fn work(store: &Store, work_id: B256) -> Result<Work, Refusal> {
    let facts = store.work(work_id).await.map_err(failed)?;
    let facts = facts.ok_or(Refusal::NotFound("no such work is registered"))?;
    let epoch = store.epoch().await.map_err(failed)?;
    let versions = store.versions(work_id).await.map_err(failed)?;
    let current = versions.iter().find(|version| version.from_epoch <= epoch);
    let (terms, region_factor_ppm) = terms(store, work_id, epoch).await?;
    let all_terms = store.terms(work_id).await.map_err(failed)?;
    let manifest = store.manifest_at(work_id, epoch).await.map_err(failed)?;
    Ok(Work {
        work_id,
        creator_id: facts.creator,
        status: facts.status,
        registered_block: facts.block,
        epoch,
        version: current.map_or(0, |version| version.version),
        terms,
        region_factor_ppm,
        versions: versions.into_iter().map(version_told).collect(),
        all_terms: all_terms.into_iter().map(terms_told).collect(),
        manifest_id: manifest.map(|manifest| manifest.manifest_id),
        duplicates: store.duplicates(work_id).await.map_err(failed)?,
    })
}

/// A work as it is found; `None` where it must not be.
pub(crate) async fn found_work(store: &Store, work_id: B256, epoch: u64) -> Result<Option<FoundWork>, Refusal> {
    let Some(card) = store.card(work_id, epoch).await.map_err(failed)? else {
        return Ok(None);
    };
    let (terms, region_factor_ppm) = match terms(store, work_id, epoch).await? {
        (None, _) => first_terms(store, work_id).await?,
        known => known,
    };
    Ok(Some(FoundWork {
        work_id,
        creator_id: card.creator,
        deprecated: card.deprecated,
        work_type: card.work_type,
        title: card.title,
        terms,
        region_factor_ppm,
    }))
}

/// A creator and a page of its works.
pub(crate) async fn creator(store: &Store, creator_id: B256, after: B256, limit: u32) -> Result<Creator, Refusal> {
    let facts = store.creator(creator_id).await.map_err(failed)?;
    let facts = facts.ok_or(Refusal::NotFound("no such creator is registered"))?;
    let works = store.works_of(creator_id, after, limit.saturating_add(1)).await;
    let mut works = works.map_err(failed)?;
    let more = works.len() > limit as usize;
    works.truncate(limit as usize);
    Ok(Creator {
        creator_id,
        account: facts.account,
        x: facts.x,
        y: facts.y,
        metadata: facts.metadata,
        next: more.then(|| works.last().copied()).flatten(),
        works,
    })
}

async fn terms(store: &Store, work: B256, epoch: u64) -> Result<(Option<Terms>, Option<u32>), Refusal> {
    let Some(terms) = store.terms_at(work, epoch).await.map_err(failed)? else {
        return Ok((None, None));
    };
    let factor = store.region_factor_at(terms.region_rule, epoch).await.map_err(failed)?;
    Ok((Some(terms_told(terms)), factor))
}

/// Those of a work that has none yet in the running epoch.
async fn first_terms(store: &Store, work: B256) -> Result<(Option<Terms>, Option<u32>), Refusal> {
    let all = store.terms(work).await.map_err(failed)?;
    match all.last() {
        Some(first) => terms(store, work, first.from_epoch).await,
        None => Ok((None, None)),
    }
}

fn terms_told(facts: TermsFacts) -> Terms {
    Terms {
        from_epoch: facts.from_epoch,
        price_per_min: facts.price_per_min,
        region_rule: facts.region_rule,
    }
}

fn version_told(facts: VersionFacts) -> Version {
    Version {
        version: facts.version,
        from_epoch: facts.from_epoch,
        content_id: facts.content.content_id,
        manifest_id: facts.content.manifest_id,
        fp_id: facts.content.fp_id,
        fp_hash: facts.content.fp_hash,
        access_classes: facts.content.access_classes,
    }
}
