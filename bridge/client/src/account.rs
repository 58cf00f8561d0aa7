//! The transactions of one L1 account: one at a time, outbid by themselves when they wait too long, followed until they
//! are mined. What they are for is the caller's ([`Purpose`]), and so is keeping them over a restart.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
    sol_types::SolInterface,
};
use cwe_bindings::contracts::{Inbox, Rollup};
use metrics::{counter, gauge};
use tracing::{info, warn};

use crate::{
    FeeCaps, Fees, L1Client, L1Error, TaskError,
    transactions::{Draft, SignedTransaction, Terms},
};

/// Share of the estimated gas that is allowed on top: state may change before inclusion.
const GAS_MARGIN_PERCENT: u64 = 25;

/// What a transaction is for.
pub(crate) trait Purpose: Copy + Eq + fmt::Debug + Send + Sync {
    /// Contract and function, for errors.
    fn call(&self) -> &'static str;

    /// Label of metrics.
    fn kind(&self) -> &'static str;
}

/// How an account pays, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    /// Time without inclusion after which a transaction is replaced with higher fees.
    pub(crate) resubmit_after: Duration,
    /// Highest prices paid.
    pub(crate) caps: FeeCaps,
    /// Which program the key belongs to, for messages.
    pub(crate) owner: &'static str,
}

/// An account that sends for purposes `P`.
pub(crate) struct Account<P> {
    l1: Arc<L1Client>,
    signer: PrivateKeySigner,
    payment: Payment,
    in_flight: Option<InFlight<P>>,
    /// The last offer made for a nonce; another transaction with this nonce must offer more.
    offer: Option<Offer<P>>,
    /// Transactions sent under the offer's nonce, the newest last.
    sent: Vec<B256>,
}

#[derive(Debug, Clone, Copy)]
struct Offer<P> {
    nonce: u64,
    purpose: P,
    fees: Fees,
}

/// A transaction that L1 may include at any time.
#[derive(Debug)]
pub(crate) struct InFlight<P> {
    purpose: P,
    nonce: u64,
    hash: B256,
    /// Its bytes; `None` if it was sent before a restart.
    raw: Option<Vec<u8>>,
    since: Instant,
    /// Whether its nonce was seen used without a receipt for it.
    overtaken: bool,
}

/// A transaction that was sent before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered<P> {
    pub(crate) purpose: P,
    pub(crate) nonce: u64,
    pub(crate) hash: B256,
    pub(crate) fees: Fees,
}

/// How it stands with the account's next nonce.
#[derive(Debug)]
pub(crate) enum Standing<P> {
    /// It can be used.
    Free,
    /// A transaction with it is on its way.
    Waits,
    /// The nonce before was used, by a transaction that is none of those remembered: what it was for may be done all the
    /// same, by one that was replaced before a restart.
    Used(InFlight<P>),
}

/// A signed transaction and its terms: to be written down before it is sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) signed: SignedTransaction,
    pub(crate) terms: Terms,
    blob_gas: u64,
    data_bytes: u64,
    replaces: bool,
}

impl<P> InFlight<P> {
    pub(crate) const fn purpose(&self) -> &P {
        &self.purpose
    }
}

impl<P: Purpose> Account<P> {
    pub(crate) const fn new(l1: Arc<L1Client>, signer: PrivateKeySigner, payment: Payment) -> Self {
        Self {
            l1,
            signer,
            payment,
            in_flight: None,
            offer: None,
            sent: Vec::new(),
        }
    }

    pub(crate) const fn address(&self) -> Address {
        self.signer.address()
    }

    /// The next nonce by mined transactions.
    pub(crate) async fn nonce(&self) -> Result<u64, L1Error> {
        self.l1.mined_nonce(self.address()).await
    }

    /// Whether nothing was sent or adopted yet.
    pub(crate) const fn is_new(&self) -> bool {
        self.in_flight.is_none() && self.offer.is_none()
    }

