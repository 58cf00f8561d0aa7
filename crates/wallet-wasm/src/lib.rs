//! `cwe-wallet` for browsers and Node, as WebAssembly: what JavaScript hands in goes to the wallet, what the wallet says
//! comes back as plain objects. In: the wallet's bytes through a `WalletStorage`, the L2 through a `WalletChain`,
//! relayer and coordinator through outlets, all written in JavaScript by whoever embeds the wallet (the browser extension;
//! tests). Out: statements, proofs, what to send. `scripts/wasm.sh` builds the package; its TypeScript types are written
//! here, beside what they describe.
//!
//! The package has this library twice. One runs in the thread that calls, which is all that extension pages in Firefox have;
//! the other, in `threads/`, proves with web workers that share its memory, where the page is cross-origin isolated.
//! `js/load.js` takes the one that fits. Either is called from a worker: proving takes seconds, and threads wait for each
//! other as a page's own thread may not. Bytes are `Uint8Array`s, ids and hashes are hex strings with `0x`, 64-bit numbers
//! are `bigint`s. Errors are JavaScript's, with the message that the CLI would print.

mod convert;
mod host;
mod prover;
#[cfg(feature = "threads")]
mod threads;
mod wallet;

pub use prover::Prover;
#[cfg(feature = "threads")]
pub use threads::{run_thread, start_pool};
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
