//! The proofs that the repository keeps, and everything that must not pass for one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf};

use cwe_prover::stages::{
    StageError,
    files::{self, StageFile},
    keys::KeyStore,
    verify::{self, FinalProof},
};
use cwe_srs::{Setup, SrsStore};
use openvm_verify_stark_host::{VmStarkProof, vk::VmStarkVerifyingKey};
use serde::Deserialize;

/// `state-transition.proof.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    public_value: String,
    exe: String,
    vm: String,
    proof: String,
    srs: String,
}

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proof").join(name)
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex.strip_prefix("0x").unwrap()).unwrap()
}

fn word(hex: &str) -> [u8; 32] {
    bytes(hex).try_into().unwrap()
}

struct Fixture {
    kept: Kept,
    keys: KeyStore,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for key in ["stark-verifier.key", "wrapper-verifier.key"] {
            fs::copy(kept(key), folder.path().join(key)).unwrap();
        }
        let srs = SrsStore::in_folder(Setup::default(), folder.path().join("srs"));
        Self {
            kept: serde_json::from_slice(&fs::read(kept("state-transition.proof.json")).unwrap()).unwrap(),
            keys: KeyStore::open(folder.path().into(), srs).unwrap(),
            _folder: folder,
        }
    }

    fn proof(&self) -> FinalProof {
        FinalProof {
            exe: word(&self.kept.exe),
            vm: word(&self.kept.vm),
            public_value: word(&self.kept.public_value),
            bytes: bytes(&self.kept.proof),
        }
    }

    fn stark_key(&self, exe: [u8; 32]) -> VmStarkVerifyingKey {
        self.keys.stark_verifier().unwrap().for_guest(exe).unwrap()
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StageError>, what: &str) {
    assert_eq!(result.expect_err(what).exit_code(), 2, "{what}");
}

#[test]
fn the_kept_stark_shows_the_kept_value_and_nothing_else_does() {
    let fixture = Fixture::new();
    let exe = word(&fixture.kept.exe);
    let key = fixture.stark_key(exe);
    let path = kept("state-transition.stark");
    let proof: VmStarkProof = files::read(&path).unwrap();
    assert_eq!(verify::stark(&key, &proof).unwrap(), word(&fixture.kept.public_value));

    let mut other = exe;
    other[31] ^= 1;
    refused(verify::stark(&fixture.stark_key(other), &proof), "another program");

    let mut wrong = proof.clone();
    wrong.user_pvs_proof.public_values.swap(0, 1);
    refused(verify::stark(&key, &wrong), "another public value");
    wrong.user_pvs_proof.public_values.pop();
    refused(verify::stark(&key, &wrong), "a shorter public value");
    wrong.user_pvs_proof.public_values.clear();
    refused(verify::stark(&key, &wrong), "no public value");

    let mut wrong = proof.clone();
    wrong.inner.public_values.clear();
    refused(verify::stark(&key, &wrong), "no public values of circuits");

    let encoded = proof.encode().unwrap();
    for position in (0..encoded.len()).step_by(encoded.len() / 64) {
        let mut wrong = encoded.clone();
        wrong[position] ^= 1;
        let accepted = VmStarkProof::decode(&wrong).is_ok_and(|proof| verify::stark(&key, &proof).is_ok());
        assert!(!accepted, "byte {position} of {}", encoded.len());
    }
    assert!(VmStarkProof::decode(&encoded[..encoded.len() / 2]).is_err());
    assert!(VmStarkProof::decode(&[encoded.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn the_kept_final_proof_is_valid_and_no_word_of_it_can_be_changed() {
    let fixture = Fixture::new();
    let protocol = fixture.keys.wrapper_protocol().unwrap();
    let check = |proof: &FinalProof| verify::final_proof(&protocol, fixture.keys.srs(), proof);
    let proof = fixture.proof();
    assert_eq!(fixture.kept.srs, fixture.keys.srs().setup().name());
    check(&proof).unwrap();

    for word in 0..proof.bytes.len() / 32 {
        for change in [0x01, 0xff] {
            let mut wrong = proof.clone();
            wrong.bytes[word * 32 + 31] ^= change;
            refused(check(&wrong), &format!("word {word}"));
        }
        let mut wrong = proof.clone();
        wrong.bytes[word * 32..][..32].fill(0xff);
        refused(check(&wrong), &format!("word {word} above the modulus"));
        wrong.bytes[word * 32..][..32].fill(0);
        refused(check(&wrong), &format!("word {word} zero"));
    }
    for (name, change) in [
        ("program", (|proof| proof.exe[31] ^= 1) as fn(&mut FinalProof)),
        ("machine", |proof| proof.vm[31] ^= 1),
        ("public value", |proof| proof.public_value[0] ^= 1),
        ("truncated", |proof| proof.bytes.truncate(proof.bytes.len() - 1)),
        ("one word short", |proof| proof.bytes.truncate(proof.bytes.len() - 32)),
        ("extended", |proof| proof.bytes.push(0)),
        ("extended by a word", |proof| proof.bytes.extend([0; 32])),
        ("empty", |proof| proof.bytes.clear()),
    ] {
        let mut wrong = proof.clone();
        change(&mut wrong);
        refused(check(&wrong), name);
    }
}
