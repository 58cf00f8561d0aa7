//! Parameters from a secret that is known.
//!
//! All points are multiples of one, so a table of its multiples turns a multiplication into 32 additions: ten times as
//! fast as halo2's own set-up, with the same result.

use halo2_proofs::{
    arithmetic::parallelize,
    halo2curves::{
        bn256::{Bn256, Fr, G1, G1Affine, G2Affine},
        ff::{BatchInvert, Field, PrimeField},
        group::{Curve, Group, prime::PrimeCurveAffine},
    },
    poly::kzg::commitment::ParamsKZG,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::Params;

/// Parameters of 2^`k` points whose secret is the first field element that the seed gives.
pub(crate) fn setup(k: u32, seed: [u8; 32]) -> Params {
    let secret = Fr::random(ChaCha20Rng::from_seed(seed));
    let table = Table::new();
    let size = 1_usize << k;
    let powers = table.points(size, |scalars, start| {
        let mut power = secret.pow_vartime([start as u64]);
        for scalar in scalars {
            *scalar = power;
            power *= secret;
        }
    });
    let lagrange = table.points(size, |scalars, start| lagrange(scalars, start, k, secret));
    let g2 = G2Affine::generator();
    // The trait's constructor is a method of some parameters; these are the smallest.
    let any = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::from_seed(seed));
    any.from_parts(k, powers, Some(lagrange), g2, (g2 * secret).into())
}

/// The Lagrange polynomials of the 2^`k`-th roots of unity, from the one with number `start` on, at the secret.
fn lagrange(scalars: &mut [Fr], start: usize, k: u32, secret: Fr) {
    let root = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
    let size = Fr::from(1 << k);
    let vanishing = secret.pow_vartime([1_u64 << k]) - Fr::ONE;
    let first = root.pow_vartime([start as u64]);
    let mut point = first;
    for scalar in scalars.iter_mut() {
        *scalar = (secret - point) * size;
        point *= root;
    }
    scalars.iter_mut().batch_invert();
    let mut factor = vanishing * first;
    for scalar in scalars {
        *scalar *= factor;
        factor *= root;
    }
}

/// Multiples of the generator: of every power of 256 the first 255.
struct Table(Vec<[G1Affine; 255]>);

impl Table {
    fn new() -> Self {
        let mut base = G1::generator();
        let row = |_| {
            let mut multiples = [G1::identity(); 255];
            let mut multiple = G1::identity();
            for slot in &mut multiples {
                multiple += base;
                *slot = multiple;
            }
            base += multiple;
            let mut row = [G1Affine::identity(); 255];
            G1::batch_normalize(&multiples, &mut row);
            row
        };
        Self((0..size_of::<Fr>()).map(row).collect())
    }

    fn multiply(&self, scalar: &Fr) -> G1 {
        let bytes = scalar.to_repr();
        let mut sum = G1::identity();
        for (row, byte) in self.0.iter().zip(bytes.as_ref()) {
            if let Some(multiple) = usize::from(*byte).checked_sub(1).and_then(|index| row.get(index)) {
                sum += multiple;
            }
        }
        sum
    }

    /// Multiples of the generator by the scalars that `fill` writes, given the number of the first one.
    fn points(&self, size: usize, fill: impl Fn(&mut [Fr], usize) + Send + Sync + Clone) -> Vec<G1Affine> {
        /// Points that are normalized together.
        const CHUNK: usize = 1 << 12;

        let mut points = vec![G1Affine::identity(); size];
        parallelize(&mut points, |points, start| {
            for (number, chunk) in points.chunks_mut(CHUNK).enumerate() {
                let mut scalars = vec![Fr::ZERO; chunk.len()];
                fill(&mut scalars, start + number * CHUNK);
                let multiples: Vec<G1> = scalars.iter().map(|scalar| self.multiply(scalar)).collect();
                G1::batch_normalize(&multiples, chunk);
            }
        });
        points
    }
}

#[cfg(test)]
mod tests {
    use halo2_proofs::SerdeFormat;

    use super::*;

    fn bytes(params: &Params) -> Vec<u8> {
        let mut bytes = Vec::new();
        params.write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
        bytes
    }

    #[test]
    fn the_parameters_are_those_of_halo2s_own_setup() {
        for k in [1, 2, 5, 13] {
            let theirs = Params::setup(k, ChaCha20Rng::from_seed([7; 32]));
            assert!(bytes(&setup(k, [7; 32])) == bytes(&theirs), "{k}");
        }
    }
}
