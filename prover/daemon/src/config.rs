//! Configuration of the daemon, in the layers of every daemon: built-in defaults, a TOML file, environment variables
//! (`CWE_L1__RPC_URL` sets `l1.rpc_url`), flags. Unknown keys are refused. The commented defaults are
//! `config/prover.toml`; a test keeps them equal to the code.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use cwe_prover_stages::Guest;
use cwe_sequencer::{
    ConfigError, Overrides,
    config::{L1Section, LogSection, OpsSection, Secret},
    keys::KeySource,
    load::{at_least_one, check_l1, read, rejected},
};
use cwe_statement::MAX_BATCHES;
use serde::{Deserialize, Serialize};

use crate::stage::StopAfter;

/// Commented default configuration.
pub const DEFAULTS: &str = include_str!("../config/prover.toml");

/// File name of the program that runs stages.
const STAGE_PROGRAM: &str = "cwe-prover-stage";

/// Configuration of the prover daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of queue, keys, work files and lock; created if missing.
    pub data_dir: PathBuf,
    /// JSON-RPC URL of the node that gives proof inputs.
    pub node_url: String,
    /// Milliseconds before one request to the node is given up.
    pub node_timeout_ms: u64,
    /// The L1 and our contracts on it.
    pub l1: L1Section,
    /// When batches are proven.
    pub finalize_every: FinalizeSection,
    /// The queue of jobs.
    pub queue: QueueSection,
    /// Who works on jobs, and how far.
    pub workers: WorkersSection,
    /// The program that runs stages.
    pub stages: StagesSection,
    /// Posting proofs, and the account that does.
    pub post: PostSection,
    /// Health, metrics and jobs.
    pub ops: OpsSection,
    /// Logs.
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data/prover".into(),
            node_url: "http://127.0.0.1:9545".into(),
            node_timeout_ms: 300_000,
            l1: L1Section::default(),
            finalize_every: FinalizeSection::default(),
            queue: QueueSection::default(),
            workers: WorkersSection::default(),
            stages: StagesSection::default(),
            post: PostSection::default(),
            ops: OpsSection {
                listen: SocketAddr::from(([127, 0, 0, 1], 9602)),
            },
            log: LogSection::default(),
        }
    }
}

/// When batches are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FinalizeSection {
    /// Batches under one proof, at most.
    pub batches: u64,
    /// Seconds after which batches are proven even if they are fewer.
    pub secs: u64,
}

impl Default for FinalizeSection {
    fn default() -> Self {
        Self {
            batches: 16,
            secs: 3_600,
        }
    }
}

/// The queue of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSection {
    /// `sqlite:PATH` or `postgres://…`, which may hold a password; empty: SQLite in the data folder.
    pub address: Secret,
    /// Seconds without a sign of life after which a worker's job is given to another.
    pub lease_secs: u64,
    /// Times that a job is begun before it counts as failed.
    pub max_attempts: u32,
    /// Seconds before a failed attempt is repeated; they double each time, to ten minutes at most.
    pub retry_secs: u64,
}

impl Default for QueueSection {
    fn default() -> Self {
        Self {
            address: Secret::default(),
            lease_secs: 60,
            max_attempts: 20,
            retry_secs: 10,
        }
    }
}

/// Who works on jobs, and how far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkersSection {
    /// Name of this machine in the queue; empty: the host name.
    pub name: String,
    /// Jobs worked on at once.
    pub count: usize,
    /// Other guests whose jobs are worked on too.
    pub guests: Vec<Guest>,
    /// Last stage to run.
    pub stop_after: StopAfter,
    /// Seconds after which a stage counts as stuck and is killed.
    pub stage_timeout_secs: u64,
}

impl Default for WorkersSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            count: 1,
            guests: Guest::ALL.into(),
            stop_after: StopAfter::Halo2,
            stage_timeout_secs: 4 * 60 * 60,
        }
    }
}

/// How much memory stages may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Fastest.
    #[default]
    Default,
    /// For a machine with 24 GiB.
    LowMemory,
}

