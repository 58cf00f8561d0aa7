//! Deployment of the L1 contracts from Rust: for `cwe devnet` and tests, where no Foundry scripts are at hand.
//!
//! Same order and arguments as `deploy/lib/L1Deployment.sol`, hence the same addresses for the same deployer and nonce.

use alloy::{
    contract::CallBuilder,
    network::{Ethereum, TransactionBuilder},
    primitives::{Address, Bytes, U256},
    providers::{PendingTransactionBuilder, PendingTransactionError, Provider},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
    transports::TransportError,
};
use serde::{Deserialize, Serialize};

use crate::{
    contracts::{Bridge, CLN, ERC1967Proxy, Halo2Verifier, IRollup, Inbox, Rollup, Timelock},
    verifier::{PublishedError, PublishedVerifier},
};

/// Gas for any one creation: the largest that an L1 allows takes less. Estimating instead would need every
/// transaction mined before the next one is built.
const CREATION_GAS: u64 = 6_000_000;
/// How long an attestation made by [`attest_and_mint`] is valid, in seconds.
const ATTESTATION_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Choices of an L1 deployment.
#[derive(Clone, Debug)]
pub struct L1Params {
    /// Account that deploys; the provider must be able to sign for it.
    pub deployer: Address,
    /// Schedules what the timelock will do.
    pub governor: Address,
    /// Seconds between schedule and execution; 30 days in production.
    pub timelock_delay_secs: u64,
    /// May commit batches.
    pub sequencer: Address,
    /// May pause for a bounded time.
    pub guardian: Address,
    /// States the reserve behind CLN.
    pub attester: Address,
    /// Mints CLN within the reserve.
    pub minter: Address,
    /// Receiver of message fees; `None` stands for the timelock.
    pub fee_collector: Option<Address>,
    /// Wei of ETH per unit of L2 gas of a message.
    pub message_gas_price: U256,
    /// Seconds after which a message must be in the next batch.
    pub force_after_secs: u32,
    /// Seconds without finality after which anybody may commit and prove.
    pub open_after_secs: u32,
    /// `None` until a verifier exists; then nothing can be finalized.
    pub verifier: Option<Address>,
    /// The L2's beginning.
    pub genesis: IRollup::Genesis,
}

/// Where the L1 contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct L1Addresses {
    /// Owner of all others.
    pub timelock: Address,
    /// The token.
    pub cln: Address,
    /// The message queue.
    pub inbox: Address,
    /// Batches and finality.
    pub rollup: Address,
    /// The escrow.
    pub bridge: Address,
}

/// Where the verifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifierAddresses {
    /// The generated one.
    pub halo2_verifier: Address,
    /// What `Rollup` calls.
    pub batch_verifier: Address,
}

