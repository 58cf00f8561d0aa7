//! The wallet's view of the L2.

use cwe_wallet::chain::{Chain, ChainClient};
use eyre::{Result, bail};

use super::file::OpenWallet;
use crate::economy::{Economy, now_secs};

/// The chain, and a wallet that knows its time.
pub(super) async fn connect(economy: &Economy, wallet: &mut OpenWallet) -> Result<ChainClient> {
    let chain = ChainClient::new(economy.l2.clone(), economy.addresses);
    let epoch = economy.current_epoch().await?;
    let facts = chain.facts(epoch).await?;
    let ahead = wallet.anchor(facts.windows.schedule(epoch), chain.head_secs().await?, now_secs()?)?;
    if let Some(secs) = ahead {
        eprintln!(
            "warning: this device's clock had been {secs} s ahead; sessions recorded meanwhile may count in a later \
             epoch, see `cwe wallet status`"
        );
    }
    Ok(chain)
}

/// The epoch that was asked for, or the last one that is over.
pub(super) async fn ended_epoch(economy: &Economy, asked: Option<u64>) -> Result<u64> {
    if let Some(epoch) = asked {
        return Ok(epoch);
    }
    match economy.current_epoch().await?.checked_sub(1) {
        None | Some(0) => bail!("no epoch is over yet: there is nothing to prove"),
        Some(epoch) => Ok(epoch),
    }
}
