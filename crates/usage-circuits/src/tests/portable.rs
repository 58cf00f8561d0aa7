//! The small verifier against halo2's own: the same verdict on honest, changed and mixed-up proofs.

use cwe_halo2_verifier::{G2Point, NativeCurve, PreparedKey, Proof, VerifyError, VerifyingKey, Word, fold};
use cwe_usage::Element;

use super::*;
use crate::{REVEAL_INPUTS, SPLIT_INPUTS, g2_words, verify};

struct Verifier {
    key: PreparedKey<NativeCurve>,
    s: G2Point,
}

impl Verifier {
    fn new(key: &CircuitVerifyingKey, inputs: usize) -> Self {
        let portable = key.portable(inputs).unwrap();
        assert_eq!(VerifyingKey::decode(&portable.encode()), Ok(portable.clone()));
        Self {
            key: PreparedKey::new(portable).unwrap(),
            s: G2Point::from_words(&g2_words(&key.srs)).unwrap(),
        }
    }

    fn accepts(&self, proofs: &[Proof<'_>]) -> bool {
        fold(&self.key, proofs).is_ok_and(|accumulator| accumulator.check(&self.s))
    }
}

fn reveals() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| Verifier::new(&keys().verifying_keys().reveal, REVEAL_INPUTS))
}

fn words(elements: &[Element]) -> Vec<Word> {
    elements.iter().map(|element| element.to_uint().to_be_bytes()).collect()
}

#[test]
fn honest_proofs_of_both_circuits_are_accepted() {
    let reveal = reveal_proof(0);
    let inputs = words(&reveal.inputs.to_elements());
    assert!(reveals().accepts(&[Proof {
        instances: &inputs,
        bytes: &reveal.bytes
    }]));

    let split = split_proof();
    let verifier = Verifier::new(&keys().verifying_keys().split, SPLIT_INPUTS);
    let inputs = words(&split.inputs.to_elements());
    assert!(verifier.accepts(&[Proof {
        instances: &inputs,
        bytes: &split.bytes
    }]));
    let mut other = inputs.clone();
    other[7][31] ^= 1;
    assert!(!verifier.accepts(&[Proof {
        instances: &other,
        bytes: &split.bytes
    }]));
    let mut changed = split.bytes.clone();
    changed[60 * 64 + 31] ^= 1;
    assert!(!verifier.accepts(&[Proof {
        instances: &inputs,
        bytes: &changed
    }]));
}

#[test]
fn every_changed_word_is_refused_as_halo2_refuses_it() {
    let keys = keys().verifying_keys();
    let proof = reveal_proof(17);
    let instances = words(&proof.inputs.to_elements());
    let public = proof.inputs.to_elements().map(crate::field::scalar);
    for word in 0..proof.bytes.len() / 32 {
        let mut bytes = proof.bytes.clone();
        bytes[32 * word + 31] ^= 1;
        assert!(
            !reveals().accepts(&[Proof {
                instances: &instances,
                bytes: &bytes
            }]),
            "word {word}"
        );
        assert!(
            !verify::check(&keys.reveal.srs, &keys.reveal.key, &public, &bytes),
            "word {word}"
        );
    }
    for input in 0..instances.len() {
        let mut other = instances.clone();
        other[input][31] ^= 1;
        assert!(
            !reveals().accepts(&[Proof {
                instances: &other,
                bytes: &proof.bytes
            }]),
            "input {input}"
        );
    }
}

#[test]
fn a_batch_holds_only_if_every_proof_in_it_does() {
    let proofs = [0, 17, 64, 65].map(reveal_proof);
    let inputs: Vec<_> = proofs.iter().map(|proof| words(&proof.inputs.to_elements())).collect();
    let batch: Vec<_> = proofs
        .iter()
        .zip(&inputs)
        .map(|(proof, instances)| Proof {
            instances,
            bytes: &proof.bytes,
        })
        .collect();
    assert!(reveals().accepts(&batch));

    let mut swapped = batch.clone();
    (swapped[0].instances, swapped[1].instances) = (batch[1].instances, batch[0].instances);
    assert!(!reveals().accepts(&swapped));

    let mut changed = proofs[3].bytes.clone();
    let last = changed.len() - 40 * 32;
    changed[last + 31] ^= 1;
    let mut false_one = batch.clone();
    false_one[3].bytes = &changed;
    assert!(!reveals().accepts(&false_one));
}

#[test]
fn a_proof_has_one_encoding() {
    let proof = reveal_proof(0);
    let instances = words(&proof.inputs.to_elements());
    let refused = |instances: &[Word], bytes: &[u8]| {
        fold(&reveals().key, &[Proof { instances, bytes }])
            .map(|_| ())
            .unwrap_err()
    };
    let longer = [&proof.bytes[..], &[0]].concat();
    assert!(matches!(refused(&instances, &longer), VerifyError::Length { .. }));
    assert!(matches!(
        refused(&instances, &proof.bytes[1..]),
        VerifyError::Length { .. }
    ));
    assert!(matches!(
        refused(&instances[1..], &proof.bytes),
        VerifyError::Instances { .. }
    ));

    let modulus = Element::modulus();
    let add_modulus = |word: &[u8]| (U256::from_be_slice(word) + modulus).to_be_bytes::<32>();
    let mut aliased = instances.clone();
    aliased[0] = add_modulus(&instances[0]);
    assert!(matches!(
        refused(&aliased, &proof.bytes),
        VerifyError::NotCanonical { word: 0, .. }
    ));

    let scalars = 2 * (reveals().key.proof_bytes() / 64 - 26);
    let mut bytes = proof.bytes.clone();
    let at = 32 * scalars.max(60);
    let word = add_modulus(&bytes[at..at + 32]);
    bytes[at..at + 32].copy_from_slice(&word);
    assert!(matches!(refused(&instances, &bytes), VerifyError::NotCanonical { .. }));

    let mut infinity = proof.bytes;
    infinity[..64].fill(0);
    assert_eq!(
        refused(&instances, &infinity),
        VerifyError::NotCanonical { proof: 0, word: 9 }
    );
    assert_eq!(fold(&reveals().key, &[]).map(|_| ()).unwrap_err(), VerifyError::Empty);
}
