//! Verifying keys as bytes: little-endian words of 4 bytes, and numbers and points as they are.

use alloc::vec::Vec;

use crate::{
    KeyError,
    key::{Opening, OpeningSet, Source, VerifyingKey},
    program::{Operation, Operator},
};

/// Begins every key.
const MAGIC: &[u8; 8] = b"cwe-vk 1";
/// No list is longer.
const MAX_PARTS: u32 = 1 << 14;
/// No circuit has more rows, rotations, public inputs or points.
const MAX_SIZE: u32 = 1 << 12;

pub(crate) fn encode(key: &VerifyingKey) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    for word in [&key.digest, &key.omega, &key.omega_inverse] {
        out.extend_from_slice(word);
    }
    let [a, b, c, d] = key.points;
    for size in [key.log2_rows, key.instances, key.blinding, a, b, c, d, key.evaluations] {
        put(&mut out, size);
    }
    put_length(&mut out, key.constants.len());
    out.extend_from_slice(key.constants.as_flattened());
    put_length(&mut out, key.operations.len());
    for operation in &key.operations {
        put(&mut out, operator_number(operation.operator));
        put(&mut out, u32::from(operation.left) << 16 | u32::from(operation.right));
    }
    put_length(&mut out, key.sets.len());
    for set in &key.sets {
        put_length(&mut out, set.rotations.len());
        for rotation in &set.rotations {
            out.extend_from_slice(&rotation.to_le_bytes());
        }
        put_length(&mut out, set.openings.len());
        for opening in &set.openings {
            let (kind, number) = match opening.source {
                Source::Proof(number) => (0, number),
                Source::Key(number) => (1, number),
                Source::Quotient => (2, 0),
            };
            put(&mut out, kind << 16 | u32::from(number));
            put_length(&mut out, opening.evaluations.len());
            for value in &opening.evaluations {
                put(&mut out, u32::from(*value));
            }
        }
    }
    put_length(&mut out, key.commitments.len());
    out.extend_from_slice(key.commitments.as_flattened());
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(KeyError::Version)?;
    let mut reader = Reader(rest);
    let (digest, omega, omega_inverse) = (reader.array()?, reader.array()?, reader.array()?);
    let log2_rows = reader.size(28)?;
    let instances = reader.size(MAX_SIZE)?;
    let blinding = reader.size(MAX_SIZE)?;
    let mut points = [0; 4];
    for count in &mut points {
        *count = reader.size(MAX_SIZE)?;
    }
    let key = VerifyingKey {
        log2_rows,
        digest,
        omega,
        omega_inverse,
        instances,
        blinding,
        points,
        evaluations: reader.size(MAX_SIZE)?,
        constants: reader.list(Reader::array)?,
        operations: reader.list(Reader::operation)?,
        sets: reader.list(Reader::set)?,
        commitments: reader.list(Reader::array)?,
    };
    if reader.0.is_empty() {
        Ok(key)
    } else {
        Err(KeyError::Length)
    }
}

const fn operator_number(operator: Operator) -> u32 {
    match operator {
        Operator::Add => 0,
        Operator::Subtract => 1,
        Operator::Multiply => 2,
    }
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_le_bytes());
}

/// Lists that are too long to be read again are cut off by the reader's limit, not here.
fn put_length(out: &mut Vec<u8>, length: usize) {
    put(out, u32::try_from(length).unwrap_or(u32::MAX));
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(KeyError::Length)?;
        self.0 = rest;
        Ok(*array)
    }

    fn word(&mut self) -> Result<u32, KeyError> {
        self.array().map(u32::from_le_bytes)
    }

    fn size(&mut self, limit: u32) -> Result<u32, KeyError> {
        let size = self.word()?;
        if size > limit {
            Err(KeyError::TooLong(size))
        } else {
            Ok(size)
        }
    }

    fn list<T>(&mut self, part: impl Fn(&mut Self) -> Result<T, KeyError>) -> Result<Vec<T>, KeyError> {
        let length = self.size(MAX_PARTS)?;
        (0..length).map(|_| part(self)).collect()
    }

    fn half(word: u32) -> Result<u16, KeyError> {
        u16::try_from(word).map_err(|_| KeyError::TooLong(word))
    }

    fn operation(&mut self) -> Result<Operation, KeyError> {
        let operator = match self.word()? {
            0 => Operator::Add,
            1 => Operator::Subtract,
            2 => Operator::Multiply,
            _ => return Err(KeyError::Dangling("kind of operation")),
        };
        let registers = self.word()?;
        Ok(Operation {
            operator,
            left: Self::half(registers >> 16)?,
            right: Self::half(registers & 0xffff)?,
        })
    }

    fn set(&mut self) -> Result<OpeningSet, KeyError> {
        let rotation = |reader: &mut Self| {
            let rotation = reader.array().map(i32::from_le_bytes)?;
            let distance = rotation.unsigned_abs();
            if distance > MAX_SIZE {
                Err(KeyError::TooLong(distance))
            } else {
                Ok(rotation)
            }
        };
        Ok(OpeningSet {
            rotations: self.list(rotation)?,
            openings: self.list(Self::opening)?,
        })
    }

    fn opening(&mut self) -> Result<Opening, KeyError> {
        let source = self.word()?;
        let number = Self::half(source & 0xffff)?;
        let source = match source >> 16 {
            0 => Source::Proof(number),
            1 => Source::Key(number),
            2 if number == 0 => Source::Quotient,
            _ => return Err(KeyError::Dangling("kind of commitment")),
        };
        let value = |reader: &mut Self| reader.word().and_then(Self::half);
        Ok(Opening {
            source,
            evaluations: self.list(value)?,
        })
    }
}
