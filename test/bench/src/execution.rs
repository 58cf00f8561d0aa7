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
use cwe_primitives::{BatchBlock, Block, ChainSpec, TxEnvelope, codec};
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
    artifact, block_on, cpu,
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
/// Most transfers that are encoded as a batch: what one holds uncompressed is limited.
const BATCH_TRANSFERS: usize = 32_000;
/// Longest wait for the batch on L1.
const BATCH_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Transfers measured, after as many to warm up
    #[arg(long, default_value_t = 32_000)]
    total: usize,
    /// Token transfers in a block; the first is the size of the headline figures
    #[arg(long, value_delimiter = ',', default_value = "800,200,4000")]
    transfers: Vec<usize>,
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
    /// Without what comes after the header: appending the blocks and writing them to disk.
    execute_and_root_mgas_per_s: f64,
    /// Processor time of all threads.
    cpu_us_per_transfer: f64,
    raw_revm_cpu_us_per_transfer: f64,
    bytes_per_transfer: f64,
    l1_gas_per_batch: u64,
    l1_blob_gas_per_batch: u64,
    l1_gas_per_transfer: f64,
    batch_transfers: u64,
    gas_per_transfer: f64,
    transfers_per_block: usize,
    holders: u64,
    by_block_size: Vec<Speed>,
}

/// The same number of transfers in blocks of one size.
#[derive(Debug, Clone, Serialize)]
struct Speed {
    transfers_per_block: usize,
    mgas_per_s: f64,
    raw_revm_mgas_per_s: f64,
    share_of_raw: f64,
    execute_and_root_mgas_per_s: f64,
    cpu_us_per_transfer: f64,
    raw_revm_cpu_us_per_transfer: f64,
    #[serde(skip)]
    batch_bytes_per_transfer: f64,
    #[serde(skip)]
    gas_per_transfer: f64,
}

type Transfers = Vec<Vec<Recovered<TxEnvelope>>>;

/// Runs the benchmark.
pub(crate) fn run(args: &Args, cwe: &Path, out: &Path) -> Result<()> {
    let speeds: Vec<_> = args
        .transfers
        .iter()
        .map(|per_block| measure(args, *per_block))
        .collect::<Result<_>>()?;
    let speed = speeds.first().ok_or_else(|| eyre!("no block size to measure"))?.clone();
    if args.without_l1 {
        return Ok(());
    }
    println!("posting a batch of {} transfers to anvil", args.batch_transfers);
    let l1 = block_on(measure_l1(args, cwe))?;
    let figures = Figures {
        mgas_per_s: speed.mgas_per_s,
        raw_revm_mgas_per_s: speed.raw_revm_mgas_per_s,
        share_of_raw: speed.share_of_raw,
        execute_and_root_mgas_per_s: speed.execute_and_root_mgas_per_s,
        cpu_us_per_transfer: speed.cpu_us_per_transfer,
        raw_revm_cpu_us_per_transfer: speed.raw_revm_cpu_us_per_transfer,
        bytes_per_transfer: speed.batch_bytes_per_transfer,
        l1_gas_per_batch: l1.gas,
        l1_blob_gas_per_batch: l1.blob_gas,
        l1_gas_per_transfer: figure(l1.gas as f64 / args.batch_transfers as f64),
        batch_transfers: args.batch_transfers,
        gas_per_transfer: speed.gas_per_transfer,
        transfers_per_block: speed.transfers_per_block,
        holders: args.holders,
        by_block_size: speeds,
    };
    publish(out, "execution", &figures)
}

