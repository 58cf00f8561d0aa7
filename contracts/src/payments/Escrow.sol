// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IArbitrator} from "../interfaces/IArbitrator.sol";
import {ICWERegistry} from "../interfaces/ICWERegistry.sol";
import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Governed} from "../libraries/Governed.sol";
import {Splits} from "../libraries/Splits.sol";
import {PullPayments} from "./PullPayments.sol";

/// @title Escrow
/// @notice See {IEscrow}. Money only ever becomes a claim of one of the two parties, or of the work's payees.
contract Escrow is IEscrow, Governed, PullPayments {
    /// @notice Most milestones of a job.
    uint256 public constant MAX_MILESTONES = 32;
    /// @notice Time of an arbitrator, in seconds.
    uint64 public constant ARBITRATION_SECS = 90 days;
    /// @notice Gas that telling an arbitrator may cost, so that one that burns gas cannot prevent a dispute.
    uint256 public constant NOTICE_GAS = 200_000;

    /// @custom:storage-location erc7201:cwe.escrow
    struct EscrowStorage {
        ICWERegistry registry;
        IEpochClock clock;
        uint256 held;
        mapping(bytes32 jobId => Job) jobs;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.escrow")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x1619a4fb1c833d5f2484bfedae54b1624f61fe4e3b99c7122944953312b5d000;

    /// @param owner_ The timelock.
    /// @param registry_ The works.
    /// @param clock_ The epochs.
    function initialize(address owner_, address registry_, address clock_) external initializer {
        _requireNonZero(registry_);
        _requireNonZero(clock_);
        __Ownable_init(owner_);
        _storage().registry = ICWERegistry(registry_);
        _storage().clock = IEpochClock(clock_);
    }

    /// @inheritdoc IEscrow
    function offer(Terms calldata terms) external returns (bytes32 jobId) {
        EscrowStorage storage $ = _storage();
        jobId = jobIdOf(msg.sender, terms);
        Job storage job = $.jobs[jobId];
        if (job.state != State.None) revert WrongState(jobId, job.state);
        uint256 count = terms.milestones.length;
        if (count == 0 || count > MAX_MILESTONES || terms.deadline <= block.timestamp) revert TermsInvalid();
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (terms.milestones[i] == 0) revert TermsInvalid();
            sum += terms.milestones[i];
        }
        if (sum > type(uint128).max) revert TermsInvalid();
        // Reverts for an unknown work now, not when it is to be paid.
        // slither-disable-next-line unused-return
        if (terms.workId != 0) $.registry.workOf(terms.workId);
        job.contractor = msg.sender;
        job.client = terms.client;
        job.arbitrator = terms.arbitrator;
        job.workId = terms.workId;
        job.deadline = terms.deadline;
        job.state = State.Offered;
        // forge-lint: disable-next-line(unsafe-typecast): bounded above
        job.held = uint128(sum);
        job.milestones = terms.milestones;
        emit JobOffered(jobId, msg.sender, terms);
    }

    /// @inheritdoc IEscrow
    function withdrawOffer(bytes32 jobId) external {
        Job storage job = _jobIn(jobId, State.Offered);
        if (msg.sender != job.contractor) revert NotParty(msg.sender);
        job.state = State.Closed;
        job.held = 0;
        emit OfferWithdrawn(jobId);
    }

    /// @inheritdoc IEscrow
    function open(bytes32 jobId, uint256 amount) external payable {
        Job storage job = _jobIn(jobId, State.Offered);
        if (amount != job.held) revert WrongAmount(amount, job.held);
        if (msg.value != amount) revert WrongAmount(msg.value, amount);
        if (job.client != address(0) && job.client != msg.sender) revert NotParty(msg.sender);
        if (block.timestamp >= job.deadline) revert TermsInvalid();
        job.client = msg.sender;
        job.state = State.Open;
        _storage().held += amount;
        emit JobOpened(jobId, msg.sender, amount);
    }

    /// @inheritdoc IEscrow
    function release(bytes32 jobId) external {
        Job storage job = _jobIn(jobId, State.Open);
        if (msg.sender != job.client) revert NotParty(msg.sender);
        uint256 milestone = job.released++;
        uint128 amount = job.milestones[milestone];
        if (job.released == job.milestones.length) job.state = State.Closed;
        _take(job, amount);
        _creditContractor(jobId, job, amount);
        emit MilestoneReleased(jobId, milestone, amount);
    }

    /// @inheritdoc IEscrow
    function refund(bytes32 jobId) external {
        Job storage job = _jobIn(jobId, State.Open);
        if (block.timestamp < job.deadline && msg.sender != job.contractor) revert DeadlineNotReached(job.deadline);
        uint128 amount = job.held;
        job.state = State.Closed;
        _take(job, amount);
        _credit(job.client, jobId, amount);
        emit JobRefunded(jobId, amount);
    }

    /* disputes */

    /// @inheritdoc IEscrow
    /// @dev The event says whether the arbitrator took the notice, and so follows it; an arbitrator that calls back finds
    /// the job in dispute.
    // slither-disable-next-line reentrancy-events
    function dispute(bytes32 jobId) external {
        Job storage job = _jobIn(jobId, State.Open);
        if (msg.sender != job.client && msg.sender != job.contractor) revert NotParty(msg.sender);
        if (job.arbitrator == address(0) || job.disputedAt != 0) revert NoArbitrator(jobId);
        job.state = State.Disputed;
        job.disputedAt = uint64(block.timestamp);
        uint256 amount = job.held;
        // A call passes on at most 63/64 of its gas: nobody shall dispute so that the arbitrator cannot hear of it.
        uint256 required = NOTICE_GAS + NOTICE_GAS / 32;
        if (gasleft() < required) revert NoticeGasMissing(gasleft(), required);
        // Only a notice: the arbitrator rules whether or not it reacted to it.
        bytes memory notice = abi.encodeCall(IArbitrator.onDispute, (jobId, msg.sender, amount));
        // solhint-disable-next-line avoid-low-level-calls
        (bool notified,) = job.arbitrator.call{gas: NOTICE_GAS}(notice);
        emit JobDisputed(jobId, msg.sender, amount, notified);
    }

    /// @inheritdoc IEscrow
    function rule(bytes32 jobId, uint256 contractorPpm) external {
        Job storage job = _jobIn(jobId, State.Disputed);
        if (msg.sender != job.arbitrator) revert NotParty(msg.sender);
        if (contractorPpm > Splits.WHOLE_PPM) revert ShareInvalid(contractorPpm);
        uint128 rest = job.held;
        uint256 toContractor = Splits.part(rest, contractorPpm);
        job.state = State.Closed;
        _take(job, rest);
        _creditContractor(jobId, job, toContractor);
        _credit(job.client, jobId, rest - toContractor);
        emit JobRuled(jobId, toContractor, rest - toContractor);
    }

    /// @inheritdoc IEscrow
    function lapse(bytes32 jobId) external {
        Job storage job = _jobIn(jobId, State.Disputed);
        uint64 until = job.disputedAt + ARBITRATION_SECS;
        if (block.timestamp < until) revert ArbitrationRunning(until);
        job.state = State.Open;
        emit DisputeLapsed(jobId);
    }

    /* views */

    /// @inheritdoc IEscrow
    function jobOf(bytes32 jobId) external view returns (Job memory) {
        return _storage().jobs[jobId];
    }

    /// @inheritdoc IEscrow
    function jobIdOf(address contractor, Terms calldata terms) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), contractor, terms));
    }

    /// @inheritdoc IEscrow
    function totalHeld() external view returns (uint256) {
        return _storage().held;
    }

    /* internal */

    function _jobIn(bytes32 jobId, State state) private view returns (Job storage job) {
        job = _storage().jobs[jobId];
        if (job.state != state) revert WrongState(jobId, job.state);
    }

    function _take(Job storage job, uint128 amount) private {
        job.held -= amount;
        _storage().held -= amount;
    }

    function _creditContractor(bytes32 jobId, Job storage job, uint256 amount) private {
        if (job.workId == 0) {
            _credit(job.contractor, jobId, amount);
        } else {
            EscrowStorage storage $ = _storage();
            _creditSplit($.registry.payeesAt(job.workId, $.clock.currentEpoch()), jobId, amount);
        }
    }

    function _storage() private pure returns (EscrowStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
