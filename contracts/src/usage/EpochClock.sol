// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {IEpochClock} from "../interfaces/IEpochClock.sol";
import {Governed} from "../libraries/Governed.sol";

/// @title EpochClock
/// @notice See {IEpochClock}. Epochs of equal length form an era; a change of the schedule begins one.
contract EpochClock is IEpochClock, Governed {
    /// @notice Bound of every duration.
    uint40 public constant MAX_DURATION_SECS = 366 days;

    struct Era {
        uint48 startsAt;
        uint48 firstEpoch;
        uint40 lengthSecs;
        uint40 submissionSecs;
        uint40 revealSecs;
        uint40 aggregationSecs;
    }

    /// @custom:storage-location erc7201:cwe.epoch-clock
    struct EpochClockStorage {
        /// @dev In the order of time; all but the last have begun.
        Era[] eras;
    }

    // keccak256(abi.encode(uint256(keccak256("cwe.epoch-clock")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xb0f957597e2bcdf1a0363f34676ba0b8bbe969b8a9064dcf8b958ecaa967c200;

    /// @param owner_ The timelock.
    /// @param startsAt Unix time in seconds at which epoch 1 starts.
    /// @param schedule Durations.
    function initialize(address owner_, uint48 startsAt, Schedule calldata schedule) external initializer {
        __Ownable_init(owner_);
        _requireValid(schedule, schedule.submissionSecs);
        _storage().eras.push(_era(startsAt, 1, schedule));
        emit ScheduleSet(1, startsAt, schedule);
    }

    /// @inheritdoc IEpochClock
    function setSchedule(Schedule calldata schedule) external onlyOwner {
        uint64 current = currentEpoch();
        Era[] storage eras = _storage().eras;
        _requireValid(schedule, scheduleOf(current).submissionSecs);
        // forge-lint: disable-start(unsafe-typecast): an era's start and epoch fit 48 bits, and so do the next ones'
        uint48 nextEpoch = uint48(current + 1);
        uint48 startsAt = uint48(windowsOf(current).endsAt);
        // forge-lint: disable-end(unsafe-typecast)
        // Numbers of epochs, not times or balances: that they are equal is no chance.
        // slither-disable-next-line incorrect-equality
        if (eras[eras.length - 1].firstEpoch == nextEpoch) eras.pop();
        eras.push(_era(startsAt, nextEpoch, schedule));
        emit ScheduleSet(nextEpoch, startsAt, schedule);
    }

    /* views */

    /// @inheritdoc IEpochClock
    function currentEpoch() public view returns (uint64) {
        Era memory era = _eraAt(block.timestamp);
        return era.firstEpoch + uint64((block.timestamp - era.startsAt) / era.lengthSecs);
    }

    /// @inheritdoc IEpochClock
    function submissionEpoch() external view returns (uint64) {
        uint64 ended = currentEpoch() - 1;
        // Epochs are numbered from 1: 0 is no chance, it says that none has ended.
        // slither-disable-next-line incorrect-equality
        if (ended == 0 || block.timestamp >= windowsOf(ended).submissionEndsAt) return 0;
        return ended;
    }

    /// @inheritdoc IEpochClock
    function windowsOf(uint64 epoch) public view returns (Windows memory windows) {
        Era memory era = _eraOf(epoch);
        windows.startsAt = era.startsAt + (epoch - era.firstEpoch) * era.lengthSecs;
        windows.endsAt = windows.startsAt + era.lengthSecs;
        windows.submissionEndsAt = windows.endsAt + era.submissionSecs;
        windows.revealEndsAt = windows.submissionEndsAt + era.revealSecs;
        windows.settleableAt = windows.revealEndsAt + era.aggregationSecs;
    }

    /// @inheritdoc IEpochClock
    function scheduleOf(uint64 epoch) public view returns (Schedule memory) {
        Era memory era = _eraOf(epoch);
        return Schedule(era.lengthSecs, era.submissionSecs, era.revealSecs, era.aggregationSecs);
    }

    /* internal */

    /// @dev The last era that starts at or before `time`.
    function _eraAt(uint256 time) private view returns (Era memory) {
        Era[] storage eras = _storage().eras;
        uint256 low = 0;
        uint256 high = eras.length;
        if (time < eras[0].startsAt) revert NotStarted(eras[0].startsAt);
        // The newest era is the usual answer.
        if (time >= eras[high - 1].startsAt) return eras[high - 1];
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (eras[middle].startsAt <= time) low = middle;
            else high = middle;
        }
        return eras[low];
    }

    /// @dev The last era that begins with `epoch` or before.
    function _eraOf(uint64 epoch) private view returns (Era memory) {
        // The caller's number, compared with the one that is none.
        // slither-disable-next-line incorrect-equality
        if (epoch == 0) revert UnknownEpoch(epoch);
        Era[] storage eras = _storage().eras;
        uint256 low = 0;
        uint256 high = eras.length;
        if (epoch >= eras[high - 1].firstEpoch) return eras[high - 1];
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (eras[middle].firstEpoch <= epoch) low = middle;
            else high = middle;
        }
        return eras[low];
    }

    /// @param openSubmissionSecs The window of the epoch before, which must have closed when the new epoch ends.
    function _requireValid(Schedule calldata schedule, uint40 openSubmissionSecs) private pure {
        bool valid = _isDuration(schedule.lengthSecs) && _isDuration(schedule.submissionSecs)
            && _isDuration(schedule.revealSecs) && _isDuration(schedule.aggregationSecs)
            && schedule.submissionSecs <= schedule.lengthSecs && openSubmissionSecs <= schedule.lengthSecs;
        if (!valid) revert ScheduleInvalid(schedule);
    }

    function _isDuration(uint40 durationSecs) private pure returns (bool) {
        return durationSecs > 0 && durationSecs <= MAX_DURATION_SECS;
    }

    function _era(uint48 startsAt, uint48 firstEpoch, Schedule calldata schedule) private pure returns (Era memory) {
        return Era({
            startsAt: startsAt,
            firstEpoch: firstEpoch,
            lengthSecs: schedule.lengthSecs,
            submissionSecs: schedule.submissionSecs,
            revealSecs: schedule.revealSecs,
            aggregationSecs: schedule.aggregationSecs
        });
    }

    function _storage() private pure returns (EpochClockStorage storage $) {
        assembly {
            $.slot := STORAGE
        }
    }
}
