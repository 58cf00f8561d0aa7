//! What snark-verifier writes, taken apart into statements that are known to be cuttable.

use std::rc::Rc;

use cwe_usage_circuits::CircuitVerifyingKey;
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
/// What calls precompiles.
pub(crate) const STATICCALL: &str = "staticcall";

/// Bytes of a word.
const WORD: usize = 32;
/// More memory than that no contract could pay for.
const MOST_MEMORY: usize = 1 << 24;

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
    STATICCALL,
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
    /// Of the verifier of these keys' proofs, with so many public inputs.
    pub(crate) fn generate(keys: &CircuitVerifyingKey, inputs: usize) -> Result<Self, GeneratorError> {
        let inputs = vec![inputs];
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

/// Bytes of memory that a statement makes sure are there, and bytes of calldata that it reads, all from 0 on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) memory: usize,
    pub(crate) calldata: usize,
}

impl Extent {
    /// Of all these statements.
    pub(crate) fn of(statements: &[String]) -> Result<Self, GeneratorError> {
        statements.iter().try_fold(Self::default(), |extent, statement| {
            let Self { memory, calldata } = Self::of_one(statement)?;
            Ok(Self {
                memory: extent.memory.max(memory),
                calldata: extent.calldata.max(calldata),
            })
        })
    }

    fn of_one(statement: &str) -> Result<Self, GeneratorError> {
        let range = |from: &str, bytes: usize| Ok::<_, GeneratorError>(literal(from, statement)? + bytes);
        let ranges = |from: &str, bytes: &str| range(from, literal(bytes, statement)?);
        let mut extent = Self::default();
        for (call, arguments) in calls(statement) {
            let memory = match (call, arguments.as_slice()) {
                ("mload", [from]) | ("mstore", [from, _]) => range(from, WORD)?,
                ("mstore8", [from, _]) => range(from, 1)?,
                ("keccak256", [from, bytes]) => ranges(from, bytes)?,
                (STATICCALL, [_, _, input, input_bytes, output, output_bytes]) => {
                    ranges(input, input_bytes)?.max(ranges(output, output_bytes)?)
                }
                (READS_CALLDATA, [from]) => {
                    extent.calldata = extent.calldata.max(range(from, WORD)?);
                    0
                }
                _ => 0,
            };
            // Memory grows by words.
            extent.memory = extent.memory.max(memory.next_multiple_of(WORD));
        }
        Ok(extent)
    }
}

/// Every call of a statement with its arguments, also those within others.
fn calls(statement: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    statement.match_indices('(').map(|(open, _)| {
        let (before, after) = (&statement[..open], &statement[open + 1..]);
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        (&before[before.trim_end_matches(is_name).len()..], arguments(after))
    })
}

/// What stands between the commas up to the parenthesis that closes.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut arguments) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
                if character == ')' {
                    break;
                }
            }
            _ => {}
        }
    }
    arguments
}

/// A place in memory must be a number: then what is touched doesn't depend on values.
fn literal(number: &str, statement: &str) -> Result<usize, GeneratorError> {
    let parsed = match number.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16),
        None => number.parse(),
    };
    parsed
        .ok()
        .filter(|number| *number < MOST_MEMORY)
        .ok_or_else(|| GeneratorError::Unknown {
            name: number.into(),
            statement: statement.into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(statement: &str) -> Result<(usize, usize), GeneratorError> {
        Extent::of(&[statement.to_owned()]).map(|extent| (extent.memory, extent.calldata))
    }

    #[test]
    fn memory_ends_with_the_last_word_that_is_touched() {
        let cases = [
            ("mstore(0x80, addmod(mload(0x1a0), 7, f_q))", (0x1c0, 0)),
            ("mstore8(2912, 1)", (2944, 0)),
            ("mstore(0xa20, keccak256(0x80, 2464))", (0xa40, 0)),
            ("mstore(0x20, keccak256(0x80, 33))", (0xc0, 0)),
            (
                "success := and(eq(staticcall(gas(), 0x6, 0x100, 0x80, 0x100, 0x40), 1), success)",
                (0x180, 0),
            ),
            (
                "{\nlet x := mload(0x40)\nmstore(96, mod(calldataload(0x20), f_q))\n}",
                (0x80, 0x40),
            ),
        ];
        for (statement, expected) in cases {
            assert_eq!(extent(statement).unwrap(), expected, "{statement}");
        }
    }

    #[test]
    fn memory_at_a_place_that_is_computed_is_refused() {
        for statement in ["mstore(mload(0x40), 1)", "mstore(x, 1)", "mstore(0xffffffffffff, 1)"] {
            assert!(
                matches!(extent(statement), Err(GeneratorError::Unknown { .. })),
                "{statement}"
            );
        }
    }

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
