//! The L1 side of a new devnet: contracts deployed, development accounts funded on both chains.

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use cwe_bindings::{
    contracts::{Bridge, CLN, IRollup, Rollup},
    deploy::{L1Addresses, L1Params, attest_and_mint, deploy_l1, deploy_verifier},
};
use eyre::{Result, WrapErr, bail};

use crate::{genesis::Fees, keys::dev_signer};

/// Accounts that people use; printed with their keys.
pub(crate) const USER_ACCOUNTS: u32 = 10;
/// Account of the batch poster: not one that people use, whose nonces they would disturb.
pub(crate) const POSTER_ACCOUNT: u32 = 10;
/// Account of the guardian. It also deploys the verifier, so that the deployer's nonces, and with them the contracts'
/// addresses, are the same with and without one.
const GUARDIAN_ACCOUNT: u32 = 11;
/// Accounts that anvil funds.
pub(crate) const ANVIL_ACCOUNTS: u32 = 12;
/// Account that deploys, attests and mints.
const DEPLOYER_ACCOUNT: u32 = 0;

/// CLN that every user account gets, on each chain.
const CLN_PER_ACCOUNT: u64 = 1_000_000;
const WEI_PER_CLN: u64 = 1_000_000_000_000_000_000;
/// L2 gas of a funding deposit; the receivers have no code.
const DEPOSIT_GAS: u64 = 100_000;
/// Seconds, as in production (`deploy/config/production.example.json`).
const FORCE_AFTER_SECS: u32 = 24 * 60 * 60;
/// Seconds, as in production.
const OPEN_AFTER_SECS: u32 = 7 * 24 * 60 * 60;
/// L1 blocks after the deposits that make them `safe`.
const BLOCKS_ON_TOP: u64 = 3;

/// Connects to anvil with the deployer's and the guardian's keys.
pub(crate) fn connect(url: &str) -> Result<DynProvider> {
    let mut wallet = EthereumWallet::new(dev_signer(DEPLOYER_ACCOUNT)?);
    wallet.register_signer(dev_signer(GUARDIAN_ACCOUNT)?);
    let url = url.parse().wrap_err("anvil's URL")?;
    Ok(ProviderBuilder::new().wallet(wallet).connect_http(url).erased())
}

/// Deploys the contracts, with the verifier of proofs if asked for. Windows are those of production, the timelock's
/// delay is zero.
pub(crate) async fn deploy(l1: &DynProvider, genesis: IRollup::Genesis, with_verifier: bool) -> Result<L1Addresses> {
    let deployer = dev_signer(DEPLOYER_ACCOUNT)?.address();
    let guardian = dev_signer(GUARDIAN_ACCOUNT)?.address();
    let verifier = if with_verifier {
        let verifier = deploy_verifier(l1, guardian).await.wrap_err("deploying the verifier")?;
        Some(verifier.batch_verifier)
    } else {
        None
    };
    let params = L1Params {
        deployer,
        governor: deployer,
        timelock_delay_secs: 0,
        sequencer: dev_signer(POSTER_ACCOUNT)?.address(),
        guardian,
        attester: deployer,
        minter: deployer,
        fee_collector: None,
        message_gas_price: U256::ZERO,
        force_after_secs: FORCE_AFTER_SECS,
        open_after_secs: OPEN_AFTER_SECS,
        verifier,
        genesis,
    };
    deploy_l1(l1, &params).await.wrap_err("deploying the L1 contracts")
}

/// Who disposes of a devnet's fees: the deployer.
pub(crate) fn fees() -> Result<Fees> {
    let deployer = dev_signer(DEPLOYER_ACCOUNT)?.address();
    Ok(Fees {
        owner: deployer,
        recipient: deployer,
    })
}

/// Gives every user account CLN on L1, and on L2 by a deposit, so that all CLN on L2 is in escrow from the start.
pub(crate) async fn fund(l1: &DynProvider, contracts: &L1Addresses) -> Result<()> {
    let deployer = dev_signer(DEPLOYER_ACCOUNT)?.address();
    let each = U256::from(CLN_PER_ACCOUNT) * U256::from(WEI_PER_CLN);
    let total = each * U256::from(2 * USER_ACCOUNTS);
    attest_and_mint(l1, contracts.cln, deployer, deployer, total)
        .await
        .wrap_err("minting CLN")?;

    let token = CLN::new(contracts.cln, l1);
    let bridge = Bridge::new(contracts.bridge, l1);
    let mut nonce = l1
        .get_transaction_count(deployer)
        .await
        .wrap_err("reading the deployer's nonce")?;
    let mut sent = Vec::new();
    let approval = token.approve(contracts.bridge, each * U256::from(USER_ACCOUNTS));
    sent.push(
        approval
            .nonce(nonce)
            .send()
            .await
            .wrap_err("allowing the bridge to take CLN")?,
    );
    for account in user_accounts()? {
        nonce += 1;
        sent.push(
            bridge
                .deposit(account, each, DEPOSIT_GAS)
                .nonce(nonce)
                .send()
                .await
                .wrap_err("depositing CLN")?,
        );
        if account != deployer {
            nonce += 1;
            sent.push(
                token
                    .transfer(account, each)
                    .nonce(nonce)
                    .send()
                    .await
                    .wrap_err("sending CLN on L1")?,
            );
        }
    }
    for pending in sent {
        let receipt = pending
            .get_receipt()
            .await
            .wrap_err("funding the development accounts")?;
        if !receipt.status() {
            bail!(
                "funding a development account reverted in L1 transaction {}",
                receipt.transaction_hash
            );
        }
    }
    let () = l1
        .raw_request("anvil_mine".into(), [BLOCKS_ON_TOP])
        .await
        .wrap_err("mining on top of the deposits")?;
    Ok(())
}

/// Makes anvil mine by the clock from now on.
pub(crate) async fn mine_every(l1: &DynProvider, seconds: u64) -> Result<()> {
    l1.raw_request("evm_setIntervalMining".into(), [seconds])
        .await
        .wrap_err("setting the L1 block time")
}

/// Refuses an L1 whose state is not the one that the contracts were deployed on.
pub(crate) async fn check_deployed(l1: &DynProvider, rollup: Address) -> Result<()> {
    let code = l1.get_code_at(rollup).await.wrap_err("reading the L1")?;
    if code.is_empty() {
        bail!("the L1 state in this folder has no Rollup at {rollup}: it was lost or is another one; use a new folder");
    }
    Ok(())
}

/// The verifier that `Rollup` calls, if there is one.
pub(crate) async fn verifier(l1: &DynProvider, rollup: Address) -> Result<Option<Address>> {
    let address = Rollup::new(rollup, l1)
        .verifier()
        .call()
        .await
        .wrap_err("reading the verifier from Rollup")?;
    Ok((!address.is_zero()).then_some(address))
}

/// Addresses of the accounts that people use.
pub(crate) fn user_accounts() -> Result<Vec<Address>> {
    (0..USER_ACCOUNTS)
        .map(|number| Ok(dev_signer(number)?.address()))
        .collect()
}
