//! Keys are data from elsewhere: none makes the verifier panic, and none refers to what isn't there.

use cwe_halo2_verifier::{
    G2Point, KeyError, NativeCurve, Opening, OpeningSet, Operation, Operator, PreparedKey, Proof, Source, VerifyingKey,
    fold,
};
use proptest::prelude::*;

fn small() -> VerifyingKey {
    let mut generator = [0; 64];
    (generator[31], generator[63]) = (1, 2);
    let one = {
        let mut word = [0; 32];
        word[31] = 1;
        word
    };
    VerifyingKey {
        log2_rows: 4,
        digest: [0; 32],
        omega: one,
        omega_inverse: one,
        instances: 1,
        blinding: 5,
        points: [1, 0, 1, 2],
        evaluations: 2,
        constants: vec![one],
        operations: vec![Operation {
            operator: Operator::Multiply,
            left: 0,
            right: 9,
        }],
        sets: vec![OpeningSet {
            rotations: vec![0],
            openings: vec![
                Opening {
                    source: Source::Proof(0),
                    evaluations: vec![0],
                },
                Opening {
                    source: Source::Key(0),
                    evaluations: vec![1],
                },
                Opening {
                    source: Source::Quotient,
                    evaluations: vec![],
                },
            ],
        }],
        commitments: vec![generator],
    }
}

fn decoded(change: impl FnOnce(&mut VerifyingKey)) -> Result<VerifyingKey, KeyError> {
    let mut key = small();
    change(&mut key);
    VerifyingKey::decode(&key.encode())
}

#[test]
fn a_key_reads_as_it_was_written() {
    assert_eq!(VerifyingKey::decode(&small().encode()), Ok(small()));
}

#[test]
fn a_key_refers_only_to_what_it_has() {
    let opening = |key: &mut VerifyingKey, index: usize, opening: Opening| key.sets[0].openings[index] = opening;
    let at = |source, evaluations| Opening { source, evaluations };
    let refused = [
        decoded(|key| key.operations[0].right = 12),
        decoded(|key| key.operations.clear()),
        decoded(|key| key.sets.clear()),
        decoded(|key| key.sets[0].rotations.clear()),
        decoded(|key| key.sets[0].rotations = vec![1]),
        decoded(|key| opening(key, 0, at(Source::Proof(4), vec![0]))),
        decoded(|key| opening(key, 0, at(Source::Proof(0), vec![2]))),
        decoded(|key| opening(key, 0, at(Source::Proof(0), vec![]))),
        decoded(|key| opening(key, 1, at(Source::Key(1), vec![1]))),
        decoded(|key| opening(key, 2, at(Source::Quotient, vec![0]))),
    ];
    for (index, key) in refused.into_iter().enumerate() {
        assert!(matches!(key, Err(KeyError::Dangling(_))), "case {index}: {key:?}");
    }
}

#[test]
fn a_key_is_exactly_its_bytes() {
    let bytes = small().encode();
    assert_eq!(
        VerifyingKey::decode(&[&bytes[..], &[0]].concat()),
        Err(KeyError::Length)
    );
    assert_eq!(VerifyingKey::decode(&bytes[..bytes.len() - 1]), Err(KeyError::Length));
    assert_eq!(VerifyingKey::decode(b"something else"), Err(KeyError::Version));
}

#[test]
fn numbers_and_points_of_a_key_are_canonical() {
    let prepared = |change: fn(&mut VerifyingKey)| {
        let mut key = small();
        change(&mut key);
        PreparedKey::<NativeCurve>::new(key).map(|_| ())
    };
    assert_eq!(prepared(|_| ()), Ok(()));
    assert_eq!(prepared(|key| key.commitments[0] = [0; 64]), Ok(()));
    assert_eq!(prepared(|key| key.commitments[0][63] = 3), Err(KeyError::NotCanonical));
    assert_eq!(
        prepared(|key| key.constants[0] = [0xff; 32]),
        Err(KeyError::NotCanonical)
    );
    assert_eq!(prepared(|key| key.omega = [0xff; 32]), Err(KeyError::NotCanonical));
}

#[test]
fn the_second_group_has_no_origin_and_no_other_points() {
    assert!(G2Point::from_words(&[[0; 32]; 4]).is_none());
    assert!(G2Point::from_words(&[[1; 32]; 4]).is_none());
    assert!(G2Point::from_words(&[[0xff; 32]; 4]).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..800), is_marked: bool) {
        if is_marked && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&small().encode()[..8]);
        }
        let _ = VerifyingKey::decode(&bytes);
    }

    #[test]
    fn a_damaged_key_makes_nothing_panic(at in 0_usize..600, byte: u8, proof in proptest::collection::vec(any::<u8>(), 448)) {
        let mut bytes = small().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(key) = VerifyingKey::decode(&bytes).and_then(PreparedKey::<NativeCurve>::new) {
            let _ = fold(&key, &[Proof { instances: &[[0; 32]], bytes: &proof }]);
        }
    }
}
