//! The contracts' custom errors in words: what was wrong, with which value, and what to do.

use alloy::sol_types::{SolInterface, decode_revert_reason};
use cwe_bindings::economy::contracts::{
    creator_registry::CreatorRegistry::CreatorRegistryErrors, cwe_consumption::CWEConsumption::CWEConsumptionErrors,
    cwe_identity::CWEIdentity::CWEIdentityErrors, cwe_payouts::CWEPayouts::CWEPayoutsErrors,
    cwe_tiers::CWETiers::CWETiersErrors, epoch_clock::EpochClock::EpochClockErrors,
    region_rules::RegionRules::RegionRulesErrors, split_pay::SplitPay::SplitPayErrors,
    work_registry::WorkRegistry::WorkRegistryErrors,
};

use super::ids::name_of;
use crate::amount;

/// How much of unknown revert data is shown.
const SHOWN_BYTES: usize = 128;

/// What a contract meant by reverting with `data`.
pub(crate) fn explain(data: &[u8]) -> String {
    works(data)
        .or_else(|| tiers(data))
        .or_else(|| usage(data))
        .or_else(|| creators(data))
        .or_else(|| epochs(data))
        .or_else(|| payments(data))
        .or_else(|| payouts(data))
        .or_else(|| others(data))
        .or_else(|| decode_revert_reason(data).filter(|reason| !reason.is_empty()))
        .unwrap_or_else(|| {
            format!(
                "the contract refused without a reason that is known here (data 0x{})",
                hex(data)
            )
        })
}

fn works(data: &[u8]) -> Option<String> {
    use WorkRegistryErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::WorkIdInvalid(e) => format!("{} is no work id: it is not zero and its first byte is zero", e.workId),
        E::WorkExists(e) => format!(
            "work id {} is taken; make a new draft, which draws a new id (an announcement stays valid)",
            e.workId
        ),
        E::UnknownWork(e) => format!("there is no work {}", e.workId),
        E::DuplicateContent(e) => format!("content {} already belongs to work {}", e.contentId, e.workId),
        E::DuplicateFingerprint(e) => format!("fingerprint {} already belongs to work {}", e.fpId, e.workId),
        E::ClaimNotAnnounced(e) => {
            format!(
                "the content was not announced (claim {}); `cwe creator work publish` announces it",
                e.claim
            )
        }
        E::ClaimTooRecent(e) => format!(
            "the content was announced too recently; it can be registered from Unix time {} on",
            e.countsAt
        ),
        E::CreatorNotActive(e) => format!(
            "creator {} has no active creator credential; an issuer must give one (see `cwe creator register`)",
            e.creatorId
        ),
        E::NotCreator(e) if e.creatorId.is_zero() => {
            format!("{} is not a registered creator; run `cwe creator register`", e.caller)
        }
        E::NotCreator(e) => format!(
            "{} is neither the key of creator {} nor its delegate for this",
            e.caller, e.creatorId
        ),
        E::ConsentMissing(e) => format!(
            "payee {} has not agreed; it signs the draft with `cwe creator work consent`",
            e.payee
        ),
        E::ConsentExpired(e) => format!(
            "the consent of payee {} expired at Unix time {}; it must sign again",
            e.payee, e.deadline
        ),
        E::ConsentInvalid(e) => format!(
            "the consent of payee {} is not its signature over this work, version, creator and share",
            e.payee
        ),
        E::SharesDoNotSum(e) => format!("the shares add up to {} ppm, not to 1000000", e.sum),
        E::PayeeCountInvalid(e) => format!("a work has 1 to {} payees, not {}", e.maximum, e.count),
        E::PayeeInvalid(e) => format!("payee {} ({}) has no address or no share", e.index, e.payee),
        E::DuplicatePayee(e) => format!("payee {} is named twice", e.payee),
        E::WorkBlacklisted(e) => format!("work {} is blacklisted by governance", e.workId),
        E::StatusInvalid(e) => format!("the status can't change from {} to {}", e.current, e.wanted),
        other => format!("{other:?}"),
    })
}

fn tiers(data: &[u8]) -> Option<String> {
    use CWETiersErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::UnknownTier(e) => format!("there is no tier `{}` in epoch {}", name_of(e.tierId), e.epoch),
        E::WrongFee(e) => format!(
            "the fee is {}, not {}; it changed in between, run the command again",
            amount::show(e.required),
            amount::show(e.given)
        ),
        E::AlreadySubscribed(e) => format!(
            "this identity is already subscribed in epoch {}; see `cwe listener status`, or use --next-epoch",
            e.epoch
        ),
        E::NotSubscribed(e) => format!("this identity is not subscribed in epoch {}", e.epoch),
        E::NotAFieldElement(e) => format!(
            "{:#x} is no identity commitment: it is not zero and below the BN254 scalar modulus",
            e.value
        ),
        E::TreeFull(_) => "all 1048576 subscriptions of this epoch are taken; use --next-epoch".into(),
        other => format!("{other:?}"),
    })
}

