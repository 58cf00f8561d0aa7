//! Configuration of the coordinator, in the layers of every daemon: built-in defaults, a TOML file, environment
//! variables (`CWE_L2__RPC_URL` sets `l2.rpc_url`), flags. Unknown keys are refused. The commented defaults are
//! `config/aggregator.toml`; a test keeps them equal to the code.

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
use cwe_service::{L2Section, Rates, require_key};
use cwe_srs::{Checksum, Setup};
use serde::{Deserialize, Serialize};

/// Commented default configuration.
pub const DEFAULTS: &str = include_str!("../config/aggregator.toml");

/// Most reveals of one aggregate.
const MAX_AGGREGATE: u32 = 65_536;

/// Configuration of the coordinator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where requests are taken and what is kept.
    pub serve: ServeSection,
    /// The L2.
    pub l2: L2Section,
    /// What Reveal proofs are checked with.
    pub proofs: ProofsSection,
    /// The account that signs receipts and posts aggregates.
    pub account: AccountSection,
    /// How much is taken at once.
    pub limits: LimitsSection,
    /// When reveals are aggregated.
    pub aggregates: AggregatesSection,
    /// Other coordinators.
    pub peers: PeersSection,
    /// Health and metrics.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

/// Where requests are taken and what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSection {
    /// Address and port.
    pub listen: SocketAddr,
    /// The store: `sqlite:PATH` or `postgres://…`.
    pub database: Secret,
    /// Settled epochs whose reveals and states are kept.
    pub keep_epochs: u64,
}

impl Default for ServeSection {
    fn default() -> Self {
        Self {
            listen: local(9605),
            database: Secret::default(),
            keep_epochs: 3,
        }
    }
}

impl ServeSection {
    /// The store's address.
    pub fn database(&self) -> &str {
        if self.database.is_empty() {
            "sqlite:data/aggregator/reveals.db"
        } else {
            self.database.expose()
        }
    }
}

/// What Reveal proofs are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofsSection {
    /// Reference string of the chain's verifiers: `"dev"`, or a powers-of-tau file.
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

/// The account that signs receipts and posts aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSection {
    /// Its key, hex.
    pub private_key: Secret,
    /// File with the key instead.
    pub private_key_file: PathBuf,
    /// Most CLN wei that one transaction may cost.
    pub max_cost_wei: u64,
    /// Seconds without inclusion after which a transaction is replaced with higher fees.
    pub resubmit_after_secs: u64,
}

impl Default for AccountSection {
    fn default() -> Self {
        Self {
            private_key: Secret::default(),
            private_key_file: PathBuf::new(),
            max_cost_wei: 100_000_000_000_000_000,
            resubmit_after_secs: 60,
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

/// How much is taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Requests a second, all senders together.
    pub per_second: u32,
    /// As many may come at once.
    pub burst: u32,
    /// Requests a second of one group of networks; 0: no bound, behind a proxy.
    pub network_per_second: u32,
    /// As many may come at once.
    pub network_burst: u32,
    /// Connections at the same time.
    pub connections: u32,
    /// Seconds after which a connection is closed.
    pub connection_secs: u64,
    /// Reveals that wait for their proof to be checked.
    pub waiting: u32,
    /// Batches of proofs that are checked at the same time.
    pub verifiers: u32,
    /// Reveals of one epoch that are kept.
    pub max_reveals_per_epoch: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            per_second: 1_000,
            burst: 2_000,
            network_per_second: 50,
            network_burst: 200,
            connections: 1_024,
            connection_secs: 30,
            waiting: 1_024,
            verifiers: 2,
            max_reveals_per_epoch: 1_000_000,
        }
    }
}

/// When reveals are aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AggregatesSection {
    /// The prover's queue: `sqlite:PATH` or `postgres://…`. Empty: this coordinator only takes reveals.
    pub queue: Secret,
    /// Most reveals of one aggregate.
    pub max_reveals: u32,
    /// Seconds after which reveals are aggregated even if they are fewer.
    pub after_secs: u64,
    /// Aggregates of an epoch that are proven at the same time, each on the one before.
    pub in_flight: u32,
    /// Times that a proof is begun before it counts as failed.
    pub max_attempts: u32,
    /// Whether epochs are settled too.
    pub settle: bool,
}

impl Default for AggregatesSection {
    fn default() -> Self {
        Self {
            queue: Secret::default(),
            max_reveals: 1_024,
            after_secs: 3_600,
            in_flight: 4,
            max_attempts: 5,
            settle: true,
        }
    }
}

