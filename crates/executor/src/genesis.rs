//! The first block: chain parameters and accounts that exist before any transaction.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_consensus::Header;
use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use core::convert::Infallible;
use cwe_primitives::{
    Account, AccountChange, Block, ChainSpec, QueueHash, SlotChange, StateChanges, chain, predeploys, withdrawal,
};
use cwe_trie::{EMPTY_ROOT_HASH, TrieError, TrieUpdates, WitnessNodes, update_state};

use crate::{
    block::BlockContext,
    evm::MAX_MESSAGE_GAS,
    precompiles,
    seal::{header, seal_header},
    transition::Parent,
};

/// An account that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenesisAccount {
    /// Nonce.
    pub nonce: u64,
    /// CLN wei.
    pub balance: U256,
    /// Runtime code.
    pub code: Bytes,
    /// Slots; zeros are ignored.
    pub storage: BTreeMap<U256, U256>,
}

/// Runtime codes of the system contracts, and what their storage starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemContracts {
    /// `MessagePasser`.
    pub message_passer: Bytes,
    /// `L1BlockOracle`.
    pub l1_block_oracle: Bytes,
    /// `FeeVault`.
    pub fee_vault: Bytes,
    /// Who may change the vault's recipient.
    pub fee_vault_owner: Address,
    /// L1 account that the vault withdraws to.
    pub fee_vault_recipient: Address,
}

/// Everything that decides the first block's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Chain parameters.
    pub spec: ChainSpec,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Accounts.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// The first block with all that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct GenesisBlock {
    /// The block: number 0, no transactions.
    pub block: Block,
    /// Its hash.
    pub hash: B256,
    /// The whole state, as changes of the empty one.
    pub changes: StateChanges,
    /// The whole trie.
    pub trie: TrieUpdates,
    /// Root of the withdrawal tree.
    pub withdrawal_root: B256,
}

/// A genesis that no chain can start from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Less gas than one L1 message may need.
    #[error("gas limit {gas_limit} leaves {available} for messages, one message may need {MAX_MESSAGE_GAS}")]
    GasLimit {
        /// Block gas limit.
        gas_limit: u64,
        /// Of it for messages.
        available: u64,
    },
    /// A base fee parameter is out of range.
    #[error("base fee parameter {name} is {value}, it must be at least {least}")]
    BaseFee {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: u64,
        /// Least value allowed.
        least: u64,
    },
    /// Balances together exceed what can be counted safely.
    #[error("genesis balances exceed 2^192 CLN wei together")]
    Supply,
    /// Storage belongs to contracts: an account without code and nonce could be created over it.
    #[error("account {0} has storage but neither code nor nonce")]
    StorageWithoutCode(Address),
    /// A precompile has no state of its own.
    #[error("account {0} is a precompile and can't have code or storage")]
    Precompile(Address),
    /// A code that the EVM can't take: it begins with `0xef` (EIP-3541).
    #[error("account {0} has a code that begins with 0xef, which no contract may have")]
    Code(Address),
    /// The trie refused the state; a defect of this program.
    #[error("genesis state root can't be computed: {0}")]
    Trie(#[from] TrieError<Infallible>),
}

/// Balances above this can't be told from an overflow waiting to happen; all of L1's mints stay below it.
const MAX_SUPPLY_BITS: usize = 192;

impl Genesis {
    /// A chain with its system contracts and nothing else.
    pub fn new(spec: ChainSpec, timestamp: u64, system: SystemContracts) -> Self {
        // Contracts have nonce 1, as if they had been created.
        let contract = |code| GenesisAccount {
            nonce: 1,
            code,
            ..GenesisAccount::default()
        };
        let message_passer = GenesisAccount {
            storage: BTreeMap::from([(U256::ZERO, withdrawal::empty_root().into())]),
            ..contract(system.message_passer)
        };
        let fee_vault = GenesisAccount {
            storage: BTreeMap::from([
                (U256::ZERO, system.fee_vault_owner.into_word().into()),
                (U256::from(1), system.fee_vault_recipient.into_word().into()),
            ]),
            ..contract(system.fee_vault)
        };
        let alloc = BTreeMap::from([
            (predeploys::MESSAGE_PASSER, message_passer),
            (predeploys::L1_BLOCK_ORACLE, contract(system.l1_block_oracle)),
            (predeploys::FEE_VAULT, fee_vault),
            (predeploys::HISTORY_STORAGE, contract(HISTORY_STORAGE_CODE.clone())),
        ]);
        Self { spec, timestamp, alloc }
    }

