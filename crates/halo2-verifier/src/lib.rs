//! Checks halo2 proofs (KZG over BN254, SHPLONK, the transcript of Solidity verifiers) without halo2: in the aggregation
//! guest, whose field and curve operations are the virtual machine's instructions, and on hosts by a native library.
//!
//! In: a [`VerifyingKey`], which `cwe_usage_circuits` writes for its circuits, and proofs with their public inputs. Out: an
//! [`Accumulator`], two points that pass one pairing check if, and but for a negligible chance only if, all proofs hold.
//! The proofs are added up with factors that are a hash of all of them. Whoever wants the verdict does the pairing: the
//! contract by a precompile, [`Accumulator::check`] natively.
//!
//! A key is data: how many words of which kind a proof has, the circuit's equations as a straight-line program over them,
//! and which commitments are opened where. So this crate knows nothing of circuits, and its code is the same for all that
//! have one column of public inputs, read in the current row. Proofs have one encoding: numbers below their modulus, points
//! on the curve and not the one at infinity, no byte too many.
//!
//! Sources: the halo2 book (§Protocol Description) for the argument, Boneh, Drake, Fisch and Gabizon,
//! "Efficient polynomial commitment schemes for multiple points and polynomials", §4, for the opening.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod arithmetic;
mod codec;
mod error;
mod fold;
mod key;
#[cfg(feature = "native")]
mod native;
mod opening;
mod program;
mod transcript;

pub use arithmetic::{Curve, Scalar, Word};
pub use error::{KeyError, VerifyError};
pub use fold::{Accumulator, Proof, fold};
pub use key::{Opening, OpeningSet, PreparedKey, Source, VerifyingKey};
#[cfg(feature = "native")]
pub use native::{G2Point, NativeCurve, NativeScalar};
pub use program::{Operation, Operator};
