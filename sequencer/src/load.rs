//! Reading a configuration out of its layers, and refusing what makes no sense.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use cwe_bridge::DataPolicy;
use figment::{
    Figment, Source,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{BatchesSection, Config, L1Section, NodeConfig},
    keys::KeySource,
};

/// What the command `cwe` reads from variables of the same prefix: people set them in the shell in which they start daemons.
const COMMAND_VARIABLES: [&str; 4] = ["cap", "hub", "wallet", "wallet_password"];

/// Most blobs that a batch may have by the protocol.
const MAX_BLOBS: usize = cwe_primitives::blob::MAX_BLOBS;

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was asked for is not there.
    #[error("configuration file {0} does not exist")]
    NoFile(PathBuf),
    /// A key that no section has.
    #[error("unknown configuration key `{key}` (from {origin}){}", suggestion(.nearest))]
    UnknownKey {
        /// Full key, with dots.
        key: String,
        /// File, environment or flags.
        origin: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// Not TOML, or a value of a wrong type.
    #[error("configuration: {0}")]
    Malformed(Box<figment::Error>),
    /// A value of the right type that can't work.
    #[error("configuration key `{key}`: {reason}")]
    Rejected {
        /// Full key, with dots.
        key: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Malformed(Box::new(error))
    }
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|key| format!("; did you mean `{key}`?"))
        .unwrap_or_default()
}

/// Values from flags, by dotted key; they win over every other layer.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<(String, Value)>);

impl Overrides {
    /// Sets a key to a typed value.
    ///
    /// # Errors
    /// The value has no representation in a configuration.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> Result<(), ConfigError> {
        self.0.push((key.into(), Value::serialize(value)?));
        Ok(())
    }

    /// Takes `key=value` as typed after `--set`; the value is read like an environment variable.
    ///
    /// # Errors
    /// There is no `=`.
    pub fn set_text(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(ConfigError::Rejected {
                key: "--set",
                reason: format!("`{assignment}` is not of the form key=value"),
            });
        };
        let Ok(value) = value.parse::<Value>();
        self.0.push((key.trim().into(), value));
        Ok(())
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

    /// Checks values that are well-typed but can't work.
    ///
    /// # Errors
    /// [`ConfigError::Rejected`] for the first of them.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_l1(&self.l1)?;
        at_least_one("engine.block_time_ms", self.engine.block_time_ms)?;
        check_batches(&self.batches)?;
        check_block_size(self)
    }
}

impl NodeConfig {
    /// Reads the layers: defaults, `file`, environment, `overrides`; checks the result.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let config: Self = read(&Self::default(), file, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// Checks values that are well-typed but can't work.
    ///
    /// # Errors
    /// [`ConfigError::Rejected`] for the first of them.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_l1(&self.l1)?;
        match self.blobs.archive_urls.iter().find(|url| !url.contains("{hash}")) {
            Some(url) => rejected("blobs.archive_urls", format!("`{url}` has no {{hash}} in it")),
            None => Ok(()),
        }
    }
}

