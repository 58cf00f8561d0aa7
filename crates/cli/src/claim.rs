//! `cwe claim`: a finalized withdrawal paid out on L1.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, B256, U64, U256},
    providers::DynProvider,
};
use cwe_bindings::contracts::{Bridge, Rollup};
use cwe_primitives::withdrawal::DEPTH;
use eyre::{Result, WrapErr, bail, eyre};
use serde::{Deserialize, Serialize};

use crate::{
    amount,
    keys::KeyArgs,
    l2,
    network::{Network, NetworkArgs},
    progress::Progress,
};

/// How often finality is asked for.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Pay a withdrawal out on L1, once its batch is finalized
#[derive(Debug, clap::Args)]
pub(crate) struct ClaimArgs {
    /// Number of the withdrawal, as `cwe withdraw` printed it
    #[arg(value_name = "INDEX")]
    index: u64,
    /// Wait so many seconds for finality instead of failing at once
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_secs: u64,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

/// A proof as the L2 node gives it. L1 checks it, so nothing in it needs to be believed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    index: U64,
    sender: Address,
    recipient: Address,
    amount: U256,
    batch_index: U64,
    proof: Vec<B256>,
}

#[derive(Debug, Serialize)]
struct Claimed {
    l1_transaction: B256,
    index: u64,
    recipient: Address,
    amount: U256,
}

/// Runs the command.
pub(crate) async fn run(args: &ClaimArgs) -> Result<()> {
    let network = args.network.resolve()?;
    let l1 = network.l1(Some(args.keys.signer()?)).await?;
    let l2 = network.l2(None).await?;
    let bridge = Bridge::new(network.contracts.bridge, &l1);
    if bridge
        .isClaimed(args.index)
        .call()
        .await
        .wrap_err("asking the bridge")?
    {
        bail!("withdrawal {} has been paid before", args.index);
    }
    let mut progress = Progress::new();
    progress.step(format!("waiting for the finality of withdrawal {}", args.index));
    let proof = finalized_proof(args, &network, &l1, &l2).await?;

    progress.step(format!("claiming {} on L1", amount::show(proof.amount)));
    let siblings: [B256; DEPTH] = proof.proof.as_slice().try_into().map_err(|_| {
        eyre!(
            "the L2 node gave a proof of {} hashes, expected {DEPTH}: is --l2-rpc the right node?",
            proof.proof.len()
        )
    })?;
    let claim = bridge.claimWithdrawal(
        proof.batch_index.to(),
        proof.index.to(),
        proof.sender,
        proof.recipient,
        proof.amount,
        siblings,
    );
    let receipt = claim
        .send()
        .await
        .wrap_err("claiming")?
        .get_receipt()
        .await
        .wrap_err("waiting for the claim")?;
    progress.finish();
    if !receipt.status() {
        bail!("the claim {} reverted", receipt.transaction_hash);
    }
    let result = Claimed {
        l1_transaction: receipt.transaction_hash,
        index: args.index,
        recipient: proof.recipient,
        amount: proof.amount,
    };
    if args.json {
        println!("{}", serde_json::to_string(&result)?);
    } else {
        println!("paid {} to {} on L1", amount::show(result.amount), result.recipient);
        println!("  L1 transaction  {}", result.l1_transaction);
    }
    Ok(())
}

/// The withdrawal's proof under a batch that L1 has finalized.
async fn finalized_proof(args: &ClaimArgs, network: &Network, l1: &DynProvider, l2: &DynProvider) -> Result<Proof> {
    let rollup = Rollup::new(network.contracts.rollup, l1);
    let started = Instant::now();
    loop {
        let proof: Result<Proof> = l2::call(l2, "cwe_withdrawalProof", serde_json::json!([args.index])).await;
        let problem = match proof {
            Ok(proof) => {
                let batch = proof.batch_index.to();
                let root = rollup
                    .finalizedWithdrawalRoot(batch)
                    .call()
                    .await
                    .wrap_err("asking the rollup")?;
                if !root.is_zero() {
                    return Ok(proof);
                }
                format!("batch {batch} is not finalized")
            }
            Err(error) => format!("there is no proof yet, the withdrawal is not finalized: {error:#}"),
        };
        if started.elapsed() >= Duration::from_secs(args.wait_secs) {
            bail!(
                "withdrawal {} can't be claimed: {problem}; wait with --wait-secs",
                args.index
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
