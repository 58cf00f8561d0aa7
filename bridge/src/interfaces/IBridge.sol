// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

/// @title IBridge
/// @notice Holds the CLN that circulates on L2: deposits lock it, proven withdrawals release it.
interface IBridge {
    /// @notice CLN went into escrow and a minting message was enqueued.
    /// @param messageIndex Position in the inbox queue.
    /// @param sender L1 depositor.
    /// @param to L2 recipient.
    /// @param amount CLN wei.
    event DepositInitiated(uint64 indexed messageIndex, address indexed sender, address indexed to, uint256 amount);
    /// @notice A proven withdrawal was paid.
    /// @param index Leaf number in the withdrawal tree.
    /// @param sender L2 sender.
    /// @param recipient L1 recipient.
    /// @param amount CLN wei.
    event WithdrawalClaimed(uint64 indexed index, address indexed sender, address indexed recipient, uint256 amount);

    /// @notice The amount is zero or above 2¹²⁸ − 1.
    error AmountInvalid(uint256 amount);
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();
    /// @notice The guardian's pause lasts until this Unix time in seconds.
    error IsPaused(uint64 until);
    /// @notice No proven run of batches ends with `batchIndex`: not finalized, or take a later batch.
    error BatchNotFinalized(uint64 batchIndex);
    /// @notice Withdrawal `index` has been paid before.
    error AlreadyClaimed(uint64 index);
    /// @notice The Merkle proof does not lead to the batch's withdrawal root `root`.
    error InvalidWithdrawalProof(bytes32 root);

    /// @notice Locks `amount` CLN of the caller and mints as much to `to` on L2.
    /// @dev On L2 the amount is minted to the caller (aliased when it is a contract), which then calls `to` with it. If
    /// that call fails, the money stays with the caller's L2 account. A contract whose alias nobody controls should
    /// therefore only deposit to accounts that cannot refuse money. ETH beyond the message fee comes back.
    /// @param to L2 recipient.
    /// @param amount CLN wei.
    /// @param gasLimit L2 gas of the call; 21 000 do for an account without code.
    /// @return messageIndex Position in the inbox queue.
    function deposit(address to, uint256 amount, uint64 gasLimit) external payable returns (uint64 messageIndex);

    /// @notice `deposit` with an EIP-2612 permit in place of an allowance.
    /// @dev A permit that somebody else has already submitted is no error as long as the allowance suffices.
    function depositWithPermit(
        address to,
        uint256 amount,
        uint64 gasLimit,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external payable returns (uint64 messageIndex);

    /// @notice Pays a withdrawal made on L2, once, to its recipient. Anybody may call it.
    /// @param batchIndex A batch that ended a proven run, at or after the one with the withdrawal.
    /// @param index Leaf number.
    /// @param sender L2 sender.
    /// @param recipient L1 recipient.
    /// @param amount CLN wei.
    /// @param proof Sibling hashes from the leaf up.
    function claimWithdrawal(
        uint64 batchIndex,
        uint64 index,
        address sender,
        address recipient,
        uint256 amount,
        bytes32[32] calldata proof
    ) external;

    /// @notice Whether withdrawal `index` has been paid.
    function isClaimed(uint64 index) external view returns (bool);

    /// @notice CLN wei deposited and not yet withdrawn. Never more than the CLN balance of this contract.
    function escrowed() external view returns (uint256);

    /// @notice The token.
    function cln() external view returns (address);

    /// @notice The message queue.
    function inbox() external view returns (address);

    /// @notice The rollup.
    function rollup() external view returns (address);
}
