// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.34;

import {PoseidonConstants} from "./PoseidonConstants.sol";

/// @title PoseidonSolidity
/// @notice circomlib's Poseidon of two BN254 scalars in plain EVM code: what the L2's precompile computes for 600 gas,
/// for some 30 000.
library PoseidonSolidity {
    /// @notice The BN254 scalar modulus.
    uint256 internal constant MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    /// @notice H(left, right). Both must be below the modulus.
    // solhint-disable-next-line function-max-lines
    function hash(uint256 left, uint256 right) internal pure returns (uint256 result) {
        bytes memory constants = PoseidonConstants.ROUND_CONSTANTS;
        assembly ("memory-safe") {
            function pow5(x) -> y {
                let square := mulmod(x, x, MODULUS)
                y := mulmod(mulmod(square, square, MODULUS), x, MODULUS)
            }
            function row(m0, m1, m2, a, b, c) -> sum {
                sum := addmod(mulmod(m0, a, MODULUS), mulmod(m1, b, MODULUS), MODULUS)
                sum := addmod(sum, mulmod(m2, c, MODULUS), MODULUS)
            }

            let a := 0
            let b := left
            let c := right
            let next := add(constants, 0x20)
            for { let round := 0 } lt(round, 65) { round := add(round, 1) } {
                a := pow5(addmod(a, mload(next), MODULUS))
                b := addmod(b, mload(add(next, 0x20)), MODULUS)
                c := addmod(c, mload(add(next, 0x40)), MODULUS)
                next := add(next, 0x60)
                // The first and the last four rounds are full.
                if or(lt(round, 4), gt(round, 60)) {
                    b := pow5(b)
                    c := pow5(c)
                }
                let x :=
                    row(
                        0x109b7f411ba0e4c9b2b70caf5c36a7b194be7c11ad24378bfedb68592ba8118b,
                        0x16ed41e13bb9c0c66ae119424fddbcbc9314dc9fdbdeea55d6c64543dc4903e0,
                        0x2b90bba00fca0589f617e7dcbfe82e0df706ab640ceb247b791a93b74e36736d,
                        a,
                        b,
                        c
                    )
                let y :=
                    row(
                        0x2969f27eed31a480b9c36c764379dbca2cc8fdd1415c3dded62940bcde0bd771,
                        0x2e2419f9ec02ec394c9871c832963dc1b89d743c8c7b964029b2311687b1fe23,
                        0x101071f0032379b697315876690f053d148d4e109f5fb065c8aacc55a0f89bfa,
                        a,
                        b,
                        c
                    )
                c := row(
                    0x143021ec686a3f330d5f9e654638065ce6cd79e28c5b3753326244ee65a1b1a7,
                    0x176cc029695ad02582a70eff08a6fd99d057e12e58e7d7b6b16cdfabc8ee2911,
                    0x19a3fc0a56702bf417ba7fee3802593fa644470307043f7773279cd71d25d5e0,
                    a,
                    b,
                    c
                )
                a := x
                b := y
            }
            result := a
        }
    }
}
