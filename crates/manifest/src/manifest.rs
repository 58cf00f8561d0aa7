//! A manifest: a checked body, its id, its signature.

use alloy_primitives::{Address, B256, FixedBytes, Signature};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    Author, CreatorId, ManifestBody, ManifestError, Rule, SignError,
    encoding::{self, Tree},
    read, signing,
};

/// A manifest whose every field is valid. That it is its creator's, and unchanged, [`Manifest::verify`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    body: ManifestBody,
    manifest_id: B256,
    signature: Signature,
}

/// As documents have it.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    body: &'a ManifestBody,
    manifest_id: B256,
    signature: FixedBytes<65>,
}

impl ManifestBody {
    /// SHA-256 of the canonical JSON of all fields but `manifest_id` and `signature`: the same for every encoding.
    ///
    /// # Errors
    /// A rule that a field breaks.
    pub fn manifest_id(&self) -> Result<B256, ManifestError> {
        self.check()?;
        self.hash()
    }

    /// Makes a manifest: `sign` gives the creator's, or its delegate's, signature of a hash.
    ///
    /// # Errors
    /// A field breaks a rule, the content id is not that of the fragments, or the signer fails.
    pub fn sign<E: std::error::Error + 'static>(
        self,
        sign: impl FnOnce(B256) -> Result<Signature, E>,
    ) -> Result<Manifest, SignError<E>> {
        let manifest_id = self.manifest_id()?;
        self.check_content()?;
        let signature = sign(signing::signing_hash(manifest_id)).map_err(SignError::Signer)?;
        let manifest = Manifest {
            body: self,
            manifest_id,
            signature: signature.normalized_s(),
        };
        // What can't be read again must not be published.
        require_size(&manifest.to_json()?)?;
        Ok(manifest)
    }

    fn hash(&self) -> Result<B256, ManifestError> {
        Ok(B256::new(Sha256::digest(encoding::write_json(self)?).into()))
    }
}

fn require_size(document: &[u8]) -> Result<(), ManifestError> {
    if document.len() > encoding::MAX_DOCUMENT_BYTES {
        return Err(ManifestError::new(
            Rule::DocumentTooLarge,
            "manifest",
            format!("{} bytes", document.len()),
        ));
    }
    Ok(())
}

impl Manifest {
    /// Reads JSON, canonical or not.
    ///
    /// # Errors
    /// The first rule that the document breaks.
    pub fn from_json(document: &[u8]) -> Result<Self, ManifestError> {
        Self::from_tree(encoding::read_json(document)?)
    }

    /// Reads DAG-CBOR.
    ///
    /// # Errors
    /// The first rule that the document breaks.
    pub fn from_dag_cbor(document: &[u8]) -> Result<Self, ManifestError> {
        let manifest = Self::from_tree(encoding::read_dag_cbor(document)?)?;
        if manifest.to_dag_cbor()? != document {
            return Err(ManifestError::new(
                Rule::CborNotCanonical,
                "manifest",
                "another encoding of its contents",
            ));
        }
        Ok(manifest)
    }

    fn from_tree(tree: Tree) -> Result<Self, ManifestError> {
        let document = read::read(tree)?;
        document.body.check()?;
        Ok(Self {
            body: document.body,
            manifest_id: document.manifest_id,
            signature: signing::read_signature(&document.signature)?,
        })
    }

    /// Canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// None that a manifest of valid fields can have.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        encoding::write_json(&self.whole())
    }

    /// DAG-CBOR: hashes and signature as bytes, the content id as a link.
    ///
    /// # Errors
    /// None that a manifest of valid fields can have.
    pub fn to_dag_cbor(&self) -> Result<Vec<u8>, ManifestError> {
        encoding::write_dag_cbor(&self.whole())
    }

    /// What it says.
    pub const fn body(&self) -> &ManifestBody {
        &self.body
    }

    /// Its id, as the document has it.
    pub const fn manifest_id(&self) -> B256 {
        self.manifest_id
    }

    /// The signature of its id: r ‖ s ‖ v.
    pub fn signature(&self) -> [u8; 65] {
        self.signature.as_bytes()
    }

    /// Checks id and signature. `may_publish` is asked only when another key than the creator's signed: whether this
    /// account is a delegate with the role to publish (`CreatorRegistry.mayAct`, role 1).
    ///
    /// # Errors
    /// [`Rule::ManifestIdMismatch`], [`Rule::SignatureUnrecoverable`], [`Rule::WrongCreator`].
    pub fn verify(&self, may_publish: impl FnOnce(CreatorId, Address) -> bool) -> Result<Author, ManifestError> {
        let computed = self.body.hash()?;
        if computed != self.manifest_id {
            let found = format!("{} and not {computed}", self.manifest_id);
            return Err(ManifestError::new(Rule::ManifestIdMismatch, "manifest_id", found));
        }
        let author = self.author()?;
        let creator_id = self.body.creator_id;
        if author.creator_id() == creator_id || may_publish(creator_id, author.address()) {
            return Ok(author);
        }
        let found = format!(
            "that of {}, creator {creator_id} has {}",
            author.address(),
            creator_id.address()
        );
        Err(ManifestError::new(Rule::WrongCreator, "signature", found))
    }

    /// Whose key signed the id that the document has; whether it may, [`Manifest::verify`] tells.
    ///
    /// # Errors
    /// [`Rule::SignatureUnrecoverable`].
    pub fn author(&self) -> Result<Author, ManifestError> {
        Author::recover(&self.signature, self.manifest_id)
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            body: &self.body,
            manifest_id: self.manifest_id,
            signature: self.signature.as_bytes().into(),
        }
    }
}

#[cfg(test)]
mod tests;