/// The program that runs stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StagesSection {
    /// Its path; empty: `cwe-prover-stage` beside this program.
    pub program: PathBuf,
    /// Folder of proving keys; empty: `keys` in the data folder.
    pub keys: PathBuf,
    /// Folder of files between stages; empty: `work` in the data folder.
    pub work: PathBuf,
    /// How much memory stages may take.
    pub profile: Profile,
    /// Reference string: `dev` or a powers-of-tau file.
    pub srs: String,
    /// SHA-256 of that file, hex.
    pub srs_sha256: String,
}

impl Default for StagesSection {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            keys: PathBuf::new(),
            work: PathBuf::new(),
            profile: Profile::Default,
            srs: "dev".into(),
            srs_sha256: String::new(),
        }
    }
}

/// Posting proofs, and the account that does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostSection {
    /// Whether proofs are posted to L1.
    pub enabled: bool,
    /// Private key of the posting account, hex. Prefer `private_key_file` or the environment.
    pub private_key: Secret,
    /// File that holds the private key, hex.
    pub private_key_file: PathBuf,
    /// Account that proofs are made for when no key is given.
    pub prover: Address,
    /// Milliseconds without inclusion after which a transaction is replaced with higher fees.
    pub resubmit_after_ms: u64,
    /// Highest price per gas that is paid, gwei.
    pub max_fee_gwei: u64,
}

impl Default for PostSection {
    fn default() -> Self {
        Self {
            enabled: true,
            private_key: Secret::default(),
            private_key_file: PathBuf::new(),
            prover: Address::ZERO,
            resubmit_after_ms: 60_000,
            max_fee_gwei: 500,
        }
    }
}

impl PostSection {
    fn key(&self) -> KeySource<'_> {
        KeySource {
            key: &self.private_key,
            file: &self.private_key_file,
            section: "post",
        }
    }

    fn has_key(&self) -> bool {
        !self.private_key.is_empty() || !self.private_key_file.as_os_str().is_empty()
    }

    /// The posting account's signer, if a key is configured.
    ///
    /// # Errors
    /// The key can't be read, or is none; it is not quoted.
    pub fn signer(&self) -> eyre::Result<Option<PrivateKeySigner>> {
        self.has_key().then(|| self.key().signer()).transpose()
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
        check_node_url(&self.node_url)?;
        at_least_one("node_timeout_ms", self.node_timeout_ms)?;
        let most = MAX_BATCHES as u64;
        if !(1..=most).contains(&self.finalize_every.batches) {
            let reason = format!("is {}, must be 1 to {most}", self.finalize_every.batches);
            return rejected("finalize_every.batches", reason);
        }
        at_least_one("queue.lease_secs", self.queue.lease_secs)?;
        at_least_one("queue.max_attempts", self.queue.max_attempts.into())?;
        at_least_one("queue.retry_secs", self.queue.retry_secs)?;
        at_least_one("workers.stage_timeout_secs", self.workers.stage_timeout_secs)?;
        check_srs(&self.stages)?;
        check_post(&self.post)
    }

    /// The queue's address.
    pub fn queue_address(&self) -> String {
        if self.queue.address.is_empty() {
            format!("sqlite:{}", self.data_dir.join("queue.db").display())
        } else {
            self.queue.address.expose().to_owned()
        }
    }

    /// The guests whose jobs are worked on besides batches: those who ask need proofs for contracts.
    pub fn guests(&self) -> Vec<Guest> {
        match self.workers.stop_after {
            StopAfter::Halo2 => self.workers.guests.clone(),
            StopAfter::Execute | StopAfter::Stark => Vec::new(),
        }
    }

    /// Name of this machine in the queue.
    pub fn worker_name(&self) -> String {
        if !self.workers.name.is_empty() {
            return self.workers.name.clone();
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if host.trim().is_empty() {
            "prover".into()
        } else {
            host.trim().into()
        }
    }
}

impl StagesSection {
    /// Path of the program, whether it is there or not.
    pub fn program(&self) -> PathBuf {
        if !self.program.as_os_str().is_empty() {
            return self.program.clone();
        }
        let beside = std::env::current_exe().ok();
        let folder = beside.as_deref().and_then(Path::parent);
        folder.map_or_else(|| STAGE_PROGRAM.into(), |folder| folder.join(STAGE_PROGRAM))
    }

    /// Folder of proving keys.
    pub fn keys(&self, data_dir: &Path) -> PathBuf {
        or_in(&self.keys, data_dir, "keys")
    }

