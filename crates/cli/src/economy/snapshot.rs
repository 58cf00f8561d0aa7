//! The economy as it was in one sealed block: figures and events that belong together.

use std::ops::ControlFlow;

use alloy::{
    contract::{CallBuilder, CallDecoder},
    eips::BlockNumberOrTag,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
    transports::RpcError,
};
use eyre::{Report, Result, WrapErr, bail, eyre};

use super::{Economy, refused};

/// Blocks of one request for events to begin with; halved where the node finds them too many.
const PAGE_BLOCKS: u64 = 10_000;
/// Most events that are kept of one kind: an epoch's tree has as many leaves.
const MAX_EVENTS: usize = 1 << 20;

/// The economy in the newest sealed block.
pub(crate) struct Snapshot<'a> {
    /// The economy.
    pub economy: &'a Economy,
    /// Number of the block.
    pub block: u64,
    /// Its time, Unix seconds.
    pub time_secs: u64,
}

/// An event and the block it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located<T> {
    /// Number of the block.
    pub block: u64,
    /// What happened.
    pub event: T,
}

impl<'a> Snapshot<'a> {
    /// Takes the newest sealed block.
    ///
    /// # Errors
    /// The L2 fails.
    pub(crate) async fn new(economy: &'a Economy) -> Result<Self> {
        let (block, time_secs) = block(economy, BlockNumberOrTag::Latest).await?;
        Ok(Self {
            economy,
            block,
            time_secs,
        })
    }

    /// Calls a view. `doing` begins the message of a failure.
    ///
    /// # Errors
    /// The contract refuses, or the L2 fails.
    pub(crate) async fn read<P: Provider, D: CallDecoder>(
        &self,
        doing: &str,
        call: CallBuilder<P, D>,
    ) -> Result<D::CallOutput> {
        let answer = call.block(self.block.into()).call().await;
        answer.map_err(|error| match error.as_revert_data() {
            Some(data) => refused(doing, &data),
            None => Report::new(error).wrap_err(doing.to_owned()),
        })
    }

    /// CLN wei on an account.
    ///
    /// # Errors
    /// The L2 fails.
    pub(crate) async fn balance(&self, account: Address) -> Result<U256> {
        let balance = self.economy.l2.get_balance(account).number(self.block);
        balance.await.wrap_err("reading a balance")
    }

    /// The first block whose time is at least `time_secs`; the one after the snapshot if there is none.
    ///
    /// # Errors
    /// The L2 fails.
    pub(crate) async fn first_block_at(&self, time_secs: u64) -> Result<u64> {
        let (mut low, mut high) = (0, self.block.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let (_, time) = block(self.economy, middle.into()).await?;
            if time < time_secs {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// All events that match, from block `from` to block `to` or the snapshot.
    ///
    /// # Errors
    /// The L2 fails, or has an event that is not what it says.
    pub(crate) async fn events<T: SolEvent>(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Located<T>>> {
        let mut found = Vec::new();
        self.for_each_page(filter, from, to, |page| {
            found.extend(page);
            ControlFlow::Continue(())
        })
        .await?;
        Ok(found)
    }

    /// The first event that matches from block `from` on.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub(crate) async fn first_event<T: SolEvent>(&self, filter: &Filter, from: u64) -> Result<Option<Located<T>>> {
        let mut first = None;
        self.for_each_page(filter, from, self.block, |page| {
            first = page.into_iter().next();
            if first.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await?;
        Ok(first)
    }

    async fn for_each_page<T: SolEvent>(
        &self,
        filter: &Filter,
        from: u64,
        to: u64,
        mut take: impl FnMut(Vec<Located<T>>) -> ControlFlow<()>,
    ) -> Result<()> {
        let filter = filter.clone().event_signature(T::SIGNATURE_HASH);
        let to = to.min(self.block);
        let (mut next, mut span, mut seen) = (from, PAGE_BLOCKS, 0_usize);
        while next <= to {
            let end = to.min(next.saturating_add(span - 1));
            let page = filter.clone().from_block(next).to_block(end);
            let logs = match self.economy.l2.get_logs(&page).await {
                Ok(logs) => logs,
                Err(RpcError::ErrorResp(_)) if span > 1 => {
                    span /= 2;
                    continue;
                }
                Err(error) => return Err(Report::new(error).wrap_err(format!("reading {} events", T::SIGNATURE))),
            };
            seen = seen.saturating_add(logs.len());
            if seen > MAX_EVENTS {
                bail!("the L2 has more than {MAX_EVENTS} {} events here", T::SIGNATURE);
            }
            let page: Result<Vec<_>> = logs.iter().map(located).collect();
            if take(page?).is_break() {
                return Ok(());
            }
            next = end.saturating_add(1);
        }
        Ok(())
    }
}

/// A filter for the events of a contract about an epoch, which is their first indexed field.
pub(crate) fn of_epoch(contract: Address, epoch: u64) -> Filter {
    Filter::new().address(contract).topic1(epoch_topic(epoch))
}

/// An epoch as a topic.
pub(crate) fn epoch_topic(epoch: u64) -> B256 {
    B256::left_padding_from(&epoch.to_be_bytes())
}

async fn block(economy: &Economy, number: BlockNumberOrTag) -> Result<(u64, u64)> {
    let block = economy.l2.get_block_by_number(number).await.wrap_err("reading a block")?;
    let header = block.ok_or_else(|| eyre!("the L2 has no block {number}"))?.header;
    Ok((header.number, header.timestamp))
}

fn located<T: SolEvent>(log: &Log) -> Result<Located<T>> {
    let decoded = T::decode_log(&log.inner).wrap_err_with(|| format!("decoding a {} event", T::SIGNATURE))?;
    Ok(Located {
        block: log.block_number.unwrap_or_default(),
        event: decoded.data,
    })
}
