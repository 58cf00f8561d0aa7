// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IEpochBeacon
/// @notice The epoch key `K_E`: a field element that nobody could know while epoch E could be subscribed to, taken from
/// Ethereum's randomness once subscriptions are closed, and fixed for ever.
/// @dev The key separates epochs: nullifiers are `H(s, K_E)` and `H(r, K_E)`. Whoever relays L1 blocks and calls `fix`
/// first picks among the L1 blocks after the deadline until anybody else acts; nothing can be gained by it, because
/// every secret the key is combined with was committed to before (`s`), or is its owner's free choice anyway (`r`).
interface IEpochBeacon {
    /// @notice The key of `epoch` is `key`, from L1 block `l1Block`.
    event EpochKeyFixed(uint64 indexed epoch, uint256 key, uint64 l1Block);

    /// @notice The key of `epoch` is already fixed.
    error KeyAlreadyFixed(uint64 epoch);
    /// @notice The epoch ends at `endsAt`; until then it can be subscribed to.
    error EpochNotOver(uint64 epoch, uint64 endsAt);
    /// @notice The newest L1 block known here is of `l1Timestamp`; one of `required` or later must be relayed first
    /// (`Inbox.relayL1Block`).
    error L1BlockTooOld(uint64 l1Timestamp, uint64 required);

    /// @notice Fixes the key of an epoch that is over. Anybody, once.
    function fix(uint64 epoch) external returns (uint256 key);

    /// @notice The key, 0 when it is not fixed yet.
    function keyOf(uint64 epoch) external view returns (uint256);

    /// @notice Seconds between the end of an epoch and the earliest L1 block whose randomness serves.
    function delaySecs() external view returns (uint64);
}
