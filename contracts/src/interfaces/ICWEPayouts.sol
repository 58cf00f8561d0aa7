// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {IEconomyParameters} from "./IEconomyParameters.sol";

/// @title ICWEPayouts
/// @notice From proven reveals to money: aggregates move an epoch's roots, a settlement divides its revenue, works claim
/// what the payout list gives them. Every step is open to anybody; nothing rests on trust in who takes it.
/// @dev An epoch's inflow is its fees, what the epoch before carried, and what it left unclaimed. It equals creators +
/// eco + infra + carried + unclaimed, to the last wei, or nothing is settled.
interface ICWEPayouts {
    /// @notice The effect of a batch of reveals. Roots are those of Merkle-Patricia tries.
    struct Aggregate {
        bytes32 nullifierRootBefore;
        bytes32 nullifierRootAfter;
        bytes32 totalsRootBefore;
        bytes32 totalsRootAfter;
        /// @dev Number of reveals.
        uint64 reveals;
        /// @dev Units revealed in each tier, in the order of `ICWETiers.tierIds`.
        uint64[] units;
    }

    /// @notice How an epoch's inflow is divided, apart from the protocol's shares, which this contract computes. CLN wei.
    struct Settlement {
        /// @dev Sum of the payout list.
        uint256 creators;
        /// @dev Of works seen too few times: goes into the next epoch.
        uint256 carried;
        /// @dev Of units never revealed: goes into the next epoch's creators' pool.
        uint256 unclaimed;
        /// @dev Root over the payout list: leaves `keccak256(keccak256(abi.encode(uint64 epoch, bytes32 workId, uint256
        /// amount)))`, as OpenZeppelin's StandardMerkleTree.
        bytes32 payoutRoot;
        /// @dev Root of the trie of carried totals.
        bytes32 carriedRoot;
    }

    /// @notice All that a settlement follows from: what its proof is made with.
    struct SettlementInputs {
        uint64 epoch;
        /// @dev Unix time in seconds of the epoch's end, from which ages of works count.
        uint64 endsAt;
        bytes32 totalsRoot;
        bytes32 registryCommitment;
        IEconomyParameters.Parameters parameters;
        bytes32[] tierIds;
        /// @dev CLN wei a subscription, by tier.
        uint256[] fees;
        /// @dev CLN wei taken, by tier.
        uint256[] revenues;
        /// @dev What the epoch before carried.
        bytes32 carriedRootIn;
        uint256 carriedIn;
        uint256 unclaimedIn;
        /// @dev The protocol's shares of this epoch's fees.
        uint256 eco;
        uint256 infra;
    }

    /// @notice The whole money, in CLN wei: `fees = credited + claimable + eco + infra + carried + unclaimed`.
    struct Books {
        /// @dev Taken over from the tiers.
        uint256 fees;
        /// @dev Credited to payees by `withdraw`, paid out or not.
        uint256 credited;
        /// @dev In payout lists and not yet withdrawn.
        uint256 claimable;
        uint256 eco;
        uint256 infra;
        /// @dev Held for the next settlement.
        uint256 carried;
        uint256 unclaimed;
    }

    /// @notice A batch of reveals was proven by `coordinator`.
    event AggregateSubmitted(uint64 indexed epoch, address indexed coordinator, Aggregate aggregate);
    /// @notice The division of an epoch's inflow was proven.
    event SettlementProven(uint64 indexed epoch, Settlement settlement);
    /// @notice The epoch is settled: the record of it.
    event EpochSettled(uint64 indexed epoch, uint256 fees, uint256 eco, uint256 infra, Settlement settlement);
    /// @notice A work's payout was credited to its payees.
    event Withdrawn(bytes32 indexed workId, uint64 indexed epoch, uint256 amount);
    /// @notice The verifiers changed; zero for none.
    event VerifiersSet(address indexed aggregation, address indexed settlement);

