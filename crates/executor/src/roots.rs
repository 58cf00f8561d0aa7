//! The three roots of a closed block. Those of transactions and receipts need nothing of the state's: where there are
//! threads, they are computed beside it.

use alloy_consensus::{Header, proofs::calculate_transaction_root};
use alloy_primitives::B256;
use cwe_primitives::TxEnvelope;
use cwe_trie::{TrieError, TrieUpdates};

use crate::{
    backend::{BackendError, StateBackend},
    executor::BlockOutcome,
    seal::final_header,
};

/// Blocks with fewer transactions are not worth waking a thread.
#[cfg(feature = "std")]
const WORTH_A_THREAD: usize = 32;

/// What a closed block changes in the trie, and its header.
pub(crate) fn roots<B: StateBackend>(
    outcome: &BlockOutcome,
    transactions: &[TxEnvelope],
    backend: &B,
) -> Result<(TrieUpdates, Header), TrieError<BackendError<B>>> {
    let (trie, header) = beside(
        transactions,
        || without_state_root(outcome, transactions),
        || backend.update_root(&outcome.changes),
    );
    let trie = trie?;
    let header = Header {
        state_root: trie.root,
        ..header
    };
    Ok((trie, header))
}

fn without_state_root(outcome: &BlockOutcome, transactions: &[TxEnvelope]) -> Header {
    final_header(outcome, calculate_transaction_root(transactions), B256::ZERO)
}

/// Runs `here` on this thread, and `elsewhere` on another one meanwhile if there are many transactions.
#[cfg(feature = "std")]
fn beside<T, U: Send>(
    transactions: &[TxEnvelope],
    elsewhere: impl Fn() -> U + Send + Sync,
    here: impl FnOnce() -> T,
) -> (T, U) {
    if transactions.len() < WORTH_A_THREAD {
        return (here(), elsewhere());
    }
    let mut other = None;
    let this = rayon::in_place_scope(|scope| {
        scope.spawn(|_| other = Some(elsewhere()));
        here()
    });
    // The scope has waited for it.
    (this, other.unwrap_or_else(elsewhere))
}

#[cfg(not(feature = "std"))]
fn beside<T, U>(_: &[TxEnvelope], elsewhere: impl FnOnce() -> U, here: impl FnOnce() -> T) -> (T, U) {
    (here(), elsewhere())
}
