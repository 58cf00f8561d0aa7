// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IL1BlockOracle
/// @notice The newest L1 block that the L2 has been told about. Values are as old as the last relay; who relays can
/// choose the block, so `prevRandao` is not fit for games of chance.
interface IL1BlockOracle {
    /// @notice The oracle moved to L1 block `number`.
    event L1BlockSet(uint64 indexed number, uint64 timestamp, uint128 baseFee, bytes32 prevRandao, bytes32 parentHash);

    /// @notice Only the L1 inbox, through the system sender, may set the block.
    error NotSystemSender(address caller);
    /// @notice L1 block `number` is not after the `current` one.
    error StaleL1Block(uint64 number, uint64 current);

    /// @notice Takes over an L1 block's figures.
    /// @param number_ L1 block number.
    /// @param timestamp_ Its Unix time in seconds.
    /// @param baseFee_ Its base fee in wei of ETH.
    /// @param prevRandao_ Its beacon randomness.
    /// @param parentHash_ Hash of the block before it.
    function setL1Block(uint64 number_, uint64 timestamp_, uint128 baseFee_, bytes32 prevRandao_, bytes32 parentHash_)
        external;

    /// @notice L1 block number.
    function number() external view returns (uint64);

    /// @notice Its Unix time in seconds.
    function timestamp() external view returns (uint64);

    /// @notice Its base fee in wei of ETH.
    function baseFee() external view returns (uint128);

    /// @notice Its beacon randomness.
    function prevRandao() external view returns (bytes32);

    /// @notice Hash of the block before it.
    function parentHash() external view returns (bytes32);
}
