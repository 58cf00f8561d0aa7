//! The daemons' configurations for a devnet, also written to files, so that each daemon can be run by hand.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use cwe_bindings::deploy::L1Addresses;
use cwe_bridge::ConfirmationPolicy;
use cwe_sequencer::{
    Config, NodeConfig,
    config::{BatchesSection, BlobsSection, L1Section, OpsSection},
};
use eyre::{Result, WrapErr};

use super::l1::POSTER_ACCOUNT;
use crate::{genesis::GENESIS_FILE, keys::dev_signer};

/// Milliseconds between two looks at anvil.
const POLL_INTERVAL_MS: u64 = 250;

/// Ports on loopback; 0 takes a free one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// Sequencer's JSON-RPC.
    pub l2: u16,
    /// Sequencer's health and metrics.
    pub ops: u16,
    /// Full node's JSON-RPC.
    pub node: u16,
}

/// What a devnet may do faster or slower.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Milliseconds from opening a block to sealing it.
    pub block_time_ms: u64,
    /// Milliseconds that a block waits for its batch.
    pub batch_age_ms: u64,
}

/// The L1 as all daemons see it.
pub(crate) fn l1_section(url: &str, chain_id: u64, contracts: &L1Addresses) -> L1Section {
    L1Section {
        rpc_url: url.into(),
        chain_id,
        rollup: contracts.rollup,
        inbox: contracts.inbox,
        confirmation: ConfirmationPolicy::Safe,
        poll_interval_ms: POLL_INTERVAL_MS,
        ..L1Section::default()
    }
}

/// Writes `sequencer.toml` and the poster's key file.
pub(crate) fn write_sequencer(folder: &Path, l1: &L1Section, ports: Ports, timing: Timing) -> Result<Config> {
    let key_file = folder.join("poster.key");
    write_secret(&key_file, &dev_signer(POSTER_ACCOUNT)?.to_bytes().to_string())?;
    let mut config = Config {
        data_dir: folder.join("sequencer"),
        genesis: folder.join(GENESIS_FILE),
        l1: l1.clone(),
        batches: BatchesSection {
            private_key_file: key_file,
            max_age_ms: timing.batch_age_ms,
            ..BatchesSection::default()
        },
        ops: OpsSection {
            listen: local(ports.ops),
        },
        ..Config::default()
    };
    config.engine.block_time_ms = timing.block_time_ms;
    config.rpc.listen = local(ports.l2);
    let text = toml::to_string(&config).wrap_err("encoding the sequencer's configuration")?;
    write_text(&folder.join("sequencer.toml"), &text)?;
    Ok(config)
}

/// Writes `node.toml`.
pub(crate) fn write_node(folder: &Path, l1: &L1Section, ports: Ports, sequencer_url: &str) -> Result<NodeConfig> {
    let mut config = NodeConfig {
        data_dir: folder.join("node"),
        genesis: folder.join(GENESIS_FILE),
        sequencer_url: sequencer_url.into(),
        l1: l1.clone(),
        blobs: BlobsSection {
            anvil: true,
            ..BlobsSection::default()
        },
        ops: OpsSection { listen: local(0) },
        ..NodeConfig::default()
    };
    config.rpc.listen = local(ports.node);
    let text = toml::to_string(&config).wrap_err("encoding the node's configuration")?;
    write_text(&folder.join("node.toml"), &text)?;
    Ok(config)
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).wrap_err_with(|| format!("writing {}", path.display()))
}

/// Readable by its owner only, as a production key file should be.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("writing {}", path.display()))
}
