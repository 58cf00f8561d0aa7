// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {ICWERegistry} from "../../src/interfaces/ICWERegistry.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {MockArbitrator} from "../mocks/MockArbitrator.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";

contract EscrowTest is EconomyFixture {
    MockArbitrator internal arbitrator;
    address internal client;
    uint64 internal deadline;

    function setUp() public override {
        super.setUp();
        arbitrator = new MockArbitrator();
        client = listener;
        deadline = uint64(block.timestamp + 100 days);
    }

    function terms() internal view returns (IEscrow.Terms memory t) {
        t.arbitrator = address(arbitrator);
        t.deadline = deadline;
        t.milestones = new uint128[](2);
        (t.milestones[0], t.milestones[1]) = (30, 70);
    }

    function offer(IEscrow.Terms memory t) internal returns (bytes32) {
        vm.prank(bob.addr);
        return escrow.offer(t);
    }

    function open(bytes32 jobId) internal {
        vm.prank(client);
        escrow.open{value: 100}(jobId, 100);
    }

    function opened() internal returns (bytes32 jobId) {
        jobId = offer(terms());
        open(jobId);
    }

    function release(bytes32 jobId) internal {
        vm.prank(client);
        escrow.release(jobId);
    }

    function refuseState(bytes32 jobId, IEscrow.State state) internal {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongState.selector, jobId, state));
    }

    function refuseParty(address caller) internal {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotParty.selector, caller));
        vm.prank(caller);
    }

    function test_milestonesAreReleasedInOrder() public {
        bytes32 jobId = opened();
        assertEq(jobId, escrow.jobIdOf(bob.addr, terms()));
        assertEq(escrow.totalHeld(), 100);
        vm.expectEmit(address(escrow));
        emit IEscrow.MilestoneReleased(jobId, 0, 30);
        release(jobId);
        assertEq(escrow.owed(bob.addr), 30);
        assertEq(escrow.jobOf(jobId).held, 70);
        release(jobId);
        assertEq(escrow.owed(bob.addr), 100);
        assertEq(escrow.totalHeld(), 0);
        refuseState(jobId, IEscrow.State.Closed);
        release(jobId);
        escrow.claim(payable(bob.addr));
        assertEq(bob.addr.balance, 100);
    }

    function test_commissionedWorksPayTheirPayees() public {
        IEscrow.Terms memory t = terms();
        t.workId = registerThree(1);
        bytes32 jobId = offer(t);
        open(jobId);
        release(jobId);
        assertEq(escrow.owed(alice.addr), 15);
        assertEq(escrow.owed(bob.addr), 9);
        assertEq(escrow.owed(carol.addr), 6);
        t.workId = work(2);
        vm.expectRevert(abi.encodeWithSelector(ICWERegistry.UnknownWork.selector, work(2)));
        offer(t);
    }

    function test_badTermsAreRefused() public {
        IEscrow.Terms memory t = terms();
        t.deadline = uint64(block.timestamp);
        refuseTerms(t);
        t = terms();
        t.milestones[1] = 0;
        refuseTerms(t);
        t.milestones = new uint128[](0);
        refuseTerms(t);
        t.milestones = new uint128[](33);
        refuseTerms(t);
        t = terms();
        t.milestones[0] = type(uint128).max;
        refuseTerms(t);
        bytes32 jobId = offer(terms());
        refuseState(jobId, IEscrow.State.Offered);
        offer(terms());
    }

    function refuseTerms(IEscrow.Terms memory t) internal {
        vm.expectRevert(IEscrow.TermsInvalid.selector);
        offer(t);
    }

    function test_openingCostsTheSumOnce() public {
        bytes32 jobId = offer(terms());
        vm.startPrank(client);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongAmount.selector, 99, 100));
        escrow.open{value: 99}(jobId, 99);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongAmount.selector, 99, 100));
        escrow.open{value: 99}(jobId, 100);
        escrow.open{value: 100}(jobId, 100);
        refuseState(jobId, IEscrow.State.Open);
        escrow.open{value: 100}(jobId, 100);
        refuseState("none", IEscrow.State.None);
        escrow.open{value: 100}("none", 100);
        vm.stopPrank();
    }

    function test_offersToOneClientAndUntilTheDeadline() public {
        IEscrow.Terms memory t = terms();
        t.client = carol.addr;
        bytes32 jobId = offer(t);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotParty.selector, client));
        open(jobId);
        client = carol.addr;
        vm.deal(client, 100);
        vm.warp(deadline);
        vm.expectRevert(IEscrow.TermsInvalid.selector);
        open(jobId);
        vm.warp(deadline - 1);
        open(jobId);
    }

    function test_offersCanBeTakenBack() public {
        bytes32 jobId = offer(terms());
        refuseParty(client);
        escrow.withdrawOffer(jobId);
        vm.prank(bob.addr);
        escrow.withdrawOffer(jobId);
        refuseState(jobId, IEscrow.State.Closed);
        open(jobId);
    }

    function test_refundAfterTheDeadlineOrByTheContractor() public {
        bytes32 jobId = opened();
        release(jobId);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DeadlineNotReached.selector, deadline));
        vm.prank(client);
        escrow.refund(jobId);
        uint256 snapshot = vm.snapshotState();
        vm.prank(bob.addr);
        escrow.refund(jobId);
        assertEq(escrow.owed(client), 70);
        vm.revertToState(snapshot);
        vm.warp(deadline);
        escrow.refund(jobId);
        assertEq(escrow.owed(client), 70);
        assertEq(escrow.owed(bob.addr), 30);
        refuseState(jobId, IEscrow.State.Closed);
        escrow.refund(jobId);
    }

    function test_onlyTheClientReleases() public {
        bytes32 jobId = opened();
        refuseParty(bob.addr);
        escrow.release(jobId);
    }

    /* disputes */

    function dispute(bytes32 jobId, address by) internal {
        vm.prank(by);
        escrow.dispute(jobId);
    }

    function test_arbitratorDividesTheRest() public {
        bytes32 jobId = opened();
        release(jobId);
        vm.expectEmit(address(escrow));
        emit IEscrow.JobDisputed(jobId, bob.addr, 70, true);
        dispute(jobId, bob.addr);
        assertEq(arbitrator.jobId(), jobId);
        assertEq(arbitrator.amount(), 70);
        refuseState(jobId, IEscrow.State.Disputed);
        release(jobId);
        vm.warp(deadline);
        refuseState(jobId, IEscrow.State.Disputed);
        escrow.refund(jobId);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ShareInvalid.selector, 1_000_001));
        arbitrator.rule(escrow, jobId, 1_000_001);
        arbitrator.rule(escrow, jobId, 333_333);
        assertEq(escrow.owed(bob.addr), 30 + 23);
        assertEq(escrow.owed(client), 47);
        assertEq(escrow.totalOwed(), 100);
        assertEq(escrow.totalHeld(), 0);
    }

    function test_onlyPartiesDisputeAndOnlyTheArbitratorRules() public {
        bytes32 jobId = opened();
        refuseParty(carol.addr);
        escrow.dispute(jobId);
        dispute(jobId, client);
        refuseParty(bob.addr);
        escrow.rule(jobId, 1_000_000);
    }

    function test_undecidedDisputesLapseOnce() public {
        bytes32 jobId = opened();
        dispute(jobId, client);
        uint64 until = uint64(block.timestamp) + 90 days;
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ArbitrationRunning.selector, until));
        escrow.lapse(jobId);
        vm.warp(until);
        escrow.lapse(jobId);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NoArbitrator.selector, jobId));
        dispute(jobId, client);
        release(jobId);
        assertEq(escrow.owed(bob.addr), 30);
    }

    function test_jobsWithoutArbitratorHaveNoDisputes() public {
        IEscrow.Terms memory t = terms();
        t.arbitrator = address(0);
        bytes32 jobId = offer(t);
        open(jobId);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NoArbitrator.selector, jobId));
        dispute(jobId, client);
    }

    function test_arbitratorsThatBurnGasDoNotPreventADispute() public {
        arbitrator.setBurns(true);
        bytes32 jobId = opened();
        vm.expectEmit(address(escrow));
        emit IEscrow.JobDisputed(jobId, client, 100, false);
        dispute(jobId, client);
        arbitrator.setBurns(false);
        arbitrator.rule(escrow, jobId, 0);
        assertEq(escrow.owed(client), 100);
    }

    function test_aDisputeCannotStarveItsNotice() public {
        bytes32 jobId = opened();
        vm.expectPartialRevert(IEscrow.NoticeGasMissing.selector);
        vm.prank(client);
        escrow.dispute{gas: 190_000}(jobId);
    }

    function testFuzz_everyUnitGoesToAParty(uint128 first, uint128 second, uint256 ppm, bool released) public {
        IEscrow.Terms memory t = terms();
        t.milestones[0] = uint128(bound(first, 1, 1e30));
        t.milestones[1] = uint128(bound(second, 1, 1e30));
        uint256 sum = uint256(t.milestones[0]) + t.milestones[1];
        bytes32 jobId = offer(t);
        vm.deal(client, sum);
        vm.prank(client);
        escrow.open{value: sum}(jobId, sum);
        if (released) release(jobId);
        dispute(jobId, client);
        arbitrator.rule(escrow, jobId, bound(ppm, 0, 1_000_000));
        assertEq(escrow.owed(client) + escrow.owed(bob.addr), sum);
    }
}
