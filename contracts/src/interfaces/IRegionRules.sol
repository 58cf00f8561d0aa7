// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IRegionRules
/// @notice The governed table from a work's region rule to the factor that its price is multiplied by.
interface IRegionRules {
    /// @notice One row of an epoch's table.
    struct Row {
        bytes32 rule;
        /// @dev Parts per million.
        uint32 factorPpm;
    }

    /// @notice `rule` has this factor from epoch `fromEpoch` on.
    event RuleSet(bytes32 indexed rule, uint64 indexed fromEpoch, uint32 factorPpm);

    /// @notice There is no such rule.
    error UnknownRegionRule(bytes32 rule);
    /// @notice A factor is 1 … `maximum` ppm, and a rule is not zero.
    error RuleInvalid(bytes32 rule, uint32 factorPpm, uint32 maximum);
    /// @notice There are already `maximum` rules.
    error TooManyRules(uint256 maximum);

    /// @notice Adds a rule from the current epoch on, or changes its factor from the next epoch on. Owner only.
    function setRule(bytes32 rule, uint32 factorPpm) external;

    /// @notice Number of a rule, from 1; reverts for an unknown rule.
    function indexOf(bytes32 rule) external view returns (uint16);

    /// @notice The rule with a number.
    function ruleAt(uint16 index) external view returns (bytes32);

    /// @notice Factor of a rule in an epoch, ppm; 0 when it did not exist.
    function factorOf(bytes32 rule, uint64 epoch) external view returns (uint32);

    /// @notice The table of an epoch, in the order in which the rules were added; final when the epoch is over.
    function rowsOf(uint64 epoch) external view returns (Row[] memory);
}
