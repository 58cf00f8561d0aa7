//! Configuration of the hub, in the layers of every daemon: built-in defaults, a TOML file, environment variables
//! (`CWE_L2__RPC_URL` sets `l2.rpc_url`), flags. Unknown keys are refused. The commented defaults are `config/hub.toml`;
//! a test keeps them equal to the code.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use cwe_sequencer::{
    ConfigError, Overrides,
    config::{LogSection, OpsSection, Secret},
    keys::KeySource,
    load::{at_least_one, read},
};
use cwe_service::{L2Section, Rates, require_key};
use serde::{Deserialize, Serialize};

/// Commented default configuration.
pub const DEFAULTS: &str = include_str!("../config/hub.toml");

/// Configuration of the hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where requests are taken and what is kept.
    pub serve: ServeSection,
    /// The L2.
    pub l2: L2Section,
    /// The key that signs answers.
    pub answers: AnswersSection,
    /// How much is taken at once.
    pub limits: LimitsSection,
    /// Health and metrics.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            serve: ServeSection::default(),
            l2: L2Section {
                poll_interval_ms: 1_000,
                ..L2Section::default()
            },
            answers: AnswersSection::default(),
            limits: LimitsSection::default(),
            ops: OpsSection { listen: local(9608) },
            log: LogSection {
                filter: "info,tantivy=warn".into(),
                ..LogSection::default()
            },
        }
    }
}

/// Where requests are taken and what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSection {
    /// Address and port.
    pub listen: SocketAddr,
    /// The store: `sqlite:PATH` or `postgres://…`.
    pub database: Secret,
    /// Folder of the search index and the fingerprint index.
    pub index: PathBuf,
    /// Works that a bucket of the private lookup holds at least.
    pub bucket_works: u32,
}

impl Default for ServeSection {
    fn default() -> Self {
        Self {
            listen: local(9607),
            database: Secret::default(),
            index: "data/hub/index".into(),
            bucket_works: 256,
        }
    }
}

impl ServeSection {
    /// The store's address.
    pub fn database(&self) -> &str {
        if self.database.is_empty() {
            "sqlite:data/hub/hub.db"
        } else {
            self.database.expose()
        }
    }
}

/// The key that signs answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswersSection {
    /// The key, hex.
    pub private_key: Secret,
    /// File with the key instead.
    pub private_key_file: PathBuf,
}

impl AnswersSection {
    /// Where the key is.
    pub fn key(&self) -> KeySource<'_> {
        KeySource {
            key: &self.private_key,
            file: &self.private_key_file,
            section: "answers",
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
    /// Lookups in the indices at the same time.
    pub lookups: u32,
    /// Lookups that wait until one of them has ended.
    pub waiting_lookups: u32,
    /// Manifests and descriptors that are checked at the same time.
    pub uploads: u32,
    /// Bytes of requests' bodies that are held at the same time.
    pub body_bytes: u32,
    /// Largest descriptor, bytes.
    pub max_descriptor_bytes: u32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            per_second: 500,
            burst: 1_000,
            network_per_second: 25,
            network_burst: 100,
            connections: 1_024,
            connection_secs: 60,
            lookups: 16,
            waiting_lookups: 128,
            uploads: 8,
            body_bytes: 256 << 20,
            max_descriptor_bytes: 8 << 20,
        }
    }
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
            ("limits.lookups", self.lookups),
            ("limits.uploads", self.uploads),
            ("limits.body_bytes", self.body_bytes),
            ("limits.max_descriptor_bytes", self.max_descriptor_bytes),
        ] {
            at_least_one(key, value.into())?;
        }
        at_least_one("limits.connection_secs", self.connection_secs)
    }
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
        let config: Self = read(&Self::default(), file, overrides)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.l2.check()?;
        self.limits.check()?;
        at_least_one("serve.bucket_works", self.serve.bucket_works.into())?;
        require_key(&self.answers.key(), "answers.private_key_file", "sign answers with")
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
            for key in keys.as_table().unwrap().keys() {
                assert!(listed[section].get(key).is_some(), "{section}.{key} is not documented");
            }
        }
    }

    #[test]
    fn values_that_can_not_work_are_refused_by_key() {
        let key = "answers.private_key=0x01";
        for (assignments, expected) in [
            (&[][..], "answers.private_key_file"),
            (&[key, "answers.private_key_file=a"], "answers.private_key_file"),
            (&[key, "limits.lookups=0"], "limits.lookups"),
            (&[key, "serve.bucket_works=0"], "serve.bucket_works"),
            (&[key, "l2.rpc_url=localhost"], "l2.rpc_url"),
            (&[key, "l2.poll_interval_ms=0"], "l2.poll_interval_ms"),
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
            "answers.private_key=0x1234567890",
            "serve.database=postgres://me:hunter2@db/hub",
        ])
        .unwrap();
        let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
        assert!(!shown.contains("1234567890") && !shown.contains("hunter2"), "{shown}");
    }
}
