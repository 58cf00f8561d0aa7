// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {EconomyConfig, EconomyDeployment} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {EconomyAddresses} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {IEconomyParameters} from "../../src/interfaces/IEconomyParameters.sol";
import {Governed} from "../../src/libraries/Governed.sol";
import {DirectSale} from "../../src/payments/DirectSale.sol";
import {Escrow} from "../../src/payments/Escrow.sol";
import {SplitPay} from "../../src/payments/SplitPay.sol";
import {CWEPayouts} from "../../src/payouts/CWEPayouts.sol";
import {CWEConsumption} from "../../src/usage/CWEConsumption.sol";
import {EconomyParameters} from "../../src/usage/EconomyParameters.sol";
import {RegionRules} from "../../src/works/RegionRules.sol";
import {WorkRegistry} from "../../src/works/WorkRegistry.sol";
import {EconomyFixture} from "../utils/EconomyFixture.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

contract NextVersion is Governed {
    function version() external pure returns (uint256) {
        return 2;
    }
}

contract DeploymentTest is EconomyFixture {
    function implementationOf(address proxy) internal view returns (address) {
        return address(uint160(uint256(vm.load(proxy, ERC1967Utils.IMPLEMENTATION_SLOT))));
    }

    function test_theTimelockOwnsEverything() public view {
        address[] memory all = EconomyDeployment.owned(deployed);
        assertEq(all.length, 15);
        for (uint256 i = 0; i < all.length; ++i) {
            assertEq(OwnableUpgradeable(all[i]).owner(), timelock);
        }
    }

    function test_onlyTheTimelockUpgrades() public {
        address[] memory all = EconomyDeployment.owned(deployed);
        address next = address(new NextVersion());
        for (uint256 i = 0; i < all.length; ++i) {
            vm.expectRevert(notOwner(address(this)));
            UUPSUpgradeable(all[i]).upgradeToAndCall(next, "");
            vm.prank(timelock);
            UUPSUpgradeable(all[i]).upgradeToAndCall(next, "");
            assertEq(NextVersion(all[i]).version(), 2);
        }
    }

    function test_implementationsAndProxiesCannotBeInitializedAgain() public {
        address[] memory all = EconomyDeployment.owned(deployed);
        // They share no initializer; this one stands for those with one argument, the others are the same modifier.
        for (uint256 i = 0; i < all.length; ++i) {
            address code = implementationOf(all[i]);
            uint64 version =
                uint64(uint256(vm.load(code, 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00)));
            assertEq(version, type(uint64).max, "disabled");
        }
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        treasury.initialize(address(this));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        identity.initialize(address(this));
    }

    function test_aWrongPredictionIsNoticed() public {
        vm.expectPartialRevert(EconomyDeployment.UnexpectedPayoutsAddress.selector);
        this.deployWith(address(1));
    }

    function deployWith(address prediction) external returns (EconomyAddresses memory) {
        return EconomyDeployment.run(defaultConfig(), address(this), prediction);
    }

    function test_deploymentWithoutVerifiers() public {
        EconomyConfig memory config = defaultConfig();
        config.splitVerifier = address(0);
        config.aggregationVerifier = address(0);
        config.settlementVerifier = address(0);
        deployAll(config);
        (address aggregation, address settlement) = payouts.verifiers();
        assertEq(aggregation, address(0));
        assertEq(settlement, address(0));
        config.settlementVerifier = address(verifier);
        deployAll(config);
        (, settlement) = payouts.verifiers();
        assertEq(settlement, address(verifier));
    }

    function refuse(address code, bytes memory call) internal {
        vm.expectRevert(Governed.ZeroAddress.selector);
        new ERC1967Proxy(code, call);
    }

    function test_everyNeighbourMustExist() public {
        address o = address(this);
        address x = address(1);
        IEconomyParameters.Parameters memory p;
        refuse(address(new RegionRules()), abi.encodeCall(RegionRules.initialize, (o, address(0))));
        refuse(address(new EconomyParameters()), abi.encodeCall(EconomyParameters.initialize, (o, address(0), p)));
        address code = address(new SplitPay());
        refuse(code, abi.encodeCall(SplitPay.initialize, (o, address(0), x)));
        refuse(code, abi.encodeCall(SplitPay.initialize, (o, x, address(0))));
        code = address(new Escrow());
        refuse(code, abi.encodeCall(Escrow.initialize, (o, address(0), x)));
        refuse(code, abi.encodeCall(Escrow.initialize, (o, x, address(0))));
        code = address(new DirectSale());
        refuse(code, abi.encodeCall(DirectSale.initialize, (o, address(0), x, x)));
        refuse(code, abi.encodeCall(DirectSale.initialize, (o, x, address(0), x)));
        refuse(code, abi.encodeCall(DirectSale.initialize, (o, x, x, address(0))));
        code = address(new WorkRegistry());
        refuse(code, abi.encodeCall(WorkRegistry.initialize, (o, address(0), x, x, x, 1)));
        refuse(code, abi.encodeCall(WorkRegistry.initialize, (o, x, address(0), x, x, 1)));
        refuse(code, abi.encodeCall(WorkRegistry.initialize, (o, x, x, address(0), x, 1)));
        refuse(code, abi.encodeCall(WorkRegistry.initialize, (o, x, x, x, address(0), 1)));
        code = address(new CWEConsumption());
        refuse(code, abi.encodeCall(CWEConsumption.initialize, (o, address(0), x, x, x)));
        refuse(code, abi.encodeCall(CWEConsumption.initialize, (o, x, address(0), x, x)));
        refuse(code, abi.encodeCall(CWEConsumption.initialize, (o, x, x, address(0), x)));
        refuse(code, abi.encodeCall(CWEConsumption.initialize, (o, x, x, x, address(0))));
        code = address(new CWEPayouts());
        for (uint256 missing = 0; missing < 7; ++missing) {
            address[7] memory s = [x, x, x, x, x, x, x];
            s[missing] = address(0);
            refuse(code, abi.encodeWithSelector(CWEPayouts.initialize.selector, o, s));
        }
    }

    /// Each contract's first storage field is where ERC-7201 puts its namespace.
    function test_storageIsAtErc7201Slots() public view {
        assertEq(fieldAt(address(beacon), "cwe.epoch-beacon"), uint160(address(clock)) | uint256(BEACON_DELAY) << 160);
        assertEq(fieldAt(address(parameters), "cwe.economy-parameters"), uint160(address(clock)));
        assertEq(fieldAt(address(regions), "cwe.region-rules"), uint160(address(clock)));
        assertEq(fieldAt(address(registry), "cwe.work-registry"), uint160(address(identity)));
        assertEq(fieldAt(address(tiers), "cwe.tiers"), uint160(address(clock)));
        assertEq(fieldAt(address(consumption), "cwe.consumption"), uint160(address(clock)));
        assertEq(fieldAt(address(payouts), "cwe.payouts"), uint160(address(clock)));
        assertEq(fieldAt(address(splitPay), "cwe.split-pay"), uint160(address(registry)));
        assertEq(fieldAt(address(escrow), "cwe.escrow"), uint160(address(registry)));
        assertEq(fieldAt(address(directSale), "cwe.direct-sale"), uint160(address(registry)));
        assertEq(fieldAt(address(clock), "cwe.epoch-clock"), 1, "one era");
    }

    function fieldAt(address proxy, string memory name) internal view returns (uint256) {
        return uint256(vm.load(proxy, slotOf(name)));
    }

    function slotOf(string memory name) internal pure returns (bytes32) {
        return keccak256(abi.encode(uint256(keccak256(bytes(name))) - 1)) & ~bytes32(uint256(0xff));
    }
}
