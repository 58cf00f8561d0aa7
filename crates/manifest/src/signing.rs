//! The creator's signature over a manifest's id (EIP-712), so that contracts can check it too.

use alloy_primitives::{Address, B256, FixedBytes, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use k256::ecdsa::VerifyingKey;

use crate::{CreatorId, ManifestError, Rule, ids};

sol! {
    /// What is signed.
    struct Manifest {
        bytes32 manifestId;
    }
}

/// No chain and no contract: a manifest says the same everywhere, and each chain says which manifest counts there.
const DOMAIN: Eip712Domain = eip712_domain! {
    name: "CWE Manifest",
    version: "1",
};

/// What the creator's key signs for a manifest with this id.
pub fn signing_hash(manifest_id: B256) -> B256 {
    Manifest {
        manifestId: manifest_id,
    }
    .eip712_signing_hash(&DOMAIN)
}

/// Why a body did not become a manifest.
#[derive(Debug, thiserror::Error)]
pub enum SignError<E: std::error::Error + 'static> {
    /// The body breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The signer fails.
    #[error("signing the manifest: {0}")]
    Signer(#[source] E),
}

/// Whose key signed a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    key: VerifyingKey,
}

impl Author {
    /// The creator with this key.
    pub fn creator_id(&self) -> CreatorId {
        CreatorId::of_key(&self.key)
    }

    /// The key's account.
    pub fn address(&self) -> Address {
        Address::from_public_key(&self.key)
    }

    /// The key as a decentralized identifier, `did:key:z…`.
    pub fn did_key(&self) -> String {
        ids::did_key(&self.key)
    }

    pub(crate) fn recover(signature: &Signature, manifest_id: B256) -> Result<Self, ManifestError> {
        let key = signature.recover_from_prehash(&signing_hash(manifest_id));
        key.map(|key| Self { key })
            .map_err(|error| ManifestError::new(Rule::SignatureUnrecoverable, "signature", error))
    }
}

/// r ‖ s ‖ v with low s and v of 27 or 28, and nothing else.
pub(crate) fn read_signature(bytes: &FixedBytes<65>) -> Result<Signature, ManifestError> {
    let v = bytes[64];
    if !matches!(v, 27 | 28) {
        return Err(ManifestError::new(
            Rule::SignatureMalformed,
            "signature",
            format!("one with v = {v}"),
        ));
    }
    let signature = Signature::from_raw_array(&bytes.0)
        .map_err(|error| ManifestError::new(Rule::SignatureMalformed, "signature", error))?;
    if signature.normalize_s().is_some() {
        return Err(ManifestError::new(Rule::SignatureHighS, "signature", bytes));
    }
    Ok(signature)
}
