//! The chain as the relayer asks it.

use std::{future::Future, time::Duration};

use alloy::{
    eips::BlockId,
    network::EthereumWallet,
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, PendingTransactionError, Provider, ProviderBuilder},
    rpc::types::{BlockOverrides, TransactionRequest},
    sol_types::{SolCall, SolInterface},
    transports::{RpcError, TransportErrorKind},
};
use cwe_bindings::economy::{
    EconomyAddresses,
    contracts::{
        CWEConsumption, CWEPayouts, EpochClock, SubmissionRefunds,
        cwe_consumption::CWEConsumption::CWEConsumptionErrors,
    },
};
use cwe_service::node_failure;
use cwe_wallet::{chain::ChainClient, messages::SubmissionBody};
use eyre::{Result, WrapErr, ensure};

use crate::{Config, proof::SplitVerifier};

/// A fifth more gas than in the trial run: another submission may come first and make this one dearer.
const GAS_MARGIN_DIVISOR: u64 = 5;

/// Said of a proof, whoever checked it.
const PROOF_INVALID: &str = "the proof does not hold for this epoch, tier, nullifier and notes root";

/// What a relayer must know and do on the chain.
pub trait Gate: Send + Sync + 'static {
    /// The epoch that takes submissions now; none between windows.
    fn open_epoch(&self) -> impl Future<Output = Result<Option<u64>, GateError>> + Send;

    /// Whether a submission with this nullifier was taken.
    fn is_used(&self, epoch: u64, nullifier: B256) -> impl Future<Output = Result<bool, GateError>> + Send;

    /// Whether the proof holds, without the chain's verifier.
    fn check_proof(&self, epoch: u64, body: &SubmissionBody) -> impl Future<Output = Result<(), GateError>> + Send;

    /// Gas of the transaction, found by running it.
    fn trial(&self, body: &SubmissionBody) -> impl Future<Output = Result<u64, GateError>> + Send;

    /// Sends the transaction and waits for it.
    fn send(&self, body: &SubmissionBody, gas: u64) -> impl Future<Output = Result<B256, GateError>> + Send;

    /// The last epoch that is settled, 0 before the first.
    fn last_settled(&self) -> impl Future<Output = Result<u64, GateError>> + Send;

    /// CLN wei that the account has to get for its submissions of a settled epoch, 0 when it has got them.
    fn refund_due(&self, epoch: u64) -> impl Future<Output = Result<U256, GateError>> + Send;

    /// Claims a refund that is due, and waits for it.
    fn claim_refund(&self, epoch: u64, due: U256) -> impl Future<Output = Result<B256, GateError>> + Send;
}

