//! `cwe-wallet` for browsers and Node, as WebAssembly: what JavaScript hands in goes to the wallet, what the wallet says
//! comes back as plain objects. In: the wallet's bytes through a [`WalletStorage`](host), the L2 through a `WalletChain`,
//! relayer and coordinator through outlets, all written in JavaScript by whoever embeds the wallet (the browser extension;
//! tests). Out: statements, proofs, what to send. `scripts/wasm.sh` builds the package; its TypeScript types are written
//! here, beside what they describe.
//!
//! Everything runs in the thread that calls, which extension pages in Firefox need: call it from a worker, proving takes
//! seconds. Bytes are `Uint8Array`s, ids and hashes are hex strings with `0x`, 64-bit numbers are `bigint`s. Errors are
//! JavaScript's, with the message that the CLI would print.

mod convert;
mod host;
mod prover;
mod wallet;

pub use prover::Prover;
pub use wallet::Wallet;
use wasm_bindgen::prelude::wasm_bindgen;

/// A new phrase of 24 words, to be shown to its owner once.
///
/// # Errors
/// There is no randomness.
#[wasm_bindgen(js_name = newPhrase)]
pub fn new_phrase() -> Result<String, wasm_bindgen::JsError> {
    let phrase = cwe_wallet::identity::Phrase::random(&mut cwe_wallet::SystemEntropy)?;
    Ok(phrase.expose().to_owned())
}
