//! The key of one file, in memory and in a file of its own.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy_primitives::hex;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::ContentId;

/// First word of a key file.
const MAGIC: &str = "cwe-content-key-v1";
/// Bytes of a key file: three words, two spaces, a line feed.
const FILE_BYTES: u64 = 18 + 1 + 59 + 1 + 64 + 1;

/// The key of one file, drawn for it and never used for another. Wiped from memory when it is dropped.
pub struct ContentKey(Zeroizing<[u8; 32]>);

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes ({0}): nothing was encrypted")]
pub struct NoRandomness(getrandom::Error);

/// Why a key file can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file or its folder.
    #[error("{action} the key file {}: {source}", path.display())]
    Io {
        /// What failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the key.
    #[error("others than the owner may use the key file {} (mode {mode:o}): run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not a key file.
    #[error("{} is no key file: it must be `{MAGIC}`, a content id and 64 hexadecimal digits in one line", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Another file's key.
    #[error("the key in {} is of the content {found}, not of {wanted}: use the key file of this work", path.display())]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: ContentId,
        /// Whose is needed.
        wanted: ContentId,
    },
}

impl ContentKey {
    /// Draws a key from the system's randomness.
    ///
    /// # Errors
    /// There is none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::getrandom(&mut *key).map_err(NoRandomness)?;
        Ok(Self(key))
    }

    /// A key that was kept elsewhere, for opening. Sealing a second file under a key gives both away.
    pub const fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// For the service that hands keys to subscribers.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose: HMAC-SHA256 under this one.
    pub(super) fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&self.0, purpose))
    }

    /// Writes the key into a new file that only its owner may read, with the content it opens. The file is there whole
    /// or not at all.
    ///
    /// # Errors
    /// Something is at the path, or the file can't be written.
    pub fn write(&self, path: &Path, content_id: ContentId) -> Result<(), KeyFileError> {
        let failed = |action| move |source| io_error(action, path, source);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let digits = Zeroizing::new(hex::encode(self.as_bytes()));
        let line = Zeroizing::new(format!("{MAGIC} {content_id} {}\n", *digits));
        // Only its owner may use a temporary file.
        let mut file = NamedTempFile::new_in(folder).map_err(failed("making"))?;
        file.write_all(line.as_bytes()).map_err(failed("writing"))?;
        file.as_file().sync_all().map_err(failed("writing"))?;
        file.persist_noclobber(path)
            .map_err(|error| io_error("naming", path, error.error))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("keeping the name of"))
    }

    /// Reads the key of a content.
    ///
    /// # Errors
    /// There is no such file, others may read it, it is no key file, or another content's.
    pub fn read(path: &Path, content_id: ContentId) -> Result<Self, KeyFileError> {
        let failed = |action| move |source| io_error(action, path, source);
        let file = File::open(path).map_err(failed("opening"))?;
        require_private(&file, path)?;
        let mut line = Zeroizing::new(String::new());
        file.take(FILE_BYTES + 1)
            .read_to_string(&mut line)
            .map_err(failed("reading"))?;
        let (found, key) = parse(&line).ok_or_else(|| KeyFileError::Malformed { path: path.into() })?;
        if found != content_id {
            return Err(KeyFileError::OtherContent {
                path: path.into(),
                found,
                wanted: content_id,
            });
        }
        Ok(key)
    }
}

/// HMAC-SHA256.
pub(super) fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A key of 32 bytes is below the block size, which is all that HMAC could mind.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.chain_update(message).finalize().into_bytes().into()
}

fn parse(line: &str) -> Option<(ContentId, ContentKey)> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let (magic, content_id, digits) = (words.next()?, words.next()?, words.next()?);
    if magic != MAGIC || words.next().is_some() {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, &mut *key)
        .ok()
        .filter(|()| digits.len() == 64)?;
    Some((ContentId::from_str(content_id).ok()?, ContentKey(key)))
}

fn require_private(file: &File, path: &Path) -> Result<(), KeyFileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata().map_err(|source| io_error("reading", path, source))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed {
                path: path.into(),
                mode,
            });
        }
    }
    Ok(())
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        action,
        path: path.into(),
        source,
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ContentId {
        ContentId::raw(alloy_primitives::B256::repeat_byte(byte))
    }

    #[test]
    fn a_key_file_is_private_read_back_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("content.key");
        let key = ContentKey::generate().unwrap();
        key.write(&path, id(1)).unwrap();
        assert_eq!(ContentKey::read(&path, id(1)).unwrap().as_bytes(), key.as_bytes());
        assert_eq!(path.metadata().unwrap().len(), FILE_BYTES);
        assert!(matches!(
            key.write(&path, id(1)),
            Err(KeyFileError::Io { action: "naming", .. })
        ));
        assert!(matches!(
            ContentKey::read(&path, id(2)),
            Err(KeyFileError::OtherContent { .. })
        ));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(
                ContentKey::read(&path, id(1)),
                Err(KeyFileError::Exposed { mode: 0o640, .. })
            ));
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let line = format!("{MAGIC} {} {}\n", id(1), "a".repeat(64));
        assert!(parse(&line).is_some());
        for wrong in [
            String::new(),
            line.replace("v1", "v2"),
            line.replace('\n', ""),
            line.replace("aa\n", "a\n"),
            line.replace("aa\n", "ag\n"),
            line.replace('\n', " more\n"),
            line.replace("bafk", "cafk"),
        ] {
            assert!(parse(&wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(
            format!("{:?}", ContentKey::from_bytes(Zeroizing::new([7; 32]))),
            "ContentKey(…)"
        );
    }
}
