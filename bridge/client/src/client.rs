//! Requests to the L1: with a deadline, repeated when that can help, and with errors that say what to do.

mod refusal;
mod request;

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, Ordering},
};

use alloy::{
    consensus::BlockHeader,
    eips::{BlockId, BlockNumberOrTag},
    network::{BlockResponse, primitives::HeaderResponse},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest},
    sol_types::SolCall,
};
use cwe_bindings::contracts::{BatchVerifier, Bridge, Inbox, Rollup};
use cwe_storage::L1Block;
use metrics::gauge;
use tokio::sync::{RwLock, watch};

use self::refusal::{already_known, pruned, too_large};
use crate::{
    ConfirmationPolicy, L1Config, L1Error, LocatedEvent,
    events::{self, TOPICS},
    fees::Fees,
    ranges::Ranges,
};

/// Most logs taken from one answer: a hostile endpoint must not fill the memory.
const MAX_LOGS: usize = 50_000;

/// An L1 block, as far as we look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Number and hash.
    pub id: L1Block,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Base fee, wei per gas.
    pub base_fee: u128,
    /// Whether the L1 takes blobs.
    pub has_blobs: bool,
}

/// What the contracts on L1 must say to belong to our L2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// Hash of batch 0, the genesis.
    pub genesis_batch_hash: B256,
}

/// The L1 as our tasks use it. Does nothing until the first request, so that a daemon starts without its L1.
#[derive(Debug)]
pub struct L1Client {
    config: L1Config,
    deployment: Deployment,
    host: String,
    provider: RwLock<Option<DynProvider>>,
    /// What the rest of the node may know of the L1; the log has a line when `up` changes.
    status: watch::Sender<L1Status>,
    /// Whether chain and contracts were checked since the L1 was last unreachable.
    checked: AtomicBool,
    /// Whether the contracts were seen at a confirmed block.
    deployed: AtomicBool,
}

/// How the node stands to the L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1Status {
    /// Whether the L1 answered the last request.
    pub up: bool,
    /// Newest L1 block that counts.
    pub confirmed_block: Option<u64>,
    /// Newest L2 block that L1 is known to have.
    pub target_block: Option<u64>,
}

impl Default for L1Status {
    fn default() -> Self {
        Self {
            up: true,
            confirmed_block: None,
            target_block: None,
        }
    }
}

/// How far batches have come on L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tips {
    /// Index of the last committed batch.
    pub committed: u64,
    /// Index of the last proven batch.
    pub finalized: u64,
}

/// Our contracts on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contracts {
    /// Batches, proofs, finality.
    pub rollup: Address,
    /// Messages to L2.
    pub inbox: Address,
    /// CLN in escrow.
    pub bridge: Address,
    /// The CLN token.
    pub cln: Address,
    /// Owner of the contracts.
    pub timelock: Address,
    /// What checks proofs; `None` if there is none, and then nothing can be final.
    pub verifier: Option<Verifier>,
}

/// The verifier of proofs, in its own words; `cwe audit` compares it with the published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Where it is.
    pub address: Address,
    /// Name of its reference string; `None` if it does not tell.
    pub srs: Option<String>,
    /// Whether it says that its reference string is a ceremony's.
    pub safe: bool,
}

