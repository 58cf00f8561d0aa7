use std::{collections::BTreeMap, sync::OnceLock};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use cwe_usage::Element;
use cwe_usage_circuits::VerifyingKeys;

use super::*;
use crate::{
    receipt,
    testing::{self, EPOCH, proofs},
    view::{EpochTerms, NotOfEpoch, NotOpen},
};

pub(crate) const PAYOUTS: Address = Address::repeat_byte(5);

/// Verifying keys, the chain, and reveals that hold on it.
pub(crate) fn real() -> &'static (VerifyingKeys, View, Vec<RevealBody>) {
    static REAL: OnceLock<(VerifyingKeys, View, Vec<RevealBody>)> = OnceLock::new();
    REAL.get_or_init(|| {
        let keys = proofs::keys();
        let (epoch, bodies) = proofs::prove(&keys, EPOCH, 4);
        let terms = EpochTerms {
            key: epoch.key,
            note_root: epoch.note_root,
            tiers: vec![B256::with_last_byte(1), epoch.tier],
            registry: testing::registry(proofs::WORKS),
        };
        let mut view = testing::view();
        view.epochs.get_mut(&EPOCH).unwrap().terms = Some(Arc::new(terms));
        (keys.verifying_keys(), view, bodies)
    })
}

pub(crate) struct Fixture {
    pub(crate) ingress: Ingress,
    pub(crate) store: Store,
    pub(crate) counts: Arc<Counts>,
    pub(crate) view: watch::Sender<Option<Arc<View>>>,
    folder: tempfile::TempDir,
}

pub(crate) async fn start(limits: LimitsSection) -> Fixture {
    restart(tempfile::tempdir().unwrap(), limits).await
}

async fn restart(folder: tempfile::TempDir, limits: LimitsSection) -> Fixture {
    let (keys, view, _) = real();
    let address = format!("sqlite:{}", folder.path().join("reveals.db").display());
    let store = Store::open(&address).await.unwrap();
    let (shown, view) = watch::channel(Some(Arc::new(view.clone())));
    let counts = Arc::new(Counts::of(&store).await.unwrap());
    let key = PrivateKeySigner::from_bytes(&B256::with_last_byte(1)).unwrap();
    let signer = ReceiptSigner::new(key, 31_337, PAYOUTS);
    let verifier = RevealVerifier::new(keys.clone());
    let (ingress, _) = Ingress::start(view, store.clone(), counts.clone(), signer, verifier, &limits);
    Fixture {
        ingress,
        store,
        counts,
        view: shown,
        folder,
    }
}

fn body(place: usize) -> RevealBody {
    real().2[place].clone()
}

#[tokio::test]
async fn a_reveal_that_holds_has_a_receipt_and_the_same_one_again_after_a_restart() {
    let fixture = start(LimitsSection::default()).await;
    let receipt = fixture.ingress.take(body(0)).await.unwrap();
    receipt.check(&receipt::domain(31_337, PAYOUTS)).unwrap();
    assert_eq!(receipt.nullifier, body(0).nullifier);
    assert_eq!(fixture.ingress.take(body(0)).await.unwrap(), receipt);
    assert_eq!(fixture.counts.get(EPOCH), 1);

    let Fixture { folder, ingress, .. } = fixture;
    drop(ingress);
    let again = restart(folder, LimitsSection::default()).await;
    assert_eq!(again.ingress.take(body(0)).await.unwrap(), receipt);
    assert_eq!(again.counts.get(EPOCH), 1);
}

#[tokio::test]
async fn a_proof_holds_for_its_record_only() {
    let fixture = start(LimitsSection::default()).await;
    let mut damaged = body(0);
    let mut bytes = damaged.proof.to_vec();
    bytes[100] ^= 1;
    damaged.proof = bytes.into();
    let wrong: [(&str, RevealBody); 5] = [
        ("damaged", damaged),
        (
            "another's proof",
            RevealBody {
                proof: body(1).proof,
                ..body(0)
            },
        ),
        (
            "more units",
            RevealBody {
                units: body(0).units + 1,
                ..body(0)
            },
        ),
        (
            "another work",
            RevealBody {
                work_id: body(1).work_id,
                ..body(0)
            },
        ),
        (
            "another nullifier",
            RevealBody {
                nullifier: body(1).nullifier,
                ..body(0)
            },
        ),
    ];
    for (name, body) in wrong {
        assert_eq!(fixture.ingress.take(body).await, Err(Refusal::Proof), "{name}");
    }
    let words = [
        ("not on the curve", [0x01; 32]),
        ("not canonical", [0xff; 32]),
        ("the point at infinity", [0; 32]),
    ];
    for (name, word) in words {
        let mut bytes = body(0).proof.to_vec();
        bytes[..32].copy_from_slice(&word);
        bytes[32..64].copy_from_slice(&word);
        let malformed = RevealBody {
            proof: bytes.into(),
            ..body(0)
        };
        assert_eq!(fixture.ingress.take(malformed).await, Err(Refusal::Proof), "{name}");
    }
    assert_eq!(fixture.store.count(EPOCH).await.unwrap(), 0);
    fixture.ingress.take(body(0)).await.unwrap();
}

