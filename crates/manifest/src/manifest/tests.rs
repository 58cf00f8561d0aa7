//! Ids, signatures, both encodings.

use alloy_primitives::{U256, uint};
use proptest::prelude::*;

use super::*;
use crate::{
    Checks, Collaborator, Fragment, OnChain, Tier, WorkType, dag,
    testing::{body, key, manifest, signature, with_one_fragment},
};

/// Order of secp256k1.
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

fn rule_of<T: std::fmt::Debug>(result: Result<T, ManifestError>) -> Rule {
    result.unwrap_err().rule
}

#[test]
fn both_encodings_are_the_same_manifest() {
    let manifest = manifest();
    let (json, cbor) = (manifest.to_json().unwrap(), manifest.to_dag_cbor().unwrap());
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    assert_eq!(Manifest::from_dag_cbor(&cbor).unwrap(), manifest);
    assert!(cbor.len() < json.len());
    let author = manifest.validate(&Checks::default()).unwrap();
    assert_eq!(author.creator_id(), body().creator_id);
}

#[test]
fn the_id_does_not_depend_on_how_json_is_written() {
    let json = String::from_utf8(manifest().to_json().unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap().replace('E', "\\u0045");
    assert_ne!(pretty, json);
    assert_eq!(Manifest::from_json(pretty.as_bytes()).unwrap(), manifest());
}

#[test]
fn a_link_of_dag_cbor_is_tagged_and_hashes_are_bytes() {
    let cbor = manifest().to_dag_cbor().unwrap();
    let content_id = body().content_id.to_cid().to_bytes();
    let link = [&[0xd8, 0x2a, 0x58, 0x25, 0x00], content_id.as_slice()].concat();
    assert!(cbor.windows(link.len()).any(|window| window == link));
    let work_id = [&[0x58, 0x20], body().work_id.as_slice()].concat();
    assert!(cbor.windows(work_id.len()).any(|window| window == work_id));
}

#[test]
fn another_encoding_in_cbor_is_refused() {
    let cbor = manifest().to_dag_cbor().unwrap();
    let trailing = [cbor.as_slice(), &[0]].concat();
    assert_eq!(rule_of(Manifest::from_dag_cbor(&trailing)), Rule::Malformed);
    assert_eq!(
        rule_of(Manifest::from_dag_cbor(&cbor[..cbor.len() - 1])),
        Rule::Malformed
    );
    // Shares as text, as JSON has hashes.
    let as_text = serde_ipld_dagcbor::to_vec(
        &serde_json::from_slice::<serde_json::Value>(&manifest().to_json().unwrap()).unwrap(),
    );
    assert_eq!(
        rule_of(Manifest::from_dag_cbor(&as_text.unwrap())),
        Rule::CborNotCanonical
    );
}

#[test]
fn every_change_of_the_body_is_noticed() {
    let manifest = manifest();
    let changes: [fn(&mut ManifestBody); 9] = [
        |body| body.title.push('!'),
        |body| body.description.clear(),
        |body| body.timestamp += 1,
        |body| body.price_per_min = 0,
        |body| body.work_type = WorkType::Video,
        |body| body.tags.clear(),
        |body| body.collaborators.clear(),
        |body| body.fp_id = Some(B256::repeat_byte(9)),
        |body| body.tier_requirements = vec![Tier::Research],
    ];
    for change in changes {
        let mut changed = manifest.clone();
        change(&mut changed.body);
        assert_eq!(rule_of(changed.validate(&Checks::default())), Rule::ManifestIdMismatch);
        changed.manifest_id = changed.body.manifest_id().unwrap();
        assert_eq!(rule_of(changed.validate(&Checks::default())), Rule::WrongCreator);
    }
}

#[test]
fn a_delegate_signs_when_the_caller_says_so() {
    let manifest = body().sign(|hash| signature(&key(9), hash)).unwrap();
    assert_eq!(rule_of(manifest.validate(&Checks::default())), Rule::WrongCreator);
    let delegate = CreatorId::of_key(key(9).verifying_key()).address();
    let may_publish = |creator, account| creator == body().creator_id && account == delegate;
    let checks = Checks {
        may_publish: &may_publish,
        ..Checks::default()
    };
    assert_eq!(manifest.validate(&checks).unwrap().address(), delegate);
}

#[test]
fn a_second_signature_of_the_same_manifest_can_not_be_made() {
    let manifest = manifest();
    let original = manifest.signature;
    let flipped = Signature::new(original.r(), ORDER - original.s(), !original.v());
    assert_eq!(
        Author::recover(&flipped, manifest.manifest_id).unwrap(),
        manifest.author().unwrap()
    );
    assert_eq!(
        rule_of(signing::read_signature(&flipped.as_bytes().into())),
        Rule::SignatureHighS
    );
    let mut raw = manifest.signature();
    for v in [0, 1, 26, 29, 35, 255] {
        raw[64] = v;
        assert_eq!(
            rule_of(signing::read_signature(&raw.into())),
            Rule::SignatureMalformed,
            "{v}"
        );
    }
}

#[test]
fn a_signature_that_no_key_made_is_refused() {
    let mut manifest = manifest();
    manifest.signature = Signature::new(U256::ZERO, U256::ONE, false);
    assert_eq!(
        rule_of(manifest.validate(&Checks::default())),
        Rule::SignatureUnrecoverable
    );
}

#[test]
fn signing_refuses_what_reading_refuses() {
    let sign = |body: ManifestBody| match body.sign(|hash| signature(&key(1), hash)) {
        Err(SignError::Manifest(error)) => error.rule,
        other => panic!("{other:?}"),
    };
    let mut wrong = body();
    wrong.title.clear();
    assert_eq!(sign(wrong), Rule::TextEmpty);
    let mut wrong = body();
    wrong.fragments[0].size += 1;
    assert_eq!(sign(wrong), Rule::ContentIdMismatch);
    let mut wrong = body();
    wrong.price_per_min = 1 << 53;
    assert_eq!(sign(wrong), Rule::IntegerOutOfRange);
    assert!(with_one_fragment(body()).sign(|hash| signature(&key(1), hash)).is_ok());
}

#[test]
fn storage_and_tier_are_checked_when_the_caller_can_say() {
    let manifest = manifest();
    let second = manifest.body.fragments[1].fragment_hash;
    let mut checks = Checks::default();
    let has = |hash| hash != second;
    checks.has_fragment = Some(&has);
    let error = manifest.validate(&checks).unwrap_err();
    assert_eq!(
        (error.rule, error.field.as_str()),
        (Rule::FragmentUnavailable, "fragments[1].fragment_hash")
    );
    checks.has_fragment = Some(&|_| true);
    checks.access_classes = Some(Tier::Premium.into());
    assert_eq!(rule_of(manifest.validate(&checks)), Rule::TierInsufficient);
    checks.access_classes = Some(Tier::Audio.into());
    manifest.validate(&checks).unwrap();
}

#[test]
fn the_largest_manifest_is_within_the_limits_of_documents() {
    let mut body = body();
    let fragments = (0..crate::MAX_FRAGMENTS as u64).map(|order| Fragment {
        fragment_hash: U256::from(order + 1).into(),
        size: crate::MAX_FRAGMENT_BYTES,
        order,
    });
    body.fragments = fragments.collect();
    body.content_id = dag::content_id(&body.fragments);
    body.title = "\u{1f3b5}".repeat(200);
    body.description = "\u{1f3b5}".repeat(5_000);
    body.tags = (0..crate::MAX_TAGS)
        .map(|number| "\u{1f3b5}".repeat(64 - number))
        .collect();
    body.tier_requirements = Tier::ALL.to_vec();
    let collaborators = (1..=crate::MAX_COLLABORATORS as u64).map(|number| Collaborator {
        creator_id: CreatorId(U256::from(number).into()),
        share_ppm: 15_873,
    });
    body.collaborators = collaborators.collect();
    let manifest = body.sign(|hash| signature(&key(1), hash)).unwrap();
    let json = manifest.to_json().unwrap();
    assert!(json.len() > crate::MAX_DOCUMENT_BYTES * 9 / 10, "{}", json.len());
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    assert_eq!(
        Manifest::from_dag_cbor(&manifest.to_dag_cbor().unwrap()).unwrap(),
        manifest
    );
    manifest.validate(&Checks::default()).unwrap();
}

#[test]
fn creators_have_decentralized_identifiers() {
    let author = manifest().author().unwrap();
    let (creator_id, did_key) = (author.creator_id(), author.did_key());
    assert!(did_key.starts_with("did:key:zQ3s"), "{did_key}");
    assert_eq!(did_key.parse(), Ok(creator_id));
    assert_eq!(creator_id.is_did(&did_key), Ok(true));
    let did_pkh = creator_id.did_pkh(51_337);
    assert_eq!(did_pkh, format!("did:pkh:eip155:51337:{}", author.address()));
    for equal in [did_pkh.clone(), did_pkh.to_lowercase()] {
        assert_eq!(creator_id.is_did(&equal), Ok(true));
    }
    let other = CreatorId::of_key(key(2).verifying_key());
    assert_eq!((other.is_did(&did_key), other.is_did(&did_pkh)), (Ok(false), Ok(false)));
    // Upper-case hexadecimal has a checksum that is wrong.
    let upper = format!(
        "did:pkh:eip155:1:0x{}",
        creator_id.address().to_string()[2..].to_uppercase()
    );
    for wrong in [
        "",
        "did:key:",
        "did:key:z",
        "did:web:example.org",
        "did:pkh:eip155:x:0x",
        "did:pkh:eip155:01:0x00",
        &upper,
    ] {
        assert!(creator_id.is_did(wrong).is_err(), "{wrong}");
    }
    assert!(creator_id.is_did(&did_key[..did_key.len() - 1]).is_err());
}

#[test]
fn the_example_of_the_did_key_specification_is_read() {
    // did:key method, secp256k1 test vector.
    let did = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
    let key = k256::ecdsa::SigningKey::from_slice(&alloy_primitives::hex!(
        "9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c"
    ));
    assert_eq!(did.parse(), Ok(CreatorId::of_key(key.unwrap().verifying_key())));
}

fn on_chain() -> OnChain {
    let manifest = manifest();
    OnChain {
        work_id: manifest.body.work_id,
        creator_id: manifest.body.creator_id,
        content_id: manifest.body.content_id.digest(),
        manifest_id: manifest.manifest_id,
        fp_id: B256::repeat_byte(4),
        fp_hash: B256::repeat_byte(3),
        access_classes: manifest.body.access_classes(),
        shares_ppm: vec![850_000, 150_000],
    }
}

#[test]
fn each_difference_from_the_chain_has_a_name() {
    type Differ = fn(&mut OnChain);
    manifest().matches_chain(&on_chain()).unwrap();
    assert_eq!(on_chain().access_classes.0, 3);
    let differences: [(Differ, Rule); 8] = [
        (|chain| chain.work_id = B256::ZERO, Rule::ChainWorkMismatch),
        (
            |chain| chain.creator_id = CreatorId(B256::ZERO),
            Rule::ChainCreatorMismatch,
        ),
        (|chain| chain.manifest_id = B256::ZERO, Rule::ChainManifestMismatch),
        (|chain| chain.content_id = B256::ZERO, Rule::ChainContentMismatch),
        (|chain| chain.fp_id = B256::ZERO, Rule::ChainFpIdMismatch),
        (|chain| chain.fp_hash = B256::ZERO, Rule::ChainFingerprintMismatch),
        (|chain| chain.access_classes.0 = 2, Rule::ChainAccessMismatch),
        (|chain| chain.shares_ppm = vec![1_000_000], Rule::ChainSharesMismatch),
    ];
    for (differ, rule) in differences {
        let mut chain = on_chain();
        differ(&mut chain);
        assert_eq!(rule_of(manifest().matches_chain(&chain)), rule);
    }
}

#[test]
fn equal_shares_need_as_many_payees() {
    let mut body = body();
    let second = Collaborator {
        creator_id: CreatorId::of_key(key(3).verifying_key()),
        share_ppm: 150_000,
    };
    body.collaborators.push(second);
    let manifest = body.sign(|hash| signature(&key(1), hash)).unwrap();
    let mut chain = on_chain();
    chain.manifest_id = manifest.manifest_id;
    assert_eq!(rule_of(manifest.matches_chain(&chain)), Rule::ChainSharesMismatch);
    chain.shares_ppm = vec![150_000, 700_000, 150_000];
    manifest.matches_chain(&chain).unwrap();
}

prop_compose! {
    fn texts()(title in "[^\\pC\\p{Zl}\\p{Zp}]{1,200}", tag in "[a-z]{1,64}", description in "[a-zäöü\n\"\\\\🎵]{0,200}")
        -> (String, String, String) {
        (title, tag, description)
    }
}

prop_compose! {
    fn bodies()(
        (title, tag, description) in texts(),
        work_type in prop::sample::select(WorkType::ALL),
        tiers in prop::sample::subsequence(Tier::ALL, 1..=5),
        hashes in prop::collection::hash_set(prop::array::uniform32(1u8..), 1..200),
        sizes in prop::collection::vec(1u64..=1 << 20, 200),
        timestamp in 0u64..1 << 53,
        price_per_min in 0u64..1 << 53,
        share_ppm in 1u64..=1_000_000,
        has_collaborator in any::<bool>(),
    ) -> ManifestBody {
        let mut body = body();
        let fragments = (0..).zip(hashes).zip(sizes);
        body.fragments = fragments
            .map(|((order, hash), size)| Fragment { fragment_hash: hash.into(), size, order })
            .collect();
        body.content_id = dag::content_id(&body.fragments);
        body.collaborators.truncate(usize::from(has_collaborator));
        body.collaborators.iter_mut().for_each(|collaborator| collaborator.share_ppm = share_ppm);
        ManifestBody { title, description, tags: vec![tag], work_type, tier_requirements: tiers, timestamp, price_per_min, ..body }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn manifests_survive_both_encodings(body in bodies()) {
        let manifest = body.sign(|hash| signature(&key(1), hash)).unwrap();
        let from_json = Manifest::from_json(&manifest.to_json().unwrap()).unwrap();
        let from_cbor = Manifest::from_dag_cbor(&manifest.to_dag_cbor().unwrap()).unwrap();
        prop_assert_eq!(&from_json, &manifest);
        prop_assert_eq!(&from_cbor, &manifest);
        from_cbor.validate(&Checks::default()).unwrap();
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Manifest::from_json(&bytes).is_err());
        prop_assert!(Manifest::from_dag_cbor(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn damaged_documents_never_panic_nor_pass(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let manifest = manifest();
        for (document, is_json) in [(manifest.to_json().unwrap(), true), (manifest.to_dag_cbor().unwrap(), false)] {
            let mut damaged = document.clone();
            let at = at.index(damaged.len());
            if cut { damaged.truncate(at) } else { damaged[at] = byte }
            let read = if is_json { Manifest::from_json(&damaged) } else { Manifest::from_dag_cbor(&damaged) };
            let valid = read.and_then(|manifest| manifest.validate(&Checks::default()));
            prop_assert!(valid.is_err() || damaged == document);
        }
    }
}
