//! A hub's client: typed calls whose answers are verified against the hub's key before they are believed.
//!
//! What a call tells the hub: [`HubClient::resolve`] the excerpt, and so the work that somebody listens to, not who;
//! [`HubClient::identify_privately`] only a bucket of works; [`HubClient::work`] and [`HubClient::search`] what is asked
//! for. The network address that a request comes from the hub reduces to one of some thousand groups.

mod transport;

use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::B256;
use cwe_fingerprint::{
    Kind, Match, Query,
    bucket::{Bucket, BucketEntry, BucketError, BucketPrefix, MAX_PAGE_BYTES, WorkId, match_bucket, prefixes},
};
use cwe_manifest::{MAX_DOCUMENT_BYTES, Manifest, ManifestError};
use reqwest::{Method, Url};
use tokio::time::{Instant, sleep};

use crate::{
    api::{BucketWorks, Buckets, Creator, FoundWork, HubInfo, Published, Resolution, Resolved, SearchPage, Work},
    jws::{HubKey, SignatureError},
};
use transport::{Freshness, Transport};

/// What a person is to know before [`HubClient::resolve`].
pub const RESOLVE_REVEALS: &str = "the hub learns which work you are listening to, from a network address that it does \
                                   not keep; the private lookup tells it a group of works instead";
/// What a person is to know before [`HubClient::identify_privately`].
pub const PRIVATE_LOOKUP_REVEALS: &str = "the hub learns that somebody listens to one of the works of a bucket; each \
                                          further bucket narrows that down";

/// Buckets of one private lookup: each further one narrows down what is listened to.
const MAX_BUCKETS: usize = 3;
/// Pages of one bucket: a hub can't keep a client busy for ever.
const MAX_PAGES: u32 = 64;
/// Largest JSON answer, bytes.
const MAX_JSON_BYTES: usize = 1 << 20;
/// Time between two attempts to publish to a hub that is behind the chain.
const BEHIND_PAUSE: Duration = Duration::from_secs(2);

/// Why a hub's answer can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is none.
    #[error("`{0}` is no hub's URL: http(s)://host, with a path if it has one")]
    Url(String),
    /// HTTP can't be set up.
    #[error("HTTP can't be set up: {0}")]
    Setup(reqwest::Error),
    /// The hub does not answer.
    #[error("the hub does not answer ({0}): check its URL and your connection, or ask another hub")]
    Unreachable(&'static str),
    /// The answer is too large.
    #[error("the hub's answer has more than {0} bytes: it is none of this protocol; ask another hub")]
    TooLarge(usize),
    /// The answer's signature does not count.
    #[error("{0}: don't use this answer; ask another hub")]
    Signature(#[from] SignatureError),
    /// The answer is not of the protocol.
    #[error("the hub's answer makes no sense ({0}): it runs another version; ask another hub")]
    Nonsense(String),
    /// The hub refuses.
    #[error("the hub refuses ({code}): {error}; {action}")]
    Refused {
        /// Status.
        status: u16,
        /// For programs.
        code: String,
        /// What is wrong.
        error: String,
        /// What to do.
        action: String,
    },
    /// A manifest is not one.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A bucket is not one.
    #[error("the hub's bucket makes no sense ({0}): ask another hub")]
    Bucket(#[from] BucketError),
    /// The hub is about another chain.
    #[error("the hub is about chain id {found}, not {expected}: ask one of your chain")]
    OtherChain {
        /// Its chain.
        found: u64,
        /// The caller's.
        expected: u64,
    },
}

impl ClientError {
    /// Whether the hub said so, and with this code.
    pub fn is_refusal(&self, code: &str) -> bool {
        matches!(self, Self::Refused { code: found, .. } if found == code)
    }
}

/// Which key a hub's answers must be signed by.
#[derive(Debug, Clone)]
pub enum Trust {
    /// This one, seen before or learned elsewhere.
    Pinned(Box<HubKey>),
    /// The one that the hub itself names now: [`HubClient::key`] is to be kept for the next time.
    FirstSeen,
}

/// A work that was found in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The work, as the hub tells it of all works of the bucket.
    pub work: FoundWork,
    /// How surely, and where in it the excerpt begins.
    pub matched: Match,
    /// What the bucket has of the work, by time: what is heard next can be compared with it without asking again.
    pub entries: Vec<BucketEntry>,
}

/// What a private lookup found, and what it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateAnswer {
    /// Best first; empty: none of the works in the buckets that were asked for.
    pub found: Vec<Found>,
    /// The buckets that the hub was asked for, and how many works each has: the crowds.
    pub asked: Vec<(BucketPrefix, u32)>,
}

