//! The circuits' proving keys: derived once from a reference string and kept in the user's cache folder, never
//! downloaded.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use cwe_srs::{Checksum, Setup, SrsStore};
use cwe_usage_circuits::{KeysError, ProvingKeys, SRS_K};
use cwe_wallet::{SystemEntropy, chain::ChainClient, proving::CircuitProver};
use eyre::{Result, WrapErr, bail, eyre};
use tempfile::NamedTempFile;

/// Makes the proofs.
pub(super) type Prover = CircuitProver<SystemEntropy>;

/// Which reference string the chain's verifiers belong to.
#[derive(Debug, clap::Args)]
pub(super) struct ProverArgs {
    /// Powers-of-tau file of the ceremony that the chain's verifiers were made with; default: the development setup,
    /// which is unsafe and for devnets
    #[arg(long, value_name = "FILE", requires = "srs_sha256")]
    srs: Option<PathBuf>,
    /// SHA-256 of that file, as the ceremony published it
    #[arg(long, value_name = "HEX", requires = "srs")]
    srs_sha256: Option<Checksum>,
}

impl ProverArgs {
    fn setup(&self) -> Setup {
        match (&self.srs, self.srs_sha256) {
            (Some(file), Some(checksum)) => Setup::PowersOfTau {
                file: file.clone(),
                checksum,
            },
            _ => Setup::default(),
        }
    }

    /// Makes sure that the chain's verifier belongs to the same reference string, where it tells.
    ///
    /// # Errors
    /// It belongs to another one, or the node does not answer.
    pub(super) async fn check(&self, chain: &ChainClient) -> Result<()> {
        let ours = self.setup().name();
        match chain.split_srs().await? {
            Some(theirs) if theirs != ours => bail!(
                "the chain's verifier was made with the reference string {theirs}, these keys with {ours}: give its file \
                 by --srs and --srs-sha256"
            ),
            _ => Ok(()),
        }
    }

    /// The prover, with keys from the cache or derived now.
    ///
    /// # Errors
    /// The reference string can't be read, or the keys can't be derived or kept.
    pub(super) fn load(&self) -> Result<Prover> {
        let setup = self.setup();
        let folder = dirs::cache_dir().ok_or_else(|| eyre!("there is no cache folder for proving keys here"))?;
        let path = folder.join("cwe/usage").join(format!("{}.keys", setup.name()));
        let store = SrsStore::new(setup)?;
        Ok(CircuitProver::new(kept_keys(&store, &path)?, SystemEntropy))
    }
}

/// The keys in a file, or, where it has none that can be used, keys that are derived and kept there.
fn kept_keys(store: &SrsStore, path: &Path) -> Result<ProvingKeys> {
    match read(path) {
        Ok(Some(keys)) => return Ok(keys),
        Ok(None) => {}
        Err(error) => eprintln!("warning: {}: {error}; they are derived again", path.display()),
    }
    derive(store, path)
}

/// None when there is no file.
fn read(path: &Path) -> Result<Option<ProvingKeys>, KeysError> {
    match File::open(path) {
        Ok(file) => ProvingKeys::read(BufReader::new(file)).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn derive(store: &SrsStore, path: &Path) -> Result<ProvingKeys> {
    let params = store.params(SRS_K)?;
    let keys = ProvingKeys::derive(&params)?;
    let keeping = || format!("keeping the proving keys in {}", path.display());
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).wrap_err_with(keeping)?;
    let file = NamedTempFile::new_in(folder).wrap_err_with(keeping)?;
    let mut writer = BufWriter::new(file);
    keys.write(&mut writer).wrap_err_with(keeping)?;
    writer.flush().wrap_err_with(keeping)?;
    let file = writer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .wrap_err_with(keeping)?;
    file.persist(path).map_err(|error| error.error).wrap_err_with(keeping)?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_once_and_again_where_the_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = SrsStore::in_folder(Setup::default(), folder.path().into());
        let path = folder.path().join("usage/dev.keys");
        assert!(matches!(read(&path), Ok(None)));
        kept_keys(&store, &path).unwrap();
        assert!(matches!(read(&path), Ok(Some(_))));
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        for (damaged, text) in [
            (&changed[..], "damaged"),
            (&whole[..100], "damaged"),
            (b"text", "no keys"),
        ] {
            std::fs::write(&path, damaged).unwrap();
            let refused = read(&path).unwrap_err().to_string();
            assert!(refused.contains(text), "{refused}");
            kept_keys(&store, &path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }
}
