//! Configuration of the relayer, in the layers of every daemon: built-in defaults, a TOML file, environment variables
//! (`CWE_L2__RPC_URL` sets `l2.rpc_url`), flags. Unknown keys are refused. The commented defaults are
//! `config/relayer.toml`; a test keeps them equal to the code.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use cwe_sequencer::{
    ConfigError, Overrides,
    config::{LogSection, OpsSection, Secret},
    keys::KeySource,
    load::{at_least_one, read, rejected},
};
use cwe_service::require_key;
use cwe_srs::{Checksum, Setup};
use serde::{Deserialize, Serialize};

/// Commented default configuration.
pub const DEFAULTS: &str = include_str!("../config/relayer.toml");

/// Configuration of the relayer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port that listeners send submissions to.
    pub listen: SocketAddr,
    /// The L2.
    pub l2: L2Section,
    /// What Split proofs are checked with.
    pub proofs: ProofsSection,
    /// The account that pays.
    pub account: AccountSection,
    /// How much is done at once.
    pub limits: LimitsSection,
    /// Health and metrics.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            listen: local(9603),
            l2: L2Section::default(),
            proofs: ProofsSection::default(),
            account: AccountSection::default(),
            limits: LimitsSection::default(),
            ops: OpsSection { listen: local(9604) },
            log: LogSection::default(),
        }
    }
}

/// The L2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct L2Section {
    /// `http(s)://` URL of a node.
    pub rpc_url: String,
    /// Chain id that it must have.
    pub chain_id: u64,
    /// File of the economy's addresses.
    pub economy: PathBuf,
    /// Milliseconds before one request is given up.
    pub request_timeout_ms: u64,
}

impl Default for L2Section {
    fn default() -> Self {
        Self {
            rpc_url: "http://127.0.0.1:9545".into(),
            chain_id: 51_337,
            economy: "deploy/out/economy-51337.json".into(),
            request_timeout_ms: 10_000,
        }
    }
}

/// What Split proofs are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofsSection {
    /// Reference string of the chain's verifier: `"dev"`, or a powers-of-tau file.
    pub srs: String,
    /// SHA-256 of that file, hex.
    pub srs_sha256: String,
}

impl Default for ProofsSection {
    fn default() -> Self {
        Self {
            srs: "dev".into(),
            srs_sha256: String::new(),
        }
    }
}

impl ProofsSection {
    /// The reference string.
    ///
    /// # Errors
    /// [`ConfigError`]: a file without a checksum, or a checksum without a file.
    pub fn setup(&self) -> Result<Setup, ConfigError> {
        const SRS: &str = "proofs.srs";
        const SHA256: &str = "proofs.srs_sha256";
        match (self.srs.as_str(), self.srs_sha256.as_str()) {
            ("", _) => rejected(SRS, "is empty: give \"dev\" or a powers-of-tau file"),
            ("dev", "") => Ok(Setup::default()),
            ("dev", _) => rejected(SHA256, "belongs to a file, but proofs.srs = \"dev\""),
            (_, "") => rejected(SHA256, "is not set: give the SHA-256 of the powers-of-tau file"),
            (file, digits) => match digits.parse::<Checksum>() {
                Ok(checksum) => Ok(Setup::PowersOfTau {
                    file: file.into(),
                    checksum,
                }),
                Err(error) => rejected(SHA256, error.to_string()),
            },
        }
    }
}

/// The account that pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSection {
    /// Its key, hex.
    pub private_key: Secret,
    /// File with the key instead.
    pub private_key_file: PathBuf,
    /// Most CLN wei that one submission may cost.
    pub max_cost_wei: u64,
    /// Below this balance in CLN wei the relayer is not ready.
    pub min_balance_wei: u64,
}

impl Default for AccountSection {
    fn default() -> Self {
        Self {
            private_key: Secret::default(),
            private_key_file: PathBuf::new(),
            max_cost_wei: 10_000_000_000_000_000,
            min_balance_wei: 100_000_000_000_000_000,
        }
    }
}

impl AccountSection {
    /// Where the key is.
    pub fn key(&self) -> KeySource<'_> {
        KeySource {
            key: &self.private_key,
            file: &self.private_key_file,
            section: "account",
        }
    }
}

/// How much is done at once, for all senders together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Submissions a second that are checked against the chain.
    pub per_second: u32,
    /// As many may come at once.
    pub burst: u32,
    /// Submissions that are checked or sent at the same time.
    pub in_flight: u32,
    /// Seconds that a transaction may take.
    pub confirmation_secs: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            per_second: 5,
            burst: 50,
            in_flight: 16,
            confirmation_secs: 30,
        }
    }
}

impl Config {
    /// Reads the layers: defaults, `file`, environment, `overrides`; checks the result.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let config: Self = read(&Self::default(), file, overrides)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !self.l2.rpc_url.starts_with("http://") && !self.l2.rpc_url.starts_with("https://") {
            return rejected("l2.rpc_url", "must begin with http:// or https://");
        }
        at_least_one("l2.request_timeout_ms", self.l2.request_timeout_ms)?;
        at_least_one("limits.per_second", self.limits.per_second.into())?;
        at_least_one("limits.burst", self.limits.burst.into())?;
        at_least_one("limits.in_flight", self.limits.in_flight.into())?;
        at_least_one("limits.confirmation_secs", self.limits.confirmation_secs)?;
        at_least_one("account.max_cost_wei", self.account.max_cost_wei)?;
        self.proofs.setup()?;
        require_key(&self.account.key(), "account.private_key_file", "pay with")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(assignments: &[&str]) -> Result<Config, ConfigError> {
        let mut overrides = Overrides::default();
        for assignment in assignments {
            overrides.set_text(assignment).unwrap();
        }
        Config::load(None, &overrides)
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented: Config = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(documented, Config::default());
        let listed: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let real = toml::Table::try_from(Config::default()).unwrap();
        for (section, keys) in &real {
            let documented = &listed[section];
            let Some(keys) = keys.as_table() else { continue };
            for key in keys.keys() {
                assert!(documented.get(key).is_some(), "{section}.{key} is not documented");
            }
        }
    }

    #[test]
    fn values_that_can_not_work_are_refused_by_key() {
        let key = "account.private_key=0x01";
        for (assignments, expected) in [
            (&[][..], "account.private_key_file"),
            (&[key, "account.private_key_file=a"], "account.private_key_file"),
            (&[key, "limits.per_second=0"], "limits.per_second"),
            (&[key, "limits.in_flight=0"], "limits.in_flight"),
            (&[key, "l2.rpc_url=localhost"], "l2.rpc_url"),
            (&[key, "proofs.srs="], "proofs.srs"),
            (&[key, "proofs.srs=ppot_12.ptau"], "proofs.srs_sha256"),
            (
                &[key, "proofs.srs=ppot_12.ptau", "proofs.srs_sha256=ab"],
                "proofs.srs_sha256",
            ),
            (&[key, "proofs.srs_sha256=ab"], "proofs.srs_sha256"),
        ] {
            let refused = load(assignments).unwrap_err();
            assert!(
                matches!(&refused, ConfigError::Rejected { key, .. } if *key == expected),
                "{assignments:?}: {refused}"
            );
        }
        let shown = format!("{:?}", load(&["account.private_key=0x1234567890"]).unwrap());
        assert!(!shown.contains("1234567890"), "{shown}");
    }
}
