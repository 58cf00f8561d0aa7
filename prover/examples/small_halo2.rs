//! Makes the fixtures of `bridge/test/Halo2.t.sol`: a circuit of a few rows with the wrapper's instances, its verifier
//! contract by the same generator, and honest proofs of it. The circuit does not constrain its accumulator, so that one
//! proof can carry a false one, which only the contract's pairing can find. Proofs are blinded: each run gives others.
//!
//! ```sh
//! cargo run --release -p cwe-prover --example small_halo2 -- bridge/test/fixtures
//! ```

use std::{error::Error, fs, path::PathBuf};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde_json::json;
use snark_verifier_sdk::{
    BITS, CircuitExt, LIMBS, SHPLONK,
    evm::{gen_evm_proof_shplonk, gen_evm_verifier_sol_code},
    snark_verifier::halo2_base::halo2_proofs::{
        circuit::{Layouter, SimpleFloorPlanner, Value},
        halo2curves::{
            CurveAffine,
            bn256::{Bn256, Fq, Fr, G1Affine},
            ff::PrimeField,
        },
        plonk::{
            Advice, Circuit, Column, ConstraintSystem, Error as CircuitError, Fixed, Instance, keygen_pk, keygen_vk,
        },
        poly::{Rotation, commitment::ParamsProver, kzg::commitment::ParamsKZG},
    },
};

/// Accumulator, program, machine, bytes of the public value.
const INSTANCES: usize = ACCUMULATOR + 2 + 32;
const ACCUMULATOR: usize = 4 * LIMBS;
/// 2^7 rows hold the instances.
const K: u32 = 7;
const SEED: u64 = 7;

/// Squares of the instances.
#[derive(Clone)]
struct Squares(Vec<Fr>);

#[derive(Clone)]
struct Columns {
    value: Column<Advice>,
    square: Column<Advice>,
    gate: Column<Fixed>,
    instance: Column<Instance>,
}

impl CircuitExt<Fr> for Squares {
    fn num_instance(&self) -> Vec<usize> {
        vec![INSTANCES]
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![self.0.clone()]
    }

    fn accumulator_indices() -> Option<Vec<(usize, usize)>> {
        Some((0..ACCUMULATOR).map(|row| (0, row)).collect())
    }
}

impl Circuit<Fr> for Squares {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self(vec![Fr::zero(); INSTANCES])
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Columns {
        let (value, square) = (meta.advice_column(), meta.advice_column());
        let (gate, instance) = (meta.fixed_column(), meta.instance_column());
        meta.enable_equality(value);
        meta.enable_equality(square);
        meta.enable_equality(instance);
        meta.create_gate("square", |meta| {
            let value = meta.query_advice(value, Rotation::cur());
            let square = meta.query_advice(square, Rotation::cur());
            vec![meta.query_fixed(gate, Rotation::cur()) * (value.clone() * value - square)]
        });
        Columns {
            value,
            square,
            gate,
            instance,
        }
    }

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), CircuitError> {
        let cells = layouter.assign_region(
            || "squares",
            |mut region| {
                let mut cells = Vec::with_capacity(self.0.len());
                for (row, value) in self.0.iter().enumerate() {
                    cells.push(region.assign_advice(columns.value, row, Value::known(*value)).cell());
                    region.assign_advice(columns.square, row, Value::known(*value * *value));
                    region.assign_fixed(columns.gate, row, Fr::one());
                }
                Ok(cells)
            },
        )?;
        for (row, cell) in cells.into_iter().enumerate() {
            layouter.constrain_instance(cell, columns.instance, row);
        }
        Ok(())
    }
}

/// Limbs of a coordinate, low limb first.
fn limbs(coordinate: Fq) -> impl Iterator<Item = Fr> {
    const LIMB: usize = BITS / 8;
    let bytes = coordinate.to_repr();
    (0..LIMBS).map(move |limb| {
        let mut padded = [0; 32];
        for (to, from) in padded
            .iter_mut()
            .zip(bytes.as_ref().iter().skip(limb * LIMB).take(LIMB))
        {
            *to = *from;
        }
        Fr::from_bytes(&padded).unwrap_or_else(Fr::zero)
    })
}

fn accumulator(points: [G1Affine; 2]) -> Vec<Fr> {
    points
        .iter()
        .filter_map(|point| Option::from(point.coordinates()))
        .flat_map(|coordinates: halo2_axiom::halo2curves::Coordinates<G1Affine>| {
            limbs(*coordinates.x()).chain(limbs(*coordinates.y()))
        })
        .collect()
}

fn word(scalar: &Fr) -> String {
    let mut bytes = scalar.to_bytes();
    bytes.reverse();
    hex::encode(bytes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: small_halo2 FOLDER")?);
    let params = ParamsKZG::<Bn256>::setup(K, ChaCha20Rng::seed_from_u64(SEED));
    let dummy = Squares(vec![Fr::zero(); INSTANCES]);
    let key = keygen_pk(&params, keygen_vk(&params, &dummy)?, &dummy)?;
    let source = gen_evm_verifier_sol_code::<Squares, SHPLONK>(&params, key.get_vk(), vec![INSTANCES])
        .replace("pragma solidity 0.8.19;", "pragma solidity ^0.8.19;")
        .replace("contract Halo2Verifier", "contract SmallHalo2Verifier");
    fs::write(folder.join("SmallHalo2Verifier.sol"), source)?;

    let (exe, machine) = (Fr::from(123_456_789), Fr::from(987_654_321) * Fr::from(1 << 60));
    let public: Vec<u8> = (0..32).map(|byte: u8| byte * 7 + 3).collect();
    let bytes: Vec<Fr> = public.iter().map(|byte| Fr::from(u64::from(*byte))).collect();
    let prove = |points: [G1Affine; 2]| {
        let accumulator = accumulator(points);
        let head: String = accumulator.iter().map(word).collect();
        let instances = [accumulator, vec![exe, machine], bytes.clone()].concat();
        let proof = gen_evm_proof_shplonk(&params, &key, Squares(instances.clone()), vec![instances]);
        format!("0x{head}{}", hex::encode(proof))
    };
    // e([τ^n]₁, [1]₂) = e([τ^(n-1)]₁, [τ]₂).
    let powers = params.get_g();
    let [one, tau, square] = [powers[0], powers[1], powers[2]];
    let fixtures = json!({
        "publicValue": format!("0x{}", hex::encode(&public)),
        "exe": format!("0x{}", word(&exe)),
        "vm": format!("0x{}", word(&machine)),
        "commitments": 8,
        "evaluations": 15,
        "valid": prove([tau, one]),
        "validOtherAccumulator": prove([square, tau]),
        "falseAccumulator": prove([tau, tau]),
    });
    fs::write(
        folder.join("small-proofs.json"),
        serde_json::to_string_pretty(&fixtures)? + "\n",
    )?;
    Ok(())
}
