//! Which chains and contracts a command talks to.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{
    network::EthereumWallet,
    primitives::Address,
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use cwe_bindings::deploy::L1Addresses;
use cwe_primitives::predeploys;
use eyre::{Result, WrapErr, bail};
use serde::{Deserialize, Serialize};

use crate::keys::dev_signer;

/// Default port of the devnet's L1.
pub(crate) const L1_PORT: u16 = 8545;
/// Default port of the devnet's L2.
pub(crate) const L2_PORT: u16 = 9545;
/// Default L1 chain id of a devnet.
pub(crate) const L1_CHAIN_ID: u64 = 31_337;
/// Default L2 chain id of a devnet.
pub(crate) const L2_CHAIN_ID: u64 = 51_337;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// An L1, the L2 on it, and the contracts between them: what `cwe devnet --json` prints, and what `--network` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// JSON-RPC URL of the L1.
    pub l1_rpc: String,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// JSON-RPC URL of the L2 over HTTP.
    pub l2_rpc: String,
    /// JSON-RPC URL of the L2 over WebSocket.
    pub l2_ws: String,
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Funded development accounts; a devnet has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<DevAccount>,
    /// Contract addresses by name.
    pub contracts: Contracts,
}

/// A funded development account. The key is derived from a public phrase and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevAccount {
    /// Address.
    pub address: Address,
    /// Private key, hex.
    pub private_key: String,
}

/// Contract addresses, named as in Solidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Contracts {
    /// L1: owner of the others.
    pub timelock: Address,
    /// L1: the token.
    #[serde(rename = "CLN")]
    pub cln: Address,
    /// L1: the message queue.
    pub inbox: Address,
    /// L1: batches and finality.
    pub rollup: Address,
    /// L1: the escrow.
    pub bridge: Address,
    /// L2: withdrawals.
    pub message_passer: Address,
    /// L2: figures of the L1.
    #[serde(rename = "L1BlockOracle")]
    pub l1_block_oracle: Address,
    /// L2: fees.
    pub fee_vault: Address,
}

impl Contracts {
    /// The L1 contracts and the fixed L2 ones.
    pub(crate) const fn new(l1: L1Addresses) -> Self {
        Self {
            timelock: l1.timelock,
            cln: l1.cln,
            inbox: l1.inbox,
            rollup: l1.rollup,
            bridge: l1.bridge,
            message_passer: predeploys::MESSAGE_PASSER,
            l1_block_oracle: predeploys::L1_BLOCK_ORACLE,
            fee_vault: predeploys::FEE_VAULT,
        }
    }
}

/// Which network a command talks to; without flags the devnet on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct NetworkArgs {
    /// Network description (JSON, as `cwe devnet --json` prints it); default: the devnet on this machine
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// JSON-RPC URL of the L1
    #[arg(long, value_name = "URL")]
    l1_rpc: Option<String>,
    /// JSON-RPC URL of the L2
    #[arg(long, value_name = "URL")]
    l2_rpc: Option<String>,
}

impl NetworkArgs {
    /// The network that the flags name.
    ///
    /// # Errors
    /// The file can't be read or is no network description.
    pub(crate) fn resolve(&self) -> Result<Network> {
        let mut network = match &self.network {
            Some(path) => Network::read(path)?,
            None => Network::local_devnet()?,
        };
        if let Some(url) = &self.l1_rpc {
            network.l1_rpc.clone_from(url);
        }
        if let Some(url) = &self.l2_rpc {
            network.l2_rpc.clone_from(url);
        }
        Ok(network)
    }

    /// Folder of the network description, where other files about the same network may lie.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.network.as_deref().and_then(Path::parent)
    }
}

impl Network {
    /// Reads a network description.
    ///
    /// # Errors
    /// The file can't be read or is no network description.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .wrap_err_with(|| format!("the network file {} can't be read", path.display()))?;
        serde_json::from_str(&text).wrap_err_with(|| format!("{} is no network description", path.display()))
    }

    /// The devnet at its default ports. Its deployer starts at nonce 0, so the addresses never change.
    fn local_devnet() -> Result<Self> {
        let deployer = dev_signer(0)?.address();
        let l1 = L1Addresses {
            timelock: deployer.create(0),
            cln: deployer.create(1),
            inbox: deployer.create(5),
            rollup: deployer.create(6),
            bridge: deployer.create(7),
        };
        Ok(Self {
            l1_rpc: format!("http://127.0.0.1:{L1_PORT}"),
            l1_chain_id: L1_CHAIN_ID,
            l2_rpc: format!("http://127.0.0.1:{L2_PORT}"),
            l2_ws: format!("ws://127.0.0.1:{L2_PORT}"),
            l2_chain_id: L2_CHAIN_ID,
            accounts: Vec::new(),
            contracts: Contracts::new(l1),
        })
    }

    /// Connects to the L1 and checks that it is the right chain.
    ///
    /// # Errors
    /// It doesn't answer, or is another chain.
    pub(crate) async fn l1(&self, signer: Option<PrivateKeySigner>) -> Result<DynProvider> {
        connect("L1", &self.l1_rpc, self.l1_chain_id, signer).await
    }

    /// Connects to the L2 and checks that it is the right chain.
    ///
    /// # Errors
    /// It doesn't answer, or is another chain.
    pub(crate) async fn l2(&self, signer: Option<PrivateKeySigner>) -> Result<DynProvider> {
        connect("L2", &self.l2_rpc, self.l2_chain_id, signer).await
    }
}

/// The first development accounts.
pub(crate) fn dev_accounts(count: u32) -> Result<Vec<DevAccount>> {
    (0..count)
        .map(|number| {
            let signer = dev_signer(number)?;
            Ok(DevAccount {
                address: signer.address(),
                private_key: signer.to_bytes().to_string(),
            })
        })
        .collect()
}

async fn connect(layer: &str, url: &str, chain_id: u64, signer: Option<PrivateKeySigner>) -> Result<DynProvider> {
    let endpoint = url
        .parse()
        .wrap_err_with(|| format!("`{url}` is no URL for the {layer}"))?;
    let client = reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .build()
        .wrap_err("setting up HTTP")?;
    let provider = match signer {
        Some(signer) => ProviderBuilder::new()
            .wallet(EthereumWallet::new(signer))
            .connect_reqwest(client, endpoint)
            .erased(),
        None => ProviderBuilder::new().connect_reqwest(client, endpoint).erased(),
    };
    let found = provider
        .get_chain_id()
        .await
        .wrap_err_with(|| format!("the {layer} at {url} does not answer; is it running? (cwe devnet starts one)"))?;
    if found != chain_id {
        bail!("the {layer} at {url} has chain id {found}, expected {chain_id}: wrong URL or wrong --network file");
    }
    Ok(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_a_network_description() {
        let mut network = Network::local_devnet().unwrap();
        network.accounts.push(DevAccount {
            address: Address::repeat_byte(7),
            private_key: "0x01".into(),
        });
        let line = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&line).unwrap(), network);
        let keys: Vec<_> = [
            "l1_rpc",
            "l1_chain_id",
            "l2_rpc",
            "l2_ws",
            "l2_chain_id",
            "accounts",
            "contracts",
        ]
        .into();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut found: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        found.sort();
        let mut expected = keys.clone();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_key_in_a_network_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = serde_json::to_string(&Network::local_devnet().unwrap()).unwrap();
        std::fs::write(file.path(), text.replacen("l1_rpc", "l1_rcp", 1)).unwrap();
        let error = format!("{:#}", Network::read(file.path()).unwrap_err());
        assert!(error.contains("l1_rcp"), "{error}");
    }
}
