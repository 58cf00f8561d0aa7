//! Reading the contracts over JSON-RPC.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{B256, U256},
    providers::{DynProvider, Provider},
    sol_types::SolCall,
};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{
        AggregationVerifier, CWEConsumption, CWEPayouts, CWETiers, EpochBeacon, EpochClock,
        cwe_payouts::ICWEPayouts::Aggregate,
    },
};
use cwe_usage::Element;
use eyre::Result;

use super::{Chain, ChainFailure, Sending, account::Account, node, registry};
use crate::{
    Config,
    state::Roots,
    store::{Store, StoredAggregate},
    view::{Best, EpochTerms, EpochView, View, Windows},
};

/// Most epochs that are followed.
const MAX_EPOCHS: u64 = 32;

/// The economy on one L2, and the account that writes to it.
pub struct ChainClient {
    pub(super) provider: DynProvider,
    pub(super) addresses: EconomyAddresses,
    pub(super) account: Account,
    keep_epochs: u64,
}

impl ChainClient {
    /// Connects and checks that it is the right chain.
    ///
    /// # Errors
    /// There is no key or file of addresses, the node does not answer, or it is another chain's.
    pub async fn connect(config: &Config, store: Store) -> Result<Self> {
        let signer = config.account.key().signer()?;
        let addresses = config.l2.addresses()?;
        let provider = config.l2.connect().await?;
        Ok(Self {
            account: Account::new(provider.clone(), signer, store, config),
            provider,
            addresses,
            keep_epochs: config.serve.keep_epochs,
        })
    }

    /// Hash of the Reveal circuit's key that the chain's verifier of aggregates has; none where none is set.
    ///
    /// # Errors
    /// The node does not answer, or the verifier is none of ours.
    pub async fn reveal_key_hash(&self) -> Result<Option<B256>, ChainFailure> {
        const DOING: &str = "reading the verifier of aggregates";
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let verifier = self.call(DOING, payouts.verifiers()).await?.aggregation;
        if verifier.is_zero() {
            return Ok(None);
        }
        let verifier = AggregationVerifier::new(verifier, &self.provider);
        Ok(Some(self.call(DOING, verifier.revealKeyHash()).await?))
    }

    /// The contracts.
    pub const fn addresses(&self) -> &EconomyAddresses {
        &self.addresses
    }

    pub(super) async fn call<P: Provider, D: CallDecoder>(
        &self,
        doing: &'static str,
        call: CallBuilder<P, D>,
    ) -> Result<D::CallOutput, ChainFailure> {
        call.call().await.map_err(|error| match error {
            alloy::contract::Error::TransportError(error) => node(doing, &error),
            _ => ChainFailure::Nonsense(doing),
        })
    }

    async fn head_secs(&self) -> Result<u64, ChainFailure> {
        const DOING: &str = "reading the newest block";
        let block = self
            .provider
            .get_block_by_number(alloy::eips::BlockNumberOrTag::Latest)
            .await;
        let block = block.map_err(|error| node(DOING, &error))?;
        Ok(block.ok_or(ChainFailure::Nonsense(DOING))?.header.timestamp)
    }

    /// The running epoch; `None` before the first.
    async fn current_epoch(&self) -> Result<Option<u64>, ChainFailure> {
        const DOING: &str = "reading the running epoch";
        let clock = EpochClock::new(self.addresses.clock, &self.provider);
        match clock.currentEpoch().call().await {
            Ok(epoch) => Ok(Some(epoch)),
            Err(alloy::contract::Error::TransportError(error)) => match error.as_error_resp() {
                Some(answer) if answer.as_revert_data().is_some() => Ok(None),
                _ => Err(node(DOING, &error)),
            },
            Err(_) => Err(ChainFailure::Nonsense(DOING)),
        }
    }

    async fn epoch(
        &self,
        epoch: u64,
        head_secs: u64,
        is_settled: bool,
        last: Option<&EpochView>,
    ) -> Result<EpochView, ChainFailure> {
        let clock = EpochClock::new(self.addresses.clock, &self.provider);
        let windows = self.call("reading an epoch's windows", clock.windowsOf(epoch)).await?;
        let windows = Windows {
            ends_at: windows.endsAt,
            submission_ends_at: windows.submissionEndsAt,
            reveal_ends_at: windows.revealEndsAt,
            settleable_at: windows.settleableAt,
        };
        let terms = if head_secs >= windows.submission_ends_at {
            self.terms(epoch, last.and_then(|view| view.terms.clone())).await?
        } else {
            None
        };
        Ok(EpochView {
            windows,
            terms,
            best: self.best(epoch, is_settled).await?,
        })
    }

