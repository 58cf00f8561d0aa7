//! A whole state in memory, small contracts, and unsigned stand-ins for signed transactions.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod contracts;

use std::collections::BTreeMap;

use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy, transaction::Recovered};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, keccak256};
use cwe_executor::{BackendError, ExecutedBlock, Genesis, Parent, SealedBlock, StateBackend, SystemContracts};
use cwe_primitives::{Account, ChainSpec, L1Message, QueueHash, StateChanges, TxEnvelope};
use cwe_trie::{EMPTY_ROOT_HASH, Nibbles, NodeSource, StateRootBuilder, TrieError, TrieUpdates, WitnessNodes};
use revm::{DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo};

pub const CHAIN_ID: u64 = 1337;
pub const FUNDS: u128 = 1_000_000_000_000_000_000;

/// What execution over a witness tells of a block.
pub fn sealed(block: &ExecutedBlock) -> SealedBlock {
    SealedBlock {
        header: block.block.header.clone(),
        hash: block.hash,
        queue: block.queue,
        withdrawal_root: block.withdrawal_root,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the state in memory has no {0}")]
pub struct MemoryError(&'static str);

impl DBErrorMarker for MemoryError {}

/// A whole state: values, and the trie nodes of every state it went through.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    pub accounts: BTreeMap<Address, (Account, BTreeMap<U256, U256>)>,
    pub codes: BTreeMap<B256, Bytes>,
    pub headers: BTreeMap<u64, Header>,
    nodes: WitnessNodes,
    root: B256,
}

impl MemoryState {
    pub fn new() -> Self {
        Self {
            root: EMPTY_ROOT_HASH,
            ..Self::default()
        }
    }

    pub fn apply(&mut self, changes: &StateChanges, trie: &TrieUpdates, header: &Header) {
        for (address, change) in &changes.accounts {
            let found = self.accounts.get(address).map(|(account, _)| *account);
            assert_eq!(found, change.previous, "{address}: previous account");
            let (account, slots) = self.accounts.entry(*address).or_default();
            for (slot, value) in &change.storage {
                assert_eq!(
                    slots.get(slot).copied().unwrap_or_default(),
                    value.previous,
                    "{address}: previous slot"
                );
                assert_ne!(
                    value.previous, value.current,
                    "{address}: a slot that didn't change is listed"
                );
                if value.current.is_zero() {
                    slots.remove(slot)
                } else {
                    slots.insert(*slot, value.current)
                };
            }
            match change.current {
                Some(current) => *account = current,
                None => {
                    assert!(slots.is_empty(), "{address}: deleted with storage");
                    self.accounts.remove(address);
                }
            }
        }
        self.codes.extend(changes.codes.clone());
        self.headers.insert(header.number, header.clone());
        self.nodes.apply(trie);
        self.root = trie.root;
    }

    pub fn apply_block(&mut self, block: &ExecutedBlock) {
        self.apply(&block.changes, &block.trie, &block.block.header);
    }

    /// The root computed from nothing but the values.
    pub fn root_from_scratch(&self) -> B256 {
        let mut builder = StateRootBuilder::new(|_, _, _| Ok::<_, core::convert::Infallible>(()));
        let hashed: BTreeMap<B256, _> = self
            .accounts
            .iter()
            .map(|(address, value)| (keccak256(address), value))
            .collect();
        for (owner, (account, slots)) in hashed {
            let slots: BTreeMap<B256, U256> = slots
                .iter()
                .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), *value))
                .collect();
            builder.account(owner, account, slots).unwrap();
        }
        builder.finish().unwrap()
    }

    pub fn supply(&self) -> U256 {
        self.accounts.values().map(|(account, _)| account.balance).sum()
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.accounts
            .get(&address)
            .map(|(account, _)| account.balance)
            .unwrap_or_default()
    }

    pub fn header(&self, number: u64) -> Result<Header, MemoryError> {
        self.headers.get(&number).cloned().ok_or(MemoryError("header"))
    }
}

impl DatabaseRef for MemoryState {
    type Error = MemoryError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.accounts.get(&address).map(|(account, _)| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        self.codes
            .get(&code_hash)
            .cloned()
            .map(Bytecode::new_raw)
            .ok_or(MemoryError("code"))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Self::Error> {
        Ok(self
            .accounts
            .get(&address)
            .and_then(|(_, slots)| slots.get(&index))
            .copied()
            .unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        Ok(self.header(number)?.hash_slow())
    }
}

impl NodeSource for MemoryState {
    type Error = MemoryError;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        self.nodes.node(owner, path, hash).map_err(|never| match never {})
    }
}

impl StateBackend for MemoryState {
    fn state_root(&self) -> B256 {
        self.root
    }

