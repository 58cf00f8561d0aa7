// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {ICWEConsumption} from "../interfaces/ICWEConsumption.sol";
import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";
import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {ICWETiers} from "../interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../interfaces/IEconomyParameters.sol";
import {IEpochBeacon} from "../interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {RevealStates} from "./RevealStates.sol";
import {Splits} from "./Splits.sol";

/// @title PayoutSources
/// @notice What aggregates and settlements follow from, read from the contracts that know it.
library PayoutSources {
    /// @notice Units that one subscription is divided into.
    uint256 internal constant UNITS = 100;

    /// @notice The contracts that payouts follow from.
    struct Sources {
        IEpochClock clock;
        IEpochBeacon beacon;
        ICWETiers tiers;
        ICWEConsumption consumption;
        ICWERegistry registry;
        IEconomyParameters parameters;
        ITreasury treasury;
    }

    /// @notice See {ICWEPayouts-aggregateValue}.
    function aggregateValue(
        Sources storage self,
        uint64 epoch,
        ICWEPayouts.Aggregate calldata aggregate,
        address coordinator
    ) internal view returns (bytes32) {
        uint256 key = self.beacon.keyOf(epoch);
        uint256 noteRoot = self.consumption.noteRoot(epoch);
        bytes32 commitment = _registryCommitment(self, epoch);
        bytes32[] memory tierIds = _tierIds(self);
        return keccak256(abi.encode(block.chainid, epoch, key, noteRoot, commitment, tierIds, aggregate, coordinator));
    }

    /// @notice Units of a branch with those of another aggregate, by tier. Also without trust in the proof no tier can be
    /// paid more units than its submissions hold.
    function sumOfUnits(Sources storage self, uint64 epoch, uint64[] memory branch, uint64[] calldata added)
        internal
        view
        returns (uint64[] memory sums)
    {
        bytes32[] memory tierIds = _tierIds(self);
        if (added.length != tierIds.length) {
            revert ICWEPayouts.UnitsLengthInvalid(added.length, tierIds.length);
        }
        sums = new uint64[](added.length);
        // Calls in a loop: the protocol's own contracts, and never more than CWETiers.MAX_TIERS times.
        // slither-disable-start calls-loop
        for (uint256 i = 0; i < added.length; ++i) {
            if (i < branch.length) sums[i] = branch[i];
            if (added[i] == 0) continue;
            uint256 sumOfTier = uint256(sums[i]) + added[i];
            uint256 maximum = UNITS * self.consumption.submissionsOf(epoch, tierIds[i]);
            if (sumOfTier > maximum) revert ICWEPayouts.TooManyUnits(tierIds[i], sumOfTier, maximum);
            // forge-lint: disable-next-line(unsafe-typecast): at most 100 · 2²⁰
            sums[i] = uint64(sumOfTier);
        }
        // slither-disable-end calls-loop
    }

    /// @notice See {ICWEPayouts-settlementInputs}.
    /// @param previous The settlement of the epoch before.
    function settlementInputs(
        Sources storage self,
        uint64 epoch,
        ICWEPayouts.Basis memory basis,
        ICWEPayouts.Settlement memory previous
    ) internal view returns (ICWEPayouts.SettlementInputs memory inputs) {
        inputs.epoch = epoch;
        inputs.endsAt = windowsOf(self, epoch).endsAt;
        inputs.totalsRoot = basis.totalsRoot;
        inputs.registryCommitment = _registryCommitment(self, epoch);
        inputs.parameters = self.parameters.parametersOf(epoch);
        inputs.tierIds = _tierIds(self);
        inputs.fees = _fees(self.tiers, epoch, inputs.tierIds);
        inputs.revenues = revenuesOf(self.tiers, epoch, inputs.tierIds);
        bool nothingCarried = basis.abandonCarried || previous.carriedRoot == 0;
        inputs.carriedRootIn = nothingCarried ? RevealStates.EMPTY_TRIE_ROOT : previous.carriedRoot;
        (inputs.carriedIn, inputs.unclaimedIn) =
            basis.abandonCarried ? (0, previous.carried + previous.unclaimed) : (previous.carried, previous.unclaimed);
        uint256 fees = sum(inputs.revenues);
        inputs.eco = Splits.part(fees, inputs.parameters.ecoPpm);
        inputs.infra = Splits.part(fees, inputs.parameters.infraPpm);
    }

    /// @notice What an epoch's subscriptions paid, CLN wei by tier.
    function revenuesOf(ICWETiers tiers, uint64 epoch, bytes32[] memory tierIds)
        internal
        view
        returns (uint256[] memory revenues)
    {
        revenues = new uint256[](tierIds.length);
        // Calls in a loop: the protocol's own contracts, and never more than CWETiers.MAX_TIERS times. Of the revenue the
        // number of subscribers is not needed.
        // slither-disable-start calls-loop,unused-return
        for (uint256 i = 0; i < tierIds.length; ++i) {
            (revenues[i],) = tiers.revenueOf(epoch, tierIds[i]);
        }
        // slither-disable-end calls-loop,unused-return
    }

    /// @notice See {IEpochClock-windowsOf}.
    function windowsOf(Sources storage self, uint64 epoch) internal view returns (IEpochClock.Windows memory) {
        return self.clock.windowsOf(epoch);
    }

    /// @notice All that an epoch has to divide.
    function inflow(ICWEPayouts.SettlementInputs memory inputs) internal pure returns (uint256) {
        return sum(inputs.revenues) + inputs.carriedIn + inputs.unclaimedIn;
    }

    /// @notice All of `amounts` together.
    function sum(uint256[] memory amounts) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            total += amounts[i];
        }
    }

    function _fees(ICWETiers tiers, uint64 epoch, bytes32[] memory tierIds)
        private
        view
        returns (uint256[] memory fees)
    {
        fees = new uint256[](tierIds.length);
        // As in {revenuesOf}.
        // slither-disable-start calls-loop
        for (uint256 i = 0; i < tierIds.length; ++i) {
            fees[i] = tiers.termsOf(tierIds[i], epoch).fee;
        }
        // slither-disable-end calls-loop
    }

    function _tierIds(Sources storage self) private view returns (bytes32[] memory) {
        return self.tiers.tierIds();
    }

    function _registryCommitment(Sources storage self, uint64 epoch) private view returns (bytes32) {
        return self.registry.registryCommitment(epoch);
    }
}
