//! The genesis file: JSON that decides the first block's hash, complete with the system contracts' code, so that
//! every version of this program and every other implementation builds the same block from it.

use std::{collections::BTreeMap, fs, path::Path};

use alloy::primitives::{Address, Bytes, U256};
use cwe_executor::{Genesis, GenesisAccount};
use cwe_primitives::ChainSpec;
use eyre::{Context, ensure};
use serde::{Deserialize, Serialize};

/// Largest genesis file that is read, bytes.
const MAX_BYTES: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenesisFile {
    spec: ChainSpec,
    /// Seconds since 1970.
    timestamp: u64,
    alloc: BTreeMap<Address, AccountFile>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct AccountFile {
    nonce: u64,
    /// CLN wei.
    balance: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

/// Reads a genesis file.
///
/// # Errors
/// It can't be read or is malformed.
pub fn read(path: &Path) -> eyre::Result<Genesis> {
    let size = fs::metadata(path)
        .wrap_err_with(|| format!("genesis file {} can't be read", path.display()))?
        .len();
    ensure!(
        size <= MAX_BYTES,
        "genesis file {} has {size} bytes, the limit is {MAX_BYTES}",
        path.display()
    );
    let text = fs::read(path).wrap_err_with(|| format!("genesis file {} can't be read", path.display()))?;
    let file: GenesisFile =
        serde_json::from_slice(&text).wrap_err_with(|| format!("genesis file {} is malformed", path.display()))?;
    let alloc = file
        .alloc
        .into_iter()
        .map(|(address, account)| (address, account.into()))
        .collect();
    Ok(Genesis {
        spec: file.spec,
        timestamp: file.timestamp,
        alloc,
    })
}

/// Writes a genesis file.
///
/// # Errors
/// It can't be written.
pub fn write(path: &Path, genesis: &Genesis) -> eyre::Result<()> {
    let alloc = genesis
        .alloc
        .iter()
        .map(|(address, account)| (*address, account.into()))
        .collect();
    let file = GenesisFile {
        spec: genesis.spec.clone(),
        timestamp: genesis.timestamp,
        alloc,
    };
    let text = serde_json::to_vec_pretty(&file).wrap_err("genesis can't be written as JSON")?;
    fs::write(path, text).wrap_err_with(|| format!("genesis file {} can't be written", path.display()))
}

impl From<AccountFile> for GenesisAccount {
    fn from(file: AccountFile) -> Self {
        Self {
            nonce: file.nonce,
            balance: file.balance,
            code: file.code,
            storage: file.storage,
        }
    }
}

impl From<&GenesisAccount> for AccountFile {
    fn from(account: &GenesisAccount) -> Self {
        Self {
            nonce: account.nonce,
            balance: account.balance,
            code: account.code.clone(),
            storage: account.storage.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genesis_file_gives_the_genesis_it_was_written_from() {
        let mut genesis = Genesis {
            spec: ChainSpec::new(7),
            timestamp: 1_700_000_000,
            alloc: BTreeMap::from([(
                Address::repeat_byte(1),
                GenesisAccount {
                    nonce: 1,
                    code: Bytes::from_static(&[0xfe]),
                    storage: BTreeMap::from([(U256::from(2), U256::MAX)]),
                    ..GenesisAccount::default()
                },
            )]),
        };
        genesis.fund(Address::repeat_byte(2), U256::from(10).pow(U256::from(30)));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genesis.json");
        write(&path, &genesis).unwrap();
        assert_eq!(read(&path).unwrap(), genesis);
    }

    #[test]
    fn a_malformed_genesis_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genesis.json");
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("genesis.json"));
        fs::write(&path, r#"{"spec":{},"timestamp":1,"alloc":{},"more":1}"#).unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("malformed"));
    }
}
