//! The manifest of a work: what it is, who made it, which encrypted fragments it is made of, signed by its creator.
//!
//! In: a file and what its creator says of it, or a manifest from anywhere. Out: a signed document in canonical JSON or
//! DAG-CBOR with one id for both, or the rule that it breaks ([`ManifestError`]). `cwe work publish` makes manifests, the
//! hub checks them before it stores them, clients before they use them; none of that asks a chain or the network here:
//! callers bring what the chain says ([`OnChain`], [`Checks`]).
//!
//! The way through the modules: a document is read into a [`Manifest`] of valid fields only ([`ManifestBody::check`]),
//! which [`Manifest::validate`] proves to be its creator's and whole. Feature `package`, on by default, adds what the
//! manifest describes: the encrypted, padded file in fragments ([`package`]). docs/MANIFEST.md has the format.

mod body;
mod chain;
#[cfg(test)]
mod conformance;
pub mod dag;
mod encoding;
mod error;
mod ids;
mod manifest;
#[cfg(feature = "package")]
pub mod package;
mod read;
mod signing;
#[cfg(test)]
mod testing;
mod text;
mod validate;

pub use body::{
    AccessClasses, Collaborator, Fragment, MAX_COLLABORATORS, MAX_FRAGMENT_BYTES, MAX_FRAGMENTS, MAX_SAFE_INTEGER,
    MAX_TAGS, ManifestBody, Tier, VERSION, Version, WHOLE_PPM, WorkType,
};
pub use chain::OnChain;
pub use encoding::MAX_DOCUMENT_BYTES;
pub use error::{ManifestError, Rule};
pub use ids::{ContentId, CreatorId, DidError};
pub use manifest::Manifest;
pub use signing::{Author, SignError, signing_hash};
pub use validate::Checks;