    /// What is fixed of an epoch; read again where key or note root are not what they were: the chain was reorganised.
    async fn terms(&self, epoch: u64, last: Option<Arc<EpochTerms>>) -> Result<Option<Arc<EpochTerms>>, ChainFailure> {
        let beacon = EpochBeacon::new(self.addresses.beacon, &self.provider);
        let consumption = CWEConsumption::new(self.addresses.consumption, &self.provider);
        let key = element(self.call("reading an epoch's key", beacon.keyOf(epoch)).await?)?;
        let note_root = element(self.call("reading a note root", consumption.noteRoot(epoch)).await?)?;
        if key.is_zero() {
            return Ok(None);
        }
        if let Some(last) = last.filter(|last| last.key == key && last.note_root == note_root) {
            return Ok(Some(last));
        }
        let tiers = CWETiers::new(self.addresses.tiers, &self.provider);
        Ok(Some(Arc::new(EpochTerms {
            key,
            note_root,
            tiers: self.call("reading the tiers", tiers.tierIds()).await?,
            registry: registry::read(&self.provider, &self.addresses, epoch).await?,
        })))
    }

    /// The state that the epoch was settled on, if it was by a proof; else the one with the most reveals.
    pub(super) async fn best(&self, epoch: u64, is_settled: bool) -> Result<Best, ChainFailure> {
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        if is_settled {
            let settled = self.call("reading a settlement", payouts.basisOf(epoch)).await?;
            if !settled.basis.nullifierRoot.is_zero() {
                return Ok(Best {
                    roots: Roots {
                        nullifier_root: settled.basis.nullifierRoot,
                        totals_root: settled.basis.totalsRoot,
                    },
                    reveals: settled.reveals,
                });
            }
        }
        let best = self
            .call("reading an epoch's best state", payouts.rootsOf(epoch))
            .await?;
        Ok(Best {
            roots: Roots {
                nullifier_root: best.nullifierRoot,
                totals_root: best.totalsRoot,
            },
            reveals: best.reveals,
        })
    }
}

fn element(number: U256) -> Result<Element, ChainFailure> {
    Element::try_from(number).map_err(|_| ChainFailure::Nonsense("reading a field element"))
}

impl Chain for ChainClient {
    async fn look(&self, last: Option<Arc<View>>) -> Result<View, ChainFailure> {
        let head_secs = self.head_secs().await?;
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let next = self
            .call("reading the epoch to be settled next", payouts.nextEpoch())
            .await?;
        let mut epochs = BTreeMap::new();
        if let Some(current) = self.current_epoch().await? {
            let oldest = next
                .saturating_sub(self.keep_epochs)
                .max(current.saturating_sub(MAX_EPOCHS - 1))
                .max(1);
            for epoch in oldest..=current {
                let known = last.as_ref().and_then(|view| view.epochs.get(&epoch));
                epochs.insert(epoch, self.epoch(epoch, head_secs, epoch < next, known).await?);
            }
        }
        Ok(View { head_secs, epochs })
    }

    async fn reveals_of(&self, epoch: u64, roots: Roots) -> Result<Option<u64>, ChainFailure> {
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let state = payouts.stateOf(epoch, roots.nullifier_root, roots.totals_root);
        let state = self.call("reading a state", state).await?;
        Ok(state.known.then_some(state.reveals))
    }

    async fn submit(&self, aggregate: &StoredAggregate, proof: &[u8]) -> Result<Sending, ChainFailure> {
        let StoredAggregate {
            epoch,
            before,
            after,
            units,
            step,
            ..
        } = aggregate;
        let call = CWEPayouts::submitAggregateCall {
            epoch: *epoch,
            aggregate: Aggregate {
                nullifierRootBefore: before.nullifier_root,
                nullifierRootAfter: after.nullifier_root,
                totalsRootBefore: before.totals_root,
                totalsRootAfter: after.totals_root,
                reveals: step.reveals(),
                units: units.clone(),
            },
            proof: proof.to_vec().into(),
        };
        let purpose = format!("submitAggregate {epoch} {}", B256::from(after.nullifier_root));
        self.account
            .send(&purpose, self.addresses.payouts, call.abi_encode().into())
            .await
    }
}
