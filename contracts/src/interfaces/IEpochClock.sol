// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IEpochClock
/// @notice When each epoch runs. Epoch E is listened in during `[startsAt, endsAt)`; then follow, end to end, the
/// window for submissions, the window for reveals, the window for their aggregates, and settlement for ever after.
interface IEpochClock {
    /// @notice Durations in seconds.
    struct Schedule {
        /// @dev Of the epoch itself.
        uint40 lengthSecs;
        /// @dev After the epoch: Split proofs are taken. Never longer than an epoch, so that at most one epoch is open
        /// for submissions.
        uint40 submissionSecs;
        /// @dev Then: notes are revealed to coordinators, who aggregate them.
        uint40 revealSecs;
        /// @dev Then: coordinators prove and submit what is left of the aggregates.
        uint40 aggregationSecs;
    }

    /// @notice Unix times in seconds. Each window ends before the second named.
    struct Windows {
        uint64 startsAt;
        uint64 endsAt;
        uint64 submissionEndsAt;
        uint64 revealEndsAt;
        uint64 settleableAt;
    }

    /// @notice `schedule` holds from epoch `fromEpoch` on, which starts at `startsAt`.
    event ScheduleSet(uint64 indexed fromEpoch, uint64 startsAt, Schedule schedule);

    /// @notice The first epoch starts at `startsAt`.
    error NotStarted(uint64 startsAt);
    /// @notice Epochs are numbered from 1.
    error UnknownEpoch(uint64 epoch);
    /// @notice A duration is zero or too long, or a submission window would not fit into the epoch after it.
    error ScheduleInvalid(Schedule schedule);

    /// @notice Sets the schedule of all epochs after the current one. Owner only.
    function setSchedule(Schedule calldata schedule) external;

    /// @notice The running epoch; reverts before the first.
    function currentEpoch() external view returns (uint64);

    /// @notice The epoch that ended last and still takes submissions, 0 when there is none.
    function submissionEpoch() external view returns (uint64);

    /// @notice Windows of an epoch. Those of an epoch yet to start may still change.
    function windowsOf(uint64 epoch) external view returns (Windows memory);

    /// @notice Schedule of an epoch.
    function scheduleOf(uint64 epoch) external view returns (Schedule memory);
}
