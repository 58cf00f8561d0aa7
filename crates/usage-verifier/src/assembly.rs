//! What snark-verifier writes, taken apart into statements that are known to be cuttable.

use std::rc::Rc;

use cwe_usage_circuits::{CircuitVerifyingKey, SPLIT_INPUTS};
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fq, Fr},
    poly::commitment::ParamsProver,
};
use snark_verifier::{
    loader::evm::EvmLoader,
    pcs::kzg::{Bdfg21, KzgAs, KzgDecidingKey, LimbsEncoding},
    system::halo2::{Config, compile, transcript::evm::EvmTranscript},
    verifier::{SnarkVerifier, plonk::PlonkVerifier},
};

use crate::GeneratorError;

/// snark-verifier wants to know how accumulators would be encoded; Split has none.
type Encoding = LimbsEncoding<3, 88>;
type Verifier = PlonkVerifier<KzgAs<Bn256, Bdfg21>, Encoding>;

/// Opens the assembly; before it is only the frame of one contract.
pub(crate) const BEGINNING: &str = "let success := true";
/// The only function.
pub(crate) const POINT_CHECK: &str = "validate_ec_point";
/// Ends the assembly; after it is only the frame's rest.
const END: &str = "return(0, 0)";
/// Comes before it.
pub(crate) const FAILURE: &str = "if iszero(success) { revert(0, 0) }";
/// What reads the calldata.
pub(crate) const READS_CALLDATA: &str = "calldataload";

/// What a statement may use: memory, arithmetic, precompiles by `staticcall`, and what all statements share.
const KNOWN: [&str; 21] = [
    "mload",
    "mstore",
    "mstore8",
    "keccak256",
    "addmod",
    "mulmod",
    "mod",
    "sub",
    "and",
    "eq",
    "lt",
    "iszero",
    "gas",
    "staticcall",
    "success",
    "f_p",
    "f_q",
    "true",
    "let",
    READS_CALLDATA,
    POINT_CHECK,
];

/// The verifier as assembly that shares nothing between statements but memory and `success`.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// Declarations that every statement may use: both moduli and the function.
    pub(crate) declarations: Vec<String>,
    /// What is computed, in order.
    pub(crate) statements: Vec<String>,
}

impl Assembly {
    /// Of the verifier of these keys' proofs.
    pub(crate) fn generate(keys: &CircuitVerifyingKey) -> Result<Self, GeneratorError> {
        let inputs = vec![SPLIT_INPUTS];
        let protocol = compile(&keys.srs, &keys.key, Config::kzg().with_num_instance(inputs.clone()));
        let generator = keys.srs.get_g().first();
        let generator = generator.ok_or_else(|| GeneratorError::Refused("the reference string is empty".into()))?;
        let deciding: KzgDecidingKey<Bn256> = (*generator, keys.srs.g2(), keys.srs.s_g2()).into();
        let loader = EvmLoader::new::<Fq, Fr>();
        let protocol = protocol.loaded(&loader);
        let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
        let instances = transcript.load_instances(inputs);
        let refused = |error| GeneratorError::Refused(format!("{error:?}"));
        let proof = Verifier::read_proof(&deciding, &protocol, &instances, &mut transcript).map_err(refused)?;
        Verifier::verify(&deciding, &protocol, &instances, &proof).map_err(refused)?;
        Self::parse(&loader.solidity_code())
    }

    fn parse(contract: &str) -> Result<Self, GeneratorError> {
        let (_, body) = contract
            .split_once(BEGINNING)
            .ok_or(GeneratorError::Missing(BEGINNING))?;
        let (body, _) = body.rsplit_once(END).ok_or(GeneratorError::Missing(END))?;
        let mut statements = statements(body)?;
        if statements.pop().as_deref() != Some(FAILURE) {
            return Err(GeneratorError::Missing(FAILURE));
        }
        let expected = [
            "let f_p := 0x",
            "let f_q := 0x",
            "function validate_ec_point(x, y) -> valid",
        ];
        if statements.len() < expected.len() {
            return Err(GeneratorError::Missing("statements"));
        }
        let rest = statements.split_off(expected.len());
        for (wanted, found) in expected.into_iter().zip(&statements) {
            if !found.starts_with(wanted) {
                return Err(GeneratorError::Missing(wanted));
            }
        }
        rest.iter().try_for_each(|statement| check(statement))?;
        Ok(Self {
            declarations: statements,
            statements: rest,
        })
    }
}

