// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {DemoToken} from "./DemoToken.sol";
import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";

/// @title DeployDemoToken
/// @notice Deploys the demo token on the L2, sends 1 DEMO to `RECIPIENT` (default: 0x…dEaD) and prints the balances.
///
///   forge script deploy/examples/DeployDemoToken.s.sol --rpc-url $L2_RPC --private-key $KEY --broadcast
contract DeployDemoToken is Script {
    function run() external returns (DemoToken token) {
        address recipient = vm.envOr("RECIPIENT", address(0xdEaD));
        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        token = new DemoToken(deployer, 1_000_000 ether);
        require(token.transfer(recipient, 1 ether), "transfer failed");
        vm.stopBroadcast();
        console.log("token", address(token));
        console.log("deployer's balance", token.balanceOf(deployer));
        console.log("recipient's balance", token.balanceOf(recipient));
    }
}
