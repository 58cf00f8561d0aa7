//! The wallet file and its password. A password comes from a prompt, a file or the environment, never from the command
//! line, where other users could read it.

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cwe_wallet::{
    SystemEntropy, Wallet,
    storage::{FileStorage, StorageError},
    vault::KdfCost,
};
use eyre::{Result, WrapErr, bail, eyre};
use zeroize::Zeroizing;

/// Environment variable with the password.
const PASSWORD_VARIABLE: &str = "CWE_WALLET_PASSWORD";
/// Most bytes of a password file, or of any file that a person types into.
const MAX_TEXT_BYTES: u64 = 4096;

/// How long another command may have the wallet before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A wallet in a file.
pub(crate) type OpenWallet = Wallet<FileStorage, SystemEntropy>;

/// Which wallet.
#[derive(Debug, clap::Args)]
pub(crate) struct WalletFileArgs {
    /// Wallet file; default: cwe/wallet in the user's data folder
    #[arg(long, value_name = "FILE", env = "CWE_WALLET")]
    wallet: Option<PathBuf>,
    /// File that holds the password (otherwise CWE_WALLET_PASSWORD is read, or the password is asked for)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl WalletFileArgs {
    /// Where the wallet is.
    ///
    /// # Errors
    /// None was named and the user has no data folder.
    pub(super) fn path(&self) -> Result<PathBuf> {
        match &self.wallet {
            Some(path) => Ok(path.clone()),
            None => dirs::data_dir()
                .map(|folder| folder.join("cwe/wallet"))
                .ok_or_else(|| eyre!("there is no data folder for a wallet here: give --wallet")),
        }
    }

    /// Opens the wallet, for this program alone.
    ///
    /// # Errors
    /// As [`Self::access`] and [`Access::open`].
    pub(super) fn open(&self) -> Result<OpenWallet> {
        self.access()?.open()
    }

    /// Where the wallet is, and its password.
    ///
    /// # Errors
    /// There is no wallet, it is in use, or there is no password.
    pub(crate) fn access(&self) -> Result<Access> {
        let path = self.path()?;
        // Before anybody types a password.
        storage(&path)?;
        let password = self.password()?;
        Ok(Access { path, password })
    }

    /// Makes a wallet.
    ///
    /// # Errors
    /// There is one, or it can't be written.
    pub(super) fn create(&self, secret: cwe_usage::Secret) -> Result<OpenWallet> {
        let path = self.path()?;
        let storage = FileStorage::create(&path)?;
        let password = match self.given_password()? {
            Some(password) => password,
            None => ask_twice("Password of the new wallet: ")?,
        };
        Ok(Wallet::create(
            storage,
            SystemEntropy,
            &password,
            KdfCost::STANDARD,
            secret,
        )?)
    }

    fn password(&self) -> Result<Zeroizing<Vec<u8>>> {
        match self.given_password()? {
            Some(password) => Ok(password),
            None => ask(&format!("Password of {}: ", self.path()?.display())),
        }
    }

    fn given_password(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if let Some(path) = &self.password_file {
            return read_line_of(path).map(Some);
        }
        Ok(std::env::var(PASSWORD_VARIABLE)
            .ok()
            .map(|text| Zeroizing::new(text.into_bytes())))
    }
}

/// What it takes to open a wallet again and again.
pub(crate) struct Access {
    path: PathBuf,
    password: Zeroizing<Vec<u8>>,
}

impl Access {
    /// Opens the wallet, for this program alone.
    ///
    /// # Errors
    /// It is gone, in use or damaged, or the password is wrong.
    pub(crate) fn open(&self) -> Result<OpenWallet> {
        Wallet::open(storage(&self.path)?, SystemEntropy, &self.password)
            .wrap_err_with(|| self.path.display().to_string())
    }
}

/// Waits a little for another command to be done with it.
fn storage(path: &Path) -> Result<FileStorage> {
    let started = Instant::now();
    loop {
        match FileStorage::open(path) {
            Err(StorageError::InUse { .. }) if started.elapsed() < PATIENCE => std::thread::sleep(POLL_INTERVAL),
            Err(error @ StorageError::InUse { .. }) => return Err(error.into()),
            opened => {
                return opened
                    .wrap_err("no wallet could be opened; `cwe wallet create` makes one, --wallet names another");
            }
        }
    }
}

/// Encrypt the wallet under another password
#[derive(Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// File that holds the new password (otherwise it is asked for)
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    #[command(flatten)]
    file: WalletFileArgs,
}

/// Runs `cwe wallet password`.
pub(super) fn change_password(args: &PasswordArgs) -> Result<()> {
    let mut wallet = args.file.open()?;
    let password = match &args.new_password_file {
        Some(path) => read_line_of(path)?,
        None => ask_twice("New password: ")?,
    };
    wallet.change_password(&password, KdfCost::STANDARD)?;
    println!(
        "{} has the new password; copies made before have the old one",
        args.file.path()?.display()
    );
    Ok(())
}

/// A small text file's contents without white space around them.
pub(super) fn read_line_of(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let reading = || format!("{} can't be read", path.display());
    let file = std::fs::File::open(path).wrap_err_with(reading)?;
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_TEXT_BYTES)?));
    file.take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut text)
        .wrap_err_with(reading)?;
    if u64::try_from(text.len())? > MAX_TEXT_BYTES {
        bail!("{} is too large: it holds one line", path.display());
    }
    Ok(Zeroizing::new(text.trim_ascii().to_vec()))
}

/// Asks on the terminal, without showing what is typed.
pub(super) fn ask(prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for the password on: give --password-file or {PASSWORD_VARIABLE}");
    }
    let typed = rpassword::prompt_password(prompt).wrap_err("reading from the terminal")?;
    Ok(Zeroizing::new(typed.into_bytes()))
}

fn ask_twice(prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
    let first = ask(prompt)?;
    if first != ask("Once more: ")? {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(folder: &Path) -> PathBuf {
        let path = folder.join("wallet");
        std::fs::write(&path, b"").unwrap();
        path
    }

    #[test]
    fn a_wallet_that_another_command_has_for_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = existing(folder.path());
        let other = storage(&path).unwrap();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(2 * POLL_INTERVAL);
            drop(other);
        });
        storage(&path).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_wallet_that_stays_in_use_is_not_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = existing(folder.path());
        let _other = storage(&path).unwrap();
        let refused = format!("{:#}", storage(&path).unwrap_err());
        assert!(refused.contains("in use") && !refused.contains("create"), "{refused}");
        let missing = format!("{:#}", storage(&folder.path().join("none")).unwrap_err());
        assert!(missing.contains("create"), "{missing}");
    }

    #[test]
    fn passwords_are_read_without_the_line_end_and_only_from_small_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, " correct horse \r\n").unwrap();
        assert_eq!(&**read_line_of(&path).unwrap(), b"correct horse");
        std::fs::write(&path, vec![b'a'; 5000]).unwrap();
        assert!(read_line_of(&path).unwrap_err().to_string().contains("too large"));
    }
}
