// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Bridge} from "../../bridge/src/Bridge.sol";
import {CLN} from "../../bridge/src/CLN.sol";
import {Inbox} from "../../bridge/src/Inbox.sol";
import {Rollup} from "../../bridge/src/Rollup.sol";
import {Timelock} from "../../bridge/src/Timelock.sol";
import {IRollup} from "../../bridge/src/interfaces/IRollup.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

/// @notice All choices of an L1 deployment. The Rust helper `cwe_bindings::deploy` has the same fields.
struct L1Config {
    /// @dev Schedules what the timelock will do.
    address governor;
    /// @dev Seconds between schedule and execution: 30 days in production.
    uint256 timelockDelay;
    address sequencer;
    address guardian;
    address attester;
    address minter;
    /// @dev Receiver of message fees; zero stands for the timelock.
    address feeCollector;
    /// @dev Wei of ETH per unit of L2 gas.
    uint256 messageGasPrice;
    /// @dev Seconds.
    uint32 forceAfter;
    /// @dev Seconds.
    uint32 openAfter;
    /// @dev Zero until a verifier exists.
    address verifier;
    IRollup.Genesis genesis;
}

/// @notice Where everything is.
struct L1Addresses {
    address timelock;
    address cln;
    address inbox;
    address rollup;
    address bridge;
}

/// @title L1Deployment
/// @notice The one order of deployment: scripts, tests and the Rust helper follow it, so that the same deployer and
/// nonce give the same addresses.
library L1Deployment {
    /// @dev Creations between the first one and the bridge's proxy, whose address the inbox needs before it exists.
    uint256 internal constant BRIDGE_NONCE_OFFSET = 7;

    error UnexpectedBridgeAddress(address actual, address predicted);

    /// @notice Deploys everything from the calling context.
    /// @param bridgePrediction Address of the caller's creation number `BRIDGE_NONCE_OFFSET` from here.
    function run(L1Config memory config, address bridgePrediction) internal returns (L1Addresses memory deployed) {
        deployed.timelock = _timelock(config);
        deployed.cln = address(new CLN(deployed.timelock, config.attester, config.minter));
        address inbox = address(new Inbox());
        address rollup = address(new Rollup());
        address bridge = address(new Bridge());
        deployed.inbox = _proxy(inbox, _inboxCall(config, deployed.timelock, bridgePrediction));
        deployed.rollup = _proxy(rollup, _rollupCall(config, deployed));
        deployed.bridge = _proxy(
            bridge,
            abi.encodeCall(Bridge.initialize, (deployed.timelock, deployed.cln, deployed.inbox, deployed.rollup))
        );
        if (deployed.bridge != bridgePrediction) revert UnexpectedBridgeAddress(deployed.bridge, bridgePrediction);
    }

    function _timelock(L1Config memory config) private returns (address) {
        address[] memory proposers = new address[](1);
        proposers[0] = config.governor;
        // The zero address: whoever wants to may execute what was announced long enough.
        address[] memory executors = new address[](1);
        return address(new Timelock(config.timelockDelay, proposers, executors));
    }

    function _proxy(address implementation, bytes memory call) private returns (address) {
        return address(new ERC1967Proxy(implementation, call));
    }

    function _inboxCall(L1Config memory config, address timelock, address bridge) private pure returns (bytes memory) {
        address collector = config.feeCollector == address(0) ? timelock : config.feeCollector;
        return abi.encodeCall(Inbox.initialize, (timelock, bridge, collector, config.messageGasPrice));
    }

    function _rollupCall(L1Config memory config, L1Addresses memory deployed) private pure returns (bytes memory) {
        IRollup.Params memory params = IRollup.Params({
            owner: deployed.timelock,
            sequencer: config.sequencer,
            guardian: config.guardian,
            inbox: deployed.inbox,
            verifier: config.verifier,
            forceAfter: config.forceAfter,
            openAfter: config.openAfter
        });
        return abi.encodeCall(Rollup.initialize, (config.genesis, params));
    }
}
