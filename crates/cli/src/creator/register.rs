//! `cwe creator register`: the key becomes a creator on the L2.

use alloy::{
    primitives::{Address, B256, Bytes},
    signers::local::PrivateKeySigner,
};
use cwe_bindings::economy::contracts::{CWEIdentity, cwe_identity::ICWEIdentity};
use eyre::Result;
use serde::Serialize;

use super::creator_id;
use crate::{
    economy::{Economy, EconomyArgs},
    keys::KeyArgs,
};

/// Number of the creator class in `ICWEIdentity.Class`.
const CREATOR_CLASS: u8 = 0;

/// Register the key as a creator; doing it again changes nothing
#[derive(Debug, clap::Args)]
pub(crate) struct RegisterArgs {
    /// Digest of the CID of the creator's public description; can be added to later
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO)]
    metadata: B256,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    economy: EconomyArgs,
}

#[derive(Debug, Serialize)]
struct Registered {
    creator_id: B256,
    address: Address,
    /// None when it was registered before.
    transaction: Option<B256>,
    credential: &'static str,
    credential_active: bool,
    /// Unix time in seconds, 0 without a credential.
    credential_expires_at: u64,
}

/// Runs `cwe creator register`.
pub(crate) async fn run(args: &RegisterArgs) -> Result<()> {
    let signer = args.keys.signer()?;
    let (id, address) = (creator_id(&signer), signer.address());
    let economy = args.economy.connect(Some(signer.clone())).await?;
    let transaction = register(&economy, &signer, args.metadata).await?;
    let identity = CWEIdentity::new(economy.addresses.identity, &economy.l2);
    let credential = economy
        .read("reading the credential", identity.credentialOf(address, CREATOR_CLASS))
        .await?;
    let active = economy
        .read("reading the credential", identity.isActive(address, CREATOR_CLASS))
        .await?;
    report(
        args.json,
        &Registered {
            creator_id: id,
            address,
            transaction,
            credential: state_name(&credential),
            credential_active: active,
            credential_expires_at: credential.expiresAt,
        },
    )
}

/// None when the creator is registered already.
async fn register(economy: &Economy, signer: &PrivateKeySigner, metadata: B256) -> Result<Option<B256>> {
    let creators = economy.creators();
    let known = economy
        .read("reading the creators", creators.creatorOf(signer.address()))
        .await?;
    if !known.is_zero() {
        return Ok(None);
    }
    let public_key = signer.public_key();
    let (x, y) = (B256::from_slice(&public_key[..32]), B256::from_slice(&public_key[32..]));
    let call = creators.register(x, y, metadata, Bytes::new());
    Ok(Some(
        economy.send("registering the creator", call).await?.transaction_hash,
    ))
}

fn state_name(credential: &ICWEIdentity::Credential) -> &'static str {
    match credential.state {
        0 => "none",
        1 => "pending",
        2 => "active",
        3 => "suspended",
        4 => "revoked",
        _ => "unknown",
    }
}

fn report(json: bool, registered: &Registered) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(registered)?);
        return Ok(());
    }
    match registered.transaction {
        Some(transaction) => println!(
            "registered creator {} (transaction {transaction})",
            registered.creator_id
        ),
        None => println!("creator {} is registered already", registered.creator_id),
    }
    println!("  address     {}", registered.address);
    if registered.credential_active {
        println!(
            "  credential  active until Unix time {}",
            registered.credential_expires_at
        );
        println!("  next        cwe creator work new");
    } else {
        println!(
            "  credential  {}: ask an issuer for a creator credential of this address before you register works",
            registered.credential
        );
    }
    Ok(())
}
