//! Keys of hubs that were asked before: a hub that answers with another one is not the same hub.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use cwe_hub::{api::Jwk, jws::HubKey};
use eyre::{Result, WrapErr, eyre};

use crate::economy::private_file;

/// The file of known hubs.
pub(super) struct KnownHubs {
    path: PathBuf,
    keys: BTreeMap<String, Jwk>,
}

impl KnownHubs {
    /// Reads the file, which need not exist.
    ///
    /// # Errors
    /// It can't be read, or the user has no data folder.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let path = match path {
            Some(path) => path.to_path_buf(),
            None => dirs::data_dir()
                .map(|folder| folder.join("cwe/hubs.json"))
                .ok_or_else(|| eyre!("there is no data folder to remember hubs in: give --known-hubs"))?,
        };
        let reading = || format!("the known hubs in {} can't be read", path.display());
        let keys = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).wrap_err_with(reading)?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).wrap_err_with(reading),
        };
        Ok(Self { path, keys })
    }

    /// The key that a hub had before.
    ///
    /// # Errors
    /// What the file has is no key.
    pub(super) fn key(&self, url: &str) -> Result<Option<HubKey>> {
        let key = self.keys.get(url).map(HubKey::from_jwk).transpose();
        key.wrap_err_with(|| format!("{} has no valid key of {url}: remove that line", self.path.display()))
    }

    /// Remembers a hub's key, unless it is known.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn remember(&mut self, url: &str, key: &HubKey) -> Result<()> {
        if self.keys.contains_key(url) {
            return Ok(());
        }
        self.keys.insert(url.to_owned(), key.jwk().clone());
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
        }
        private_file::replace(&self.path, &serde_json::to_vec_pretty(&self.keys)?)
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::local::PrivateKeySigner;
    use cwe_hub::jws::HubSigner;

    use super::*;

    #[test]
    fn the_first_key_of_a_hub_is_remembered_and_no_other_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/hubs.json");
        let [first, second] = [1, 2].map(|byte| HubSigner::new(PrivateKeySigner::from_slice(&[byte; 32]).unwrap()));
        let mut known = KnownHubs::open(Some(&path)).unwrap();
        assert!(known.key("http://hub").unwrap().is_none());
        known.remember("http://hub", first.key()).unwrap();
        known.remember("http://hub", second.key()).unwrap();
        let again = KnownHubs::open(Some(&path)).unwrap();
        let key = again.key("http://hub").unwrap().unwrap();
        assert_eq!(key.thumbprint(), first.key().thumbprint());
    }

    #[test]
    fn a_damaged_file_is_named_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hubs.json");
        std::fs::write(&path, "{").unwrap();
        let error = format!("{:#}", KnownHubs::open(Some(&path)).err().unwrap());
        assert!(error.contains("hubs.json"), "{error}");
    }
}
