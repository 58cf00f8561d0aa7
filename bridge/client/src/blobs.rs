//! Fetching blobs from sources that nobody needs to trust: each blob is checked against its versioned hash.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::{
    eips::eip4844::{Blob, c_kzg, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
    hex,
    primitives::{B256, Bytes},
};
use cwe_primitives::blob::BLOB_BYTES;
use metrics::counter;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::{BlockRef, L1Client};

/// Most bytes of an answer: 21 blobs of a full slot in hex, with their KZG data and room to grow.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Slot time where the beacon node's specification doesn't say.
const DEFAULT_SLOT_SECONDS: u64 = 12;

/// Where blobs can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobSource {
    /// URL of a beacon node's API. Beacon nodes forget blobs after about 18 days.
    Beacon(String),
    /// The L1 is an anvil and serves blobs by its own methods.
    Anvil,
    /// URL with `{hash}` in the place of a versioned hash; answers with the blob as bytes, hex text or JSON.
    Archive(String),
}

impl BlobSource {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Beacon(_) => "beacon",
            Self::Anvil => "anvil",
            Self::Archive(_) => "archive",
        }
    }
}

/// A blob that no source has.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "blob {hash} of L1 block {l1_block} can't be fetched ({}); beacon nodes forget blobs after about 18 days, then a \
     blob archive is needed (blobs.archive_urls)",
    if .reasons.is_empty() { "no source is configured".into() } else { .reasons.join("; ") }
)]
pub struct BlobError {
    /// Versioned hash.
    pub hash: B256,
    /// L1 block of its transaction.
    pub l1_block: u64,
    /// What each source said.
    pub reasons: Vec<String>,
}

/// Fetches blobs from several sources, in order.
#[derive(Debug)]
pub struct BlobFetcher {
    sources: Vec<Source>,
    l1: Arc<L1Client>,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Source {
    source: BlobSource,
    /// Beacon nodes only: when slots began and how long they are.
    clock: OnceCell<SlotClock>,
}

impl BlobFetcher {
    /// A fetcher over `sources`; each request is given up after `timeout`.
    pub fn new(sources: Vec<BlobSource>, l1: Arc<L1Client>, timeout: Duration) -> Result<Self, crate::L1Error> {
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .build()
            .map_err(|error| crate::L1Error::Malformed {
                method: "HTTP client",
                reason: error.to_string(),
            })?;
        let sources = sources
            .into_iter()
            .map(|source| Source {
                source,
                clock: OnceCell::new(),
            })
            .collect();
        Ok(Self { sources, l1, http })
    }

    /// The blobs of `hashes`, in that order, from a transaction in `block`.
    ///
    /// # Errors
    /// [`BlobError`] for the first blob that no source has.
    pub async fn fetch(&self, hashes: &[B256], block: &BlockRef) -> Result<Vec<Bytes>, BlobError> {
        let mut found = BTreeMap::new();
        let mut reasons = Vec::new();
        for source in &self.sources {
            let missing: Vec<B256> = hashes
                .iter()
                .filter(|hash| !found.contains_key(*hash))
                .copied()
                .collect();
            if missing.is_empty() {
                break;
            }
            if let Err(reason) = self.fetch_from(source, &missing, block, &mut found).await {
                counter!("cwe_blob_fetch_total", "source" => source.source.kind(), "outcome" => "failed").increment(1);
                debug!(source = source.source.kind(), reason, "blob source failed");
                reasons.push(format!("{}: {reason}", source.source.kind()));
            }
        }
        hashes
            .iter()
            .map(|hash| {
                let missing = || BlobError {
                    hash: *hash,
                    l1_block: block.id.number,
                    reasons: reasons.clone(),
                };
                found.get(hash).cloned().ok_or_else(missing)
            })
            .collect()
    }

    async fn fetch_from(
        &self,
        source: &Source,
        missing: &[B256],
        block: &BlockRef,
        found: &mut BTreeMap<B256, Bytes>,
    ) -> Result<(), String> {
        let candidates = match &source.source {
            BlobSource::Beacon(url) => self.beacon(url, &source.clock, block).await?,
            BlobSource::Anvil => self.anvil(missing).await?,
            BlobSource::Archive(template) => self.archive(template, missing).await?,
        };
        for (hash, blob) in tokio::task::spawn_blocking(move || versioned(candidates))
            .await
            .map_err(|e| e.to_string())?
        {
            if missing.contains(&hash) {
                counter!("cwe_blob_fetch_total", "source" => source.source.kind(), "outcome" => "ok").increment(1);
                found.insert(hash, blob);
            }
        }
        match missing.iter().find(|hash| !found.contains_key(*hash)) {
            Some(hash) => Err(format!("does not have {hash}")),
            None => Ok(()),
        }
    }

