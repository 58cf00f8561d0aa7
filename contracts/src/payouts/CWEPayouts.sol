// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IAggregationVerifier} from "../interfaces/IAggregationVerifier.sol";
import {ICWEConsumption} from "../interfaces/ICWEConsumption.sol";
import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";
import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {ICWETiers} from "../interfaces/ICWETiers.sol";
import {IEconomyParameters} from "../interfaces/IEconomyParameters.sol";
import {IEpochBeacon} from "../interfaces/IEpochBeacon.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {ISettlementVerifier} from "../interfaces/ISettlementVerifier.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Governed} from "../libraries/Governed.sol";
import {Splits} from "../libraries/Splits.sol";
import {PullPayments} from "../payments/PullPayments.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title CWEPayouts
/// @notice See {ICWEPayouts}. A false proof could at worst divide one epoch's creators' money wrongly: shares, sums and
/// units are checked here too.
contract CWEPayouts is ICWEPayouts, Governed, PullPayments {
    /// @notice Units that one subscription is divided into.
    uint256 public constant UNITS = 100;
    /// @notice Root of an empty Merkle-Patricia trie: keccak256(rlp("")).
    bytes32 public constant EMPTY_TRIE_ROOT = 0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421;

    /// @notice The contracts that payouts follow from.
    struct Sources {
        IEpochClock clock;
        IEpochBeacon beacon;
        ICWETiers tiers;
        ICWEConsumption consumption;
        ICWERegistry registry;
        IEconomyParameters parameters;
        ITreasury treasury;
    }

    struct Epoch {
        /// @dev Zero stands for the empty trie.
        bytes32 nullifierRoot;
        bytes32 totalsRoot;
        uint64 reveals;
        bool proven;
        Settlement settlement;
        uint256 claimable;
        mapping(bytes32 tierId => uint64) units;
        mapping(bytes32 workId => bool) withdrawn;
    }

    /// @custom:storage-location erc7201:cwe.payouts
    struct PayoutsStorage {
        Sources sources;
        IAggregationVerifier aggregationVerifier;
        ISettlementVerifier settlementVerifier;
        uint64 lastSettled;
        Books books;
        mapping(uint64 epoch => Epoch) epochs;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.payouts")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x939f1a40e14dd0218e0137fd62656dd4608aa5b71bbdc802ee0367bc80fea200;

    /// @param owner_ The timelock.
    /// @param sources_ What payouts follow from.
    function initialize(address owner_, Sources calldata sources_) external initializer {
        _requireNonZero(address(sources_.clock));
        _requireNonZero(address(sources_.beacon));
        _requireNonZero(address(sources_.tiers));
        _requireNonZero(address(sources_.consumption));
        _requireNonZero(address(sources_.registry));
        _requireNonZero(address(sources_.parameters));
        _requireNonZero(address(sources_.treasury));
        __Ownable_init(owner_);
        _storage().sources = sources_;
    }

    receive() external payable {
        if (msg.sender != address(_storage().sources.tiers)) revert NotTiers(msg.sender);
    }

    /* aggregation */

    /// @inheritdoc ICWEPayouts
    function submitAggregate(uint64 epoch, Aggregate calldata aggregate, bytes calldata proof) external {
        PayoutsStorage storage $ = _storage();
        IEpochClock.Windows memory windows = $.sources.clock.windowsOf(epoch);
        if (block.timestamp < windows.submissionEndsAt || block.timestamp >= windows.settleableAt) {
            revert OutsideWindow(epoch, windows.submissionEndsAt, windows.settleableAt);
        }
        IAggregationVerifier verifier = $.aggregationVerifier;
        if (address(verifier) == address(0)) revert VerifierNotSet();
        (bytes32 nullifierRoot, bytes32 totalsRoot,) = rootsOf(epoch);
        if (aggregate.nullifierRootBefore != nullifierRoot || aggregate.totalsRootBefore != totalsRoot) {
            revert StaleRoots(nullifierRoot, totalsRoot);
        }
        _addUnits(epoch, aggregate.units);
        if (!verifier.verify(aggregateValue(epoch, aggregate, msg.sender), proof)) revert ProofInvalid();

        Epoch storage state = $.epochs[epoch];
        state.nullifierRoot = aggregate.nullifierRootAfter;
        state.totalsRoot = aggregate.totalsRootAfter;
        state.reveals += aggregate.reveals;
        emit AggregateSubmitted(epoch, msg.sender, aggregate);
    }

    /// @dev Also without trust in the proof no tier can be paid more units than its submissions hold.
    function _addUnits(uint64 epoch, uint64[] calldata units) private {
        PayoutsStorage storage $ = _storage();
        bytes32[] memory tierIds = $.sources.tiers.tierIds();
        if (units.length != tierIds.length) revert UnitsLengthInvalid(units.length, tierIds.length);
        // Calls in a loop: the protocol's own contracts, and never more than CWETiers.MAX_TIERS times.
        // slither-disable-start calls-loop
        for (uint256 i = 0; i < units.length; ++i) {
            if (units[i] == 0) continue;
            uint256 sum = uint256($.epochs[epoch].units[tierIds[i]]) + units[i];
            uint256 maximum = UNITS * $.sources.consumption.submissionsOf(epoch, tierIds[i]);
            if (sum > maximum) revert TooManyUnits(tierIds[i], sum, maximum);
            // forge-lint: disable-next-line(unsafe-typecast): at most 100 · 2²⁰
            $.epochs[epoch].units[tierIds[i]] = uint64(sum);
        }
        // slither-disable-end calls-loop
    }

    /* settlement */

    /// @inheritdoc ICWEPayouts
    function proveSettlement(uint64 epoch, Settlement calldata settlement, bytes calldata proof) external {
        PayoutsStorage storage $ = _storage();
        _requireSettleable(epoch);
        ISettlementVerifier verifier = $.settlementVerifier;
        if (address(verifier) == address(0)) revert VerifierNotSet();
        SettlementInputs memory inputs = settlementInputs(epoch);
        uint256 inflow = _sum(inputs.revenues) + inputs.carriedIn + inputs.unclaimedIn;
        _requireConserved(inflow, inputs, settlement);
        if (!verifier.verify(_settlementValue(inputs, settlement), proof)) revert ProofInvalid();

        $.epochs[epoch].settlement = settlement;
        $.epochs[epoch].proven = true;
        emit SettlementProven(epoch, settlement);
    }

    /// @inheritdoc ICWEPayouts
    /// @dev What is called at the end are the protocol's own contracts, after all writes (slither takes the reading of a
    /// namespace's slot afterwards for one), and the treasury's address was fixed at deployment.
    // slither-disable-next-line arbitrary-send-eth,reentrancy-eth,reentrancy-benign
    function settleEpoch(uint256 epochId) external {
        PayoutsStorage storage $ = _storage();
        uint64 epoch = SafeCast.toUint64(epochId);
        _requireSettleable(epoch);
        Epoch storage state = $.epochs[epoch];
        SettlementInputs memory inputs = settlementInputs(epoch);
        uint256 fees = _sum(inputs.revenues);
        uint256 inflow = fees + inputs.carriedIn + inputs.unclaimedIn;
        if (!state.proven) {
            if (state.reveals != 0 || inputs.carriedIn != 0) revert SettlementNotProven(epoch);
            state.settlement.unclaimed = inflow - inputs.eco - inputs.infra;
        }
        Settlement memory settlement = state.settlement;
        _requireConserved(inflow, inputs, settlement);

        $.lastSettled = epoch;
        state.claimable = settlement.creators;
        $.books.fees += fees;
        $.books.claimable += settlement.creators;
        $.books.eco += inputs.eco;
        $.books.infra += inputs.infra;
        $.books.carried = settlement.carried;
        $.books.unclaimed = settlement.unclaimed;
        emit EpochSettled(epoch, fees, inputs.eco, inputs.infra, settlement);
        uint256 collected = $.sources.tiers.collect(epoch);
        if (collected != fees) revert NotConserved(fees, collected);
        $.sources.treasury.fund{value: inputs.eco + inputs.infra}(inputs.infra, inputs.eco);
        _requireSolvent();
    }

    /* claims */

    /// @inheritdoc ICWEPayouts
    function withdraw(bytes32 workId, uint64 epoch, uint256 amount, bytes32[] calldata proof) external {
        PayoutsStorage storage $ = _storage();
        Epoch storage state = $.epochs[epoch];
        if (epoch > $.lastSettled) revert PayoutInvalid(epoch, workId, amount);
        if (state.withdrawn[workId]) revert AlreadyWithdrawn(epoch, workId);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(epoch, workId, amount))));
        bool listed = MerkleProof.verifyCalldata(proof, state.settlement.payoutRoot, leaf);
        if (!listed || amount > state.claimable) revert PayoutInvalid(epoch, workId, amount);
        ICWERegistry registry = $.sources.registry;
        if (registry.workOf(workId).status == ICWERegistry.Status.Blacklisted) revert WorkBlacklisted(workId);

        state.withdrawn[workId] = true;
        state.claimable -= amount;
        $.books.claimable -= amount;
        $.books.credited += amount;
        _creditSplit(registry.payeesAt(workId, epoch), workId, amount);
        emit Withdrawn(workId, epoch, amount);
    }

    /// @inheritdoc ICWEPayouts
    function setVerifiers(address aggregation, address settlement) external onlyOwner {
        _storage().aggregationVerifier = IAggregationVerifier(aggregation);
        _storage().settlementVerifier = ISettlementVerifier(settlement);
        emit VerifiersSet(aggregation, settlement);
    }

    /* views */

    /// @inheritdoc ICWEPayouts
    function verifiers() external view returns (address aggregation, address settlement) {
        return (address(_storage().aggregationVerifier), address(_storage().settlementVerifier));
    }

    /// @inheritdoc ICWEPayouts
    function rootsOf(uint64 epoch) public view returns (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals) {
        Epoch storage state = _storage().epochs[epoch];
        nullifierRoot = state.nullifierRoot == 0 ? EMPTY_TRIE_ROOT : state.nullifierRoot;
        totalsRoot = state.totalsRoot == 0 ? EMPTY_TRIE_ROOT : state.totalsRoot;
        reveals = state.reveals;
    }

    /// @inheritdoc ICWEPayouts
    function unitsOf(uint64 epoch, bytes32 tierId) external view returns (uint64) {
        return _storage().epochs[epoch].units[tierId];
    }

    /// @inheritdoc ICWEPayouts
    function settlementOf(uint64 epoch)
        external
        view
        returns (Settlement memory settlement, bool proven, bool settled)
    {
        Epoch storage state = _storage().epochs[epoch];
        return (state.settlement, state.proven, epoch != 0 && epoch <= _storage().lastSettled);
    }

    /// @inheritdoc ICWEPayouts
    function nextEpoch() public view returns (uint64) {
        return _storage().lastSettled + 1;
    }

    /// @inheritdoc ICWEPayouts
    function claimableOf(uint64 epoch) external view returns (uint256) {
        return _storage().epochs[epoch].claimable;
    }

    /// @inheritdoc ICWEPayouts
    function isWithdrawn(uint64 epoch, bytes32 workId) external view returns (bool) {
        return _storage().epochs[epoch].withdrawn[workId];
    }

    /// @inheritdoc ICWEPayouts
    function books() external view returns (Books memory) {
        return _storage().books;
    }

    /// @inheritdoc ICWEPayouts
    function settlementInputs(uint64 epoch) public view returns (SettlementInputs memory inputs) {
        PayoutsStorage storage $ = _storage();
        Sources memory sources = $.sources;
        inputs.epoch = epoch;
        inputs.endsAt = sources.clock.windowsOf(epoch).endsAt;
        (, inputs.totalsRoot,) = rootsOf(epoch);
        inputs.registryCommitment = sources.registry.registryCommitment(epoch);
        inputs.parameters = sources.parameters.parametersOf(epoch);
        inputs.tierIds = sources.tiers.tierIds();
        uint256 count = inputs.tierIds.length;
        inputs.fees = new uint256[](count);
        inputs.revenues = new uint256[](count);
        // Calls in a loop: the protocol's own contracts, and never more than CWETiers.MAX_TIERS times. Of the revenue the
        // number of subscribers is not needed.
        // slither-disable-start calls-loop,unused-return
        for (uint256 i = 0; i < count; ++i) {
            inputs.fees[i] = sources.tiers.termsOf(inputs.tierIds[i], epoch).fee;
            (inputs.revenues[i],) = sources.tiers.revenueOf(epoch, inputs.tierIds[i]);
        }
        // slither-disable-end calls-loop,unused-return
        bytes32 carriedRoot = $.epochs[epoch - 1].settlement.carriedRoot;
        inputs.carriedRootIn = carriedRoot == 0 ? EMPTY_TRIE_ROOT : carriedRoot;
        inputs.carriedIn = $.epochs[epoch - 1].settlement.carried;
        inputs.unclaimedIn = $.epochs[epoch - 1].settlement.unclaimed;
        uint256 fees = _sum(inputs.revenues);
        inputs.eco = Math.mulDiv(fees, inputs.parameters.ecoPpm, Splits.WHOLE_PPM);
        inputs.infra = Math.mulDiv(fees, inputs.parameters.infraPpm, Splits.WHOLE_PPM);
    }

    /// @inheritdoc ICWEPayouts
    function aggregateValue(uint64 epoch, Aggregate calldata aggregate, address coordinator)
        public
        view
        returns (bytes32)
    {
        Sources storage sources = _storage().sources;
        uint256 key = sources.beacon.keyOf(epoch);
        uint256 noteRoot = sources.consumption.noteRoot(epoch);
        bytes32 commitment = sources.registry.registryCommitment(epoch);
        bytes32[] memory tierIds = sources.tiers.tierIds();
        return keccak256(abi.encode(block.chainid, epoch, key, noteRoot, commitment, tierIds, aggregate, coordinator));
    }

    /// @inheritdoc ICWEPayouts
    function settlementValue(uint64 epoch, Settlement calldata settlement) external view returns (bytes32) {
        return _settlementValue(settlementInputs(epoch), settlement);
    }

    /* internal */

    function _settlementValue(SettlementInputs memory inputs, Settlement memory settlement)
        private
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, inputs, settlement));
    }

    function _requireSettleable(uint64 epoch) private view {
        if (epoch != nextEpoch()) revert NotNextEpoch(epoch, nextEpoch());
        uint64 settleableAt = _storage().sources.clock.windowsOf(epoch).settleableAt;
        if (block.timestamp < settleableAt) revert OutsideWindow(epoch, settleableAt, 0);
    }

    function _requireConserved(uint256 inflow, SettlementInputs memory inputs, Settlement memory settlement)
        private
        pure
    {
        uint256 outflow =
            inputs.eco + inputs.infra + settlement.creators + settlement.carried + settlement.unclaimed;
        if (outflow != inflow) revert NotConserved(inflow, outflow);
    }

    function _requireSolvent() private view {
        Books storage b = _storage().books;
        uint256 required = b.claimable + b.carried + b.unclaimed + totalOwed();
        if (address(this).balance < required) revert Insolvent(address(this).balance, required);
    }

    function _sum(uint256[] memory amounts) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            sum += amounts[i];
        }
    }

    function _storage() private pure returns (PayoutsStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
