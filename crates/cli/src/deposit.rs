//! `cwe deposit`: CLN from L1 to L2, followed until it has arrived.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    sol_types::SolEvent,
};
use cwe_bindings::contracts::{Bridge, CLN, Inbox};
use cwe_primitives::{L1Message, TxEnvelope};
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

use crate::{amount, keys::KeyArgs, l2, network::NetworkArgs, progress::Progress};

/// Part of the estimated gas that is added to it: messages that others enqueue in the same block move this one, and with it
/// the storage that it writes, some of which is new.
const GAS_MARGIN_DIVISOR: u64 = 4;

/// Deposit CLN: lock it on L1, receive it on L2
#[derive(Debug, clap::Args)]
pub(crate) struct DepositArgs {
    /// How much, in CLN
    #[arg(value_name = "AMOUNT", value_parser = amount::parse)]
    amount: U256,
    /// Who receives it on L2; default: the sender
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// L2 gas of the call to the receiver; more is needed when that is a contract
    #[arg(long, value_name = "GAS", default_value_t = 100_000)]
    gas_limit: u64,
    /// Give up waiting for the L2 after so many seconds; the deposit itself can't be lost
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout_secs: u64,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

/// What became of a deposit.
#[derive(Debug, Serialize)]
struct Deposited {
    l1_transaction: B256,
    message_index: u64,
    l2_transaction: B256,
    l2_block: u64,
    /// Whether the call to the receiver succeeded; if not, the money is on the sender's L2 account.
    success: bool,
}

/// Runs the command.
pub(crate) async fn run(args: &DepositArgs) -> Result<()> {
    let network = args.network.resolve()?;
    let signer = args.keys.signer()?;
    let sender = signer.address();
    let to = args.to.unwrap_or(sender);
    let l1 = network.l1(Some(signer)).await?;
    let l2 = network.l2(None).await?;
    let mut progress = Progress::new();

    let token = CLN::new(network.contracts.cln, &l1);
    let balance = token
        .balanceOf(sender)
        .call()
        .await
        .wrap_err("reading the CLN balance on L1")?;
    if balance < args.amount {
        bail!(
            "{sender} has {} on L1, less than {}",
            amount::show(balance),
            amount::show(args.amount)
        );
    }
    let allowance = token
        .allowance(sender, network.contracts.bridge)
        .call()
        .await
        .wrap_err("reading the allowance")?;
    if allowance < args.amount {
        progress.step("allowing the bridge to take the CLN");
        let approval = token
            .approve(network.contracts.bridge, args.amount)
            .send()
            .await
            .wrap_err("approving")?;
        let receipt = approval.get_receipt().await.wrap_err("waiting for the approval")?;
        if !receipt.status() {
            bail!("the approval {} reverted", receipt.transaction_hash);
        }
    }

    progress.step(format!("depositing {} on L1", amount::show(args.amount)));
    let inbox = Inbox::new(network.contracts.inbox, &l1);
    let fee = inbox
        .messageFee(args.gas_limit)
        .call()
        .await
        .wrap_err("reading the message fee")?;
    let bridge = Bridge::new(network.contracts.bridge, &l1);
    let deposit = bridge.deposit(to, args.amount, args.gas_limit).value(fee);
    let estimated = deposit.estimate_gas().await.wrap_err("depositing")?;
    let receipt = deposit
        .gas(estimated.saturating_add(estimated / GAS_MARGIN_DIVISOR))
        .send()
        .await
        .wrap_err("depositing")?
        .get_receipt()
        .await
        .wrap_err("waiting for the deposit")?;
    if !receipt.status() {
        bail!("the deposit {} reverted", receipt.transaction_hash);
    }
    let message = receipt
        .logs()
        .iter()
        .find_map(|log| message_of(log, network.contracts.inbox));
    let Some(message) = message else {
        bail!("the deposit {} enqueued no message", receipt.transaction_hash)
    };

    progress.step(format!("waiting until message {} is on L2", message.index));
    let index = message.index;
    let l2_transaction = TxEnvelope::from(message).hash();
    let arrived = l2::wait_for_receipt(&l2, l2_transaction, Duration::from_secs(args.timeout_secs)).await?;
    progress.finish();

    let result = Deposited {
        l1_transaction: receipt.transaction_hash,
        message_index: index,
        l2_transaction,
        l2_block: arrived.block_number.to(),
        success: arrived.succeeded(),
    };
    report(
        args,
        to,
        &result,
        l2.get_balance(to).await.wrap_err("reading the balance on L2")?,
    )
}

fn report(args: &DepositArgs, to: Address, result: &Deposited, balance: U256) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(result)?);
    } else {
        println!("deposited {} to {to}", amount::show(args.amount));
        println!("  L1 transaction  {}", result.l1_transaction);
        println!(
            "  L2 transaction  {} (block {})",
            result.l2_transaction, result.l2_block
        );
        println!("  balance on L2   {}", amount::show(balance));
    }
    if !result.success {
        bail!("{to} refused the call; the CLN is on the depositor's own L2 account");
    }
    Ok(())
}

/// The message that a log of the inbox announces.
fn message_of(log: &alloy::rpc::types::Log, inbox: Address) -> Option<L1Message> {
    if log.address() != inbox {
        return None;
    }
    let event = Inbox::MessageEnqueued::decode_log(&log.inner).ok()?.data;
    Some(L1Message {
        index: event.index,
        sender: event.sender,
        to: event.to,
        mint: event.mint,
        value: event.value,
        gas_limit: event.gasLimit,
        data: event.data,
    })
}
