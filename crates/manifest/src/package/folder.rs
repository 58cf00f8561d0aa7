//! A package on disk: a folder with the manifest and the encrypted file. The key is kept elsewhere.
//!
//! The folder gets its name last, when all of it is on disk: under that name it is whole or not there. What a killed
//! program leaves is named `.<name>.partial-…` beside it; the next draft of that name removes it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cid::Cid;
use tempfile::TempDir;

use super::{
    ContentKey, FragmentSize, OpenError, Opener, SealError, SealedContent, car, open,
    seal::{remedy, seal},
};
use crate::{ContentId, Fragment, MAX_DOCUMENT_BYTES, Manifest, ManifestError, dag};

/// The manifest in a package, canonical JSON.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The encrypted file in a package, CARv1: other IPFS programs import it as it is (`ipfs dag import content.car`).
pub const CONTENT_FILE: &str = "content.car";

/// Why a package can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The folder or a file of it.
    #[error("{action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What failed.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something has the package's name.
    #[error("{} is there already: choose another name, or move it away", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The manifest is of something else.
    #[error("the manifest is of the content {manifest}, the encrypted file is {content}: make a manifest of this file")]
    OtherContent {
        /// In the manifest.
        manifest: ContentId,
        /// Of the encrypted file.
        content: Box<Cid>,
    },
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Opening failed.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An encrypted file that has no manifest yet. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    folder: TempDir,
    /// On the content: whoever seals to the same destination sees that this one lives.
    _lock: File,
    destination: PathBuf,
    content: SealedContent,
}

impl Draft {
    /// Seals a file of exactly `file_bytes` into a folder beside `destination`, where nothing may be.
    ///
    /// # Errors
    /// Something is at the destination, the file can't be sealed, or the disk is full.
    pub fn seal(
        file: &mut impl Read,
        file_bytes: u64,
        size: FragmentSize,
        key: &ContentKey,
        destination: &Path,
    ) -> Result<Self, PackageError> {
        require_absent(destination)?;
        let mut prefix = OsString::from(".");
        prefix.push(destination.file_name().unwrap_or_default());
        prefix.push(".partial-");
        remove_leftovers(parent(destination), &prefix);
        let folder = TempDir::with_prefix_in(prefix, parent(destination))
            .map_err(failed("making a folder in", parent(destination)))?;
        let path = folder.path().join(CONTENT_FILE);
        let (lock, mut archive) = File::create_new(&path)
            .and_then(|file| {
                file.lock()?;
                Ok((file.try_clone()?, car::Writer::new(file)?))
            })
            .map_err(failed("making", &path))?;
        let content = seal(file, file_bytes, size, key, |sealed| {
            archive.fragment(&sealed.fragment, sealed.bytes)
        })?;
        let (root, nodes) = dag::nodes(&content.fragments);
        archive.finish(root, &nodes).map_err(failed("writing", &path))?;
        Ok(Self {
            folder,
            _lock: lock,
            destination: destination.into(),
            content,
        })
    }

    /// For the manifest.
    pub const fn content(&self) -> &SealedContent {
        &self.content
    }

    /// Adds the manifest and gives the package its name.
    ///
    /// # Errors
    /// The manifest is of another content, something is at the destination, or the disk is full.
    pub fn finish(self, manifest: &Manifest) -> Result<Package, PackageError> {
        let stated = manifest.body().content_id;
        if stated != self.content.content_id {
            return Err(PackageError::OtherContent {
                manifest: stated,
                content: Box::new(self.content.content_id.to_cid()),
            });
        }
        let path = self.folder.path().join(MANIFEST_FILE);
        write_new(&path, &manifest.to_json()?).map_err(failed("writing", &path))?;
        sync(self.folder.path())?;
        require_absent(&self.destination)?;
        fs::rename(self.folder.path(), &self.destination).map_err(failed("naming", &self.destination))?;
        // Under its own name it is nobody's to remove.
        let _ = self.folder.keep();
        sync(parent(&self.destination))?;
        Package::read(&self.destination)
    }
}

/// A package on disk.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    archive: car::Reader,
}

impl Package {
    /// Reads a package. Whether its manifest is its creator's, [`Manifest::validate`] tells.
    ///
    /// # Errors
    /// A file is missing or malformed, or the two are not of the same content.
    pub fn read(folder: &Path) -> Result<Self, PackageError> {
        let path = folder.join(MANIFEST_FILE);
        let limit = u64::try_from(MAX_DOCUMENT_BYTES).map_or(u64::MAX, |limit| limit + 1);
        let mut document = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut document));
        read.map_err(failed("reading", &path))?;
        let manifest = Manifest::from_json(&document)?;
        let path = folder.join(CONTENT_FILE);
        let archive = File::open(&path)
            .and_then(car::Reader::new)
            .map_err(failed("reading", &path))?;
        let stated = manifest.body().content_id;
        if *archive.root() != stated.to_cid() {
            return Err(PackageError::OtherContent {
                manifest: stated,
                content: Box::new(*archive.root()),
            });
        }
        Ok(Self { manifest, archive })
    }

    /// Its manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The encrypted bytes of a fragment, as they are on disk: [`Opener::open`] checks them.
    ///
    /// # Errors
    /// The archive does not have it, or can't be read.
    pub fn fragment(&self, fragment: &Fragment) -> io::Result<Vec<u8>> {
        self.archive.fragment(fragment)
    }

    /// Opens the file into `out`; gives its length.
    ///
    /// # Errors
    /// A fragment is missing or damaged, the key is another file's, or `out` fails.
    pub fn decrypt(&self, key: &ContentKey, out: &mut impl Write) -> Result<u64, PackageError> {
        let opener = Opener::new(&self.manifest.body().fragments, key)?;
        Ok(open(&opener, |fragment| self.fragment(fragment), out)?)
    }
}

/// Removes what killed programs left. A draft that lives has its content locked, or not made yet; what can't be removed
/// stays.
fn remove_leftovers(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_draft = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(prefix.as_encoded_bytes());
        let content = entry.path().join(CONTENT_FILE);
        if is_draft && File::open(content).is_ok_and(|content| content.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn sync(folder: &Path) -> Result<(), PackageError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("keeping", folder))
}

fn require_absent(path: &Path) -> Result<(), PackageError> {
    if path.symlink_metadata().is_ok() {
        return Err(PackageError::Exists { path: path.into() });
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.to_path_buf();
    move |source| PackageError::Io { action, path, source }
}
