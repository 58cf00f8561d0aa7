//! The encrypted file: sealed into fragments, opened again, kept in a folder.
//!
//! A file becomes a run of equal fragments, each sealed by ChaCha20-Poly1305 under a key that is drawn for this file
//! alone ([`ContentKey`]). Before that it gets its length in front and zeros behind, so that the number of fragments
//! tells little of its size ([`Layout`]). The fragments lie in the encrypted file in an order that only the key tells,
//! so that neither the manifest nor IPFS's tree shows which belongs where. docs/MANIFEST.md has every
//! byte.

mod car;
mod folder;
mod key;
mod layout;
mod open;
mod order;
mod seal;
#[cfg(test)]
mod tests;

use aead_stream::{NewStream, StreamBE32};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

pub use folder::{CONTENT_FILE, Draft, MANIFEST_FILE, Package, PackageError};
pub use key::{ContentKey, KeyFileError, NoRandomness};
pub use layout::{DEFAULT_FRAGMENT_BYTES, FragmentSize, Layout, LayoutError};
pub use open::{OpenError, Opener, open};
pub use seal::{SealError, Sealed, SealedContent, seal};

/// Bound to every fragment: format and version.
const ASSOCIATED_DATA: &[u8] = b"cwe-content-v1";

/// Seals or opens the part of the work at a place; the nonce is the place and whether it is the last.
type Cipher = StreamBE32<ChaCha20Poly1305>;

/// The nonce needs nothing drawn: a key seals one file.
fn cipher(key: &ContentKey) -> Cipher {
    let key = key.derive(b"cwe-content-v1 fragments");
    Cipher::from_aead(ChaCha20Poly1305::new((&*key).into()), &[0; 7].into())
}

/// SHA-256 of a fragment.
fn hash(bytes: &[u8]) -> alloy_primitives::B256 {
    use sha2::{Digest, Sha256};
    alloy_primitives::B256::new(Sha256::digest(bytes).into())
}
