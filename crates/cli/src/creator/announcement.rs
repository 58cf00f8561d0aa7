//! The announcement that a content needs before a work shows it (`ICWERegistry`): whoever reads it in the registration
//! is too late to take it.

use std::time::Duration;

use alloy::primitives::B256;
use eyre::{Result, bail, eyre};

use super::draft::Draft;
use crate::{
    economy::{Economy, now_secs},
    progress::Progress,
};

/// How far the sequencer's clock may be behind ours without a registration that comes too early.
const CLOCK_MARGIN_SECS: u64 = 2;

/// What publication has to wait for.
pub(crate) enum Announcement {
    /// Nothing: no content that is new to the work, or the delay is over.
    Counts,
    /// The delay, until this Unix time in seconds.
    Waiting {
        /// The claim.
        claim: B256,
        /// Unix time in seconds from which it counts.
        counts_at: u64,
    },
}

/// Announces the draft's content if it needs to be and is not yet.
///
/// # Errors
/// The content belongs to another work, or the L2 fails.
pub(crate) async fn announce(economy: &Economy, draft: &Draft, progress: &mut Progress) -> Result<Announcement> {
    let registry = economy.registry();
    if !needs_claim(economy, draft).await? {
        return Ok(Announcement::Counts);
    }
    let claim = economy
        .read(
            "computing the claim",
            registry.claimOf(draft.creator_id, draft.content()),
        )
        .await?;
    let mut announced_at = economy
        .read("reading the announcement", registry.announcedAt(claim))
        .await?;
    if announced_at == 0 {
        progress.step("announcing the content, by its hash");
        economy.send("announcing the content", registry.announce(claim)).await?;
        announced_at = economy
            .read("reading the announcement", registry.announcedAt(claim))
            .await?;
    }
    let delay_secs = economy
        .read("reading the delay of claims", registry.claimDelaySecs())
        .await?;
    let counts_at = announced_at
        .checked_add(delay_secs)
        .ok_or_else(|| eyre!("the registry's delay of {delay_secs} s makes no sense"))?;
    if economy.time_secs()? >= counts_at {
        return Ok(Announcement::Counts);
    }
    Ok(Announcement::Waiting { claim, counts_at })
}

/// Whether the draft shows a content or a fingerprint that no work has yet.
async fn needs_claim(economy: &Economy, draft: &Draft) -> Result<bool> {
    let registry = economy.registry();
    let (content_id, fp_id) = (draft.content.content_id, draft.content.fp_id);
    let content_holder = economy
        .read("reading the contents", registry.workWithContent(content_id))
        .await?;
    let fp_holder = economy
        .read("reading the fingerprints", registry.workWithFingerprint(fp_id))
        .await?;
    for (what, id, holder) in [
        ("content", content_id, content_holder),
        ("fingerprint", fp_id, fp_holder),
    ] {
        if !holder.is_zero() && holder != draft.work_id {
            bail!("{what} {id} already belongs to work {holder}");
        }
    }
    Ok((!content_id.is_zero() && content_holder.is_zero()) || (!fp_id.is_zero() && fp_holder.is_zero()))
}

/// Waits until a transaction sent next runs after `counts_at`.
///
/// # Errors
/// The system's clock makes no sense.
pub(crate) async fn wait(counts_at: u64) -> Result<()> {
    let remaining = counts_at.saturating_add(CLOCK_MARGIN_SECS).saturating_sub(now_secs()?);
    tokio::time::sleep(Duration::from_secs(remaining)).await;
    Ok(())
}
