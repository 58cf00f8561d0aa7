//! `cwe wallet`: what was listened to, kept encrypted on this device, and its way to creators.

mod chain;
mod create;
mod file;
mod fix_key;
mod merge;
mod outlets;
mod prove;
mod prover;
mod record;
mod reveal;
mod statement;
mod status;
mod submit;

use eyre::Result;

pub(crate) use self::{
    file::{Access, WalletFileArgs},
    record::{When, warn_about},
};

/// What `cwe wallet --help` ends with.
const MANUAL: &str = "\
A month, from the first minute to the last reveal:

  cwe wallet create                      an identity, its phrase (write it down), an encrypted file
  cwe listener subscribe --tier light --commitment 0x…   pays the epoch's fee; the commitment is what create printed
  cwe play FILE                          or record WORK --seconds 180, import FILE, merge WALLET of another device
  cwe wallet statement                   who would get how much; --exclude, --include, --set change it
  (the epoch ends)
  cwe wallet fix-key --key-file FILE     if nobody did it yet
  cwe wallet prove                       freezes the statement; discard gives it up as long as nothing was sent
  cwe wallet submit --relayer URL        within the submission window; or --key-file, an account not known to be yours
  (the submission window ends)
  cwe wallet reveal --coordinator URL --wait   each note by itself, at a random time of the reveal window
  cwe wallet status                      where every epoch stands

Every step can be repeated and continues where it was; nothing is ever sent in two versions.

Password: --password-file, else CWE_WALLET_PASSWORD, else it is asked for. Wallet file: --wallet, else CWE_WALLET, else
cwe/wallet in the user's data folder. Proving keys are derived once and kept in cwe/usage in the user's cache folder.

Who learns what: the node sees that somebody reads whole epochs; the chain sees who paid for a subscription, and, tied to
nobody, one proof an epoch; a relayer sees that proof and a network address; a coordinator sees single notes and a network
address. A small crowd hides little: status shows how many subscribe to your tier, and reveals wait for the window's last
day below a threshold (reveal --crowd).";

/// Keep what you listen to, see what will be reported, prove it, submit it, reveal it
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_long_help = MANUAL)]
pub(crate) struct WalletArgs {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WalletCommand {
    Create(create::CreateArgs),
    Restore(create::RestoreArgs),
    Password(file::PasswordArgs),
    Status(status::StatusArgs),
    Record(record::RecordArgs),
    Import(record::ImportArgs),
    Merge(merge::MergeArgs),
    Statement(statement::StatementArgs),
    FixKey(fix_key::FixKeyArgs),
    Prove(prove::ProveArgs),
    Discard(prove::DiscardArgs),
    Submit(submit::SubmitArgs),
    Reveal(reveal::RevealArgs),
}

/// Runs `cwe wallet`.
pub(crate) async fn run(args: &WalletArgs) -> Result<()> {
    match &args.command {
        WalletCommand::Create(args) => create::create(args),
        WalletCommand::Restore(args) => create::restore(args),
        WalletCommand::Password(args) => file::change_password(args),
        WalletCommand::Status(args) => status::run(args).await,
        WalletCommand::Record(args) => record::record(args).await,
        WalletCommand::Import(args) => record::import(args).await,
        WalletCommand::Merge(args) => merge::run(args),
        WalletCommand::Statement(args) => statement::run(args).await,
        WalletCommand::FixKey(args) => fix_key::run(args).await,
        WalletCommand::Prove(args) => prove::run(args).await,
        WalletCommand::Discard(args) => prove::discard(args),
        WalletCommand::Submit(args) => submit::run(args).await,
        WalletCommand::Reveal(args) => reveal::run(args).await,
    }
}
