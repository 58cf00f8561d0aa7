//! Verifying keys for verifiers that know neither circuits nor halo2: `cwe_halo2_verifier`'s.

mod equations;
mod openings;

use cwe_halo2_verifier::{VerifyingKey as PortableKey, Word};
use halo2_proofs::{
    halo2curves::{
        CurveAffine,
        bn256::{Fr, G1Affine, G2Affine},
        ff::PrimeField,
    },
    plonk::{ConstraintSystem, VerifyingKey},
    poly::Rotation,
};

use crate::{CircuitVerifyingKey, PortableKeyError, Srs};

impl CircuitVerifyingKey {
    /// The same key, of a circuit with so many public inputs, for a verifier that knows no circuit.
    ///
    /// # Errors
    /// [`PortableKeyError`]: the circuit has what neither of ours has.
    pub fn portable(&self, public_inputs: usize) -> Result<PortableKey, PortableKeyError> {
        let key = &self.key;
        let shape = Shape::of(key, public_inputs)?;
        let (constants, operations) = equations::compile(key, &shape)?;
        let points = |points: &[G1Affine]| points.iter().map(point_bytes).collect::<Vec<_>>();
        let mut commitments = points(key.fixed_commitments());
        commitments.extend(points(key.permutation().commitments()));
        let domain = key.get_domain();
        Ok(PortableKey {
            log2_rows: domain.k(),
            digest: word(&key.transcript_repr()),
            omega: word(&domain.get_omega()),
            omega_inverse: word(&domain.get_omega_inv()),
            instances: narrow(shape.instances)?,
            blinding: narrow(key.cs().blinding_factors())?,
            points: [
                narrow(shape.advice)?,
                narrow(2 * shape.lookups)?,
                narrow(shape.products() + 1)?,
                narrow(shape.pieces)?,
            ],
            evaluations: narrow(shape.evaluations(key.cs()))?,
            constants,
            operations,
            sets: openings::sets(key.cs(), &shape)?,
            commitments,
        })
    }
}

/// `[s]₂` of a reference string, as the EVM's pairing precompile takes it.
pub fn g2_words(srs: &Srs) -> [Word; 4] {
    let point: G2Affine = srs.s_g2();
    let [x, y] = [point.x, point.y];
    [x.c1, x.c0, y.c1, y.c0].map(|coordinate| big_endian(coordinate.to_repr()))
}

/// Sizes of a circuit's parts.
pub(crate) struct Shape {
    instances: usize,
    advice: usize,
    lookups: usize,
    /// Columns that share a product of the permutation.
    chunk: usize,
    /// Products of the permutation.
    chunks: usize,
    /// Pieces of the quotient.
    pieces: usize,
    /// The last usable row, from the first one on.
    last: Rotation,
}

impl Shape {
    fn of(key: &VerifyingKey<G1Affine>, instances: usize) -> Result<Self, PortableKeyError> {
        let cs = key.cs();
        let queries_public = cs
            .instance_queries()
            .iter()
            .any(|(_, rotation)| *rotation != Rotation::cur());
        if cs.num_instance_columns() != 1 || cs.instance_queries().len() != 1 || queries_public {
            return Err(PortableKeyError::PublicInputs);
        }
        if cs.num_challenges() != 0 {
            return Err(PortableKeyError::Phases);
        }
        let (degree, blinding) = (cs.degree(), cs.blinding_factors());
        let chunk = degree - 2;
        Ok(Self {
            instances,
            advice: cs.num_advice_columns(),
            lookups: cs.lookups().len(),
            chunk,
            chunks: cs.permutation().get_columns().len().div_ceil(chunk),
            pieces: degree - 1,
            last: Rotation(-(i32::try_from(blinding).map_err(|_| PortableKeyError::TooLarge)? + 1)),
        })
    }

    /// Points between γ and y, but for the random one.
    const fn products(&self) -> usize {
        self.chunks + self.lookups
    }

    /// Scalars of a proof.
    fn evaluations(&self, cs: &ConstraintSystem<Fr>) -> usize {
        let columns = cs.permutation().get_columns().len();
        let products = 3 * self.chunks - usize::from(self.chunks > 0);
        cs.advice_queries().len() + cs.fixed_queries().len() + 1 + columns + products + 5 * self.lookups
    }
}

fn narrow<N: TryFrom<usize>>(number: usize) -> Result<N, PortableKeyError> {
    N::try_from(number).map_err(|_| PortableKeyError::TooLarge)
}

fn big_endian(mut bytes: Word) -> Word {
    bytes.reverse();
    bytes
}

fn word(scalar: &Fr) -> Word {
    big_endian(scalar.to_repr())
}

/// `x ‖ y`, zeros for the point at infinity, which is the commitment to an empty column.
fn point_bytes(point: &G1Affine) -> [u8; 64] {
    let mut bytes = [0; 64];
    if let Some(coordinates) = Option::from(point.coordinates()) {
        let coordinates: halo2_proofs::halo2curves::Coordinates<G1Affine> = coordinates;
        bytes[..32].copy_from_slice(&big_endian(coordinates.x().to_repr()));
        bytes[32..].copy_from_slice(&big_endian(coordinates.y().to_repr()));
    }
    bytes
}
