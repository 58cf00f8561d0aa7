//! `cwe listener subscribe`: one leaf in an epoch's subscription tree, for oneself or as a gift.

use alloy::{
    primitives::{B256, U256},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use cwe_bindings::economy::contracts::CWETiers;
use eyre::{Result, bail, eyre};
use serde::Serialize;

use super::Subscriber;
use crate::{
    amount,
    economy::{Economy, EconomyArgs, ids},
    keys::KeyArgs,
};

/// Subscribe an identity to a tier for the running epoch; the fee is read from the chain
#[derive(Debug, clap::Args)]
pub(crate) struct SubscribeArgs {
    /// Name of the tier, such as light
    #[arg(long, value_name = "NAME", value_parser = ids::tier_id)]
    tier: B256,
    /// Subscribe for the next epoch instead
    #[arg(long)]
    next_epoch: bool,
    /// Pay at most this much, in CLN
    #[arg(long, value_name = "AMOUNT", value_parser = amount::parse)]
    max_fee: Option<U256>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    subscriber: Subscriber,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Subscribed {
    tier: String,
    epoch: u64,
    identity_commitment: B256,
    leaf_index: u64,
    leaf: B256,
    fee_wei: String,
    transaction: B256,
}

/// Runs `cwe listener subscribe`.
pub(crate) async fn run(args: &SubscribeArgs) -> Result<()> {
    let commitment = args.subscriber.commitment()?;
    let economy = args.economy.connect(Some(args.keys.signer()?)).await?;
    let current = economy.current_epoch().await?;
    let epoch = current.saturating_add(u64::from(args.next_epoch));
    let fee = fee_of(&economy, args.tier, epoch).await?;
    if let Some(maximum) = args.max_fee.filter(|maximum| fee > *maximum) {
        bail!(
            "tier {} costs {} in epoch {epoch}, more than --max-fee {}",
            ids::name_of(args.tier),
            amount::show(fee),
            amount::show(maximum)
        );
    }
    let tiers = economy.tiers();
    let receipt = if args.next_epoch {
        economy
            .send("subscribing", tiers.renew(args.tier, commitment).value(fee))
            .await?
    } else {
        economy
            .send("subscribing", tiers.subscribe(args.tier, commitment).value(fee))
            .await?
    };
    let event = event_in(&receipt, tiers.address())?;
    let subscribed = Subscribed {
        tier: ids::name_of(event.tierId),
        epoch: event.epoch,
        identity_commitment: event.identityCommitment.into(),
        leaf_index: event.index.saturating_to(),
        leaf: event.leaf.into(),
        fee_wei: event.fee.to_string(),
        transaction: receipt.transaction_hash,
    };
    if args.json {
        println!("{}", serde_json::to_string(&subscribed)?);
    } else {
        println!(
            "subscribed to {} in epoch {} for {}",
            subscribed.tier,
            subscribed.epoch,
            amount::show(event.fee)
        );
        println!("  leaf         {} of the epoch's tree", subscribed.leaf_index);
        println!("  transaction  {}", subscribed.transaction);
    }
    Ok(())
}

/// Fee of a tier in an epoch, CLN wei.
async fn fee_of(economy: &Economy, tier: B256, epoch: u64) -> Result<U256> {
    let tiers = economy.tiers();
    let terms = economy.read("reading the tier", tiers.termsOf(tier, epoch)).await?;
    if !terms.fee.is_zero() {
        return Ok(U256::from(terms.fee));
    }
    bail!(
        "there is no tier `{}` in epoch {epoch}; there are: {}",
        ids::name_of(tier),
        open_tiers(economy, epoch).await?.join(", ")
    )
}

async fn open_tiers(economy: &Economy, epoch: u64) -> Result<Vec<String>> {
    let tiers = economy.tiers();
    let mut open = Vec::new();
    for id in economy.read("reading the tiers", tiers.tierIds()).await? {
        let terms = economy.read("reading the tiers", tiers.termsOf(id, epoch)).await?;
        if !terms.fee.is_zero() {
            open.push(format!(
                "{} ({})",
                ids::name_of(id),
                amount::show(U256::from(terms.fee))
            ));
        }
    }
    Ok(open)
}

fn event_in(receipt: &TransactionReceipt, tiers: &alloy::primitives::Address) -> Result<CWETiers::Subscribed> {
    receipt
        .logs()
        .iter()
        .filter(|log| log.address() == *tiers)
        .find_map(|log| CWETiers::Subscribed::decode_log(&log.inner).ok())
        .map(|event| event.data)
        .ok_or_else(|| eyre!("transaction {} made no subscription", receipt.transaction_hash))
}
