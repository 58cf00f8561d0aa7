//! The cache folder.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use halo2_proofs::{SerdeFormat, poly::commitment::Params as _};
use sha2::{Digest, Sha256};

use crate::{Checksum, Params, Setup, SrsError, setup::check_size};

/// Bytes of a size, 2·2^`k` points in G1 and two in G2.
const fn content_bytes(k: u32) -> u64 {
    4 + (2 << k) * 64 + 2 * 128
}

const CHECKSUM_BYTES: usize = 32;

/// Parameters of one setup, computed once and kept.
#[derive(Debug, Clone)]
pub struct SrsStore {
    setup: Setup,
    folder: PathBuf,
}

impl SrsStore {
    /// A store in the user's cache folder.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn new(setup: Setup) -> Result<Self, SrsError> {
        let cache = dirs::cache_dir().ok_or(SrsError::NoCacheFolder)?;
        Ok(Self::in_folder(setup, cache.join("cwe").join("srs")))
    }

    /// A store in a folder, which is made when it is needed.
    pub const fn in_folder(setup: Setup, folder: PathBuf) -> Self {
        Self { setup, folder }
    }

    /// Where the secret came from.
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Parameters of 2^`k` points: from the cache, or made now and kept. Another process that wants the same waits.
    ///
    /// # Errors
    /// The size is out of range, the powers-of-tau file is wrong, or the cache can't be written (a full disk included).
    pub fn params(&self, k: u32) -> Result<Params, SrsError> {
        check_size(k)?;
        self.at(fs::create_dir_all(&self.folder))?;
        let path = self.folder.join(format!("{}-{k}.srs", self.setup.name()));
        let lock = self.at(File::create(path.with_extension("lock")))?;
        self.at(lock.lock())?;
        if let Some(params) = self.cached(&path, k)? {
            return Ok(params);
        }
        let started = Instant::now();
        tracing::info!(setup = self.setup.name(), k, "making the reference string");
        let params = self.setup.make(k)?;
        self.at(keep(&path, &self.folder, &params))?;
        tracing::info!(setup = self.setup.name(), k, elapsed = ?started.elapsed(), "reference string kept");
        Ok(params)
    }

    /// What the cache has; a damaged file counts as none.
    fn cached(&self, path: &Path, k: u32) -> Result<Option<Params>, SrsError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => self.at(opened)?,
        };
        if !self.at(intact(&file, k))? {
            tracing::warn!(path = %path.display(), "the kept reference string is damaged: it is made again");
            return Ok(None);
        }
        let mut reader = BufReader::with_capacity(1 << 20, self.at(File::open(path))?);
        let params = self.at(Params::read_custom(&mut reader, SerdeFormat::RawBytesUnchecked))?;
        Ok((params.k() == k).then_some(params))
    }

    fn at<T>(&self, result: io::Result<T>) -> Result<T, SrsError> {
        result.map_err(|source| SrsError::Io {
            path: self.folder.clone(),
            source,
        })
    }
}

/// Whether the file has its whole length and the checksum that ends it.
fn intact(file: &File, k: u32) -> io::Result<bool> {
    if file.metadata()?.len() != content_bytes(k) + CHECKSUM_BYTES as u64 {
        return Ok(false);
    }
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut hasher = Sha256::new();
    io::copy(&mut (&mut reader).take(content_bytes(k)), &mut hasher)?;
    let mut stored = [0; CHECKSUM_BYTES];
    reader.read_exact(&mut stored)?;
    Ok(Checksum(stored) == Checksum(hasher.finalize().into()))
}

/// Writes the whole file under another name first, so that a crash leaves none that looks finished.
fn keep(path: &Path, folder: &Path, params: &Params) -> io::Result<()> {
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    write(temporary.as_file(), params)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    Ok(())
}

fn write(file: &File, params: &Params) -> io::Result<()> {
    let mut writer = Hashing {
        inner: BufWriter::with_capacity(1 << 20, file),
        hasher: Sha256::new(),
    };
    params.write_custom(&mut writer, SerdeFormat::RawBytesUnchecked)?;
    let Hashing { mut inner, hasher } = writer;
    inner.write_all(&hasher.finalize())?;
    inner.flush()
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
