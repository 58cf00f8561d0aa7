// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {EconomyFixture} from "./EconomyFixture.sol";
import {PayoutList} from "./PayoutList.sol";

/// @notice A coordinator's side of things, as far as the contracts can see.
abstract contract PayoutsFixture is EconomyFixture {
    address internal coordinator = makeAddr("coordinator");

    /// @dev An aggregate on the present roots with this many units in each of the two tiers.
    function aggregateOf(uint64 epoch, uint64 lightUnits, uint64 heavyUnits)
        internal
        view
        returns (ICWEPayouts.Aggregate memory aggregate)
    {
        (aggregate.nullifierRootBefore, aggregate.totalsRootBefore,) = payouts.rootsOf(epoch);
        aggregate.nullifierRootAfter = keccak256(abi.encode(aggregate.nullifierRootBefore, lightUnits, heavyUnits));
        aggregate.totalsRootAfter = keccak256(abi.encode(aggregate.totalsRootBefore, lightUnits, heavyUnits));
        aggregate.reveals = 5;
        aggregate.units = new uint64[](2);
        (aggregate.units[0], aggregate.units[1]) = (lightUnits, heavyUnits);
    }

    function submitAggregate(uint64 epoch, ICWEPayouts.Aggregate memory aggregate) internal {
        verifier.accept(payouts.aggregateValue(epoch, aggregate, coordinator), "aggregate");
        vm.prank(coordinator);
        payouts.submitAggregate(epoch, aggregate, "aggregate");
    }

    /// @dev Inflow of an epoch after the protocol's shares.
    function distributable(uint64 epoch) internal view returns (uint256 amount) {
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(epoch);
        for (uint256 i = 0; i < inputs.revenues.length; ++i) {
            amount += inputs.revenues[i];
        }
        amount += inputs.carriedIn + inputs.unclaimedIn;
        amount -= inputs.eco + inputs.infra;
    }

    function proveSettlement(uint64 epoch, ICWEPayouts.Settlement memory settlement) internal {
        verifier.accept(payouts.settlementValue(epoch, settlement), "settlement");
        payouts.proveSettlement(epoch, settlement, "settlement");
    }

    function listOf(uint64 epoch, bytes32[] memory works, uint256[] memory amounts)
        internal
        pure
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](works.length);
        for (uint256 i = 0; i < works.length; ++i) {
            leaves[i] = PayoutList.leaf(epoch, works[i], amounts[i]);
        }
    }
}