    /// Gives an account a balance, CLN wei. Such CLN is not backed on L1: for devnets.
    pub fn fund(&mut self, address: Address, balance: U256) {
        self.alloc.entry(address).or_default().balance = balance;
    }

    /// Builds the first block.
    ///
    /// # Errors
    /// [`GenesisError`] says which parameter or account is wrong.
    pub fn build(&self) -> Result<GenesisBlock, GenesisError> {
        check_spec(&self.spec)?;
        self.check_alloc()?;
        let changes = self.changes();
        let trie = update_state(&WitnessNodes::default(), EMPTY_ROOT_HASH, &changes)?;
        let header = Header {
            state_root: trie.root,
            ..header(&self.context())
        };
        let (block, hash) = seal_header(header, Vec::new()).into_parts();
        let withdrawal_root = self.slot(predeploys::MESSAGE_PASSER, U256::ZERO).into();
        Ok(GenesisBlock {
            block,
            hash,
            changes,
            trie,
            withdrawal_root,
        })
    }

    fn context(&self) -> BlockContext {
        BlockContext {
            number: 0,
            timestamp: self.timestamp,
            parent_hash: B256::ZERO,
            gas_limit: self.spec.gas_limit,
            base_fee: self.spec.initial_base_fee,
            prevrandao: chain::prevrandao(B256::ZERO),
            spec_hash: self.spec.hash(),
        }
    }

    fn slot(&self, address: Address, slot: U256) -> U256 {
        self.alloc
            .get(&address)
            .and_then(|account| account.storage.get(&slot))
            .copied()
            .unwrap_or_default()
    }

    fn check_alloc(&self) -> Result<(), GenesisError> {
        let mut supply = U256::ZERO;
        for (address, account) in &self.alloc {
            if precompiles::all().contains(address) && !(account.code.is_empty() && account.storage.is_empty()) {
                return Err(GenesisError::Precompile(*address));
            }
            if account.code.first() == Some(&0xef) {
                return Err(GenesisError::Code(*address));
            }
            if !account.storage.is_empty() && account.code.is_empty() && account.nonce == 0 {
                return Err(GenesisError::StorageWithoutCode(*address));
            }
            supply = supply
                .checked_add(account.balance)
                .filter(|supply| supply.bit_len() <= MAX_SUPPLY_BITS)
                .ok_or(GenesisError::Supply)?;
        }
        Ok(())
    }

    fn changes(&self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, account) in &self.alloc {
            let code_hash = if account.code.is_empty() {
                KECCAK256_EMPTY
            } else {
                keccak256(&account.code)
            };
            let current = Account {
                nonce: account.nonce,
                balance: account.balance,
                code_hash,
            };
            if current.is_empty() {
                continue;
            }
            if !account.code.is_empty() {
                changes.codes.insert(code_hash, account.code.clone());
            }
            let storage = account
                .storage
                .iter()
                .filter(|(_, value)| !value.is_zero())
                .map(|(slot, value)| {
                    (
                        *slot,
                        SlotChange {
                            previous: U256::ZERO,
                            current: *value,
                        },
                    )
                })
                .collect();
            changes.accounts.insert(
                *address,
                AccountChange {
                    previous: None,
                    current: Some(current),
                    storage,
                },
            );
        }
        changes
    }
}

impl GenesisBlock {
    /// The first block as the parent of the next.
    pub fn as_parent(&self) -> Parent {
        Parent {
            header: self.block.header.clone(),
            hash: self.hash,
            queue: QueueHash::default(),
        }
    }
}

