//! The hub's answers: what its routes write and its client reads. Ids are 32 bytes as `0x` and hex; amounts are micro-CLN
//! a minute as decimal text, since they have 64 bits; shares and scores are parts per million.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Longest search text, bytes.
pub const MAX_QUERY_BYTES: usize = 256;
/// Most works of one answer.
pub const MAX_LIMIT: u32 = 100;
/// Name of the header with the detached signature of every answer.
pub const SIGNATURE_HEADER: &str = "cwe-jws";

/// How a work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Status {
    /// It is offered.
    Active,
    /// Its creator has withdrawn it.
    Deprecated {
        /// Who said so.
        #[cfg_attr(feature = "daemon", schema(value_type = String))]
        by: Address,
        /// Hash of the reason.
        #[cfg_attr(feature = "daemon", schema(value_type = String))]
        reason: B256,
    },
    /// Governance has: it is shown here and found nowhere.
    Blacklisted {
        /// Who said so.
        #[cfg_attr(feature = "daemon", schema(value_type = String))]
        by: Address,
        /// Hash of the reason.
        #[cfg_attr(feature = "daemon", schema(value_type = String))]
        reason: B256,
    },
}

/// What a minute costs in an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Terms {
    /// First epoch in which it applies.
    pub from_epoch: u64,
    /// Micro-CLN, decimal.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub price_per_min: u64,
    /// Rule of the region table.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub region_rule: B256,
}

/// A version of a work, by reference. Zero stands for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// First epoch in which it applies.
    pub from_epoch: u64,
    /// Digest of the encrypted file's CID.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub content_id: B256,
    /// Hash of the manifest.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub manifest_id: B256,
    /// The 256-bit sketch.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub fp_id: B256,
    /// SHA-256 of the descriptor.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub fp_hash: B256,
    /// Bit mask of the tiers' access classes.
    pub access_classes: u64,
}

/// Another work that looks or sounds like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Duplicate {
    /// The other work.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub work_id: B256,
    /// How alike they are, ppm.
    pub similarity_ppm: u32,
}

/// `GET /works/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Work {
    /// The work.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub work_id: B256,
    /// Its creator.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub creator_id: B256,
    /// How it stands.
    pub status: Status,
    /// Block of its registration.
    pub registered_block: u64,
    /// The running epoch.
    pub epoch: u64,
    /// Number of the version that applies in it; 0 before the first.
    pub version: u32,
    /// What a minute costs in it.
    pub terms: Option<Terms>,
    /// Factor of the region rule in it, ppm.
    pub region_factor_ppm: Option<u32>,
    /// Its versions, newest first.
    pub versions: Vec<Version>,
    /// Terms of all epochs, latest first.
    pub all_terms: Vec<Terms>,
    /// The manifest that `GET /works/{id}/manifest` has.
    #[cfg_attr(feature = "daemon", schema(value_type = Option<String>))]
    pub manifest_id: Option<B256>,
    /// Works that look or sound like it.
    pub duplicates: Vec<Duplicate>,
}

/// A work as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct FoundWork {
    /// The work.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub work_id: B256,
    /// Its creator.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub creator_id: B256,
    /// Whether its creator has withdrawn it.
    pub deprecated: bool,
    /// Kind of the work, where its manifest is here.
    pub work_type: Option<String>,
    /// Title, where its manifest is here.
    pub title: Option<String>,
    /// What a minute costs in the running epoch; of a work that is new in it, in the next one.
    pub terms: Option<Terms>,
    /// Factor of the region rule, ppm.
    pub region_factor_ppm: Option<u32>,
}

/// `GET /creators/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Creator {
    /// The creator.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub creator_id: B256,
    /// Address of its key.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub account: Address,
    /// First coordinate of its public key.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub x: B256,
    /// Second coordinate of its public key.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub y: B256,
    /// Metadata pointers (digests of CIDs), newest first.
    #[cfg_attr(feature = "daemon", schema(value_type = Vec<String>))]
    pub metadata: Vec<B256>,
    /// Its works in the order of their ids.
    #[cfg_attr(feature = "daemon", schema(value_type = Vec<String>))]
    pub works: Vec<B256>,
    /// The last of them, to be sent as `after`; none where these are all.
    #[cfg_attr(feature = "daemon", schema(value_type = Option<String>))]
    pub next: Option<B256>,
}

/// `GET /search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// Best first; among equals by work id.
    pub works: Vec<FoundWork>,
    /// To be sent as `after`; none where these are all.
    pub next: Option<String>,
}

/// One answer of `POST /resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Resolved {
    /// The work.
    #[serde(flatten)]
    pub work: FoundWork,
    /// How surely it is this one, ppm.
    pub score_ppm: u32,
    /// Where in the work the excerpt begins, milliseconds.
    pub offset_ms: i64,
    /// How fast the excerpt runs against the work, ppm.
    pub speed_ppm: u32,
}

/// `POST /resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Resolution {
    /// Best first; among equals by work id. Empty: none of the works here.
    pub works: Vec<Resolved>,
}

/// How long the prefixes of one kind's buckets are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct BucketBits {
    /// `audio`, `video` or `image`.
    pub kind: String,
    /// Bits that a prefix has.
    pub bits: u8,
}

/// `GET /buckets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Buckets {
    /// By kind.
    pub kinds: Vec<BucketBits>,
    /// Works in the index.
    pub works: u64,
}

/// `GET /buckets/{prefix}/works`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct BucketWorks {
    /// The works of the bucket's page, by work id.
    pub works: Vec<FoundWork>,
}

/// `POST /manifests` and `PUT /descriptors/{fp_hash}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Published {
    /// The works that it belongs to.
    #[cfg_attr(feature = "daemon", schema(value_type = Vec<String>))]
    pub work_ids: Vec<B256>,
    /// Other works that look or sound like them.
    pub duplicates: Vec<Duplicate>,
}

/// A public key of ES256K as a JSON Web Key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct Jwk {
    /// `EC`.
    pub kty: String,
    /// `secp256k1`.
    pub crv: String,
    /// First coordinate, base64url.
    pub x: String,
    /// Second coordinate, base64url.
    pub y: String,
    /// RFC 7638 thumbprint, as in the signatures' headers.
    pub kid: String,
    /// `ES256K`.
    pub alg: String,
}

/// `GET /.well-known/cwe-hub.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "daemon", derive(utoipa::ToSchema))]
pub struct HubInfo {
    /// Version of the program.
    pub version: String,
    /// Chain id of the L2.
    pub chain_id: u64,
    /// `WorkRegistry` on it.
    #[cfg_attr(feature = "daemon", schema(value_type = String))]
    pub registry: Address,
    /// Key of the answers' signatures.
    pub key: Jwk,
    /// The newest block that was read.
    pub block: u64,
    /// The running epoch.
    pub epoch: u64,
    /// Registered works.
    pub works: u64,
}

/// Numbers as decimal text.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number: u64 = text.parse().map_err(D::Error::custom)?;
        if number.to_string() == text {
            Ok(number)
        } else {
            Err(D::Error::custom("a decimal number without sign or leading zeros"))
        }
    }
}