/// A bucket, matched.
#[derive(Debug, Default)]
struct Crowd {
    /// How many works it has.
    works: u32,
    pages: u32,
    /// Those that the excerpt may be of.
    matched: BTreeMap<B256, (Match, Vec<BucketEntry>)>,
}

/// A hub's client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HubClient {
    transport: Transport,
    info: HubInfo,
}

impl HubClient {
    /// Connects to the hub at `url` for the chain with `chain_id`; each request is given up after `timeout`.
    ///
    /// # Errors
    /// [`ClientError`]: it does not answer, has another key than the pinned one, or is about another chain.
    pub async fn connect(url: &str, trust: Trust, chain_id: u64, timeout: Duration) -> Result<Self, ClientError> {
        let (transport, info) = Transport::connect(url, trust, timeout).await?;
        if info.chain_id != chain_id {
            return Err(ClientError::OtherChain {
                found: info.chain_id,
                expected: chain_id,
            });
        }
        Ok(Self { transport, info })
    }

    /// The key that answers are verified with.
    pub const fn key(&self) -> &HubKey {
        self.transport.key()
    }

    /// What the hub said of itself when it was connected to.
    pub const fn info(&self) -> &HubInfo {
        &self.info
    }

    /// Hands over a signed manifest. While the hub has not read the registration yet, it is asked again for `patience`.
    ///
    /// # Errors
    /// [`ClientError`]; the hub's refusal says what is wrong with the manifest.
    pub async fn publish_manifest(&self, manifest: &Manifest, patience: Duration) -> Result<Published, ClientError> {
        let json = manifest.to_json()?;
        self.publish(Method::POST, &["manifests"], json, patience).await
    }

    /// Hands over an encoded descriptor, which hashes to `fp_hash`. While the hub has not read the registration yet, it
    /// is asked again for `patience`.
    ///
    /// # Errors
    /// [`ClientError`]; the hub's refusal says what is wrong with the descriptor.
    pub async fn publish_descriptor(
        &self,
        fp_hash: B256,
        descriptor: Vec<u8>,
        patience: Duration,
    ) -> Result<Published, ClientError> {
        let path = ["descriptors", &fp_hash.to_string()];
        self.publish(Method::PUT, &path, descriptor, patience).await
    }

    async fn publish(
        &self,
        method: Method,
        path: &[&str],
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Published, ClientError> {
        let end = Instant::now() + patience;
        loop {
            let url = self.transport.url(path);
            let answer = self
                .transport
                .ask(method.clone(), url, Some(body.clone()), MAX_JSON_BYTES);
            match answer.await {
                Err(error) if error.is_refusal("not_registered") && Instant::now() + BEHIND_PAUSE < end => {
                    sleep(BEHIND_PAUSE).await;
                }
                outcome => return parsed(&outcome?),
            }
        }
    }

    /// Which work an excerpt is from, and what it costs. See [`RESOLVE_REVEALS`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn resolve(&self, query: &Query) -> Result<Vec<Resolved>, ClientError> {
        let url = self.transport.url(&["resolve"]);
        let answer = self
            .transport
            .ask(Method::POST, url, Some(query.encode()), MAX_JSON_BYTES);
        Ok(parsed::<Resolution>(&answer.await?)?.works)
    }