/// Why the chain does not take a submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No window is open.
    #[error("no epoch takes submissions now")]
    Closed,
    /// It was taken already.
    #[error("a submission with this nullifier was taken already")]
    Used,
    /// The proof, or what it is for, is wrong.
    #[error("{0}")]
    Refused(&'static str),
    /// More than the relayer pays.
    #[error("transactions cost more than this relayer pays now; try later or another one")]
    TooDear,
    /// The chain can't take anything now.
    #[error("{0}")]
    NotNow(&'static str),
    /// The node fails. Why is for the operator's log, and holds nothing of a submission.
    #[error("the relayer can't reach the chain now")]
    Node(String),
}

/// The chain behind a node.
#[derive(Debug, Clone)]
pub struct ChainGate {
    provider: DynProvider,
    account: Address,
    addresses: EconomyAddresses,
    verifier: SplitVerifier,
    max_cost_wei: U256,
    confirmation: Duration,
}

impl ChainGate {
    /// Connects and checks that it is the right chain.
    ///
    /// # Errors
    /// There is no key, file of addresses or reference string, the node does not answer, or it is another chain's or has
    /// a verifier of another reference string.
    pub async fn connect(config: &Config) -> Result<Self> {
        let signer = config.account.key().signer()?;
        let account = signer.address();
        let addresses = EconomyAddresses::load(&config.l2.economy, config.l2.chain_id)?;
        let url = config.l2.rpc_url.parse().wrap_err("l2.rpc_url is no URL")?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(config.l2.request_timeout_ms))
            .build()
            .wrap_err("setting up HTTP")?;
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::new(signer))
            .connect_reqwest(client, url)
            .erased();
        let found = provider.get_chain_id().await.wrap_err("the L2 node does not answer")?;
        ensure!(
            found == config.l2.chain_id,
            "the L2 node has chain id {found}, l2.chain_id is {}",
            config.l2.chain_id
        );
        let setup = config.proofs.setup()?;
        let ours = setup.name();
        if let Some(theirs) = ChainClient::new(provider.clone(), addresses).split_srs().await? {
            ensure!(
                theirs == ours,
                "the chain's verifier was made with the reference string {theirs}, proofs.srs is {ours}: set proofs.srs \
                 and proofs.srs_sha256 to its file"
            );
        }
        let verifier = tokio::task::spawn_blocking(move || SplitVerifier::derive(setup))
            .await
            .wrap_err("deriving the verifying key")??;
        Ok(Self {
            provider,
            account,
            addresses,
            verifier,
            max_cost_wei: U256::from(config.account.max_cost_wei),
            confirmation: Duration::from_secs(config.limits.confirmation_secs),
        })
    }

    /// What the account has, CLN wei.
    ///
    /// # Errors
    /// The node fails.
    pub async fn balance(&self) -> Result<U256, GateError> {
        self.provider
            .get_balance(self.account)
            .await
            .map_err(|error| node(&error))
    }

    /// Sends a transaction that may cost `most` CLN wei.
    async fn dispatch(&self, transaction: TransactionRequest, gas: u64, most: U256) -> Result<B256, GateError> {
        let fees = self
            .provider
            .estimate_eip1559_fees()
            .await
            .map_err(|error| node(&error))?;
        if U256::from(fees.max_fee_per_gas).saturating_mul(U256::from(gas)) > most {
            return Err(GateError::TooDear);
        }
        let transaction = transaction
            .gas_limit(gas)
            .max_fee_per_gas(fees.max_fee_per_gas)
            .max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
        let pending = self
            .provider
            .send_transaction(transaction)
            .await
            .map_err(|error| node(&error))?;
        let receipt = pending
            .with_timeout(Some(self.confirmation))
            .get_receipt()
            .await
            .map_err(|error| unseen(&error))?;
        if !receipt.status() {
            return Err(GateError::NotNow("the chain changed in between; ask again"));
        }
        Ok(receipt.transaction_hash)
    }

    fn transaction(&self, body: &SubmissionBody) -> TransactionRequest {
        let call = CWEConsumption::submitConsumptionCall {
            userId: body.nullifier,
            tierId: body.tier_id,
            workCommitments: vec![body.notes_root],
            zkProof: body.proof.clone(),
        };
        TransactionRequest::default()
            .from(self.account)
            .to(self.addresses.consumption)
            .input(Bytes::from(call.abi_encode()).into())
    }

    /// The open block of a quiet chain keeps its time until a transaction comes.
    fn at_present() -> BlockOverrides {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        BlockOverrides {
            time: now.ok().map(|now| now.as_secs()),
            ..BlockOverrides::default()
        }
    }
}

impl Gate for ChainGate {
    async fn open_epoch(&self) -> Result<Option<u64>, GateError> {
        let clock = EpochClock::new(self.addresses.clock, &self.provider);
        let epoch = clock
            .submissionEpoch()
            .call()
            .block(BlockId::pending())
            .with_block_overrides(Self::at_present())
            .await
            .map_err(|error| view(&error))?;
        Ok((epoch != 0).then_some(epoch))
    }

    async fn is_used(&self, epoch: u64, nullifier: B256) -> Result<bool, GateError> {
        let consumption = CWEConsumption::new(self.addresses.consumption, &self.provider);
        let used = consumption
            .isNullifierUsed(epoch, nullifier)
            .call()
            .block(BlockId::pending())
            .await;
        used.map_err(|error| view(&error))
    }

    async fn check_proof(&self, epoch: u64, body: &SubmissionBody) -> Result<(), GateError> {
        let consumption = CWEConsumption::new(self.addresses.consumption, &self.provider);
        let inputs = consumption
            .publicInputs(epoch, body.tier_id, body.nullifier, body.notes_root)
            .call()
            .block(BlockId::pending())
            .await
            .map_err(|error| view(&error))?;
        let (verifier, proof) = (self.verifier.clone(), body.proof.clone());
        let holds = tokio::task::spawn_blocking(move || verifier.holds(&inputs, &proof)).await;
        match holds {
            Ok(true) => Ok(()),
            Ok(false) => Err(GateError::Refused(PROOF_INVALID)),
            Err(_) => Err(GateError::NotNow("the check of the proof was cut off; ask again")),
        }
    }

    async fn trial(&self, body: &SubmissionBody) -> Result<u64, GateError> {
        let transaction = self.transaction(body);
        let gas = self
            .provider
            .estimate_gas(transaction)
            .block(BlockId::pending())
            .with_block_overrides(Self::at_present())
            .await
            .map_err(|error| refusal(&error))?;
        Ok(gas.saturating_add(gas / GAS_MARGIN_DIVISOR))
    }

