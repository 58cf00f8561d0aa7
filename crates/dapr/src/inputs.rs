//! What a settlement follows from and what it says, as `CWEPayouts` has them, and the public value of its proof.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolValue;

/// What stands for the whole where shares are in parts per million.
pub const PPM: u128 = 1_000_000;
/// Units that one subscription is divided into.
pub const UNITS: u128 = 100;
/// Most tiers that there can ever be, as in `CWETiers`.
pub const MAX_TIERS: usize = 16;

/// Governed figures of an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Of the epoch's fees, in ppm, to the eco-reserve.
    pub eco_ppm: u32,
    /// Of the epoch's fees, in ppm, to infrastructure.
    pub infra_ppm: u32,
    /// The `k` of diminishing returns, in ppm. It is in the units already.
    pub diminishing_ppm: u32,
    /// A work and tier with fewer reveals than this are carried on.
    pub min_reveals: u32,
    /// Whether a work's age weighs its payout.
    pub half_life: bool,
}

/// A tier in an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tier {
    /// Its id.
    pub id: B256,
    /// CLN wei a subscription.
    pub fee: U256,
    /// CLN wei taken.
    pub revenue: U256,
}

/// All that a settlement follows from: `CWEPayouts.settlementInputs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettlementInputs {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Unix time in seconds of the epoch's end, from which ages of works count.
    pub ends_at: u64,
    /// Root of the totals trie of the settlement's basis.
    pub totals_root: B256,
    /// Works and region factors of the epoch.
    pub registry_commitment: B256,
    /// The governed figures.
    pub parameters: Parameters,
    /// All tiers, in the order of `CWETiers.tierIds`.
    pub tiers: Vec<Tier>,
    /// Root of the trie of what the epoch before carried.
    pub carried_root_in: B256,
    /// Its amounts together, CLN wei.
    pub carried_in: U256,
    /// What the epoch before left unclaimed, CLN wei.
    pub unclaimed_in: U256,
    /// The eco-reserve's share of this epoch's fees, CLN wei.
    pub eco: U256,
    /// The infrastructure's, CLN wei.
    pub infra: U256,
}

/// How an epoch's inflow is divided, apart from the protocol's shares: what `CWEPayouts.proveSettlement` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Sum of the payout list, CLN wei.
    pub creators: U256,
    /// Of works seen too few times, CLN wei: goes into the next epoch.
    pub carried: U256,
    /// Of units never revealed, and what roundings leave, CLN wei: goes into the next epoch's creators' pool.
    pub unclaimed: U256,
    /// Root of the tree of the payout list, see [`PayoutTree`](crate::PayoutTree); 0 for an empty list.
    pub payout_root: B256,
    /// Root of the trie of what is carried.
    pub carried_root: B256,
    /// Hash of the list as it is published, see [`payouts_hash`](crate::payouts_hash); 0 for an empty list.
    pub payouts_hash: B256,
}

/// Public value of a settlement's proof: `keccak256(abi.encode(uint256 chainId, SettlementInputs, Settlement))`.
pub fn public_value(chain_id: u64, inputs: &SettlementInputs, settlement: &Settlement) -> B256 {
    let encoded = (
        U256::from(chain_id),
        abi::SettlementInputs::from(inputs),
        abi::Settlement::from(settlement),
    )
        .abi_encode_params();
    keccak256(encoded)
}

/// The structs as Solidity declares them in `ICWEPayouts`.
mod abi {
    alloy_sol_types::sol! {
        struct Parameters {
            uint32 ecoPpm;
            uint32 infraPpm;
            uint32 diminishingPpm;
            uint32 minReveals;
            bool halfLife;
        }

        struct SettlementInputs {
            uint64 epoch;
            uint64 endsAt;
            bytes32 totalsRoot;
            bytes32 registryCommitment;
            Parameters parameters;
            bytes32[] tierIds;
            uint256[] fees;
            uint256[] revenues;
            bytes32 carriedRootIn;
            uint256 carriedIn;
            uint256 unclaimedIn;
            uint256 eco;
            uint256 infra;
        }

        struct Settlement {
            uint256 creators;
            uint256 carried;
            uint256 unclaimed;
            bytes32 payoutRoot;
            bytes32 carriedRoot;
            bytes32 payoutsHash;
        }
    }
}

