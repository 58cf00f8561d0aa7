//! Proving and verifying keys, in a folder.
//!
//! Keys of the STARKs are generated where they are missing, damaged or of another version: seconds. Those of the two
//! halo2 circuits take minutes and many gigabytes, so a stage that misses them says so, and `cwe-prover-stage keys` makes
//! them. Every file names what it is for and is used only under its checksum.

mod file;
mod halo2;
mod stark;

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cwe_srs::SrsStore;
use openvm_sdk::OPENVM_VERSION;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Commitments, machine::config_sha256};
use file::Identity;

pub use halo2::InnerKey;
pub use stark::StarkVerifier;

/// Why a key can't be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("{} is missing: make it with `cwe-prover-stage keys`", .0.display())]
    Missing(PathBuf),
    /// The checksum is wrong.
    #[error("{} is damaged: make it again with `cwe-prover-stage keys`", .0.display())]
    Damaged(PathBuf),
    /// It belongs to another machine, program version, circuit or reference string.
    #[error(
        "{} is for another configuration: expected {expected}, found {found}; use another folder, or make it again with \
         `cwe-prover-stage keys`",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be for.
        expected: String,
        /// What it is for.
        found: String,
    },
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kept commitments and the machine's configuration don't belong together.
    #[error("the machine's commitment is {found}, prover/elf/commitments.json has {expected}: run `make guests`")]
    OtherMachine {
        /// The kept one, hex.
        expected: String,
        /// The one of the keys, hex.
        found: String,
    },
    /// The guest is not in the kept commitments.
    #[error("prover/elf/commitments.json has no guest `{0}`")]
    UnknownGuest(String),
    /// Keys can't be generated, or a checksummed file doesn't parse: a defect.
    #[error("{} keys can't be made or read: {reason}", part.name())]
    Generation {
        /// Which.
        part: Part,
        /// Why.
        reason: String,
    },
}

impl KeyError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            path: path.clone(),
            source,
        }
    }

    fn generation(part: Part, reason: impl ToString) -> Self {
        Self::Generation {
            part,
            reason: reason.to_string(),
        }
    }
}

/// A group of keys that is generated at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The machine's.
    App,
    /// Of aggregation, and the verifier of STARKs.
    Aggregation,
    /// Of the root proof.
    Root,
    /// Of the halo2 circuit that verifies a root proof.
    Halo2,
    /// Of the halo2 circuit that L1 verifies.
    Wrapper,
}

impl Part {
    /// All parts, each of which needs those before it.
    pub const ALL: [Self; 5] = [Self::App, Self::Aggregation, Self::Root, Self::Halo2, Self::Wrapper];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Aggregation => "aggregation",
            Self::Root => "root",
            Self::Halo2 => "halo2",
            Self::Wrapper => "wrapper",
        }
    }
}

/// A folder of keys for one machine and one reference string.
#[derive(Debug, Clone)]
pub struct KeyStore {
    folder: PathBuf,
    srs: SrsStore,
    commitments: Commitments,
}

impl KeyStore {
    /// Opens a folder, which is made if there is none.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(folder: PathBuf, srs: SrsStore) -> Result<Self, KeyError> {
        fs::create_dir_all(&folder).map_err(KeyError::io(&folder))?;
        let commitments = Commitments::kept().map_err(|error| KeyError::generation(Part::App, error))?;
        Ok(Self {
            folder,
            srs,
            commitments,
        })
    }

    /// The reference string.
    pub const fn srs(&self) -> &SrsStore {
        &self.srs
    }

    /// The commitments that proofs must show.
    pub const fn commitments(&self) -> &Commitments {
        &self.commitments
    }

    /// Whether all files of a part are there and good.
    pub fn has(&self, part: Part) -> bool {
        let files: &[&str] = match part {
            Part::App => &[stark::APP],
            Part::Aggregation => &[stark::AGGREGATION, stark::VERIFIER],
            Part::Root => &[stark::ROOT],
            Part::Halo2 => &[halo2::INNER, halo2::INNER_VERIFIER],
            Part::Wrapper => &[halo2::WRAPPER, halo2::WRAPPER_VERIFIER],
        };
        files
            .iter()
            .all(|name| file::is_good(&self.path(name), &self.identity(name)))
    }

    /// Makes a part whose files are not all good. Those that can't be used are removed first.
    ///
    /// # Errors
    /// [`KeyError`], or what the proof needs that the key is made with.
    pub fn make(&self, part: Part) -> Result<(), super::StageError> {
        match part {
            Part::App => self.app().map(drop)?,
            Part::Aggregation => self.make_aggregation()?,
            Part::Root => self.root().map(drop)?,
            Part::Halo2 => self.make_inner()?,
            Part::Wrapper => self.make_wrapper()?,
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn identity(&self, name: &str) -> Identity {
        let shape = halo2::shape(name);
        Identity {
            part: name.into(),
            openvm: OPENVM_VERSION.into(),
            vm: self.commitments.vm.clone(),
            config: config_sha256(),
            srs: shape.is_some().then(|| self.srs.setup().name()),
            shape,
        }
    }

    fn write(&self, name: &str, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), KeyError> {
        file::write(&self.path(name), &self.identity(name), content)
    }

    fn open_file(&self, name: &str) -> Result<file::Content, KeyError> {
        file::open(&self.path(name), &self.identity(name))
    }

    fn save<T: Serialize>(&self, part: Part, name: &str, value: &T) -> Result<(), KeyError> {
        let bytes = bitcode::serialize(value).map_err(|error| KeyError::generation(part, error))?;
        self.write(name, |writer| writer.write_all(&bytes))
    }

    fn load<T: DeserializeOwned>(&self, part: Part, name: &str) -> Result<T, KeyError> {
        let mut bytes = Vec::new();
        self.open_file(name)?
            .read_to_end(&mut bytes)
            .map_err(KeyError::io(&self.path(name)))?;
        bitcode::deserialize(&bytes).map_err(|error| KeyError::generation(part, error))
    }

    /// A key from its file; made, and kept, where the file is missing, damaged or for something else.
    fn load_or<T: Serialize + DeserializeOwned>(
        &self,
        part: Part,
        name: &str,
        make: impl FnOnce() -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        match self.load(part, name) {
            Err(error @ (KeyError::Damaged(_) | KeyError::Foreign { .. })) => {
                tracing::warn!(%error, "the key is made again");
                file::remove(&self.path(name))?;
            }
            Err(KeyError::Missing(_)) => {}
            loaded => return loaded,
        }
        let started = std::time::Instant::now();
        tracing::info!(name, "making a key");
        let value = make()?;
        self.save(part, name, &value)?;
        tracing::info!(name, elapsed = ?started.elapsed(), "key kept");
        Ok(value)
    }
}