/// The lines outside of any brace, and what stands between braces as one, without comments.
fn statements(body: &str) -> Result<Vec<String>, GeneratorError> {
    let lines = body.lines().map(str::trim);
    let mut statements = Vec::new();
    let mut open = String::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("//")) {
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line);
        if balanced(&open)? {
            statements.push(std::mem::take(&mut open));
        }
    }
    if open.is_empty() {
        Ok(statements)
    } else {
        Err(GeneratorError::Unbalanced(open))
    }
}

/// Whether everything that is opened is closed; it must never be more than that.
fn balanced(text: &str) -> Result<bool, GeneratorError> {
    let count = |character| text.matches(character).count();
    let unclosed = |open, close| {
        count(open)
            .checked_sub(count(close))
            .ok_or_else(|| GeneratorError::Unbalanced(text.into()))
    };
    Ok(unclosed('{', '}')? + unclosed('(', ')')? == 0)
}

/// The names and numbers of a statement.
pub(crate) fn tokens(statement: &str) -> impl Iterator<Item = &str> {
    statement
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|token| !token.is_empty())
}

/// Whether a token is a number.
pub(crate) fn is_number(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_digit())
}

/// A statement may use the known names and the locals of its own braces; locals outside of braces would live on.
fn check(statement: &str) -> Result<(), GeneratorError> {
    let unknown = |name: &str| GeneratorError::Unknown {
        name: name.into(),
        statement: statement.into(),
    };
    if !statement.starts_with('{') && tokens(statement).any(|name| name == "let") {
        return Err(unknown("let"));
    }
    let declared = |name| {
        tokens(statement)
            .zip(tokens(statement).skip(1))
            .any(|pair| pair == ("let", name))
    };
    let strange = tokens(statement).find(|token| !is_number(token) && !KNOWN.contains(token) && !declared(token));
    strange.map_or(Ok(()), |name| Err(unknown(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(statements: &str) -> String {
        format!(
            "contract A {{ {BEGINNING}\nlet f_p := 0x1\nlet f_q := 0x2\nfunction validate_ec_point(x, y) -> valid {{\n}}\n\
             {statements}\n// end\n{FAILURE}\n{END}\n}}"
        )
    }

    #[test]
    fn a_block_is_one_statement() {
        let assembly = Assembly::parse(&framed("mstore(0x80, 1)\n{\nlet x := 1\nmstore(0xa0, x)\n}")).unwrap();
        assert_eq!(
            assembly.statements,
            ["mstore(0x80, 1)", "{\nlet x := 1\nmstore(0xa0, x)\n}"]
        );
        assert_eq!(assembly.declarations.len(), 3);
    }

    #[test]
    fn what_could_live_on_outside_of_memory_is_refused() {
        for statement in [
            "sstore(0, 1)",
            "let x := 1",
            "f_s := 1",
            "mstore(0x80, calldatasize())",
            "{ mstore(0x80, x) }",
        ] {
            let refused = Assembly::parse(&framed(statement));
            assert!(matches!(refused, Err(GeneratorError::Unknown { .. })), "{statement}");
        }
    }

    #[test]
    fn another_frame_is_refused() {
        let good = framed("mstore(0x80, 1)");
        for part in [
            BEGINNING,
            END,
            FAILURE,
            "let f_p := 0x",
            "let f_q := 0x",
            "function validate_ec_point",
        ] {
            let refused = Assembly::parse(&good.replace(part, "pop(1)"));
            assert!(matches!(refused, Err(GeneratorError::Missing(_))), "{part}");
        }
        for statement in ["{", "}", "mstore(0x80, 1))"] {
            let refused = Assembly::parse(&framed(statement));
            assert!(matches!(refused, Err(GeneratorError::Unbalanced(_))), "{statement}");
        }
    }
}
