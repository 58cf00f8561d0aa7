//! The economy on the L2: its contracts' bindings and the file that says where they are.
//!
//! In: the JSON that `deploy/economy/DeployEconomy.s.sol` writes, one for a chain. Out: [`EconomyAddresses`], checked to
//! be complete and of the chain that the caller means. TypeScript reads the same file (`sdk/typescript/src/economy.ts`).

pub mod contracts;
mod settlement;

use std::{
    io,
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

/// Where the economy's contracts are on the L2 with [`Self::l2_chain_id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EconomyAddresses {
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Owner of all others.
    pub timelock: Address,
    /// `EpochClock`.
    pub clock: Address,
    /// `EpochBeacon`.
    pub beacon: Address,
    /// `EconomyParameters`.
    pub parameters: Address,
    /// `RegionRules`.
    pub regions: Address,
    /// `CWEIdentity`.
    pub identity: Address,
    /// `CreatorRegistry`.
    pub creators: Address,
    /// `WorkRegistry`.
    pub registry: Address,
    /// `SplitPay`.
    pub split_pay: Address,
    /// `Escrow`.
    pub escrow: Address,
    /// `DirectSale`.
    pub direct_sale: Address,
    /// `Treasury`.
    pub treasury: Address,
    /// `CWETiers`.
    pub tiers: Address,
    /// `CWEConsumption`.
    pub consumption: Address,
    /// `CWEPayouts`.
    pub payouts: Address,
    /// `SubmissionRefunds`.
    pub refunds: Address,
}

/// Why a file is not the economy's addresses.
#[derive(Debug, thiserror::Error)]
pub enum EconomyFileError {
    /// It can't be read.
    #[error("the economy file {} can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON, lacks a contract, or names one that is unknown.
    #[error("the economy file {} is not what DeployEconomy writes: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It belongs to another chain.
    #[error("the economy file {} is for chain id {found}, not {expected}", path.display())]
    WrongChain {
        /// The file.
        path: PathBuf,
        /// Chain id in the file.
        found: u64,
        /// Chain id asked for.
        expected: u64,
    },
    /// A contract's address is zero.
    #[error("the economy file {} has the zero address for `{contract}`", path.display())]
    ZeroAddress {
        /// The file.
        path: PathBuf,
        /// Name in the file.
        contract: &'static str,
    },
}

impl EconomyAddresses {
    /// Name of the file for a chain, in the folder that deployments are written to.
    pub fn file_name(l2_chain_id: u64) -> String {
        format!("economy-{l2_chain_id}.json")
    }

    /// Reads the addresses of the economy on the L2 with chain id `l2_chain_id`.
    ///
    /// # Errors
    /// The file can't be read, is incomplete or names what is unknown, or is for another chain.
    pub fn load(path: &Path, l2_chain_id: u64) -> Result<Self, EconomyFileError> {
        let in_file = || path.to_path_buf();
        let text = std::fs::read_to_string(path).map_err(|source| EconomyFileError::Unreadable {
            path: in_file(),
            source,
        })?;
        let addresses: Self = serde_json::from_str(&text).map_err(|source| EconomyFileError::Malformed {
            path: in_file(),
            source,
        })?;
        if addresses.l2_chain_id != l2_chain_id {
            return Err(EconomyFileError::WrongChain {
                path: in_file(),
                found: addresses.l2_chain_id,
                expected: l2_chain_id,
            });
        }
        match addresses.named().into_iter().find(|(_, address)| address.is_zero()) {
            Some((contract, _)) => Err(EconomyFileError::ZeroAddress {
                path: in_file(),
                contract,
            }),
            None => Ok(addresses),
        }
    }

    /// All contracts by their names in the file.
    pub const fn named(&self) -> [(&'static str, Address); 16] {
        [
            ("timelock", self.timelock),
            ("clock", self.clock),
            ("beacon", self.beacon),
            ("parameters", self.parameters),
            ("regions", self.regions),
            ("identity", self.identity),
            ("creators", self.creators),
            ("registry", self.registry),
            ("splitPay", self.split_pay),
            ("escrow", self.escrow),
            ("directSale", self.direct_sale),
            ("treasury", self.treasury),
            ("tiers", self.tiers),
            ("consumption", self.consumption),
            ("payouts", self.payouts),
            ("refunds", self.refunds),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN_ID: u64 = 51_337;

    /// As `vm.serializeAddress` writes it.
    fn valid() -> serde_json::Value {
        let names = [
            "timelock",
            "clock",
            "beacon",
            "parameters",
            "regions",
            "identity",
            "creators",
            "registry",
            "splitPay",
            "escrow",
            "directSale",
            "treasury",
            "tiers",
            "consumption",
            "payouts",
            "refunds",
        ];
        let mut file = serde_json::json!({ "l2ChainId": CHAIN_ID });
        for (name, byte) in names.into_iter().zip(1..) {
            file[name] = serde_json::json!(Address::repeat_byte(byte));
        }
        file
    }

    fn load(text: &str) -> Result<EconomyAddresses, EconomyFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EconomyAddresses::file_name(CHAIN_ID));
        std::fs::write(&path, text).unwrap();
        EconomyAddresses::load(&path, CHAIN_ID)
    }

    #[test]
    fn what_the_deployment_writes_is_read() {
        let addresses = load(&valid().to_string()).unwrap();
        let read = serde_json::to_value(addresses).unwrap();
        for (name, address) in addresses.named() {
            assert_eq!(read[name], serde_json::json!(address), "{name}");
        }
        assert_eq!(addresses.payouts, Address::repeat_byte(15));
    }

    #[test]
    fn a_missing_or_unknown_contract_is_named() {
        let mut file = valid();
        file.as_object_mut().unwrap().remove("tiers");
        let error = load(&file.to_string()).unwrap_err();
        assert!(matches!(error, EconomyFileError::Malformed { .. }));
        assert!(error.to_string().contains("`tiers`"), "{error}");
        file = valid();
        file["bank"] = file["tiers"].clone();
        let error = load(&file.to_string()).unwrap_err();
        assert!(error.to_string().contains("`bank`"), "{error}");
    }

    #[test]
    fn another_chains_file_is_refused() {
        let mut file = valid();
        file["l2ChainId"] = serde_json::json!(1);
        let error = load(&file.to_string()).unwrap_err();
        assert!(
            matches!(
                error,
                EconomyFileError::WrongChain {
                    found: 1,
                    expected: CHAIN_ID,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn zero_addresses_and_what_is_no_json_are_refused() {
        let mut file = valid();
        file["splitPay"] = serde_json::json!(Address::ZERO);
        let error = load(&file.to_string()).unwrap_err();
        assert!(
            matches!(
                error,
                EconomyFileError::ZeroAddress {
                    contract: "splitPay",
                    ..
                }
            ),
            "{error}"
        );
        assert!(matches!(load("{").unwrap_err(), EconomyFileError::Malformed { .. }));
        let missing = EconomyAddresses::load(Path::new("/nonexistent/economy.json"), CHAIN_ID).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/economy.json"), "{missing}");
    }
}
