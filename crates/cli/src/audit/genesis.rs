//! The genesis that the audit starts from, believed because its hash is batch 0's on L1.

use std::path::Path;

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use cwe_bindings::contracts::Rollup;
use cwe_executor::{Genesis, GenesisBlock};
use cwe_primitives::ChainSpec;
use eyre::{Result, WrapErr, bail, eyre};

use crate::{devnet, genesis, network::Network};

/// Most L1 blocks searched for batch 0 in one request.
const RANGE_BLOCKS: u64 = 2_000;

/// What L1 says of the genesis.
pub(crate) struct BatchZero {
    l2_chain_id: u64,
    timestamp: u64,
    block_hash: B256,
    state_root: B256,
}

/// A genesis and the block it gives.
pub(crate) struct CheckedGenesis {
    /// What nodes read.
    pub genesis: Genesis,
    /// The first block.
    pub block: GenesisBlock,
}

/// Reads batch 0 from `Rollup`'s first event.
pub(crate) async fn batch_zero(network: &Network, start_block: u64) -> Result<BatchZero> {
    let l1 = network.l1(None).await?;
    let rollup = Rollup::new(network.contracts.rollup, &l1);
    let l2_chain_id = rollup
        .l2ChainId()
        .call()
        .await
        .wrap_err("reading the L2 chain id from Rollup")?;
    let head = l1.get_block_number().await.wrap_err("reading the L1 head")?;
    let mut from = start_block;
    while from <= head {
        let to = head.min(from + RANGE_BLOCKS - 1);
        if let Some(event) = first_batch(&l1, network, from, to).await? {
            return Ok(BatchZero {
                l2_chain_id,
                timestamp: event.batch.lastTimestamp,
                block_hash: event.batch.blockHash,
                state_root: event.batch.stateRoot,
            });
        }
        from = to + 1;
    }
    bail!(
        "Rollup {} has no batch 0 from L1 block {start_block} on: lower --start-block",
        network.contracts.rollup
    )
}

async fn first_batch(
    l1: &DynProvider,
    network: &Network,
    from: u64,
    to: u64,
) -> Result<Option<Rollup::BatchCommitted>> {
    let filter = Filter::new()
        .address(network.contracts.rollup)
        .event_signature(Rollup::BatchCommitted::SIGNATURE_HASH)
        .topic1(B256::ZERO)
        .from_block(from)
        .to_block(to);
    let logs = l1.get_logs(&filter).await.wrap_err("reading batch 0 from L1")?;
    let Some(log) = logs.first() else { return Ok(None) };
    Ok(Some(
        Rollup::BatchCommitted::decode_log(&log.inner)
            .wrap_err("decoding batch 0")?
            .data,
    ))
}

/// The genesis of `file`, or a devnet's; refused unless it gives batch 0.
pub(crate) fn find(file: Option<&Path>, zero: &BatchZero) -> Result<CheckedGenesis> {
    let genesis = match file {
        Some(path) => cwe_sequencer::genesis::read(path)?,
        None => genesis::with_system_contracts(ChainSpec::new(zero.l2_chain_id), zero.timestamp, devnet::l1::fees()?),
    };
    let block = genesis.build().wrap_err("building the genesis block")?;
    if block.hash == zero.block_hash && block.trie.root == zero.state_root {
        return Ok(CheckedGenesis { genesis, block });
    }
    let origin = file.map_or("a devnet's genesis".into(), |path| path.display().to_string());
    Err(eyre!(
        "{origin} gives block {}, batch 0 on L1 is {}: give the chain's own --genesis",
        block.hash,
        zero.block_hash
    ))
}
