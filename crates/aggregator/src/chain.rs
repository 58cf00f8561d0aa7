//! The L2 as the coordinator sees it and writes to it.

mod account;
mod client;
mod registry;
mod settlements;

use std::{future::Future, sync::Arc};

use alloy::transports::{RpcError, TransportErrorKind};

pub use client::ChainClient;
use cwe_service::node_failure;
pub use settlements::{Due, SettlementBasis, Settlements};

use crate::{
    state::Roots,
    store::{StoreError, StoredAggregate},
    view::View,
};

/// Why the chain can't be read or written now. Holds no address of a node and nothing of a request.
#[derive(Debug, thiserror::Error)]
pub enum ChainFailure {
    /// The node does not answer, or refuses.
    #[error("{doing}: {reason}")]
    Node {
        /// What was asked.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// The chain says what can't be.
    #[error("{0}: l2.economy is of another deployment, or the node's answers are wrong")]
    Nonsense(&'static str),
    /// Reading an epoch's works.
    #[error(transparent)]
    Works(#[from] cwe_wallet::chain::ChainError),
    /// The works that the node reports are not those that the chain has committed to.
    #[error("the works of epoch {0} are not those of the registry commitment: the node's logs are incomplete")]
    Registry(u64),
    /// What is sent can't be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account can't pay.
    #[error("a transaction costs up to {cost_wei} CLN wei, account.max_cost_wei is {max_cost_wei}")]
    TooDear {
        /// What it costs.
        cost_wei: String,
        /// What may be paid.
        max_cost_wei: u64,
    },
    /// The signer fails.
    #[error("a transaction can't be signed")]
    Signer,
}

/// What became of a transaction that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// It was sent.
    Sent,
    /// Another one, or this one, is on its way: ask again.
    Waits,
    /// The contract would refuse it, for this reason.
    Refused(String),
}

/// What a coordinator asks of a chain.
pub trait Chain: Send + Sync + 'static {
    /// The chain as it is now; `last` is what it was.
    fn look(&self, last: Option<Arc<View>>) -> impl Future<Output = Result<View, ChainFailure>> + Send;

    /// Reveals of a state of an epoch, if it was proven.
    fn reveals_of(&self, epoch: u64, roots: Roots) -> impl Future<Output = Result<Option<u64>, ChainFailure>> + Send;

    /// Posts an aggregate with its proof.
    fn submit(
        &self,
        aggregate: &StoredAggregate,
        proof: &[u8],
    ) -> impl Future<Output = Result<Sending, ChainFailure>> + Send;
}

fn node(doing: &'static str, error: &RpcError<TransportErrorKind>) -> ChainFailure {
    let reason = node_failure(error);
    ChainFailure::Node { doing, reason }
}
