//! `cwe genesis`: the first block of a chain, as nodes read it and as the L1 deployment reads it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, B256};
use cwe_bindings::{contracts::IRollup, system};
use cwe_executor::{Genesis, GenesisBlock, SystemContracts};
use cwe_primitives::ChainSpec;
use eyre::{Result, WrapErr, bail};
use serde::Serialize;

/// File that nodes read.
pub(crate) const GENESIS_FILE: &str = "genesis.json";
/// File that `deploy/DeployL1.s.sol` reads.
const L1_FILE: &str = "l1.json";

/// Write the genesis of a new chain: `genesis.json` for nodes, `l1.json` for the deployment of the L1 contracts
#[derive(Debug, clap::Args)]
pub(crate) struct GenesisArgs {
    /// Chain id of the L2
    #[arg(long, value_name = "ID")]
    chain_id: u64,
    /// Folder to write to; existing files are not overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Time of the genesis block, seconds since 1970; default: now
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<u64>,
    /// Block gas limit
    #[arg(long, value_name = "GAS", default_value_t = ChainSpec::DEFAULT_GAS_LIMIT)]
    gas_limit: u64,
    /// L2 account that may change the fees' recipient: governance, or an alias of an L1 contract
    #[arg(long, value_name = "ADDRESS")]
    fee_owner: Address,
    /// L1 account that the fees are withdrawn to
    #[arg(long, value_name = "ADDRESS")]
    fee_recipient: Address,
}

/// Who disposes of the fees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fees {
    /// L2 account that may change the recipient.
    pub owner: Address,
    /// L1 account that the fees are withdrawn to.
    pub recipient: Address,
}

/// What the L1 deployment needs of the genesis.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct L1Genesis {
    chain_id: u64,
    timestamp: u64,
    genesis_block_hash: B256,
    state_root: B256,
    withdrawal_root: B256,
}

/// Runs the command.
pub(crate) fn run(args: &GenesisArgs) -> Result<()> {
    let spec = ChainSpec {
        gas_limit: args.gas_limit,
        ..ChainSpec::new(args.chain_id)
    };
    let fees = Fees {
        owner: args.fee_owner,
        recipient: args.fee_recipient,
    };
    let genesis = with_system_contracts(spec, args.timestamp.map_or_else(now, Ok)?, fees);
    let block = genesis.build().wrap_err("building the genesis block")?;
    fs::create_dir_all(&args.out).wrap_err_with(|| format!("creating {}", args.out.display()))?;
    let for_l1 = L1Genesis {
        chain_id: genesis.spec.chain_id,
        timestamp: genesis.timestamp,
        genesis_block_hash: block.hash,
        state_root: block.trie.root,
        withdrawal_root: block.withdrawal_root,
    };
    for file in [GENESIS_FILE, L1_FILE] {
        let path = args.out.join(file);
        if path.exists() {
            bail!(
                "{} exists; a chain has one genesis, so nothing was written",
                path.display()
            );
        }
    }
    cwe_sequencer::genesis::write(&args.out.join(GENESIS_FILE), &genesis)?;
    write(&args.out.join(L1_FILE), &for_l1)?;
    println!("genesis block {} written to {}", block.hash, args.out.display());
    Ok(())
}

/// A genesis with the system contracts and no balances: all CLN comes from deposits.
pub(crate) fn with_system_contracts(spec: ChainSpec, timestamp: u64, fees: Fees) -> Genesis {
    let system = SystemContracts {
        message_passer: system::MESSAGE_PASSER_CODE.clone(),
        l1_block_oracle: system::L1_BLOCK_ORACLE_CODE.clone(),
        fee_vault: system::FEE_VAULT_CODE.clone(),
        fee_vault_owner: fees.owner,
        fee_vault_recipient: fees.recipient,
    };
    Genesis::new(spec, timestamp, system)
}

/// Batch 0 as `Rollup` takes it.
pub(crate) fn for_rollup(genesis: &Genesis, block: &GenesisBlock) -> IRollup::Genesis {
    IRollup::Genesis {
        l2ChainId: genesis.spec.chain_id,
        timestamp: genesis.timestamp,
        blockHash: block.hash,
        stateRoot: block.trie.root,
        withdrawalRoot: block.withdrawal_root,
    }
}

/// Writes a value as JSON.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).wrap_err_with(|| format!("encoding {}", path.display()))?;
    fs::write(path, text + "\n").wrap_err_with(|| format!("writing {}", path.display()))
}

/// Seconds since 1970.
pub(crate) fn now() -> Result<u64> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .wrap_err("the clock is before 1970")?
        .as_secs())
}
