//! `bench execution`: blocks of token transfers executed, rooted and committed, against revm alone on a state in memory;
//! and what such blocks cost on L1.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, Signed, TxEip1559, transaction::Recovered},
    primitives::{Address, B256, TxKind, U64, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use cwe_executor::{
    BlockContext, BlockInput, EvmEnv, Genesis, GenesisAccount, Parent, SystemContracts, execute_block, tx_env,
};
use cwe_primitives::{BatchBlock, ChainSpec, TxEnvelope, codec};
use cwe_storage::{BlockCommit, Database, Options, StorageError};
use eyre::{Result, WrapErr, bail, eyre};
use rand::{Rng, SeedableRng, rngs::StdRng};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    database::{CacheDB, EmptyDB},
    state::AccountInfo,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    artifact, block_on,
    endpoint::Endpoint,
    program::Devnet,
    report::{figure, publish},
    throughput, token,
    workload::{Call, TRANSFER_GAS, address, dev_signer, sign, transaction},
};

const CHAIN_ID: u64 = 7;
const GENESIS_TIME: u64 = 1_767_225_600;
const TOKEN: Address = Address::repeat_byte(0x70);
/// Token balance of every holder at the start.
const BALANCE: u64 = 1_000_000_000;
/// Seed of the choice of senders and receivers: every run does the same.
const SEED: u64 = 0xc0e;
/// Longest wait for the batch on L1.
const BATCH_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Blocks measured, after as many to warm up
    #[arg(long, default_value_t = 20)]
    blocks: usize,
    /// Token transfers in a block
    #[arg(long, default_value_t = 800)]
    transfers: usize,
    /// Accounts that send
    #[arg(long, default_value_t = 500)]
    senders: usize,
    /// Accounts that hold the token before the first block
    #[arg(long, default_value_t = 100_000)]
    holders: u64,
    /// Transfers in the batch that is posted to an L1
    #[arg(long, default_value_t = 1_000)]
    batch_transfers: u64,
    /// Measure execution only, and write no figures
    #[arg(long)]
    without_l1: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    mgas_per_s: f64,
    raw_revm_mgas_per_s: f64,
    share_of_raw: f64,
    /// Without writing to disk.
    execute_and_root_mgas_per_s: f64,
    bytes_per_transfer: f64,
    l1_gas_per_batch: u64,
    l1_blob_gas_per_batch: u64,
    l1_gas_per_transfer: f64,
    batch_transfers: u64,
    gas_per_transfer: f64,
    blocks: usize,
    transfers_per_block: usize,
    holders: u64,
}

type Transfers = Vec<Vec<Recovered<TxEnvelope>>>;

/// Runs the benchmark.
pub(crate) fn run(args: &Args, cwe: &Path, out: &Path) -> Result<()> {
    println!(
        "preparing {} blocks of {} transfers among {} holders",
        2 * args.blocks,
        args.transfers,
        args.holders
    );
    let spec = ChainSpec {
        gas_limit: throughput::GAS_LIMIT,
        ..ChainSpec::new(CHAIN_ID)
    };
    let senders: Vec<_> = (0..args.senders).map(|_| PrivateKeySigner::random()).collect();
    let genesis = genesis(args, spec.clone(), &senders)?;
    let blocks = transfers(args, &senders)?;
    let (ours, batch_bytes) = measure_ours(args, &spec, &genesis, &blocks)?;
    let raw = measure_raw(args, &spec, &genesis, &blocks)?;
    if args.without_l1 {
        println!(
            "{:.0} Mgas/s of {raw:.0}; executed and rooted {:?}, appended {:?}, on disk {:?} later",
            ours.mgas_per_s(),
            ours.executing,
            ours.appending,
            ours.persisting
        );
        return Ok(());
    }
    println!("posting a batch of {} transfers to anvil", args.batch_transfers);
    let l1 = block_on(measure_l1(args, cwe))?;

    let measured = (args.blocks * args.transfers) as f64;
    let figures = Figures {
        mgas_per_s: figure(ours.mgas_per_s()),
        raw_revm_mgas_per_s: figure(raw),
        share_of_raw: figure(ours.mgas_per_s() / raw),
        execute_and_root_mgas_per_s: figure(ours.gas as f64 / 1e6 / ours.executing.as_secs_f64()),
        bytes_per_transfer: figure(batch_bytes as f64 / measured),
        l1_gas_per_batch: l1.gas,
        l1_blob_gas_per_batch: l1.blob_gas,
        l1_gas_per_transfer: figure(l1.gas as f64 / args.batch_transfers as f64),
        batch_transfers: args.batch_transfers,
        gas_per_transfer: figure(ours.gas as f64 / measured),
        blocks: args.blocks,
        transfers_per_block: args.transfers,
        holders: args.holders,
    };
    publish(out, "execution", &figures)
}

