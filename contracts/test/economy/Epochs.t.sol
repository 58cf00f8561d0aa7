// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IEconomyParameters} from "../../src/interfaces/IEconomyParameters.sol";
import {IEpochBeacon} from "../../src/interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../../src/interfaces/IEpochClock.sol";
import {IRegionRules} from "../../src/interfaces/IRegionRules.sol";
import {Field} from "../../src/libraries/Field.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {EpochBeacon} from "../../src/usage/EpochBeacon.sol";
import {EpochClock} from "../../src/usage/EpochClock.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

contract EpochsTest is EconomyFixture {
    uint256 internal start;

    function setUp() public override {
        start = block.timestamp;
        super.setUp();
    }

    function schedule(uint40 length, uint40 submission) internal pure returns (IEpochClock.Schedule memory) {
        return IEpochClock.Schedule(length, submission, REVEAL, AGGREGATION);
    }

    /* clock */

    function test_epochsFollowEachOther() public {
        assertEq(clock.currentEpoch(), 1);
        vm.warp(start + LENGTH - 1);
        assertEq(clock.currentEpoch(), 1);
        vm.warp(start + LENGTH);
        assertEq(clock.currentEpoch(), 2);
        IEpochClock.Windows memory windows = clock.windowsOf(1);
        assertEq(windows.startsAt, start);
        assertEq(windows.endsAt, start + LENGTH);
        assertEq(windows.submissionEndsAt, windows.endsAt + SUBMISSION);
        assertEq(windows.revealEndsAt, windows.submissionEndsAt + REVEAL);
        assertEq(windows.settleableAt, windows.revealEndsAt + AGGREGATION);
    }

    function test_submissionsAreOpenRightAfterAnEpoch() public {
        assertEq(clock.submissionEpoch(), 0);
        vm.warp(start + LENGTH);
        assertEq(clock.submissionEpoch(), 1);
        vm.warp(start + LENGTH + SUBMISSION - 1);
        assertEq(clock.submissionEpoch(), 1);
        vm.warp(start + LENGTH + SUBMISSION);
        assertEq(clock.submissionEpoch(), 0);
    }

    function test_scheduleChangesFutureEpochsOnly() public {
        vm.warp(start + LENGTH + 1);
        asOwner();
        clock.setSchedule(schedule(7 days, 2 days));
        assertEq(clock.currentEpoch(), 2);
        assertEq(clock.windowsOf(2).endsAt, start + 2 * LENGTH);
        assertEq(clock.windowsOf(3).endsAt, start + 2 * LENGTH + 7 days);
        assertEq(clock.scheduleOf(2).submissionSecs, SUBMISSION);
        assertEq(clock.scheduleOf(3).submissionSecs, 2 days);
        vm.warp(start + 2 * LENGTH + 7 days);
        assertEq(clock.currentEpoch(), 4);
    }

    function test_pendingScheduleCanBeReplaced() public {
        asOwner();
        clock.setSchedule(schedule(7 days, 2 days));
        asOwner();
        clock.setSchedule(schedule(10 days, 2 days));
        assertEq(clock.windowsOf(2).endsAt, start + LENGTH + 10 days);
    }

    function testFuzz_windowsOfAnyEpochContainItsTime(uint256 changes, uint256 seed) public {
        changes = bound(changes, 0, 5);
        for (uint256 i = 0; i < changes; ++i) {
            uint40 length = uint40(bound(uint256(keccak256(abi.encode(seed, i))), 3 days, 60 days));
            asOwner();
            clock.setSchedule(schedule(length, 3 days));
            vm.warp(block.timestamp + bound(uint256(keccak256(abi.encode(seed, i, "time"))), 1, 100 days));
        }
        uint64 current = clock.currentEpoch();
        uint64 endsAt = uint64(start);
        for (uint64 epoch = 1; epoch <= current + 1; ++epoch) {
            IEpochClock.Windows memory windows = clock.windowsOf(epoch);
            assertEq(windows.startsAt, endsAt, "no gap");
            endsAt = windows.endsAt;
            if (epoch == current) {
                assertLe(windows.startsAt, block.timestamp);
                assertGt(windows.endsAt, block.timestamp);
            }
        }
        // Past times give the epochs that were.
        for (uint64 epoch = 1; epoch <= current; ++epoch) {
            vm.warp(clock.windowsOf(epoch).endsAt - 1);
            assertEq(clock.currentEpoch(), epoch);
        }
    }

    function test_badSchedulesAreRefused() public {
        uint40 max = 366 days;
        IEpochClock.Schedule[8] memory bad = [
            IEpochClock.Schedule(0, 1, 1, 1),
            IEpochClock.Schedule(max + 1, 1, 1, 1),
            IEpochClock.Schedule(30 days, 0, 1, 1),
            IEpochClock.Schedule(30 days, 1, 0, 1),
            IEpochClock.Schedule(30 days, 1, 1, 0),
            IEpochClock.Schedule(30 days, 31 days, 1, 1),
            IEpochClock.Schedule(30 days, 1, max + 1, 1),
            // The submissions of the running epoch would outlast the next one.
            IEpochClock.Schedule(SUBMISSION - 1, 1, 1, 1)
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEpochClock.ScheduleInvalid.selector, bad[i]));
            asOwner();
            clock.setSchedule(bad[i]);
        }
    }

    function test_thereIsNothingBeforeTheFirstEpoch() public {
        bytes memory call =
            abi.encodeCall(EpochClock.initialize, (address(this), uint48(start + 100), defaultSchedule()));
        EpochClock later = EpochClock(address(new ERC1967Proxy(address(new EpochClock()), call)));
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.NotStarted.selector, start + 100));
        later.currentEpoch();
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.UnknownEpoch.selector, 0));
        later.windowsOf(0);
    }

    /* beacon */

    function test_keyComesFromRandomnessAfterTheEpoch() public {
        endEpoch(1);
        relayL1Block();
        bytes32 randao = keccak256(abi.encode("randao", uint64(1)));
        uint256 key = uint256(keccak256(abi.encode("cwe.epoch-key", block.chainid, uint64(1), uint64(1), randao)))
            % Field.MODULUS;
        vm.expectEmit(address(beacon));
        emit IEpochBeacon.EpochKeyFixed(1, key, 1);
        assertEq(beacon.fix(1), key);
        assertEq(beacon.keyOf(1), key);
        assertEq(beacon.delaySecs(), BEACON_DELAY);
    }

    function test_keyIsFixedOnce() public {
        openSubmissions(1);
        uint256 key = beacon.keyOf(1);
        relayL1Block();
        vm.expectRevert(abi.encodeWithSelector(IEpochBeacon.KeyAlreadyFixed.selector, 1));
        beacon.fix(1);
        assertEq(beacon.keyOf(1), key);
    }

    function test_keyWaitsForBothClocks() public {
        uint64 endsAt = clock.windowsOf(1).endsAt;
        vm.warp(endsAt - 1);
        relayL1Block();
        vm.expectRevert(abi.encodeWithSelector(IEpochBeacon.EpochNotOver.selector, 1, endsAt));
        beacon.fix(1);
        vm.warp(endsAt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEpochBeacon.L1BlockTooOld.selector, endsAt - 1 + BEACON_DELAY, endsAt + BEACON_DELAY
            )
        );
        beacon.fix(1);
        relayL1Block();
        beacon.fix(1);
    }

    function test_beaconNeedsAClock() public {
        address code = address(new EpochBeacon());
        vm.expectRevert(Governed.ZeroAddress.selector);
        new ERC1967Proxy(code, abi.encodeCall(EpochBeacon.initialize, (address(this), address(0), 0)));
    }

    /* parameters */

    function test_parametersChangeFutureEpochsOnly() public {
        IEconomyParameters.Parameters memory changed = IEconomyParameters.Parameters(1, 2, 3, 4, true);
        vm.expectEmit(address(parameters));
        emit IEconomyParameters.ParametersSet(2, changed);
        asOwner();
        parameters.setParameters(changed);
        assertEq(abi.encode(parameters.parametersOf(1)), abi.encode(defaultConfig().parameters));
        assertEq(abi.encode(parameters.parametersOf(2)), abi.encode(changed));
        assertEq(abi.encode(parameters.parametersOf(99)), abi.encode(changed));
    }

    function test_creatorsKeepAtLeastHalf() public {
        vm.expectRevert(abi.encodeWithSelector(IEconomyParameters.SharesTooHigh.selector, 500_001, 500_000));
        asOwner();
        parameters.setParameters(IEconomyParameters.Parameters(250_001, 250_000, 0, 0, false));
        vm.expectRevert(
            abi.encodeWithSelector(
                IEconomyParameters.DiminishingTooHigh.selector, 1_000_000_001, parameters.MAX_DIMINISHING_PPM()
            )
        );
        vm.prank(timelock);
        parameters.setParameters(IEconomyParameters.Parameters(0, 0, 1_000_000_001, 0, false));
    }

    /* region rules */

    function test_regionFactorsChangeFutureEpochsOnly() public {
        asOwner();
        regions.setRule(EU, 2_000_000);
        assertEq(regions.factorOf(EU, 1), 1_200_000);
        assertEq(regions.factorOf(EU, 2), 2_000_000);
        asOwner();
        regions.setRule("new", 1);
        assertEq(regions.factorOf("new", 1), 1);
        assertEq(regions.ruleAt(regions.indexOf("new")), "new");
        assertEq(regions.rowsOf(0).length, 0);
        IRegionRules.Row[] memory rows = regions.rowsOf(1);
        assertEq(rows.length, 3);
        assertEq(rows[1].rule, EU);
        assertEq(rows[1].factorPpm, 1_200_000);
    }

    function test_rulesAddedLaterAreNotInPastTables() public {
        bytes32 before = registry.registryCommitment(1);
        vm.warp(start + LENGTH);
        asOwner();
        regions.setRule("new", 5);
        assertEq(regions.rowsOf(1).length, 2);
        assertEq(regions.rowsOf(2).length, 3);
        assertEq(registry.registryCommitment(1), before);
    }

    function test_badRulesAreRefused() public {
        uint32 max = regions.MAX_FACTOR_PPM();
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.RuleInvalid.selector, bytes32(0), 1, max));
        regions.setRule(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.RuleInvalid.selector, EU, 0, max));
        regions.setRule(EU, 0);
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.RuleInvalid.selector, EU, max + 1, max));
        regions.setRule(EU, max + 1);
        for (uint256 i = 2; i < 64; ++i) {
            regions.setRule(bytes32(i), 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.TooManyRules.selector, 64));
        regions.setRule("one more", 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IRegionRules.UnknownRegionRule.selector, bytes32("nowhere")));
        regions.indexOf("nowhere");
    }
}