impl From<&SettlementInputs> for abi::SettlementInputs {
    fn from(inputs: &SettlementInputs) -> Self {
        let parameters = inputs.parameters;
        Self {
            epoch: inputs.epoch,
            endsAt: inputs.ends_at,
            totalsRoot: inputs.totals_root,
            registryCommitment: inputs.registry_commitment,
            parameters: abi::Parameters {
                ecoPpm: parameters.eco_ppm,
                infraPpm: parameters.infra_ppm,
                diminishingPpm: parameters.diminishing_ppm,
                minReveals: parameters.min_reveals,
                halfLife: parameters.half_life,
            },
            tierIds: inputs.tiers.iter().map(|tier| tier.id).collect(),
            fees: inputs.tiers.iter().map(|tier| tier.fee).collect(),
            revenues: inputs.tiers.iter().map(|tier| tier.revenue).collect(),
            carriedRootIn: inputs.carried_root_in,
            carriedIn: inputs.carried_in,
            unclaimedIn: inputs.unclaimed_in,
            eco: inputs.eco,
            infra: inputs.infra,
        }
    }
}

impl From<&Settlement> for abi::Settlement {
    fn from(settlement: &Settlement) -> Self {
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

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;

    fn inputs() -> SettlementInputs {
        let tier = |id: u8, fee: u64, revenue: u64| Tier {
            id: B256::with_last_byte(id),
            fee: U256::from(fee),
            revenue: U256::from(revenue),
        };
        SettlementInputs {
            epoch: 7,
            ends_at: 1_700_000_000,
            totals_root: B256::repeat_byte(0xa1),
            registry_commitment: B256::repeat_byte(0xa2),
            parameters: Parameters {
                eco_ppm: 50_000,
                infra_ppm: 100_000,
                diminishing_ppm: 1_000_000,
                min_reveals: 5,
                half_life: true,
            },
            tiers: alloc::vec![tier(0xb1, 3, 30), tier(0xb2, 5, 50)],
            carried_root_in: B256::repeat_byte(0xa3),
            carried_in: U256::from(11),
            unclaimed_in: U256::from(12),
            eco: U256::from(4),
            infra: U256::from(8),
        }
    }

    fn settlement() -> Settlement {
        Settlement {
            creators: U256::from(70),
            carried: U256::from(13),
            unclaimed: U256::from(8),
            payout_root: B256::repeat_byte(0xc1),
            carried_root: B256::repeat_byte(0xc2),
            payouts_hash: B256::repeat_byte(0xc3),
        }
    }

    /// From `cast abi-encode` with the tuple types of `ICWEPayouts`, and `cast keccak`.
    #[test]
    fn the_public_value_is_the_one_that_another_encoder_gives() {
        let expected = b256!("fd1f02051b7f6612c0b0ee44741067d6d653bc59ab15d2ed496ea23929ac41dd");
        assert_eq!(public_value(51_337, &inputs(), &settlement()), expected);
    }

    #[test]
    fn every_field_is_in_the_public_value() {
        let value = public_value(1, &inputs(), &settlement());
        assert_ne!(public_value(2, &inputs(), &settlement()), value);
        let other_inputs: [fn(&mut SettlementInputs); 13] = [
            |inputs| inputs.epoch += 1,
            |inputs| inputs.ends_at += 1,
            |inputs| inputs.totals_root.0[0] ^= 1,
            |inputs| inputs.registry_commitment.0[0] ^= 1,
            |inputs| inputs.parameters.min_reveals += 1,
            |inputs| inputs.parameters.half_life = false,
            |inputs| inputs.tiers[1].revenue += U256::from(1),
            |inputs| inputs.tiers.swap(0, 1),
            |inputs| inputs.carried_root_in.0[0] ^= 1,
            |inputs| inputs.carried_in += U256::from(1),
            |inputs| inputs.unclaimed_in += U256::from(1),
            |inputs| inputs.eco += U256::from(1),
            |inputs| inputs.infra += U256::from(1),
        ];
        for change in other_inputs {
            let mut inputs = inputs();
            change(&mut inputs);
            assert_ne!(public_value(1, &inputs, &settlement()), value);
        }
        let other_settlements: [fn(&mut Settlement); 6] = [
            |settlement| settlement.creators += U256::from(1),
            |settlement| settlement.carried += U256::from(1),
            |settlement| settlement.unclaimed += U256::from(1),
            |settlement| settlement.payout_root.0[0] ^= 1,
            |settlement| settlement.carried_root.0[0] ^= 1,
            |settlement| settlement.payouts_hash.0[0] ^= 1,
        ];
        for change in other_settlements {
            let mut settlement = settlement();
            change(&mut settlement);
            assert_ne!(public_value(1, &inputs(), &settlement), value);
        }
    }
}
