// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWEPayouts} from "../../src/interfaces/ICWEPayouts.sol";
import {PayoutList} from "../utils/PayoutList.sol";
import {RevealsFixture} from "../utils/RevealsFixture.sol";

/// @notice Payout lists as they are published, chunk by chunk.
contract PayoutPublicationTest is RevealsFixture {
    function chunk(uint256 entries, bytes1 filling) internal pure returns (bytes memory bytes_) {
        bytes_ = new bytes(entries * 43);
        bytes_[0] = filling;
    }

    function link(bytes32 before, bytes memory entries) internal pure returns (bytes32) {
        return keccak256(abi.encode(before, keccak256(entries)));
    }

    function assertPublished(uint64 epoch, address publisher, bytes32 payoutsHash, uint32 chunks) internal view {
        (bytes32 given, uint32 count) = payouts.publishedPayouts(epoch, publisher);
        assertEq(given, payoutsHash);
        assertEq(count, chunks);
    }

    function expectOutOfOrder(uint32 given, uint32 next) internal {
        vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.PublicationOutOfOrder.selector, given, next));
    }

    function test_anEntryIsAWorkAndAnAmount() public pure {
        bytes memory entry = PayoutList.entry(bytes32(uint256(0x0102)), 0x0304);
        assertEq(entry.length, 43);
        assertEq(entry, bytes.concat(new bytes(29), hex"0102", new bytes(10), hex"0304"));
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (bytes32(uint256(0x0102)), bytes32(type(uint256).max >> 8));
        uint256[] memory sums = new uint256[](2);
        (sums[0], sums[1]) = (0x0304, type(uint96).max);
        assertEq(PayoutList.entries(two, sums), bytes.concat(entry, PayoutList.entry(two[1], sums[1])));
    }

    function test_chunksAreChained() public {
        bytes memory first = chunk(CHUNK, 0x01);
        bytes memory second = chunk(CHUNK, 0x02);
        bytes memory last = chunk(1, 0x03);
        bytes32 hash = link(0, first);
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.PayoutsPublished(1, address(this), 0, first, hash);
        payouts.publishPayouts(1, 0, first);
        assertPublished(1, address(this), hash, 1);
        hash = link(hash, second);
        payouts.publishPayouts(1, 1, second);
        assertPublished(1, address(this), hash, 2);
        hash = link(hash, last);
        vm.expectEmit(address(payouts));
        emit ICWEPayouts.PayoutsPublished(1, address(this), 2, last, hash);
        payouts.publishPayouts(1, 2, last);
        assertPublished(1, address(this), hash, 3);
    }

    function test_chunksComeInOrder() public {
        expectOutOfOrder(1, 0);
        payouts.publishPayouts(1, 1, chunk(1, 0));
        payouts.publishPayouts(1, 0, chunk(CHUNK, 0));
        expectOutOfOrder(2, 1);
        payouts.publishPayouts(1, 2, chunk(1, 0));
        payouts.publishPayouts(1, 1, chunk(CHUNK, 0));
        expectOutOfOrder(1, 2);
        payouts.publishPayouts(1, 1, chunk(CHUNK, 0));
        expectOutOfOrder(type(uint32).max, 2);
        payouts.publishPayouts(1, type(uint32).max, chunk(CHUNK, 0));
    }

    /// Otherwise the same list could be published in many ways, with a hash for each.
    function test_onlyTheLastChunkIsNotFull() public {
        payouts.publishPayouts(1, 0, chunk(CHUNK - 1, 0));
        expectOutOfOrder(1, 0);
        payouts.publishPayouts(1, 1, chunk(1, 0));
    }

    function test_chunkZeroBeginsAnew() public {
        payouts.publishPayouts(1, 0, chunk(CHUNK, 0x01));
        payouts.publishPayouts(1, 1, chunk(3, 0x02));
        payouts.publishPayouts(1, 0, chunk(3, 0x03));
        assertPublished(1, address(this), link(0, chunk(3, 0x03)), 1);
    }

    function test_aChunkIsOneToManyWholeEntries() public {
        uint256[5] memory lengths = [uint256(0), 42, 44, 43 * CHUNK + 1, 43 * (CHUNK + 1)];
        for (uint256 i = 0; i < lengths.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICWEPayouts.PublicationInvalid.selector, lengths[i]));
            payouts.publishPayouts(1, 0, new bytes(lengths[i]));
        }
        payouts.publishPayouts(1, 0, new bytes(43));
        payouts.publishPayouts(1, 0, new bytes(43 * CHUNK));
    }

    /// Nobody can disturb another one's publication.
    function test_everyPublisherAndEpochHasItsOwnList() public {
        payouts.publishPayouts(1, 0, chunk(CHUNK, 0x01));
        vm.prank(bob.addr);
        payouts.publishPayouts(1, 0, chunk(1, 0x02));
        assertPublished(1, address(this), link(0, chunk(CHUNK, 0x01)), 1);
        assertPublished(1, bob.addr, link(0, chunk(1, 0x02)), 1);
        assertPublished(2, address(this), 0, 0);
        vm.prank(bob.addr);
        expectOutOfOrder(1, 0);
        payouts.publishPayouts(1, 1, chunk(1, 0));
        expectOutOfOrder(1, 0);
        payouts.publishPayouts(2, 1, chunk(1, 0));
    }

    /* what a settlement needs */

    function refuse(ICWEPayouts.Settlement memory settlement, address caller, bytes32 published) internal {
        ICWEPayouts.Basis memory basis = bestBasis(1);
        acceptSettlement(1, basis, settlement);
        vm.expectRevert(
            abi.encodeWithSelector(ICWEPayouts.PayoutsNotPublished.selector, settlement.payoutsHash, published)
        );
        vm.prank(caller);
        payouts.proveSettlement(1, basis, settlement, "settlement");
    }

    function test_aSettlementNeedsItsListPublishedByTheCaller() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement = division(1);
        refuse(settlement, bob.addr, 0);
        bytes32 right = settlement.payoutsHash;
        settlement.payoutsHash = "another";
        refuse(settlement, coordinator, right);
        settlement.payoutsHash = right;
        amounts[0] += 1;
        bytes32 wrong = publish(1, works, amounts);
        refuse(settlement, coordinator, wrong);
        amounts[0] -= 1;
        publish(1, works, amounts);
        proveSettlement(1, settlement);
    }

    /// A proof in the mempool is worth nothing to who has not published, and takes nothing from its maker.
    function test_whoCopiesAProofMustPublishToo() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement = division(1);
        refuse(settlement, bob.addr, 0);
        coordinator = bob.addr;
        publish(1, works, amounts);
        proveSettlement(1, settlement);
        (ICWEPayouts.Settlement memory stored,,) = payouts.settlementOf(1);
        assertEq(abi.encode(stored), abi.encode(settlement));
    }

    function test_anEmptyListIsNotPublished() public {
        openReveals();
        submitAggregate(1, aggregateOf(1, 150, 100));
        openSettlement(1);
        ICWEPayouts.Settlement memory settlement = allUnclaimed(1);
        // Whatever the caller has published: the list of this settlement is empty.
        vm.prank(coordinator);
        payouts.publishPayouts(1, 0, chunk(1, 0x01));
        proveSettlement(1, settlement);
    }

    function test_publishingAgainChangesNoProvenSettlement() public {
        ICWEPayouts.Settlement memory settlement = proven();
        vm.prank(coordinator);
        payouts.publishPayouts(1, 0, chunk(1, 0x01));
        payouts.settleEpoch(1);
        (ICWEPayouts.Settlement memory stored,,) = payouts.settlementOf(1);
        assertEq(stored.payoutsHash, settlement.payoutsHash);
        payouts.withdraw(works[0], 1, amounts[0], proofOf(1, 0));
    }
}
