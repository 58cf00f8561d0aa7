// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {L1Config} from "../../deploy/lib/L1Deployment.sol";
import {Bridge} from "../src/Bridge.sol";
import {Inbox} from "../src/Inbox.sol";
import {Rollup} from "../src/Rollup.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {Fixture} from "./utils/Fixture.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

contract RollupRolesTest is Fixture {
    bytes4 internal constant NOT_OWNER = OwnableUpgradeable.OwnableUnauthorizedAccount.selector;

    function initializeWith(IRollup.Genesis memory genesis, IRollup.Params memory params, bytes memory reason)
        internal
    {
        Rollup implementation = new Rollup();
        vm.expectRevert(reason);
        new ERC1967Proxy(address(implementation), abi.encodeCall(Rollup.initialize, (genesis, params)));
    }

    function defaultParams() internal view returns (IRollup.Params memory) {
        return IRollup.Params({
            owner: address(timelock),
            sequencer: sequencer,
            guardian: guardian,
            inbox: address(inbox),
            verifier: address(verifier),
            forceAfter: FORCE_AFTER,
            openAfter: OPEN_AFTER
        });
    }

    function test_meaninglessParametersAreRefused() public {
        IRollup.Genesis memory genesis = defaultConfig().genesis;
        IRollup.Params memory params = defaultParams();
        params.forceAfter = OPEN_AFTER + 1;
        initializeWith(
            genesis, params, abi.encodeWithSelector(IRollup.WindowsInvalid.selector, OPEN_AFTER + 1, OPEN_AFTER)
        );
        params.forceAfter = 0;
        initializeWith(genesis, params, abi.encodeWithSelector(IRollup.WindowsInvalid.selector, 0, OPEN_AFTER));
        params = defaultParams();
        params.openAfter = 14 days + 1;
        initializeWith(
            genesis, params, abi.encodeWithSelector(IRollup.WindowsInvalid.selector, FORCE_AFTER, 14 days + 1)
        );
        params = defaultParams();
        params.inbox = address(0);
        initializeWith(genesis, params, abi.encodeWithSelector(IRollup.ZeroAddress.selector));
        params = defaultParams();
        params.guardian = address(0);
        initializeWith(genesis, params, abi.encodeWithSelector(IRollup.ZeroAddress.selector));
        params = defaultParams();
        params.verifier = alice;
        initializeWith(genesis, params, abi.encodeWithSelector(IRollup.NotAContract.selector, alice));
        params = defaultParams();
        genesis.stateRoot = 0;
        initializeWith(genesis, params, abi.encodeWithSelector(IRollup.GenesisInvalid.selector));
    }

    function test_nobodyInitializesTwiceOrTheImplementation() public {
        L1Config memory config = defaultConfig();
        IRollup.Params memory params = defaultParams();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        rollup.initialize(config.genesis, params);
        Rollup implementation = new Rollup();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(config.genesis, params);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        inbox.initialize(alice, alice, alice, 0);
        Inbox inboxImplementation = new Inbox();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        inboxImplementation.initialize(alice, alice, alice, 0);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        bridge.initialize(alice, alice, alice, alice);
        Bridge bridgeImplementation = new Bridge();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        bridgeImplementation.initialize(alice, alice, alice, alice);
    }

    function test_everySettingIsTheTimelocksAlone() public {
        assertEq(rollup.owner(), address(timelock));
        assertEq(inbox.owner(), address(timelock));
        assertEq(bridge.owner(), address(timelock));
        bytes memory refused = abi.encodeWithSelector(NOT_OWNER, governor);
        address target = address(verifier);
        vm.startPrank(governor);
        vm.expectRevert(refused);
        rollup.setSequencer(alice, true);
        vm.expectRevert(refused);
        rollup.setGuardian(alice);
        vm.expectRevert(refused);
        rollup.setVerifier(target);
        vm.expectRevert(refused);
        rollup.upgradeToAndCall(target, "");
        vm.expectRevert(refused);
        bridge.upgradeToAndCall(target, "");
        vm.expectRevert(refused);
        inbox.upgradeToAndCall(target, "");
        vm.expectRevert(refused);
        inbox.setMessageGasPrice(1);
        vm.expectRevert(refused);
        inbox.setFeeCollector(alice);
        vm.stopPrank();
    }

    function test_governanceActsAfterTheDelayAndNotBefore() public {
        bytes memory call = abi.encodeCall(rollup.setSequencer, (alice, true));
        vm.prank(governor);
        timelock.schedule(address(rollup), 0, call, 0, 0, 30 days);
        bytes32 id = timelock.hashOperation(address(rollup), 0, call, 0, 0);
        vm.warp(block.timestamp + 30 days - 1);
        assertFalse(timelock.isOperationReady(id));
        vm.expectRevert();
        timelock.execute(address(rollup), 0, call, 0, 0);
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(rollup));
        emit IRollup.SequencerChanged(alice, true);
        vm.prank(bob);
        timelock.execute(address(rollup), 0, call, 0, 0);
        assertTrue(rollup.isSequencer(alice));
        assertTrue(rollup.isSequencer(sequencer), "several sequencers may stand by");
    }

    function test_governanceCannotScheduleBelowTheDelay() public {
        bytes memory call = abi.encodeCall(rollup.setSequencer, (alice, true));
        vm.expectRevert();
        vm.prank(governor);
        timelock.schedule(address(rollup), 0, call, 0, 0, 30 days - 1);
    }

    function test_timelockUpgradesAndStateStays() public {
        commitNext();
        Rollup next = new Rollup();
        asOwner();
        rollup.upgradeToAndCall(address(next), "");
        assertEq(rollup.batchHash(1), hashOf(tip));
        commitNext();
        vm.expectRevert(UUPSUpgradeable.UUPSUnauthorizedCallContext.selector);
        next.upgradeToAndCall(address(next), "");
    }

    function test_storageIsWhereErc7201PutsIt() public {
        commitNext();
        bytes32 slot = keccak256(abi.encode(uint256(keccak256("cwe.rollup")) - 1)) & ~bytes32(uint256(0xff));
        assertEq(uint64(uint256(vm.load(address(rollup), slot))), 1, "lastCommittedBatch");
        slot = keccak256(abi.encode(uint256(keccak256("cwe.inbox")) - 1)) & ~bytes32(uint256(0xff));
        assertEq(vm.load(address(inbox), slot), bytes32(uint256(uint160(address(bridge)))));
        slot = keccak256(abi.encode(uint256(keccak256("cwe.bridge")) - 1)) & ~bytes32(uint256(0xff));
        assertEq(vm.load(address(bridge), slot), bytes32(uint256(uint160(address(cln)))));
    }

    function test_dismissedSequencerCannotCommit() public {
        asOwner();
        rollup.setSequencer(sequencer, false);
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotSequencer.selector, sequencer));
        vm.prank(sequencer);
        rollup.commitBatch(tip, c, "data");
    }

    function test_rolesAreNeverTheZeroAddress() public {
        asOwner();
        vm.expectRevert(IRollup.ZeroAddress.selector);
        rollup.setSequencer(address(0), true);
        asOwner();
        vm.expectRevert(IRollup.ZeroAddress.selector);
        rollup.setGuardian(address(0));
        asOwner();
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotAContract.selector, address(0)));
        rollup.setVerifier(address(0));
        asOwner();
        vm.expectRevert(IInbox.ZeroAddress.selector);
        inbox.setFeeCollector(address(0));
    }

    /* pause */

    function test_pauseStopsEverythingButTheInbox() public {
        IRollup.Batch memory one = commitNext();
        IRollup.Batch memory genesis = genesisBatch;
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        uint64 until = uint64(block.timestamp) + 7 days;
        vm.expectEmit(address(rollup));
        emit IRollup.Paused(until);
        vm.prank(guardian);
        rollup.pause();
        assertTrue(rollup.paused());
        assertEq(rollup.pausedUntil(), until);
        bytes memory refused = abi.encodeWithSelector(IRollup.IsPaused.selector, until);
        vm.startPrank(sequencer);
        vm.expectRevert(refused);
        rollup.commitBatch(one, c, "data");
        vm.expectRevert(refused);
        rollup.revertBatches(genesis);
        vm.expectRevert(refused);
        rollup.proveBatches(proveInput(one, one));
        vm.expectRevert(refused);
        rollup.commitAndProve(genesis, c, "data", new IRollup.BlobOpening[](0), "");
        vm.stopPrank();
        assertEq(send(21_000), 0);
    }

    function test_pauseEndsByItselfAndCannotBeRenewedAtOnce() public {
        uint64 start = uint64(block.timestamp);
        vm.prank(guardian);
        rollup.pause();
        vm.warp(start + 7 days);
        assertFalse(rollup.paused());
        commitNext();
        bytes memory refused = abi.encodeWithSelector(IRollup.PauseNotAllowedBefore.selector, start + 37 days);
        vm.expectRevert(refused);
        vm.prank(guardian);
        rollup.pause();
        vm.warp(start + 37 days - 1);
        vm.expectRevert(refused);
        vm.prank(guardian);
        rollup.pause();
        vm.warp(start + 37 days);
        vm.prank(guardian);
        rollup.pause();
    }

    function test_endingAPauseEarlyGivesNoSecondOne() public {
        vm.startPrank(guardian);
        rollup.pause();
        rollup.unpause();
        assertFalse(rollup.paused());
        vm.expectRevert(
            abi.encodeWithSelector(IRollup.PauseNotAllowedBefore.selector, uint64(block.timestamp) + 37 days)
        );
        rollup.pause();
        vm.stopPrank();
    }

    function test_onlyTheGuardianPauses() public {
        bytes memory refused = abi.encodeWithSelector(IRollup.NotGuardian.selector, sequencer);
        vm.startPrank(sequencer);
        vm.expectRevert(refused);
        rollup.pause();
        vm.expectRevert(refused);
        rollup.unpause();
        vm.stopPrank();
    }

    function test_guardianCanDoNothingElse() public {
        IRollup.BatchCommitment memory c = nextCommitment(tip);
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotSequencer.selector, guardian));
        rollup.commitBatch(tip, c, "data");
        vm.expectRevert(abi.encodeWithSelector(NOT_OWNER, guardian));
        rollup.setGuardian(alice);
        vm.stopPrank();
    }
}
