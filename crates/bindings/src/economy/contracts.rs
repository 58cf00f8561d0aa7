//! Generated bindings of the economy's contracts: a module each, because structs that two of them share would otherwise
//! be declared twice. Structs are where Solidity declares them: [`work_registry::ICWERegistry::Content`] and so on.
#![allow(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated: the documentation is the NatSpec of the Solidity interfaces"
)]

/// When epochs and their windows run.
pub mod epoch_clock {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        EpochClock,
        "abi/EpochClock.json"
    );
}

/// The key of each epoch.
pub mod epoch_beacon {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        EpochBeacon,
        "abi/EpochBeacon.json"
    );
}

/// The governed figures.
pub mod economy_parameters {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        EconomyParameters,
        "abi/EconomyParameters.json"
    );
}

/// The table of region factors.
pub mod region_rules {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        RegionRules,
        "abi/RegionRules.json"
    );
}

/// Credentials: who is a creator, a person, a node operator.
pub mod cwe_identity {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        CWEIdentity,
        "abi/CWEIdentity.json"
    );
}

/// Creators by their long-term keys.
pub mod creator_registry {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        CreatorRegistry,
        "abi/CreatorRegistry.json"
    );
}

/// Works, payees, prices.
pub mod work_registry {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        WorkRegistry,
        "abi/WorkRegistry.json"
    );
}

/// Payments to works.
pub mod split_pay {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        SplitPay,
        "abi/SplitPay.json"
    );
}

/// Commissions.
pub mod escrow {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        Escrow,
        "abi/Escrow.json"
    );
}

/// Sales of works and editions.
pub mod direct_sale {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        DirectSale,
        "abi/DirectSale.json"
    );
}

/// The protocol's accounts.
pub mod treasury {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        Treasury,
        "abi/Treasury.json"
    );
}

/// What relayers get back.
pub mod submission_refunds {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        SubmissionRefunds,
        "abi/SubmissionRefunds.json"
    );
}

/// Subscriptions.
pub mod cwe_tiers {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        CWETiers,
        "abi/CWETiers.json"
    );
}

/// Split proofs and the note tree.
pub mod cwe_consumption {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        CWEConsumption,
        "abi/CWEConsumption.json"
    );
}

/// What checks Split proofs.
pub mod split_verifier {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        SplitVerifier,
        "abi/SplitVerifier.json"
    );
}

/// What checks aggregates of reveals.
pub mod aggregation_verifier {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        AggregationVerifier,
        "abi/AggregationVerifier.json"
    );
}

/// Aggregates, settlements, claims.
pub mod cwe_payouts {
    alloy::sol!(
        #[sol(rpc)]
        #[derive(Debug, PartialEq, Eq)]
        CWEPayouts,
        "abi/CWEPayouts.json"
    );
}

pub use self::{
    aggregation_verifier::AggregationVerifier, creator_registry::CreatorRegistry, cwe_consumption::CWEConsumption,
    cwe_identity::CWEIdentity, cwe_payouts::CWEPayouts, cwe_tiers::CWETiers, direct_sale::DirectSale,
    economy_parameters::EconomyParameters, epoch_beacon::EpochBeacon, epoch_clock::EpochClock, escrow::Escrow,
    region_rules::RegionRules, split_pay::SplitPay, split_verifier::SplitVerifier,
    submission_refunds::SubmissionRefunds, treasury::Treasury, work_registry::WorkRegistry,
};
