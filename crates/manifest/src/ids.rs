//! Names of creators and of encrypted content.

use std::{fmt, str::FromStr};

use alloy_primitives::{Address, B256, keccak256};
use cid::Cid;
use k256::ecdsa::VerifyingKey;
use multibase::Base;
use multihash::Multihash;
use serde::{Serialize, Serializer};

use crate::{ManifestError, Rule};

/// Multicodec of a block that is one fragment.
const RAW: u64 = 0x55;
/// Multicodec of a block that links to others.
const DAG_PB: u64 = 0x70;
/// Multihash code of SHA-256.
const SHA2_256: u64 = 0x12;
/// Characters of a CIDv1 of 36 bytes in base32.
const CID_CHARS: usize = 59;
/// Multicodec of a compressed secp256k1 public key, as a varint.
const SECP256K1_PREFIX: [u8; 2] = [0xe7, 0x01];
const DID_KEY: &str = "did:key:";
const DID_PKH: &str = "did:pkh:eip155:";

/// A creator on chain: keccak256(x ‖ y) of its secp256k1 public key. The last 20 bytes are the key's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CreatorId(pub B256);

impl CreatorId {
    /// The creator with this key.
    pub fn of_key(key: &VerifyingKey) -> Self {
        let point = key.to_encoded_point(false);
        Self(keccak256(point.as_bytes().get(1..).unwrap_or_default()))
    }

    /// Address of the creator's key.
    pub fn address(&self) -> Address {
        Address::from_word(self.0)
    }

    /// The key's account on a chain as a decentralized identifier, `did:pkh:eip155:<chain id>:<address>`.
    pub fn did_pkh(&self, chain_id: u64) -> String {
        format!("{DID_PKH}{chain_id}:{}", self.address())
    }

    /// Whether a `did:key` or `did:pkh` identifier is this creator's, on whatever chain.
    ///
    /// # Errors
    /// The identifier is neither, or malformed.
    pub fn is_did(&self, did: &str) -> Result<bool, DidError> {
        match did.strip_prefix(DID_PKH) {
            Some(account) => Ok(address_of_account(account).ok_or_else(|| DidError::new(did))? == self.address()),
            None => Ok(did.parse::<Self>()? == *self),
        }
    }
}

/// From a `did:key` of a compressed secp256k1 key. (A `did:pkh` names an address, which is only part of a creator id.)
impl FromStr for CreatorId {
    type Err = DidError;

    fn from_str(did: &str) -> Result<Self, DidError> {
        let key = || {
            // A compressed key, its prefix and the base's letter are at most 50 characters.
            let encoded = did.strip_prefix(DID_KEY).filter(|encoded| encoded.len() <= 64)?;
            let (base, bytes) = multibase::decode(encoded).ok()?;
            let key = bytes.strip_prefix(&SECP256K1_PREFIX).filter(|key| key.len() == 33)?;
            (base == Base::Base58Btc).then(|| VerifyingKey::from_sec1_bytes(key).ok())?
        };
        key().map(|key| Self::of_key(&key)).ok_or_else(|| DidError::new(did))
    }
}

impl fmt::Display for CreatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `did:key` of a secp256k1 key.
pub(crate) fn did_key(key: &VerifyingKey) -> String {
    let point = key.to_encoded_point(true);
    let bytes = [&SECP256K1_PREFIX, point.as_bytes()].concat();
    format!("{DID_KEY}{}", multibase::encode(Base::Base58Btc, bytes))
}

/// Of `<chain id>:<address>`; an address in mixed case must have the right checksum.
fn address_of_account(account: &str) -> Option<Address> {
    let (chain, address) = account.split_once(':')?;
    chain.parse::<u64>().ok().filter(|id| id.to_string() == chain)?;
    let parsed: Address = address.strip_prefix("0x")?.parse().ok()?;
    let one_case = !address.contains(|c: char| matches!(c, 'A'..='F'));
    (one_case || parsed.to_checksum(None) == address).then_some(parsed)
}

/// An identifier that names no creator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{did}` names no creator: write did:key of a secp256k1 key, or did:pkh:eip155:<chain id>:<address>")]
pub struct DidError {
    /// As given, shortened.
    pub did: String,
}

impl DidError {
    fn new(did: &str) -> Self {
        Self {
            did: crate::error::shown(did),
        }
    }
}

/// CIDv1 of an encrypted file: of its only fragment, or of the UnixFS root over its fragments; SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentId {
    /// Whether the file is one fragment.
    is_raw: bool,
    digest: B256,
}

impl ContentId {
    /// Of a file that is one fragment with this SHA-256.
    pub const fn raw(digest: B256) -> Self {
        Self { is_raw: true, digest }
    }

    /// Of a file whose root block has this SHA-256.
    pub const fn dag_pb(digest: B256) -> Self {
        Self { is_raw: false, digest }
    }

    /// What the chain stores as `contentId`: the SHA-256 in the CID.
    pub const fn digest(&self) -> B256 {
        self.digest
    }

    /// As other IPFS programs take it.
    pub fn to_cid(self) -> Cid {
        let codec = if self.is_raw { RAW } else { DAG_PB };
        // 32 bytes fit a multihash of 64.
        let hash = Multihash::wrap(SHA2_256, self.digest.as_slice()).unwrap_or_default();
        Cid::new_v1(codec, hash)
    }

    pub(crate) fn from_cid(cid: &Cid) -> Option<Self> {
        let digest = B256::try_from(cid.hash().digest()).ok()?;
        let canonical = [Self::raw(digest), Self::dag_pb(digest)];
        canonical.into_iter().find(|id| id.to_cid() == *cid)
    }

    pub(crate) fn parse(text: &str, field: &str) -> Result<Self, ManifestError> {
        Some(text)
            .filter(|text| text.len() == CID_CHARS)
            .and_then(|text| Cid::from_str(text).ok())
            .and_then(|cid| Self::from_cid(&cid))
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| ManifestError::new(Rule::CidNotCanonical, field, text))
    }
}

impl FromStr for ContentId {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        Self::parse(text, "content_id")
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_cid().fmt(f)
    }
}

/// Text where people read it, a link in DAG-CBOR.
impl Serialize for ContentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.to_cid().serialize(serializer)
        }
    }
}
