//! `eth_subscribe`: new blocks, logs, arriving transactions, sync status.

use std::{sync::Arc, time::Duration};

use alloy::rpc::types::Filter;
use cwe_chain::ChainEvent;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio::sync::broadcast::error::RecvError;

use super::{chain::progress, logs};
use crate::{api::Api, args::Args, error::RpcError, methods::Module, types::block::BlockView};

/// A client that takes no message for so long is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Blocks that one subscriber is caught up with at most after it lagged.
const MAX_CATCH_UP: u64 = 256;

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, api, _| async move { subscribe(&params, pending, api).await },
    )?;
    Ok(())
}

/// What is subscribed to.
enum Kind {
    NewHeads,
    Logs(Box<Filter>),
    Transactions { full: bool },
    Syncing,
}

async fn subscribe(params: &Params<'static>, pending: PendingSubscriptionSink, api: Arc<Api>) {
    let kind = match parse(params) {
        Ok(kind) => kind,
        Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
    };
    // Listening before accepting: what happens after the answer is not missed.
    let feed = Feed::new(&api);
    let Ok(sink) = pending.accept().await else { return };
    let closed = sink.clone();
    let serve = async {
        match kind {
            Kind::NewHeads => {
                let show = |block: &BlockView, out: &mut Vec<_>| out.push(to_raw_value(&block.rpc_header()));
                blocks(&api, feed, &sink, show).await
            }
            Kind::Logs(filter) => {
                let limit = api.config.max_logs;
                let show = move |block: &BlockView, out: &mut Vec<_>| {
                    let mut found = Vec::new();
                    block.matching_logs(&filter, &mut found, limit);
                    out.extend(found.iter().map(to_raw_value));
                };
                blocks(&api, feed, &sink, show).await
            }
            Kind::Transactions { full } => transactions(&api, &sink, full).await,
            Kind::Syncing => syncing(&api, &sink).await,
        }
    };
    tokio::select! {
        _ = serve => {}
        () = closed.closed() => {}
    }
}

fn parse(params: &Params<'static>) -> Result<Kind, RpcError> {
    let mut args = Args::new(params)?;
    let name: String = args.required()?;
    let kind = match name.as_str() {
        "newHeads" => Kind::NewHeads,
        "logs" => {
            let filter: Filter = args.optional()?.unwrap_or_default();
            logs::check_filter(&filter)?;
            Kind::Logs(Box::new(filter))
        }
        "newPendingTransactions" => Kind::Transactions {
            full: args.optional()?.unwrap_or(false),
        },
        "syncing" => Kind::Syncing,
        other => {
            let shown: String = other.chars().take(32).collect();
            return Err(RpcError::InvalidParams(format!(
                "no \"{shown}\" subscription in eth namespace"
            )));
        }
    };
    args.end()?;
    Ok(kind)
}

/// The chain's events, and the first block that was not served.
struct Feed {
    events: tokio::sync::broadcast::Receiver<ChainEvent>,
    next: u64,
}

impl Feed {
    fn new(api: &Api) -> Self {
        let events = api.chain.subscribe();
        Self {
            events,
            next: api.chain.heads().latest.saturating_add(1),
        }
    }

    /// Blocks that were sealed since the last call, oldest first. Events only wake: the blocks come from the chain, so
    /// that a subscriber who lags misses none.
    async fn news(&mut self, api: &Api) -> Option<std::ops::RangeInclusive<u64>> {
        loop {
            match self.events.recv().await {
                Ok(ChainEvent::Block(block)) => {
                    let number = block.block.header.number;
                    if number < self.next {
                        continue;
                    }
                    return Some(self.take(number));
                }
                Ok(ChainEvent::Unwound { latest }) => self.next = self.next.min(latest.saturating_add(1)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    let latest = api.chain.heads().latest;
                    if latest >= self.next {
                        return Some(self.take(latest));
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, latest: u64) -> std::ops::RangeInclusive<u64> {
        let first = self.next.max(latest.saturating_sub(MAX_CATCH_UP - 1));
        self.next = latest.saturating_add(1);
        first..=latest
    }
}

/// The subscription ended: the client is gone, or the chain is.
struct Ended;

async fn blocks(
    api: &Api,
    mut feed: Feed,
    sink: &SubscriptionSink,
    show: impl Fn(&BlockView, &mut Vec<serde_json::Result<Box<serde_json::value::RawValue>>>),
) -> Result<(), Ended> {
    while let Some(numbers) = feed.news(api).await {
        for number in numbers {
            let Ok(Some(block)) = api.block(number) else { continue };
            let mut messages = Vec::new();
            show(&block, &mut messages);
            for message in messages {
                send(sink, message.map_err(|_| Ended)?.into()).await?;
            }
        }
    }
    Err(Ended)
}

async fn transactions(api: &Api, sink: &SubscriptionSink, full: bool) -> Result<(), Ended> {
    let mut arrivals = api.recent.watch();
    let mut next = api.recent.next();
    loop {
        let (hashes, after) = api.recent.since(next);
        next = after;
        if full {
            for transaction in logs::whole(api, &hashes).unwrap_or_default() {
                send_value(sink, &transaction).await?;
            }
        } else {
            for hash in hashes {
                send_value(sink, &hash).await?;
            }
        }
        arrivals.changed().await.map_err(|_| Ended)?;
    }
}

async fn syncing(api: &Api, sink: &SubscriptionSink) -> Result<(), Ended> {
    let mut status = api.node.status.clone();
    let mut told = None;
    loop {
        let now = progress(api);
        if told.as_ref() != Some(&now) {
            send_value(sink, &now).await?;
            told = Some(now);
        }
        if status.changed().await.is_err() {
            // Nobody will report progress any more: the last word stands until the client leaves.
            sink.closed().await;
            return Err(Ended);
        }
    }
}

async fn send_value(sink: &SubscriptionSink, value: &impl Serialize) -> Result<(), Ended> {
    send(sink, to_raw_value(value).map_err(|_| Ended)?.into()).await
}

async fn send(sink: &SubscriptionSink, message: SubscriptionMessage) -> Result<(), Ended> {
    sink.send_timeout(message, SEND_TIMEOUT).await.map_err(|_| Ended)
}
