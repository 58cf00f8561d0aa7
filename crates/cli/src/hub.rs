//! Discovery hubs as `cwe work`, `cwe identify` and `cwe play` use them.

mod known;

use std::{path::PathBuf, time::Duration};

use alloy::primitives::B256;
use cwe_fingerprint::{Descriptor, Match, Query, bucket::BucketEntry};
use cwe_hub::{
    api::FoundWork,
    client::{ClientError, HubClient, Trust},
};
use cwe_manifest::Manifest;
use eyre::{Report, Result, WrapErr, bail};

use self::known::KnownHubs;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Which hubs to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct HubArgs {
    /// URL of a discovery hub; may be repeated
    #[arg(long = "hub", value_name = "URL", env = "CWE_HUB", value_delimiter = ',')]
    urls: Vec<String>,
    /// File that remembers the hubs' keys; default: cwe/hubs.json in the user's data folder
    #[arg(long, value_name = "FILE")]
    known_hubs: Option<PathBuf>,
}

impl HubArgs {
    /// Connects to all of them.
    ///
    /// # Errors
    /// One does not answer, is about another chain, or has another key than before.
    pub(crate) async fn connect(&self, chain_id: u64) -> Result<Vec<Hub>> {
        let mut hubs = Vec::with_capacity(self.urls.len());
        if self.urls.is_empty() {
            return Ok(hubs);
        }
        let mut known = KnownHubs::open(self.known_hubs.as_deref())?;
        for url in &self.urls {
            let trust = known
                .key(url)?
                .map_or(Trust::FirstSeen, |key| Trust::Pinned(Box::new(key)));
            let client = HubClient::connect(url, trust, chain_id, REQUEST_TIMEOUT).await;
            let client = client.wrap_err_with(|| format!("hub {url}"))?;
            known.remember(url, client.key())?;
            hubs.push(Hub {
                url: url.clone(),
                client,
            });
        }
        Ok(hubs)
    }

    /// The same, where there must be one.
    ///
    /// # Errors
    /// None is named, or as [`Self::connect`].
    pub(crate) async fn require(&self, chain_id: u64) -> Result<Vec<Hub>> {
        if self.urls.is_empty() {
            bail!("no hub to ask: give --hub URL, or set CWE_HUB");
        }
        self.connect(chain_id).await
    }
}

/// A hub whose answers are verified.
pub(crate) struct Hub {
    url: String,
    client: HubClient,
}

/// A work that was found.
pub(crate) struct Found {
    /// What the hub says of it.
    pub work: FoundWork,
    /// How surely, and where in it.
    pub matched: Match,
}

/// What a private lookup gave.
pub(crate) struct Lookup {
    /// The work, and what its bucket has of it.
    pub found: Option<(Found, Vec<BucketEntry>)>,
    /// Buckets that the hub was asked for.
    pub buckets: usize,
}

impl Hub {
    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Which work an excerpt is from, asked privately.
    ///
    /// # Errors
    /// The hub fails.
    pub(crate) async fn identify(&self, query: &Query) -> Result<Lookup> {
        let answer = self
            .client
            .identify_privately(query)
            .await
            .map_err(|error| self.failed(error))?;
        let found = answer.found.into_iter().next().map(|found| {
            let (work, matched) = (found.work, found.matched);
            (Found { work, matched }, found.entries)
        });
        Ok(Lookup {
            found,
            buckets: answer.asked.len(),
        })
    }

    /// The same, asked plainly: the hub learns which work it is.
    ///
    /// # Errors
    /// The hub fails.
    pub(crate) async fn resolve(&self, query: &Query) -> Result<Option<Found>> {
        let works = self.client.resolve(query).await.map_err(|error| self.failed(error))?;
        Ok(works.into_iter().next().map(|resolved| Found {
            matched: Match {
                score_ppm: resolved.score_ppm,
                offset_ms: resolved.offset_ms,
                speed_ppm: resolved.speed_ppm,
                accepted: true,
            },
            work: resolved.work,
        }))
    }

    /// Hands over descriptor and manifest of a registered work; waits at most `patience` until the hub has seen it.
    ///
    /// # Errors
    /// The hub refuses, or has not seen it in time.
    pub(crate) async fn publish(&self, manifest: &Manifest, descriptor: &Descriptor, patience: Duration) -> Result<()> {
        let fp_hash = B256::new(descriptor.fp_hash());
        let published = async {
            self.client
                .publish_descriptor(fp_hash, descriptor.encode(), patience)
                .await?;
            self.client.publish_manifest(manifest, patience).await
        };
        published.await.map(drop).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: ClientError) -> Report {
        Report::new(error).wrap_err(format!("hub {}", self.url))
    }
}
