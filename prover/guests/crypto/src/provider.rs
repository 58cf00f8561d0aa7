//! Where the rest of the program finds this crate.

use alloc::{sync::Arc, vec::Vec};

use alloy_consensus::crypto::{RecoveryError, backend::CryptoProvider, install_default_provider};
use alloy_primitives::{Address, keccak256};
use revm::precompile::{Crypto, DefaultCrypto, PrecompileHalt};

use crate::{bn254, modular, poseidon, secp256k1, secp256r1, sha256};

/// The machine's cryptography.
#[derive(Debug)]
struct Machine;

/// Hooks the machine's cryptography into the program. To be called once, before anything else; later calls change
/// nothing.
pub fn install() {
    let _ = install_default_provider(Arc::new(Machine));
    let _ = revm::precompile::install_crypto(Machine);
    let _ = cwe_executor::poseidon::install(poseidon::hash);
    let _ = cwe_executor::modular::install(modular::product);
}

impl CryptoProvider for Machine {
    fn recover_signer_unchecked(&self, signature: &[u8; 65], hash: &[u8; 32]) -> Result<Address, RecoveryError> {
        let [rs @ .., id] = signature;
        let key = secp256k1::recover(rs, *id, hash).ok_or_else(RecoveryError::new)?;
        Ok(Address::from_raw_public_key(&key))
    }

    /// Nothing in a guest asks for it.
    fn verify_and_compute_signer_unchecked(
        &self,
        _key: &[u8; 65],
        _signature: &[u8; 64],
        _hash: &[u8; 32],
    ) -> Result<Address, RecoveryError> {
        Err(RecoveryError::new())
    }
}

impl Crypto for Machine {
    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        sha256::hash(input)
    }

    fn bn254_g1_add(&self, left: &[u8], right: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        bn254::add(left, right)
    }

    fn bn254_g1_mul(&self, point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        bn254::mul(point, scalar)
    }

    fn bn254_pairing_check(&self, pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
        bn254::pairing::is_one(pairs)
    }

    fn modexp(&self, base: &[u8], exp: &[u8], modulus: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
        match modular::power(base, exp, modulus) {
            Some(power) => Ok(power),
            None => DefaultCrypto.modexp(base, exp, modulus),
        }
    }

    fn secp256k1_ecrecover(
        &self,
        signature: &[u8; 64],
        recovery_id: u8,
        hash: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        let key = secp256k1::recover(signature, recovery_id, hash).ok_or(PrecompileHalt::Secp256k1RecoverFailed)?;
        let mut word = keccak256(key).0;
        word[..12].fill(0);
        Ok(word)
    }

    fn secp256r1_verify_signature(&self, hash: &[u8; 32], signature: &[u8; 64], key: &[u8; 64]) -> bool {
        secp256r1::verify(hash, signature, key)
    }
}
