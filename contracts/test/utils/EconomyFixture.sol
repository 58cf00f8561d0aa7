// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {EconomyAddresses, EconomyConfig, EconomyDeployment} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {IssuerConfig, RuleConfig, TierConfig} from "../../../deploy/economy/lib/EconomyDeployment.sol";
import {CWEIdentity} from "../../src/identity/CWEIdentity.sol";
import {CreatorRegistry} from "../../src/identity/CreatorRegistry.sol";
import {ICWEIdentity} from "../../src/interfaces/ICWEIdentity.sol";
import {ICWERegistry, Payee} from "../../src/interfaces/ICWERegistry.sol";
import {ICWETiers} from "../../src/interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../../src/interfaces/IEconomyParameters.sol";
import {IEpochClock} from "../../src/interfaces/IEpochClock.sol";
import {PoseidonFallback} from "../../src/libraries/PoseidonFallback.sol";
import {SystemAddresses} from "../../src/libraries/SystemAddresses.sol";
import {DirectSale} from "../../src/payments/DirectSale.sol";
import {Escrow} from "../../src/payments/Escrow.sol";
import {SplitPay} from "../../src/payments/SplitPay.sol";
import {CWEPayouts} from "../../src/payouts/CWEPayouts.sol";
import {L1BlockOracle} from "../../src/system/L1BlockOracle.sol";
import {CWETiers} from "../../src/tiers/CWETiers.sol";
import {Treasury} from "../../src/treasury/Treasury.sol";
import {CWEConsumption} from "../../src/usage/CWEConsumption.sol";
import {EconomyParameters} from "../../src/usage/EconomyParameters.sol";
import {EpochBeacon} from "../../src/usage/EpochBeacon.sol";
import {EpochClock} from "../../src/usage/EpochClock.sol";
import {SubmissionRefunds} from "../../src/usage/SubmissionRefunds.sol";
import {RegionRules} from "../../src/works/RegionRules.sol";
import {WorkRegistry} from "../../src/works/WorkRegistry.sol";
import {MockStatementVerifier} from "../mocks/MockStatementVerifier.sol";
import {Test, Vm} from "forge-std/Test.sol";

