//! Signatures of answers: a detached JWS (RFC 7515 appendix F) over the unencoded body (RFC 7797), ES256K.
//!
//! The protected header binds what the body answers: method, path and query, status, the digest of the request's body,
//! and the time. So an answer can't be passed off as that to another question.

use alloy::{
    primitives::{B256, Signature, U256},
    signers::{
        SignerSync,
        k256::ecdsa::{Signature as RawSignature, VerifyingKey, signature::hazmat::PrehashVerifier},
        local::PrivateKeySigner,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::api::Jwk;

/// Longest header with a signature that is read, bytes.
const MAX_BYTES: usize = 8192;

/// What a signature's protected header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protected {
    alg: String,
    b64: bool,
    crit: Vec<String>,
    /// RFC 7638 thumbprint of the key.
    pub kid: String,
    /// The answered request.
    #[serde(flatten)]
    pub answered: Answered,
    /// When it was signed, Unix seconds.
    pub iat: u64,
}

/// What an answer answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Method of the request.
    pub method: String,
    /// Path and query of the request.
    pub url: String,
    /// SHA-256 of the request's body; none without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<B256>,
    /// Status of the answer.
    pub status: u16,
}

/// Why an answer's signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("the answer is not signed")]
    Missing,
    /// It is no detached JWS of this form.
    #[error("the answer's signature is malformed: {0}")]
    Malformed(&'static str),
    /// It is by another key.
    #[error("the answer is signed by the key {found}, not by the hub's, {expected}")]
    OtherKey {
        /// Thumbprint of the key that signed.
        found: String,
        /// Thumbprint of the hub's.
        expected: String,
    },
    /// It does not hold.
    #[error("the signature does not hold: the answer was changed on its way")]
    Invalid,
    /// It is of another answer.
    #[error("the signature is of the answer to another request")]
    OtherRequest,
    /// It is old, or from the future.
    #[error("the answer was signed {0} s ago or ahead of this clock: it is an old one, or a clock is wrong")]
    Stale(u64),
    /// The key is none.
    #[error("the hub's key is no secp256k1 key in JWK form")]
    Key,
}

/// A hub's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubKey {
    key: VerifyingKey,
    jwk: Jwk,
}

impl HubKey {
    /// The key in a JWK.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, SignatureError> {
        let coordinate = |text: &str| {
            let bytes = BASE64URL.decode(text).ok()?;
            <[u8; 32]>::try_from(bytes.as_slice()).ok()
        };
        let (x, y) = (coordinate(&jwk.x), coordinate(&jwk.y));
        let (x, y) = x.zip(y).ok_or(SignatureError::Key)?;
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&x);
        point[33..].copy_from_slice(&y);
        let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| SignatureError::Key)?;
        let own = Self::new(key);
        if own.jwk == *jwk {
            Ok(own)
        } else {
            Err(SignatureError::Key)
        }
    }

    fn new(key: VerifyingKey) -> Self {
        let point = key.to_encoded_point(false);
        let bytes = point.as_bytes();
        let coordinate = |range| BASE64URL.encode(bytes.get(range).unwrap_or_default());
        let (x, y) = (coordinate(1..33), coordinate(33..65));
        // RFC 7638: the required members in their order.
        let members = format!(r#"{{"crv":"secp256k1","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let jwk = Jwk {
            kty: "EC".into(),
            crv: "secp256k1".into(),
            kid: BASE64URL.encode(Sha256::digest(members)),
            x,
            y,
            alg: "ES256K".into(),
        };
        Self { key, jwk }
    }

    /// The key as it is published.
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Its RFC 7638 thumbprint: what a person compares.
    pub fn thumbprint(&self) -> &str {
        &self.jwk.kid
    }

    /// Checks that `signature` is this key's over `body`, and gives what it binds.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, signature: &str, body: &[u8]) -> Result<Protected, SignatureError> {
        if signature.len() > MAX_BYTES {
            return Err(SignatureError::Malformed("it is too long"));
        }
        let (header, bytes) = signature
            .split_once("..")
            .ok_or(SignatureError::Malformed("it has no `..`"))?;
        let bytes = BASE64URL.decode(bytes);
        let raw = bytes.ok().and_then(|bytes| RawSignature::from_slice(&bytes).ok());
        let raw = raw.ok_or(SignatureError::Malformed("64 bytes in base64url are expected"))?;
        let text = BASE64URL.decode(header);
        let text = text.map_err(|_| SignatureError::Malformed("its header is not base64url"))?;
        let protected: Protected = serde_json::from_slice(&text)
            .map_err(|_| SignatureError::Malformed("its header is not of this protocol"))?;
        if protected.alg != "ES256K" || protected.b64 || protected.crit != ["b64"] {
            return Err(SignatureError::Malformed("it is not ES256K over an unencoded body"));
        }
        if protected.kid != self.jwk.kid {
            return Err(SignatureError::OtherKey {
                found: protected.kid,
                expected: self.jwk.kid.clone(),
            });
        }
        let digest = signing_digest(header, body);
        let verified = self.key.verify_prehash(digest.as_slice(), &raw);
        verified.map_err(|_| SignatureError::Invalid)?;
        Ok(protected)
    }
}

