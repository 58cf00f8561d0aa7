//! `cwe wallet fix-key`: an L1 block goes to the L2, and the key of an epoch is fixed from it, by whoever comes first.

use std::time::{Duration, Instant};

use alloy::{primitives::B256, providers::DynProvider, signers::local::PrivateKeySigner, sol_types::SolInterface};
use cwe_bindings::{
    contracts::Inbox,
    economy::contracts::{EpochBeacon, epoch_beacon::EpochBeacon::EpochBeaconErrors},
};
use eyre::{Result, WrapErr, bail};

use super::chain;
use crate::{
    economy::{Economy, EconomyArgs},
    keys::KeyArgs,
    progress::Progress,
};

/// How often the L2 is asked whether the L1 block has come.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Fix the key of an epoch that is over, which proofs need; anybody may, and once is enough
#[derive(Debug, clap::Args)]
pub(super) struct FixKeyArgs {
    /// Which epoch; default: the last one that is over
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Give up waiting for the L1 block on L2 after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout_secs: u64,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

/// What a trial run of `EpochBeacon.fix` says.
enum Trial {
    Ready,
    /// The newest L1 block that the L2 knows is from before the epoch's end.
    NeedsL1Block,
    Fixed,
}

/// Runs `cwe wallet fix-key`.
pub(super) async fn run(args: &FixKeyArgs) -> Result<()> {
    let signer = args.keys.signer()?;
    let economy = args.economy.connect(Some(signer.clone())).await?;
    let epoch = chain::ended_epoch(&economy, args.epoch).await?;
    let beacon = EpochBeacon::new(economy.addresses.beacon, &economy.l2);
    let mut steps = Progress::new();
    let mut transaction = None;
    if matches!(trial(&economy, &beacon, epoch).await?, Trial::NeedsL1Block) {
        steps.step("relaying an L1 block to the L2");
        relay_l1_block(args, signer).await?;
        steps.step("waiting for it on L2");
        wait_for_l1_block(args, &economy, &beacon, epoch).await?;
    }
    if matches!(trial(&economy, &beacon, epoch).await?, Trial::Ready) {
        steps.step(format!("fixing the key of epoch {epoch}"));
        let receipt = economy.send("fixing the key", beacon.fix(epoch)).await?;
        transaction = Some(receipt.transaction_hash);
    }
    steps.finish();
    let key = economy.read("reading the key", beacon.keyOf(epoch)).await?;
    show(args.json, epoch, key.into(), transaction);
    Ok(())
}

async fn trial(
    economy: &Economy,
    beacon: &EpochBeacon::EpochBeaconInstance<&DynProvider>,
    epoch: u64,
) -> Result<Trial> {
    let error = match economy.try_read(beacon.fix(epoch)).await {
        Ok(_) => return Ok(Trial::Ready),
        Err(error) => error,
    };
    match error
        .as_revert_data()
        .and_then(|data| EpochBeaconErrors::abi_decode(&data).ok())
    {
        Some(EpochBeaconErrors::KeyAlreadyFixed(_)) => Ok(Trial::Fixed),
        Some(EpochBeaconErrors::L1BlockTooOld(_)) => Ok(Trial::NeedsL1Block),
        Some(EpochBeaconErrors::EpochNotOver(running)) => {
            bail!("epoch {epoch} is over at Unix time {}, not before", running.endsAt)
        }
        _ => Err(error).wrap_err("trying to fix the key"),
    }
}

async fn relay_l1_block(args: &FixKeyArgs, signer: PrivateKeySigner) -> Result<()> {
    let network = args.economy.network()?;
    let l1 = network.l1(Some(signer)).await?;
    let receipt = Inbox::new(network.contracts.inbox, &l1)
        .relayL1Block()
        .send()
        .await
        .wrap_err("relaying an L1 block")?
        .get_receipt()
        .await
        .wrap_err("waiting for the L1 block to be relayed")?;
    if !receipt.status() {
        bail!(
            "transaction {} reverted: the block was relayed by somebody else; try again",
            receipt.transaction_hash
        );
    }
    Ok(())
}

async fn wait_for_l1_block(
    args: &FixKeyArgs,
    economy: &Economy,
    beacon: &EpochBeacon::EpochBeaconInstance<&DynProvider>,
    epoch: u64,
) -> Result<()> {
    let started = Instant::now();
    while matches!(trial(economy, beacon, epoch).await?, Trial::NeedsL1Block) {
        if started.elapsed() > Duration::from_secs(args.timeout_secs) {
            bail!(
                "no L1 block from after the end of epoch {epoch} is on L2 after {} s: L1's clock may be behind; try again",
                args.timeout_secs
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

fn show(json: bool, epoch: u64, key: B256, transaction: Option<B256>) {
    if json {
        println!(
            "{}",
            serde_json::json!({ "epoch": epoch, "key": key, "transaction": transaction })
        );
    } else if transaction.is_some() {
        println!("the key of epoch {epoch} is {key}");
    } else {
        println!("the key of epoch {epoch} was fixed before: {key}");
    }
}
