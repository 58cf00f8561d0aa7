//! The assembly as contracts that fit on the chain.

use cwe_usage_circuits::{CircuitVerifyingKey, SPLIT_INPUTS};

use crate::{
    GeneratorError,
    assembly::{Assembly, BEGINNING, Extent, FAILURE, POINT_CHECK, READS_CALLDATA, is_number, tokens},
};

/// Contracts that the verifier is made of; `SplitVerifier` knows this number. A test of the contracts compares their
/// sizes with EIP-170's limit.
pub const PARTS: usize = 3;

/// A generated contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its name and its file's.
    pub name: String,
    /// Solidity.
    pub source: String,
}

/// The contracts that together verify proofs under `keys`, in order. `srs` names the reference string of the keys.
///
/// # Errors
/// [`GeneratorError`]: snark-verifier refuses the key, or writes code that this crate doesn't know how to cut.
pub fn verifier_contracts(keys: &CircuitVerifyingKey, srs: &str) -> Result<Vec<Contract>, GeneratorError> {
    let assembly = Assembly::generate(keys, SPLIT_INPUTS)?;
    let parts = cut(&assembly.statements, PARTS);
    if let Some((part, statement)) = reads_proof_too_late(&parts) {
        let statement = statement.clone();
        return Err(GeneratorError::ReadsProof { part, statement });
    }
    let mut takes_bytes = Extent::of(&assembly.statements)?.calldata;
    let mut memory_bytes = 0;
    let mut contracts = Vec::with_capacity(PARTS);
    for (index, statements) in parts.iter().enumerate() {
        let place = Place {
            index,
            count: parts.len(),
            takes_bytes,
        };
        let name = format!("Halo2SplitVerifierPart{}", index + 1);
        let source = render(&name, srs, place, &assembly.declarations, statements);
        contracts.push(Contract { name, source });
        memory_bytes = Extent::of(statements)?.memory.max(memory_bytes);
        takes_bytes = memory_bytes;
    }
    Ok(contracts)
}

/// What a deployment has to know of the contracts, as JSON: how many there are, and the name of their reference string.
pub fn description(srs: &str) -> String {
    format!("{:#}\n", serde_json::json!({ "parts": PARTS, "srs": srs }))
}

/// `count` runs of statements, about equal in bytes of code.
fn cut(statements: &[String], count: usize) -> Vec<&[String]> {
    let total: usize = statements.iter().map(|statement| code_bytes(statement)).sum();
    let mut done = 0;
    let part_of = |statement: &String| {
        let part = done * count / total.max(1);
        done += code_bytes(statement);
        part
    };
    let parts: Vec<usize> = statements.iter().map(part_of).collect();
    (0..count)
        .map(|part| {
            let start = parts.partition_point(|of| *of < part);
            let end = parts.partition_point(|of| *of <= part);
            statements.get(start..end).unwrap_or_default()
        })
        .collect()
}

/// Bytes that solc makes of a statement, nearly: an opcode for each name, one more and the digits for each number, two
/// for an assignment.
pub(crate) fn code_bytes(statement: &str) -> usize {
    let token_bytes = |token: &str| match token.strip_prefix("0x") {
        Some(digits) => 1 + digits.len().div_ceil(2),
        // Five decimal digits are about two bytes.
        None if is_number(token) => 1 + (2 * token.len()).div_ceil(5),
        None => 1,
    };
    2 * statement.matches(":=").count() + tokens(statement).map(token_bytes).sum::<usize>()
}

/// The first statement that wants calldata where it is memory and not the proof.
fn reads_proof_too_late<'a>(parts: &[&'a [String]]) -> Option<(usize, &'a String)> {
    parts.iter().enumerate().skip(1).find_map(|(index, statements)| {
        let reads = statements
            .iter()
            .find(|statement| tokens(statement).any(|name| name == READS_CALLDATA));
        reads.map(|statement| (index + 1, statement))
    })
}

/// Which part of how many.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Counted from 0.
    index: usize,
    count: usize,
    /// Bytes of its calldata.
    takes_bytes: usize,
}

