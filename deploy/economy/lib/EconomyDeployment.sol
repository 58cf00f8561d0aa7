// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {Timelock} from "../../../bridge/src/Timelock.sol";
import {CWEIdentity} from "../../../contracts/src/identity/CWEIdentity.sol";
import {CreatorRegistry} from "../../../contracts/src/identity/CreatorRegistry.sol";
import {ICWEConsumption} from "../../../contracts/src/interfaces/ICWEConsumption.sol";
import {ICWEPayouts} from "../../../contracts/src/interfaces/ICWEPayouts.sol";
import {ICWERegistry} from "../../../contracts/src/interfaces/ICWERegistry.sol";
import {ICWETiers} from "../../../contracts/src/interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../../../contracts/src/interfaces/IEconomyParameters.sol";
import {IEpochBeacon} from "../../../contracts/src/interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../../../contracts/src/interfaces/IEpochClock.sol";
import {ITreasury} from "../../../contracts/src/interfaces/ITreasury.sol";
import {PayoutSources} from "../../../contracts/src/libraries/PayoutSources.sol";
import {DirectSale} from "../../../contracts/src/payments/DirectSale.sol";
import {Escrow} from "../../../contracts/src/payments/Escrow.sol";
import {SplitPay} from "../../../contracts/src/payments/SplitPay.sol";
import {CWEPayouts} from "../../../contracts/src/payouts/CWEPayouts.sol";
import {CWETiers} from "../../../contracts/src/tiers/CWETiers.sol";
import {Treasury} from "../../../contracts/src/treasury/Treasury.sol";
import {CWEConsumption} from "../../../contracts/src/usage/CWEConsumption.sol";
import {EconomyParameters} from "../../../contracts/src/usage/EconomyParameters.sol";
import {EpochBeacon} from "../../../contracts/src/usage/EpochBeacon.sol";
import {EpochClock} from "../../../contracts/src/usage/EpochClock.sol";
import {SubmissionRefunds} from "../../../contracts/src/usage/SubmissionRefunds.sol";
import {RegionRules} from "../../../contracts/src/works/RegionRules.sol";
import {WorkRegistry} from "../../../contracts/src/works/WorkRegistry.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

struct TierConfig {
    bytes32 id;
    ICWETiers.Terms terms;
}

struct RuleConfig {
    bytes32 rule;
    uint32 factorPpm;
}

struct IssuerConfig {
    address issuer;
    uint8 classes;
}

/// @notice All choices of the economy's deployment.
struct EconomyConfig {
    /// @dev Schedules what the timelock will do.
    address governor;
    /// @dev Seconds between schedule and execution.
    uint256 timelockDelay;
    /// @dev Unix time in seconds of the first epoch.
    uint48 startsAt;
    IEpochClock.Schedule schedule;
    /// @dev Seconds.
    uint64 beaconDelay;
    /// @dev Seconds between announcing a content and registering it, see {ICWERegistry}.
    uint64 claimDelaySecs;
    IEconomyParameters.Parameters parameters;
    TierConfig[] tiers;
    RuleConfig[] rules;
    IssuerConfig[] issuers;
    /// @dev Zero until a verifier exists.
    address splitVerifier;
    address aggregationVerifier;
    address settlementVerifier;
}

/// @notice Where everything is.
struct EconomyAddresses {
    address timelock;
    address clock;
    address beacon;
    address parameters;
    address regions;
    address identity;
    address creators;
    address registry;
    address splitPay;
    address escrow;
    address directSale;
    address treasury;
    address tiers;
    address consumption;
    address payouts;
    address refunds;
}