/// A state in which every holder has tokens and every sender has CLN.
fn genesis(args: &Args, spec: ChainSpec, senders: &[PrivateKeySigner]) -> Result<Genesis> {
    let mut genesis = Genesis::new(spec, GENESIS_TIME, SystemContracts::default());
    let mut token = GenesisAccount {
        nonce: 1,
        code: artifact::token()?.runtime,
        ..GenesisAccount::default()
    };
    let holders = (0..args.holders)
        .map(address)
        .chain(senders.iter().map(PrivateKeySigner::address));
    for holder in holders {
        token.storage.insert(token::balance_slot(holder), U256::from(BALANCE));
        genesis.fund(holder, U256::from(10).pow(U256::from(24)));
    }
    token.storage.insert(token::SUPPLY_SLOT, U256::from(u64::MAX));
    genesis.alloc.insert(TOKEN, token);
    Ok(genesis)
}

/// Signed transfers, sender by sender in turn, to random holders.
fn transfers(args: &Args, senders: &[PrivateKeySigner]) -> Result<Transfers> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut number = 0usize;
    let mut block = || -> Result<Vec<_>> {
        (0..args.transfers)
            .map(|_| {
                let signer = &senders[number % senders.len()];
                let nonce = (number / senders.len()) as u64;
                number += 1;
                let to = address(random.random_range(0..args.holders));
                let call = Call {
                    to: TxKind::Call(TOKEN),
                    value: U256::ZERO,
                    gas: TRANSFER_GAS,
                    input: token::transfer(to, random.random_range(1..BALANCE / 1_000)),
                };
                recovered(signer, transaction(CHAIN_ID, nonce, call))
            })
            .collect()
    };
    (0..2 * args.blocks).map(|_| block()).collect()
}

fn recovered(signer: &PrivateKeySigner, transaction: TxEip1559) -> Result<Recovered<TxEnvelope>> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let signed: Signed<TxEip1559> = transaction.into_signed(signature);
    Ok(Recovered::new_unchecked(TxEnvelope::Eip1559(signed), signer.address()))
}

struct Measured {
    gas: u64,
    /// Transactions, roots, header.
    executing: Duration,
    /// Adding the blocks to the chain.
    appending: Duration,
    /// What was left to write to disk after the last block.
    persisting: Duration,
}

impl Measured {
    fn mgas_per_s(&self) -> f64 {
        self.gas as f64 / 1e6 / (self.executing + self.appending + self.persisting).as_secs_f64()
    }
}

/// Executes and commits all blocks on a database; the second half is measured. Returns the batch data's size of that half
/// too.
fn measure_ours(args: &Args, spec: &ChainSpec, genesis: &Genesis, blocks: &Transfers) -> Result<(Measured, usize)> {
    let folder = tempfile::tempdir()?;
    let db = Database::open(&folder.path().join("db"), Options::default())?;
    let first = genesis.build()?;
    db.init_genesis(spec, BlockCommit::genesis(&first))?;
    let mut parent: Parent = first.as_parent();
    let mut measured = Measured {
        gas: 0,
        executing: Duration::ZERO,
        appending: Duration::ZERO,
        persisting: Duration::ZERO,
    };
    let mut batch = Vec::new();
    for (position, transactions) in blocks.iter().enumerate() {
        let senders: Vec<Address> = transactions.iter().map(|transaction| transaction.signer()).collect();
        let timestamp = parent.header.timestamp + 1;
        let input = BlockInput {
            timestamp,
            messages: Vec::new(),
            transactions: transactions.clone(),
        };
        let started = Instant::now();
        let executed = execute_block(spec, &parent, input, &db.latest()?)?;
        let executing = started.elapsed();
        db.append_block(BlockCommit::new(&executed, &senders, &[]), || Ok::<_, StorageError>(()))?;
        let appending = started.elapsed() - executing;
        check_all_succeeded(&executed.receipts)?;
        if position >= args.blocks {
            measured.gas += executed.block.header.gas_used;
            measured.executing += executing;
            measured.appending += appending;
            batch.push(BatchBlock::from_block(&executed.block));
        }
        parent = executed.as_parent();
        if position + 1 == args.blocks {
            // What is measured writes its own blocks, and no others.
            db.persist()?;
        }
    }
    let started = Instant::now();
    db.persist()?;
    measured.persisting = started.elapsed();
    Ok((measured, codec::encode(&batch)?.len()))
}

fn check_all_succeeded(receipts: &[cwe_primitives::Receipt]) -> Result<()> {
    match receipts.iter().position(|receipt| !receipt.success) {
        Some(position) => bail!("transfer {position} failed: the benchmark would measure failures"),
        None => Ok(()),
    }
}

