//! The listener's wallet: from a minute of listening to a submission and reveals that nobody can tie to the listener.
//!
//! In: sessions from players, corrections from the listener, what the L2 says of an epoch. Out: a statement of what will
//! be reported, one [`messages::SubmissionBody`] an epoch, one [`messages::RevealBody`] a note. What is listened to never
//! leaves the device; all of it is kept in one encrypted file. `cwe wallet`, players and the browser extension call it.
//!
//! The way through the modules: [`identity`] → [`ledger`] → [`statement`] → [`epoch`] → [`driver`], which asks a
//! [`chain`], has proofs made ([`proving`]) and keeps every step ([`wallet`], [`vault`], [`storage`]) before it acts on
//! it. Arithmetic, hashes and trees are `cwe-usage`'s. The core knows no file, network, clock or thread and compiles to
//! wasm; feature `native` adds files, the system's randomness and the L2 over JSON-RPC, feature `circuits`
//! the real proofs.

pub mod chain;
pub mod driver;
mod entropy;
pub mod epoch;
pub mod identity;
pub mod ids;
pub mod ledger;
pub mod messages;
pub mod proving;
pub mod statement;
pub mod storage;
#[cfg(test)]
mod testing;
pub mod vault;
mod wallet;

#[cfg(feature = "entropy")]
pub use entropy::SystemEntropy;
pub use entropy::{Entropy, EntropyError};
pub use wallet::{Contents, DEFAULT_CROWD_THRESHOLD, Played, Recorded, Wallet, WalletError};
