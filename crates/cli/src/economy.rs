//! The economy's contracts as `cwe creator`, `cwe listener`, `cwe wallet` and `cwe epoch` use them: found, called, their refusals put into words.

pub(crate) mod ids;
pub(crate) mod private_file;
mod refusal;
pub(crate) mod snapshot;

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::{DynProvider, Provider},
    rpc::types::{BlockOverrides, TransactionReceipt},
    signers::local::PrivateKeySigner,
};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{CWETiers, CreatorRegistry, EpochClock, WorkRegistry},
};
use eyre::{Report, Result, WrapErr, bail, eyre};

use crate::network::{Network, NetworkArgs};

/// Folder that deployments write their addresses to, below the repository.
const DEPLOYMENTS: &str = "deploy/out";
/// A fifth more gas than in the trial run: another transaction may come first and make this one dearer.
const GAS_MARGIN_DIVISOR: u64 = 5;
/// And as much as the dearest place in a tree costs more than the cheapest (`subscribe` in `snapshots/Economy.json`): who
/// comes first moves the others.
const TREE_GAS_MARGIN: u64 = 100_000;

/// Where the economy is.
#[derive(Debug, clap::Args)]
pub(crate) struct EconomyArgs {
    /// Addresses of the economy (JSON, as DeployEconomy writes it); default: economy-ID.json, ID being the L2's
    /// chain id, beside the --network file or in deploy/out
    #[arg(long, value_name = "FILE")]
    economy: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

/// The economy on an L2 that answers.
pub(crate) struct Economy {
    /// Its contracts.
    pub addresses: EconomyAddresses,
    /// The L2.
    pub l2: DynProvider,
    /// Who sends transactions.
    sender: Option<Address>,
    /// Time of the open block when the connection was made, Unix seconds.
    block_time_secs: u64,
}

impl EconomyArgs {
    /// Addresses of the economy, without a connection.
    ///
    /// # Errors
    /// No file of addresses is found, or it is not this network's.
    pub(crate) fn addresses(&self) -> Result<EconomyAddresses> {
        let chain_id = self.network.resolve()?.l2_chain_id;
        Ok(EconomyAddresses::load(&self.file(chain_id)?, chain_id)?)
    }

    /// The network that the economy is on.
    ///
    /// # Errors
    /// As [`NetworkArgs::resolve`].
    pub(crate) fn network(&self) -> Result<Network> {
        self.network.resolve()
    }

    /// Connects, as `signer` where transactions are to be sent.
    ///
    /// # Errors
    /// No file of addresses is found, it is not this network's, or the L2 does not answer or has no such contracts.
    pub(crate) async fn connect(&self, signer: Option<PrivateKeySigner>) -> Result<Economy> {
        let addresses = self.addresses()?;
        let sender = signer.as_ref().map(PrivateKeySigner::address);
        let l2 = self.network.resolve()?.l2(signer).await?;
        let code = l2
            .get_code_at(addresses.registry)
            .await
            .wrap_err("reading the registry's code")?;
        if code.is_empty() {
            bail!(
                "there is no contract at {} on this L2: the economy file is of another deployment, or of a chain that was \
                 started anew",
                addresses.registry
            );
        }
        let open_block = l2
            .get_block(BlockId::pending())
            .await
            .wrap_err("reading the open block")?
            .ok_or_else(|| eyre!("the L2 has no open block"))?;
        Ok(Economy {
            addresses,
            l2,
            sender,
            block_time_secs: open_block.header.timestamp,
        })
    }

    fn file(&self, chain_id: u64) -> Result<PathBuf> {
        if let Some(file) = &self.economy {
            return Ok(file.clone());
        }
        let name = EconomyAddresses::file_name(chain_id);
        let beside_network = self.network.folder().map(|folder| folder.join(&name));
        let deployed = PathBuf::from(DEPLOYMENTS).join(&name);
        let places: Vec<_> = beside_network.into_iter().chain([deployed]).collect();
        places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| {
            let tried: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            eyre!(
                "no addresses of the economy on chain {chain_id} at {}: give --economy, or deploy it with \
                 deploy/economy/DeployEconomy.s.sol",
                tried.join(" or ")
            )
        })
    }
}

impl Economy {
    /// The epochs.
    pub(crate) fn clock(&self) -> EpochClock::EpochClockInstance<&DynProvider> {
        EpochClock::new(self.addresses.clock, &self.l2)
    }