/// @title EconomyDeployment
/// @notice The one order of deployment, for scripts and tests. The deployer owns everything while it configures it and
/// nothing afterwards.
library EconomyDeployment {
    /// @dev Creations before the payouts' proxy, whose address the tiers need before it exists.
    uint256 internal constant PAYOUTS_NONCE_OFFSET = 28;

    error UnexpectedPayoutsAddress(address actual, address predicted);

    /// @notice Deploys everything from the calling context.
    /// @param deployer Who calls, in the eyes of the contracts.
    /// @param payoutsPrediction Address of the caller's creation number `PAYOUTS_NONCE_OFFSET` from here.
    function run(EconomyConfig memory config, address deployer, address payoutsPrediction)
        internal
        returns (EconomyAddresses memory deployed)
    {
        deployed.timelock = _timelock(config);
        _deployEpochs(config, deployer, deployed);
        _deployWorks(config, deployer, deployed);
        _deployPayments(deployer, deployed);
        _deployUsage(deployer, deployed, payoutsPrediction);
        if (deployed.payouts != payoutsPrediction) {
            revert UnexpectedPayoutsAddress(deployed.payouts, payoutsPrediction);
        }
        _deployRefunds(deployer, deployed);
        _configure(config, deployed);
        _handOver(deployed);
    }

    /// @notice The fifteen proxies, which the timelock owns.
    function owned(EconomyAddresses memory deployed) internal pure returns (address[] memory all) {
        all = new address[](15);
        all[0] = deployed.clock;
        all[1] = deployed.beacon;
        all[2] = deployed.parameters;
        all[3] = deployed.regions;
        all[4] = deployed.identity;
        all[5] = deployed.creators;
        all[6] = deployed.registry;
        all[7] = deployed.splitPay;
        all[8] = deployed.escrow;
        all[9] = deployed.directSale;
        all[10] = deployed.treasury;
        all[11] = deployed.tiers;
        all[12] = deployed.consumption;
        all[13] = deployed.payouts;
        all[14] = deployed.refunds;
    }

    function _timelock(EconomyConfig memory config) private returns (address) {
        address[] memory proposers = new address[](1);
        proposers[0] = config.governor;
        // The zero address: whoever wants to may execute what was announced long enough.
        address[] memory executors = new address[](1);
        return address(new Timelock(config.timelockDelay, proposers, executors));
    }

    function _deployEpochs(EconomyConfig memory config, address owner, EconomyAddresses memory deployed) private {
        deployed.clock = _proxy(
            address(new EpochClock()), abi.encodeCall(EpochClock.initialize, (owner, config.startsAt, config.schedule))
        );
        deployed.beacon = _proxy(
            address(new EpochBeacon()),
            abi.encodeCall(EpochBeacon.initialize, (owner, deployed.clock, config.beaconDelay))
        );
        deployed.parameters = _proxy(
            address(new EconomyParameters()),
            abi.encodeCall(EconomyParameters.initialize, (owner, deployed.clock, config.parameters))
        );
    }

    function _deployWorks(EconomyConfig memory config, address owner, EconomyAddresses memory deployed) private {
        deployed.regions =
            _proxy(address(new RegionRules()), abi.encodeCall(RegionRules.initialize, (owner, deployed.clock)));
        deployed.identity = _proxy(address(new CWEIdentity()), abi.encodeCall(CWEIdentity.initialize, (owner)));
        deployed.creators = _proxy(address(new CreatorRegistry()), abi.encodeCall(CreatorRegistry.initialize, (owner)));
        deployed.registry = _proxy(
            address(new WorkRegistry()),
            abi.encodeCall(
                WorkRegistry.initialize,
                (owner, deployed.identity, deployed.creators, deployed.clock, deployed.regions, config.claimDelaySecs)
            )
        );
    }

    function _deployPayments(address owner, EconomyAddresses memory deployed) private {
        deployed.splitPay = _proxy(
            address(new SplitPay()), abi.encodeCall(SplitPay.initialize, (owner, deployed.registry, deployed.clock))
        );
        deployed.escrow = _proxy(
            address(new Escrow()), abi.encodeCall(Escrow.initialize, (owner, deployed.registry, deployed.clock))
        );
        deployed.directSale = _proxy(
            address(new DirectSale()),
            abi.encodeCall(DirectSale.initialize, (owner, deployed.registry, deployed.creators, deployed.splitPay))
        );
        deployed.treasury = _proxy(address(new Treasury()), abi.encodeCall(Treasury.initialize, (owner)));
    }

    function _deployUsage(address owner, EconomyAddresses memory deployed, address payouts) private {
        deployed.tiers =
            _proxy(address(new CWETiers()), abi.encodeCall(CWETiers.initialize, (owner, deployed.clock, payouts)));
        deployed.consumption = _proxy(
            address(new CWEConsumption()),
            abi.encodeCall(
                CWEConsumption.initialize, (owner, deployed.clock, deployed.beacon, deployed.tiers, deployed.parameters)
            )
        );
        PayoutSources.Sources memory sources = PayoutSources.Sources({
            clock: IEpochClock(deployed.clock),
            beacon: IEpochBeacon(deployed.beacon),
            tiers: ICWETiers(deployed.tiers),
            consumption: ICWEConsumption(deployed.consumption),
            registry: ICWERegistry(deployed.registry),
            parameters: IEconomyParameters(deployed.parameters),
            treasury: ITreasury(deployed.treasury)
        });
        deployed.payouts = _proxy(address(new CWEPayouts()), abi.encodeCall(CWEPayouts.initialize, (owner, sources)));
    }

    function _deployRefunds(address owner, EconomyAddresses memory deployed) private {
        SubmissionRefunds.Sources memory sources = SubmissionRefunds.Sources({
            tiers: ICWETiers(deployed.tiers),
            consumption: ICWEConsumption(deployed.consumption),
            payouts: ICWEPayouts(deployed.payouts),
            parameters: IEconomyParameters(deployed.parameters),
            treasury: ITreasury(deployed.treasury)
        });
        deployed.refunds =
            _proxy(address(new SubmissionRefunds()), abi.encodeCall(SubmissionRefunds.initialize, (owner, sources)));
        Treasury(deployed.treasury).setSpender(ITreasury.Account.Infrastructure, deployed.refunds);
    }

    function _configure(EconomyConfig memory config, EconomyAddresses memory deployed) private {
        for (uint256 i = 0; i < config.tiers.length; ++i) {
            CWETiers(deployed.tiers).setTerms(config.tiers[i].id, config.tiers[i].terms);
        }
        for (uint256 i = 0; i < config.rules.length; ++i) {
            RegionRules(deployed.regions).setRule(config.rules[i].rule, config.rules[i].factorPpm);
        }
        for (uint256 i = 0; i < config.issuers.length; ++i) {
            CWEIdentity(deployed.identity).setIssuer(config.issuers[i].issuer, config.issuers[i].classes);
        }
        if (config.splitVerifier != address(0)) {
            CWEConsumption(deployed.consumption).setVerifier(config.splitVerifier);
        }
        if (config.aggregationVerifier != address(0) || config.settlementVerifier != address(0)) {
            CWEPayouts(payable(deployed.payouts)).setVerifiers(config.aggregationVerifier, config.settlementVerifier);
        }
    }

    function _handOver(EconomyAddresses memory deployed) private {
        address[] memory all = owned(deployed);
        for (uint256 i = 0; i < all.length; ++i) {
            OwnableUpgradeable(all[i]).transferOwnership(deployed.timelock);
        }
    }

    function _proxy(address implementation, bytes memory call) private returns (address) {
        return address(new ERC1967Proxy(implementation, call));
    }
}
