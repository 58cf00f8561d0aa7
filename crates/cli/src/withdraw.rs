//! `cwe withdraw`: CLN burned on L2, to be paid out on L1.

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Log,
    sol_types::SolEvent,
};
use cwe_bindings::contracts::MessagePasser;
use eyre::{Result, WrapErr, bail, eyre};
use serde::Serialize;

use crate::{amount, keys::KeyArgs, network::NetworkArgs, progress::Progress};

/// Withdraw CLN: burn it on L2; `cwe claim` pays it out on L1 once its batch is finalized
#[derive(Debug, clap::Args)]
pub(crate) struct WithdrawArgs {
    /// How much, in CLN
    #[arg(value_name = "AMOUNT", value_parser = amount::parse)]
    amount: U256,
    /// Who receives it on L1; default: the sender
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Debug, Serialize)]
struct Initiated {
    l2_transaction: B256,
    l2_block: u64,
    index: u64,
    recipient: Address,
    leaf: B256,
}

/// Runs `cwe withdraw`.
pub(crate) async fn run(args: &WithdrawArgs) -> Result<()> {
    let network = args.network.resolve()?;
    let signer = args.keys.signer()?;
    let recipient = args.to.unwrap_or(signer.address());
    let l2 = network.l2(Some(signer)).await?;
    let mut progress = Progress::new();

    progress.step(format!("withdrawing {} on L2", amount::show(args.amount)));
    let passer = MessagePasser::new(network.contracts.message_passer, &l2);
    let pending = passer
        .withdraw(recipient)
        .value(args.amount)
        .send()
        .await
        .wrap_err("withdrawing")?;
    let receipt = pending.get_receipt().await.wrap_err("waiting for the withdrawal")?;
    progress.finish();
    if !receipt.status() {
        bail!("the withdrawal {} reverted", receipt.transaction_hash);
    }
    let event = receipt
        .logs()
        .iter()
        .find_map(|log| withdrawal_of(log, network.contracts.message_passer))
        .ok_or_else(|| eyre!("the transaction {} made no withdrawal", receipt.transaction_hash))?;
    let result = Initiated {
        l2_transaction: receipt.transaction_hash,
        l2_block: receipt.block_number.ok_or_else(|| eyre!("the receipt has no block"))?,
        index: event.index,
        recipient,
        leaf: event.leaf,
    };
    if args.json {
        println!("{}", serde_json::to_string(&result)?);
    } else {
        println!(
            "withdrawal {} of {} to {recipient} on L1",
            result.index,
            amount::show(args.amount)
        );
        println!(
            "  L2 transaction  {} (block {})",
            result.l2_transaction, result.l2_block
        );
        println!(
            "  next            cwe claim {} --wait-secs 86400, once its batch is finalized",
            result.index
        );
    }
    Ok(())
}

fn withdrawal_of(log: &Log, passer: Address) -> Option<MessagePasser::WithdrawalInitiated> {
    if log.address() != passer {
        return None;
    }
    MessagePasser::WithdrawalInitiated::decode_log(&log.inner)
        .ok()
        .map(|event| event.data)
}
