//! Transactions of the L2: Ethereum's legacy, 2930, 1559 and 7702 types, and `0x7E`, a message from L1.
//!
//! Blob transactions (type 3) do not decode: the L2 has no data layer of its own.

use alloc::vec::Vec;

use alloy_consensus::{
    EthereumReceipt, InMemorySize, Sealable, Sealed, Signed, Transaction, TransactionEnvelope, TxEip1559, TxEip2930,
    TxEip7702, TxLegacy, Typed2718,
    crypto::{RecoveryError, secp256k1},
    transaction::{Recovered, SignerRecoverable},
};
use alloy_eips::{
    eip2718::{Decodable2718, Eip2718Error, Eip2718Result, Encodable2718, IsTyped2718},
    eip2930::AccessList,
    eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, ChainId, TxKind, U256, keccak256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header, RlpDecodable, RlpEncodable};

/// EIP-2718 type byte of [`L1Message`].
pub const L1_MESSAGE_TYPE: u8 = 0x7e;

/// Any transaction of the L2.
#[derive(Debug, Clone, TransactionEnvelope)]
#[envelope(tx_type_name = TxType, serde_cfg(feature = "serde"))]
pub enum TxEnvelope {
    /// Untyped, with or without EIP-155 replay protection.
    #[envelope(ty = 0)]
    Legacy(Signed<TxLegacy>),
    /// With an access list.
    #[envelope(ty = 1)]
    Eip2930(Signed<TxEip2930>),
    /// With a priority fee.
    #[envelope(ty = 2)]
    Eip1559(Signed<TxEip1559>),
    /// With code delegations.
    #[envelope(ty = 4)]
    Eip7702(Signed<TxEip7702>),
    /// Unsigned, from the L1 queue.
    #[envelope(ty = 0x7e)]
    L1Message(Sealed<L1Message>),
}

/// Receipt of an L2 transaction; encodes as Ethereum's.
pub type Receipt = EthereumReceipt<TxType>;

impl TxEnvelope {
    /// Hash of the EIP-2718 encoding: the transaction's identity.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Legacy(tx) => *tx.hash(),
            Self::Eip2930(tx) => *tx.hash(),
            Self::Eip1559(tx) => *tx.hash(),
            Self::Eip7702(tx) => *tx.hash(),
            Self::L1Message(tx) => tx.seal(),
        }
    }

    /// The message, if this transaction is one.
    pub const fn as_l1_message(&self) -> Option<&L1Message> {
        match self {
            Self::L1Message(message) => Some(message.inner()),
            _ => None,
        }
    }

    /// Whether this transaction came from the L1 queue.
    pub const fn is_l1_message(&self) -> bool {
        matches!(self, Self::L1Message(_))
    }
}

impl From<L1Message> for TxEnvelope {
    fn from(message: L1Message) -> Self {
        Self::L1Message(message.seal_slow())
    }
}

impl SignerRecoverable for TxEnvelope {
    fn recover_signer(&self) -> Result<Address, RecoveryError> {
        match self {
            Self::Legacy(tx) => SignerRecoverable::recover_signer(tx),
            Self::Eip2930(tx) => SignerRecoverable::recover_signer(tx),
            Self::Eip1559(tx) => SignerRecoverable::recover_signer(tx),
            Self::Eip7702(tx) => SignerRecoverable::recover_signer(tx),
            Self::L1Message(tx) => Ok(tx.sender),
        }
    }

    fn recover_signer_unchecked(&self) -> Result<Address, RecoveryError> {
        match self {
            Self::Legacy(tx) => SignerRecoverable::recover_signer_unchecked(tx),
            Self::Eip2930(tx) => SignerRecoverable::recover_signer_unchecked(tx),
            Self::Eip1559(tx) => SignerRecoverable::recover_signer_unchecked(tx),
            Self::Eip7702(tx) => SignerRecoverable::recover_signer_unchecked(tx),
            Self::L1Message(tx) => Ok(tx.sender),
        }
    }
}

/// Recovers the senders of a block's transactions, in order.
///
/// # Errors
/// The first transaction whose signature recovers to nobody.
pub fn recover_all(transactions: Vec<TxEnvelope>) -> Result<Vec<Recovered<TxEnvelope>>, RecoveryError> {
    let mut recovered = Vec::with_capacity(transactions.len());
    for tx in transactions {
        let signer = tx.recover_signer()?;
        recovered.push(Recovered::new_unchecked(tx, signer));
    }
    Ok(recovered)
}

/// Recovers who signed a code delegation; nobody, if the signature is malformed or has a high `s`.
///
/// It goes through the same implementation of signatures as the recovery of senders.
pub fn recover_authority(signed: &SignedAuthorization) -> RecoveredAuthorization {
    let authority = signed
        .signature()
        .ok()
        .and_then(|signature| secp256k1::recover_signer(&signature, signed.signature_hash()).ok())
        .map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
    RecoveredAuthorization::new_unchecked(signed.inner().clone(), authority)
}

impl InMemorySize for TxType {
    fn size(&self) -> usize {
        core::mem::size_of::<Self>()
    }
}

