//! Verifying keys: a circuit as data, and prepared for use.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

use crate::{
    KeyError,
    arithmetic::{Curve, Scalar, Word, powers},
    codec,
    program::{Operation, is_ordered},
};

/// Challenges that equations may use: θ, β, γ, y, x.
pub(crate) const CHALLENGES: usize = 5;
/// Lagrange polynomials that equations may use: of the first row, of the last usable one, and the sum of those behind it.
pub(crate) const LAGRANGE: usize = 3;
/// One value of the column of public inputs.
pub(crate) const PUBLIC: usize = 1;

/// A circuit as verification needs it. Numbers are big-endian words, points `x ‖ y`.
///
/// A proof's words are points, then scalars, then two points. The registers that `operations` begin with are, in order:
/// `constants`; the challenges θ, β, γ, y, x; the Lagrange polynomials at x of the first row, the last usable one and, as a
/// sum, those behind it; the public inputs' polynomial at x; the proof's scalars. The last result is the sum of all
/// equations, weighted by powers of y.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// log₂ of the rows.
    pub log2_rows: u32,
    /// What the transcript begins with: halo2's hash of the circuit.
    pub digest: Word,
    /// Generator of the rows' subgroup.
    pub omega: Word,
    /// Its inverse.
    pub omega_inverse: Word,
    /// Public inputs.
    pub instances: u32,
    /// Rows at the end that are random.
    pub blinding: u32,
    /// Points read before θ, before β and γ, before y and before x. The last are the quotient's pieces.
    pub points: [u32; 4],
    /// Scalars.
    pub evaluations: u32,
    /// Constants of the equations.
    pub constants: Vec<Word>,
    /// The equations.
    pub operations: Vec<Operation>,
    /// What is opened at one and the same set of places.
    pub sets: Vec<OpeningSet>,
    /// Commitments that belong to the circuit; zeros for the point at infinity, which commits to an empty column.
    pub commitments: Vec<[u8; 64]>,
}

/// Polynomials that are opened at the same places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningSet {
    /// The places, as rows from x on.
    pub rotations: Vec<i32>,
    /// The polynomials, in the order of their weights.
    pub openings: Vec<Opening>,
}

/// A polynomial that is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its commitment.
    pub source: Source,
    /// The proof's scalars that are its values, one a place; empty for the quotient, whose value is computed.
    pub evaluations: Vec<u16>,
}

/// Where a commitment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the proof, by number.
    Proof(u16),
    /// In the key, by number.
    Key(u16),
    /// The pieces of the quotient.
    Quotient,
}

/// A key whose numbers and points were read.
#[derive(Debug)]
pub struct PreparedKey<C: Curve> {
    pub(crate) key: VerifyingKey,
    pub(crate) constants: Vec<C::Scalar>,
    /// `None` for the point at infinity.
    pub(crate) commitments: Vec<Option<C::Point>>,
    /// 1 / rows.
    pub(crate) rows_inverse: C::Scalar,
    /// ω⁰, ω¹, … for the public inputs; at least ω⁰.
    pub(crate) first_rows: Vec<C::Scalar>,
    /// ω⁻¹, ω⁻², … for the random rows, and at the end the last usable one.
    pub(crate) last_rows: Vec<C::Scalar>,
    /// ω to each rotation, for each set.
    pub(crate) places: Vec<Vec<C::Scalar>>,
    /// All places of all sets, each once.
    pub(crate) all_places: Vec<C::Scalar>,
}

