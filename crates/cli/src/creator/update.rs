//! `cwe creator work update`: another price or region rule, from the next epoch on.

use alloy::primitives::B256;
use cwe_bindings::economy::contracts::work_registry::ICWERegistry;
use eyre::{Result, bail, eyre};
use serde::Serialize;

use crate::{
    economy::{EconomyArgs, ids},
    keys::KeyArgs,
};

/// Change price or region rule of a work, from the next epoch on
#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// The work
    #[arg(value_name = "WORK")]
    work: B256,
    /// Price of a minute, micro-CLN; default: as it is
    #[arg(long, value_name = "MICRO_CLN", required_unless_present = "region")]
    price: Option<u64>,
    /// Region rule; default: as it is
    #[arg(long, value_name = "NAME", value_parser = ids::region_rule)]
    region: Option<B256>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Updated {
    work_id: B256,
    from_epoch: u64,
    price_per_min: u64,
    region_rule: String,
    transaction: B256,
}

/// Runs `cwe creator work update`.
pub(crate) async fn run(args: &UpdateArgs) -> Result<()> {
    let economy = args.economy.connect(Some(args.keys.signer()?)).await?;
    let registry = economy.registry();
    let from_epoch = economy.current_epoch().await?.checked_add(1);
    let from_epoch = from_epoch.ok_or_else(|| eyre!("there is no epoch after this one"))?;
    let present = economy
        .read("reading the terms", registry.termsAt(args.work, from_epoch))
        .await?;
    let terms = ICWERegistry::Terms {
        pricePerMin: args.price.unwrap_or(present.pricePerMin),
        regionRule: args.region.unwrap_or(present.regionRule),
    };
    if terms == present {
        bail!("work {} has this price and region rule already", args.work);
    }
    let updated = Updated {
        work_id: args.work,
        from_epoch,
        price_per_min: terms.pricePerMin,
        region_rule: ids::name_of(terms.regionRule),
        transaction: economy
            .send("changing the terms", registry.setTerms(args.work, terms))
            .await?
            .transaction_hash,
    };
    if args.json {
        println!("{}", serde_json::to_string(&updated)?);
    } else {
        println!(
            "work {}: {} micro-CLN a minute, region rule {}, from epoch {from_epoch} on",
            updated.work_id, updated.price_per_min, updated.region_rule
        );
        println!("  transaction  {}", updated.transaction);
    }
    Ok(())
}
