//! rayon's pool on web workers. `js/load.js` starts the workers, `js/thread.js` runs in each.
//!
//! `wasm-bindgen-rayon` does the same, but does not fit: without a bundler it starts workers from `blob:` addresses, which
//! the content security policy of extension pages refuses, and where a worker is refused it waits for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Parts of the pool that no worker has taken yet.
static OFFERED: Mutex<Vec<ThreadBuilder>> = Mutex::new(Vec::new());
static MORE: Condvar = Condvar::new();

/// Makes the pool: the calling thread and `threads - 1` workers that are in `runThread` or about to be. Returns when all
/// have joined.
///
/// # Errors
/// There is a pool already.
#[wasm_bindgen(js_name = startPool, skip_typescript)]
pub fn start_pool(threads: usize) -> Result<(), JsError> {
    let offer = |thread| {
        offered().push(thread);
        MORE.notify_one();
        Ok(())
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread();
    Ok(pool.spawn_handler(offer).build_global()?)
}

/// Makes the calling worker a thread of the pool for as long as it lives: does not return.
#[wasm_bindgen(js_name = runThread, skip_typescript)]
pub fn run_thread() {
    let waiting = MORE.wait_while(offered(), |threads| threads.is_empty());
    let thread = waiting.unwrap_or_else(PoisonError::into_inner).pop();
    if let Some(thread) = thread {
        thread.run();
    }
}

fn offered() -> MutexGuard<'static, Vec<ThreadBuilder>> {
    OFFERED.lock().unwrap_or_else(PoisonError::into_inner)
}
