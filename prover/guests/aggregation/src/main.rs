//! Proves an aggregate of reveals: reads its input, checks it all, reveals the one public value.
//!
//! Whatever is wrong with the input ends the program with an exit code that no proof can be made of.

#![no_main]
#![no_std]

openvm::entry!(main);
include!("../../openvm_init.rs");

/// Entry point.
pub fn main() {
    cwe_crypto::install();
    let input = openvm::io::read_vec();
    match cwe_aggregation::aggregate_input::<cwe_reveal_curve::RevealCurve>(&input) {
        Ok(public_value) => openvm::io::reveal_bytes32(public_value.0),
        Err(error) => {
            openvm::io::println(alloc::format!("{error}"));
            openvm::process::panic();
        }
    }
}

extern crate alloc;
