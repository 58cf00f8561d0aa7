// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IAggregationVerifier} from "../interfaces/IAggregationVerifier.sol";
import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";
import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {ISettlementVerifier} from "../interfaces/ISettlementVerifier.sol";
import {Governed} from "../libraries/Governed.sol";
import {PayoutLists} from "../libraries/PayoutLists.sol";
import {PayoutSources} from "../libraries/PayoutSources.sol";
import {RevealStates} from "../libraries/RevealStates.sol";
import {PullPayments} from "../payments/PullPayments.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title CWEPayouts
/// @notice See {ICWEPayouts}. A false proof could at worst divide one epoch's creators' money wrongly: shares, sums and
/// units are checked here too.
contract CWEPayouts is ICWEPayouts, Governed, PullPayments {
    using PayoutLists for PayoutLists.List;
    using PayoutSources for PayoutSources.Sources;
    using RevealStates for RevealStates.Tree;

    struct Epoch {
        RevealStates.Tree states;
        /// @dev Of the proven settlement: its basis and the number of reveals of that.
        Basis basis;
        uint64 reveals;
        bool proven;
        Settlement settlement;
        uint256 claimable;
        mapping(bytes32 workId => bool) withdrawn;
        mapping(address publisher => PayoutLists.List) published;
    }

    /// @custom:storage-location erc7201:cwe.payouts
    struct PayoutsStorage {
        PayoutSources.Sources sources;
        IAggregationVerifier aggregationVerifier;
        ISettlementVerifier settlementVerifier;
        uint64 lastSettled;
        /// @dev Unix time in seconds of the last settlement or setting of verifiers: no settlement that is still to come
        /// could be proven before.
        uint64 provableSince;
        Books books;
        mapping(uint64 epoch => Epoch) epochs;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.payouts")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x939f1a40e14dd0218e0137fd62656dd4608aa5b71bbdc802ee0367bc80fea200;

    /// @param owner_ The timelock.
    /// @param sources_ What payouts follow from.
    function initialize(address owner_, PayoutSources.Sources calldata sources_) external initializer {
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
        IEpochClock.Windows memory windows = $.sources.windowsOf(epoch);
        if (block.timestamp < windows.submissionEndsAt || block.timestamp >= windows.settleableAt) {
            revert OutsideWindow(epoch, windows.submissionEndsAt, windows.settleableAt);
        }
        IAggregationVerifier verifier = $.aggregationVerifier;
        if (address(verifier) == address(0)) revert VerifierNotSet();
        RevealStates.Tree storage states = $.epochs[epoch].states;
        RevealStates.State memory state = states.get(aggregate.nullifierRootBefore, aggregate.totalsRootBefore);
        uint64[] memory units = $.sources.sumOfUnits(epoch, state.units, aggregate.units);
        if (!verifier.verify(aggregateValue(epoch, aggregate, msg.sender), proof)) revert ProofInvalid();

        states.add(aggregate.nullifierRootAfter, aggregate.totalsRootAfter, state.reveals + aggregate.reveals, units);
        emit AggregateSubmitted(epoch, msg.sender, aggregate);
    }

    /* settlement */

    /// @inheritdoc ICWEPayouts
    function publishPayouts(uint64 epoch, uint32 index, bytes calldata entries) external {
        bytes32 payoutsHash = _storage().epochs[epoch].published[msg.sender].append(index, entries);
        emit PayoutsPublished(epoch, msg.sender, index, entries, payoutsHash);
    }

    /// @inheritdoc ICWEPayouts
    function proveSettlement(uint64 epoch, Basis calldata basis, Settlement calldata settlement, bytes calldata proof)
        external
    {
        PayoutsStorage storage $ = _storage();
        _requireSettleable(epoch);
        ISettlementVerifier verifier = $.settlementVerifier;
        if (address(verifier) == address(0)) revert VerifierNotSet();
        Epoch storage state = $.epochs[epoch];
        uint64 reveals = state.states.get(basis.nullifierRoot, basis.totalsRoot).reveals;
        _requireBetter(epoch, basis.abandonCarried, reveals);
        bytes32 published = state.published[msg.sender].payoutsHash;
        // An empty list is nothing to publish.
        if (settlement.payoutsHash != 0 && settlement.payoutsHash != published) {
            revert PayoutsNotPublished(settlement.payoutsHash, published);
        }
        SettlementInputs memory inputs = _settlementInputs(epoch, basis);
        _requireConserved(PayoutSources.inflow(inputs), inputs, settlement);
        if (!verifier.verify(_settlementValue(inputs, settlement), proof)) revert ProofInvalid();

        state.basis = basis;
        state.reveals = reveals;
        state.settlement = settlement;
        state.proven = true;
        emit SettlementProven(epoch, msg.sender, basis, settlement);
    }

    /// @dev A settlement by more reveals is the better one, and of two by equally many the one that abandons nothing.
    function _requireBetter(uint64 epoch, bool abandonCarried, uint64 reveals) private view {
        (uint64 graceEndsAt,) = graceOf(epoch);
        if (abandonCarried && block.timestamp < graceEndsAt) revert CarriedNotAbandonable(graceEndsAt);
        Epoch storage state = _storage().epochs[epoch];
        bool better =
            reveals > state.reveals || (reveals == state.reveals && state.basis.abandonCarried && !abandonCarried);
        if (state.proven && !better) revert SettlementNotBetter(reveals, state.reveals);
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
        SettlementInputs memory inputs = _settlementInputs(epoch, state.basis);
        uint256 fees = PayoutSources.sum(inputs.revenues);
        uint256 inflow = PayoutSources.inflow(inputs);
        _requireFinal(epoch, inputs.carriedIn);
        if (!state.proven) state.settlement.unclaimed = inflow - inputs.eco - inputs.infra;
        Settlement memory settlement = state.settlement;
        _requireConserved(inflow, inputs, settlement);

        $.lastSettled = epoch;
        $.provableSince = uint64(block.timestamp);
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

    /// @dev Whether the settlement, or that there is none, can stand for ever.
    function _requireFinal(uint64 epoch, uint256 carriedIn) private view {
        PayoutsStorage storage $ = _storage();
        Epoch storage state = $.epochs[epoch];
        uint64 bestReveals = state.states.bestReveals;
        (uint64 graceEndsAt, uint64 unprovenAt) = graceOf(epoch);
        if (state.proven) {
            bool contestable = state.reveals < bestReveals && block.timestamp < graceEndsAt;
            if (contestable) revert SettlementContestable(epoch, graceEndsAt);
        } else {
            bool isNeeded = bestReveals != 0 || carriedIn != 0;
            bool isAwaited = block.timestamp < unprovenAt || address($.settlementVerifier) == address(0);
            if (isNeeded && isAwaited) revert SettlementNotProven(epoch);
        }
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
        _storage().provableSince = uint64(block.timestamp);
        emit VerifiersSet(aggregation, settlement);
    }

    /* views */

    /// @inheritdoc ICWEPayouts
    function verifiers() external view returns (address aggregation, address settlement) {
        return (address(_storage().aggregationVerifier), address(_storage().settlementVerifier));
    }

    /// @inheritdoc ICWEPayouts
    function rootsOf(uint64 epoch) external view returns (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals) {
        return _storage().epochs[epoch].states.best();
    }

    /// @inheritdoc ICWEPayouts
    function stateOf(uint64 epoch, bytes32 nullifierRoot, bytes32 totalsRoot)
        external
        view
        returns (bool known, uint64 reveals, uint64[] memory units)
    {
        RevealStates.State memory state = _storage().epochs[epoch].states.find(nullifierRoot, totalsRoot);
        return (state.known, state.reveals, state.units);
    }

    /// @inheritdoc ICWEPayouts
    function publishedPayouts(uint64 epoch, address publisher)
        external
        view
        returns (bytes32 payoutsHash, uint32 chunks)
    {
        PayoutLists.List storage list = _storage().epochs[epoch].published[publisher];
        return (list.payoutsHash, list.chunks);
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
    function basisOf(uint64 epoch) external view returns (Basis memory basis, uint64 reveals) {
        Epoch storage state = _storage().epochs[epoch];
        return (state.basis, state.reveals);
    }

    /// @inheritdoc ICWEPayouts
    function graceOf(uint64 epoch) public view returns (uint64 endsAt, uint64 unprovenAt) {
        IEpochClock.Windows memory windows = _storage().sources.windowsOf(epoch);
        uint64 lengthSecs = windows.settleableAt - windows.revealEndsAt;
        uint64 beginsAt = windows.settleableAt;
        if (beginsAt < _storage().provableSince) beginsAt = _storage().provableSince;
        return (beginsAt + lengthSecs, beginsAt + 2 * lengthSecs);
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
    function settlementInputs(uint64 epoch, Basis calldata basis) external view returns (SettlementInputs memory) {
        return _settlementInputs(epoch, basis);
    }

    /// @inheritdoc ICWEPayouts
    function aggregateValue(uint64 epoch, Aggregate calldata aggregate, address coordinator)
        public
        view
        returns (bytes32)
    {
        return _storage().sources.aggregateValue(epoch, aggregate, coordinator);
    }

    /// @inheritdoc ICWEPayouts
    function settlementValue(uint64 epoch, Basis calldata basis, Settlement calldata settlement)
        external
        view
        returns (bytes32)
    {
        return _settlementValue(_settlementInputs(epoch, basis), settlement);
    }

    /* internal */

    function _settlementInputs(uint64 epoch, Basis memory basis) private view returns (SettlementInputs memory) {
        PayoutsStorage storage $ = _storage();
        uint64 previous;
        // Before the first epoch there is none; the clock refuses number 0.
        unchecked {
            previous = epoch - 1;
        }
        return $.sources.settlementInputs(epoch, basis, $.epochs[previous].settlement);
    }

    function _settlementValue(SettlementInputs memory inputs, Settlement memory settlement)
        private
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, inputs, settlement));
    }

    function _requireSettleable(uint64 epoch) private view {
        if (epoch != nextEpoch()) revert NotNextEpoch(epoch, nextEpoch());
        uint64 settleableAt = _storage().sources.windowsOf(epoch).settleableAt;
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

    function _storage() private pure returns (PayoutsStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
