//! A real L1 (anvil) with our contracts, and configurations for daemons on it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::{BlockId, Encodable2718},
    network::EthereumWallet,
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_bindings::{
    contracts::{Bridge, CLN, IRollup, Inbox, Rollup},
    deploy::{self, L1Addresses, L1Params},
    system,
};
use cwe_bridge::{ConfirmationPolicy, DataPolicy};
use cwe_chain::ChainHandle;
use cwe_executor::{Genesis, SystemContracts};
use cwe_primitives::ChainSpec;
use cwe_sequencer::{
    Config, NodeConfig, RunningNode,
    config::{BatchesSection, BlobsSection, L1Section, LogFormat, LogSection, Secret},
    genesis, logging,
};
use tempfile::TempDir;

pub(crate) const L1_CHAIN_ID: u64 = 31_337;
pub(crate) const L2_CHAIN_ID: u64 = 77_001;

/// Accounts of anvil's phrase: deployer and user, poster.
const USER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const POSTER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running anvil; dropping it kills it.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Anvil {
    fn start() -> Self {
        let mut child = Command::new(binary())
            .args([
                "--port",
                "0",
                "--slots-in-an-epoch",
                "1",
                "--chain-id",
                &L1_CHAIN_ID.to_string(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.trim().strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Unread output would block anvil in the end.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            child,
            url: format!("http://{address}"),
        }
    }

    /// Freezes anvil: connections hang, as with an L1 that is down or slow.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends a freeze.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `$ANVIL`, or the one of the npm packages: their launcher is passed over, since killing it leaves anvil running.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ANVIL") {
        return path.into();
    }
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/@foundry-rs");
    let found = std::fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|package| package.path().join("bin/anvil"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "anvil is not in {}: run `make setup`, or set ANVIL to its path",
            packages.display()
        )
    })
}

/// An L1 with our contracts, and a folder for data.
pub(crate) struct Setup {
    pub(crate) anvil: Anvil,
    pub(crate) l1: DynProvider,
    pub(crate) contracts: L1Addresses,
    pub(crate) folder: TempDir,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        if let Ok(filter) = std::env::var("RUST_LOG") {
            // Fails when an earlier test of this process did it.
            let _ = logging::init(&LogSection {
                format: LogFormat::Pretty,
                filter,
            });
        }
        let folder = tempfile::tempdir().expect("a folder");
        let genesis = test_genesis();
        genesis::write(&folder.path().join("genesis.json"), &genesis).expect("genesis is written");
        let anvil = Anvil::start();
        let wallet = EthereumWallet::from(user());
        let l1 = ProviderBuilder::new()
            .wallet(wallet)
            .connect_http(anvil.url.parse().expect("URL"))
            .erased();
        let contracts = deploy::deploy_l1(&l1, &params(&genesis))
            .await
            .expect("contracts are deployed");
        Self {
            anvil,
            l1,
            contracts,
            folder,
        }
    }

    pub(crate) fn l1_section(&self) -> L1Section {
        L1Section {
            rpc_url: self.anvil.url.clone(),
            chain_id: L1_CHAIN_ID,
            rollup: self.contracts.rollup,
            inbox: self.contracts.inbox,
            confirmation: ConfirmationPolicy::Depth(0),
            poll_interval_ms: 100,
            request_timeout_ms: 1_000,
            ..L1Section::default()
        }
    }

    pub(crate) fn sequencer(&self, data: DataPolicy) -> Config {
        let mut config = Config {
            data_dir: self.folder.path().join("sequencer"),
            genesis: self.folder.path().join("genesis.json"),
            l1: self.l1_section(),
            batches: BatchesSection {
                private_key: Secret::new(POSTER_KEY),
                data,
                max_age_ms: 1_000,
                resubmit_after_ms: 1_500,
                ..BatchesSection::default()
            },
            ..Config::default()
        };
        config.engine.block_time_ms = 200;
        config.engine.max_block_bytes = DataPolicy::CALLDATA_BLOCK_BYTES;
        config.storage.max_size_gib = 1;
        config.rpc.listen.set_port(0);
        config.ops.listen.set_port(0);
        config
    }

    pub(crate) fn node(&self) -> NodeConfig {
        let mut config = NodeConfig {
            data_dir: self.folder.path().join("node"),
            genesis: self.folder.path().join("genesis.json"),
            l1: self.l1_section(),
            blobs: BlobsSection {
                anvil: true,
                ..BlobsSection::default()
            },
            ..NodeConfig::default()
        };
        config.storage.max_size_gib = 1;
        config.rpc.listen.set_port(0);
        config.ops.listen.set_port(0);
        config
    }

    /// Locks CLN on L1 for `to` on L2.
    pub(crate) async fn deposit(&self, to: Address, amount: U256) {
        let L1Addresses { cln, bridge, .. } = self.contracts;
        deploy::attest_and_mint(&self.l1, cln, user().address(), user().address(), amount)
            .await
            .expect("minted");
        let approval = CLN::new(cln, &self.l1)
            .approve(bridge, amount)
            .send()
            .await
            .expect("sent");
        approval.get_receipt().await.expect("approved");
        let bridge = Bridge::new(bridge, &self.l1);
        let deposit = bridge
            .deposit(to, amount, 100_000)
            .value(U256::from(10).pow(U256::from(16)));
        assert!(
            deposit
                .send()
                .await
                .expect("sent")
                .get_receipt()
                .await
                .expect("mined")
                .status()
        );
    }

    /// Puts a message without value into the queue.
    pub(crate) async fn message(&self, data: &'static [u8]) {
        let inbox = Inbox::new(self.contracts.inbox, &self.l1);
        // The provider remembers its nonces, a reorganisation forgets them.
        let nonce = self.l1.get_transaction_count(user().address()).await.expect("answered");
        let call = inbox
            .sendMessage(Address::repeat_byte(7), 0, 100_000, Bytes::from_static(data))
            .nonce(nonce);
        let sent = call
            .value(U256::from(10).pow(U256::from(16)))
            .send()
            .await
            .expect("sent");
        assert!(sent.get_receipt().await.expect("mined").status());
    }

    /// Index of the last batch committed on L1.
    pub(crate) async fn committed(&self) -> u64 {
        Rollup::new(self.contracts.rollup, &self.l1)
            .lastCommittedBatch()
            .call()
            .await
            .expect("answered")
    }

    /// Nonce of the posting account by mined transactions.
    pub(crate) async fn poster_nonce(&self) -> u64 {
        self.l1
            .get_transaction_count(poster())
            .latest()
            .await
            .expect("answered")
    }

    pub(crate) async fn l1_head(&self) -> u64 {
        self.l1
            .get_block(BlockId::latest())
            .await
            .expect("answered")
            .expect("a block")
            .header
            .number
    }
}

