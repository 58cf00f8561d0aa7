//! Settling epochs on the chain.

use std::{collections::BTreeSet, future::Future};

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolCall,
};
use cwe_bindings::economy::contracts::{CWEPayouts, cwe_payouts::ICWEPayouts::Basis};
use cwe_dapr::{RegistryOpening, Settlement, SettlementInputs};

use super::{Chain, ChainClient, ChainFailure, Sending, registry};
use crate::{state::Roots, view::Best};

/// On what an epoch is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementBasis {
    /// The state.
    pub roots: Roots,
    /// Whether carried money is given up because its data is withheld.
    pub abandon_carried: bool,
}

/// How far the settlement of the epoch to be settled next is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The epoch.
    pub epoch: u64,
    /// Its best state.
    pub best: Best,
    /// Reveals of the settlement that is proven; none where none is.
    pub proven: Option<u64>,
    /// End of the grace, Unix seconds: afterwards carried money may be abandoned.
    pub grace_ends_at: u64,
}

/// What settling asks of a chain.
pub trait Settlements: Chain {
    /// The epoch to be settled next.
    fn due(&self) -> impl Future<Output = Result<Due, ChainFailure>> + Send;

    /// What a settlement on a basis must be made with.
    fn inputs(
        &self,
        epoch: u64,
        basis: SettlementBasis,
    ) -> impl Future<Output = Result<SettlementInputs, ChainFailure>> + Send;

    /// Registrations of works, opened.
    fn registrations(
        &self,
        epoch: u64,
        works: &BTreeSet<B256>,
    ) -> impl Future<Output = Result<RegistryOpening, ChainFailure>> + Send;

    /// Hash and number of chunks of the payout list that this account has published.
    fn published(&self, epoch: u64) -> impl Future<Output = Result<(B256, u32), ChainFailure>> + Send;

    /// Publishes a chunk of the payout list.
    fn publish(
        &self,
        epoch: u64,
        index: u32,
        entries: Vec<u8>,
    ) -> impl Future<Output = Result<Sending, ChainFailure>> + Send;

    /// Posts a settlement with its proof.
    fn prove_settlement(
        &self,
        epoch: u64,
        basis: SettlementBasis,
        settlement: &Settlement,
        proof: Vec<u8>,
    ) -> impl Future<Output = Result<Sending, ChainFailure>> + Send;

    /// Settles the epoch.
    fn settle(&self, epoch: u64) -> impl Future<Output = Result<Sending, ChainFailure>> + Send;
}

impl From<SettlementBasis> for Basis {
    fn from(basis: SettlementBasis) -> Self {
        Self {
            nullifierRoot: basis.roots.nullifier_root,
            totalsRoot: basis.roots.totals_root,
            abandonCarried: basis.abandon_carried,
        }
    }
}

impl Settlements for ChainClient {
    async fn due(&self) -> Result<Due, ChainFailure> {
        const DOING: &str = "reading the settlement that is due";
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let epoch = self.call(DOING, payouts.nextEpoch()).await?;
        let settlement = self.call(DOING, payouts.settlementOf(epoch)).await?;
        let basis = self.call(DOING, payouts.basisOf(epoch)).await?;
        Ok(Due {
            epoch,
            best: self.best(epoch, false).await?,
            proven: settlement.proven.then_some(basis.reveals),
            grace_ends_at: self.call(DOING, payouts.graceOf(epoch)).await?.endsAt,
        })
    }

    async fn inputs(&self, epoch: u64, basis: SettlementBasis) -> Result<SettlementInputs, ChainFailure> {
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let inputs = payouts.settlementInputs(epoch, basis.into());
        let inputs = self.call("reading a settlement's inputs", inputs).await?;
        Ok((&inputs).into())
    }

    async fn registrations(&self, epoch: u64, works: &BTreeSet<B256>) -> Result<RegistryOpening, ChainFailure> {
        registry::open(&self.provider, &self.addresses, epoch, works).await
    }

    async fn published(&self, epoch: u64) -> Result<(B256, u32), ChainFailure> {
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let published = payouts.publishedPayouts(epoch, self.account.address());
        let published = self.call("reading the published payouts", published).await?;
        Ok((published.payoutsHash, published.chunks))
    }

    async fn publish(&self, epoch: u64, index: u32, entries: Vec<u8>) -> Result<Sending, ChainFailure> {
        let call = CWEPayouts::publishPayoutsCall {
            epoch,
            index,
            entries: entries.into(),
        };
        self.send(&format!("publishPayouts {epoch} {index}"), call.abi_encode().into())
            .await
    }

    async fn prove_settlement(
        &self,
        epoch: u64,
        basis: SettlementBasis,
        settlement: &Settlement,
        proof: Vec<u8>,
    ) -> Result<Sending, ChainFailure> {
        let call = CWEPayouts::proveSettlementCall {
            epoch,
            basis: basis.into(),
            settlement: settlement.into(),
            proof: proof.into(),
        };
        self.send(&format!("proveSettlement {epoch}"), call.abi_encode().into())
            .await
    }

    async fn settle(&self, epoch: u64) -> Result<Sending, ChainFailure> {
        let call = CWEPayouts::settleEpochCall {
            epochId: alloy::primitives::U256::from(epoch),
        };
        self.send(&format!("settleEpoch {epoch}"), call.abi_encode().into())
            .await
    }
}

impl ChainClient {
    async fn send(&self, purpose: &str, input: Bytes) -> Result<Sending, ChainFailure> {
        self.account.send(purpose, self.addresses.payouts, input).await
    }
}