    async fn anvil(&self, missing: &[B256]) -> Result<Vec<Bytes>, String> {
        let mut blobs = Vec::with_capacity(missing.len());
        for hash in missing {
            blobs.extend(self.l1.anvil_blob(*hash).await.map_err(|error| error.to_string())?);
        }
        Ok(blobs)
    }

    async fn archive(&self, template: &str, missing: &[B256]) -> Result<Vec<Bytes>, String> {
        let mut blobs = Vec::with_capacity(missing.len());
        for hash in missing {
            let body = self.get(&template.replace("{hash}", &hash.to_string())).await?;
            blobs.push(parse_archive(&body)?);
        }
        Ok(blobs)
    }

    /// All blobs of the block's slot. Newer nodes serve `blobs`, older ones `blob_sidecars`.
    async fn beacon(&self, url: &str, clock: &OnceCell<SlotClock>, block: &BlockRef) -> Result<Vec<Bytes>, String> {
        let base = url.trim_end_matches('/');
        let clock = clock.get_or_try_init(|| self.slot_clock(base)).await?;
        let slot = clock.slot(block.timestamp)?;
        match self.get(&format!("{base}/eth/v1/beacon/blobs/{slot}")).await {
            Ok(body) => parse_beacon(&body),
            Err(newer) => {
                let older = self.get(&format!("{base}/eth/v1/beacon/blob_sidecars/{slot}")).await;
                parse_beacon(&older.map_err(|older| format!("blobs: {newer}; blob_sidecars: {older}"))?)
            }
        }
    }

    async fn slot_clock(&self, base: &str) -> Result<SlotClock, String> {
        #[derive(Deserialize)]
        struct Genesis {
            genesis_time: String,
        }
        let body = self.get(&format!("{base}/eth/v1/beacon/genesis")).await?;
        let genesis: Data<Genesis> = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let genesis_time = genesis
            .data
            .genesis_time
            .parse()
            .map_err(|_| "genesis_time is not a number".to_string())?;
        let spec = self.get(&format!("{base}/eth/v1/config/spec")).await;
        Ok(SlotClock {
            genesis_time,
            slot_seconds: spec
                .ok()
                .and_then(|body| slot_seconds(&body))
                .unwrap_or(DEFAULT_SLOT_SECONDS),
        })
    }

