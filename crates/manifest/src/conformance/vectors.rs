//! The vectors themselves.

use alloy_primitives::{B256, U256, hex, uint};
use k256::ecdsa::SigningKey;
use serde_json::{Map, Value, json};

use super::{ChainAnswers, CheckAnswers, Expected, Valid, Vector, schema};
use crate::{
    Collaborator, ContentId, CreatorId, Manifest, ManifestBody, Rule, Tier, WorkType, dag, encoding, signing_hash,
    testing::{body, key, manifest, signature, with_one_fragment},
};

const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

fn signed(body: ManifestBody, key: &SigningKey) -> Manifest {
    body.sign(|hash| signature(key, hash)).unwrap()
}

fn object(manifest: &Manifest) -> Map<String, Value> {
    serde_json::from_slice(&manifest.to_json().unwrap()).unwrap()
}

fn json_of(value: &impl serde::Serialize) -> String {
    String::from_utf8(encoding::write_json(value).unwrap()).unwrap()
}

fn valid_vector(about: &str, manifest: &Manifest) -> Vector {
    let author = manifest.author().unwrap();
    Vector {
        about: about.into(),
        json: Some(String::from_utf8(manifest.to_json().unwrap()).unwrap()),
        dag_cbor: Some(manifest.to_dag_cbor().unwrap().into()),
        valid: Some(Valid {
            manifest_id: manifest.manifest_id(),
            signing_hash: signing_hash(manifest.manifest_id()),
            signer: author.address(),
            signer_did: author.did_key(),
            creator_id: manifest.body().creator_id.0,
        }),
        ..Vector::default()
    }
}

/// Manifests that everybody accepts, by the names of their files.
pub(super) fn valid() -> Vec<(String, Vector)> {
    let mut text = with_one_fragment(body());
    text.work_type = WorkType::Text;
    (text.fingerprint, text.fp_id) = (None, None);
    text.collaborators.clear();
    text.tags.clear();
    text.description.clear();

    let mut large = body();
    let share_ppm = crate::WHOLE_PPM / 2;
    large.collaborators = [2, 3].map(|number| collaborator(number, share_ppm)).into();
    large.tier_requirements = Tier::ALL.to_vec();
    large.work_type = WorkType::Video;
    large.fragments = (0..200u64)
        .map(|order| crate::Fragment {
            fragment_hash: B256::from(U256::from(order + 1)),
            size: crate::MAX_FRAGMENT_BYTES,
            order,
        })
        .collect();
    large.content_id = dag::content_id(&large.fragments);
    (large.timestamp, large.price_per_min) = (crate::MAX_SAFE_INTEGER, crate::MAX_SAFE_INTEGER);
    large.title = "\u{1f3b5}".repeat(200);

    let by_delegate = signed(body(), &key(9));
    let mut delegated = valid_vector("signed by a delegate", &by_delegate);
    delegated.checks = Some(CheckAnswers {
        delegates: vec![by_delegate.author().unwrap().address()],
        ..CheckAnswers::default()
    });
    let mut registered = valid_vector(
        "the chain's record is the manifest's; the tier opens the work",
        &manifest(),
    );
    registered.chain = Some(chain());
    registered.checks = Some(CheckAnswers {
        access_classes: Some(3),
        ..CheckAnswers::default()
    });
    vec![
        ("audio".into(), registered),
        (
            "text-without-options".into(),
            valid_vector("no fingerprint, no collaborators, one fragment", &signed(text, &key(1))),
        ),
        (
            "video-at-the-limits".into(),
            valid_vector(
                "largest numbers, longest title, all shares given away",
                &signed(large, &key(1)),
            ),
        ),
        ("by-delegate".into(), delegated),
    ]
}

fn collaborator(number: u8, share_ppm: u64) -> Collaborator {
    Collaborator {
        creator_id: CreatorId::of_key(key(number).verifying_key()),
        share_ppm,
    }
}

fn chain() -> ChainAnswers {
    let manifest = manifest();
    let body = manifest.body();
    ChainAnswers {
        work_id: body.work_id,
        creator_id: body.creator_id.0,
        content_id: body.content_id.digest(),
        manifest_id: manifest.manifest_id(),
        fp_id: body.fp_id.unwrap(),
        fp_hash: body.fingerprint.unwrap(),
        access_classes: body.access_classes().0,
        shares_ppm: vec![850_000, 150_000],
    }
}