    async fn send(&self, body: &SubmissionBody, gas: u64) -> Result<B256, GateError> {
        self.dispatch(self.transaction(body), gas, self.max_cost_wei).await
    }

    async fn last_settled(&self) -> Result<u64, GateError> {
        let payouts = CWEPayouts::new(self.addresses.payouts, &self.provider);
        let next = payouts.nextEpoch().call().await.map_err(|error| view(&error))?;
        Ok(next.saturating_sub(1))
    }

    async fn refund_due(&self, epoch: u64) -> Result<U256, GateError> {
        let refunds = SubmissionRefunds::new(self.addresses.refunds, &self.provider);
        let paid = refunds.isRefunded(epoch, self.account).call().await;
        if paid.map_err(|error| view(&error))? {
            return Ok(U256::ZERO);
        }
        let due = refunds.refundOf(epoch, self.account).call().await;
        due.map_err(|error| view(&error))
    }

    async fn claim_refund(&self, epoch: u64, due: U256) -> Result<B256, GateError> {
        let call = SubmissionRefunds::claimCall {
            epoch,
            sender: self.account,
        };
        let transaction = TransactionRequest::default()
            .from(self.account)
            .to(self.addresses.refunds)
            .input(Bytes::from(call.abi_encode()).into());
        let gas = self.provider.estimate_gas(transaction.clone()).await.map_err(|error| {
            match error.as_error_resp().and_then(|response| response.as_revert_data()) {
                Some(_) => {
                    GateError::NotNow("the Treasury can't pay it: its infrastructure account is empty, or closed")
                }
                None => node(&error),
            }
        })?;
        self.dispatch(transaction, gas.saturating_add(gas / GAS_MARGIN_DIVISOR), due)
            .await
    }
}

fn node(error: &RpcError<TransportErrorKind>) -> GateError {
    GateError::Node(node_failure(error))
}

/// A view of the contracts failed.
fn view(error: &alloy::contract::Error) -> GateError {
    match error {
        alloy::contract::Error::TransportError(error) => refusal(error),
        _ => GateError::Node("the contracts' answer makes no sense: l2.economy is of another deployment".into()),
    }
}

/// A transaction was sent and not seen to be executed.
fn unseen(error: &PendingTransactionError) -> GateError {
    match error {
        PendingTransactionError::TransportError(error) => node(error),
        _ => GateError::NotNow("the transaction was sent and is not executed yet; ask again"),
    }
}

fn refusal(error: &RpcError<TransportErrorKind>) -> GateError {
    let Some(data) = error.as_error_resp().and_then(|response| response.as_revert_data()) else {
        return node(error);
    };
    meaning(&data)
}

/// What the contract meant by reverting.
fn meaning(data: &[u8]) -> GateError {
    use CWEConsumptionErrors as E;
    match E::abi_decode(data) {
        Ok(E::SubmissionsClosed(_)) => GateError::Closed,
        Ok(E::NullifierUsed(_)) => GateError::Used,
        Ok(E::ProofInvalid(_)) => GateError::Refused(PROOF_INVALID),
        Ok(E::TierExhausted(_)) => GateError::Refused("all subscribers of this tier have submitted"),
        Ok(E::EpochKeyMissing(_)) => GateError::NotNow("the epoch's key is not fixed yet"),
        Ok(E::VerifierNotSet(_)) => GateError::NotNow("the chain takes no submissions: no verifier is set"),
        // A verifier may revert in its own words on a proof that is malformed.
        _ => GateError::Refused("the chain refuses this submission"),
    }
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolError;

    use super::*;

    #[test]
    fn the_contracts_reasons_are_told_apart() {
        let closed = CWEConsumption::SubmissionsClosed {}.abi_encode();
        assert_eq!(meaning(&closed), GateError::Closed);
        let used = CWEConsumption::NullifierUsed {
            epoch: 1,
            nullifier: B256::ZERO,
        };
        assert_eq!(meaning(&used.abi_encode()), GateError::Used);
        assert!(matches!(
            meaning(&CWEConsumption::ProofInvalid {}.abi_encode()),
            GateError::Refused(_)
        ));
        let missing = CWEConsumption::EpochKeyMissing { epoch: 1 };
        assert!(matches!(meaning(&missing.abi_encode()), GateError::NotNow(_)));
        for unknown in [&[][..], &[1, 2, 3], &[0xff; 100]] {
            assert!(matches!(meaning(unknown), GateError::Refused(_)));
        }
    }
}
