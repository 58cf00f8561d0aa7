//! Poseidon over the BN254 scalar field, two inputs to one output, as circomlib and the L2's precompile compute it.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field};

use crate::Element;

/// Round constants and matrix; the executor's own file, so that there is one copy of them in Rust.
#[path = "../../executor/src/poseidon_constants.rs"]
pub mod constants;

use constants::Limbs;

/// Rounds in which every element of the state goes through the S-box, half of them at either end.
pub const FULL_ROUNDS: usize = 8;
/// Rounds in which only the first element does.
pub const PARTIAL_ROUNDS: usize = 57;

const ROUND_CONSTANTS: [[Fr; 3]; FULL_ROUNDS + PARTIAL_ROUNDS] = elements(constants::ROUND_CONSTANTS);
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

/// `H(left, right)`.
pub fn hash(left: Element, right: Element) -> Element {
    let mut state = [<Fr as AdditiveGroup>::ZERO, left.0, right.0];
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (value, constant) in state.iter_mut().zip(constants) {
            *value += constant;
        }
        let full = !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round);
        for value in state.iter_mut().take(if full { 3 } else { 1 }) {
            *value *= value.square().square();
        }
        state = MDS.map(|[a, b, c]| a * state[0] + b * state[1] + c * state[2]);
    }
    let [output, ..] = state;
    Element(output)
}

#[cfg(test)]
mod tests {
    use light_poseidon::{Poseidon, PoseidonBytesHasher};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn element(value: &Value) -> Element {
        let word: alloy_primitives::B256 = value.as_str().unwrap().parse().unwrap();
        Element::from_be_bytes(word.0).unwrap()
    }

    #[test]
    fn the_projects_vectors_hold() {
        let vectors: Value = serde_json::from_str(include_str!("../../../test/vectors/poseidon.json")).unwrap();
        let column = |name: &str| {
            vectors[name]
                .as_array()
                .unwrap()
                .iter()
                .map(element)
                .collect::<alloc::vec::Vec<_>>()
        };
        let (left, right, expected) = (column("left"), column("right"), column("hash"));
        assert!(expected.len() >= 16);
        for ((left, right), expected) in left.into_iter().zip(right).zip(expected) {
            assert_eq!(hash(left, right), expected);
        }
        for pair in column("empty").windows(2) {
            assert_eq!(hash(pair[0], pair[0]), pair[1]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_independent_implementation_agrees(mut left: [u8; 32], mut right: [u8; 32]) {
            left[0] &= 0x1f;
            right[0] &= 0x1f;
            let expected = Poseidon::<Fr>::new_circom(2).unwrap().hash_bytes_be(&[&left, &right]).unwrap();
            let hash = hash(Element::from_be_bytes(left).unwrap(), Element::from_be_bytes(right).unwrap());
            prop_assert_eq!(hash.to_be_bytes(), expected);
        }
    }
}
