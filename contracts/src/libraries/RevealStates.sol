// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {ICWEPayouts} from "../interfaces/ICWEPayouts.sol";

/// @title RevealStates
/// @notice The states that an epoch's proven aggregates lead to. Each aggregate grows a branch from any known state, so
/// that whoever withholds the data of one blocks nobody: the others build on what they know. States are found by their
/// roots and never walked through, so that any number of them costs only whoever makes them.
library RevealStates {
    /// @notice Root of an empty Merkle-Patricia trie: keccak256(rlp("")).
    bytes32 internal constant EMPTY_TRIE_ROOT = 0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421;

    struct State {
        bool known;
        /// @dev On the whole branch, from the empty state on, like the units.
        uint64 reveals;
        /// @dev By tier; of tiers that came later there are none.
        uint64[] units;
    }

    struct Tree {
        /// @dev The state with the most reveals, of several the first. Zero roots stand for the empty state.
        bytes32 bestNullifierRoot;
        bytes32 bestTotalsRoot;
        uint64 bestReveals;
        mapping(bytes32 id => State) states;
    }

    /// @notice Adds a state, with what its branch sums up to.
    function add(Tree storage self, bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals, uint64[] memory units)
        internal
    {
        if (find(self, nullifierRoot, totalsRoot).known) revert ICWEPayouts.StateKnown(nullifierRoot, totalsRoot);
        self.states[_id(nullifierRoot, totalsRoot)] = State(true, reveals, units);
        if (reveals > self.bestReveals) {
            (self.bestNullifierRoot, self.bestTotalsRoot, self.bestReveals) = (nullifierRoot, totalsRoot, reveals);
        }
    }

    /// @notice A state that an aggregate led to, or the empty one, which needs none.
    function get(Tree storage self, bytes32 nullifierRoot, bytes32 totalsRoot)
        internal
        view
        returns (State memory state)
    {
        state = find(self, nullifierRoot, totalsRoot);
        if (!state.known) revert ICWEPayouts.StateUnknown(nullifierRoot, totalsRoot);
    }

    /// @notice The state with these roots, all zero if it is not known.
    function find(Tree storage self, bytes32 nullifierRoot, bytes32 totalsRoot)
        internal
        view
        returns (State memory state)
    {
        state = self.states[_id(nullifierRoot, totalsRoot)];
        if (nullifierRoot == EMPTY_TRIE_ROOT && totalsRoot == EMPTY_TRIE_ROOT) state.known = true;
    }

    /// @notice The state with the most reveals.
    function best(Tree storage self) internal view returns (bytes32 nullifierRoot, bytes32 totalsRoot, uint64 reveals) {
        if (self.bestReveals == 0) return (EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT, 0);
        return (self.bestNullifierRoot, self.bestTotalsRoot, self.bestReveals);
    }

    function _id(bytes32 nullifierRoot, bytes32 totalsRoot) private pure returns (bytes32) {
        return keccak256(abi.encode(nullifierRoot, totalsRoot));
    }
}
