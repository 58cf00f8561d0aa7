//! Poseidon over the BN254 scalar field, two inputs to one output, as circomlib computes it.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};

use revm::primitives::OnceLock;

use self::constants::Limbs;

#[path = "poseidon_constants.rs"]
pub mod constants;

/// A hash of two canonical elements, given and returned as little-endian limbs.
pub type Implementation = fn(left: Limbs, right: Limbs) -> Limbs;

static IMPLEMENTATION: OnceLock<Implementation> = OnceLock::new();

/// Has every later hash computed by `implementation`: for virtual machines with arithmetic of their own. Only the first
/// call counts; tells whether this was it.
pub fn install(implementation: Implementation) -> bool {
    IMPLEMENTATION.set(implementation).is_ok()
}

const ROUND_CONSTANTS: [[Fr; 3]; 65] = elements(constants::ROUND_CONSTANTS);
const MDS: [[Fr; 3]; 3] = elements(constants::MDS);

const fn elements<const ROWS: usize>(limbs: [[Limbs; 3]; ROWS]) -> [[Fr; 3]; ROWS] {
    let mut rows = [[Fr::new(BigInt([0; 4])); 3]; ROWS];
    let mut row = 0;
    while row < ROWS {
        let [a, b, c] = limbs[row];
        rows[row] = [Fr::new(BigInt(a)), Fr::new(BigInt(b)), Fr::new(BigInt(c))];
        row += 1;
    }
    rows
}

const FULL_ROUNDS: usize = 8;
const HALF_FULL_ROUNDS: usize = FULL_ROUNDS / 2;

/// Bytes of one field element.
const ELEMENT_BYTES: usize = 32;

/// Input that is not two field elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoseidonError {
    /// Not 64 bytes.
    #[error("input has {0} bytes instead of 64")]
    Length(usize),
    /// An element is not canonical: not below the BN254 scalar modulus.
    #[error("input element {0} is not below the BN254 scalar modulus")]
    NotCanonical(usize),
}

/// Hashes two canonical big-endian field elements, `a ‖ b`.
///
/// # Errors
/// [`PoseidonError`] on any other input.
pub fn hash_bytes(input: &[u8]) -> Result<[u8; ELEMENT_BYTES], PoseidonError> {
    if input.len() != 2 * ELEMENT_BYTES {
        return Err(PoseidonError::Length(input.len()));
    }
    let left = element(&input[..ELEMENT_BYTES]).ok_or(PoseidonError::NotCanonical(0))?;
    let right = element(&input[ELEMENT_BYTES..]).ok_or(PoseidonError::NotCanonical(1))?;
    let hash = IMPLEMENTATION.get_or_init(|| hash)(left.0, right.0);
    let mut output = [0; ELEMENT_BYTES];
    output.copy_from_slice(&BigInt(hash).to_bytes_be());
    Ok(output)
}

/// Reads a canonical big-endian element.
fn element(bytes: &[u8]) -> Option<BigInt<4>> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().ok()?);
    }
    Some(BigInt(limbs)).filter(|number| *number < Fr::MODULUS)
}

/// The implementation that is used where no other is installed.
fn hash(left: Limbs, right: Limbs) -> Limbs {
    let mut state = [Fr::ZERO, Fr::new(BigInt(left)), Fr::new(BigInt(right))];
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (value, constant) in state.iter_mut().zip(constants) {
            *value += constant;
        }
        let full = round < HALF_FULL_ROUNDS || round >= ROUND_CONSTANTS.len() - HALF_FULL_ROUNDS;
        for value in state.iter_mut().take(if full { 3 } else { 1 }) {
            *value *= value.square().square();
        }
        state = mix(&state);
    }
    state[0].into_bigint().0
}

fn mix(state: &[Fr; 3]) -> [Fr; 3] {
    MDS.map(|row| row[0] * state[0] + row[1] * state[1] + row[2] * state[2])
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, hex, uint};
    use light_poseidon::{Poseidon, PoseidonBytesHasher};
    use proptest::prelude::*;

    use super::*;

    fn words(left: U256, right: U256) -> Vec<u8> {
        [left.to_be_bytes::<32>(), right.to_be_bytes::<32>()].concat()
    }

    #[test]
    fn circomlib_vectors_hold() {
        let one_two = uint!(7853200120776062878684798364095072458815029376092732009249414926327459813530_U256);
        let hash = hash_bytes(&words(U256::from(1), U256::from(2))).unwrap();
        assert_eq!(U256::from_be_bytes(hash), one_two);
        let hash = hash_bytes(&[0; 64]).unwrap();
        assert_eq!(
            hash,
            hex!("2098f5fb9e239eab3ceac3f27b81e481dc3124d55ffed523a839ee8446b64864")
        );
    }

    #[test]
    fn an_element_that_is_not_canonical_is_refused() {
        let modulus = U256::from_limbs(Fr::MODULUS.0);
        assert_eq!(
            hash_bytes(&words(modulus, U256::ZERO)),
            Err(PoseidonError::NotCanonical(0))
        );
        assert_eq!(
            hash_bytes(&words(U256::ZERO, U256::MAX)),
            Err(PoseidonError::NotCanonical(1))
        );
        assert!(hash_bytes(&words(modulus - U256::from(1), U256::ZERO)).is_ok());
    }

    #[test]
    fn any_length_but_64_is_refused() {
        for length in [0, 32, 63, 65, 96] {
            assert_eq!(hash_bytes(&vec![0; length]), Err(PoseidonError::Length(length)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_independent_implementation_agrees(mut left: [u8; 32], mut right: [u8; 32]) {
            left[0] &= 0x1f;
            right[0] &= 0x1f;
            let expected = Poseidon::<Fr>::new_circom(2).unwrap().hash_bytes_be(&[&left, &right]).unwrap();
            prop_assert_eq!(hash_bytes(&[left, right].concat()).unwrap(), expected);
        }
    }
}
