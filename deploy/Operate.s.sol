// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {CLN} from "../bridge/src/CLN.sol";
import {Inbox} from "../bridge/src/Inbox.sol";
import {Rollup} from "../bridge/src/Rollup.sol";
import {Timelock} from "../bridge/src/Timelock.sol";
import {IRollup} from "../bridge/src/interfaces/IRollup.sol";
import {Governance} from "./lib/Governance.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// @title Operate
/// @notice Day-to-day operations on the deployment that `DeployL1` wrote to `deploy/out/<L1 chain id>.json`. The signer
/// must hold the role concerned. Settings go through the timelock: run with `true` to schedule, and after the delay with
/// `false` to execute.
///
///   forge script deploy/Operate.s.sol --sig 'attest(uint256,uint64)' 1000000000000000000000 86400 …
///   forge script deploy/Operate.s.sol --sig 'mint(address,uint256)' 0x… 1000000000000000000 …
///   forge script deploy/Operate.s.sol --sig 'pause()' …
///   forge script deploy/Operate.s.sol --sig 'revertBatches(uint64)' 41 …
///   forge script deploy/Operate.s.sol --sig 'setSequencer(bool,address,bool)' true 0x… true …
///   each with --rpc-url $L1_RPC --private-key $KEY --broadcast
contract Operate is Governance {
    /// @notice The deployment's file has no such contract for this chain.
    error UnknownDeployment(string file);
    /// @notice No batch of this index is committed, or the L1 endpoint no longer has its event.
    error UnknownBatch(uint64 batchIndex);

    /// @notice States a reserve of `reserve` CLN wei for the next `validSeconds`. Attester.
    function attest(uint256 reserve, uint64 validSeconds) external {
        CLN cln = CLN(deployed("cln"));
        uint64 expiresAt = uint64(block.timestamp) + validSeconds;
        vm.broadcast();
        cln.attestReserve(reserve, expiresAt);
    }

    /// @notice Mints within the reserve. Minter.
    function mint(address to, uint256 amount) external {
        CLN cln = CLN(deployed("cln"));
        vm.broadcast();
        cln.mint(to, amount);
    }

    /// @notice Starts the bounded pause. Guardian.
    function pause() external {
        Rollup rollup = Rollup(deployed("rollup"));
        vm.broadcast();
        rollup.pause();
    }

    /// @notice Ends it early. Guardian.
    function unpause() external {
        Rollup rollup = Rollup(deployed("rollup"));
        vm.broadcast();
        rollup.unpause();
    }

    /// @notice Drops the unproven batches after `newTip`, whose fields are read from its event. A running sequencer
    /// commits its blocks again; full nodes go back and follow it. Sequencer.
    function revertBatches(uint64 newTip) external {
        Rollup rollup = Rollup(deployed("rollup"));
        IRollup.Batch memory tip = committed(rollup, newTip);
        vm.broadcast();
        rollup.revertBatches(tip);
    }

    /// @notice Relays the current L1 block to the L2's oracle. Anybody.
    function relayL1Block() external {
        Inbox inbox = Inbox(deployed("inbox"));
        vm.broadcast();
        inbox.relayL1Block();
    }

    /// @notice Pays the message fees out to their collector. Anybody.
    function withdrawMessageFees() external {
        Inbox inbox = Inbox(deployed("inbox"));
        vm.broadcast();
        inbox.withdrawFees();
    }

    /// @notice Allows or forbids a sequencer. Governor to schedule, anybody to execute.
    function setSequencer(bool schedule, address sequencer, bool allowed) external {
        govern(schedule, deployed("rollup"), abi.encodeCall(Rollup.setSequencer, (sequencer, allowed)));
    }

    /// @notice Replaces the guardian. Governor to schedule, anybody to execute.
    function setGuardian(bool schedule, address guardian) external {
        govern(schedule, deployed("rollup"), abi.encodeCall(Rollup.setGuardian, (guardian)));
    }

    /// @notice Replaces the verifier. Governor to schedule, anybody to execute.
    function setVerifier(bool schedule, address verifier) external {
        govern(schedule, deployed("rollup"), abi.encodeCall(Rollup.setVerifier, (verifier)));
    }

    /// @notice Sets the fee of messages, in wei of ETH per unit of L2 gas. Governor to schedule, anybody to execute.
    function setMessageGasPrice(bool schedule, uint256 price) external {
        govern(schedule, deployed("inbox"), abi.encodeCall(Inbox.setMessageGasPrice, (price)));
    }

    function govern(bool schedule, address target, bytes memory call) internal {
        govern(Timelock(payable(deployed("timelock"))), schedule, target, call);
    }

    function committed(Rollup rollup, uint64 batchIndex) internal returns (IRollup.Batch memory batch) {
        bytes32[] memory topics = new bytes32[](3);
        topics[0] = IRollup.BatchCommitted.selector;
        topics[1] = bytes32(uint256(batchIndex));
        topics[2] = rollup.batchHash(batchIndex);
        VmSafe.EthGetLogs[] memory logs = vm.eth_getLogs(0, block.number, address(rollup), topics);
        if (logs.length == 0) revert UnknownBatch(batchIndex);
        (batch,,) = abi.decode(logs[0].data, (IRollup.Batch, bytes32[], bytes));
    }

    function deployed(string memory name) internal view returns (address) {
        string memory file = string.concat("deploy/out/", vm.toString(block.chainid), ".json");
        if (!vm.isFile(file)) revert UnknownDeployment(file);
        return vm.parseJsonAddress(vm.readFile(file), string.concat(".", name));
    }
}
