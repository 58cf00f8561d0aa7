//! Key files: what they are for, their content, and a checksum of both.
//!
//! A file is a magic line, a line of JSON with the [`Identity`], the content, and the SHA-256 of all that. The checksum is
//! verified before any of the content is parsed: the parsers of proving keys trust what they read.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::KeyError;

const MAGIC: &[u8] = b"cwe-prover-key-1\n";
const CHECKSUM_BYTES: usize = 32;
const BUFFER_BYTES: usize = 1 << 20;

/// Longest line with an identity.
const MAX_IDENTITY_BYTES: u64 = 4096;

/// What a key is for. A file with another one is never used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Identity {
    /// Name of the key.
    pub part: String,
    /// Version of the proof system.
    pub openvm: String,
    /// Commitment to the virtual machine, hex.
    pub vm: String,
    /// SHA-256 of the machine's configuration, hex.
    pub config: String,
    /// Name of the reference string, for keys that contain points of it.
    pub srs: Option<String>,
    /// Size and columns of the circuit, for keys of circuits that come in several.
    pub shape: Option<String>,
}

/// Writes a key; the file appears whole or not at all.
pub(super) fn write(
    path: &Path,
    identity: &Identity,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), KeyError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let temporary = tempfile::NamedTempFile::new_in(folder)?;
        write_to(temporary.as_file(), identity, content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(KeyError::io(path))
}

fn write_to(
    file: &File,
    identity: &Identity,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = Hashing {
        inner: BufWriter::with_capacity(BUFFER_BYTES, file),
        hasher: Sha256::new(),
    };
    writer.write_all(MAGIC)?;
    serde_json::to_writer(&mut writer, identity)?;
    writer.write_all(b"\n")?;
    content(&mut writer)?;
    let Hashing { mut inner, hasher } = writer;
    inner.write_all(&hasher.finalize())?;
    inner.flush()
}

/// Opens a key whose checksum is right and which is for `identity`: its content follows.
pub(super) fn open(path: &Path, identity: &Identity) -> Result<Content, KeyError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing(path.into())),
        opened => opened.map_err(KeyError::io(path))?,
    };
    if !intact(&file).map_err(KeyError::io(path))? {
        return Err(KeyError::Damaged(path.into()));
    }
    let length = file.metadata().map_err(KeyError::io(path))?.len();
    // The checksum covers what follows, so that anything unexpected comes from another version of this program.
    let mut reader = reopen(path)?.take(length - CHECKSUM_BYTES as u64);
    let found = head(&mut reader).map_err(KeyError::io(path))?;
    match found {
        Some(found) if found == *identity => Ok(reader),
        found => Err(KeyError::Foreign {
            path: path.into(),
            expected: describe(Some(identity)),
            found: describe(found.as_ref()),
        }),
    }
}

/// A key's content.
pub(super) type Content = io::Take<BufReader<File>>;

fn reopen(path: &Path) -> Result<BufReader<File>, KeyError> {
    let file = File::open(path).map_err(KeyError::io(path))?;
    Ok(BufReader::with_capacity(BUFFER_BYTES, file))
}

fn head(reader: &mut impl BufRead) -> io::Result<Option<Identity>> {
    let mut magic = [0; MAGIC.len()];
    reader.read_exact(&mut magic)?;
    let mut line = Vec::new();
    reader.take(MAX_IDENTITY_BYTES).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line).ok().filter(|_| magic == MAGIC))
}

/// Whether the file ends with the checksum of everything before it.
fn intact(file: &File) -> io::Result<bool> {
    let Some(content) = file.metadata()?.len().checked_sub(CHECKSUM_BYTES as u64) else {
        return Ok(false);
    };
    if content < MAGIC.len() as u64 {
        return Ok(false);
    }
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut hasher = Sha256::new();
    io::copy(&mut (&mut reader).take(content), &mut hasher)?;
    let mut stored = [0; CHECKSUM_BYTES];
    reader.read_exact(&mut stored)?;
    Ok(stored == <[u8; CHECKSUM_BYTES]>::from(hasher.finalize()))
}

fn describe(identity: Option<&Identity>) -> String {
    identity
        .and_then(|identity| serde_json::to_string(identity).ok())
        .unwrap_or_else(|| "something else".into())
}

/// Whether there is a file that [`open`] accepts.
pub(super) fn is_good(path: &Path, identity: &Identity) -> bool {
    open(path, identity).is_ok()
}

/// Removes what is left of a key that can't be used.
pub(super) fn remove(path: &PathBuf) -> Result<(), KeyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KeyError::io(path)(error)),
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            part: "app".into(),
            openvm: "2.0".into(),
            vm: "00".into(),
            config: "11".into(),
            srs: None,
            shape: None,
        }
    }

    fn write_key(path: &Path) {
        write(path, &identity(), |writer| writer.write_all(b"a key")).unwrap();
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        write_key(&path);
        let mut content = Vec::new();
        open(&path, &identity()).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"a key");
    }

    #[test]
    fn a_key_with_any_changed_byte_or_another_length_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        write_key(&path);
        let good = fs::read(&path).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(open(&path, &identity()), Err(KeyError::Damaged(_))),
                "{position}"
            );
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert!(
                matches!(open(&path, &identity()), Err(KeyError::Damaged(_))),
                "{length}"
            );
        }
        fs::write(&path, [good.as_slice(), b"x"].concat()).unwrap();
        assert!(matches!(open(&path, &identity()), Err(KeyError::Damaged(_))));
    }

    #[test]
    fn a_key_for_something_else_is_refused_with_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        write_key(&path);
        let other = Identity {
            srs: Some("ptau-00".into()),
            ..identity()
        };
        let error = open(&path, &other).err().unwrap();
        assert!(matches!(error, KeyError::Foreign { .. }));
        assert!(error.to_string().contains("ptau-00"), "{error}");
    }

    #[test]
    fn a_missing_key_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        assert!(matches!(open(&path, &identity()), Err(KeyError::Missing(_))));
        remove(&path).unwrap();
    }
}
