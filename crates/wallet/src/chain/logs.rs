//! Events in pages that a node answers.

use alloy::{
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    transports::{RpcError, TransportErrorKind},
};

use super::ChainError;

/// Blocks of one request to begin with; halved where the node finds them too many.
const PAGE_BLOCKS: u64 = 10_000;
/// Most events that are believed: as many as a tree has leaves, and once more for upgrades.
const MAX_LOGS: usize = 1 << 21;

/// All events of `filter` in the blocks `from ..= to`, in their order.
///
/// # Errors
/// [`ChainError::Node`], [`ChainError::TooMany`].
pub async fn all(
    provider: &DynProvider,
    filter: &Filter,
    from: u64,
    to: u64,
    doing: &'static str,
) -> Result<Vec<Log>, ChainError> {
    let mut found: Vec<Log> = Vec::new();
    let (mut next, mut span) = (from, PAGE_BLOCKS);
    while next <= to {
        let end = to.min(next.saturating_add(span - 1));
        match provider.get_logs(&filter.clone().from_block(next).to_block(end)).await {
            Ok(page) => {
                found.extend(page);
                next = end.saturating_add(1);
            }
            Err(RpcError::ErrorResp(_)) if span > 1 => span /= 2,
            Err(error) => return Err(node(doing, &error)),
        }
        if found.len() > MAX_LOGS {
            return Err(ChainError::TooMany {
                what: "events",
                maximum: MAX_LOGS,
            });
        }
    }
    found.sort_by_key(|log| (log.block_number, log.log_index));
    Ok(found)
}

/// Without the node's address, which may hold a key.
pub(super) fn node(doing: &'static str, error: &RpcError<TransportErrorKind>) -> ChainError {
    let reason = match error {
        RpcError::ErrorResp(response) => response.message.to_string(),
        RpcError::Transport(_) => "the node does not answer".into(),
        other => other.to_string(),
    };
    ChainError::Node { doing, reason }
}
