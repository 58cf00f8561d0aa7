// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {EconomyFixture} from "./EconomyFixture.sol";
import {PayoutList} from "./PayoutList.sol";

/// @notice A coordinator's side of things, as far as the contracts can see.
abstract contract PayoutsFixture is EconomyFixture {
    bytes32 internal constant EMPTY_TRIE = keccak256(hex"80");
    /// @dev Entries of every chunk of a published list but the last.
    uint256 internal constant CHUNK = 2048;

    address internal coordinator = makeAddr("coordinator");

    /* aggregates */

    /// @dev The state without reveals.
    function emptyBasis() internal pure returns (ICWEPayouts.Basis memory) {
        return ICWEPayouts.Basis(EMPTY_TRIE, EMPTY_TRIE, false);
    }

    /// @dev The state with the most reveals.
    function bestBasis(uint64 epoch) internal view returns (ICWEPayouts.Basis memory basis) {
        (basis.nullifierRoot, basis.totalsRoot,) = payouts.rootsOf(epoch);
    }

    /// @dev The state that an aggregate leads to.
    function after_(ICWEPayouts.Aggregate memory aggregate) internal pure returns (ICWEPayouts.Basis memory) {
        return ICWEPayouts.Basis(aggregate.nullifierRootAfter, aggregate.totalsRootAfter, false);
    }

    function abandoning(ICWEPayouts.Basis memory basis) internal pure returns (ICWEPayouts.Basis memory) {
        return ICWEPayouts.Basis(basis.nullifierRoot, basis.totalsRoot, true);
    }

    /// @dev An aggregate of five reveals on a state, with this many units in each of the two tiers.
    function aggregateOn(ICWEPayouts.Basis memory basis, uint64 lightUnits, uint64 heavyUnits)
        internal
        pure
        returns (ICWEPayouts.Aggregate memory aggregate)
    {
        (aggregate.nullifierRootBefore, aggregate.totalsRootBefore) = (basis.nullifierRoot, basis.totalsRoot);
        aggregate.nullifierRootAfter = keccak256(abi.encode(aggregate.nullifierRootBefore, lightUnits, heavyUnits));
        aggregate.totalsRootAfter = keccak256(abi.encode(aggregate.totalsRootBefore, lightUnits, heavyUnits));
        aggregate.reveals = 5;
        aggregate.units = new uint64[](2);
        (aggregate.units[0], aggregate.units[1]) = (lightUnits, heavyUnits);
    }

    /// @dev The same on the best state.
    function aggregateOf(uint64 epoch, uint64 lightUnits, uint64 heavyUnits)
        internal
        view
        returns (ICWEPayouts.Aggregate memory aggregate)
    {
        return aggregateOn(bestBasis(epoch), lightUnits, heavyUnits);
    }

    function acceptAggregate(uint64 epoch, ICWEPayouts.Aggregate memory aggregate) internal {
        verifier.accept(payouts.aggregateValue(epoch, aggregate, coordinator), "aggregate");
    }

    function submitAggregate(uint64 epoch, ICWEPayouts.Aggregate memory aggregate) internal {
        acceptAggregate(epoch, aggregate);
        vm.prank(coordinator);
        payouts.submitAggregate(epoch, aggregate, "aggregate");
    }

    /* settlements */

    /// @dev Inflow of an epoch after the protocol's shares. What is abandoned is a part of it all the same.
    function distributable(uint64 epoch) internal view returns (uint256 amount) {
        ICWEPayouts.SettlementInputs memory inputs = payouts.settlementInputs(epoch, emptyBasis());
        for (uint256 i = 0; i < inputs.revenues.length; ++i) {
            amount += inputs.revenues[i];
        }
        amount += inputs.carriedIn + inputs.unclaimedIn;
        amount -= inputs.eco + inputs.infra;
    }

    function acceptSettlement(uint64 epoch, ICWEPayouts.Basis memory basis, ICWEPayouts.Settlement memory settlement)
        internal
    {
        verifier.accept(payouts.settlementValue(epoch, basis, settlement), "settlement");
    }

    /// @dev By the coordinator, who has published the list.
    function proveSettlementOn(uint64 epoch, ICWEPayouts.Basis memory basis, ICWEPayouts.Settlement memory settlement)
        internal
    {
        acceptSettlement(epoch, basis, settlement);
        vm.prank(coordinator);
        payouts.proveSettlement(epoch, basis, settlement, "settlement");
    }

    function proveSettlement(uint64 epoch, ICWEPayouts.Settlement memory settlement) internal {
        proveSettlementOn(epoch, bestBasis(epoch), settlement);
    }

    /* payout lists */

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

    /// @dev One chunk by the coordinator.
    function publish(uint64 epoch, bytes32[] memory works, uint256[] memory amounts)
        internal
        returns (bytes32 payoutsHash)
    {
        vm.prank(coordinator);
        payouts.publishPayouts(epoch, 0, PayoutList.entries(works, amounts));
        (payoutsHash,) = payouts.publishedPayouts(epoch, coordinator);
    }
}
