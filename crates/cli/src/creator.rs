//! `cwe creator`: a creator's key, registration, works and earnings on the L2.

mod announcement;
mod consent;
pub(crate) mod draft;
mod earnings;
mod key;
pub(crate) mod publish;
mod register;
mod show;
mod update;
mod withdraw;
mod work;

use alloy::{
    primitives::{B256, keccak256},
    signers::local::PrivateKeySigner,
};
use eyre::Result;

/// Register as a creator, register works, see what they earn
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct CreatorArgs {
    #[command(subcommand)]
    command: CreatorCommand,
}

#[derive(Debug, clap::Subcommand)]
enum CreatorCommand {
    Key(key::KeyCommandArgs),
    Register(register::RegisterArgs),
    Work(Box<work::WorkArgs>),
    Withdraw(Box<withdraw::WithdrawArgs>),
    Earnings(earnings::EarningsArgs),
}

/// Runs `cwe creator`.
pub(crate) async fn run(args: &CreatorArgs) -> Result<()> {
    match &args.command {
        CreatorCommand::Key(args) => key::run(args),
        CreatorCommand::Register(args) => register::run(args).await,
        CreatorCommand::Work(args) => work::run(args).await,
        CreatorCommand::Withdraw(args) => withdraw::run(args).await,
        CreatorCommand::Earnings(args) => earnings::run(args).await,
    }
}

/// `creatorId`: keccak256 of the public key's coordinates, whose last 20 bytes are the key's address.
pub(crate) fn creator_id(signer: &PrivateKeySigner) -> B256 {
    keccak256(signer.public_key())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;

    use super::*;
    use crate::keys::dev_signer;

    #[test]
    fn a_creator_id_ends_in_the_address_of_its_key() {
        let signer = dev_signer(3).unwrap();
        assert_eq!(Address::from_word(creator_id(&signer)), signer.address());
    }
}