/// Measures us and revm alone on the same blocks.
fn measure(args: &Args, per_block: usize) -> Result<Speed> {
    let measured = args.total.div_ceil(per_block);
    println!(
        "preparing {} blocks of {per_block} transfers among {} holders",
        2 * measured,
        args.holders
    );
    let spec = ChainSpec {
        gas_limit: throughput::GAS_LIMIT,
        ..ChainSpec::new(CHAIN_ID)
    };
    let senders: Vec<_> = (0..args.senders).map(|_| PrivateKeySigner::random()).collect();
    let genesis = genesis(args, spec.clone(), &senders)?;
    let blocks = transfers(args, &senders, per_block, measured)?;
    let (ours, batch_bytes_per_transfer) = measure_ours(measured, &spec, &genesis, &blocks)?;
    let raw = measure_raw(measured, &spec, &genesis, &blocks)?;
    let transfers = (measured * per_block) as f64;
    let speed = Speed {
        transfers_per_block: per_block,
        mgas_per_s: figure(ours.mgas_per_s(ours.all())),
        raw_revm_mgas_per_s: figure(raw.mgas_per_s(raw.all())),
        share_of_raw: figure(raw.all().as_secs_f64() / ours.all().as_secs_f64()),
        execute_and_root_mgas_per_s: figure(ours.mgas_per_s(ours.executing)),
        cpu_us_per_transfer: figure(ours.cpu.as_secs_f64() * 1e6 / transfers),
        raw_revm_cpu_us_per_transfer: figure(raw.cpu.as_secs_f64() * 1e6 / transfers),
        batch_bytes_per_transfer: figure(batch_bytes_per_transfer),
        gas_per_transfer: figure(ours.gas as f64 / transfers),
    };
    println!(
        "{:.0} Mgas/s, raw revm {:.0}; a transfer: {:.1} µs executed and rooted, {:.1} µs appended, {:.1} µs waiting \
         for the disk in the end; {:.1} µs of processor time, raw revm {:.1} µs",
        speed.mgas_per_s,
        speed.raw_revm_mgas_per_s,
        ours.executing.as_secs_f64() * 1e6 / transfers,
        ours.appending.as_secs_f64() * 1e6 / transfers,
        ours.persisting.as_secs_f64() * 1e6 / transfers,
        speed.cpu_us_per_transfer,
        speed.raw_revm_cpu_us_per_transfer,
    );
    Ok(speed)
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
fn transfers(args: &Args, senders: &[PrivateKeySigner], per_block: usize, measured: usize) -> Result<Transfers> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut number = 0usize;
    let mut block = || -> Result<Vec<_>> {
        (0..per_block)
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
    (0..2 * measured).map(|_| block()).collect()
}

fn recovered(signer: &PrivateKeySigner, transaction: TxEip1559) -> Result<Recovered<TxEnvelope>> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let signed: Signed<TxEip1559> = transaction.into_signed(signature);
    Ok(Recovered::new_unchecked(TxEnvelope::Eip1559(signed), signer.address()))
}

#[derive(Default)]
struct Measured {
    gas: u64,
    /// Transactions, roots, header.
    executing: Duration,
    /// Adding the blocks to the chain.
    appending: Duration,
    /// What was left to write to disk after the last block.
    persisting: Duration,
    /// Processor time of all threads; zero where it is not known.
    cpu: Duration,
}

impl Measured {
    fn all(&self) -> Duration {
        self.executing + self.appending + self.persisting
    }

    fn mgas_per_s(&self, time: Duration) -> f64 {
        self.gas as f64 / 1e6 / time.as_secs_f64()
    }
}

/// Processor time of this process so far.
fn cpu_time() -> Result<Duration> {
    Ok(cpu::time_of(std::process::id())?.unwrap_or_default())
}

