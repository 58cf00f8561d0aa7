//! Poseidon over the machine's BN254 scalars, with the executor's constants.

use cwe_executor::poseidon::constants::{Limbs, MDS, ROUND_CONSTANTS};
use openvm_algebra_guest::IntMod;

use crate::curves::Bn254Scalar;

const FULL_ROUNDS: usize = 8;

/// Hashes two canonical elements.
pub(crate) fn hash(left: Limbs, right: Limbs) -> Limbs {
    let mut state = [Bn254Scalar::ZERO, element(left), element(right)];
    for (round, constants) in CONSTANTS.iter().enumerate() {
        for (value, constant) in state.iter_mut().zip(constants) {
            *value += constant;
        }
        let full = round < FULL_ROUNDS / 2 || round >= CONSTANTS.len() - FULL_ROUNDS / 2;
        for value in state.iter_mut().take(if full { 3 } else { 1 }) {
            let fourth = value.square().square();
            *value *= &fourth;
        }
        state = mix(&state);
    }
    let [first, ..] = state;
    first.assert_reduced();
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(first.as_le_bytes().chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

fn mix(state: &[Bn254Scalar; 3]) -> [Bn254Scalar; 3] {
    let [a, b, c] = state;
    let row = |row: &[Bn254Scalar; 3]| &row[0] * a + &row[1] * b + &row[2] * c;
    [row(&MATRIX[0]), row(&MATRIX[1]), row(&MATRIX[2])]
}

static CONSTANTS: [[Bn254Scalar; 3]; 65] = elements(ROUND_CONSTANTS);
static MATRIX: [[Bn254Scalar; 3]; 3] = elements(MDS);

const fn elements<const ROWS: usize>(limbs: [[Limbs; 3]; ROWS]) -> [[Bn254Scalar; 3]; ROWS] {
    let mut rows = [const { [const { Bn254Scalar::from_const_bytes([0; 32]) }; 3] }; ROWS];
    let mut row = 0;
    while row < ROWS {
        let [a, b, c] = limbs[row];
        rows[row] = [element(a), element(b), element(c)];
        row += 1;
    }
    rows
}

const fn element(limbs: Limbs) -> Bn254Scalar {
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = (limbs[index / 8] >> (8 * (index % 8))) as u8;
        index += 1;
    }
    Bn254Scalar::from_const_bytes(bytes)
}
