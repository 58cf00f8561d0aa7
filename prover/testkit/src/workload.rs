//! Signed transactions.

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, transaction::Recovered};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use cwe_executor::BlockInput;
use cwe_primitives::{L1Message, TxEnvelope};

use crate::{
    chain::{Chain, holder},
    contracts::{TOKEN, transfer_call},
};

/// Accounts with keys.
#[derive(Debug, Clone)]
pub struct Senders(Vec<Sender>);

/// An account with its key.
#[derive(Debug, Clone)]
pub struct Sender {
    key: PrivateKeySigner,
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub struct Step {
    /// Callee, or creation.
    pub to: TxKind,
    /// CLN wei.
    pub value: U256,
    /// Call data.
    pub input: Bytes,
    /// Gas limit.
    pub gas: u64,
}

impl Step {
    /// A call.
    pub fn call(to: Address, input: impl Into<Bytes>) -> Self {
        Self {
            to: TxKind::Call(to),
            value: U256::ZERO,
            input: input.into(),
            gas: 1_000_000,
        }
    }
}

impl Senders {
    /// `count` accounts, always the same ones; `None` if a key is out of range, which none is.
    pub fn new(count: u64) -> Option<Self> {
        (0..count)
            .map(|number| {
                let key = keccak256([b"cwe.testkit".as_slice(), &number.to_be_bytes()].concat());
                Some(Sender {
                    key: PrivateKeySigner::from_bytes(&key).ok()?,
                })
            })
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.0.iter().map(Sender::address)
    }

    /// One of them; numbers begin again behind the last.
    pub fn get(&self, number: usize) -> &Sender {
        &self.0[number % self.0.len()]
    }
}

impl Sender {
    /// Address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Signs a hash.
    pub fn sign(&self, hash: B256) -> Signature {
        // A key in memory signs every hash.
        self.key
            .sign_hash_sync(&hash)
            .unwrap_or_else(|_| Signature::new(U256::ZERO, U256::ZERO, false))
    }

    /// An EIP-1559 transaction.
    pub fn transaction(&self, chain_id: u64, nonce: u64, step: Step) -> Recovered<TxEnvelope> {
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: step.gas,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1_000,
            to: step.to,
            value: step.value,
            access_list: Default::default(),
            input: step.input,
        };
        self.signed(tx, TxEnvelope::Eip1559)
    }

    /// A transaction of any type.
    pub fn signed<T>(&self, tx: T, envelope: fn(Signed<T>) -> TxEnvelope) -> Recovered<TxEnvelope>
    where
        T: SignableTransaction<Signature>,
    {
        let signature = self.sign(tx.signature_hash());
        Recovered::new_unchecked(envelope(tx.into_signed(signature)), self.address())
    }

    /// A delegation of this account's code.
    pub fn authorize(&self, chain_id: u64, nonce: u64, delegate: Address) -> SignedAuthorization {
        let authorization = Authorization {
            chain_id: U256::from(chain_id),
            address: delegate,
            nonce,
        };
        let signature = self.sign(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

/// Token transfers from different senders to different holders, all in one block.
pub fn erc20_transfers(chain: &Chain, senders: &Senders, count: usize) -> BlockInput {
    let transactions = (0..count)
        .map(|number| {
            let sender = senders.get(number);
            let nonce = chain.state.nonce(sender.address());
            let call = transfer_call(holder(number as u64), 1_000 + number as u64);
            let step = Step {
                gas: 100_000,
                ..Step::call(TOKEN, call)
            };
            sender.transaction(chain.spec.chain_id, nonce, step)
        })
        .collect();
    BlockInput {
        timestamp: chain.parent.header.timestamp + 1,
        messages: Vec::new(),
        transactions,
    }
}

/// The same in as many blocks as their gas takes, a second apart.
pub fn erc20_blocks(chain: &Chain, senders: &Senders, count: usize) -> Vec<BlockInput> {
    /// About half of what the block gas limit takes.
    const PER_BLOCK: usize = 400;

    let all = erc20_transfers(chain, senders, count);
    let chunks = all.transactions.chunks(PER_BLOCK);
    (all.timestamp..)
        .zip(chunks)
        .map(|(timestamp, transactions)| BlockInput {
            timestamp,
            messages: Vec::new(),
            transactions: transactions.to_vec(),
        })
        .collect()
}

/// A deposit of CLN as the queue's next message but `ahead`.
pub fn deposit(chain: &Chain, ahead: u64, to: Address, amount: u128) -> L1Message {
    L1Message {
        index: chain.parent.queue.next_index + ahead,
        sender: to,
        to,
        mint: amount,
        value: amount,
        gas_limit: 100_000,
        data: Bytes::new(),
    }
}