/// Reads the layers of any daemon's configuration: `defaults`, `file`, environment, `overrides`. Keys that `defaults`
/// hasn't are refused; values are the caller's to check.
///
/// # Errors
/// [`ConfigError`], naming the key.
pub fn read<C: Serialize + DeserializeOwned>(
    defaults: &C,
    file: Option<&Path>,
    overrides: &Overrides,
) -> Result<C, ConfigError> {
    let base = Figment::from(Serialized::defaults(defaults));
    let mut figment = base.clone();
    if let Some(path) = file {
        if !path.is_file() {
            return Err(ConfigError::NoFile(path.to_path_buf()));
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    figment = figment.merge(Env::prefixed("CWE_").ignore(&COMMAND_VARIABLES).split("__"));
    for (key, value) in &overrides.0 {
        figment = figment.merge(Serialized::default(key, value));
    }
    refuse_unknown_keys(&base, &figment)?;
    Ok(figment.extract()?)
}

fn refuse_unknown_keys(base: &Figment, layered: &Figment) -> Result<(), ConfigError> {
    let known = keys(&base.extract()?, "");
    let given = keys(&layered.extract()?, "");
    let Some(key) = given.into_iter().find(|key| !known.contains(key)) else {
        return Ok(());
    };
    let origin = layered.find_metadata(&key).map_or_else(|| "flags".into(), describe);
    let nearest = known
        .into_iter()
        .map(|candidate| (distance(&key, &candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 2)
        .map(|(_, candidate)| candidate);
    Err(ConfigError::UnknownKey { key, origin, nearest })
}

fn describe(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(Source::Code(_)) => "flags".into(),
        Some(source) => format!("{} {source}", metadata.name),
        None => metadata.name.to_string(),
    }
}

/// Dotted names of all leaves.
fn keys(dict: &Dict, prefix: &str) -> Vec<String> {
    dict.iter()
        .flat_map(|(name, value)| {
            let key = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            match value.as_dict() {
                Some(section) if !section.is_empty() => keys(section, &key),
                _ => vec![key],
            }
        })
        .collect()
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Refuses a value.
///
/// # Errors
/// Always [`ConfigError::Rejected`].
pub fn rejected<T>(key: &'static str, reason: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Rejected {
        key,
        reason: reason.into(),
    })
}

/// Refuses zero.
///
/// # Errors
/// [`ConfigError::Rejected`].
pub fn at_least_one(key: &'static str, value: u64) -> Result<(), ConfigError> {
    if value == 0 {
        rejected(key, "must be at least 1")
    } else {
        Ok(())
    }
}

/// Checks the values of the section `l1`.
///
/// # Errors
/// [`ConfigError::Rejected`] for the first that can't work.
pub fn check_l1(l1: &L1Section) -> Result<(), ConfigError> {
    if !["http://", "https://", "ws://", "wss://"]
        .iter()
        .any(|scheme| l1.rpc_url.starts_with(scheme))
    {
        return rejected("l1.rpc_url", "must begin with http://, https://, ws:// or wss://");
    }
    if l1.rollup == Address::ZERO {
        return rejected(
            "l1.rollup",
            "is not set: give the address of the Rollup contract on the L1",
        );
    }
    if l1.inbox == Address::ZERO {
        return rejected(
            "l1.inbox",
            "is not set: give the address of the Inbox contract on the L1",
        );
    }
    at_least_one("l1.poll_interval_ms", l1.poll_interval_ms)?;
    at_least_one("l1.request_timeout_ms", l1.request_timeout_ms)?;
    at_least_one("l1.log_range_blocks", l1.log_range_blocks)
}

fn check_batches(batches: &BatchesSection) -> Result<(), ConfigError> {
    if !batches.enabled {
        return Ok(());
    }
    let source = KeySource {
        key: &batches.private_key,
        file: &batches.private_key_file,
        section: "batches",
    };
    source
        .check()
        .or_else(|reason| rejected("batches.private_key_file", reason))?;
    if !(1..=MAX_BLOBS).contains(&batches.max_blobs) {
        return rejected(
            "batches.max_blobs",
            format!("is {}, must be 1 to {MAX_BLOBS}", batches.max_blobs),
        );
    }
    at_least_one("batches.max_age_ms", batches.max_age_ms)?;
    at_least_one("batches.resubmit_after_ms", batches.resubmit_after_ms)?;
    at_least_one("batches.max_fee_gwei", batches.max_fee_gwei)?;
    at_least_one("batches.max_blob_fee_gwei", batches.max_blob_fee_gwei)
}

/// A block that fits no batch could never be posted: such blocks must not be made.
fn check_block_size(config: &Config) -> Result<(), ConfigError> {
    let BatchesSection { data, max_blobs, .. } = config.batches;
    let (configured, limit) = (config.engine.max_block_bytes, data.max_block_bytes(max_blobs));
    if !config.batches.enabled || configured <= limit {
        return Ok(());
    }
    let place = match data {
        DataPolicy::Calldata => "batches.data = \"calldata\"".to_owned(),
        DataPolicy::Auto | DataPolicy::Blobs => format!("batches.max_blobs = {max_blobs}"),
    };
    let reason = format!("is {configured}, but with {place} a block that fits a batch has {limit}: set it to {limit}");
    rejected("engine.max_block_bytes", reason)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::config::{NODE_DEFAULTS, SEQUENCER_DEFAULTS};

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn required() -> Overrides {
        let mut overrides = Overrides::default();
        overrides.set("l1.rollup", Address::repeat_byte(1)).unwrap();
        overrides.set("l1.inbox", Address::repeat_byte(2)).unwrap();
        overrides.set("batches.enabled", false).unwrap();
        overrides
    }

    #[test]
    fn the_documented_defaults_are_the_defaults_and_name_every_key() {
        let sequencer: Config = toml::from_str(SEQUENCER_DEFAULTS).unwrap();
        assert_eq!(sequencer, Config::default());
        let node: NodeConfig = toml::from_str(NODE_DEFAULTS).unwrap();
        assert_eq!(node, NodeConfig::default());
        let listed = |text: &str| keys(&Figment::from(Toml::string(text)).extract().unwrap(), "");
        let real = |figment: Figment| keys(&figment.extract().unwrap(), "");
        assert_eq!(
            listed(SEQUENCER_DEFAULTS),
            real(Figment::from(Serialized::defaults(Config::default())))
        );
        assert_eq!(
            listed(NODE_DEFAULTS),
            real(Figment::from(Serialized::defaults(NodeConfig::default())))
        );
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = file("[engine]\nblock_time_ms = 300\nheartbeat_secs = 7\n");
        let mut overrides = required();
        overrides.set_text("engine.heartbeat_secs=9").unwrap();
        overrides.set_text("l1.confirmation=12").unwrap();
        let config = Config::load(Some(file.path()), &overrides).unwrap();
        assert_eq!(config.engine.block_time_ms, 300);
        assert_eq!(config.engine.heartbeat_secs, 9);
        assert_eq!(config.l1.confirmation, cwe_bridge::ConfirmationPolicy::Depth(12));
        assert_eq!(config.l1.poll_interval_ms, L1Section::default().poll_interval_ms);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_the_nearest_one() {
        let file = file("[l1]\nrpc_ulr = \"http://localhost\"\n");
        let error = Config::load(Some(file.path()), &required()).unwrap_err().to_string();
        assert!(
            error.contains("`l1.rpc_ulr`") && error.contains("`l1.rpc_url`"),
            "{error}"
        );
        let mut overrides = required();
        overrides.set_text("batchs.enabled=true").unwrap();
        let error = Config::load(None, &overrides).unwrap_err().to_string();
        assert!(
            error.contains("`batchs.enabled`") && error.contains("`batches.enabled`"),
            "{error}"
        );
    }

    #[test]
    fn values_that_can_not_work_are_refused_by_key() {
        for (assignment, key) in [
            ("l1.rpc_url=localhost:8545", "l1.rpc_url"),
            ("l1.rollup=0x0000000000000000000000000000000000000000", "l1.rollup"),
            ("engine.block_time_ms=0", "engine.block_time_ms"),
            ("batches.enabled=true", "batches.private_key_file"),
        ] {
            let mut overrides = required();
            overrides.set_text(assignment).unwrap();
            let error = Config::load(None, &overrides).unwrap_err();
            assert!(
                matches!(&error, ConfigError::Rejected { key: found, .. } if *found == key),
                "{error}"
            );
        }
        assert!(matches!(
            Config::load(Some(Path::new("no/such.toml")), &required()),
            Err(ConfigError::NoFile(_))
        ));
    }

    #[test]
    fn blocks_that_fit_no_batch_are_refused_with_the_size_that_does() {
        let load = |assignments: &[&str]| {
            let mut overrides = required();
            overrides.set_text("batches.enabled=true").unwrap();
            overrides.set_text("batches.private_key=0x01").unwrap();
            assignments
                .iter()
                .for_each(|assignment| overrides.set_text(assignment).unwrap());
            Config::load(None, &overrides).map_err(|error| error.to_string())
        };
        let error = load(&["batches.data=calldata"]).unwrap_err();
        assert!(
            error.contains("`engine.max_block_bytes`: is 700000") && error.contains("set it to 110000"),
            "{error}"
        );
        load(&["batches.data=calldata", "engine.max_block_bytes=110000"]).unwrap();
        load(&["batches.data=calldata", "batches.enabled=false"]).unwrap();
        let error = load(&["batches.max_blobs=2"]).unwrap_err();
        assert!(error.contains("batches.max_blobs = 2"), "{error}");
        for blobs in 1..=MAX_BLOBS {
            let fits = DataPolicy::Blobs.max_block_bytes(blobs);
            load(&[
                &format!("batches.max_blobs={blobs}"),
                &format!("engine.max_block_bytes={fits}"),
            ])
            .unwrap();
            assert!(fits < blobs * cwe_primitives::blob::BLOB_DATA);
        }
    }

    #[test]
    fn a_private_key_shows_nowhere() {
        let mut overrides = required();
        overrides.set_text("batches.private_key=0x1234567890").unwrap();
        let config = Config::load(None, &overrides).unwrap();
        assert_eq!(config.batches.private_key.expose(), "0x1234567890");
        assert!(!format!("{config:?}").contains("1234567890"));
        assert!(!serde_json::to_string(&config).unwrap().contains("1234567890"));
    }
}
