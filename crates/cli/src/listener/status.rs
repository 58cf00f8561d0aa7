//! `cwe listener status`: what an identity is subscribed to, now and in the next epoch.

use alloy::primitives::{B256, U256};
use cwe_bindings::economy::contracts::CWETiers;
use eyre::{Report, Result};
use serde::Serialize;

use super::Subscriber;
use crate::{
    economy::{Economy, EconomyArgs, ids},
    table,
};

/// Show an identity's subscriptions in the running and the next epoch
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    subscriber: Subscriber,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Status {
    identity_commitment: B256,
    epoch: u64,
    /// Unix time in seconds.
    epoch_ends_at: u64,
    now: Option<Subscription>,
    next: Option<Subscription>,
}

/// A leaf in an epoch's tree.
#[derive(Debug, Serialize)]
struct Subscription {
    epoch: u64,
    tier: String,
    allowance_secs: u64,
    access_classes: u64,
    leaf_index: u64,
    /// Leaves in the epoch's tree.
    tree_size: u64,
    tree_root: B256,
    /// Leaves of the same tier: the crowd that a listener disappears in.
    tier_subscribers: u64,
}

/// Runs `cwe listener status`.
pub(crate) async fn run(args: &StatusArgs) -> Result<()> {
    let commitment = args.subscriber.commitment()?;
    let economy = args.economy.connect(None).await?;
    let epoch = economy.current_epoch().await?;
    let windows = economy
        .read("reading the epoch's windows", economy.clock().windowsOf(epoch))
        .await?;
    let status = Status {
        identity_commitment: commitment.into(),
        epoch,
        epoch_ends_at: windows.endsAt,
        now: subscription(&economy, epoch, commitment).await?,
        next: subscription(&economy, epoch.saturating_add(1), commitment).await?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(())
}

/// None when the identity is not subscribed in the epoch.
async fn subscription(economy: &Economy, epoch: u64, commitment: U256) -> Result<Option<Subscription>> {
    let tiers = economy.tiers();
    let leaf_index = match economy.try_read(tiers.positionOf(epoch, commitment)).await {
        Ok(index) => index,
        Err(error) if error.as_decoded_error::<CWETiers::NotSubscribed>().is_some() => return Ok(None),
        Err(error) => return Err(Report::new(error).wrap_err("reading the subscription")),
    };
    let tier = economy
        .read("reading the tier", tiers.tierOf(epoch, commitment))
        .await?;
    let terms = economy.read("reading the tier", tiers.termsOf(tier, epoch)).await?;
    let revenue = economy.read("reading the tier", tiers.revenueOf(epoch, tier)).await?;
    Ok(Some(Subscription {
        epoch,
        tier: ids::name_of(tier),
        allowance_secs: terms.allowanceSecs.to(),
        access_classes: terms.accessClasses.to(),
        leaf_index: leaf_index.saturating_to(),
        tree_size: economy
            .read("reading the tree", tiers.subscriptionCount(epoch))
            .await?
            .saturating_to(),
        tree_root: economy
            .read("reading the tree", tiers.subscriptionRoot(epoch))
            .await?
            .into(),
        tier_subscribers: revenue.subscribers,
    }))
}

fn print(status: &Status) {
    println!("identity commitment  {}", status.identity_commitment);
    println!(
        "epoch                {}, ends at Unix time {}",
        status.epoch, status.epoch_ends_at
    );
    let subscriptions: Vec<_> = [&status.now, &status.next].into_iter().flatten().collect();
    if subscriptions.is_empty() {
        println!("not subscribed in this or the next epoch; cwe listener subscribe --tier …");
        return;
    }
    let mut rows = table::new(["epoch", "tier", "hours", "leaf", "of", "same tier"]);
    for subscription in subscriptions {
        rows.add_row([
            subscription.epoch.to_string(),
            subscription.tier.clone(),
            (subscription.allowance_secs / 3600).to_string(),
            subscription.leaf_index.to_string(),
            subscription.tree_size.to_string(),
            subscription.tier_subscribers.to_string(),
        ]);
    }
    println!("{rows}");
}
