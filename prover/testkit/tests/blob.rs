//! The evaluation of blobs against the library that L1's point-evaluation precompile is checked with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::eips::eip4844::{AsCkzg, Blob, env_settings::EnvKzgSettings};
use alloy_primitives::{B256, keccak256};
use cwe_primitives::blob;
use cwe_statement::{NativeScalar, open_blobs};

#[test]
fn openings_are_those_that_the_precompile_checks() {
    let data: Vec<u8> = (0..5_000u32)
        .flat_map(|number| keccak256(number.to_be_bytes()).0)
        .collect();
    let blobs = blob::pack(&data).unwrap();
    assert_eq!(blobs.len(), 2);
    let hashes: Vec<_> = (0..2).map(B256::repeat_byte).collect();
    let openings = open_blobs::<NativeScalar>(&hashes, &data).unwrap();
    let settings = EnvKzgSettings::Default.get();
    for (blob, opening) in blobs.iter().zip(openings) {
        let blob = Blob::try_from(blob.as_slice()).unwrap();
        let z = opening.z.0.into();
        let (_, y) = settings.compute_kzg_proof(blob.as_ckzg(), &z).unwrap();
        assert_eq!(opening.y.as_slice(), y.as_slice());
    }
}
