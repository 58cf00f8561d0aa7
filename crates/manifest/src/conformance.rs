//! Conformance vectors for every implementation: test/vectors/manifest.
//!
//! `valid/*.json` are manifests in both encodings; `invalid/<code>.json` has, for each rule, a document that breaks it
//! and no other. `CWE_WRITE_VECTORS=1 cargo test -p cwe-manifest conformance` writes them anew after a change of the
//! format.

mod schema;
mod vectors;

use std::{collections::BTreeSet, fs, path::PathBuf};

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

use crate::{AccessClasses, Checks, CreatorId, Manifest, ManifestError, OnChain, Rule, signing_hash};

/// One document and what comes of it.
#[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    /// What it shows.
    about: String,
    /// The document as JSON, if it is given in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<String>,
    /// Spaces follow until the document has so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_to_bytes: Option<usize>,
    /// The document as DAG-CBOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    dag_cbor: Option<Bytes>,
    /// Answers of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<CheckAnswers>,
    /// What the chain says.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<ChainAnswers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<Valid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Expected>,
}

#[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
#[serde(deny_unknown_fields, default)]
struct CheckAnswers {
    delegates: Vec<Address>,
    missing_fragments: Vec<B256>,
    access_classes: Option<u64>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ChainAnswers {
    work_id: B256,
    creator_id: B256,
    content_id: B256,
    manifest_id: B256,
    fp_id: B256,
    fp_hash: B256,
    access_classes: u64,
    shares_ppm: Vec<u64>,
}

/// What a valid manifest is known by.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Valid {
    manifest_id: B256,
    signing_hash: B256,
    signer: Address,
    signer_did: String,
    creator_id: B256,
}

/// The broken rule, where, and whether the JSON Schema refuses it too.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Expected {
    code: String,
    field: String,
    schema_refuses: bool,
}

impl Vector {
    fn document(&self) -> Option<Vec<u8>> {
        let mut document = self.json.clone()?.into_bytes();
        document.resize(self.pad_to_bytes.unwrap_or(document.len()), b' ');
        Some(document)
    }

    /// Reads in every encoding that is given, validates, and compares with the chain if that is given.
    fn outcome(&self) -> Result<Manifest, ManifestError> {
        let from_json = self
            .document()
            .map(|document| Manifest::from_json(&document))
            .transpose()?;
        let from_cbor = self
            .dag_cbor
            .as_ref()
            .map(|document| Manifest::from_dag_cbor(document))
            .transpose()?;
        if let (Some(json), Some(cbor)) = (&from_json, &from_cbor) {
            assert_eq!(json, cbor, "{}", self.about);
        }
        let manifest = from_json.or(from_cbor).unwrap();
        let default = CheckAnswers::default();
        let answers = self.checks.as_ref().unwrap_or(&default);
        manifest.validate(&Checks {
            may_publish: &|_, account| answers.delegates.contains(&account),
            has_fragment: Some(&|hash| !answers.missing_fragments.contains(&hash)),
            access_classes: answers.access_classes.map(AccessClasses),
        })?;
        if let Some(chain) = self.chain.clone() {
            manifest.matches_chain(&chain.into())?;
        }
        Ok(manifest)
    }
}

impl From<ChainAnswers> for OnChain {
    fn from(chain: ChainAnswers) -> Self {
        Self {
            work_id: chain.work_id,
            creator_id: CreatorId(chain.creator_id),
            content_id: chain.content_id,
            manifest_id: chain.manifest_id,
            fp_id: chain.fp_id,
            fp_hash: chain.fp_hash,
            access_classes: AccessClasses(chain.access_classes),
            shares_ppm: chain.shares_ppm,
        }
    }
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/manifest")).join(name)
}

/// All vectors of a folder by the name of their file.
fn kept(name: &str) -> Vec<(String, Vector)> {
    let files = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), vector)
        })
        .collect()
}

/// Writes them if that is asked for; else compares with what is kept.
fn keep(name: &str, vectors: Vec<(String, Vector)>) {
    if std::env::var_os("CWE_WRITE_VECTORS").is_some() {
        let _ = fs::remove_dir_all(folder(name));
        fs::create_dir_all(folder(name)).unwrap();
        for (file, vector) in &vectors {
            let text = serde_json::to_string_pretty(vector).unwrap();
            fs::write(folder(name).join(format!("{file}.json")), text + "\n").unwrap();
        }
    }
    let mut kept = kept(name);
    kept.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut vectors = vectors;
    vectors.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(kept, vectors, "write the vectors anew if the format is meant to change");
}

#[test]
fn conformance_vectors_of_valid_manifests_pass() {
    keep("valid", vectors::valid());
    for (name, vector) in kept("valid") {
        let manifest = vector.outcome().unwrap_or_else(|error| panic!("{name}: {error}"));
        let valid = vector.valid.unwrap();
        let author = manifest.author().unwrap();
        let found = Valid {
            manifest_id: manifest.manifest_id(),
            signing_hash: signing_hash(manifest.manifest_id()),
            signer: author.address(),
            signer_did: author.did_key(),
            creator_id: manifest.body().creator_id.0,
        };
        assert_eq!(found, valid, "{name}");
        assert_eq!(manifest.to_json().unwrap(), vector.json.unwrap().as_bytes(), "{name}");
        assert_eq!(
            Bytes::from(manifest.to_dag_cbor().unwrap()),
            vector.dag_cbor.unwrap(),
            "{name}"
        );
    }
}

#[test]
fn conformance_vectors_of_each_rule_break_it() {
    keep("invalid", vectors::invalid());
    for (name, vector) in kept("invalid") {
        let error = vector.outcome().expect_err(&name);
        let expected = vector.error.unwrap();
        assert_eq!(
            (error.rule.code(), &error.field),
            (expected.code.as_str(), &expected.field),
            "{error}"
        );
        assert_eq!(name, expected.code);
        let message = error.to_string();
        assert!(
            message.contains(error.rule.remedy()) && message.contains(&error.field) && message.len() < 500,
            "{message}"
        );
    }
}

#[test]
fn every_rule_has_a_conformance_vector_and_a_line_in_the_documentation() {
    let codes = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| rule.code().to_owned()).collect();
    assert_eq!(
        codes(kept("invalid").into_iter().map(|(name, _)| name).collect()),
        codes(rules.clone())
    );
    assert_eq!(codes(rules.clone()).len(), rules.len());
    let documentation = include_str!("../../../docs/MANIFEST.md");
    for code in rules {
        assert!(
            documentation.contains(&format!("`{code}`")),
            "{code} is not in docs/MANIFEST.md"
        );
    }
}
