//! Where the wallet's bytes lie: one value, replaced whole. A file natively, the extension's database in a browser.

#[cfg(feature = "native")]
mod file;

#[cfg(feature = "native")]
pub use file::FileStorage;

/// One value that is replaced whole or not at all, by one writer at a time.
pub trait Storage {
    /// The value; none when nothing was ever stored.
    ///
    /// # Errors
    /// It can't be read.
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError>;

    /// Replaces the value. When this returns, the new one survives a loss of power; when it fails, or never returns, the
    /// old or the new one is there, complete.
    ///
    /// # Errors
    /// It can't be written.
    fn replace(&mut self, value: &[u8]) -> Result<(), StorageError>;
}

/// Why the place can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Reading or writing failed.
    #[error("{action} {place}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// Why it failed.
        reason: String,
    },
    /// Somebody else has it open.
    #[error("{place} is in use by another program: close the other wallet, or wait until it is done")]
    InUse {
        /// Where.
        place: String,
    },
    /// There is something already, and it is never overwritten by a new wallet.
    #[error("{place} exists; it is not overwritten, choose another name")]
    Exists {
        /// Where.
        place: String,
    },
    /// More than a wallet can be.
    #[error("{place} has {bytes} bytes, too many for a wallet")]
    TooLarge {
        /// Where.
        place: String,
        /// How many.
        bytes: u64,
    },
}
