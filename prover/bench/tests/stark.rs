//! A real STARK of the smallest batch, and everything that must not pass for one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cwe_prover::{
    Machine, STATE_TRANSITION_ELF,
    stages::{
        Profile, Progress, Stage, StageError,
        files::StageFile,
        keys::KeyStore,
        segments::{self, SegmentProofs},
    },
};
use cwe_prover_testkit::{Chain, Location, SealedBatch, Senders, erc20_transfers};
use cwe_srs::{Setup, SrsStore};

fn batch() -> SealedBatch {
    let senders = Senders::new(1).unwrap();
    let mut chain = Chain::new(1337, &senders, 1).unwrap();
    let block = erc20_transfers(&chain, &senders, 1);
    chain.seal(vec![vec![block]], Location::Calldata).unwrap()
}

fn prove(keys: &KeyStore, input: &[u8]) -> Result<SegmentProofs, StageError> {
    let program = Machine::new().unwrap().load(STATE_TRANSITION_ELF).unwrap();
    let mut progress = Progress::new(Stage::Segments, std::io::sink());
    segments::prove(keys, Profile::LowMemory, &program, input, &mut progress)
}

/// One test, because one proof serves it all.
#[test]
#[ignore = "takes six minutes: make test-full runs it"]
fn a_stark_shows_the_statement_and_no_other_value_proof_or_program() {
    let folder = tempfile::tempdir().unwrap();
    let srs = SrsStore::in_folder(Setup::default(), folder.path().join("srs"));
    let keys = KeyStore::open(folder.path().join("keys"), srs).unwrap();
    let exe = keys.commitments().exe("state-transition").unwrap();

    let refused = prove(&keys, b"no input").err().unwrap();
    assert_eq!(refused.exit_code(), 2, "{refused}");

    let batch = batch();
    let proofs = prove(&keys, &batch.input.encode()).unwrap();
    assert_eq!(
        segments::check(&keys, exe, &proofs).unwrap(),
        batch.statement.public_value().0
    );

    let check = |proofs: &SegmentProofs, exe| segments::check(&keys, exe, proofs);
    let mut other_program = exe;
    other_program[31] ^= 1;
    assert_eq!(check(&proofs, other_program).unwrap_err().exit_code(), 2);

    for byte in [0, 31] {
        let mut wrong = proofs.clone();
        let values = &mut wrong.user_public_values.public_values;
        values[byte] = values[(byte + 1) % 32];
        if values[byte] != proofs.user_public_values.public_values[byte] {
            assert_eq!(check(&wrong, exe).unwrap_err().exit_code(), 2);
        }
    }

    let mut missing = proofs.clone();
    missing.per_segment.pop();
    assert!(missing.per_segment.is_empty() || check(&missing, exe).is_err());

    let encoded = proofs.encode().unwrap();
    for position in (0..encoded.len())
        .step_by(encoded.len() / 16)
        .chain([encoded.len() - 1])
    {
        let mut wrong = encoded.clone();
        wrong[position] ^= 1;
        let accepted = SegmentProofs::decode(&wrong).is_ok_and(|proofs| check(&proofs, exe).is_ok());
        assert!(!accepted, "byte {position} of {}", encoded.len());
    }
    assert!(SegmentProofs::decode(&encoded[..encoded.len() - 1]).is_err());
}
