//! Parameters from both kinds of setup, and what hostile or damaged files do.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use cwe_srs::{Checksum, Params, Setup, SrsError, SrsStore};
use halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine},
        ff::Field,
        pairing::Engine,
    },
    poly::{
        EvaluationDomain,
        commitment::{Blind, Params as _, ParamsProver},
    },
};
use sha2::{Digest, Sha256};

/// Made by snarkjs 0.7.5: `powersoftau new bn128 4`, one contribution, a beacon, `prepare phase2`.
const CEREMONY: &[u8] = include_bytes!("data/powers_of_tau_4.ptau");
/// Where the sections of that file begin, after their 12-byte heads.
const G1_START: usize = 12 + 12 + 44 + 12;

fn checksum(bytes: &[u8]) -> Checksum {
    Checksum(Sha256::digest(bytes).into())
}

fn store(folder: &Path, ceremony: &[u8]) -> SrsStore {
    let file = folder.join("ceremony.ptau");
    fs::write(&file, ceremony).unwrap();
    let checksum = checksum(ceremony);
    SrsStore::in_folder(Setup::PowersOfTau { file, checksum }, folder.join("cache"))
}

fn refusal(ceremony: &[u8]) -> SrsError {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), ceremony).params(4).unwrap_err()
}

fn equal(a: &Params, b: &Params) -> bool {
    a.get_g() == b.get_g() && (a.g2(), a.s_g2()) == (b.g2(), b.s_g2())
}

/// A commitment by values and one by coefficients are the same point, and openings hold.
fn assert_usable(params: &Params) {
    let domain = EvaluationDomain::new(1, params.k());
    let mut values = domain.empty_lagrange();
    for (index, value) in values.iter_mut().enumerate() {
        *value = Fr::from(7 * index as u64 + 3);
    }
    let coefficients = domain.lagrange_to_coeff(values.clone());
    let blind = Blind(Fr::ONE);
    assert_eq!(
        params.commit(&coefficients, blind),
        params.commit_lagrange(&values, blind)
    );
    let [first, second]: [G1Affine; 2] = [params.get_g()[0], params.get_g()[1]];
    assert_eq!(
        Bn256::pairing(&second, &params.g2()),
        Bn256::pairing(&first, &params.s_g2())
    );
    assert_ne!(first, second);
}

#[test]
fn a_ceremony_file_of_snarkjs_gives_usable_parameters_up_to_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), CEREMONY);
    let params = store.params(4).unwrap();
    assert_usable(&params);
    let smaller = store.params(3).unwrap();
    assert_usable(&smaller);
    assert_eq!(smaller.get_g(), &params.get_g()[..8]);
    assert!(matches!(
        store.params(5),
        Err(SrsError::TooSmall {
            found: 4,
            wanted: 5,
            ..
        })
    ));
}

#[test]
fn a_file_with_another_checksum_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ceremony.ptau");
    fs::write(&file, CEREMONY).unwrap();
    let checksum = checksum(b"another file");
    let store = SrsStore::in_folder(Setup::PowersOfTau { file, checksum }, folder.path().join("cache"));
    assert!(matches!(store.params(4), Err(SrsError::WrongChecksum { .. })));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::PowersOfTau {
        file: PathBuf::from("/nowhere/ceremony.ptau"),
        checksum: Checksum([0; 32]),
    };
    let error = SrsStore::in_folder(setup, folder.path().into()).params(4).unwrap_err();
    assert!(error.to_string().contains("/nowhere/ceremony.ptau"), "{error}");
}

#[test]
fn powers_that_do_not_belong_together_are_refused() {
    let swap = |a: usize, b: usize| {
        let mut file = CEREMONY.to_vec();
        for byte in 0..64 {
            file.swap(G1_START + 64 * a + byte, G1_START + 64 * b + byte);
        }
        file
    };
    assert!(refusal(&swap(2, 3)).to_string().contains("not of one secret"));
    assert!(refusal(&swap(14, 15)).to_string().contains("not of one secret"));
    assert!(refusal(&swap(0, 1)).to_string().contains("generators"));
}

#[test]
fn a_point_off_the_curve_or_a_coordinate_above_the_modulus_is_refused() {
    let mut off = CEREMONY.to_vec();
    off[G1_START + 64] ^= 1;
    assert!(refusal(&off).to_string().contains("not on the curve"));
    let mut aliased = CEREMONY.to_vec();
    aliased[G1_START + 64..G1_START + 96].fill(0xff);
    assert!(refusal(&aliased).to_string().contains("not on the curve"));
    let mut identity = CEREMONY.to_vec();
    identity[G1_START + 64..G1_START + 128].fill(0);
    assert!(refusal(&identity).to_string().contains("not on the curve"));
}

#[test]
fn no_cut_or_changed_head_is_accepted_and_none_panics() {
    for length in (0..G1_START + 200).step_by(7).chain([CEREMONY.len() / 4]) {
        let error = refusal(&CEREMONY[..length]);
        assert!(matches!(error, SrsError::PowersOfTau { .. }), "{length}: {error}");
    }
    // Bytes 60 to 68 are the power, larger when it is changed, which only asking for so many finds out, and the
    // ceremony's, which is not used.
    for position in 0..60 {
        let mut file = CEREMONY.to_vec();
        file[position] ^= 0xff;
        let error = refusal(&file);
        assert!(matches!(error, SrsError::PowersOfTau { .. }), "{position}: {error}");
    }
}

#[test]
fn what_was_made_is_kept_and_what_is_damaged_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = SrsStore::in_folder(Setup::default(), folder.path().into());
    let made = store.params(6).unwrap();
    assert_usable(&made);
    let file = folder.path().join(format!("{}-6.srs", store.setup().name()));
    let kept = fs::read(&file).unwrap();
    assert!(equal(&store.params(6).unwrap(), &made));
    for damage in [
        kept[..kept.len() - 1].to_vec(),
        Vec::new(),
        {
            let mut bytes = kept.clone();
            bytes[100] ^= 1;
            bytes
        },
        {
            let mut bytes = kept.clone();
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        },
    ] {
        fs::write(&file, damage).unwrap();
        assert!(equal(&store.params(6).unwrap(), &made));
        assert_eq!(fs::read(&file).unwrap(), kept);
    }
}

#[test]
fn several_at_once_make_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SrsStore::in_folder(Setup::default(), folder.path().into());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || store.params(8).unwrap())
        })
        .collect();
    let all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(all.iter().all(|params| equal(params, &all[0])));
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
