//! A node in a temporary directory, wallets, and requests as bytes on a socket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, bytes},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_bindings::system;
use cwe_chain::{ChainHandle, Engine, EngineConfig, EngineHandle};
use cwe_executor::{Genesis, SystemContracts};
use cwe_primitives::{ChainSpec, L1Message, QueueHash, TxEnvelope};
use cwe_rpc::{NodeInfo, RpcConfig, RpcServer};
use cwe_storage::{BlockCommit, Database, Journal, L1Block, L1MessageRecord, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) const CHAIN_ID: u64 = 7357;
pub(crate) const GAS_PRICE: u128 = 2_000_000;
/// Receiver of plain transfers.
pub(crate) const SOMEBODY: Address = Address::repeat_byte(0xbb);
/// Creates a contract that counts its calls in slot 0.
pub(crate) const COUNTER: Bytes = bytes!("6960005460010160005500600052600a6016f3");
/// Creates a contract that logs the word 42 under topic 7.
pub(crate) const LOGGER: Bytes = bytes!("6c602a600052600760206000a100600052600d6013f3");
/// Reverts with its call data.
pub(crate) const ECHO_REVERT: Bytes = bytes!("366000600037366000fd");

pub(crate) struct Node {
    pub(crate) chain: ChainHandle,
    pub(crate) engine: EngineHandle,
    pub(crate) address: SocketAddr,
    server: RpcServer,
    _directory: TempDir,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Value,
}

pub(crate) fn wallet(seed: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap()
}

fn genesis(spec: ChainSpec) -> Genesis {
    let contracts = SystemContracts {
        message_passer: system::MESSAGE_PASSER_CODE.clone(),
        l1_block_oracle: system::L1_BLOCK_ORACLE_CODE.clone(),
        fee_vault: system::FEE_VAULT_CODE.clone(),
        ..SystemContracts::default()
    };
    let mut genesis = Genesis::new(spec, 1_700_000_000, contracts);
    (1..=4).for_each(|seed| genesis.fund(wallet(seed).address(), U256::from(10).pow(U256::from(21))));
    genesis
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_with(RpcConfig::default()).await
    }

    /// Seals only when told.
    pub(crate) async fn start_with(config: RpcConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spec = ChainSpec::new(CHAIN_ID);
        let options = Options {
            max_size_bytes: 1 << 30,
            growth_step_bytes: 1 << 20,
            ..Options::default()
        };
        let db = Arc::new(Database::open(&directory.path().join("db"), options).unwrap());
        db.init_genesis(&spec, BlockCommit::genesis(&genesis(spec.clone()).build().unwrap()))
            .unwrap();
        let hash = db.genesis_hash().unwrap().unwrap();
        let journal = Journal::open(&directory.path().join("journal"), CHAIN_ID, hash, 64 << 20).unwrap();
        let engine_config = EngineConfig {
            block_time_ms: 3_600_000,
            idle_seal_ms: 0,
            ..EngineConfig::default()
        };
        let (chain, engine) = Engine::start(engine_config, spec, db, journal).unwrap();
        let config = RpcConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..config
        };
        let info = NodeInfo::without_l1("cwe/test".into());
        let server = RpcServer::start(config, chain.clone(), info).await.unwrap();
        Self {
            chain,
            engine,
            address: server.address(),
            server,
            _directory: directory,
        }
    }

    /// Stops the server.
    pub(crate) async fn stop(self, grace: Duration) {
        self.server.stop(grace).await;
    }

    /// Calls a method; panics on an error.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params.clone())
            .await
            .unwrap_or_else(|error| panic!("{method} {params}: {error:?}"))
    }

    pub(crate) async fn try_call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, answer) = self.post(&body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => Err(Failure {
                code: error["code"].as_i64().unwrap(),
                message: error["message"].as_str().unwrap().into(),
                data: error["data"].clone(),
            }),
        }
    }

    /// The error of a call that must fail.
    pub(crate) async fn failure(&self, method: &str, params: Value) -> Failure {
        self.try_call(method, params).await.expect_err(method)
    }

    /// Status and body of the answer to a posted body.
    pub(crate) async fn post(&self, body: &str) -> (u16, String) {
        let (status, _, answer) = self.request("POST", "content-type: application/json\r\n", body).await;
        (status, answer)
    }

    /// Status, headers and body of the answer to any request.
    pub(crate) async fn request(&self, verb: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let host = if headers.contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let length = body.len();
        let head = format!("{verb} / HTTP/1.1\r\n{host}{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        // The server may refuse and close before it has read everything.
        let _ = socket.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer))
            .await
            .unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.into())
    }

    pub(crate) async fn send(&self, tx: &TxEnvelope) -> String {
        let raw = Bytes::from(tx.encoded_2718());
        self.call("eth_sendRawTransaction", json!([raw]))
            .await
            .as_str()
            .unwrap()
            .into()
    }

    pub(crate) async fn seal(&self) -> String {
        self.engine.seal().await.unwrap().to_string()
    }

    /// Creates a contract with wallet 4 and seals.
    pub(crate) async fn deploy(&self, nonce: u64, code: Bytes) -> Address {
        self.send(
            &Tx {
                gas: 500_000,
                to: TxKind::Create,
                input: code,
                value: U256::ZERO,
                ..Tx::transfer(nonce)
            }
            .sign(4),
        )
        .await;
        self.seal().await;
        wallet(4).address().create(nonce)
    }

    /// Puts messages into the L1 queue and waits until they are executed.
    pub(crate) async fn push_messages(&self, messages: &[L1Message]) {
        let db = self.chain.db();
        let mut queue: QueueHash = db.latest().unwrap().l1_queue_tip().unwrap();
        let l1_block = L1Block {
            number: 1,
            hash: B256::repeat_byte(1),
        };
        let records: Vec<_> = messages
            .iter()
            .map(|message| {
                queue.append(message).unwrap();
                L1MessageRecord {
                    message: message.clone(),
                    l1_block,
                    queue_hash: queue.hash,
                }
            })
            .collect();
        db.append_l1_messages(&records, l1_block).unwrap();
        self.engine.messages_arrived();
        let hash = TxEnvelope::from(messages.last().unwrap().clone()).hash();
        self.chain
            .wait_for(hash, Duration::from_secs(10))
            .await
            .unwrap()
            .unwrap();
    }
}

/// Transaction fields that tests vary.
#[derive(Debug, Clone)]
pub(crate) struct Tx {
    pub(crate) nonce: u64,
    pub(crate) fee: u128,
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
            gas: 21_000,
            to: SOMEBODY.into(),
            value: U256::from(1),
            input: Bytes::new(),
            chain_id: CHAIN_ID,
        }
    }

    pub(crate) fn call(nonce: u64, to: Address) -> Self {
        Self {
            gas: 200_000,
            to: to.into(),
            value: U256::ZERO,
            ..Self::transfer(nonce)
        }
    }

    pub(crate) fn sign(self, seed: u8) -> TxEnvelope {
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.fee,
            max_priority_fee_per_gas: 1,
            to: self.to,
            value: self.value,
            access_list: Default::default(),
            input: self.input,
        };
        let signature = wallet(seed).sign_hash_sync(&transaction.signature_hash()).unwrap();
        TxEnvelope::Eip1559(transaction.into_signed(signature))
    }
}