impl L1Client {
    /// A client of the L1 at `config.rpc_url`.
    ///
    /// # Errors
    /// [`L1Error::BadUrl`].
    pub fn new(config: L1Config, deployment: Deployment) -> Result<Self, L1Error> {
        let url = reqwest::Url::parse(&config.rpc_url).map_err(|error| L1Error::BadUrl(error.to_string()))?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_string(),
            (None, _) => return Err(L1Error::BadUrl("it has no host".into())),
        };
        gauge!("cwe_l1_up").set(1.0);
        Ok(Self {
            config,
            deployment,
            host,
            provider: RwLock::new(None),
            status: watch::Sender::new(L1Status::default()),
            checked: AtomicBool::new(false),
            deployed: AtomicBool::new(false),
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &L1Config {
        &self.config
    }

    /// How the node stands to the L1, as it changes: for `/ready` and `eth_syncing`.
    pub fn status(&self) -> watch::Receiver<L1Status> {
        self.status.subscribe()
    }

    /// Notes that L1 has L2 blocks up to `block`, whether we have them or not.
    pub(crate) fn note_target(&self, block: u64) {
        self.status.send_if_modified(|status| {
            let moved = status.target_block != Some(block);
            status.target_block = Some(block);
            moved
        });
    }

    /// Whether our contracts exist at `block`: before that there is nothing to read, and views answer nothing.
    pub(crate) async fn is_deployed_at(&self, block: &BlockRef) -> Result<bool, L1Error> {
        if block.id.number < self.config.start_block {
            return Ok(false);
        }
        if self.deployed.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let (rollup, at) = (self.config.rollup, BlockId::hash(block.id.hash));
        let code = self
            .request(
                "eth_getCode",
                |l1| async move { l1.get_code_at(rollup).block_id(at).await },
            )
            .await?;
        self.deployed.store(!code.is_empty(), Ordering::Relaxed);
        Ok(!code.is_empty())
    }

    /// Addresses of all our contracts, as the contracts name each other.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn contracts(&self) -> Result<Contracts, L1Error> {
        let latest = BlockId::latest();
        let bridge = self.inbox_view(Inbox::bridgeCall {}, latest).await?;
        Ok(Contracts {
            rollup: self.config.rollup,
            inbox: self.config.inbox,
            bridge,
            cln: self.view(bridge, Bridge::clnCall {}, latest).await?,
            timelock: self.rollup_view(Rollup::ownerCall {}, latest).await?,
            verifier: self.verifier(latest).await?,
        })
    }

    async fn verifier(&self, block: BlockId) -> Result<Option<Verifier>, L1Error> {
        let address = self.rollup_view(Rollup::verifierCall {}, block).await?;
        if address.is_zero() {
            return Ok(None);
        }
        // Another kind of verifier may have no name for its setup.
        let srs = self.view(address, BatchVerifier::srsCall {}, block).await.ok();
        let safe = self.view(address, BatchVerifier::isSafeCall {}, block).await;
        Ok(Some(Verifier {
            address,
            srs,
            safe: safe.unwrap_or(false),
        }))
    }

    /// Whether chain and contracts were checked since the last outage.
    pub fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Acquire)
    }

    /// Checks that this is the right chain, and that it has the right contracts unless that was done since the last
    /// outage. The chain is asked for every time: an endpoint can be pointed elsewhere without ever being down.
    ///
    /// # Errors
    /// What is wrong ([`L1Error::is_fatal`]), or that the L1 can't be asked.
    pub async fn ensure_checked(&self) -> Result<(), L1Error> {
        let found = self.chain_id().await?;
        if found != self.config.chain_id {
            return Err(L1Error::WrongChain {
                host: self.host.clone(),
                expected: self.config.chain_id,
                found,
            });
        }
        if self.is_checked() {
            return Ok(());
        }
        self.check_code("l1.rollup", self.config.rollup).await?;
        self.check_code("l1.inbox", self.config.inbox).await?;
        self.check_contracts().await?;
        self.checked.store(true, Ordering::Release);
        Ok(())
    }

    async fn check_code(&self, name: &'static str, address: Address) -> Result<(), L1Error> {
        let code = self
            .request("eth_getCode", |l1| async move { l1.get_code_at(address).await })
            .await?;
        if code.is_empty() {
            Err(L1Error::NoContract { name, address })
        } else {
            Ok(())
        }
    }

    async fn check_contracts(&self) -> Result<(), L1Error> {
        let inbox = self.rollup_view(Rollup::inboxCall {}, BlockId::latest()).await?;
        if inbox != self.config.inbox {
            return Err(L1Error::WrongInbox {
                expected: self.config.inbox,
                found: inbox,
            });
        }
        let found = self.rollup_view(Rollup::l2ChainIdCall {}, BlockId::latest()).await?;
        if found != self.deployment.l2_chain_id {
            return Err(L1Error::WrongL2Chain {
                expected: self.deployment.l2_chain_id,
                found,
            });
        }
        let found = self.batch_hash(0, BlockId::latest()).await?;
        if found != self.deployment.genesis_batch_hash {
            return Err(L1Error::GenesisMismatch {
                expected: self.deployment.genesis_batch_hash,
                found,
            });
        }
        Ok(())
    }

    /// The L1's chain id.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.request("eth_chainId", |l1| async move { l1.get_chain_id().await })
            .await
    }

    /// The newest block that counts under the confirmation policy.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn confirmed_head(&self) -> Result<BlockRef, L1Error> {
        let head = match self.config.confirmation {
            ConfirmationPolicy::Safe => self.tagged(BlockNumberOrTag::Safe).await?,
            ConfirmationPolicy::Finalized => self.tagged(BlockNumberOrTag::Finalized).await?,
            ConfirmationPolicy::Depth(0) => self.latest().await?,
            ConfirmationPolicy::Depth(depth) => {
                let number = self.latest().await?.id.number.saturating_sub(depth);
                self.tagged(number.into()).await?
            }
        };
        gauge!("cwe_l1_confirmed_block").set(head.id.number as f64);
        self.status.send_if_modified(|status| {
            let number = Some(head.id.number);
            let moved = status.confirmed_block != number;
            status.confirmed_block = number;
            moved
        });
        Ok(head)
    }

    /// The newest block.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn latest(&self) -> Result<BlockRef, L1Error> {
        self.tagged(BlockNumberOrTag::Latest).await
    }

    /// The newest final block; `None` while the L1 has none.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn finalized(&self) -> Result<Option<BlockRef>, L1Error> {
        self.find_block(BlockNumberOrTag::Finalized).await
    }

    /// The canonical block of a number, if the L1 has one.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn block(&self, number: u64) -> Result<Option<BlockRef>, L1Error> {
        self.find_block(number.into()).await
    }

    /// Whether `block` is on the canonical chain.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn is_canonical(&self, block: L1Block) -> Result<bool, L1Error> {
        Ok(self.block(block.number).await?.is_some_and(|found| found.id == block))
    }

    async fn tagged(&self, tag: BlockNumberOrTag) -> Result<BlockRef, L1Error> {
        self.find_block(tag)
            .await?
            .ok_or_else(|| L1Error::NoBlock(tag.to_string()))
    }

    async fn find_block(&self, tag: BlockNumberOrTag) -> Result<Option<BlockRef>, L1Error> {
        let answer = self
            .request(
                "eth_getBlockByNumber",
                |l1| async move { l1.get_block_by_number(tag).await },
            )
            .await;
        match answer {
            Ok(block) => Ok(block.map(|block| block_ref(block.header()))),
            // geth answers so for `safe` and `finalized` while there is none.
            Err(L1Error::Refused { message, .. }) if message.to_lowercase().contains("not found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The events of the next range, in order, with the range; `None` at the end.
    pub(crate) async fn next_events(
        &self,
        ranges: &mut Ranges,
    ) -> Result<Option<(Vec<LocatedEvent>, RangeInclusive<u64>)>, L1Error> {
        while let Some(range) = ranges.current() {
            match self.logs(&range).await {
                Ok(logs) => {
                    ranges.advance();
                    return Ok(Some((in_order(&logs)?, range)));
                }
                Err(error) if too_large(&error) && ranges.shrink() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// All events of our contracts in a span of blocks, in order.
    ///
    /// # Errors
    /// [`L1Error`]; [`L1Error::LogsPruned`] if the endpoint has thrown them away.
    pub async fn events_in(&self, span: RangeInclusive<u64>) -> Result<Vec<LocatedEvent>, L1Error> {
        let mut ranges = Ranges::new(span, self.config.log_range_blocks);
        let mut all = Vec::new();
        while let Some((events, _)) = self.next_events(&mut ranges).await? {
            all.extend(events);
        }
        Ok(all)
    }

    async fn logs(&self, range: &RangeInclusive<u64>) -> Result<Vec<Log>, L1Error> {
        let filter = Filter::new()
            .address(vec![self.config.inbox, self.config.rollup])
            .event_signature(TOPICS.to_vec())
            .from_block(*range.start())
            .to_block(*range.end());
        let request = |l1: DynProvider| {
            let filter = filter.clone();
            async move { l1.get_logs(&filter).await }
        };
        let logs = self
            .request("eth_getLogs", request)
            .await
            .map_err(|error| pruned(error, range))?;
        if logs.len() > MAX_LOGS {
            return Err(L1Error::Malformed {
                method: "eth_getLogs",
                reason: format!("{} logs for {} blocks", logs.len(), range.end() - range.start() + 1),
            });
        }
        let ours = |log: &Log| log.address() == self.config.inbox || log.address() == self.config.rollup;
        match logs
            .iter()
            .find(|log| !ours(log) || !log.block_number.is_some_and(|number| range.contains(&number)))
        {
            Some(_) => Err(L1Error::Malformed {
                method: "eth_getLogs",
                reason: "logs that were not asked for".into(),
            }),
            None => Ok(logs),
        }
    }

    /// Calls a view of `Rollup`.
    pub(crate) async fn rollup_view<C: SolCall + Sync>(&self, call: C, block: BlockId) -> Result<C::Return, L1Error> {
        self.view(self.config.rollup, call, block).await
    }

    /// Calls a view of `Inbox`.
    pub(crate) async fn inbox_view<C: SolCall + Sync>(&self, call: C, block: BlockId) -> Result<C::Return, L1Error> {
        self.view(self.config.inbox, call, block).await
    }

    async fn view<C: SolCall + Sync>(&self, to: Address, call: C, block: BlockId) -> Result<C::Return, L1Error> {
        let transaction = TransactionRequest::default().to(to).input(call.abi_encode().into());
        let answer = self.call(transaction, block).await?;
        C::abi_decode_returns_validate(&answer).map_err(|error| L1Error::Malformed {
            method: C::SIGNATURE,
            reason: error.to_string(),
        })
    }

    /// `eth_call`.
    pub(crate) async fn call(&self, transaction: TransactionRequest, block: BlockId) -> Result<Bytes, L1Error> {
        let request = |l1: DynProvider| {
            let transaction = transaction.clone();
            async move { l1.call(transaction).block(block).await }
        };
        self.request("eth_call", request).await
    }

    /// Hash of a batch on L1, 0 if it is not committed.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn batch_hash(&self, index: u64, block: BlockId) -> Result<B256, L1Error> {
        self.rollup_view(Rollup::batchHashCall { batchIndex: index }, block)
            .await
    }

    /// How far batches have come.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn tips(&self, block: BlockId) -> Result<Tips, L1Error> {
        Ok(Tips {
            committed: self.rollup_view(Rollup::lastCommittedBatchCall {}, block).await?,
            finalized: self.rollup_view(Rollup::lastFinalizedBatchCall {}, block).await?,
        })
    }

    /// Queue hash over the first `count` messages on L1; `None` if there are fewer.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn queue_hash(&self, count: u64, block: BlockId) -> Result<Option<B256>, L1Error> {
        if self.message_count(block).await? < count {
            return Ok(None);
        }
        self.inbox_view(Inbox::queueHashCall { count }, block).await.map(Some)
    }

    /// Number of messages on L1.
    ///
    /// # Errors
    /// [`L1Error`].
    pub async fn message_count(&self, block: BlockId) -> Result<u64, L1Error> {
        self.inbox_view(Inbox::nextIndexCall {}, block).await
    }

    /// Balance in wei at the newest block.
    pub(crate) async fn balance(&self, address: Address) -> Result<U256, L1Error> {
        self.request("eth_getBalance", |l1| async move { l1.get_balance(address).await })
            .await
    }

    /// Next nonce of an account by mined transactions.
    pub(crate) async fn mined_nonce(&self, address: Address) -> Result<u64, L1Error> {
        self.request("eth_getTransactionCount", |l1| async move {
            l1.get_transaction_count(address).latest().await
        })
        .await
    }

    /// Gas that a transaction would use on the newest block. The block is named, since some nodes estimate on top of the
    /// pool, which may hold the very transaction that this one is to replace.
    pub(crate) async fn estimate_gas(&self, transaction: TransactionRequest) -> Result<u64, L1Error> {
        let request = |l1: DynProvider| {
            let transaction = transaction.clone();
            async move { l1.estimate_gas(transaction).block(BlockId::latest()).await }
        };
        self.request("eth_estimateGas", request).await
    }

    /// What a transaction should offer now. Base prices are doubled: each can rise by an eighth per block.
    pub(crate) async fn market_fees(&self, blobs: bool) -> Result<Fees, L1Error> {
        let head = self.latest().await?;
        let tip = self
            .request("eth_maxPriorityFeePerGas", |l1| async move {
                l1.get_max_priority_fee_per_gas().await
            })
            .await?
            .max(1);
        let blob_price = if blobs {
            let price = self
                .request("eth_blobBaseFee", |l1| async move { l1.get_blob_base_fee().await })
                .await?;
            Some(price.max(1).saturating_mul(2))
        } else {
            None
        };
        Ok(Fees {
            max_fee_per_gas: head.base_fee.saturating_mul(2).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: blob_price,
        })
    }

    /// Sends a signed transaction. Sending the same one again is no error.
    pub(crate) async fn send_raw(&self, raw: &[u8]) -> Result<(), L1Error> {
        let raw = Bytes::copy_from_slice(raw);
        let request = |l1: DynProvider| {
            let raw = raw.clone();
            async move { l1.send_raw_transaction(&raw).await.map(|_| ()) }
        };
        match self.request("eth_sendRawTransaction", request).await {
            Err(L1Error::Refused { message, .. }) if already_known(&message) => Ok(()),
            other => other,
        }
    }

    /// Receipt of a mined transaction.
    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, L1Error> {
        self.request("eth_getTransactionReceipt", |l1| async move {
            l1.get_transaction_receipt(hash).await
        })
        .await
    }

    /// A transaction, waiting or mined.
    pub(crate) async fn transaction(&self, hash: B256) -> Result<Option<alloy::rpc::types::Transaction>, L1Error> {
        self.request("eth_getTransactionByHash", |l1| async move {
            l1.get_transaction_by_hash(hash).await
        })
        .await
    }

    /// Blob of a versioned hash by anvil's own method.
    pub(crate) async fn anvil_blob(&self, hash: B256) -> Result<Option<Bytes>, L1Error> {
        let request = |l1: DynProvider| async move { l1.raw_request("anvil_getBlobByHash".into(), (hash,)).await };
        self.request("anvil_getBlobByHash", request).await
    }
}

fn block_ref<H: HeaderResponse + BlockHeader>(header: &H) -> BlockRef {
    BlockRef {
        id: L1Block {
            number: header.number(),
            hash: header.hash(),
        },
        timestamp: header.timestamp(),
        base_fee: header.base_fee_per_gas().unwrap_or_default().into(),
        has_blobs: header.excess_blob_gas().is_some(),
    }
}

fn in_order(logs: &[Log]) -> Result<Vec<LocatedEvent>, L1Error> {
    let mut events = logs
        .iter()
        .filter_map(|log| events::decode(log).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| (event.block.number, event.log_index));
    Ok(events)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_access_key_in_the_url_does_not_reach_errors() {
        let config = L1Config {
            rpc_url: "http://127.0.0.1:9/v3/secret-key".into(),
            chain_id: 1,
            rollup: Address::ZERO,
            inbox: Address::ZERO,
            start_block: 0,
            confirmation: ConfirmationPolicy::Safe,
            poll_interval: Duration::from_secs(1),
            request_timeout: Duration::from_secs(1),
            log_range_blocks: 1,
        };
        let deployment = Deployment {
            l2_chain_id: 1,
            genesis_batch_hash: B256::ZERO,
        };
        let client = L1Client::new(config, deployment).unwrap();
        let error = client.latest().await.unwrap_err();
        assert!(matches!(error, L1Error::Unreachable { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret-key"), "{error}");
        assert!(!client.status().borrow().up);
    }
}