/// Why a deployment failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The L1 endpoint failed.
    #[error("L1 endpoint: {0}")]
    Transport(#[from] TransportError),
    /// What the verifier pins is not known.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// A contract call failed.
    #[error("L1 contract: {0}")]
    Contract(#[from] alloy::contract::Error),
    /// A transaction was not seen mined.
    #[error("waiting for {what}: {source}")]
    Pending {
        /// What was being done.
        what: &'static str,
        /// Why it was given up.
        source: PendingTransactionError,
    },
    /// A transaction was mined and reverted.
    #[error("{what} reverted in transaction {hash}; check the deployment parameters")]
    Reverted {
        /// What was being done.
        what: &'static str,
        /// The transaction.
        hash: alloy::primitives::TxHash,
    },
    /// The block that a timestamp was wanted from does not exist.
    #[error("the L1 endpoint has no latest block")]
    NoLatestBlock,
}

/// Deploys all L1 contracts and waits until they are mined. All transactions are sent at once, so that it takes one
/// block or two.
pub async fn deploy_l1<P: Provider>(provider: &P, params: &L1Params) -> Result<L1Addresses, DeployError> {
    let first_nonce = provider.get_transaction_count(params.deployer).pending().await?;
    let created = |offset: u64| params.deployer.create(first_nonce + offset);
    let [inbox_code, rollup_code, bridge_code] = [created(2), created(3), created(4)];
    let addresses = L1Addresses {
        timelock: created(0),
        cln: created(1),
        inbox: created(5),
        rollup: created(6),
        bridge: created(7),
    };

    let (proposers, executors) = (vec![params.governor], vec![Address::ZERO]);
    let delay = U256::from(params.timelock_delay_secs);
    let proxy =
        |code: Address, call: Bytes| ERC1967Proxy::deploy_builder(provider, code, call).into_transaction_request();
    let creations = [
        (
            "Timelock",
            Timelock::deploy_builder(provider, delay, proposers, executors).into_transaction_request(),
        ),
        (
            "CLN",
            CLN::deploy_builder(provider, addresses.timelock, params.attester, params.minter)
                .into_transaction_request(),
        ),
        ("Inbox", Inbox::deploy_builder(provider).into_transaction_request()),
        ("Rollup", Rollup::deploy_builder(provider).into_transaction_request()),
        ("Bridge", Bridge::deploy_builder(provider).into_transaction_request()),
        (
            "the proxy of Inbox",
            proxy(inbox_code, inbox_initialization(params, &addresses)),
        ),
        (
            "the proxy of Rollup",
            proxy(rollup_code, rollup_initialization(params, &addresses)),
        ),
        (
            "the proxy of Bridge",
            proxy(bridge_code, bridge_initialization(&addresses)),
        ),
    ];

    let mut pending = Vec::with_capacity(creations.len());
    for (nonce, (what, request)) in (first_nonce..).zip(creations) {
        let request: TransactionRequest = request
            .with_from(params.deployer)
            .with_nonce(nonce)
            .with_gas_limit(CREATION_GAS);
        pending.push((what, provider.send_transaction(request).await?));
    }
    for (what, transaction) in pending {
        mined(what, transaction).await?;
    }
    Ok(addresses)
}

/// Deploys the generated verifier and the `BatchVerifier` that pins it, as `deploy/lib/VerifierDeployment.sol` does.
pub async fn deploy_verifier<P: Provider>(provider: &P, deployer: Address) -> Result<VerifierAddresses, DeployError> {
    let first_nonce = provider.get_transaction_count(deployer).pending().await?;
    let addresses = VerifierAddresses {
        halo2_verifier: deployer.create(first_nonce),
        batch_verifier: deployer.create(first_nonce + 1),
    };
    let batch_verifier = PublishedVerifier::read()?.creation_code(addresses.halo2_verifier);
    let creations = [
        ("Halo2Verifier", Halo2Verifier::BYTECODE.clone()),
        ("BatchVerifier", batch_verifier),
    ];
    let mut pending = Vec::with_capacity(creations.len());
    for (nonce, (what, code)) in (first_nonce..).zip(creations) {
        let request = TransactionRequest::default()
            .with_from(deployer)
            .with_nonce(nonce)
            .with_gas_limit(CREATION_GAS)
            .with_deploy_code(code);
        pending.push((what, provider.send_transaction(request).await?));
    }
    for (what, transaction) in pending {
        mined(what, transaction).await?;
    }
    Ok(addresses)
}

/// Attests a reserve of the present supply plus `amount` and mints `amount` CLN wei to `to`. For a devnet, where one
/// account, which the provider signs for, is attester and minter.
pub async fn attest_and_mint<P: Provider>(
    provider: &P,
    cln: Address,
    minter: Address,
    to: Address,
    amount: U256,
) -> Result<(), DeployError> {
    let token = CLN::new(cln, provider);
    let reserve = token.totalSupply().call().await?.saturating_add(amount);
    let latest = provider
        .get_block(alloy::eips::BlockId::latest())
        .await?
        .ok_or(DeployError::NoLatestBlock)?;
    let expires_at = latest.header.timestamp.saturating_add(ATTESTATION_SECONDS);
    call_and_wait(
        "attesting the reserve",
        token.attestReserve(reserve, expires_at).from(minter),
    )
    .await?;
    call_and_wait("minting", token.mint(to, amount).from(minter)).await
}

async fn call_and_wait<P: Provider, D: alloy::contract::CallDecoder>(
    what: &'static str,
    call: CallBuilder<P, D, Ethereum>,
) -> Result<(), DeployError> {
    mined(what, call.send().await?).await
}

async fn mined(what: &'static str, transaction: PendingTransactionBuilder<Ethereum>) -> Result<(), DeployError> {
    let receipt = transaction
        .get_receipt()
        .await
        .map_err(|source| DeployError::Pending { what, source })?;
    if receipt.status() {
        Ok(())
    } else {
        Err(DeployError::Reverted {
            what,
            hash: receipt.transaction_hash,
        })
    }
}

fn inbox_initialization(params: &L1Params, addresses: &L1Addresses) -> Bytes {
    Inbox::initializeCall {
        owner_: addresses.timelock,
        bridge_: addresses.bridge,
        feeCollector_: params.fee_collector.unwrap_or(addresses.timelock),
        messageGasPrice_: params.message_gas_price,
    }
    .abi_encode()
    .into()
}

fn rollup_initialization(params: &L1Params, addresses: &L1Addresses) -> Bytes {
    Rollup::initializeCall {
        genesis: params.genesis.clone(),
        params: IRollup::Params {
            owner: addresses.timelock,
            sequencer: params.sequencer,
            guardian: params.guardian,
            inbox: addresses.inbox,
            verifier: params.verifier.unwrap_or_default(),
            forceAfter: params.force_after_secs,
            openAfter: params.open_after_secs,
        },
    }
    .abi_encode()
    .into()
}

fn bridge_initialization(addresses: &L1Addresses) -> Bytes {
    Bridge::initializeCall {
        owner_: addresses.timelock,
        cln_: addresses.cln,
        inbox_: addresses.inbox,
        rollup_: addresses.rollup,
    }
    .abi_encode()
    .into()
}