/// Executes the same blocks with revm alone, on a state in memory, without root or commit. Mgas/s of the second half.
fn measure_raw(args: &Args, spec: &ChainSpec, genesis: &Genesis, blocks: &Transfers) -> Result<f64> {
    let mut db = in_memory(genesis)?;
    let (mut gas, mut took) = (0u64, Duration::ZERO);
    for (position, transactions) in blocks.iter().enumerate() {
        let context = BlockContext {
            number: position as u64 + 1,
            timestamp: GENESIS_TIME + position as u64 + 1,
            parent_hash: B256::ZERO,
            gas_limit: spec.gas_limit,
            base_fee: spec.initial_base_fee,
            prevrandao: B256::ZERO,
            spec_hash: spec.hash(),
        };
        let env = EvmEnv::consensus(spec, &context);
        let started = Instant::now();
        let mut evm = Context::mainnet()
            .with_db(&mut db)
            .with_cfg(env.cfg)
            .with_block(env.block)
            .build_mainnet();
        let mut used = 0;
        for transaction in transactions {
            let result = evm
                .transact_commit(tx_env(transaction))
                .map_err(|error| eyre!("raw revm: {error:?}"))?;
            if !result.is_success() {
                bail!("a transfer failed on raw revm: {result:?}");
            }
            used += result.tx_gas_used();
        }
        if position >= args.blocks {
            took += started.elapsed();
            gas += used;
        }
    }
    Ok(gas as f64 / 1e6 / took.as_secs_f64())
}

fn in_memory(genesis: &Genesis) -> Result<CacheDB<EmptyDB>> {
    let mut db = CacheDB::new(EmptyDB::default());
    for (address, account) in &genesis.alloc {
        let code = Bytecode::new_raw(account.code.clone());
        let info = AccountInfo::new(account.balance, account.nonce, code.hash_slow(), code);
        db.insert_account_info(*address, info);
        for (slot, value) in &account.storage {
            db.insert_account_storage(*address, *slot, *value)
                .map_err(|error| eyre!("{error:?}"))?;
        }
    }
    Ok(db)
}

struct L1Cost {
    gas: u64,
    blob_gas: u64,
}

/// Gas of the L1 transaction that commits a batch of transfers.
async fn measure_l1(args: &Args, cwe: &Path) -> Result<L1Cost> {
    let flags = ["--batch-age-ms", "5000"].map(String::from);
    let devnet = Devnet::start(cwe, &flags).await?;
    let (l1, l2) = (
        Endpoint::new(&devnet.network.l1_rpc)?,
        Endpoint::new(&devnet.network.l2_rpc)?,
    );
    let chain_id = devnet.network.l2_chain_id;
    let token = throughput::deploy(&l2, chain_id).await?;
    let signer = dev_signer(0)?;
    let first = l2.nonce(signer.address()).await?;
    let mut last = B256::ZERO;
    for offset in 0..args.batch_transfers {
        let call = Call {
            to: TxKind::Call(token),
            value: U256::ZERO,
            gas: TRANSFER_GAS,
            input: token::transfer(address(offset), offset + 1),
        };
        let signed = sign(&signer, transaction(chain_id, first + offset, call))?;
        l2.send(&signed.raw).await?;
        last = signed.hash;
    }
    let receipt = l2.wait(last, BATCH_LIMIT).await?;
    let block: U64 = serde_json::from_value(receipt["blockNumber"].clone())?;
    let cost = largest_commitment(&l1, &l2, &devnet, block.to()).await;
    devnet.stop().await?;
    cost
}

/// Waits until `block` is safe and returns the dearest commitment so far: the first ones have few transactions.
async fn largest_commitment(l1: &Endpoint, l2: &Endpoint, devnet: &Devnet, block: u64) -> Result<L1Cost> {
    let started = Instant::now();
    loop {
        let safe: Value = l2.call("eth_getBlockByNumber", json!(["safe", false])).await?;
        let number: U64 = serde_json::from_value(safe["number"].clone())?;
        if number.to::<u64>() >= block {
            break;
        }
        if started.elapsed() > BATCH_LIMIT {
            bail!("block {block} is not committed on L1 after {} s", BATCH_LIMIT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let topic = keccak256(BATCH_COMMITTED);
    let filter = json!({ "address": devnet.network.contracts.rollup, "fromBlock": "0x1", "toBlock": "latest", "topics": [topic] });
    let logs: Vec<Value> = l1.call("eth_getLogs", json!([filter])).await?;
    let mut cost = L1Cost { gas: 0, blob_gas: 0 };
    for log in logs.iter().skip(1) {
        let hash: B256 = serde_json::from_value(log["transactionHash"].clone())?;
        let receipt = l1
            .receipt(hash)
            .await?
            .ok_or_else(|| eyre!("commitment {hash} has no receipt"))?;
        let amount = |field: &str| -> Result<u64> {
            let value = receipt.get(field).cloned().filter(|value| !value.is_null());
            let amount: U64 = value
                .map_or(Ok(U64::ZERO), serde_json::from_value)
                .wrap_err("a receipt's gas")?;
            Ok(amount.to())
        };
        cost.gas = cost.gas.max(amount("gasUsed")?);
        cost.blob_gas = cost.blob_gas.max(amount("blobGasUsed")?);
    }
    if cost.gas == 0 {
        bail!("no batch was committed");
    }
    Ok(cost)
}

/// Signature of `Rollup`'s event; the tuple is `IRollup.Batch`.
const BATCH_COMMITTED: &str = "BatchCommitted(uint64,bytes32,(bytes32,uint64,uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32,bytes32,bool,bytes32),bytes32[],bytes)";
