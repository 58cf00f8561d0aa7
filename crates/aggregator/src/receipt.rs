//! Receipts: a coordinator's signed promise that a record will be in the state that its epoch is settled on, and how it
//! is shown that the promise was broken. EIP-712, so that contracts and wallets check it alike (docs/PROTOCOL.md).

use alloy::{
    primitives::{Address, B256, Bytes, Signature},
    signers::{SignerSync, local::PrivateKeySigner},
    sol,
    sol_types::{Eip712Domain, SolStruct, eip712_domain},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::Record,
    tries::{NullifierProof, ProofError},
};

sol! {
    /// The promise.
    #[derive(Debug, PartialEq, Eq)]
    struct Inclusion {
        uint64 epoch;
        bytes32 nullifier;
        bytes32 record;
        address coordinator;
    }
}

/// A signed promise of inclusion, as `POST /ingress` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The epoch.
    pub epoch: u64,
    /// `nf_note`.
    #[schema(value_type = String)]
    pub nullifier: B256,
    /// Hash of the record's fields.
    #[schema(value_type = String)]
    pub record: B256,
    /// Who promises: the account that signed.
    #[schema(value_type = String)]
    pub coordinator: Address,
    /// EIP-712 signature, r ‖ s ‖ v, 65 bytes.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// A receipt that shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The signature is not the coordinator's.
    #[error("the receipt is not signed by {0} for this chain and contract")]
    Signature(Address),
    /// The proof does not belong to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Receipt {
    fn promise(&self) -> Inclusion {
        Inclusion {
            epoch: self.epoch,
            nullifier: self.nullifier,
            record: self.record,
            coordinator: self.coordinator,
        }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`ReceiptError::Signature`].
    pub fn check(&self, domain: &Eip712Domain) -> Result<(), ReceiptError> {
        let digest = self.promise().eip712_signing_hash(domain);
        let signature = Signature::try_from(self.signature.as_ref()).ok();
        // A second signature of the same message must not pass for another receipt.
        let canonical = signature.filter(|signature| signature.normalize_s().is_none());
        let signer = canonical.and_then(|signature| signature.recover_address_from_prehash(&digest).ok());
        match signer {
            Some(signer) if signer == self.coordinator => Ok(()),
            _ => Err(ReceiptError::Signature(self.coordinator)),
        }
    }
}

/// Whether a promise was broken: the receipt is its coordinator's, and the nullifier is not in the trie with this root.
/// The root must be that of the state on which the receipt's epoch was settled (`CWEPayouts.basisOf`), on the chain and
/// contract of `domain`.
///
/// # Errors
/// The receipt is not signed, or the proof shows neither one nor the other.
pub fn broken(
    receipt: &Receipt,
    domain: &Eip712Domain,
    proof: &NullifierProof,
    root: B256,
) -> Result<bool, ReceiptError> {
    receipt.check(domain)?;
    Ok(!proof.check(receipt.nullifier, root)?)
}

/// The domain of receipts: chain and `CWEPayouts`.
pub const fn domain(chain_id: u64, payouts: Address) -> Eip712Domain {
    eip712_domain! {
        name: "CWEAggregator",
        version: "1",
        chain_id: chain_id,
        verifying_contract: payouts,
    }
}

/// Signs receipts with the coordinator's account.
#[derive(Debug, Clone)]
pub struct ReceiptSigner {
    signer: PrivateKeySigner,
    domain: Eip712Domain,
}

impl ReceiptSigner {
    /// Signs for one chain and `CWEPayouts`.
    pub const fn new(signer: PrivateKeySigner, chain_id: u64, payouts: Address) -> Self {
        Self {
            signer,
            domain: domain(chain_id, payouts),
        }
    }

    /// Whose receipts they are.
    pub const fn coordinator(&self) -> Address {
        self.signer.address()
    }

    /// The receipt of a record: the same one every time.
    ///
    /// # Errors
    /// The signer fails.
    pub fn sign(&self, record: &Record) -> Result<Receipt, alloy::signers::Error> {
        let mut receipt = Receipt {
            epoch: record.epoch,
            nullifier: record.nullifier.into(),
            record: record.hash(),
            coordinator: self.coordinator(),
            signature: Bytes::new(),
        };
        let digest = receipt.promise().eip712_signing_hash(&self.domain);
        receipt.signature = self.signer.sign_hash_sync(&digest)?.as_bytes().into();
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{testing::body, tries::tests::nullifier_root};

    const PAYOUTS: Address = Address::repeat_byte(5);

    fn signed() -> Receipt {
        let signer = ReceiptSigner::new(
            PrivateKeySigner::from_bytes(&B256::with_last_byte(1)).unwrap(),
            7,
            PAYOUTS,
        );
        signer.sign(&Record::parse(&body(1)).unwrap()).unwrap()
    }

    #[test]
    fn a_receipt_holds_for_its_record_chain_and_contract_only() {
        let receipt = signed();
        assert_eq!(receipt, signed(), "the same record has the same receipt");
        assert_eq!(receipt.check(&domain(7, PAYOUTS)), Ok(()));
        assert!(receipt.check(&domain(8, PAYOUTS)).is_err());
        assert!(receipt.check(&domain(7, Address::repeat_byte(6))).is_err());
        let mut wrong = [(); 5].map(|()| receipt.clone());
        wrong[0].epoch += 1;
        wrong[1].nullifier = B256::with_last_byte(9);
        wrong[2].record = B256::with_last_byte(9);
        wrong[3].coordinator = Address::repeat_byte(9);
        wrong[4].signature = vec![0; 65].into();
        for receipt in wrong {
            assert!(receipt.check(&domain(7, PAYOUTS)).is_err(), "{receipt:?}");
        }
    }

    #[test]
    fn a_receipt_fits_what_a_wallet_keeps_of_it() {
        assert!(serde_json::to_vec(&signed()).unwrap().len() < 2048);
    }

    #[test]
    fn a_broken_promise_can_be_shown_and_a_kept_one_can_not_be_called_broken() {
        let receipt = signed();
        let domain = domain(7, PAYOUTS);
        let others: BTreeSet<_> = (10..20).map(B256::with_last_byte).collect();
        let without = nullifier_root(&others);
        let absent = NullifierProof::new(&others, receipt.nullifier);
        assert_eq!(broken(&receipt, &domain, &absent, without), Ok(true));

        let mut all = others;
        all.insert(receipt.nullifier);
        let with = nullifier_root(&all);
        let present = NullifierProof::new(&all, receipt.nullifier);
        assert_eq!(broken(&receipt, &domain, &present, with), Ok(false));

        assert!(
            broken(&receipt, &domain, &absent, with).is_err(),
            "a proof of another state"
        );
        assert!(broken(&receipt, &domain, &present, without).is_err());
        let forged = Receipt {
            coordinator: Address::repeat_byte(9),
            ..receipt
        };
        assert!(matches!(
            broken(&forged, &domain, &absent, without),
            Err(ReceiptError::Signature(_))
        ));
    }
}