    /// What was last offered under `nonce`, for which a replacement must be.
    pub(crate) fn offered_for(&self, nonce: u64) -> Option<P> {
        self.offer
            .filter(|offer| offer.nonce == nonce)
            .map(|offer| offer.purpose)
    }

    /// Takes over what was sent before a restart, under the nonce that is next.
    pub(crate) fn adopt(&mut self, sent: Remembered<P>, in_pool: bool) {
        let Remembered {
            purpose,
            nonce,
            hash,
            fees,
        } = sent;
        self.offer = Some(Offer { nonce, purpose, fees });
        self.sent = vec![hash];
        if in_pool {
            info!(?purpose, transaction = %hash, "takes over the transaction sent before the restart");
            self.in_flight = Some(InFlight {
                purpose,
                nonce,
                hash,
                raw: None,
                since: Instant::now(),
                overtaken: false,
            });
        }
    }

    /// Follows up the transaction in flight.
    pub(crate) async fn follow(&mut self, nonce: u64) -> Result<Standing<P>, TaskError> {
        let Some(sent) = self.in_flight.take() else {
            return Ok(Standing::Free);
        };
        if sent.nonce < nonce {
            return Ok(if self.is_settled(&sent).await? {
                Standing::Free
            } else {
                Standing::Used(sent)
            });
        }
        if sent.nonce > nonce {
            // The L1 reorganised away an earlier transaction of ours.
            return Ok(Standing::Free);
        }
        if sent.since.elapsed() >= self.payment.resubmit_after {
            info!(nonce, "transaction waits too long, offers more");
            return Ok(Standing::Free);
        }
        let outcome = self.keep_alive(&sent).await;
        let known = !matches!(outcome, Ok(false));
        if known {
            self.in_flight = Some(sent);
        }
        outcome.map(|_| if known { Standing::Waits } else { Standing::Free })
    }

    /// The nonce of `sent` was used and there is no receipt for it. The L1 may count a transaction a moment before it
    /// shows its receipt: looks twice before it blames somebody else. Whether to look again.
    pub(crate) fn looks_again(&mut self, sent: InFlight<P>) -> bool {
        if !sent.overtaken {
            self.in_flight = Some(InFlight {
                overtaken: true,
                ..sent
            });
            return true;
        }
        warn!(
            nonce = sent.nonce,
            address = %self.address(),
            "another transaction used the posting account's nonce: only this {} may use its key",
            self.payment.owner
        );
        false
    }

    /// Stops following the transaction in flight: L1 refused it.
    pub(crate) fn forget(&mut self) {
        self.in_flight = None;
    }

