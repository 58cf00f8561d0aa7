//! Hashes, signatures and curves of the guests, over the virtual machine's own instructions.
//!
//! [`install`] hooks them into revm's precompiles, the recovery of senders and the executor's Poseidon; Keccak is hooked
//! by the linker. What has no instruction (BLS12-381's curves, powers and products modulo other numbers than BN254's primes, RIPEMD, Blake2, KZG) stays with
//! revm's software. Only guests link this crate.
//!
//! The machine's field elements need not be canonical: whoever takes their bytes, or their parity, asserts first that
//! they are. Its curve instructions add only points that differ in `x`, and double only what is no identity; for anything
//! else a dishonest host could choose the result, so every use says why it can't happen.

#![no_std]

extern crate alloc;

mod bn254;
mod curves;
mod keccak;
mod memory;
mod modular;
mod poseidon;
mod provider;
mod scalar;
mod secp256k1;
mod secp256r1;
mod sha256;

pub use provider::install;
pub use scalar::BlobScalar;
