//! `cwe listener identity`: the secret `s` that a listener is, and its commitment `H(s, 0)`.
//!
//! The commitment is public once subscribed. The secret makes the epoch's nullifier and proofs: whoever has it can use
//! up the subscription, whoever loses it has paid for nothing, so the file is on disk before anything is sent.

use std::path::{Path, PathBuf};

use alloy::primitives::{B256, U256};
use cwe_usage::{Element, Secret};
use cwe_wallet::{
    SystemEntropy,
    identity::{random_secret, secret_from_be_bytes},
};
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

use crate::economy::private_file;

/// Version of the file's format.
const FORMAT: u32 = 1;
/// Most bytes of an identity file.
const MAX_FILE_BYTES: u64 = 4096;

/// Make an identity, or show the commitment of one
#[derive(Debug, clap::Args)]
pub(crate) struct IdentityArgs {
    /// Make an identity and write it to this new file, which only you can read
    #[arg(long, value_name = "FILE", required_unless_present = "show", conflicts_with = "show")]
    out: Option<PathBuf>,
    /// Show the commitment of the identity in this file
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// An identity on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    format: u32,
    /// Canonical field element, not zero.
    secret: B256,
    /// `H(secret, 0)`.
    identity_commitment: B256,
}

/// Runs `cwe listener identity`.
pub(crate) fn run(args: &IdentityArgs) -> Result<()> {
    let commitment = match (&args.out, &args.show) {
        (Some(path), _) => {
            let identity = IdentityFile::random()?;
            let mut text = serde_json::to_vec_pretty(&identity)?;
            text.push(b'\n');
            private_file::create(path, &text)?;
            identity.identity_commitment
        }
        (None, Some(path)) => IdentityFile::read(path)?.identity_commitment,
        (None, None) => bail!("give --out to make an identity, or --show"),
    };
    if args.json {
        println!("{}", serde_json::json!({ "identity_commitment": commitment }));
    } else {
        println!("identity commitment  {commitment}");
        if let Some(path) = &args.out {
            let file = path.display();
            println!("identity file        {file} (keep a copy, and keep it to yourself)");
            println!("next                 cwe listener subscribe --tier light --identity {file}");
        }
    }
    Ok(())
}

/// Commitment of the identity in a file.
///
/// # Errors
/// The file can't be read, or is no identity. The secret is in no message.
pub(super) fn read_commitment(path: &Path) -> Result<U256> {
    IdentityFile::read(path).map(|identity| identity.identity_commitment.into())
}

/// Secret of the identity in a file.
///
/// # Errors
/// As [`read_commitment`].
pub(super) fn read_secret(path: &Path) -> Result<Secret> {
    let secret = IdentityFile::read(path)?.secret;
    secret_from_be_bytes(&secret.0).wrap_err_with(|| format!("{} is damaged", path.display()))
}

/// Whether a number can be an identity commitment: a canonical field element other than zero.
pub(super) fn is_commitment(value: U256) -> bool {
    !value.is_zero() && Element::try_from(value).is_ok()
}

impl IdentityFile {
    fn random() -> Result<Self> {
        let secret = random_secret(&mut SystemEntropy).wrap_err("drawing an identity")?;
        Ok(Self {
            format: FORMAT,
            secret: secret.expose().into(),
            identity_commitment: secret.identity_commitment().into(),
        })
    }

    fn read(path: &Path) -> Result<Self> {
        let file = path.display();
        let reading = || format!("the identity file {file} can't be read");
        if std::fs::metadata(path).wrap_err_with(reading)?.len() > MAX_FILE_BYTES {
            bail!("{file} is too large for an identity file");
        }
        let text = std::fs::read_to_string(path).wrap_err_with(reading)?;
        // The parser's own message is left out: it may quote its input.
        let Ok(identity) = serde_json::from_str::<Self>(&text) else {
            bail!("{file} is no identity file as `cwe listener identity` makes it")
        };
        if identity.format != FORMAT {
            bail!("{file} has format {}, known is {FORMAT}", identity.format);
        }
        if commitment_of(identity.secret) != Some(identity.identity_commitment) {
            bail!("{file} is damaged: its commitment is not that of its secret");
        }
        Ok(identity)
    }
}

/// None for what is no secret: zero, or not canonical.
fn commitment_of(secret: B256) -> Option<B256> {
    let secret = secret_from_be_bytes(&secret.0).ok()?;
    Some(secret.identity_commitment().into())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::uint;

    use super::*;

    const MODULUS: U256 = uint!(21888242871839275222246405745257275088548364400416034343698204186575808495617_U256);

    fn write(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_commitment_is_circomlibs_hash_of_secret_and_zero() {
        // circomlib: poseidon([1, 0]).
        let expected = uint!(18423194802802147121294641945063302532319431080857859605204660473644265519999_U256);
        assert_eq!(commitment_of(B256::with_last_byte(1)), Some(expected.into()));
    }

    #[test]
    fn identities_differ_and_survive_the_disk() {
        let (one, other) = (IdentityFile::random().unwrap(), IdentityFile::random().unwrap());
        assert_ne!(one.secret, other.secret);
        let file = write(&serde_json::to_string(&one).unwrap());
        let commitment = U256::from_be_bytes(one.identity_commitment.0);
        assert_eq!(read_commitment(file.path()).unwrap(), commitment);
    }

    #[test]
    fn damaged_files_are_refused_without_showing_the_secret() {
        let identity = IdentityFile::random().unwrap();
        let text = serde_json::to_string(&identity).unwrap();
        let secret = identity.secret.to_string();
        let aliased = B256::from(U256::from(1) + MODULUS).to_string();
        for bad in [
            text.replace(&secret, &B256::with_last_byte(7).to_string()),
            text.replace(&secret, &B256::ZERO.to_string()),
            text.replace(&secret, &aliased),
            text.replace("\"format\":1", "\"format\":2"),
            text.replace("secret", "key"),
            "{".into(),
            " ".repeat(5000),
        ] {
            let file = write(&bad);
            let error = format!("{:?}", read_commitment(file.path()).unwrap_err());
            assert!(!error.contains(&secret[4..]), "{error}");
        }
    }

    #[test]
    fn only_canonical_elements_are_commitments() {
        assert!(is_commitment(U256::from(1)));
        assert!(is_commitment(MODULUS - U256::from(1)));
        for bad in [U256::ZERO, MODULUS, MODULUS + U256::from(1), U256::MAX] {
            assert!(!is_commitment(bad), "{bad}");
        }
    }
}