/// @notice A whole deployment of the economy on an L2 as the genesis leaves it, and its users' side of things.
abstract contract EconomyFixture is Test {
    bytes32 internal constant LIGHT = bytes32(uint256(uint40(bytes5("light"))));
    bytes32 internal constant HEAVY = bytes32(uint256(uint40(bytes5("heavy"))));
    bytes32 internal constant WORLD = "world";
    bytes32 internal constant EU = "eu-tier-1";
    uint112 internal constant LIGHT_FEE = 5 ether;
    uint112 internal constant HEAVY_FEE = 20 ether;
    uint40 internal constant LENGTH = 30 days;
    uint40 internal constant SUBMISSION = 3 days;
    uint40 internal constant REVEAL = 7 days;
    uint40 internal constant AGGREGATION = 1 days;
    uint64 internal constant BEACON_DELAY = 60;
    uint64 internal constant CLAIM_DELAY = 5 minutes;

    address internal governor = makeAddr("governor");
    address internal issuer = makeAddr("issuer");
    address internal listener = makeAddr("listener");
    address internal relayer = makeAddr("relayer");
    Vm.Wallet internal alice;
    Vm.Wallet internal bob;
    Vm.Wallet internal carol;
    bytes32 internal aliceId;

    address internal timelock;
    EpochClock internal clock;
    EpochBeacon internal beacon;
    EconomyParameters internal parameters;
    RegionRules internal regions;
    CWEIdentity internal identity;
    CreatorRegistry internal creators;
    WorkRegistry internal registry;
    SplitPay internal splitPay;
    Escrow internal escrow;
    DirectSale internal directSale;
    Treasury internal treasury;
    CWETiers internal tiers;
    CWEConsumption internal consumption;
    CWEPayouts internal payouts;
    SubmissionRefunds internal refunds;
    MockStatementVerifier internal verifier;
    EconomyAddresses internal deployed;

    function setUp() public virtual {
        vm.etch(SystemAddresses.POSEIDON, type(PoseidonFallback).runtimeCode);
        vm.etch(SystemAddresses.L1_BLOCK_ORACLE, type(L1BlockOracle).runtimeCode);
        verifier = new MockStatementVerifier();
        deployAll(defaultConfig());
        alice = vm.createWallet("alice");
        bob = vm.createWallet("bob");
        carol = vm.createWallet("carol");
        aliceId = becomeCreator(alice);
        vm.deal(listener, 1_000_000 ether);
    }

    function defaultConfig() internal view returns (EconomyConfig memory config) {
        config.governor = governor;
        config.timelockDelay = 30 days;
        config.startsAt = uint48(block.timestamp);
        config.schedule = defaultSchedule();
        config.beaconDelay = BEACON_DELAY;
        config.claimDelaySecs = CLAIM_DELAY;
        config.parameters = IEconomyParameters.Parameters(50_000, 100_000, 1_000_000, 3, false);
        config.tiers = new TierConfig[](2);
        config.tiers[0] = TierConfig(LIGHT, ICWETiers.Terms(LIGHT_FEE, 1800 minutes, 3));
        config.tiers[1] = TierConfig(HEAVY, ICWETiers.Terms(HEAVY_FEE, 14_400 minutes, 31));
        config.rules = new RuleConfig[](2);
        config.rules[0] = RuleConfig(WORLD, 1_000_000);
        config.rules[1] = RuleConfig(EU, 1_200_000);
        config.issuers = new IssuerConfig[](1);
        config.issuers[0] = IssuerConfig(issuer, 0x0f);
        config.splitVerifier = address(verifier);
        config.aggregationVerifier = address(verifier);
        config.settlementVerifier = address(verifier);
    }

    function defaultSchedule() internal pure returns (IEpochClock.Schedule memory) {
        return IEpochClock.Schedule(LENGTH, SUBMISSION, REVEAL, AGGREGATION);
    }

    function deployAll(EconomyConfig memory config) internal {
        uint256 nonce = vm.getNonce(address(this)) + EconomyDeployment.PAYOUTS_NONCE_OFFSET;
        deployed = EconomyDeployment.run(config, address(this), vm.computeCreateAddress(address(this), nonce));
        timelock = deployed.timelock;
        clock = EpochClock(deployed.clock);
        beacon = EpochBeacon(deployed.beacon);
        parameters = EconomyParameters(deployed.parameters);
        regions = RegionRules(deployed.regions);
        identity = CWEIdentity(deployed.identity);
        creators = CreatorRegistry(deployed.creators);
        registry = WorkRegistry(deployed.registry);
        splitPay = SplitPay(deployed.splitPay);
        escrow = Escrow(deployed.escrow);
        directSale = DirectSale(deployed.directSale);
        treasury = Treasury(deployed.treasury);
        tiers = CWETiers(deployed.tiers);
        consumption = CWEConsumption(deployed.consumption);
        payouts = CWEPayouts(payable(deployed.payouts));
        refunds = SubmissionRefunds(deployed.refunds);
    }

    /* people */

    function becomeCreator(Vm.Wallet memory wallet) internal returns (bytes32 creatorId) {
        vm.prank(wallet.addr);
        creatorId = creators.register(bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY), "metadata", "");
        grant(wallet.addr, ICWEIdentity.Class.Creator);
    }

    function issuance(address subject, ICWEIdentity.Class class) internal view returns (ICWEIdentity.Issuance memory) {
        return ICWEIdentity.Issuance({
            issuer: issuer,
            subject: subject,
            class: class,
            commitment: keccak256(abi.encode(subject, class, block.timestamp)),
            expiresAt: uint64(block.timestamp + 3650 days),
            deadline: uint64(block.timestamp + 1 days)
        });
    }

    function grant(address subject, ICWEIdentity.Class class) internal {
        vm.prank(issuer);
        identity.issue(issuance(subject, class), "");
    }

    function sign(Vm.Wallet memory wallet, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(wallet.privateKey, digest);
        return abi.encodePacked(r, s, v);
    }

    function asOwner() internal {
        vm.prank(timelock);
    }

    function notOwner(address account) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", account);
    }

    /* works */

    function work(uint256 number) internal pure returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode("work", number))) >> 8);
    }

    function content(uint256 number) internal pure returns (ICWERegistry.Content memory) {
        return ICWERegistry.Content({
            contentId: keccak256(abi.encode("content", number)),
            manifestId: keccak256(abi.encode("manifest", number)),
            fpId: keccak256(abi.encode("fingerprint", number)),
            fpHash: keccak256(abi.encode("descriptor", number)),
            accessClasses: 2
        });
    }

    /// @dev Announces a content and lets the delay pass.
    function announce(bytes32 creatorId, ICWERegistry.Content memory announced) internal {
        registry.announce(registry.claimOf(creatorId, announced));
        skip(CLAIM_DELAY);
    }

    function consentOf(Vm.Wallet memory wallet, bytes32 workId, uint32 version, uint96 share)
        internal
        view
        returns (ICWERegistry.Consent memory consent)
    {
        consent.deadline = uint64(block.timestamp + 1 days);
        bytes32 digest = registry.consentDigest(workId, version, aliceId, wallet.addr, share, consent.deadline);
        consent.signature = sign(wallet, digest);
    }

    /// @dev Alice 50 %, Bob 30 %, Carol 20 %.
    function threePayees() internal view returns (Payee[] memory payees) {
        payees = new Payee[](3);
        payees[0] = Payee(payable(alice.addr), 500_000);
        payees[1] = Payee(payable(bob.addr), 300_000);
        payees[2] = Payee(payable(carol.addr), 200_000);
    }

    function threeConsents(bytes32 workId, uint32 version)
        internal
        view
        returns (ICWERegistry.Consent[] memory consents)
    {
        consents = new ICWERegistry.Consent[](3);
        consents[1] = consentOf(bob, workId, version, 300_000);
        consents[2] = consentOf(carol, workId, version, 200_000);
    }

    function registerThree(uint256 number) internal returns (bytes32 workId) {
        workId = work(number);
        announce(aliceId, content(number));
        ICWERegistry.Consent[] memory consents = threeConsents(workId, 1);
        vm.prank(alice.addr);
        registry.registerWorkWithConsents(
            workId, aliceId, content(number), threePayees(), consents, ICWERegistry.Terms(1200, WORLD)
        );
    }

    /// @dev A work that pays one account, which agreed by a call.
    function registerFor(uint256 number, address payable account) internal returns (bytes32 workId) {
        workId = work(number);
        address payable[] memory payees = new address payable[](1);
        uint96[] memory splits = new uint96[](1);
        (payees[0], splits[0]) = (account, 1_000_000);
        vm.prank(account);
        registry.setConsent(workId, 1, aliceId, 1_000_000, true);
        vm.prank(alice.addr);
        registry.registerWork(workId, payees, splits, 1200, WORLD);
    }

    /* usage */

    function subscribe(bytes32 tierId, uint256 commitment) internal returns (uint256 index) {
        vm.prank(listener);
        return tiers.subscribe{value: tierId == HEAVY ? HEAVY_FEE : LIGHT_FEE}(tierId, commitment);
    }

    function endEpoch(uint64 epoch) internal {
        vm.warp(clock.windowsOf(epoch).endsAt);
    }

    function relayL1Block() internal {
        uint64 number = L1BlockOracle(SystemAddresses.L1_BLOCK_ORACLE).number() + 1;
        uint64 timestamp = uint64(block.timestamp) + BEACON_DELAY;
        vm.prank(SystemAddresses.SYSTEM_SENDER);
        L1BlockOracle(SystemAddresses.L1_BLOCK_ORACLE)
            .setL1Block(number, timestamp, 1, keccak256(abi.encode("randao", number)), 0);
    }

    function openSubmissions(uint64 epoch) internal {
        endEpoch(epoch);
        relayL1Block();
        beacon.fix(epoch);
    }

    function submit(uint64 epoch, bytes32 tierId, uint256 nullifier, uint256 notesRoot) internal {
        submitBy(relayer, epoch, tierId, nullifier, notesRoot);
    }

    function submitBy(address sender, uint64 epoch, bytes32 tierId, uint256 nullifier, uint256 notesRoot) internal {
        acceptSplit(epoch, tierId, nullifier, notesRoot);
        vm.prank(sender);
        consumption.submitConsumption(bytes32(nullifier), tierId, roots(notesRoot), "split");
    }

    function acceptSplit(uint64 epoch, bytes32 tierId, uint256 nullifier, uint256 notesRoot) internal {
        uint256[8] memory inputs = consumption.publicInputs(epoch, tierId, bytes32(nullifier), bytes32(notesRoot));
        verifier.accept(keccak256(abi.encode(inputs)), "split");
    }

    function roots(uint256 notesRoot) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = bytes32(notesRoot);
    }
}