impl VerifyingKey {
    /// The key as bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`encode`](Self::encode) wrote; any bytes may come.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = codec::decode(bytes)?;
        key.require_closed()?;
        Ok(key)
    }

    /// What the aggregation contract pins: Keccak-256 of the encoded key.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Bytes of a proof.
    pub const fn proof_bytes(&self) -> usize {
        32 * (2 * (self.witness_points() + 2) + self.evaluations as usize)
    }

    pub(crate) const fn witness_points(&self) -> usize {
        let [a, b, c, d] = self.points;
        a as usize + b as usize + c as usize + d as usize
    }

    /// Number of registers that the equations begin with.
    pub(crate) const fn inputs(&self) -> usize {
        self.constants.len() + CHALLENGES + LAGRANGE + PUBLIC + self.evaluations as usize
    }

    /// Whatever is referred to is there, so that verification never looks for it in vain.
    fn require_closed(&self) -> Result<(), KeyError> {
        if self.operations.is_empty() || !is_ordered(&self.operations, self.inputs()) {
            return Err(KeyError::Dangling("register"));
        }
        if self.sets.iter().any(|set| set.rotations.is_empty()) || self.sets.is_empty() {
            return Err(KeyError::Dangling("place"));
        }
        for (set, opening) in self
            .sets
            .iter()
            .flat_map(|set| set.openings.iter().map(move |opening| (set, opening)))
        {
            let values = opening.evaluations.iter();
            if values.clone().any(|value| u32::from(*value) >= self.evaluations) {
                return Err(KeyError::Dangling("value"));
            }
            let (count, needed) = match opening.source {
                Source::Proof(point) if usize::from(point) >= self.witness_points() => {
                    return Err(KeyError::Dangling("commitment of the proof"));
                }
                Source::Key(point) if usize::from(point) >= self.commitments.len() => {
                    return Err(KeyError::Dangling("commitment"));
                }
                Source::Quotient if set.rotations != [0] => return Err(KeyError::Dangling("place of the quotient")),
                Source::Quotient => (values.len(), 0),
                Source::Proof(_) | Source::Key(_) => (values.len(), set.rotations.len()),
            };
            if count != needed {
                return Err(KeyError::Dangling("value"));
            }
        }
        Ok(())
    }
}

impl<C: Curve> PreparedKey<C> {
    /// Reads the numbers and points of a key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(key: VerifyingKey) -> Result<Self, KeyError> {
        key.require_closed()?;
        let scalar = |word: &Word| C::Scalar::from_canonical(word).ok_or(KeyError::NotCanonical);
        let (omega, inverse) = (scalar(&key.omega)?, scalar(&key.omega_inverse)?);
        let one = C::Scalar::from_u32(1);
        let two = C::Scalar::from_u32(2);
        let rows = (0..key.log2_rows).fold(one.clone(), |rows, _| rows.times(&two));
        let first = (key.instances as usize).max(1);
        let last = key.blinding as usize + 2;
        let place = |rotation: &i32| {
            let base = if *rotation < 0 { &inverse } else { &omega };
            (0..rotation.unsigned_abs()).fold(one.clone(), |power, _| power.times(base))
        };
        let places: Vec<Vec<_>> = key
            .sets
            .iter()
            .map(|set| set.rotations.iter().map(place).collect())
            .collect();
        let mut all_places: Vec<C::Scalar> = Vec::new();
        for place in places.iter().flatten() {
            if !all_places.contains(place) {
                all_places.push(place.clone());
            }
        }
        Ok(Self {
            constants: key.constants.iter().map(scalar).collect::<Result<_, _>>()?,
            commitments: key
                .commitments
                .iter()
                .map(|bytes| match C::point(bytes) {
                    None if *bytes != [0; 64] => Err(KeyError::NotCanonical),
                    point => Ok(point),
                })
                .collect::<Result<_, _>>()?,
            rows_inverse: one.over(&rows).ok_or(KeyError::NotCanonical)?,
            first_rows: powers(&omega, first),
            last_rows: powers(&inverse, last).split_off(1),
            places,
            all_places,
            key,
        })
    }

    /// Public inputs of a proof.
    pub const fn instances(&self) -> usize {
        self.key.instances as usize
    }

    /// Bytes of a proof.
    pub const fn proof_bytes(&self) -> usize {
        self.key.proof_bytes()
    }
}