/// A call that comes from L1: a deposit or a forced transaction. `docs/PROTOCOL.md` §L1 messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, RlpEncodable, RlpDecodable)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct L1Message {
    /// Position in the queue, from 0 without gaps.
    #[cfg_attr(feature = "serde", serde(rename = "queueIndex", with = "alloy_serde::quantity"))]
    pub index: u64,
    /// L1 sender, aliased when it is a contract.
    #[cfg_attr(feature = "serde", serde(rename = "from"))]
    pub sender: Address,
    /// L2 callee.
    pub to: Address,
    /// CLN wei credited to `sender` before the call.
    #[cfg_attr(feature = "serde", serde(with = "alloy_serde::quantity"))]
    pub mint: u128,
    /// CLN wei moved from `sender` to `to`.
    #[cfg_attr(feature = "serde", serde(with = "alloy_serde::quantity"))]
    pub value: u128,
    /// L2 gas the call may use.
    #[cfg_attr(feature = "serde", serde(rename = "gas", with = "alloy_serde::quantity"))]
    pub gas_limit: u64,
    /// Call data.
    #[cfg_attr(feature = "serde", serde(rename = "input"))]
    pub data: Bytes,
}

impl L1Message {
    /// What `Inbox` hashes: `keccak256(abi.encode(index, sender, to, mint, value, gasLimit, keccak256(data)))`.
    pub fn message_hash(&self) -> B256 {
        let mut buf = [0u8; 7 * 32];
        buf[24..32].copy_from_slice(&self.index.to_be_bytes());
        buf[44..64].copy_from_slice(self.sender.as_slice());
        buf[76..96].copy_from_slice(self.to.as_slice());
        buf[112..128].copy_from_slice(&self.mint.to_be_bytes());
        buf[144..160].copy_from_slice(&self.value.to_be_bytes());
        buf[184..192].copy_from_slice(&self.gas_limit.to_be_bytes());
        buf[192..].copy_from_slice(keccak256(&self.data).as_slice());
        keccak256(buf)
    }
}

impl Typed2718 for L1Message {
    fn ty(&self) -> u8 {
        L1_MESSAGE_TYPE
    }
}

impl IsTyped2718 for L1Message {
    fn is_type(type_id: u8) -> bool {
        type_id == L1_MESSAGE_TYPE
    }
}

impl Encodable2718 for L1Message {
    fn encode_2718_len(&self) -> usize {
        1 + self.length()
    }

    fn encode_2718(&self, out: &mut dyn BufMut) {
        out.put_u8(L1_MESSAGE_TYPE);
        self.encode(out);
    }
}

impl Decodable2718 for L1Message {
    fn typed_decode(ty: u8, buf: &mut &[u8]) -> Eip2718Result<Self> {
        if ty != L1_MESSAGE_TYPE {
            return Err(Eip2718Error::UnexpectedType(ty));
        }
        Ok(Self::decode(buf)?)
    }

    fn fallback_decode(buf: &mut &[u8]) -> Eip2718Result<Self> {
        let _ = Header::decode(buf)?;
        Err(Eip2718Error::UnexpectedType(0))
    }
}

impl Sealable for L1Message {
    fn hash_slow(&self) -> B256 {
        self.trie_hash()
    }
}

impl Transaction for L1Message {
    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn nonce(&self) -> u64 {
        self.index
    }

    fn gas_limit(&self) -> u64 {
        self.gas_limit
    }

    fn gas_price(&self) -> Option<u128> {
        Some(0)
    }

    fn max_fee_per_gas(&self) -> u128 {
        0
    }

    fn max_priority_fee_per_gas(&self) -> Option<u128> {
        None
    }

    fn max_fee_per_blob_gas(&self) -> Option<u128> {
        None
    }

    fn priority_fee_or_price(&self) -> u128 {
        0
    }

    fn effective_gas_price(&self, _base_fee: Option<u64>) -> u128 {
        0
    }

    fn is_dynamic_fee(&self) -> bool {
        false
    }

    fn kind(&self) -> TxKind {
        TxKind::Call(self.to)
    }

    fn is_create(&self) -> bool {
        false
    }

    fn value(&self) -> U256 {
        U256::from(self.value)
    }

    fn input(&self) -> &Bytes {
        &self.data
    }

    fn access_list(&self) -> Option<&AccessList> {
        None
    }

    fn blob_versioned_hashes(&self) -> Option<&[B256]> {
        None
    }

    fn authorization_list(&self) -> Option<&[SignedAuthorization]> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> L1Message {
        L1Message {
            index: 7,
            sender: Address::repeat_byte(0x11),
            to: Address::repeat_byte(0x22),
            mint: 5,
            value: 3,
            gas_limit: 100_000,
            data: Bytes::from_static(b"hello"),
        }
    }

    #[test]
    fn a_message_survives_encoding() {
        let tx = TxEnvelope::from(message());
        let bytes = tx.encoded_2718();
        assert_eq!(bytes[0], L1_MESSAGE_TYPE);
        assert_eq!(TxEnvelope::decode_2718(&mut bytes.as_slice()).unwrap(), tx);
        assert_eq!(tx.hash(), keccak256(&bytes));
    }

    #[test]
    fn blob_transactions_do_not_decode() {
        assert!(TxEnvelope::decode_2718(&mut [0x03u8, 0xc0].as_slice()).is_err());
    }

    #[test]
    fn a_message_needs_no_signature() {
        assert_eq!(TxEnvelope::from(message()).recover_signer().unwrap(), message().sender);
    }
}
