//! Signed transactions, made before the clock starts.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{
        SignerSync,
        local::{MnemonicBuilder, PrivateKeySigner},
    },
};
use eyre::Result;

/// Phrase of the accounts that every devnet funds.
const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Wei per gas offered; far above what either chain asks.
const MAX_FEE: u128 = 1_000_000_000_000;

/// Gas given to one token transfer.
pub(crate) const TRANSFER_GAS: u64 = 100_000;

/// A signed transaction and its hash.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// EIP-2718 encoding.
    pub raw: Bytes,
    /// Hash.
    pub hash: B256,
}

/// Development account `number`.
pub(crate) fn dev_signer(number: u32) -> Result<PrivateKeySigner> {
    Ok(MnemonicBuilder::from_phrase(DEV_MNEMONIC).index(number)?.build()?)
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Whom it calls, or that it creates.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Gas limit.
    pub gas: u64,
    /// Call data or creation code.
    pub input: Bytes,
}

/// An EIP-1559 transaction without tip.
pub(crate) fn transaction(chain_id: u64, nonce: u64, call: Call) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce,
        gas_limit: call.gas,
        max_fee_per_gas: MAX_FEE,
        max_priority_fee_per_gas: 0,
        to: call.to,
        value: call.value,
        input: call.input,
        access_list: Default::default(),
    }
}

/// Signs one.
pub(crate) fn sign(signer: &PrivateKeySigner, transaction: TxEip1559) -> Result<Signed> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    Ok(Signed {
        raw: envelope.encoded_2718().into(),
        hash: *envelope.tx_hash(),
    })
}

/// An address that depends on a number only.
pub(crate) fn address(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}
