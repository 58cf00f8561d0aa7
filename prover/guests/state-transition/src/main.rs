//! Proves a run of batches: reads a proof input, checks it all, reveals the one public value.
//!
//! Whatever is wrong with the input ends the program with an exit code that no proof can be made of.

#![no_main]
#![no_std]

use alloy_primitives::Bytes;

openvm::entry!(main);
include!("../../openvm_init.rs");
include!("../../openvm_init_fp2.rs");

/// Entry point.
pub fn main() {
    cwe_crypto::install();
    let input = Bytes::from_static(openvm::io::read_vec().leak());
    match cwe_statement::prove::<cwe_crypto::BlobScalar>(&input) {
        Ok(public_value) => openvm::io::reveal_bytes32(public_value.0),
        Err(error) => {
            openvm::io::println(alloc::format!("{error}"));
            openvm::process::panic();
        }
    }
}

extern crate alloc;
