//! The deployment from Rust on a real anvil: wiring, addresses, and the first batch through the bindings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256, address, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    sol_types::{SolEvent, SolValue},
};
use cwe_bindings::{
    contracts::{Bridge, CLN, IRollup, Inbox, Rollup, Timelock},
    deploy::{L1Addresses, L1Params, attest_and_mint, deploy_l1},
};

/// anvil's first development account.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

struct Anvil {
    process: Child,
    url: String,
}

impl Anvil {
    fn start() -> Self {
        let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/.bin/anvil");
        let mut process = Command::new(std::env::var_os("ANVIL").unwrap_or_else(|| local.into()))
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil is missing: run `make setup`, or set ANVIL to its path");
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut lines = output.lines();
        let url = loop {
            let line = lines.next().expect("anvil ended early").unwrap();
            if let Some(listening) = line.strip_prefix("Listening on ") {
                break format!("http://{listening}");
            }
        };
        // Unread output would block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }

    fn provider(&self) -> (DynProvider, Address) {
        let signer: PrivateKeySigner = KEY.parse().unwrap();
        let account = signer.address();
        let wallet = EthereumWallet::new(signer);
        (
            ProviderBuilder::new()
                .wallet(wallet)
                .connect_http(self.url.parse().unwrap())
                .erased(),
            account,
        )
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The npm package's wrapper hands SIGTERM on to anvil; SIGKILL would leave anvil behind.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn params(account: Address) -> L1Params {
    L1Params {
        deployer: account,
        governor: account,
        timelock_delay_secs: 5,
        sequencer: account,
        guardian: account,
        attester: account,
        minter: account,
        fee_collector: None,
        message_gas_price: U256::from(7),
        force_after_secs: 86_400,
        open_after_secs: 604_800,
        verifier: None,
        genesis: IRollup::Genesis {
            l2ChainId: 3086,
            timestamp: 0,
            blockHash: B256::repeat_byte(1),
            stateRoot: B256::repeat_byte(2),
            withdrawalRoot: B256::repeat_byte(3),
        },
    }
}

fn genesis_batch(genesis: &IRollup::Genesis) -> IRollup::Batch {
    IRollup::Batch {
        parentBatchHash: B256::ZERO,
        batchIndex: 0,
        firstBlock: 0,
        lastBlock: 0,
        lastTimestamp: genesis.timestamp,
        parentBlockHash: B256::ZERO,
        blockHash: genesis.blockHash,
        stateRoot: genesis.stateRoot,
        withdrawalRoot: genesis.withdrawalRoot,
        messagesBefore: 0,
        messagesAfter: 0,
        queueHashBefore: B256::ZERO,
        queueHashAfter: B256::ZERO,
        blobs: false,
        dataHash: B256::ZERO,
    }
}

#[tokio::test]
async fn deployment_is_wired_and_takes_batches_and_deposits() {
    let anvil = Anvil::start();
    let (provider, account) = anvil.provider();
    let params = params(account);
    let deployed = deploy_l1(&provider, &params).await.unwrap();
    same_addresses_as_the_forge_script(&deployed);
    everything_points_at_each_other(&provider, &deployed).await;
    first_batch_has_the_hash_of_its_fields(&provider, &deployed, &params).await;
    minted_cln_can_be_deposited(&provider, &deployed, account).await;
}

/// What `deploy/DeployL1.s.sol` prints for this account's first transactions.
fn same_addresses_as_the_forge_script(deployed: &L1Addresses) {
    let script = L1Addresses {
        timelock: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        cln: address!("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
        inbox: address!("0x5FC8d32690cc91D4c39d9d3abcBD16989F875707"),
        rollup: address!("0x0165878A594ca255338adfa4d48449f69242Eb8F"),
        bridge: address!("0xa513E6E4b8f2a923D98304ec87F64353C4D5C853"),
    };
    assert_eq!(*deployed, script);
}

async fn everything_points_at_each_other(provider: &DynProvider, deployed: &L1Addresses) {
    let rollup = Rollup::new(deployed.rollup, provider);
    let inbox = Inbox::new(deployed.inbox, provider);
    let bridge = Bridge::new(deployed.bridge, provider);
    let timelock = Timelock::new(deployed.timelock, provider);
    assert_eq!(rollup.owner().call().await.unwrap(), deployed.timelock);
    assert_eq!(rollup.inbox().call().await.unwrap(), deployed.inbox);
    assert_eq!(rollup.verifier().call().await.unwrap(), Address::ZERO);
    assert_eq!(inbox.owner().call().await.unwrap(), deployed.timelock);
    assert_eq!(inbox.bridge().call().await.unwrap(), deployed.bridge);
    assert_eq!(inbox.feeCollector().call().await.unwrap(), deployed.timelock);
    assert_eq!(bridge.owner().call().await.unwrap(), deployed.timelock);
    assert_eq!(bridge.cln().call().await.unwrap(), deployed.cln);
    assert_eq!(bridge.inbox().call().await.unwrap(), deployed.inbox);
    assert_eq!(bridge.rollup().call().await.unwrap(), deployed.rollup);
    assert_eq!(timelock.getMinDelay().call().await.unwrap(), U256::from(5));
}

async fn first_batch_has_the_hash_of_its_fields(provider: &DynProvider, deployed: &L1Addresses, params: &L1Params) {
    let rollup = Rollup::new(deployed.rollup, provider);
    let genesis = genesis_batch(&params.genesis);
    assert_eq!(
        rollup.batchHash(0).call().await.unwrap(),
        keccak256(genesis.abi_encode())
    );

    let commitment = IRollup::BatchCommitment {
        lastBlock: 9,
        lastTimestamp: 1,
        messagesAfter: 0,
        blockHash: B256::repeat_byte(4),
        stateRoot: B256::repeat_byte(5),
        withdrawalRoot: B256::repeat_byte(3),
        queueHashAfter: B256::ZERO,
    };
    let receipt = rollup
        .commitBatch(genesis.clone(), commitment, b"\x01data".into())
        .send()
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    let event = receipt
        .logs()
        .iter()
        .find_map(|log| Rollup::BatchCommitted::decode_log(&log.inner).ok())
        .unwrap();
    assert_eq!(event.batchIndex, 1);
    assert_eq!(event.batch.parentBatchHash, keccak256(genesis.abi_encode()));
    assert_eq!((event.batch.firstBlock, event.batch.lastBlock), (1, 9));
    assert_eq!(event.batchHash, keccak256(event.batch.abi_encode()));
    assert_eq!(event.batch.dataHash, keccak256(b"\x01data"));
    assert_eq!(event.data.data.as_ref(), b"\x01data");
}

async fn minted_cln_can_be_deposited(provider: &DynProvider, deployed: &L1Addresses, account: Address) {
    let amount = U256::from(1_000u64);
    attest_and_mint(provider, deployed.cln, account, account, amount)
        .await
        .unwrap();
    let token = CLN::new(deployed.cln, provider);
    assert_eq!(token.balanceOf(account).call().await.unwrap(), amount);
    token
        .approve(deployed.bridge, amount)
        .send()
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    let bridge = Bridge::new(deployed.bridge, provider);
    // 21 000 L2 gas at 7 wei; the rest comes back.
    let deposit = bridge.deposit(account, amount, 21_000).value(U256::from(1_000_000u64));
    let receipt = deposit.send().await.unwrap().get_receipt().await.unwrap();
    let message = receipt
        .logs()
        .iter()
        .find_map(|log| Inbox::MessageEnqueued::decode_log(&log.inner).ok())
        .unwrap();
    assert_eq!(
        (message.index, message.sender, U256::from(message.mint)),
        (0, account, amount)
    );
    assert_eq!(
        provider.get_balance(deployed.inbox).await.unwrap(),
        U256::from(147_000u64)
    );
}

#[tokio::test]
async fn reverted_creation_is_an_error_with_its_name() {
    let anvil = Anvil::start();
    let (provider, account) = anvil.provider();
    let mut params = params(account);
    params.force_after_secs = params.open_after_secs + 1;
    let error = deploy_l1(&provider, &params).await.unwrap_err();
    assert!(error.to_string().starts_with("the proxy of Rollup reverted"), "{error}");
}