fn broken(rule: Rule, field: &str, vector: Vector) -> (String, Vector) {
    let schema_refuses = vector.document().is_some_and(|document| schema::refuses(&document));
    let vector = Vector {
        about: rule.says().into(),
        error: Some(Expected {
            code: rule.code().into(),
            field: field.into(),
            schema_refuses,
        }),
        ..vector
    };
    (rule.code().into(), vector)
}

fn text(json: impl Into<String>) -> Vector {
    Vector {
        json: Some(json.into()),
        ..Vector::default()
    }
}

/// One document for each rule, by the rules' codes.
pub(super) fn invalid() -> Vec<(String, Vector)> {
    [documents(), fields(), bindings(), callers()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is wrong before any field is.
fn documents() -> Vec<(String, Vector)> {
    let json = json_of(&object(&manifest()));
    let as_text = serde_ipld_dagcbor::to_vec(&object(&manifest())).unwrap();
    vec![
        broken(
            Rule::DocumentTooLarge,
            "manifest",
            Vector {
                pad_to_bytes: Some(crate::MAX_DOCUMENT_BYTES + 1),
                ..text(json.clone())
            },
        ),
        broken(Rule::DocumentTooComplex, "manifest", text("[[[[[]]]]]")),
        broken(Rule::Malformed, "manifest", text(&json[..json.len() - 1])),
        broken(
            Rule::CborNotCanonical,
            "manifest",
            Vector {
                dag_cbor: Some(as_text.into()),
                ..Vector::default()
            },
        ),
        broken(
            Rule::DuplicateKey,
            "title",
            text(json.replacen('{', "{\"title\":\"another\",", 1)),
        ),
    ]
}

/// A manifest with one field replaced, or removed by null.
fn with(changes: &[(&str, Value)]) -> Vector {
    let mut object = object(&manifest());
    for (name, value) in changes {
        object.remove(*name);
        if !value.is_null() {
            object.insert((*name).into(), value.clone());
        }
    }
    text(serde_json::to_string(&object).unwrap())
}

fn fields() -> Vec<(String, Vector)> {
    let fragment =
        |size: u64, order: u64| json!({ "fragment_hash": B256::repeat_byte(1), "size": size, "order": order });
    let share = |number: u8, share_ppm: u64| serde_json::to_value(collaborator(number, share_ppm)).unwrap();
    let tags: Vec<_> = (0..33).map(|number| number.to_string()).collect();
    let upper = B256::repeat_byte(0xab).to_string().replace("ab", "AB");
    let one = |name, value| with(&[(name, value)]);
    let none = Value::Null;
    vec![
        broken(Rule::UnknownField, "listener", one("listener", json!("0x01"))),
        broken(Rule::MissingField, "title", one("title", none.clone())),
        broken(Rule::WrongType, "title", one("title", json!(7))),
        broken(Rule::Float, "price_per_min", one("price_per_min", json!(0.5))),
        broken(
            Rule::IntegerOutOfRange,
            "timestamp",
            one("timestamp", json!(1u64 << 53)),
        ),
        broken(Rule::HexNotCanonical, "fingerprint", one("fingerprint", json!(upper))),
        broken(
            Rule::CidNotCanonical,
            "content_id",
            one("content_id", json!("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")),
        ),
        broken(
            Rule::ControlCharacter,
            "title",
            one("title", json!("evil \u{202e}gnos")),
        ),
        broken(Rule::TextEmpty, "title", one("title", json!(""))),
        broken(Rule::TextTooLong, "title", one("title", json!("x".repeat(201)))),
        broken(Rule::ListEmpty, "collaborators", one("collaborators", json!([]))),
        broken(Rule::ListTooLong, "tags", one("tags", json!(tags))),
        broken(Rule::Repeated, "tags[1]", one("tags", json!(["folk", "folk"]))),
        broken(Rule::VersionUnsupported, "version", one("version", json!(2))),
        broken(
            Rule::WorkIdInvalid,
            "work_id",
            one("work_id", json!(B256::repeat_byte(1))),
        ),
        broken(Rule::HashZero, "fp_id", one("fp_id", json!(B256::ZERO))),
        broken(Rule::WorkTypeUnknown, "work_type", one("work_type", json!("opera"))),
        broken(
            Rule::TierUnknown,
            "tier_requirements[1]",
            one("tier_requirements", json!(["basic", "gold"])),
        ),
        broken(
            Rule::RegionRuleInvalid,
            "region_rule",
            one("region_rule", json!("the world")),
        ),
        broken(
            Rule::FingerprintMissing,
            "fingerprint",
            with(&[("fingerprint", none.clone()), ("fp_id", none.clone())]),
        ),
        broken(Rule::FingerprintIncomplete, "fp_id", one("fp_id", none)),
        broken(
            Rule::FragmentOrder,
            "fragments[0].order",
            one("fragments", json!([fragment(16_384, 1)])),
        ),
        broken(
            Rule::FragmentSizeInvalid,
            "fragments[0].size",
            one("fragments", json!([fragment(1_048_577, 0)])),
        ),
        broken(
            Rule::ShareInvalid,
            "collaborators[0].share_ppm",
            one("collaborators", json!([share(2, 0)])),
        ),
        broken(
            Rule::SharesExceedWhole,
            "collaborators",
            one("collaborators", json!([share(2, 600_000), share(3, 600_000)])),
        ),
        broken(
            Rule::CollaboratorIsCreator,
            "collaborators[0].creator_id",
            one("collaborators", json!([share(1, 1)])),
        ),
    ]
}

/// Ids and signatures.
fn bindings() -> Vec<(String, Vector)> {
    let mut other_content = body();
    other_content.content_id = ContentId::dag_pb(B256::repeat_byte(8));
    let manifest_id = other_content.manifest_id().unwrap();
    let mut rebound = serde_json::to_value(&other_content).unwrap();
    rebound["manifest_id"] = json!(manifest_id);
    let by_creator = signature(&key(1), signing_hash(manifest_id)).unwrap();
    rebound["signature"] = json!(hex::encode_prefixed(by_creator.as_bytes()));

    let original = alloy_primitives::Signature::from_raw_array(&manifest().signature()).unwrap();
    let flipped = alloy_primitives::Signature::new(original.r(), ORDER - original.s(), !original.v());
    let mut wrong_v = manifest().signature();
    wrong_v[64] -= 27;
    let mut no_point = [0; 65];
    (no_point[63], no_point[64]) = (1, 27);
    let signature_of = |bytes: [u8; 65]| with(&[("signature", json!(hex::encode_prefixed(bytes)))]);
    vec![
        broken(Rule::ContentIdMismatch, "content_id", text(json_of(&rebound))),
        broken(
            Rule::ManifestIdMismatch,
            "manifest_id",
            with(&[("title", json!("Another"))]),
        ),
        broken(Rule::SignatureMalformed, "signature", signature_of(wrong_v)),
        broken(Rule::SignatureHighS, "signature", signature_of(flipped.as_bytes())),
        broken(Rule::SignatureUnrecoverable, "signature", signature_of(no_point)),
        broken(
            Rule::WrongCreator,
            "signature",
            text(json_of(&object(&signed(body(), &key(9))))),
        ),
    ]
}

/// What only storage, tier and chain tell.
fn callers() -> Vec<(String, Vector)> {
    let answered = |answers| Vector {
        checks: Some(answers),
        ..with(&[])
    };
    let differing = |differ: &dyn Fn(&mut ChainAnswers)| {
        let mut chain = chain();
        differ(&mut chain);
        Vector {
            chain: Some(chain),
            ..with(&[])
        }
    };
    let missing_fragments = vec![body().fragments[1].fragment_hash];
    let other = B256::repeat_byte(9);
    vec![
        broken(
            Rule::FragmentUnavailable,
            "fragments[1].fragment_hash",
            answered(CheckAnswers {
                missing_fragments,
                ..CheckAnswers::default()
            }),
        ),
        broken(
            Rule::TierInsufficient,
            "tier_requirements",
            answered(CheckAnswers {
                access_classes: Some(8),
                ..CheckAnswers::default()
            }),
        ),
        broken(
            Rule::ChainWorkMismatch,
            "work_id",
            differing(&|chain| chain.work_id = other),
        ),
        broken(
            Rule::ChainCreatorMismatch,
            "creator_id",
            differing(&|chain| chain.creator_id = other),
        ),
        broken(
            Rule::ChainManifestMismatch,
            "manifest_id",
            differing(&|chain| chain.manifest_id = other),
        ),
        broken(
            Rule::ChainContentMismatch,
            "content_id",
            differing(&|chain| chain.content_id = other),
        ),
        broken(
            Rule::ChainFpIdMismatch,
            "fp_id",
            differing(&|chain| chain.fp_id = other),
        ),
        broken(
            Rule::ChainFingerprintMismatch,
            "fingerprint",
            differing(&|chain| chain.fp_hash = other),
        ),
        broken(
            Rule::ChainAccessMismatch,
            "tier_requirements",
            differing(&|chain| chain.access_classes = 1),
        ),
        broken(
            Rule::ChainSharesMismatch,
            "collaborators[0].share_ppm",
            differing(&|chain| chain.shares_ppm = vec![1_000_000]),
        ),
    ]
}
