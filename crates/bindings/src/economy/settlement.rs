//! A settlement as the contracts and as the payout arithmetic (`cwe_dapr`) write it.

use super::contracts::cwe_payouts::{ICWEPayouts, IEconomyParameters};

impl From<&ICWEPayouts::SettlementInputs> for cwe_dapr::SettlementInputs {
    fn from(inputs: &ICWEPayouts::SettlementInputs) -> Self {
        let tiers = inputs.tierIds.iter().zip(&inputs.fees).zip(&inputs.revenues);
        Self {
            epoch: inputs.epoch,
            ends_at: inputs.endsAt,
            totals_root: inputs.totalsRoot,
            registry_commitment: inputs.registryCommitment,
            parameters: (&inputs.parameters).into(),
            tiers: tiers
                .map(|((id, fee), revenue)| cwe_dapr::Tier {
                    id: *id,
                    fee: *fee,
                    revenue: *revenue,
                })
                .collect(),
            carried_root_in: inputs.carriedRootIn,
            carried_in: inputs.carriedIn,
            unclaimed_in: inputs.unclaimedIn,
            eco: inputs.eco,
            infra: inputs.infra,
        }
    }
}

impl From<&IEconomyParameters::Parameters> for cwe_dapr::Parameters {
    fn from(parameters: &IEconomyParameters::Parameters) -> Self {
        Self {
            eco_ppm: parameters.ecoPpm,
            infra_ppm: parameters.infraPpm,
            diminishing_ppm: parameters.diminishingPpm,
            min_reveals: parameters.minReveals,
            half_life: parameters.halfLife,
        }
    }
}

impl From<&ICWEPayouts::Settlement> for cwe_dapr::Settlement {
    fn from(settlement: &ICWEPayouts::Settlement) -> Self {
        Self {
            creators: settlement.creators,
            carried: settlement.carried,
            unclaimed: settlement.unclaimed,
            payout_root: settlement.payoutRoot,
            carried_root: settlement.carriedRoot,
            payouts_hash: settlement.payoutsHash,
        }
    }
}

impl From<&cwe_dapr::Settlement> for ICWEPayouts::Settlement {
    fn from(settlement: &cwe_dapr::Settlement) -> Self {
        Self {
            creators: settlement.creators,
            carried: settlement.carried,
            unclaimed: settlement.unclaimed,
            payoutRoot: settlement.payout_root,
            carriedRoot: settlement.carried_root,
            payoutsHash: settlement.payouts_hash,
        }
    }
}