    fn update_root(&self, changes: &StateChanges) -> Result<TrieUpdates, TrieError<BackendError<Self>>> {
        cwe_trie::update_state(self, self.root, changes)
    }
}

/// A chain at its genesis, with funded senders and the contracts of [`contracts`].
pub struct Chain {
    pub spec: ChainSpec,
    pub state: MemoryState,
    pub parent: Parent,
}

impl Chain {
    pub fn new() -> Self {
        let spec = ChainSpec::new(CHAIN_ID);
        let mut genesis = Genesis::new(spec.clone(), 1_000, SystemContracts::default());
        for index in 0..SENDERS {
            genesis.fund(sender(index), U256::from(FUNDS));
        }
        contracts::alloc(&mut genesis);
        let block = genesis.build().unwrap();
        let mut state = MemoryState::new();
        state.apply(&block.changes, &block.trie, &block.block.header);
        Self {
            spec,
            state,
            parent: block.as_parent(),
        }
    }

    pub fn apply(&mut self, block: &ExecutedBlock) {
        self.state.apply_block(block);
        self.parent = block.as_parent();
    }

    pub fn queue(&self) -> QueueHash {
        self.parent.queue
    }
}

/// Funded accounts.
pub const SENDERS: usize = 4;

pub fn sender(index: usize) -> Address {
    Address::with_last_byte(u8::try_from(0xa0 + index).unwrap())
}

/// Fields that a test chooses; the rest has a default.
#[derive(Debug, Clone)]
pub struct Tx {
    pub from: Address,
    pub nonce: u64,
    pub to: TxKind,
    pub value: U256,
    pub gas_limit: u64,
    pub fee_cap: u128,
    pub tip: u128,
    pub input: Bytes,
    pub chain_id: u64,
}

impl Tx {
    pub fn call(from: Address, nonce: u64, to: Address) -> Self {
        Self {
            from,
            nonce,
            to: TxKind::Call(to),
            value: U256::ZERO,
            gas_limit: 300_000,
            fee_cap: 5_000_000,
            tip: 1_000,
            input: Bytes::new(),
            chain_id: CHAIN_ID,
        }
    }

    pub fn eip1559(&self) -> Recovered<TxEnvelope> {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: self.value,
            access_list: AccessList::default(),
            input: self.input.clone(),
        };
        Recovered::new_unchecked(
            TxEnvelope::Eip1559(tx.into_signed(Signature::test_signature())),
            self.from,
        )
    }

    pub fn legacy(&self) -> Recovered<TxEnvelope> {
        let tx = TxLegacy {
            chain_id: None,
            nonce: self.nonce,
            gas_price: self.fee_cap,
            gas_limit: self.gas_limit,
            to: self.to,
            value: self.value,
            input: self.input.clone(),
        };
        Recovered::new_unchecked(
            TxEnvelope::Legacy(tx.into_signed(Signature::test_signature())),
            self.from,
        )
    }

    pub fn eip2930(&self, slot: U256) -> Recovered<TxEnvelope> {
        let address = self.to.to().copied().unwrap_or_default();
        let item = AccessListItem {
            address,
            storage_keys: vec![slot.into(), B256::ZERO],
        };
        let tx = TxEip2930 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_price: self.fee_cap,
            gas_limit: self.gas_limit,
            to: self.to,
            value: self.value,
            access_list: AccessList(vec![item]),
            input: self.input.clone(),
        };
        Recovered::new_unchecked(
            TxEnvelope::Eip2930(tx.into_signed(Signature::test_signature())),
            self.from,
        )
    }

    pub fn eip7702(&self, authorization_list: Vec<SignedAuthorization>) -> Recovered<TxEnvelope> {
        let tx = TxEip7702 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: self.tip,
            to: self.to.to().copied().unwrap_or_default(),
            value: self.value,
            access_list: AccessList::default(),
            authorization_list,
            input: self.input.clone(),
        };
        Recovered::new_unchecked(
            TxEnvelope::Eip7702(tx.into_signed(Signature::test_signature())),
            self.from,
        )
    }
}

/// An authorization by whoever the signature recovers to: an account without a key, with nonce 0.
pub fn authorization(salt: u64, delegate: Address) -> SignedAuthorization {
    let authorization = Authorization {
        chain_id: U256::from(CHAIN_ID),
        address: delegate,
        nonce: 0,
    };
    (0..)
        .map(|tweak: u64| {
            let r = U256::from_be_bytes(keccak256([salt.to_be_bytes(), tweak.to_be_bytes()].concat()).0);
            authorization
                .clone()
                .into_signed(Signature::new(r, U256::from(1), false))
        })
        .find(|signed| signed.recover_authority().is_ok())
        .unwrap()
}

pub fn message(index: u64, sender: Address, to: Address) -> L1Message {
    L1Message {
        index,
        sender,
        to,
        mint: 0,
        value: 0,
        gas_limit: 200_000,
        data: Bytes::new(),
    }
}

pub fn envelope(message: L1Message) -> Recovered<TxEnvelope> {
    let sender = message.sender;
    Recovered::new_unchecked(TxEnvelope::from(message), sender)
}

/// 32-byte words, one after another.
pub fn words(values: &[U256]) -> Bytes {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes::<32>())
        .collect::<Vec<_>>()
        .into()
}