/// Executes all blocks on a database and writes them to disk; the second half is measured. Returns the batch data's size
/// per transfer too.
fn measure_ours(
    measured_blocks: usize,
    spec: &ChainSpec,
    genesis: &Genesis,
    blocks: &Transfers,
) -> Result<(Measured, f64)> {
    let folder = tempfile::tempdir()?;
    let db = Database::open(&folder.path().join("db"), Options::default())?;
    let first = genesis.build()?;
    db.init_genesis(spec, BlockCommit::genesis(&first))?;
    let mut parent: Parent = first.as_parent();
    let (mut measured, mut cpu_before) = (Measured::default(), Duration::ZERO);
    let mut batch = Vec::new();
    let inputs: Vec<_> = (1..)
        .zip(blocks)
        .map(|(seconds, block)| input(seconds, block))
        .collect();
    for (position, (input, senders)) in inputs.into_iter().enumerate() {
        if position == measured_blocks {
            // What is measured writes its own blocks, and no others.
            db.persist()?;
            (measured, cpu_before) = (Measured::default(), cpu_time()?);
        }
        let started = Instant::now();
        let executed = execute_block(spec, &parent, input, &db.latest()?)?;
        measured.executing += started.elapsed();
        let started = Instant::now();
        db.append_block(BlockCommit::new(&executed, &senders, &[]), || Ok::<_, StorageError>(()))?;
        measured.appending += started.elapsed();
        check_all_succeeded(&executed.receipts)?;
        measured.gas += executed.block.header.gas_used;
        parent = executed.as_parent();
        if position >= measured_blocks {
            batch.push(executed.block);
        }
    }
    let started = Instant::now();
    db.persist()?;
    measured.persisting = started.elapsed();
    measured.cpu = cpu_time()?.saturating_sub(cpu_before);
    Ok((measured, batch_bytes_per_transfer(&batch)?))
}

/// As many blocks as fit, encoded as batches are.
fn batch_bytes_per_transfer(blocks: &[Block]) -> Result<f64> {
    let mut transfers = 0;
    let batch: Vec<_> = blocks
        .iter()
        .map(|block| (block.body.transactions.len(), BatchBlock::from_block(block)))
        .take_while(|(count, _)| {
            transfers += count;
            transfers <= BATCH_TRANSFERS
        })
        .collect();
    let counted: usize = batch.iter().map(|(count, _)| count).sum();
    let batch: Vec<_> = batch.into_iter().map(|(_, block)| block).collect();
    Ok(codec::encode(&batch)?.len() as f64 / counted as f64)
}

/// A block of transfers, and their senders.
fn input(seconds: u64, transactions: &[Recovered<TxEnvelope>]) -> (BlockInput, Vec<Address>) {
    let input = BlockInput {
        timestamp: GENESIS_TIME + seconds,
        messages: Vec::new(),
        transactions: transactions.to_vec(),
    };
    let senders = transactions.iter().map(|transaction| transaction.signer()).collect();
    (input, senders)
}

fn check_all_succeeded(receipts: &[cwe_primitives::Receipt]) -> Result<()> {
    match receipts.iter().position(|receipt| !receipt.success) {
        Some(position) => bail!("transfer {position} failed: the benchmark would measure failures"),
        None => Ok(()),
    }
}

/// Executes the same blocks with revm alone, on a state in memory, without root or commit; the second half is measured.
fn measure_raw(measured_blocks: usize, spec: &ChainSpec, genesis: &Genesis, blocks: &Transfers) -> Result<Measured> {
    let mut db = in_memory(genesis)?;
    let (mut measured, mut cpu_before) = (Measured::default(), Duration::ZERO);
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
        if position == measured_blocks {
            (measured, cpu_before) = (Measured::default(), cpu_time()?);
        }
        let started = Instant::now();
        let mut evm = Context::mainnet()
            .with_db(&mut db)
            .with_cfg(env.cfg)
            .with_block(env.block)
            .build_mainnet();
        for transaction in transactions {
            let result = evm
                .transact_commit(tx_env(transaction))
                .map_err(|error| eyre!("raw revm: {error:?}"))?;
            if !result.is_success() {
                bail!("a transfer failed on raw revm: {result:?}");
            }
            measured.gas += result.tx_gas_used();
        }
        measured.executing += started.elapsed();
    }
    measured.cpu = cpu_time()?.saturating_sub(cpu_before);
    Ok(measured)
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
