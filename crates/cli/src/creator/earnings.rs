//! `cwe creator earnings`: what is owed to an account, and fetching it.

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use cwe_bindings::economy::contracts::{CWEPayouts, Escrow, SplitPay};
use eyre::{Result, WrapErr};
use serde::Serialize;

use crate::{
    amount,
    economy::{Economy, EconomyArgs},
    keys::KeyArgs,
    table,
};

/// Show what is owed to you by payments, commissions and settled epochs; fetch it with --withdraw
#[derive(Debug, clap::Args)]
pub(crate) struct EarningsArgs {
    /// Account to look at; default: that of the key
    #[arg(long, value_name = "ADDRESS")]
    account: Option<Address>,
    /// Fetch everything to the account. Anybody may do this for anybody: it goes to the account itself
    #[arg(long)]
    withdraw: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Earnings {
    account: Address,
    /// CLN wei on the account.
    balance_wei: String,
    owed: Vec<Owed>,
}

/// What one contract owes.
#[derive(Debug, Serialize)]
struct Owed {
    contract: &'static str,
    amount_wei: String,
    #[serde(skip)]
    amount: U256,
    /// The transaction that fetched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<B256>,
    /// Why it could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs `cwe creator earnings`. Fails when something could not be fetched, after trying everything.
pub(crate) async fn run(args: &EarningsArgs) -> Result<()> {
    // Looking at somebody's account takes no key.
    let signer = match args.account {
        Some(_) if !args.withdraw => None,
        _ => Some(args.keys.signer()?),
    };
    let Some(account) = args.account.or_else(|| signer.as_ref().map(|signer| signer.address())) else {
        eyre::bail!("whose earnings? give --account or a key");
    };
    let economy = args.economy.connect(signer).await?;
    let mut owed = owed_to(&economy, account).await?;
    if args.withdraw {
        for entry in owed.iter_mut().filter(|entry| !entry.amount.is_zero()) {
            match claim(&economy, entry.contract, account).await {
                Ok(transaction) => entry.transaction = Some(transaction),
                Err(error) => entry.error = Some(format!("{error:#}")),
            }
        }
    }
    let balance = economy
        .l2
        .get_balance(account)
        .pending()
        .await
        .wrap_err("reading the balance")?;
    let failed = owed.iter().find_map(|entry| entry.error.clone());
    let earnings = Earnings {
        account,
        balance_wei: balance.to_string(),
        owed,
    };
    if args.json {
        println!("{}", serde_json::to_string(&earnings)?);
    } else {
        print(&earnings, balance, args.withdraw);
    }
    failed.map_or(Ok(()), |error| Err(eyre::eyre!(error)))
}

async fn owed_to(economy: &Economy, account: Address) -> Result<Vec<Owed>> {
    let (addresses, l2) = (&economy.addresses, &economy.l2);
    let amounts = [
        (
            "splitPay",
            economy
                .read("reading SplitPay", SplitPay::new(addresses.split_pay, l2).owed(account))
                .await?,
        ),
        (
            "escrow",
            economy
                .read("reading Escrow", Escrow::new(addresses.escrow, l2).owed(account))
                .await?,
        ),
        (
            "payouts",
            economy
                .read(
                    "reading CWEPayouts",
                    CWEPayouts::new(addresses.payouts, l2).owed(account),
                )
                .await?,
        ),
    ];
    Ok(amounts
        .into_iter()
        .map(|(contract, amount)| Owed {
            contract,
            amount_wei: amount.to_string(),
            amount,
            transaction: None,
            error: None,
        })
        .collect())
}

async fn claim(economy: &Economy, contract: &str, account: Address) -> Result<B256> {
    // All three are pull payments with the same `claim`.
    let address = match contract {
        "splitPay" => economy.addresses.split_pay,
        "escrow" => economy.addresses.escrow,
        _ => economy.addresses.payouts,
    };
    let doing = format!("fetching what {contract} owes");
    let receipt = economy
        .send(&doing, SplitPay::new(address, &economy.l2).claim(account))
        .await?;
    Ok(receipt.transaction_hash)
}

fn print(earnings: &Earnings, balance: U256, withdrawn: bool) {
    println!("account  {}", earnings.account);
    println!("balance  {}", amount::show(balance));
    let mut rows = table::new(["from", "owed", if withdrawn { "fetched" } else { "" }]);
    for owed in &earnings.owed {
        let fetched = match (&owed.transaction, &owed.error) {
            (Some(transaction), _) => transaction.to_string(),
            (None, Some(_)) => "failed".into(),
            (None, None) => String::new(),
        };
        rows.add_row([owed.contract.into(), amount::show(owed.amount), fetched]);
    }
    println!("{rows}");
    if !withdrawn && earnings.owed.iter().any(|owed| !owed.amount.is_zero()) {
        println!("fetch it with --withdraw");
    }
}
