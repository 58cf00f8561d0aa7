//! Known answers for every implementation: `test/vectors/fingerprint/audio.json`.
//!
//! `CWE_WRITE_VECTORS=1 cargo test -p cwe-fingerprint conformance` writes the file anew after a change of the formats
//! or of the algorithm.

use serde_json::{Value, json};

use super::{AudioStream, testing::melody};
use crate::{Descriptor, Query};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/fingerprint/audio.json");

/// Name, samples a second, seconds, and the seed of each channel.
const CASES: [(&str, u32, f64, &[u32]); 3] = [
    ("mono at the analysis' own rate", 11_025, 9.0, &[11]),
    ("stereo of a compact disc", 44_100, 6.0, &[12, 13]),
    ("mono of a video", 48_000, 5.0, &[14]),
];

fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn answers(name: &str, rate_hz: u32, secs: f64, seeds: &[u32]) -> Value {
    let voices: Vec<_> = seeds.iter().map(|seed| melody(rate_hz, secs, *seed)).collect();
    let samples: Vec<f32> = (0..voices[0].len())
        .flat_map(|place| voices.iter().map(move |voice| voice[place]))
        .collect();
    let mut stream = AudioStream::new(rate_hz, u16::try_from(seeds.len()).unwrap()).unwrap();
    stream.ingest(&samples).unwrap();
    let query = stream.query().unwrap();
    let descriptor = Descriptor::Audio(stream.finish().unwrap());
    let anchors: Vec<_> = descriptor
        .anchors()
        .iter()
        .map(|anchor| [anchor.key, anchor.at])
        .collect();
    let probes: Vec<_> = (0..query.variants())
        .map(|variant| query.probes_of(variant).len())
        .collect();
    json!({
        "name": name, "rate_hz": rate_hz, "secs": secs, "seeds": seeds,
        "descriptor": hex_of(&descriptor.encode()), "fp_hash": hex_of(&descriptor.fp_hash()),
        "fp_id": descriptor.fp_id().to_string(), "query": hex_of(&query.encode()),
        "anchors": anchors, "probes_per_variant": probes,
    })
}

#[test]
fn known_sounds_have_their_known_descriptors_and_queries() {
    let cases: Vec<_> = CASES
        .iter()
        .map(|(name, rate_hz, secs, seeds)| answers(name, *rate_hz, *secs, seeds))
        .collect();
    let computed = json!({
        "about": "Channel c of a case is the melody of docs/FINGERPRINTS.md with seed seeds[c].",
        "cases": cases,
    });
    if std::env::var_os("CWE_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, serde_json::to_string_pretty(&computed).unwrap() + "\n").unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert_eq!(computed, known);
}

#[test]
fn encodings_of_known_answers_are_canonical() {
    let known: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    for case in known["cases"].as_array().unwrap() {
        let bytes = |name: &str| hex::decode(case[name].as_str().unwrap().trim_start_matches("0x")).unwrap();
        assert_eq!(
            Descriptor::decode(&bytes("descriptor")).unwrap().encode(),
            bytes("descriptor")
        );
        assert_eq!(Query::decode(&bytes("query")).unwrap().encode(), bytes("query"));
    }
}
