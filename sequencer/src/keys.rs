//! The key of the posting account.

use std::{fs, path::Path};

use alloy::signers::local::PrivateKeySigner;
use eyre::{Context, Result, ensure, eyre};

use crate::config::BatchesSection;

/// Longest key file that is read, bytes.
const MAX_BYTES: u64 = 1024;

/// The posting account's signer, from the configuration or from its key file. No error ever quotes the key.
pub(crate) fn poster(batches: &BatchesSection) -> Result<PrivateKeySigner> {
    if !batches.private_key.is_empty() {
        return parse(batches.private_key.expose(), "batches.private_key");
    }
    let path = &batches.private_key_file;
    let text = read(path).wrap_err_with(|| format!("batches.private_key_file {} can't be read", path.display()))?;
    parse(&text, &format!("batches.private_key_file {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    let metadata = fs::metadata(path)?;
    ensure!(
        metadata.is_file() && metadata.len() <= MAX_BYTES,
        "it is not a key file"
    );
    warn_if_readable_by_others(path, &metadata);
    Ok(fs::read_to_string(path)?)
}

#[cfg(unix)]
fn warn_if_readable_by_others(path: &Path, metadata: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users can read the key file: chmod 600 it");
    }
}

#[cfg(not(unix))]
const fn warn_if_readable_by_others(_path: &Path, _metadata: &fs::Metadata) {}

fn parse(text: &str, origin: &str) -> Result<PrivateKeySigner> {
    // The parser's own error would quote characters of the key.
    text.trim()
        .parse()
        .map_err(|_| eyre!("{origin} holds no private key: 64 hexadecimal digits are needed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_key_comes_from_configuration_or_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("poster.key");
        fs::write(&path, format!("{KEY}\n")).unwrap();
        let inline = BatchesSection {
            private_key: Secret::new(KEY),
            ..BatchesSection::default()
        };
        let file = BatchesSection {
            private_key_file: path,
            ..BatchesSection::default()
        };
        assert_eq!(poster(&inline).unwrap().address(), poster(&file).unwrap().address());
    }

    #[test]
    fn a_broken_key_is_not_quoted() {
        let broken = KEY.replace('f', "z");
        let section = BatchesSection {
            private_key: Secret::new(&broken),
            ..BatchesSection::default()
        };
        let error = format!("{:?}", poster(&section).unwrap_err());
        assert!(
            !error.contains(&broken[2..8]) && error.contains("batches.private_key"),
            "{error}"
        );
    }
}
