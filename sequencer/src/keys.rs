//! Keys of posting accounts.

use std::{fs, path::Path};

use alloy::signers::local::PrivateKeySigner;
use eyre::{Context, Result, ensure, eyre};

use crate::config::{BatchesSection, Secret};

/// Longest key file that is read, bytes.
const MAX_BYTES: u64 = 1024;

/// Where an account's private key is: the keys `private_key` and `private_key_file` of a section.
#[derive(Debug, Clone, Copy)]
pub struct KeySource<'a> {
    /// The key itself, from the configuration or the environment.
    pub key: &'a Secret,
    /// A file that holds it.
    pub file: &'a Path,
    /// The section's name, for messages.
    pub section: &'static str,
}

impl KeySource<'_> {
    /// Checks that there is exactly one of both.
    ///
    /// # Errors
    /// What is wrong with `private_key_file`, as a sentence without subject.
    pub fn check(&self) -> std::result::Result<(), String> {
        let section = self.section;
        match (self.key.is_empty(), self.file.as_os_str().is_empty()) {
            (true, true) => Err(format!(
                "no key to post with: set this, or CWE_{}__PRIVATE_KEY, or {section}.enabled = false",
                section.to_uppercase()
            )),
            (false, false) => Err(format!("{section}.private_key is set too: give only one of them")),
            _ => Ok(()),
        }
    }

    /// The account's signer.
    ///
    /// # Errors
    /// There is no private key in it. No error ever quotes the key.
    pub fn signer(&self) -> Result<PrivateKeySigner> {
        if !self.key.is_empty() {
            return parse(self.key.expose(), &format!("{}.private_key", self.section));
        }
        let name = format!("{}.private_key_file {}", self.section, self.file.display());
        let text = read(self.file).wrap_err_with(|| format!("{name} can't be read"))?;
        parse(&text, &name)
    }
}

/// The signer of the account that posts batches.
pub(crate) fn poster(batches: &BatchesSection) -> Result<PrivateKeySigner> {
    KeySource {
        key: &batches.private_key,
        file: &batches.private_key_file,
        section: "batches",
    }
    .signer()
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