    /// A transaction with our nonce was mined: says which, and how it went; whether it was one that is remembered.
    async fn is_settled(&self, sent: &InFlight<P>) -> Result<bool, TaskError> {
        for hash in &self.sent {
            let Some(receipt) = self.l1.receipt(*hash).await? else {
                continue;
            };
            let (gas, block) = (receipt.gas_used, receipt.block_number);
            if receipt.status() {
                info!(job = ?sent.purpose, transaction = %hash, l1_block = block, gas, "mined on L1");
            } else {
                warn!(job = ?sent.purpose, transaction = %hash, l1_block = block, gas, "reverted on L1");
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Sends the transaction again if the L1 has forgotten it; whether it is on its way.
    async fn keep_alive(&self, sent: &InFlight<P>) -> Result<bool, TaskError> {
        if self.l1.transaction(sent.hash).await?.is_some() {
            return Ok(true);
        }
        let Some(raw) = &sent.raw else { return Ok(false) };
        self.l1.send_raw(raw).await?;
        Ok(true)
    }

    /// Prices and signs a call. Nothing is sent yet: the caller writes it down first.
    ///
    /// # Errors
    /// The call would revert, costs more than the caps allow or than the account has, or the L1 can't be asked.
    pub(crate) async fn prepare(&self, purpose: P, draft: &Draft, nonce: u64) -> Result<Prepared, TaskError> {
        let previous = self.offer.filter(|offer| offer.nonce == nonce).map(|offer| offer.fees);
        let market = self.l1.market_fees(draft.sidecar.is_some()).await?;
        let fees = Fees::next(market, previous, &self.payment.caps)?;
        let gas_limit = self.gas_limit(purpose, draft, &fees).await?;
        self.check_funds(fees.cost(gas_limit, draft.blob_gas())).await?;
        let terms = Terms {
            chain_id: self.l1.config().chain_id,
            nonce,
            gas_limit,
            fees,
        };
        Ok(Prepared {
            signed: draft.sign(&terms, &self.signer)?,
            terms,
            blob_gas: draft.blob_gas(),
            data_bytes: draft.input.len() as u64,
            replaces: previous.is_some(),
        })
    }

    /// Sends what was prepared, and follows it from then on.
    ///
    /// # Errors
    /// The L1 refuses it or can't be asked; it may have arrived all the same.
    pub(crate) async fn send(&mut self, purpose: P, prepared: Prepared) -> Result<(), TaskError> {
        let Prepared {
            signed,
            terms,
            blob_gas,
            data_bytes,
            replaces,
        } = prepared;
        let (nonce, fees) = (terms.nonce, terms.fees);
        // From here on it may be in a pool, whatever the answer.
        self.offer = Some(Offer { nonce, purpose, fees });
        if !replaces {
            self.sent.clear();
        }
        self.sent.push(signed.hash);
        self.in_flight = Some(InFlight {
            purpose,
            nonce,
            hash: signed.hash,
            raw: Some(signed.raw.clone()),
            since: Instant::now(),
            overtaken: false,
        });
        counter!("cwe_poster_transactions_total", "kind" => purpose.kind()).increment(1);
        if replaces {
            counter!("cwe_poster_replacements_total").increment(1);
        }
        counter!("cwe_poster_data_bytes_total").increment(blob_gas.saturating_add(data_bytes));
        match self.l1.send_raw(&signed.raw).await {
            // Refused as a repetition: an attempt that timed out has arrived.
            Err(L1Error::Refused { .. }) if self.l1.transaction(signed.hash).await?.is_some() => {}
            outcome => outcome?,
        }
        info!(job = ?purpose, transaction = %signed.hash, nonce, blobs = blob_gas > 0, "sent to L1");
        Ok(())
    }

    async fn gas_limit(&self, purpose: P, draft: &Draft, fees: &Fees) -> Result<u64, TaskError> {
        match self.l1.estimate_gas(draft.simulation(self.address(), fees)).await {
            Ok(gas) => Ok(gas.saturating_add(gas / 100 * GAS_MARGIN_PERCENT)),
            Err(L1Error::Refused {
                revert: Some(data),
                message,
                ..
            }) => Err(TaskError::WouldRevert {
                call: purpose.call(),
                reason: revert_reason(&data, &message),
            }),
            Err(error) => Err(error.into()),
        }
    }

    async fn check_funds(&self, needed_wei: u128) -> Result<(), TaskError> {
        let balance = self.l1.balance(self.address()).await?;
        let balance_wei = u128::try_from(balance).unwrap_or(u128::MAX);
        gauge!("cwe_poster_balance_ether").set(balance_wei as f64 / 1e18);
        if balance_wei >= needed_wei {
            return Ok(());
        }
        Err(TaskError::InsufficientFunds {
            address: self.address(),
            balance_wei,
            needed_wei,
        })
    }
}

fn revert_reason(data: &[u8], message: &str) -> String {
    if let Ok(error) = Rollup::RollupErrors::abi_decode(data) {
        return format!("{error:?}");
    }
    Inbox::InboxErrors::abi_decode(data).map_or_else(|_| message.to_string(), |error| format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolError;

    use super::*;

    #[test]
    fn a_revert_is_told_by_its_solidity_name() {
        let data = Rollup::IsPaused { until: 77 }.abi_encode();
        let reason = revert_reason(&data, "execution reverted");
        assert!(reason.contains("IsPaused") && reason.contains("77"), "{reason}");
        assert_eq!(revert_reason(&[1, 2, 3, 4], "execution reverted"), "execution reverted");
    }
}
