//! The account's transactions on the L2: one at a time, written down before it is sent, sent again until it is mined, and
//! with higher fees when that takes too long. Whether what it was for is done, the chain says.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{BlockId, eip2718::Encodable2718},
    network::TxSignerSync,
    primitives::{Address, Bytes, TxKind, U256},
    providers::{DynProvider, Provider},
    rpc::types::{BlockOverrides, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolInterface,
};
use cwe_bindings::economy::contracts::cwe_payouts::CWEPayouts::CWEPayoutsErrors;
use parking_lot::Mutex;
use tracing::{info, warn};

use super::{ChainFailure, Sending, node};
use crate::{
    Config,
    store::{SentTransaction, Store},
};

/// A quarter more gas than in the trial run: the state may change before inclusion.
const GAS_MARGIN_DIVISOR: u64 = 4;
/// A replacement offers at least an eighth more: nodes refuse less.
const REPLACEMENT_DIVISOR: u128 = 8;

/// The account.
pub(super) struct Account {
    provider: DynProvider,
    signer: PrivateKeySigner,
    store: Store,
    chain_id: u64,
    max_cost_wei: u64,
    resubmit_after: Duration,
    /// The last offer of this process.
    offer: Mutex<Option<Offer>>,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    nonce: u64,
    max_fee: u128,
    tip: u128,
    since: Instant,
}

impl Account {
    pub(super) fn new(provider: DynProvider, signer: PrivateKeySigner, store: Store, config: &Config) -> Self {
        Self {
            provider,
            signer,
            store,
            chain_id: config.l2.chain_id,
            max_cost_wei: config.account.max_cost_wei,
            resubmit_after: Duration::from_secs(config.account.resubmit_after_secs),
            offer: Mutex::default(),
        }
    }

    pub(super) const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Sends a call unless another one is on its way.
    pub(super) async fn send(&self, purpose: &str, to: Address, input: Bytes) -> Result<Sending, ChainFailure> {
        let nonce = self.nonce().await?;
        if self.is_under_way(nonce, purpose).await? {
            return Ok(Sending::Waits);
        }
        let call = TransactionRequest::default()
            .from(self.signer.address())
            .to(to)
            .input(input.clone().into());
        let trial = self.provider.estimate_gas(call).block(BlockId::pending());
        let gas = match trial.with_block_overrides(at_present()).await {
            Ok(gas) => gas.saturating_add(gas / GAS_MARGIN_DIVISOR),
            Err(error) => {
                let revert = error.as_error_resp().and_then(|answer| answer.as_revert_data());
                let reason = revert.ok_or_else(|| node("running a transaction on trial", &error))?;
                return Ok(Sending::Refused(revert_reason(&reason)));
            }
        };
        let (max_fee, tip) = self.fees(nonce).await?;
        self.check_cost(gas, max_fee)?;
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        };
        let signed = self.sign(transaction)?;
        let sent = SentTransaction {
            nonce,
            purpose: purpose.to_owned(),
            hash: *signed.tx_hash(),
            raw: signed.encoded_2718(),
        };
        self.store.write_transaction(&sent).await?;
        let since = Instant::now();
        *self.offer.lock() = Some(Offer {
            nonce,
            max_fee,
            tip,
            since,
        });
        self.send_raw(&sent).await?;
        info!(purpose, nonce, transaction = %sent.hash, "sent");
        Ok(Sending::Sent)
    }

    fn sign(&self, mut transaction: TxEip1559) -> Result<TxEnvelope, ChainFailure> {
        let signature = self.signer.sign_transaction_sync(&mut transaction);
        let signature = signature.map_err(|_| ChainFailure::Signer)?;
        Ok(transaction.into_signed(signature).into())
    }

    async fn nonce(&self) -> Result<u64, ChainFailure> {
        let nonce = self
            .provider
            .get_transaction_count(self.signer.address())
            .latest()
            .await;
        nonce.map_err(|error| node("reading the account's nonce", &error))
    }

    /// Whether a transaction with this number has to be waited for; it is sent again if the node has forgotten it.
    async fn is_under_way(&self, nonce: u64, purpose: &str) -> Result<bool, ChainFailure> {
        self.store.forget_transactions_below(nonce).await?;
        let waiting = self.store.transactions().await?;
        let Some(sent) = waiting.iter().find(|sent| sent.nonce == nonce) else {
            return Ok(false);
        };
        let offer = *self.offer.lock();
        let offer = offer.filter(|offer| offer.nonce == nonce);
        match offer {
            // Written down by an earlier process: its fees are not known here, so it gets its time again.
            None => {
                let (max_fee, tip) = self.market().await?;
                let since = Instant::now();
                *self.offer.lock() = Some(Offer {
                    nonce,
                    max_fee,
                    tip,
                    since,
                });
            }
            Some(offer) if offer.since.elapsed() >= self.resubmit_after => {
                warn!(nonce, purpose, "a transaction waits too long: offers more");
                return Ok(false);
            }
            Some(_) => {}
        }
        self.send_raw(sent).await?;
        Ok(true)
    }

    /// A node that has it already says so, and one that refuses it is asked again later.
    async fn send_raw(&self, sent: &SentTransaction) -> Result<(), ChainFailure> {
        match self.provider.send_raw_transaction(&sent.raw).await {
            Ok(_) => Ok(()),
            Err(error) if error.as_error_resp().is_some() => Ok(()),
            Err(error) => Err(node("sending a transaction", &error)),
        }
    }

    async fn market(&self) -> Result<(u128, u128), ChainFailure> {
        let fees = self.provider.estimate_eip1559_fees().await;
        let fees = fees.map_err(|error| node("asking for fees", &error))?;
        Ok((fees.max_fee_per_gas, fees.max_priority_fee_per_gas))
    }

    async fn fees(&self, nonce: u64) -> Result<(u128, u128), ChainFailure> {
        let (max_fee, tip) = self.market().await?;
        let last = *self.offer.lock();
        let more = |fee: u128| fee.saturating_add(fee / REPLACEMENT_DIVISOR).saturating_add(1);
        Ok(match last.filter(|offer| offer.nonce == nonce) {
            Some(offer) => (max_fee.max(more(offer.max_fee)), tip.max(more(offer.tip))),
            None => (max_fee, tip),
        })
    }

    fn check_cost(&self, gas: u64, max_fee: u128) -> Result<(), ChainFailure> {
        let cost = U256::from(gas).saturating_mul(U256::from(max_fee));
        if cost <= U256::from(self.max_cost_wei) {
            return Ok(());
        }
        Err(ChainFailure::TooDear {
            cost_wei: cost.to_string(),
            max_cost_wei: self.max_cost_wei,
        })
    }
}

/// The open block of a quiet chain keeps its time until a transaction comes.
fn at_present() -> BlockOverrides {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    BlockOverrides {
        time: now.ok().map(|now| now.as_secs()),
        ..BlockOverrides::default()
    }
}

fn revert_reason(data: &[u8]) -> String {
    CWEPayoutsErrors::abi_decode(data).map_or_else(
        |_| "the contract refuses it without a reason that is known".into(),
        |error| format!("{error:?}"),
    )
}