    /// Folder of files between stages.
    pub fn work(&self, data_dir: &Path) -> PathBuf {
        or_in(&self.work, data_dir, "work")
    }
}

fn or_in(path: &Path, data_dir: &Path, name: &str) -> PathBuf {
    if path.as_os_str().is_empty() {
        data_dir.join(name)
    } else {
        path.to_path_buf()
    }
}

fn check_node_url(url: &str) -> Result<(), ConfigError> {
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok(())
    } else {
        rejected("node_url", "must begin with http:// or https://")
    }
}

fn check_srs(stages: &StagesSection) -> Result<(), ConfigError> {
    match (stages.srs.as_str(), stages.srs_sha256.is_empty()) {
        ("", _) => rejected("stages.srs", "is empty: give \"dev\" or a powers-of-tau file"),
        ("dev", false) => rejected("stages.srs_sha256", "belongs to a file, but stages.srs = \"dev\""),
        ("dev", true) | (_, false) => Ok(()),
        (_, true) => rejected(
            "stages.srs_sha256",
            "is not set: give the SHA-256 of the powers-of-tau file",
        ),
    }
}

fn check_post(post: &PostSection) -> Result<(), ConfigError> {
    if post.enabled || post.has_key() {
        post.key()
            .check()
            .or_else(|reason| rejected("post.private_key_file", reason))?;
    } else if post.prover == Address::ZERO {
        return rejected("post.prover", "is not set: give the account that will post the proofs");
    }
    at_least_one("post.resubmit_after_ms", post.resubmit_after_ms)?;
    at_least_one("post.max_fee_gwei", post.max_fee_gwei)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(assignments: &[&str]) -> Result<Config, ConfigError> {
        let mut overrides = Overrides::default();
        overrides.set("l1.rollup", Address::repeat_byte(1)).unwrap();
        overrides.set("l1.inbox", Address::repeat_byte(2)).unwrap();
        for assignment in assignments {
            overrides.set_text(assignment).unwrap();
        }
        Config::load(None, &overrides)
    }

    #[test]
    fn the_documented_defaults_are_the_defaults_and_name_every_key() {
        let documented: Config = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(documented, Config::default());
        let listed: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let real = toml::Table::try_from(Config::default()).unwrap();
        let names = |table: &toml::Table| -> Vec<String> {
            let section = |(name, value): (&String, &toml::Value)| match value.as_table() {
                Some(keys) => keys.keys().map(|key| format!("{name}.{key}")).collect(),
                None => vec![name.clone()],
            };
            table.iter().flat_map(section).collect()
        };
        assert_eq!(names(&listed), names(&real));
    }

    #[test]
    fn values_that_can_not_work_are_refused_by_key() {
        let key = "post.private_key=0x01";
        for (assignments, expected) in [
            (&[][..], "post.private_key_file"),
            (&["post.enabled=false"], "post.prover"),
            (&[key, "post.private_key_file=poster.key"], "post.private_key_file"),
            (&[key, "finalize_every.batches=0"], "finalize_every.batches"),
            (&[key, "finalize_every.batches=1025"], "finalize_every.batches"),
            (&[key, "stages.srs=ppot_21.ptau"], "stages.srs_sha256"),
            (&[key, "stages.srs_sha256=ab"], "stages.srs_sha256"),
            (&[key, "queue.lease_secs=0"], "queue.lease_secs"),
            (&[key, "node_url=localhost:9545"], "node_url"),
        ] {
            let refused = load(assignments).unwrap_err();
            assert!(
                matches!(&refused, ConfigError::Rejected { key, .. } if *key == expected),
                "{assignments:?}: {refused}"
            );
        }
        load(&[key, "workers.stop_after=stark", "stages.profile=low-memory"]).unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refused = load(&["post.private_key=0x01", "workers.cuont=2"]).unwrap_err();
        assert!(refused.to_string().contains("`workers.count`"), "{refused}");
    }

    #[test]
    fn neither_key_nor_the_password_of_the_queue_shows() {
        let config = load(&[
            "post.private_key=0x1234567890",
            "queue.address=postgres://me:hunter2@db/queue",
        ])
        .unwrap();
        let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
        assert!(!shown.contains("1234567890") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(config.queue_address(), "postgres://me:hunter2@db/queue");
    }
}
