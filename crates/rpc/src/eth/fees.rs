//! What gas costs: `eth_gasPrice`, `eth_maxPriorityFeePerGas`, `eth_feeHistory`, `eth_blobBaseFee`.

use alloy::{
    consensus::{Header, Transaction},
    eips::BlockNumberOrTag,
    primitives::{U64, U256},
    rpc::types::FeeHistory,
};
use cwe_primitives::ChainSpec;
use jsonrpsee::core::RegisterMethodError;
use serde::Deserialize;

use crate::{
    api::Api,
    args::Args,
    error::RpcError,
    methods::{Module, heavy, quick},
    types::block::BlockView,
};

/// Most blocks of one answer, as geth.
const MAX_BLOCKS: u64 = 1024;
/// Most percentiles of one question, as geth.
const MAX_PERCENTILES: usize = 100;
/// Base fee per blob gas: there are no blobs.
const BLOB_BASE_FEE: u128 = 1;

/// Registers the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    quick(module, "eth_gasPrice", |api, args| {
        args.end()?;
        Ok(U256::from(open_base_fee(api)?) + U256::from(suggested_tip()))
    })?;
    quick(module, "eth_maxPriorityFeePerGas", |_, args| {
        args.end()?;
        Ok(U256::from(suggested_tip()))
    })?;
    quick(module, "eth_blobBaseFee", |_, args| {
        args.end()?;
        Ok(U256::from(BLOB_BASE_FEE))
    })?;
    heavy(module, "eth_feeHistory", HistoryArgs::parse, history)
}

/// Transactions are taken in the order of arrival: a tip buys nothing.
const fn suggested_tip() -> u64 {
    0
}

/// Base fee of the block that the next transaction goes to.
fn open_base_fee(api: &Api) -> Result<u64, RpcError> {
    if let Some(block) = api.chain.pending() {
        return Ok(block.context().base_fee);
    }
    let latest = api.chain.heads().latest;
    let (header, _) = api
        .header(latest)?
        .ok_or_else(|| RpcError::internal("the latest block has no header"))?;
    Ok(next_base_fee(api.chain.spec(), &header))
}

fn next_base_fee(spec: &ChainSpec, header: &Header) -> u64 {
    spec.next_base_fee(
        header.gas_used,
        header.base_fee_per_gas.unwrap_or(spec.initial_base_fee),
    )
}

struct HistoryArgs {
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: Option<Vec<f64>>,
}

/// A count as a quantity, or as a plain number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Quantity(U64),
}

impl HistoryArgs {
    fn parse(mut args: Args<'_>) -> Result<Self, RpcError> {
        let count = match args.required()? {
            Count::Number(count) => count,
            Count::Quantity(count) => count.to(),
        };
        let newest = args.required()?;
        let percentiles: Option<Vec<f64>> = args.optional()?;
        args.end()?;
        check_percentiles(percentiles.as_deref().unwrap_or_default())?;
        Ok(Self {
            count,
            newest,
            percentiles: percentiles.filter(|list| !list.is_empty()),
        })
    }
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > MAX_PERCENTILES {
        return Err(RpcError::InvalidParams(format!(
            "over the query limit {MAX_PERCENTILES} of reward percentiles"
        )));
    }
    if let Some(wrong) = percentiles
        .iter()
        .find(|percentile| !(0.0..=100.0).contains(*percentile))
    {
        return Err(RpcError::InvalidParams(format!("invalid reward percentile: {wrong}")));
    }
    if let Some(pair) = percentiles.windows(2).find(|pair| pair[0] > pair[1]) {
        return Err(RpcError::InvalidParams(format!(
            "invalid reward percentile: {} after {}",
            pair[1], pair[0]
        )));
    }
    Ok(())
}

fn history(api: &Api, args: HistoryArgs) -> Result<FeeHistory, RpcError> {
    let newest = api.sealed_number(args.newest);
    let latest = api.chain.heads().latest;
    if newest > latest {
        return Err(RpcError::NotFound(format!(
            "request beyond head block: requested {newest}, head {latest}"
        )));
    }
    let count = args.count.min(MAX_BLOCKS).min(newest.saturating_add(1));
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest_block = newest + 1 - count;
    let mut history = FeeHistory {
        oldest_block,
        ..FeeHistory::default()
    };
    let mut rewards = args.percentiles.as_ref().map(|_| Vec::new());
    let mut next = 0;
    for number in oldest_block..=newest {
        let missing = || RpcError::NotFound(format!("header not found: block {number}"));
        let header = match (&args.percentiles, &mut rewards) {
            (Some(percentiles), Some(rewards)) => {
                let block = api.block(number)?.ok_or_else(missing)?;
                rewards.push(tips(&block, percentiles));
                block.header.clone()
            }
            _ => api.header(number)?.ok_or_else(missing)?.0,
        };
        history
            .base_fee_per_gas
            .push(header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        next = next_base_fee(api.chain.spec(), &header);
    }
    history.base_fee_per_gas.push(next.into());
    history.base_fee_per_blob_gas = vec![BLOB_BASE_FEE; history.base_fee_per_gas.len()];
    history.blob_gas_used_ratio = vec![0.0; history.gas_used_ratio.len()];
    history.reward = rewards;
    Ok(history)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}

/// Tips at the percentiles of gas, CLN wei per gas.
fn tips(block: &BlockView, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let mut before = 0;
    let mut paid: Vec<(u128, u64)> = Vec::with_capacity(block.transactions.len());
    for (tx, receipt) in block.transactions.iter().zip(&block.receipts) {
        let gas = receipt.cumulative_gas_used.saturating_sub(before);
        before = receipt.cumulative_gas_used;
        paid.push((tx.inner().effective_tip_per_gas(base_fee).unwrap_or_default(), gas));
    }
    paid.sort_unstable();
    tips_at(&paid, block.header.gas_used, percentiles)
}

/// `paid` is `(tip, gas)` by rising tip.
#[expect(
    clippy::cast_precision_loss,
    reason = "percentiles are floats on the wire, as in geth"
)]
fn tips_at(paid: &[(u128, u64)], gas_used: u64, percentiles: &[f64]) -> Vec<u128> {
    let mut position = 0;
    let mut gas = paid.first().map_or(0, |(_, gas)| *gas);
    percentiles
        .iter()
        .map(|percentile| {
            let threshold = gas_used as f64 * percentile / 100.0;
            while (gas as f64) < threshold && position + 1 < paid.len() {
                position += 1;
                gas += paid[position].1;
            }
            paid.get(position).map_or(0, |(tip, _)| *tip)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_weigh_tips_by_gas() {
        let paid = [(1, 10), (5, 80), (9, 10)];
        assert_eq!(tips_at(&paid, 100, &[0.0, 10.0, 11.0, 90.0, 100.0]), [1, 1, 5, 5, 9]);
        assert_eq!(tips_at(&[], 0, &[50.0]), [0]);
    }

    #[test]
    fn percentiles_must_rise_within_0_and_100() {
        assert!(check_percentiles(&[0.0, 50.0, 50.0, 100.0]).is_ok());
        for wrong in [&[50.0, 20.0][..], &[-1.0], &[100.1], &[f64::NAN]] {
            assert!(check_percentiles(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_percentiles(&[1.0; MAX_PERCENTILES + 1]).is_err());
    }
}