fn check_spec(spec: &ChainSpec) -> Result<(), GenesisError> {
    let available = spec.message_gas_limit();
    if available < MAX_MESSAGE_GAS {
        return Err(GenesisError::GasLimit {
            gas_limit: spec.gas_limit,
            available,
        });
    }
    let least = |name, value, least| {
        if value < least {
            Err(GenesisError::BaseFee { name, value, least })
        } else {
            Ok(())
        }
    };
    least("base_fee_elasticity", spec.base_fee_elasticity, 1)?;
    least("base_fee_denominator", spec.base_fee_denominator, 1)?;
    least("initial_base_fee", spec.initial_base_fee, spec.min_base_fee)?;
    if spec.base_fee_elasticity > spec.gas_limit {
        return Err(GenesisError::GasLimit {
            gas_limit: spec.gas_limit,
            available,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genesis() -> Genesis {
        Genesis::new(ChainSpec::new(7), 1_700_000_000, SystemContracts::default())
    }

    #[test]
    fn the_withdrawal_root_starts_as_the_empty_tree() {
        let block = genesis().build().unwrap();
        assert_eq!(block.withdrawal_root, withdrawal::empty_root());
        assert_eq!(block.block.header.state_root, block.trie.root);
        assert_eq!(block.hash, block.block.header.hash_slow());
    }

    #[test]
    fn every_account_enters_the_hash() {
        let plain = genesis().build().unwrap();
        let mut funded = genesis();
        funded.fund(Address::repeat_byte(1), U256::from(1));
        assert_ne!(plain.hash, funded.build().unwrap().hash);
        funded.fund(Address::repeat_byte(1), U256::ZERO);
        assert_eq!(plain.hash, funded.build().unwrap().hash);
    }

    #[test]
    fn balances_that_could_overflow_are_refused() {
        let mut genesis = genesis();
        genesis.fund(Address::repeat_byte(1), U256::MAX);
        assert_eq!(genesis.build().unwrap_err(), GenesisError::Supply);
    }

    #[test]
    fn storage_without_a_contract_is_refused() {
        let mut genesis = genesis();
        let address = Address::repeat_byte(1);
        let storage = BTreeMap::from([(U256::ZERO, U256::from(1))]);
        genesis.alloc.insert(
            address,
            GenesisAccount {
                storage,
                ..GenesisAccount::default()
            },
        );
        assert_eq!(genesis.build().unwrap_err(), GenesisError::StorageWithoutCode(address));
    }

    #[test]
    fn code_at_a_precompile_is_refused() {
        let mut genesis = genesis();
        let code = Bytes::from_static(&[0]);
        genesis.alloc.insert(
            predeploys::POSEIDON,
            GenesisAccount {
                code,
                ..GenesisAccount::default()
            },
        );
        assert_eq!(
            genesis.build().unwrap_err(),
            GenesisError::Precompile(predeploys::POSEIDON)
        );
    }

    #[test]
    fn code_that_no_contract_may_have_is_refused() {
        let mut genesis = genesis();
        let address = Address::repeat_byte(1);
        let code = Bytes::from_static(&[0xef, 0x01, 0x00]);
        genesis.alloc.insert(
            address,
            GenesisAccount {
                nonce: 1,
                code,
                ..GenesisAccount::default()
            },
        );
        assert_eq!(genesis.build().unwrap_err(), GenesisError::Code(address));
    }

    #[test]
    fn a_block_too_small_for_a_message_is_refused() {
        let mut genesis = genesis();
        genesis.spec.gas_limit = 2 * MAX_MESSAGE_GAS - 1;
        assert!(matches!(genesis.build(), Err(GenesisError::GasLimit { .. })));
    }

    #[test]
    fn parameters_that_divide_by_zero_are_refused() {
        let mut genesis = genesis();
        genesis.spec.base_fee_denominator = 0;
        assert!(matches!(
            genesis.build(),
            Err(GenesisError::BaseFee {
                name: "base_fee_denominator",
                ..
            })
        ));
    }
}
