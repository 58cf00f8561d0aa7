//! The circuits' proving keys: derived once from a reference string and kept in the user's cache folder, never
//! downloaded.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use cwe_srs::{Checksum, Setup, SrsStore};
use cwe_usage_circuits::{KeysError, ProvingKeys, SRS_K};
use cwe_wallet::{SystemEntropy, proving::CircuitProver};
use eyre::{Result, WrapErr, eyre};
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
    /// The prover, with keys from the cache or derived now.
    ///
    /// # Errors
    /// The reference string can't be read, or the keys can't be derived or kept.
    pub(super) fn load(&self) -> Result<Prover> {
        let setup = match (&self.srs, self.srs_sha256) {
            (Some(file), Some(checksum)) => Setup::PowersOfTau {
                file: file.clone(),
                checksum,
            },
            _ => Setup::default(),
        };
        let folder = dirs::cache_dir().ok_or_else(|| eyre!("there is no cache folder for proving keys here"))?;
        let path = folder.join("cwe/usage").join(format!("{}.keys", setup.name()));
        let keys = match read(&path)? {
            Some(keys) => keys,
            None => derive(setup, &path)?,
        };
        Ok(CircuitProver::new(keys, SystemEntropy))
    }
}

/// None when there are no keys that can be used: they are derived anew then.
fn read(path: &Path) -> Result<Option<ProvingKeys>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).wrap_err_with(|| format!("{} can't be read", path.display())),
    };
    match ProvingKeys::read(BufReader::new(file)) {
        Ok(keys) => Ok(Some(keys)),
        Err(error @ KeysError::Io(_)) => Err(error).wrap_err_with(|| format!("{} can't be read", path.display())),
        Err(_) => Ok(None),
    }
}

fn derive(setup: Setup, path: &Path) -> Result<ProvingKeys> {
    let params = SrsStore::new(setup)?.params(SRS_K)?;
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
