//! What verifying a circuit's proofs on the chain is made of.

use cwe_usage_circuits::CircuitVerifyingKey;

use crate::{
    GeneratorError,
    assembly::{Assembly, STATICCALL},
    parts::code_bytes,
};

/// Gas of EIP-1108 and EIP-2565, and what the generated code asks for.
const MULTIPLICATION: (&str, u64) = ("0x7", 6_000);
const ADDITION: (&str, u64) = ("0x6", 150);
const PAIRING_OF_TWO: (&str, u64) = ("0x8", 45_000 + 2 * 34_000);
/// An exponent of 254 bits, words of 32 bytes: `16 · 253 / 3`.
const INVERSION: (&str, u64) = ("0x5", 1_349);

/// Costs of the contracts that verify a circuit's proofs, read from their assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierCost {
    /// Multiplications on the curve.
    pub multiplications: u64,
    /// Gas of all precompiles; the rest is arithmetic, memory and hashing.
    pub precompile_gas: u64,
    /// Bytes of code, nearly.
    pub code_bytes: usize,
}

impl VerifierCost {
    /// Of the verifier of these keys' proofs, with so many public inputs.
    ///
    /// # Errors
    /// [`GeneratorError`].
    pub fn of(keys: &CircuitVerifyingKey, inputs: usize) -> Result<Self, GeneratorError> {
        let assembly = Assembly::generate(keys, inputs)?;
        let calls = |precompile: &str| {
            let call = format!("{STATICCALL}(gas(), {precompile},");
            let statements = assembly.statements.iter();
            statements
                .map(|statement| statement.matches(&call).count() as u64)
                .sum::<u64>()
        };
        let kinds = [MULTIPLICATION, ADDITION, PAIRING_OF_TWO, INVERSION];
        Ok(Self {
            multiplications: calls(MULTIPLICATION.0),
            precompile_gas: kinds.iter().map(|(precompile, gas)| calls(precompile) * gas).sum(),
            code_bytes: assembly.statements.iter().map(|statement| code_bytes(statement)).sum(),
        })
    }
}