    /// @notice Not now: the window is `opensAt` to `closesAt`, Unix times in seconds (`closesAt` 0: for ever).
    error OutsideWindow(uint64 epoch, uint64 opensAt, uint64 closesAt);
    /// @notice No verifier is set for this kind of proof.
    error VerifierNotSet();
    /// @notice The proof does not hold for this epoch's state.
    error ProofInvalid();
    /// @notice Another aggregate came first: build on these roots.
    error StaleRoots(bytes32 nullifierRoot, bytes32 totalsRoot);
    /// @notice There are `tiers` tiers, and figures for `given`.
    error UnitsLengthInvalid(uint256 given, uint256 tiers);
    /// @notice More units than the tier's submissions have: `units` of at most `maximum`.
    error TooManyUnits(bytes32 tierId, uint256 units, uint256 maximum);
    /// @notice Epochs are settled in order; `next` is next.
    error NotNextEpoch(uint64 epoch, uint64 next);
    /// @notice The division adds up to `outflow`, not to `inflow`.
    error NotConserved(uint256 inflow, uint256 outflow);
    /// @notice The epoch has reveals or carried money: its settlement must be proven first.
    error SettlementNotProven(uint64 epoch);
    /// @notice This contract holds `balance` CLN wei and would owe `required`.
    error Insolvent(uint256 balance, uint256 required);
    /// @notice The payout list of this epoch has no such entry.
    error PayoutInvalid(uint64 epoch, bytes32 workId, uint256 amount);
    /// @notice This payout was withdrawn before.
    error AlreadyWithdrawn(uint64 epoch, bytes32 workId);
    /// @notice Payouts to a blacklisted work wait until governance decides otherwise.
    error WorkBlacklisted(bytes32 workId);
    /// @notice Only the tiers contract pays in.
    error NotTiers(address caller);

    /// @notice Moves an epoch's roots by a proven batch of reveals.
    /// @param epoch Its reveal window or aggregation window must be running.
    /// @param aggregate The effect; must build on the present roots.
    /// @param proof Of `aggregateValue(epoch, aggregate, caller)`.
    function submitAggregate(uint64 epoch, Aggregate calldata aggregate, bytes calldata proof) external;

    /// @notice Records the proven division of an epoch's inflow.
    /// @param epoch The oldest one not settled, after its aggregation window.
    /// @param settlement The division.
    /// @param proof Of `settlementValue(epoch, settlement)`.
    function proveSettlement(uint64 epoch, Settlement calldata settlement, bytes calldata proof) external;

    /// @notice Settles an epoch as proven. One without reveals and without carried money needs no proof: after the
    /// protocol's shares everything is unclaimed.
    function settleEpoch(uint256 epochId) external;

    /// @notice Credits a work's payout to its payees of that epoch, once. They fetch it with `claim`.
    /// @param workId The work.
    /// @param epoch The epoch.
    /// @param amount CLN wei, as in the payout list.
    /// @param proof Merkle path.
    function withdraw(bytes32 workId, uint64 epoch, uint256 amount, bytes32[] calldata proof) external;

    /// @notice Sets both verifiers; zero for none. Owner only.
    function setVerifiers(address aggregation, address settlement) external;

    /// @notice The verifiers, zero where none is set.
    function verifiers() external view returns (address aggregation, address settlement);

    /// @notice Present roots of an epoch and its number of reveals.
    function rootsOf(uint64 epoch) external view returns (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals);

    /// @notice Units revealed in a tier of an epoch.
    function unitsOf(uint64 epoch, bytes32 tierId) external view returns (uint64);

    /// @notice The settlement of an epoch as far as it is proven, and whether it is settled.
    function settlementOf(uint64 epoch) external view returns (Settlement memory settlement, bool proven, bool settled);

    /// @notice The epoch to be settled next.
    function nextEpoch() external view returns (uint64);

    /// @notice CLN wei of an epoch's payout list not yet withdrawn.
    function claimableOf(uint64 epoch) external view returns (uint256);

    /// @notice Whether a work's payout of an epoch was withdrawn.
    function isWithdrawn(uint64 epoch, bytes32 workId) external view returns (bool);

    /// @notice The whole money.
    function books() external view returns (Books memory);

    /// @notice What a settlement of the next epoch must be made with.
    function settlementInputs(uint64 epoch) external view returns (SettlementInputs memory);

    /// @notice Public value of an aggregate's proof: `keccak256(abi.encode(uint256 chainId, uint64 epoch, uint256 epochKey,
    /// uint256 noteRoot, bytes32 registryCommitment, bytes32[] tierIds, Aggregate aggregate, address coordinator))`.
    function aggregateValue(uint64 epoch, Aggregate calldata aggregate, address coordinator)
        external
        view
        returns (bytes32);

    /// @notice Public value of a settlement's proof: `keccak256(abi.encode(uint256 chainId, SettlementInputs inputs,
    /// Settlement settlement))`.
    function settlementValue(uint64 epoch, Settlement calldata settlement) external view returns (bytes32);
}
