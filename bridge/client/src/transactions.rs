//! Signed L1 transactions: call data and blobs to bytes for `eth_sendRawTransaction`.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEip4844WithSidecar},
    eips::{Encodable2718, eip4844::DATA_GAS_PER_BLOB, eip7594::BlobTransactionSidecarVariant},
    network::TransactionBuilder4844,
    primitives::{Address, B256, Bytes, TxKind, U256},
    rpc::types::TransactionRequest,
    signers::{SignerSync, local::PrivateKeySigner},
};

use crate::{Fees, TaskError};

/// A call to one of our contracts, before price and nonce are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// Contract.
    pub(crate) to: Address,
    /// Call data.
    pub(crate) input: Bytes,
    /// Blobs that go with it.
    pub(crate) sidecar: Option<BlobTransactionSidecarVariant>,
}

/// What the transaction needs besides the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) gas_limit: u64,
    pub(crate) fees: Fees,
}

/// A transaction ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedTransaction {
    pub(crate) hash: B256,
    pub(crate) raw: Vec<u8>,
}

impl Draft {
    fn versioned_hashes(&self) -> Vec<B256> {
        self.sidecar
            .as_ref()
            .map(|sidecar| sidecar.versioned_hashes().collect())
            .unwrap_or_default()
    }

    /// Blob gas it will use.
    pub(crate) fn blob_gas(&self) -> u64 {
        (self.versioned_hashes().len() as u64).saturating_mul(DATA_GAS_PER_BLOB)
    }

    /// The call as `eth_estimateGas` wants it: with the blobs' hashes, without the blobs.
    pub(crate) fn simulation(&self, from: Address, fees: &Fees) -> TransactionRequest {
        let mut request = TransactionRequest::default()
            .from(from)
            .to(self.to)
            .input(self.input.clone().into());
        if self.sidecar.is_some() {
            request.blob_versioned_hashes = Some(self.versioned_hashes());
            if let Some(price) = fees.max_fee_per_blob_gas {
                request.set_max_fee_per_blob_gas(price);
            }
        }
        request
    }

    /// Signs the draft under these terms.
    ///
    /// # Errors
    /// [`TaskError::Signing`].
    pub(crate) fn sign(&self, terms: &Terms, signer: &PrivateKeySigner) -> Result<SignedTransaction, TaskError> {
        match &self.sidecar {
            Some(sidecar) => {
                let tx = TxEip4844WithSidecar::from_tx_and_sidecar(self.blob_transaction(terms), sidecar.clone());
                sign(tx, signer)
            }
            None => sign(self.plain_transaction(terms), signer),
        }
    }

    fn plain_transaction(&self, terms: &Terms) -> TxEip1559 {
        TxEip1559 {
            chain_id: terms.chain_id,
            nonce: terms.nonce,
            gas_limit: terms.gas_limit,
            max_fee_per_gas: terms.fees.max_fee_per_gas,
            max_priority_fee_per_gas: terms.fees.max_priority_fee_per_gas,
            to: TxKind::Call(self.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: self.input.clone(),
        }
    }

    fn blob_transaction(&self, terms: &Terms) -> TxEip4844 {
        TxEip4844 {
            chain_id: terms.chain_id,
            nonce: terms.nonce,
            gas_limit: terms.gas_limit,
            max_fee_per_gas: terms.fees.max_fee_per_gas,
            max_priority_fee_per_gas: terms.fees.max_priority_fee_per_gas,
            to: self.to,
            value: U256::ZERO,
            access_list: Default::default(),
            blob_versioned_hashes: self.versioned_hashes(),
            max_fee_per_blob_gas: terms.fees.max_fee_per_blob_gas.unwrap_or_default(),
            input: self.input.clone(),
        }
    }
}

fn sign<T>(transaction: T, signer: &PrivateKeySigner) -> Result<SignedTransaction, TaskError>
where
    T: SignableTransaction<alloy::primitives::Signature>
        + alloy::consensus::transaction::RlpEcdsaEncodableTx
        + Send
        + Sync,
{
    let signature = signer
        .sign_hash_sync(&transaction.signature_hash())
        .map_err(|error| TaskError::Signing(error.to_string()))?;
    let signed = transaction.into_signed(signature);
    Ok(SignedTransaction {
        hash: *signed.hash(),
        raw: signed.encoded_2718(),
    })
}

#[cfg(test)]
mod tests {
    use alloy::consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
    use alloy::eips::Decodable2718;
    use cwe_primitives::blob;

    use super::*;
    use crate::sidecar::{self, SidecarFormat};

    fn terms(blob_price: Option<u128>) -> Terms {
        let fees = Fees {
            max_fee_per_gas: 10,
            max_priority_fee_per_gas: 2,
            max_fee_per_blob_gas: blob_price,
        };
        Terms {
            chain_id: 5,
            nonce: 7,
            gas_limit: 100_000,
            fees,
        }
    }

    #[test]
    fn a_plain_call_is_signed_by_the_posting_account() {
        let signer = PrivateKeySigner::random();
        let draft = Draft {
            to: Address::repeat_byte(1),
            input: Bytes::from_static(b"call"),
            sidecar: None,
        };
        let signed = draft.sign(&terms(None), &signer).unwrap();
        let tx = TxEnvelope::decode_2718(&mut signed.raw.as_slice()).unwrap();
        assert_eq!(*tx.tx_hash(), signed.hash);
        assert_eq!(tx.recover_signer().unwrap(), signer.address());
        assert_eq!((tx.nonce(), tx.chain_id(), tx.max_fee_per_gas()), (7, Some(5), 10));
    }

    #[test]
    fn blobs_travel_beside_the_transaction_and_not_in_its_hash() {
        let blobs: Vec<Bytes> = blob::pack(b"batch data")
            .unwrap()
            .into_iter()
            .map(Bytes::from)
            .collect();
        let sidecar = sidecar::build(&blobs, SidecarFormat::Blobs).unwrap();
        let draft = Draft {
            to: Address::repeat_byte(1),
            input: Bytes::new(),
            sidecar: Some(sidecar.clone()),
        };
        assert_eq!(draft.blob_gas(), DATA_GAS_PER_BLOB);
        let signed = draft.sign(&terms(Some(3)), &PrivateKeySigner::random()).unwrap();
        assert_eq!(signed.raw[0], 3);
        assert!(signed.raw.len() > blob::BLOB_BYTES);
        let tx = alloy::consensus::EthereumTxEnvelope::<
            alloy::consensus::TxEip4844Variant<BlobTransactionSidecarVariant>,
        >::decode_2718(&mut signed.raw.as_slice())
        .unwrap();
        assert_eq!(*tx.tx_hash(), signed.hash);
        assert_eq!(
            tx.blob_versioned_hashes().unwrap(),
            sidecar.versioned_hashes().collect::<Vec<_>>()
        );
    }
}