    /// The creators.
    pub(crate) fn creators(&self) -> CreatorRegistry::CreatorRegistryInstance<&DynProvider> {
        CreatorRegistry::new(self.addresses.creators, &self.l2)
    }

    /// The works.
    pub(crate) fn registry(&self) -> WorkRegistry::WorkRegistryInstance<&DynProvider> {
        WorkRegistry::new(self.addresses.registry, &self.l2)
    }

    /// The tiers.
    pub(crate) fn tiers(&self) -> CWETiers::CWETiersInstance<&DynProvider> {
        CWETiers::new(self.addresses.tiers, &self.l2)
    }

    /// The running epoch.
    ///
    /// # Errors
    /// The first has not started, or the L2 fails.
    pub(crate) async fn current_epoch(&self) -> Result<u64> {
        self.read("reading the epoch", self.clock().currentEpoch()).await
    }

    /// Time at which the next transaction runs, Unix seconds. The open block of a quiet chain keeps the time of the last
    /// transaction until another one comes.
    ///
    /// # Errors
    /// The system's clock makes no sense.
    pub(crate) fn time_secs(&self) -> Result<u64> {
        Ok(now_secs()?.max(self.block_time_secs))
    }

    /// Calls a view as the next transaction would find it. `doing` begins the message of a failure.
    ///
    /// # Errors
    /// The contract refuses, or the L2 fails.
    pub(crate) async fn read<P: Provider, D: CallDecoder>(
        &self,
        doing: &str,
        call: CallBuilder<P, D>,
    ) -> Result<D::CallOutput> {
        self.try_read(call).await.map_err(|error| match error.as_revert_data() {
            Some(data) => refused(doing, &data),
            None => Report::new(error).wrap_err(doing.to_owned()),
        })
    }

    /// The same, for a caller that wants to look at the contract's error.
    ///
    /// # Errors
    /// The contract refuses, or the L2 fails.
    pub(crate) async fn try_read<P: Provider, D: CallDecoder>(
        &self,
        call: CallBuilder<P, D>,
    ) -> alloy::contract::Result<D::CallOutput> {
        call.call()
            .block(BlockId::pending())
            .with_block_overrides(self.at_present())
            .await
    }

    /// Sends a transaction and waits until it is executed. `doing` begins the message of a failure.
    ///
    /// # Errors
    /// The contract refuses in a trial run, the sender can't pay, or the L2 fails.
    pub(crate) async fn send<P: Provider + Clone, D: CallDecoder + Clone>(
        &self,
        doing: &str,
        call: CallBuilder<P, D>,
    ) -> Result<TransactionReceipt> {
        let sender = self
            .sender
            .ok_or_else(|| eyre!("{doing}: there is no key to sign with"))?;
        let call = call.from(sender);
        let estimate = self
            .l2
            .estimate_gas(call.clone().into_transaction_request())
            .block(BlockId::pending())
            .with_block_overrides(self.at_present())
            .await
            .map_err(
                |error| match error.as_error_resp().and_then(|response| response.as_revert_data()) {
                    Some(data) => refused(doing, &data),
                    None => Report::new(error).wrap_err(doing.to_owned()),
                },
            )?;
        let receipt = call
            .gas(
                estimate
                    .saturating_add(estimate / GAS_MARGIN_DIVISOR)
                    .saturating_add(TREE_GAS_MARGIN),
            )
            .send()
            .await
            .wrap_err_with(|| doing.to_owned())?
            .get_receipt()
            .await
            .wrap_err_with(|| format!("{doing}: waiting for the receipt"))?;
        if !receipt.status() {
            bail!(
                "{doing}: transaction {} reverted although it had passed its trial run: the chain changed in between; \
                 try again",
                receipt.transaction_hash
            );
        }
        Ok(receipt)
    }

    fn at_present(&self) -> BlockOverrides {
        BlockOverrides {
            time: self.time_secs().ok(),
            ..BlockOverrides::default()
        }
    }
}

/// This machine's clock, Unix time in seconds.
///
/// # Errors
/// It is before 1970.
pub(crate) fn now_secs() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now.wrap_err("the system's clock is before 1970")?.as_secs())
}

/// A contract says no.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub(crate) struct Refused {
    /// What was tried.
    pub doing: String,
    /// Its reason, in words.
    pub reason: String,
}

fn refused(doing: &str, data: &Bytes) -> Report {
    Report::new(Refused {
        doing: doing.into(),
        reason: refusal::explain(data),
    })
}
