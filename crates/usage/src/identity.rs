//! A listener's secret and what follows from it.

use core::fmt;

use ark_ff::Zero;

use crate::{Element, EpochTerms, TierId, poseidon::hash, tier_epoch};

/// The secret `s` of a listener, a field element other than zero. It prints as nothing and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Element);

/// An element that is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is a field element other than zero")]
pub struct SecretError;

impl TryFrom<Element> for Secret {
    type Error = SecretError;

    fn try_from(element: Element) -> Result<Self, SecretError> {
        (!element.is_zero()).then_some(Self(element)).ok_or(SecretError)
    }
}

impl Secret {
    /// The secret itself, for a circuit's witness or an encrypted file.
    pub const fn expose(&self) -> Element {
        self.0
    }

    /// `H(s, 0)`: what `CWETiers` is given.
    pub fn identity_commitment(&self) -> Element {
        hash(self.0, Element::ZERO)
    }

    /// `nf_user = H(s, K_E)`: what makes a second submission of the epoch show.
    pub fn epoch_nullifier(&self, epoch_key: Element) -> Element {
        hash(self.0, epoch_key)
    }

    /// Leaf of this listener in the subscription tree of an epoch.
    pub fn leaf(&self, terms: &EpochTerms) -> Element {
        subscription_leaf(self.identity_commitment(), terms.tier, terms.epoch)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.0.set_zero();
        core::hint::black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `H(identityCommitment, tier ‖ epoch)`.
pub fn subscription_leaf(identity_commitment: Element, tier: TierId, epoch: u64) -> Element {
    hash(identity_commitment, tier_epoch(tier, epoch))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::uint;

    use super::*;

    #[test]
    fn a_commitment_is_circomlibs_hash_of_secret_and_zero() {
        // circomlib: poseidon([1, 0]).
        let expected = uint!(18423194802802147121294641945063302532319431080857859605204660473644265519999_U256);
        let secret = Secret::try_from(Element::from(1)).unwrap();
        assert_eq!(secret.identity_commitment().to_uint(), expected);
    }

    #[test]
    fn zero_is_no_secret_and_no_secret_is_printed() {
        assert_eq!(Secret::try_from(Element::ZERO), Err(SecretError));
        let secret = Secret::try_from(Element::from(0x1234_5678)).unwrap();
        assert!(!alloc::format!("{secret:?}").contains("5678"));
    }
}
