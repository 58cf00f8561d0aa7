//! A chain in a temporary directory, wallets, and messages, for this crate's tests.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, bytes},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_bindings::system;
use cwe_executor::{Genesis, SystemContracts};
use cwe_primitives::{ChainSpec, L1Message, QueueHash, TxEnvelope};
use cwe_storage::{BlockCommit, Database, Journal, L1Block, L1MessageRecord, Options};
use tempfile::TempDir;

use crate::{ChainHandle, Engine, EngineConfig, EngineError, EngineHandle};

pub(crate) const CHAIN_ID: u64 = 7357;
pub(crate) const GAS_PRICE: u128 = 2_000_000;

/// Creates a contract that counts its calls in slot 0.
pub(crate) const COUNTER: Bytes = bytes!("6960005460010160005500600052600a6016f3");
/// Init code that burns all gas.
pub(crate) const BURN: Bytes = bytes!("5b600056");

pub(crate) fn spec() -> ChainSpec {
    ChainSpec::new(CHAIN_ID)
}

pub(crate) fn wallet(seed: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap()
}

/// What the funded wallets (seeds 1 to 4) own.
pub(crate) fn fortune() -> U256 {
    U256::from(10).pow(U256::from(21))
}

fn genesis() -> Genesis {
    let system = SystemContracts {
        message_passer: system::MESSAGE_PASSER_CODE.clone(),
        l1_block_oracle: system::L1_BLOCK_ORACLE_CODE.clone(),
        fee_vault: system::FEE_VAULT_CODE.clone(),
        ..SystemContracts::default()
    };
    let mut genesis = Genesis::new(spec(), 1_700_000_000, system);
    (1..=4).for_each(|seed| genesis.fund(wallet(seed).address(), fortune()));
    genesis
}

pub(crate) fn open_database(path: &Path) -> Arc<Database> {
    let options = Options {
        max_size_bytes: 1 << 30,
        growth_step_bytes: 1 << 20,
        // A kill loses every block that nothing else took to the disk.
        persist_after: Duration::from_secs(3600),
        ..Options::default()
    };
    let db = Database::open(path, options).unwrap();
    db.init_genesis(&spec(), BlockCommit::genesis(&genesis().build().unwrap()))
        .unwrap();
    Arc::new(db)
}

pub(crate) fn open_journal(path: &Path, db: &Database) -> Journal {
    Journal::open(path, CHAIN_ID, db.genesis_hash().unwrap().unwrap(), 64 << 20).unwrap()
}

/// A configuration that seals only when told.
pub(crate) fn manual() -> EngineConfig {
    EngineConfig {
        block_time_ms: 3_600_000,
        idle_seal_ms: 0,
        ..EngineConfig::default()
    }
}

/// The files of a sequencer.
pub(crate) struct Home {
    directory: TempDir,
}

/// A sequencer's core, running on its files.
pub(crate) struct Running {
    pub(crate) chain: ChainHandle,
    pub(crate) engine: EngineHandle,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        open_database(&self.directory.path().join("db"))
    }

    pub(crate) fn journal(&self, db: &Database) -> Journal {
        open_journal(&self.directory.path().join("journal"), db)
    }

    pub(crate) fn try_start(&self, config: EngineConfig) -> Result<Running, EngineError> {
        let db = self.database();
        let journal = self.journal(&db);
        let (chain, engine) = Engine::start(config, spec(), db, journal)?;
        Ok(Running { chain, engine })
    }

    pub(crate) fn start(&self, config: EngineConfig) -> Running {
        self.try_start(config).unwrap()
    }

    pub(crate) fn remove_database(&self) {
        std::fs::remove_dir_all(self.directory.path().join("db")).unwrap();
    }

    /// The database's file as it is on disk.
    pub(crate) fn database_file(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("db/mdbx.dat")).unwrap()
    }

    /// Puts back a database's file, as if nothing that was written since had reached the disk.
    pub(crate) fn restore_database_file(&self, bytes: &[u8]) {
        std::fs::write(self.directory.path().join("db/mdbx.dat"), bytes).unwrap();
    }
}

impl Running {
    /// Ends as a killed process does: nothing more is written.
    pub(crate) async fn kill(self) {
        self.engine.abort().await;
    }

    pub(crate) async fn submit(&self, transaction: &TxEnvelope) -> Result<B256, crate::SubmitError> {
        self.chain.submit(transaction.encoded_2718().into()).await
    }

    pub(crate) fn push_messages(&self, messages: &[L1Message]) {
        push_messages(self.chain.db(), messages);
        self.engine.messages_arrived();
    }

    pub(crate) fn receipts_of(&self, block: u64) -> usize {
        self.chain
            .db()
            .latest()
            .unwrap()
            .receipts(block)
            .unwrap()
            .unwrap()
            .len()
    }
}

/// Transaction fields that tests vary.
#[derive(Debug, Clone)]
pub(crate) struct Tx {
    pub(crate) nonce: u64,
    pub(crate) fee: u128,
    pub(crate) tip: u128,
    pub(crate) gas: u64,
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) chain_id: u64,
}

impl Tx {
    /// One wei to somebody.
    pub(crate) fn transfer(nonce: u64) -> Self {
        Self {
            nonce,
            fee: GAS_PRICE,
            tip: 1,
            gas: 21_000,
            to: Address::repeat_byte(0xbb).into(),
            value: U256::from(1),
            input: Bytes::new(),
            chain_id: CHAIN_ID,
        }
    }

    pub(crate) fn create(nonce: u64, input: Bytes, gas: u64) -> Self {
        Self {
            gas,
            to: TxKind::Create,
            value: U256::ZERO,
            input,
            ..Self::transfer(nonce)
        }
    }

    pub(crate) fn sign(self, seed: u8) -> TxEnvelope {
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.fee,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: self.value,
            access_list: Default::default(),
            input: self.input,
        };
        let signature = wallet(seed).sign_hash_sync(&transaction.signature_hash()).unwrap();
        TxEnvelope::Eip1559(transaction.into_signed(signature))
    }
}

pub(crate) fn message(index: u64, gas_limit: u64) -> L1Message {
    L1Message {
        index,
        sender: Address::repeat_byte(0xde),
        to: Address::repeat_byte(0xcc),
        mint: 1_000,
        value: 10,
        gas_limit,
        data: Bytes::new(),
    }
}

/// Stores messages as the inbox watcher does.
pub(crate) fn push_messages(db: &Database, messages: &[L1Message]) {
    let mut queue: QueueHash = db.latest().unwrap().l1_queue_tip().unwrap();
    let records: Vec<_> = messages
        .iter()
        .map(|message| {
            queue.append(message).unwrap();
            L1MessageRecord {
                message: message.clone(),
                l1_block: L1Block {
                    number: 1,
                    hash: B256::repeat_byte(1),
                },
                queue_hash: queue.hash,
            }
        })
        .collect();
    db.append_l1_messages(
        &records,
        L1Block {
            number: 1,
            hash: B256::repeat_byte(1),
        },
    )
    .unwrap();
}

pub(crate) fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