fn usage(data: &[u8]) -> Option<String> {
    use CWEConsumptionErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::SubmissionsClosed(_) => "no epoch takes submissions now".into(),
        E::EpochKeyMissing(e) => format!(
            "the key of epoch {} is not fixed; anybody can call EpochBeacon.fix once an L1 block after its end is relayed",
            e.epoch
        ),
        E::VerifierNotSet(_) => "this chain takes no submissions: no verifier of Split proofs is set".into(),
        E::NullifierUsed(e) => format!(
            "a submission with nullifier {} was taken in epoch {}",
            e.nullifier, e.epoch
        ),
        E::TierExhausted(e) => format!(
            "all {} subscribers of tier `{}` have submitted in epoch {}",
            e.subscribers,
            name_of(e.tierId),
            e.epoch
        ),
        E::ProofInvalid(_) => "the Split proof does not hold".into(),
        other => format!("{other:?}"),
    })
}

fn creators(data: &[u8]) -> Option<String> {
    use CreatorRegistryErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::CreatorExists(e) => format!("creator {} is already registered", e.creatorId),
        E::UnknownCreator(e) => format!("creator {} is not registered; run `cwe creator register`", e.creatorId),
        E::SignatureInvalid(e) => format!("only the creator's key {} may do this", e.key),
        other => format!("{other:?}"),
    })
}

fn epochs(data: &[u8]) -> Option<String> {
    use EpochClockErrors as E;
    use RegionRulesErrors as R;
    if let Ok(R::UnknownRegionRule(e)) = R::abi_decode(data) {
        return Some(format!("there is no region rule `{}`", name_of(e.rule)));
    }
    Some(match E::abi_decode(data).ok()? {
        E::NotStarted(e) => format!("the first epoch starts at Unix time {}", e.startsAt),
        other => format!("{other:?}"),
    })
}

fn payments(data: &[u8]) -> Option<String> {
    use SplitPayErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::NothingOwed(e) => format!("nothing is owed to {}", e.account),
        E::PaymentRefused(e) => format!(
            "{} did not accept {}; it stays owed",
            e.recipient,
            amount::show(e.amount)
        ),
        other => format!("{other:?}"),
    })
}

fn payouts(data: &[u8]) -> Option<String> {
    use CWEPayoutsErrors as E;
    Some(match E::abi_decode(data).ok()? {
        E::AlreadyWithdrawn(e) => format!("the payout of work {} of epoch {} was withdrawn before", e.workId, e.epoch),
        E::PayoutInvalid(e) => format!(
            "the payout list of epoch {} does not have {} for work {}, or the epoch is not settled",
            e.epoch,
            amount::show(e.amount),
            e.workId
        ),
        other => format!("{other:?}"),
    })
}

fn others(data: &[u8]) -> Option<String> {
    let identity = CWEIdentityErrors::abi_decode(data).ok();
    identity.map(|error| format!("{error:?}"))
}

/// The beginning is enough: errors that are meant to be read are short.
fn hex(data: &[u8]) -> String {
    alloy::hex::encode(&data[..data.len().min(SHOWN_BYTES)])
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{Address, B256, U256},
        sol_types::SolError,
    };
    use cwe_bindings::economy::contracts::{CWETiers, RegionRules, WorkRegistry};

    use super::*;

    #[test]
    fn a_refusal_says_the_value_and_what_to_do() {
        let taken = WorkRegistry::WorkExists {
            workId: B256::repeat_byte(7),
        };
        let text = explain(&taken.abi_encode());
        assert!(
            text.contains(&B256::repeat_byte(7).to_string()) && text.contains("new draft"),
            "{text}"
        );
        let stranger = WorkRegistry::NotCreator {
            caller: Address::repeat_byte(1),
            creatorId: B256::ZERO,
        };
        assert!(explain(&stranger.abi_encode()).contains("cwe creator register"));
        let fee = CWETiers::WrongFee {
            given: U256::ZERO,
            required: U256::from(10).pow(U256::from(18)),
        };
        assert!(explain(&fee.abi_encode()).contains("1 CLN"));
        let region = RegionRules::UnknownRegionRule {
            rule: B256::right_padding_from(b"atlantis"),
        };
        assert!(explain(&region.abi_encode()).contains("`atlantis`"));
    }

    #[test]
    fn what_is_unknown_is_shown_as_it_came() {
        assert!(explain(&[0xde, 0xad, 0xbe, 0xef]).contains("deadbeef"));
        assert!(explain(&[]).contains("without a reason"));
        let long = vec![0xff; 10_000];
        assert!(explain(&long).len() < 400);
    }
}