    /// The body of an answer with status 200, bounded.
    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        // `without_url`: URLs of paid services hold access keys.
        let readable = |error: reqwest::Error| error.without_url().to_string();
        let mut answer = self.http.get(url).send().await.map_err(readable)?;
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(readable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(format!("answer is longer than {MAX_ANSWER_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// When a beacon chain's slots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SlotClock {
    /// Seconds since 1970.
    genesis_time: u64,
    slot_seconds: u64,
}

impl SlotClock {
    fn slot(&self, timestamp: u64) -> Result<u64, String> {
        let since = timestamp
            .checked_sub(self.genesis_time)
            .ok_or_else(|| format!("L1 block time {timestamp} is before the beacon chain's genesis"))?;
        Ok(since / self.slot_seconds.max(1))
    }
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

fn slot_seconds(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    struct Spec {
        seconds_per_slot: String,
    }
    let spec: Data<Spec> = serde_json::from_slice(body).ok()?;
    spec.data.seconds_per_slot.parse().ok().filter(|seconds| *seconds > 0)
}

/// `{"data": ["0x…"]}` (blobs) or `{"data": [{"blob": "0x…"}]}` (sidecars).
fn parse_beacon(body: &[u8]) -> Result<Vec<Bytes>, String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Item {
        Blob(Bytes),
        Sidecar { blob: Bytes },
    }
    let items: Data<Vec<Item>> =
        serde_json::from_slice(body).map_err(|_| "answer is not a list of blobs".to_string())?;
    Ok(items
        .data
        .into_iter()
        .map(|item| match item {
            Item::Blob(blob) | Item::Sidecar { blob } => blob,
        })
        .collect())
}

/// Raw bytes, hex text with or without quotes, or a JSON object with the hex in `data` or `blob`.
fn parse_archive(body: &[u8]) -> Result<Bytes, String> {
    #[derive(Deserialize)]
    struct Object {
        #[serde(alias = "blob")]
        data: Bytes,
    }
    if body.len() == BLOB_BYTES {
        return Ok(Bytes::copy_from_slice(body));
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| format!("{} bytes are no blob", body.len()))?
        .trim();
    if text.starts_with('{') {
        return serde_json::from_str::<Object>(text)
            .map(|object| object.data)
            .map_err(|_| "JSON answer has no blob in `data` or `blob`".to_string());
    }
    hex::decode(text.trim_matches('"'))
        .map(Bytes::from)
        .map_err(|_| "answer is neither bytes nor hex".into())
}

/// Pairs each well-formed blob with the versioned hash of its KZG commitment.
fn versioned(candidates: Vec<Bytes>) -> Vec<(B256, Bytes)> {
    candidates
        .into_iter()
        .filter_map(|blob| versioned_hash(&blob).map(|hash| (hash, blob)))
        .collect()
}

fn versioned_hash(blob: &[u8]) -> Option<B256> {
    let blob = c_kzg::Blob::from_bytes(blob).ok()?;
    let commitment = EnvKzgSettings::Default.get().blob_to_kzg_commitment(&blob).ok()?;
    Some(kzg_to_versioned_hash(commitment.as_slice()))
}

/// Bytes of a blob as this module counts them are L1's.
const _: () = assert!(BLOB_BYTES == size_of::<Blob>());

#[cfg(test)]
mod tests {
    use cwe_primitives::blob;

    use super::*;

    fn blob() -> Bytes {
        blob::pack(b"batch data").unwrap().remove(0).into()
    }

    #[test]
    fn a_blob_is_known_by_its_own_commitment_only() {
        let hash = versioned_hash(&blob()).unwrap();
        assert_eq!(hash[0], 1);
        let mut changed = blob().to_vec();
        changed[40] ^= 1;
        assert_ne!(versioned_hash(&changed).unwrap(), hash);
        assert_eq!(versioned_hash(&blob()[1..]), None);
        changed[0] = 0xff;
        assert_eq!(versioned_hash(&changed), None, "not canonical field elements");
    }

    #[test]
    fn answers_of_beacon_nodes_old_and_new_are_read() {
        let hex = hex::encode_prefixed(blob());
        let new = format!(r#"{{"execution_optimistic":false,"data":["{hex}"]}}"#);
        let old = format!(r#"{{"data":[{{"index":"0","blob":"{hex}","kzg_proof":"0x"}}]}}"#);
        assert_eq!(parse_beacon(new.as_bytes()).unwrap(), [blob()]);
        assert_eq!(parse_beacon(old.as_bytes()).unwrap(), [blob()]);
        assert!(parse_beacon(br#"{"code":410,"message":"gone"}"#).is_err());
    }

    #[test]
    fn archives_answer_in_several_forms() {
        let hex = hex::encode_prefixed(blob());
        for body in [
            blob().to_vec(),
            hex.clone().into_bytes(),
            format!("\"{hex}\"\n").into(),
            format!(r#"{{"data":"{hex}"}}"#).into(),
        ] {
            assert_eq!(parse_archive(&body).unwrap(), blob());
        }
        assert!(parse_archive(b"<html>").is_err());
        assert!(parse_archive(b"{}").is_err());
        assert!(parse_archive(&[0xff; 3]).is_err());
    }

    #[test]
    fn slots_follow_from_block_times() {
        let clock = SlotClock {
            genesis_time: 100,
            slot_seconds: 12,
        };
        assert_eq!(clock.slot(100), Ok(0));
        assert_eq!(clock.slot(136), Ok(3));
        assert!(clock.slot(99).is_err());
        assert_eq!(slot_seconds(br#"{"data":{"SECONDS_PER_SLOT":"5","X":"y"}}"#), Some(5));
        assert_eq!(slot_seconds(br#"{"data":{}}"#), None);
    }
}
