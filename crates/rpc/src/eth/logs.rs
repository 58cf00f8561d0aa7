//! Logs, and the filters that callers poll.

use std::time::{Duration, Instant};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B128, B256},
    rpc::types::{Filter, FilterBlockOption, Log},
};
use jsonrpsee::core::RegisterMethodError;
use serde::Serialize;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    filters::FilterKind,
    methods::{Module, heavy, quick},
    types::transaction::RpcTransaction,
};

/// Most addresses, and most topics in one place, of one filter.
const MAX_ALTERNATIVES: usize = 1000;

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_getLogs", parse_filter, |api, filter| logs(api, &filter))?;
    quick(module, "eth_newFilter", |api, args| {
        let filter = parse_filter(args)?;
        let next = next_block(api);
        api.filters.install(FilterKind::Logs {
            filter: Box::new(filter),
            next,
        })
    })?;
    quick(module, "eth_newBlockFilter", |api, args| {
        args.end()?;
        api.filters.install(FilterKind::Blocks { next: next_block(api) })
    })?;
    quick(module, "eth_newPendingTransactionFilter", |api, mut args| {
        let full: Option<bool> = args.optional()?;
        args.end()?;
        api.filters.install(FilterKind::Transactions {
            next: api.recent.next(),
            full: full.unwrap_or(false),
        })
    })?;
    quick(module, "eth_uninstallFilter", |api, args| {
        Ok(api.filters.uninstall(&filter_id(args)?))
    })?;
    heavy(module, "eth_getFilterChanges", filter_id, changes)?;
    heavy(module, "eth_getFilterLogs", filter_id, |api, id| {
        match api.filters.get(&id)? {
            FilterKind::Logs { filter, .. } => logs(api, &filter),
            _ => Err(RpcError::Rejected("filter not found".into())),
        }
    })
}

fn next_block(api: &Api) -> u64 {
    api.chain.heads().latest.saturating_add(1)
}

fn filter_id(mut args: Args<'_>) -> Result<B128, RpcError> {
    let id = args.required()?;
    args.end()?;
    Ok(id)
}

fn parse_filter(mut args: Args<'_>) -> Result<Filter, RpcError> {
    let filter: Filter = args.required()?;
    args.end()?;
    check_filter(&filter)?;
    Ok(filter)
}

/// Refuses filters with more alternatives than a caller can mean.
pub(super) fn check_filter(filter: &Filter) -> Result<(), RpcError> {
    let longest = filter
        .topics
        .iter()
        .map(|topic| topic.len())
        .max()
        .unwrap_or(0)
        .max(filter.address.len());
    if longest > MAX_ALTERNATIVES {
        return Err(RpcError::InvalidParams(format!(
            "exceed max addresses or topics: {longest} given, {MAX_ALTERNATIVES} allowed in one place"
        )));
    }
    Ok(())
}

/// News since the last question.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Changes {
    Logs(Vec<Log>),
    Hashes(Vec<B256>),
    Transactions(Vec<RpcTransaction>),
}

fn changes(api: &Api, id: B128) -> Result<Changes, RpcError> {
    let latest = api.chain.heads().latest;
    match api.filters.get(&id)? {
        FilterKind::Logs { filter, next } => {
            let (from, to) = news_range(api, &filter, next, latest);
            let found = if from > to {
                Vec::new()
            } else {
                logs_between(api, &filter, from, to)?
            };
            api.filters.advance(&id, latest.saturating_add(1));
            Ok(Changes::Logs(found))
        }
        FilterKind::Blocks { next } => {
            let first = next.max(latest.saturating_sub(api.config.max_log_blocks));
            let mut hashes = Vec::new();
            for number in first..=latest {
                hashes.extend(api.header(number)?.map(|(_, hash)| hash));
            }
            api.filters.advance(&id, latest.saturating_add(1));
            Ok(Changes::Hashes(hashes))
        }
        FilterKind::Transactions { next, full } => {
            let (hashes, after) = api.recent.since(next);
            api.filters.advance(&id, after);
            if full {
                Ok(Changes::Transactions(whole(api, &hashes)?))
            } else {
                Ok(Changes::Hashes(hashes))
            }
        }
    }
}

/// The transactions of these hashes that are still known.
pub(super) fn whole(api: &Api, hashes: &[B256]) -> Result<Vec<RpcTransaction>, RpcError> {
    let mut known = Vec::with_capacity(hashes.len());
    for hash in hashes {
        known.extend(super::transactions::find(api, *hash)?);
    }
    Ok(known)
}

/// Blocks with news for a filter: the range it names, less what was reported, at most as much as one answer may cover.
fn news_range(api: &Api, filter: &Filter, next: u64, latest: u64) -> (u64, u64) {
    let (from, to) = match &filter.block_option {
        FilterBlockOption::AtBlockHash(_) => (next, latest),
        FilterBlockOption::Range { from_block, to_block } => {
            let number = |tag: &Option<BlockNumberOrTag>| match tag {
                Some(BlockNumberOrTag::Number(number)) => Some(*number),
                _ => None,
            };
            (
                number(from_block).unwrap_or(0).max(next),
                number(to_block).unwrap_or(latest).min(latest),
            )
        }
    };
    (
        from.max(to.saturating_sub(api.config.max_log_blocks.saturating_sub(1))),
        to,
    )
}

fn logs(api: &Api, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    match &filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = api.sealed_number_of((*hash).into())?;
            let number = number.ok_or_else(|| RpcError::NotFound("unknown block".into()))?;
            logs_between(api, filter, number, number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let latest = api.chain.heads().latest;
            let from = api.sealed_number(from_block.unwrap_or(BlockNumberOrTag::Latest));
            let to = api.sealed_number(to_block.unwrap_or(BlockNumberOrTag::Latest));
            if from > to {
                return Err(RpcError::InvalidParams(format!(
                    "invalid block range params: from {from}, to {to}"
                )));
            }
            if from > latest {
                return Ok(Vec::new());
            }
            logs_between(api, filter, from, to.min(latest))
        }
    }
}

fn logs_between(api: &Api, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, RpcError> {
    let limit = api.config.max_log_blocks;
    if to - from >= limit {
        return Err(RpcError::LimitExceeded(format!(
            "query covers {} blocks, limit is {limit}: ask for a smaller range",
            (to - from).saturating_add(1)
        )));
    }
    let deadline = Instant::now() + Duration::from_millis(api.config.evm_timeout_ms);
    let mut found = Vec::new();
    for number in from..=to {
        let Some((header, _)) = api.header(number)? else { break };
        if !filter.matches_bloom(header.logs_bloom) {
            continue;
        }
        if Instant::now() > deadline {
            return Err(RpcError::Timeout("query timed out: ask for a smaller range".into()));
        }
        let Some(block) = api.block(number)? else { break };
        if !block.matching_logs(filter, &mut found, api.config.max_logs) {
            return Err(RpcError::LimitExceeded(format!(
                "query returned more than {} results: ask for a smaller range, up to block {}",
                api.config.max_logs,
                number.saturating_sub(1).max(from)
            )));
        }
    }
    Ok(found)
}
