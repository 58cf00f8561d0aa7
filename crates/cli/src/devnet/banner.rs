//! The page that a person sees when the devnet is ready.

use std::path::Path;

use alloy::primitives::Address;
use cwe_bindings::verifier::PublishedVerifier;
use cwe_sequencer::RunningNode;
use eyre::Result;

use super::Devnet;
use crate::{network::Network, table};

/// Prints endpoints, accounts, contracts, and what to do next.
pub(super) fn print(devnet: &Devnet, data: Option<&Path>) -> Result<()> {
    let network = &devnet.network;
    println!("\nThe devnet is ready. Ctrl-C stops it.\n");
    println!(
        "{}",
        endpoints(network, devnet.sequencer.as_ref(), devnet.node.as_ref())
    );
    println!("\n{}", accounts(network));
    println!("\n{}", contracts(network, devnet.verifier));
    println!(
        "\nIn a wallet: add a network with RPC URL {}, chain id {}, currency symbol CLN;",
        network.l2_rpc, network.l2_chain_id
    );
    println!("then import one of the keys above. They are public: never use them for anything of value.");
    println!("\n{}", finality(devnet.verifier)?);
    match data {
        Some(folder) => println!("State is kept in {}.", folder.display()),
        None => println!("State is gone when the devnet stops; --data DIR keeps it."),
    }
    Ok(())
}

/// What becomes of batches.
fn finality(verifier: Option<Address>) -> Result<String> {
    if verifier.is_none() {
        return Ok("No verifier is deployed: batches are committed (`safe`), nothing is finalized, nothing can be claimed on L1."
            .into());
    }
    let published = PublishedVerifier::read()?;
    let warning = if published.is_safe() {
        ""
    } else {
        " UNSAFE: whoever knows its seed can prove anything."
    };
    Ok(format!(
        "Proofs are checked on L1 with reference string {}.{warning}\nBatches become final when a prover proves them.",
        published.srs
    ))
}

fn endpoints(network: &Network, sequencer: Option<&RunningNode>, node: Option<&RunningNode>) -> comfy_table::Table {
    let mut table = table::new(["endpoint", "url", "chain id"]);
    table.add_row(["L2", &network.l2_rpc, &network.l2_chain_id.to_string()]);
    table.add_row(["L2 WebSocket", &network.l2_ws, ""]);
    if let Some(node) = node {
        table.add_row(["L2 full node", &format!("http://{}", node.rpc_addr), ""]);
    }
    table.add_row(["L1 (anvil)", &network.l1_rpc, &network.l1_chain_id.to_string()]);
    if let Some(sequencer) = sequencer {
        table.add_row(["metrics", &format!("http://{}/metrics", sequencer.ops_addr), ""]);
    }
    table
}

fn accounts(network: &Network) -> comfy_table::Table {
    let mut table = table::new(["", "account (funded on L1 and L2)", "private key"]);
    for (number, account) in network.accounts.iter().enumerate() {
        table.add_row([
            number.to_string(),
            account.address.to_string(),
            account.private_key.clone(),
        ]);
    }
    table
}

fn contracts(network: &Network, verifier: Option<Address>) -> comfy_table::Table {
    let mut table = table::new(["contract", "address", "on"]);
    let of = &network.contracts;
    for (name, address, layer) in [
        ("Rollup", of.rollup, "L1"),
        ("Inbox", of.inbox, "L1"),
        ("Bridge", of.bridge, "L1"),
        ("CLN", of.cln, "L1"),
        ("Timelock", of.timelock, "L1"),
        ("MessagePasser", of.message_passer, "L2"),
        ("L1BlockOracle", of.l1_block_oracle, "L2"),
        ("FeeVault", of.fee_vault, "L2"),
    ] {
        table.add_row([name, &address.to_string(), layer]);
    }
    if let Some(verifier) = verifier {
        table.add_row(["BatchVerifier", &verifier.to_string(), "L1"]);
    }
    table
}
