//! docs/schema/manifest.schema.json and the reader refuse the same documents, as far as a schema can say so.

use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::kept;
use crate::{Manifest, ManifestError, Rule, testing};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../../docs/schema/manifest.schema.json")).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
});

/// Rules of which a schema sees nothing, or not all (docs/MANIFEST.md says what).
const BEYOND_SCHEMA: &[Rule] = &[
    Rule::DocumentTooLarge,
    Rule::DuplicateKey,
    // 1.0 is an integer to a schema.
    Rule::Float,
    // Of fragments and collaborators it compares whole entries.
    Rule::Repeated,
    Rule::FragmentOrder,
    Rule::SharesExceedWhole,
    Rule::CollaboratorIsCreator,
    Rule::SignatureHighS,
];

/// Whether the schema refuses a document; what is not JSON is nothing to it.
pub(super) fn refuses(document: &[u8]) -> bool {
    serde_json::from_slice(document).is_ok_and(|value| !SCHEMA.is_valid(&value))
}

fn agree(document: &[u8]) -> Result<(), TestCaseError> {
    match Manifest::from_json(document) {
        Ok(_) => prop_assert!(!refuses(document), "the reader accepts what the schema refuses"),
        Err(ManifestError { rule, .. }) if BEYOND_SCHEMA.contains(&rule) => {}
        Err(error) => prop_assert!(refuses(document), "the schema accepts what the reader refuses: {error}"),
    }
    Ok(())
}

#[test]
fn the_schema_is_one() {
    let schema = serde_json::from_str(include_str!("../../../../docs/schema/manifest.schema.json")).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn the_schema_accepts_every_valid_vector() {
    for (name, vector) in kept("valid") {
        assert!(!refuses(&vector.document().unwrap()), "{name}");
    }
}

#[test]
fn the_schema_refuses_the_vectors_that_it_can() {
    for (name, vector) in kept("invalid") {
        let Some(document) = vector.document() else { continue };
        assert_eq!(refuses(&document), vector.error.unwrap().schema_refuses, "{name}");
        if serde_json::from_slice::<Value>(&document).is_ok() {
            agree(&document).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// Values that belong nowhere, or nearly.
fn oddities() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.0),
        json!(0.5),
        json!(1e300),
        json!(1u64 << 53),
        json!(u64::MAX),
        json!((1u64 << 53) - 1),
        json!(""),
        json!("x"),
        json!("x\n"),
        json!("\u{7}"),
        json!("\u{feff}x"),
        json!("\u{1f3b5}".repeat(200)),
        json!("\u{1f3b5}".repeat(201)),
        json!("0x"),
        json!(format!("0x{}", "0".repeat(64))),
        json!(format!("0x{}", "a".repeat(64))),
        json!(format!("0x00{}", "A".repeat(62))),
        json!(format!("0x{}1b", "a".repeat(128))),
        json!(format!("0x{}1d", "1".repeat(128))),
        json!(format!("0x{}1b\n", "1".repeat(128))),
        json!(format!("bafkrei{}", "a".repeat(52))),
        json!(format!("bafybeih{}b", "a".repeat(50))),
        json!(format!("bafkreii{}", "a".repeat(51))),
        json!("audio"),
        json!("text"),
        json!([]),
        json!({}),
        json!([[]]),
        json!(["audio"]),
        json!(["audio", "audio"]),
        json!([{}]),
    ]
}

fn fields_of(object: &Map<String, Value>) -> Vec<String> {
    object.keys().cloned().chain(["more".to_owned()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn schema_and_reader_agree_on_changed_documents(
        field in any::<prop::sample::Index>(),
        inner in any::<prop::sample::Index>(),
        value in prop::sample::select(oddities()),
        place in 0..4,
    ) {
        let mut document: Value = serde_json::from_slice(&testing::manifest().to_json().unwrap()).unwrap();
        let changed = match place {
            0 => &mut document,
            1 => &mut document["fragments"][0],
            2 => &mut document["collaborators"][0],
            _ => &mut document,
        };
        let object = changed.as_object_mut().unwrap();
        let names = fields_of(object);
        let name = field.get(&names);
        if place == 3 && object.get(name).is_some_and(Value::is_array) {
            let list = object[name].as_array_mut().unwrap();
            let at = inner.index(list.len());
            list[at] = value;
        } else if inner.index(8) == 0 {
            object.remove(name);
        } else {
            object.insert(name.clone(), value);
        }
        agree(&serde_json::to_vec(&document).unwrap())?;
    }
}
