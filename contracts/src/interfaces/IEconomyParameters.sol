// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IEconomyParameters
/// @notice The governed figures of the payout rules, per epoch. A change holds from the next epoch on.
interface IEconomyParameters {
    /// @notice Parameters of one epoch.
    struct Parameters {
        /// @dev Of the epoch's fees, in ppm, to the eco-reserve.
        uint32 ecoPpm;
        /// @dev Of the epoch's fees, in ppm, to infrastructure.
        uint32 infraPpm;
        /// @dev The `k` of diminishing returns, in ppm: 1 000 000 stands for 1.
        uint32 diminishingPpm;
        /// @dev A (work, tier) with fewer reveals than this is carried to the next epoch.
        uint32 minReveals;
        /// @dev Whether a work's half-life weighs its payout.
        bool halfLife;
    }

    /// @notice `parameters` hold from epoch `fromEpoch` on.
    event ParametersSet(uint64 indexed fromEpoch, Parameters parameters);

    /// @notice The shares of eco-reserve and infrastructure are together `sum` ppm, more than `maximum`.
    error SharesTooHigh(uint256 sum, uint256 maximum);
    /// @notice `diminishingPpm` is above `maximum`.
    error DiminishingTooHigh(uint32 diminishingPpm, uint32 maximum);

    /// @notice Sets the parameters of all epochs after the current one. Owner only.
    function setParameters(Parameters calldata parameters) external;

    /// @notice Parameters of an epoch. Those of an epoch yet to start may still change.
    function parametersOf(uint64 epoch) external view returns (Parameters memory);
}
