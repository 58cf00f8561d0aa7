//! What can go wrong with a setup, and what to do about it.

use std::{io, path::PathBuf};

use crate::{Checksum, MAX_K};

/// Any failure to get parameters.
#[derive(Debug, thiserror::Error)]
pub enum SrsError {
    /// No circuit is so large, or so small.
    #[error("k = {0} is out of range: 1 to {MAX_K}")]
    Size(u32),
    /// A file or folder can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no folder for caches.
    #[error("no cache folder is known for this user: set HOME or XDG_CACHE_HOME, or name a folder")]
    NoCacheFolder,
    /// The file is not the one that was named.
    #[error("{path} has SHA-256 {found}, not {expected}: fetch it again, or correct the checksum")]
    WrongChecksum {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        expected: Checksum,
        /// What it has.
        found: Checksum,
    },
    /// The text is no checksum.
    #[error("{0:?} is no SHA-256: 64 hexadecimal digits")]
    NoChecksum(String),
    /// The file is no powers-of-tau file for BN254, or a damaged one.
    #[error("{path} is no usable powers-of-tau file: {reason}")]
    PowersOfTau {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The ceremony was for smaller circuits.
    #[error(
        "{path} holds powers for k up to {found}, k = {wanted} is needed: use the ceremony's file for {wanted} or more"
    )]
    TooSmall {
        /// The file.
        path: PathBuf,
        /// Size of the file.
        found: u32,
        /// Size asked for.
        wanted: u32,
    },
}