/// Other coordinators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeersSection {
    /// File with the tokens of those who may ask for states and hand over aggregates, one a line; empty: nobody.
    pub tokens_file: PathBuf,
    /// Those who are asked.
    pub ask: Vec<Peer>,
    /// Milliseconds before one request to a peer is given up.
    pub request_timeout_ms: u64,
}

impl Default for PeersSection {
    fn default() -> Self {
        Self {
            tokens_file: PathBuf::new(),
            ask: Vec::new(),
            request_timeout_ms: 60_000,
        }
    }
}

/// A coordinator that is asked for states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// `http(s)://` URL.
    pub url: String,
    /// The token that it gave us.
    pub token: Secret,
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Config {
    /// Reads the layers: defaults, `file`, environment, `overrides`; checks the result.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let defaults = Self {
            ops: OpsSection { listen: local(9606) },
            ..Self::default()
        };
        let config: Self = read(&defaults, file, overrides)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.l2.check()?;
        self.proofs.setup()?;
        at_least_one("account.max_cost_wei", self.account.max_cost_wei)?;
        at_least_one("account.resubmit_after_secs", self.account.resubmit_after_secs)?;
        self.limits.check()?;
        self.aggregates.check()?;
        if self.peers.ask.iter().any(|peer| !is_http(&peer.url)) {
            return rejected("peers.ask", "every url must begin with http:// or https://");
        }
        at_least_one("peers.request_timeout_ms", self.peers.request_timeout_ms)?;
        require_key(&self.account.key(), "account.private_key_file", "sign receipts with")
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

impl LimitsSection {
    /// What is taken of requests.
    pub const fn rates(&self) -> Rates {
        Rates {
            per_second: self.per_second,
            burst: self.burst,
            network_per_second: self.network_per_second,
            network_burst: self.network_burst,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("limits.per_second", self.per_second),
            ("limits.burst", self.burst),
            ("limits.network_burst", self.network_burst),
            ("limits.connections", self.connections),
            ("limits.waiting", self.waiting),
            ("limits.verifiers", self.verifiers),
        ] {
            at_least_one(key, value.into())?;
        }
        at_least_one("limits.connection_secs", self.connection_secs)?;
        at_least_one("limits.max_reveals_per_epoch", self.max_reveals_per_epoch)
    }
}

impl AggregatesSection {
    fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_AGGREGATE).contains(&self.max_reveals) {
            let reason = format!("is {}, must be 1 to {MAX_AGGREGATE}", self.max_reveals);
            return rejected("aggregates.max_reveals", reason);
        }
        at_least_one("aggregates.in_flight", self.in_flight.into())?;
        at_least_one("aggregates.max_attempts", self.max_attempts.into())
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
        let defaults = load(&["account.private_key=0x01"]).unwrap();
        let keyless = Config {
            account: AccountSection::default(),
            ..defaults
        };
        assert_eq!(documented, keyless);
        let listed: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let real = toml::Table::try_from(Config::default()).unwrap();
        for (section, keys) in &real {
            for key in keys.as_table().unwrap().keys() {
                assert!(listed[section].get(key).is_some(), "{section}.{key} is not documented");
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
            (&[key, "limits.verifiers=0"], "limits.verifiers"),
            (&[key, "aggregates.max_reveals=0"], "aggregates.max_reveals"),
            (&[key, "aggregates.max_reveals=70000"], "aggregates.max_reveals"),
            (&[key, "l2.rpc_url=localhost"], "l2.rpc_url"),
            (&[key, "proofs.srs=ppot_12.ptau"], "proofs.srs_sha256"),
            (&[key, "proofs.srs_sha256=ab"], "proofs.srs_sha256"),
        ] {
            let refused = load(assignments).unwrap_err();
            assert!(
                matches!(&refused, ConfigError::Rejected { key, .. } if *key == expected),
                "{assignments:?}: {refused}"
            );
        }
    }

    #[test]
    fn no_secret_shows() {
        let config = load(&[
            "account.private_key=0x1234567890",
            "serve.database=postgres://me:hunter2@db/reveals",
            "aggregates.queue=postgres://me:hunter2@db/queue",
            "peers.ask=[{url=\"http://peer\", token=\"hunter2\"}]",
        ])
        .unwrap();
        let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
        assert!(!shown.contains("1234567890") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(config.peers.ask[0].token.expose(), "hunter2");
    }
}