    /// Which work an excerpt is from, found on this side: the hub is asked for a bucket of works that the excerpt may be
    /// of, for all of it, and for another one only when there was nothing in it. See [`PRIVATE_LOOKUP_REVEALS`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn identify_privately(&self, query: &Query) -> Result<PrivateAnswer, ClientError> {
        let buckets: Buckets = self.get(&["buckets"]).await?;
        let bits = |kind: Kind| bits_of(&buckets, kind);
        let mut answer = PrivateAnswer {
            found: Vec::new(),
            asked: Vec::new(),
        };
        for prefix in prefixes(query, bits).into_iter().take(MAX_BUCKETS) {
            let crowd = self.match_bucket(query, prefix).await?;
            answer.asked.push((prefix, crowd.works));
            if !crowd.matched.is_empty() {
                answer.found = self.named(prefix, crowd).await?;
                break;
            }
        }
        Ok(answer)
    }

    /// All pages, wherever the work is in them: where a client stops would tell.
    async fn match_bucket(&self, query: &Query, prefix: BucketPrefix) -> Result<Crowd, ClientError> {
        let mut crowd = Crowd::default();
        loop {
            let bucket = self.bucket(prefix, crowd.pages).await?;
            let pages = bucket.pages.min(MAX_PAGES);
            crowd.works = crowd.works.max(bucket.works);
            for (WorkId(work), matched) in match_bucket(query, &bucket) {
                let (best, _) = crowd
                    .matched
                    .entry(work.into())
                    .or_insert_with(|| (matched, Vec::new()));
                if matched.score_ppm > best.score_ppm {
                    *best = matched;
                }
            }
            // A work that is in several pages may have been recognised in an earlier one.
            for entry in bucket.entries {
                if let Some((_, entries)) = crowd.matched.get_mut(&B256::new(entry.work.0)) {
                    entries.push(entry);
                }
            }
            crowd.pages += 1;
            if crowd.pages >= pages {
                return Ok(crowd);
            }
        }
    }

    /// What the works that were found are called and cost; all works of the bucket are asked for.
    async fn named(&self, prefix: BucketPrefix, mut crowd: Crowd) -> Result<Vec<Found>, ClientError> {
        let mut found = Vec::with_capacity(crowd.matched.len());
        for page in 0..crowd.pages {
            let mut url = self.transport.url(&["buckets", &prefix.to_string(), "works"]);
            url.query_pairs_mut().append_pair("page", &page.to_string());
            let answer = self.transport.ask(Method::GET, url, None, MAX_JSON_BYTES).await?;
            for work in parsed::<BucketWorks>(&answer)?.works {
                let matched = crowd.matched.remove(&work.work_id);
                found.extend(matched.map(|(matched, entries)| Found { work, matched, entries }));
            }
        }
        found.sort_by_key(|found| (std::cmp::Reverse(found.matched.score_ppm), found.work.work_id));
        Ok(found)
    }

    async fn bucket(&self, prefix: BucketPrefix, page: u32) -> Result<Bucket, ClientError> {
        let mut url = self.transport.url(&["buckets", &prefix.to_string()]);
        url.query_pairs_mut().append_pair("page", &page.to_string());
        let bytes = self.transport.ask_kept(url, MAX_PAGE_BYTES, Freshness::Kept).await?;
        let bucket = Bucket::decode(&bytes)?;
        if bucket.prefix == prefix && bucket.page == page {
            Ok(bucket)
        } else {
            Err(ClientError::Nonsense("another bucket than was asked for".into()))
        }
    }

    /// A work with all that the chain says of it, and works that are like it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn work(&self, work: B256) -> Result<Work, ClientError> {
        let answer: Work = self.get(&["works", &work.to_string()]).await?;
        same(answer.work_id == work, answer)
    }

    /// The manifest of a work, read but not validated: who uses it calls [`Manifest::validate`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn manifest(&self, work: B256) -> Result<Manifest, ClientError> {
        let url = self.transport.url(&["works", &work.to_string(), "manifest"]);
        let bytes = self
            .transport
            .ask_kept(url, MAX_DOCUMENT_BYTES, Freshness::Kept)
            .await?;
        let manifest = Manifest::from_json(&bytes)?;
        same(manifest.body().work_id == work, manifest)
    }

    /// A creator and its works.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn creator(&self, creator: B256) -> Result<Creator, ClientError> {
        let answer: Creator = self.get(&["creators", &creator.to_string()]).await?;
        same(answer.creator_id == creator, answer)
    }

    /// Works by the words of their titles, tags and descriptions; `after` is `next` of the page before.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn search(&self, text: &str, tags: &[&str], after: Option<&str>) -> Result<SearchPage, ClientError> {
        let mut url = self.transport.url(&["search"]);
        url.query_pairs_mut()
            .append_pair("q", text)
            .append_pair("tags", &tags.join(","));
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        parsed(&self.transport.ask(Method::GET, url, None, MAX_JSON_BYTES).await?)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &[&str]) -> Result<T, ClientError> {
        let url: Url = self.transport.url(path);
        parsed(&self.transport.ask(Method::GET, url, None, MAX_JSON_BYTES).await?)
    }
}

fn bits_of(buckets: &Buckets, kind: Kind) -> u8 {
    let name = match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
        Kind::Image => "image",
    };
    let told = buckets.kinds.iter().find(|bits| bits.kind == name);
    told.map_or(0, |bits| bits.bits)
}

fn same<T>(is_same: bool, answer: T) -> Result<T, ClientError> {
    if is_same {
        Ok(answer)
    } else {
        Err(ClientError::Nonsense(
            "it is about something else than was asked for".into(),
        ))
    }
}

fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Nonsense(error.to_string()))
}

#[cfg(all(test, feature = "daemon"))]
mod tests;
