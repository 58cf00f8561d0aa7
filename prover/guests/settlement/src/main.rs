//! Proves the settlement of an epoch: reads its input, settles, reveals the one public value.
//!
//! Whatever is wrong with the input ends the program with an exit code that no proof can be made of.

#![no_main]
#![no_std]

// Its Keccak and its memory routines, which the linker puts in place.
use cwe_crypto as _;

openvm::entry!(main);
include!("../../openvm_init.rs");

/// Entry point.
pub fn main() {
    let input = openvm::io::read_vec();
    match cwe_dapr::prove(&input) {
        Ok(public_value) => openvm::io::reveal_bytes32(public_value.0),
        Err(error) => {
            openvm::io::println(alloc::format!("{error}"));
            openvm::process::panic();
        }
    }
}

extern crate alloc;
