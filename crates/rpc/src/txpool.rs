//! `txpool_*`: transactions that wait. Executed ones are in the open block, not here, so `pending` holds those that
//! only wait for a lower base fee, and `queued` those behind a nonce gap.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::Transaction,
    primitives::{Address, U64},
};
use cwe_chain::mempool::PoolTransaction;
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, quick},
    types::transaction::RpcTransaction,
};

/// By sender, then by nonce in decimal, as geth gives it.
type BySender<T> = BTreeMap<Address, BTreeMap<String, T>>;

#[derive(Debug, Clone, Serialize)]
struct Content<T> {
    pending: T,
    queued: T,
}

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "txpool_status", |api, args| {
        args.end()?;
        let content = content(api, |_| ())?;
        let count = |part: &BySender<()>| U64::from(part.values().map(BTreeMap::len).sum::<usize>());
        Ok(Content {
            pending: count(&content.pending),
            queued: count(&content.queued),
        })
    })?;
    quick(module, "txpool_content", |api, args| {
        args.end()?;
        content(api, |tx| RpcTransaction::new(&tx.transaction, None))
    })?;
    quick(module, "txpool_inspect", |api, args| {
        args.end()?;
        content(api, summary)
    })?;
    quick(module, "txpool_contentFrom", content_from)
}

fn content_from(api: &Api, mut args: Args<'_>) -> Result<Content<BTreeMap<String, RpcTransaction>>, RpcError> {
    let sender: Address = args.required()?;
    args.end()?;
    let (pending, queued) = of_sender(api, &sender, |tx| RpcTransaction::new(&tx.transaction, None))?;
    Ok(Content { pending, queued })
}

fn content<T>(api: &Api, show: impl Fn(&PoolTransaction) -> T + Copy) -> Result<Content<BySender<T>>, RpcError> {
    let mut content = Content {
        pending: BTreeMap::new(),
        queued: BTreeMap::new(),
    };
    let pool = api.chain.pool();
    for sender in pool.senders() {
        let (pending, queued) = of_sender(api, sender, show)?;
        for (part, waiting) in [(&mut content.pending, pending), (&mut content.queued, queued)] {
            if !waiting.is_empty() {
                part.insert(*sender, waiting);
            }
        }
    }
    Ok(content)
}

type Split<T> = (BTreeMap<String, T>, BTreeMap<String, T>);

fn of_sender<T>(api: &Api, sender: &Address, show: impl Fn(&PoolTransaction) -> T) -> Result<Split<T>, RpcError> {
    let pool = api.chain.pool();
    let first_gap = api.chain.pending_nonce(*sender)?;
    let mut split = Split::<T>::default();
    for tx in pool.of_sender(sender) {
        let tx: &Arc<PoolTransaction> = tx;
        let nonce = tx.transaction.inner().nonce();
        let part = if nonce < first_gap { &mut split.0 } else { &mut split.1 };
        part.insert(nonce.to_string(), show(tx));
    }
    Ok(split)
}

/// geth's one-line summary.
fn summary(tx: &PoolTransaction) -> String {
    let tx = tx.transaction.inner();
    let to = tx
        .to()
        .map_or_else(|| "contract creation".into(), |to| to.to_checksum(None));
    format!(
        "{to}: {} wei + {} gas × {} wei",
        tx.value(),
        tx.gas_limit(),
        tx.max_fee_per_gas()
    )
}
