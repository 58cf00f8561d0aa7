//! Private keys: from a file or the environment, never from the command line, where other users could read them.

use std::path::PathBuf;

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner};
use eyre::{Result, WrapErr, bail};

/// The phrase that every Ethereum development tool uses; its keys are public knowledge.
pub(crate) const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Environment variable with a private key, hex.
const KEY_VARIABLE: &str = "WALLET_PRIVATE_KEY";

/// Whose transactions to sign.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// File that holds the private key, hex (otherwise WALLET_PRIVATE_KEY is read)
    #[arg(long, value_name = "FILE", conflicts_with = "dev_account")]
    key_file: Option<PathBuf>,
    /// Development account 0 to 9 instead; its key is public, so use it on devnets only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..10))]
    dev_account: Option<u32>,
}

impl KeyArgs {
    /// The key.
    ///
    /// # Errors
    /// None is given, or it is not a private key. The key itself is in no message.
    pub(crate) fn signer(&self) -> Result<PrivateKeySigner> {
        if let Some(number) = self.dev_account {
            return dev_signer(number);
        }
        let (text, origin) = match &self.key_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .wrap_err_with(|| format!("the key file {} can't be read", path.display()))?;
                (text, path.display().to_string())
            }
            None => match std::env::var(KEY_VARIABLE) {
                Ok(text) => (text, KEY_VARIABLE.into()),
                Err(_) => bail!("no key to sign with: give --key-file, --dev-account or {KEY_VARIABLE}"),
            },
        };
        // The parser's own message is left out: it may quote its input.
        text.trim()
            .parse()
            .ok()
            .ok_or_else(|| eyre::eyre!("{origin} does not hold a private key of 32 bytes in hex"))
    }
}

/// Signer of development account `number`.
pub(crate) fn dev_signer(number: u32) -> Result<PrivateKeySigner> {
    MnemonicBuilder::from_phrase(DEV_MNEMONIC)
        .index(number)
        .and_then(|builder| builder.build())
        .wrap_err("deriving a development account")
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn development_accounts_are_the_ones_that_anvil_has() {
        assert_eq!(
            dev_signer(0).unwrap().address(),
            address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert_eq!(
            dev_signer(9).unwrap().address(),
            address!("0xa0Ee7A142d267C1f36714E4a8F75612F20a79720")
        );
    }

    #[test]
    fn a_bad_key_is_refused_without_showing_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"0xsecret-looking-text").unwrap();
        let keys = KeyArgs {
            key_file: Some(file.path().into()),
            dev_account: None,
        };
        let error = format!("{:?}", keys.signer().unwrap_err());
        assert!(!error.contains("secret"), "{error}");
    }
}
