//! Parameters of one L2 chain. They are part of genesis: two nodes that differ here disagree on blocks.

use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::predeploys;

/// Chain parameters that enter the state transition.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct ChainSpec {
    /// EIP-155 chain id of the L2.
    pub chain_id: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Lowest base fee, CLN wei per gas.
    pub min_base_fee: u64,
    /// Base fee of the first block, CLN wei per gas.
    pub initial_base_fee: u64,
    /// EIP-1559 elasticity multiplier.
    pub base_fee_elasticity: u64,
    /// EIP-1559 change denominator.
    pub base_fee_denominator: u64,
}

impl ChainSpec {
    /// Block gas limit where nothing else is asked for.
    pub const DEFAULT_GAS_LIMIT: u64 = 30_000_000;

    /// Default parameters under a chain id.
    pub const fn new(chain_id: u64) -> Self {
        Self {
            chain_id,
            gas_limit: Self::DEFAULT_GAS_LIMIT,
            min_base_fee: 1_000_000,
            initial_base_fee: 1_000_000,
            base_fee_elasticity: 2,
            base_fee_denominator: 8,
        }
    }

    /// Keccak of the RLP of all fields in order. Every header carries it as `extra_data`: who trusts a block hash
    /// knows by which rules the next block is made.
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// Most gas that the L1 messages of one block may ask for together.
    pub const fn message_gas_limit(&self) -> u64 {
        self.gas_limit / 2
    }

    /// Base fee of the block after one that used `gas_used` at `base_fee`, CLN wei per gas.
    pub fn next_base_fee(&self, gas_used: u64, base_fee: u64) -> u64 {
        let params = BaseFeeParams::new(
            u128::from(self.base_fee_denominator),
            u128::from(self.base_fee_elasticity),
        );
        params
            .next_block_base_fee(gas_used, self.gas_limit, base_fee)
            .max(self.min_base_fee)
    }
}

/// `PREVRANDAO` of the block after `parent_hash`: public and predictable.
pub fn prevrandao(parent_hash: B256) -> B256 {
    let mut buf = [0u8; 46];
    buf[..14].copy_from_slice(b"cwe.prevrandao");
    buf[14..].copy_from_slice(parent_hash.as_slice());
    keccak256(buf)
}

/// Who receives the fees of every block.
pub const FEE_RECIPIENT: alloy_primitives::Address = predeploys::FEE_VAULT;