/// A hub's private key.
#[derive(Debug, Clone)]
pub struct HubSigner {
    signer: PrivateKeySigner,
    key: HubKey,
}

impl HubSigner {
    /// Signs with a key.
    pub fn new(signer: PrivateKeySigner) -> Self {
        let key = HubKey::new(*signer.credential().verifying_key());
        Self { signer, key }
    }

    /// The public key.
    pub const fn key(&self) -> &HubKey {
        &self.key
    }

    /// The detached signature of an answer at time `now`, Unix seconds.
    ///
    /// # Errors
    /// The signer fails.
    pub fn sign(&self, answered: Answered, now: u64, body: &[u8]) -> Result<String, alloy::signers::Error> {
        let protected = Protected {
            alg: "ES256K".into(),
            b64: false,
            crit: vec!["b64".into()],
            kid: self.key.jwk.kid.clone(),
            answered,
            iat: now,
        };
        let header = serde_json::to_vec(&protected).map_err(alloy::signers::Error::other)?;
        let header = BASE64URL.encode(header);
        let signature = self.signer.sign_hash_sync(&signing_digest(&header, body))?;
        Ok(format!("{header}..{}", BASE64URL.encode(compact(&signature))))
    }
}

fn compact(signature: &Signature) -> [u8; 64] {
    let mut bytes = [0; 64];
    let write = |place: &mut [u8], number: U256| place.copy_from_slice(&number.to_be_bytes::<32>());
    write(&mut bytes[..32], signature.r());
    write(&mut bytes[32..], signature.s());
    bytes
}

fn signing_digest(header: &str, body: &[u8]) -> B256 {
    let mut hasher = Sha256::new();
    hasher.update(header);
    hasher.update(b".");
    hasher.update(body);
    B256::from_slice(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(byte: u8) -> HubSigner {
        HubSigner::new(PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap())
    }

    fn answered() -> Answered {
        Answered {
            method: "GET".into(),
            url: "/works/0x01?a=b".into(),
            body_sha256: None,
            status: 200,
        }
    }

    #[test]
    fn a_signature_holds_for_its_body_and_tells_what_it_answers() {
        let signer = signer(1);
        let text = signer.sign(answered(), 7, b"body").unwrap();
        let protected = signer.key().verify(&text, b"body").unwrap();
        assert_eq!((protected.answered, protected.iat), (answered(), 7));
        assert_eq!(signer.key().verify(&text, b"bodies"), Err(SignatureError::Invalid));
        assert!(matches!(
            self::signer(2).key().verify(&text, b"body"),
            Err(SignatureError::OtherKey { .. })
        ));
    }

    #[test]
    fn a_changed_header_or_signature_does_not_hold() {
        let signer = signer(1);
        let text = signer.sign(answered(), 7, b"body").unwrap();
        let (header, bytes) = text.split_once("..").unwrap();
        let changed = String::from_utf8(BASE64URL.decode(header).unwrap()).unwrap();
        let changed = BASE64URL.encode(changed.replace("\"status\":200", "\"status\":201"));
        let verify = |text: String| signer.key().verify(&text, b"body");
        assert_eq!(verify(format!("{changed}..{bytes}")), Err(SignatureError::Invalid));
        for malformed in [
            "",
            "..",
            "a.b.c",
            "a..b",
            &format!("{header}..{}", BASE64URL.encode([0; 64])),
        ] {
            assert!(
                matches!(verify(malformed.into()), Err(SignatureError::Malformed(_))),
                "{malformed}"
            );
        }
        let none = BASE64URL
            .encode(r#"{"alg":"none","b64":false,"crit":["b64"],"kid":"","method":"","url":"","status":1,"iat":1}"#);
        assert!(matches!(
            verify(format!("{none}..{bytes}")),
            Err(SignatureError::Malformed(_))
        ));
    }

    #[test]
    fn a_published_key_is_read_back_and_a_bent_one_refused() {
        let key = signer(3).key().clone();
        assert_eq!(HubKey::from_jwk(key.jwk()).unwrap(), key);
        let mut bent = key.jwk().clone();
        bent.x = BASE64URL.encode([9; 32]);
        assert_eq!(HubKey::from_jwk(&bent), Err(SignatureError::Key));
        let mut named = key.jwk().clone();
        named.kid = "other".into();
        assert_eq!(HubKey::from_jwk(&named), Err(SignatureError::Key));
    }
}