#[tokio::test]
async fn bad_proofs_take_no_good_one_of_their_batch_with_them() {
    let fixture = start(LimitsSection::default()).await;
    let bad = RevealBody {
        proof: body(2).proof,
        ..body(3)
    };
    let taken =
        futures::future::join_all([body(0), body(1), bad, body(2)].map(|body| fixture.ingress.take(body))).await;
    assert!(taken[0].is_ok() && taken[1].is_ok() && taken[3].is_ok());
    assert_eq!(taken[2], Err(Refusal::Proof));
    assert_eq!(fixture.store.count(EPOCH).await.unwrap(), 3);
}

#[tokio::test]
async fn a_note_is_revealed_once_also_twice_at_once() {
    let fixture = start(LimitsSection::default()).await;
    let (one, two) = tokio::join!(fixture.ingress.take(body(0)), fixture.ingress.take(body(0)));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(fixture.counts.get(EPOCH), 1);
    let other = RevealBody {
        units: body(0).units + 1,
        ..body(0)
    };
    assert_eq!(fixture.ingress.take(other).await, Err(Refusal::Conflict));
}

#[tokio::test]
async fn what_is_not_of_the_epoch_is_refused_before_any_proof_is_checked() {
    let fixture = start(LimitsSection::default()).await;
    // No proof at all: it is not looked at.
    let no_proof = RevealBody {
        proof: vec![0; body(0).proof.len()].into(),
        ..body(0)
    };
    let word = B256::with_last_byte(200);
    for (body, expected) in [
        (
            RevealBody {
                tier_id: word,
                ..no_proof.clone()
            },
            NotOfEpoch::Tier,
        ),
        (
            RevealBody {
                work_id: word,
                ..no_proof.clone()
            },
            NotOfEpoch::Work,
        ),
        (
            RevealBody {
                price_per_min: 1,
                ..no_proof.clone()
            },
            NotOfEpoch::Price,
        ),
        (
            RevealBody {
                region_ppm: 1,
                ..no_proof.clone()
            },
            NotOfEpoch::Region,
        ),
        (
            RevealBody {
                note_root: word,
                ..no_proof.clone()
            },
            NotOfEpoch::NoteRoot,
        ),
    ] {
        assert_eq!(fixture.ingress.take(body).await, Err(expected.into()));
    }
    let epoch = |epoch| RevealBody {
        epoch,
        ..no_proof.clone()
    };
    assert_eq!(fixture.ingress.take(epoch(EPOCH - 1)).await, Err(NotOpen::Over.into()));
    let later = fixture.ingress.take(epoch(EPOCH + 1)).await;
    assert_eq!(later, Err(NotOpen::NotYet { opens_at: 0 }.into()));
}

#[tokio::test]
async fn no_more_is_kept_than_the_limit_and_what_is_there_still_has_its_receipt() {
    let limits = LimitsSection {
        max_reveals_per_epoch: 1,
        ..LimitsSection::default()
    };
    let fixture = start(limits).await;
    let receipt = fixture.ingress.take(body(0)).await.unwrap();
    assert_eq!(fixture.ingress.take(body(1)).await, Err(Refusal::Full));
    assert_eq!(fixture.ingress.take(body(0)).await.unwrap(), receipt);
}

#[tokio::test]
async fn without_a_view_of_the_chain_nothing_is_taken_or_refused_for_good() {
    let fixture = start(LimitsSection::default()).await;
    fixture.view.send_replace(None);
    assert_eq!(fixture.ingress.take(body(0)).await, Err(Refusal::Unavailable));
    let blank = View {
        head_secs: 0,
        epochs: BTreeMap::new(),
    };
    fixture.view.send_replace(Some(Arc::new(blank)));
    assert!(matches!(
        fixture.ingress.take(body(0)).await,
        Err(Refusal::NotOpen(NotOpen::NotYet { .. }))
    ));
}

#[tokio::test]
async fn a_key_that_the_proof_was_not_made_with_refuses_it() {
    let fixture = start(LimitsSection::default()).await;
    let mut view = real().1.clone();
    let epoch = view.epochs.get_mut(&EPOCH).unwrap();
    let terms = EpochTerms {
        key: Element::from(1),
        ..EpochTerms::clone(epoch.terms.as_ref().unwrap())
    };
    epoch.terms = Some(Arc::new(terms));
    fixture.view.send_replace(Some(Arc::new(view)));
    assert_eq!(fixture.ingress.take(body(0)).await, Err(Refusal::Proof));
}
