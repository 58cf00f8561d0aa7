//! A manifest for tests, and a key that signs it.

use std::convert::Infallible;

use alloy_primitives::{B256, Signature};
use k256::ecdsa::SigningKey;

use crate::{Collaborator, ContentId, CreatorId, Fragment, Manifest, ManifestBody, Tier, Version, WorkType, dag};

/// The key of number `number`.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number; 32]).unwrap()
}

pub(crate) fn signature(key: &SigningKey, hash: B256) -> Result<Signature, Infallible> {
    Ok(key.sign_prehash_recoverable(hash.as_slice()).unwrap().into())
}

pub(crate) fn fragment(order: u64) -> Fragment {
    Fragment {
        fragment_hash: B256::repeat_byte(u8::try_from(order + 1).unwrap()),
        size: 16_384,
        order,
    }
}

/// Of the creator with key 1.
pub(crate) fn body() -> ManifestBody {
    let fragments = vec![fragment(0), fragment(1)];
    ManifestBody {
        version: Version,
        work_id: B256::with_last_byte(7),
        content_id: dag::content_id(&fragments),
        creator_id: CreatorId::of_key(key(1).verifying_key()),
        timestamp: 1_790_000_000,
        work_type: WorkType::Audio,
        title: "Ein Lied — песня".into(),
        description: "First line\nsecond \"line\" \\ \u{1f3b5}".into(),
        tags: vec!["folk".into(), "2026".into()],
        tier_requirements: vec![Tier::Basic, Tier::Audio],
        fingerprint: Some(B256::repeat_byte(3)),
        fp_id: Some(B256::repeat_byte(4)),
        fragments,
        price_per_min: 1_200,
        region_rule: "world".into(),
        collaborators: vec![Collaborator {
            creator_id: CreatorId::of_key(key(2).verifying_key()),
            share_ppm: 150_000,
        }],
    }
}

pub(crate) fn manifest() -> Manifest {
    body().sign(|hash| signature(&key(1), hash)).unwrap()
}

/// The body as one fragment of other contents.
pub(crate) fn with_one_fragment(mut body: ManifestBody) -> ManifestBody {
    body.fragments.truncate(1);
    body.content_id = ContentId::raw(body.fragments[0].fragment_hash);
    body
}
