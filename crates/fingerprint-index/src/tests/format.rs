//! What is in files already must be what the program computes now.

use cwe_fingerprint::Descriptor;
use serde_json::Value;

use crate::environment::FORMAT;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/fingerprint/audio.json");

/// FNV-1a.
fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.trim_start_matches("0x");
    let pairs = (0..digits.len()).step_by(2).map(|place| &digits[place..place + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn other_anchors_or_sketches_are_another_format() {
    let known: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let computed = known["cases"].as_array().unwrap().iter().flat_map(|case| {
        let descriptor = Descriptor::decode(&bytes_of(case["descriptor"].as_str().unwrap())).unwrap();
        let anchors = descriptor.anchors().into_iter();
        let words = anchors.flat_map(|anchor| [anchor.key, anchor.at]);
        let mut bytes: Vec<_> = words.flat_map(u32::to_be_bytes).collect();
        bytes.extend(descriptor.fp_id().0);
        bytes
    });
    // If this fails, raise FORMAT: rows are removed by computing them again, so files of another program would keep some.
    assert_eq!((FORMAT, digest(computed)), (2, 0x71b8_0824_9797_4ff0));
}