pub(crate) fn user() -> PrivateKeySigner {
    USER_KEY.parse().expect("a key")
}

pub(crate) fn poster() -> Address {
    POSTER_KEY.parse::<PrivateKeySigner>().expect("a key").address()
}

fn test_genesis() -> Genesis {
    let contracts = SystemContracts {
        message_passer: system::MESSAGE_PASSER_CODE.clone(),
        l1_block_oracle: system::L1_BLOCK_ORACLE_CODE.clone(),
        fee_vault: system::FEE_VAULT_CODE.clone(),
        ..SystemContracts::default()
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let mut genesis = Genesis::new(ChainSpec::new(L2_CHAIN_ID), now, contracts);
    genesis.fund(user().address(), U256::from(10).pow(U256::from(24)));
    genesis
}

fn params(genesis: &Genesis) -> L1Params {
    let block = genesis.build().expect("a genesis block");
    L1Params {
        deployer: user().address(),
        governor: user().address(),
        timelock_delay_secs: 0,
        sequencer: poster(),
        guardian: user().address(),
        attester: user().address(),
        minter: user().address(),
        fee_collector: None,
        message_gas_price: U256::ONE,
        force_after_secs: 86_400,
        open_after_secs: 604_800,
        verifier: None,
        genesis: IRollup::Genesis {
            l2ChainId: genesis.spec.chain_id,
            timestamp: genesis.timestamp,
            blockHash: block.hash,
            stateRoot: block.block.header.state_root,
            withdrawalRoot: block.withdrawal_root,
        },
    }
}

/// Sends CLN on the L2 and waits for nothing but the answer.
pub(crate) async fn transfer(chain: &ChainHandle, to: Address, value: u64) -> B256 {
    let signer = user();
    let transaction = TxEip1559 {
        chain_id: L2_CHAIN_ID,
        nonce: chain.pending_nonce(signer.address()).expect("a nonce"),
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).expect("signed");
    let raw = transaction.into_signed(signature).encoded_2718();
    chain.submit(raw.into()).await.expect("accepted")
}

/// Balance on the L2, the open block included.
pub(crate) fn balance(chain: &ChainHandle, address: Address) -> U256 {
    let account = match chain.pending() {
        Some(pending) => pending.account(address).expect("readable"),
        None => chain
            .db()
            .latest()
            .expect("readable")
            .account(address)
            .expect("readable"),
    };
    account.map_or(U256::ZERO, |account| account.balance)
}

/// Hash and state root of a block.
pub(crate) fn block(chain: &ChainHandle, number: u64) -> (B256, B256) {
    let header = chain
        .db()
        .latest()
        .expect("readable")
        .header(number)
        .expect("readable")
        .expect("a block");
    (header.seal(), header.state_root)
}

/// Waits until `holds` answers true.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(
            start.elapsed() < PATIENCE,
            "{what}: not within {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until every block so far is in a batch on L1 that the sequencer has seen there.
pub(crate) async fn all_posted(node: &RunningNode) {
    eventually("the open block is sealed", async || {
        node.chain.pending().is_none_or(|open| open.is_empty())
    })
    .await;
    let latest = node.chain.heads().latest;
    eventually("all blocks are on L1", async || node.chain.heads().safe >= latest).await;
}