impl Place {
    /// What the contract's documentation says.
    fn description(self) -> String {
        let Self {
            index,
            count,
            takes_bytes,
        } = self;
        let takes = if index == 0 {
            "the public inputs and the proof, and checks the proof's points to be on the curve".into()
        } else {
            format!("the memory that part {index} returned, and goes on")
        };
        let returns = if index + 1 == count { "nothing" } else { "its memory" };
        let by_itself = if index == 0 {
            "the parts after it check the rest"
        } else {
            "whoever calls it chooses the memory"
        };
        format!(
            "Part {} of {count}. Takes {takes}.\n/// Returns {returns}, or reverts if the proof does not hold or the \
             calldata has not {takes_bytes} bytes.\n/// By itself it shows nothing: {by_itself}. Ask `SplitVerifier`.",
            index + 1
        )
    }

    /// What comes before and after a part's statements. The first check keeps out what no part before it returned by its
    /// length alone; what the memory says it can't know.
    fn frame(self) -> (Vec<String>, &'static str) {
        let length = format!(
            "if iszero(eq(calldatasize(), {:#x})) {{ revert(0, 0) }}",
            self.takes_bytes
        );
        let memory = (self.index > 0).then(|| "calldatacopy(0, 0, calldatasize())".into());
        let last = self.index + 1 == self.count;
        let takes = std::iter::once(length).chain(memory).collect();
        (takes, if last { "return(0, 0)" } else { "return(0, msize())" })
    }
}

fn render(name: &str, srs: &str, place: Place, declarations: &[String], statements: &[String]) -> String {
    let checks_points = statements
        .iter()
        .any(|statement| tokens(statement).any(|name| name == POINT_CHECK));
    let declarations = declarations
        .iter()
        .filter(|declaration| checks_points || !declaration.starts_with("function"));
    let (takes, returns) = place.frame();
    let statements = std::iter::once(BEGINNING)
        .chain(declarations.map(String::as_str))
        .chain(takes.iter().map(String::as_str))
        .chain(statements.iter().map(String::as_str))
        .chain([FAILURE, returns]);
    let lines: String = statements
        .flat_map(str::lines)
        .map(|line| format!("            {line}\n"))
        .collect();
    format!(
        "// SPDX-License-Identifier: MIT\n// Generated by scripts/usage-verifier.sh from the Split circuit and the \
         reference string {srs}.\npragma solidity 0.8.34;\n\n/// {}\ncontract {name} {{\n    fallback() external \
         {{\n        assembly {{\n{lines}        }}\n    }}\n}}\n",
        place.description()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cwe_srs::{Setup, SrsStore};
    use cwe_usage_circuits::{SRS_K, VerifyingKeys};

    use super::*;

    #[test]
    fn the_repositorys_contracts_are_what_the_circuit_gives() {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup::default();
        let name = setup.name();
        let srs = SrsStore::in_folder(setup, folder.path().into()).params(SRS_K).unwrap();
        let keys = VerifyingKeys::derive(&srs).unwrap();
        let fresh = verifier_contracts(&keys.split, &name).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/src/generated");
        for Contract { name, source } in fresh {
            let same = std::fs::read_to_string(folder.join(format!("{name}.sol"))).unwrap() == source;
            assert!(
                same,
                "{name} is not what the circuit gives: run scripts/usage-verifier.sh"
            );
        }
        let about = std::fs::read_to_string(folder.join("halo2-split-verifier.json")).unwrap();
        assert_eq!(about, description(&name));
        let key = std::fs::read_to_string(folder.join("reveal-key.json")).unwrap();
        assert_eq!(key, crate::reveal_key(&keys.reveal, &name).unwrap());
    }

    #[test]
    fn parts_have_every_statement_once_and_in_order() {
        let statements: Vec<_> = (0..100).map(|number| format!("mstore({number}, 1)")).collect();
        for count in 1..9 {
            let parts = cut(&statements, count);
            assert_eq!(parts.len(), count);
            assert_eq!(parts.concat(), statements);
            assert!(parts.iter().all(|part| part.len().abs_diff(100 / count) <= 2));
        }
    }

    #[test]
    fn only_the_first_part_may_read_the_proof() {
        let reads = ["mstore(0x80, calldataload(0x0))".to_owned()];
        let computes = ["mstore(0x80, 1)".to_owned()];
        assert_eq!(reads_proof_too_late(&[&reads, &computes]), None);
        assert_eq!(reads_proof_too_late(&[&computes, &reads]), Some((2, &reads[0])));
    }

    #[test]
    fn code_is_estimated_in_bytes() {
        assert_eq!(code_bytes("mstore(0x1a0, mload(0x80))"), 1 + 3 + 1 + 2);
        assert_eq!(code_bytes("success := and(1, success)"), 2 + 1 + 1 + 2 + 1);
    }
}
