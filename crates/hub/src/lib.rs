//! The discovery hub: what the registry's works are and cost, and which one is playing.
//!
//! In: the events of `WorkRegistry`, `CreatorRegistry` and `RegionRules` on the L2; manifests and fingerprint
//! descriptors from creators, kept only when the chain has their hashes; questions from anybody. Out: signed answers:
//! works, creators, manifests, descriptors, search, recognition. `cwe-hub` runs it; [`client`] asks it, for the CLI and
//! other daemons.
//!
//! - **Nobody has to trust it.** What it says of a work is on the chain, manifests are signed by their creators,
//!   descriptors have the chain's hashes, and every answer is signed ([`jws`]), so that a wrong one can be shown around.
//! - **It learns little.** Nothing of a question is logged or kept, addresses are reduced to one of some thousand
//!   groups, and [`client::HubClient::identify_privately`] asks for a bucket of works instead of one.
//! - **Nothing depends on it.** Anybody may run one. The store is rebuilt from the chain and what creators send again,
//!   both indices from the store.
//!
//! # Metrics
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_hub_requests_total` | counter | requests, labels `route`, `outcome` |
//! | `cwe_hub_block` | gauge | number of the block that was read last |
//! | `cwe_hub_fingerprints` | gauge | works in the fingerprint index |
//! | `cwe_hub_given_up_total` | counter | works that the fingerprint index did not take |

pub mod api;
#[cfg(feature = "daemon")]
pub mod chain;
pub mod client;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
mod daemon;
#[cfg(feature = "daemon")]
pub mod follower;
#[cfg(feature = "daemon")]
pub mod indices;
pub mod jws;
#[cfg(feature = "daemon")]
mod publish;
#[cfg(feature = "daemon")]
mod refusal;
#[cfg(feature = "daemon")]
pub mod search;
#[cfg(feature = "daemon")]
mod server;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(all(test, feature = "daemon"))]
mod testing;
#[cfg(feature = "daemon")]
mod views;

#[cfg(feature = "daemon")]
pub use config::Config;
#[cfg(feature = "daemon")]
pub use daemon::run;
#[cfg(feature = "daemon")]
pub use refusal::Refusal;
#[cfg(feature = "daemon")]
pub use server::{Api, router};
