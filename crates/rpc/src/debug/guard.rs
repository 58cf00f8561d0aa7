//! Stops a trace that takes too long or records too much.

use std::time::{Duration, Instant};

use revm::{
    Inspector,
    context_interface::{ContextTr, context::ContextError},
    interpreter::Interpreter,
};

use crate::config::RpcConfig;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 1024;
/// What a recorded step takes besides its stack, bytes.
const STEP_BYTES: usize = 256;

/// An inspector that ends the execution when time or memory is used up. Both cover all transactions of one request.
#[derive(Debug)]
pub(super) struct TraceGuard {
    deadline: Instant,
    bytes_left: usize,
    records: Records,
    steps: u64,
}

/// What the tracer beside the guard keeps of each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Records {
    /// Whether it keeps steps at all.
    pub(super) steps: bool,
    /// Whether it copies the memory at each.
    pub(super) memory: bool,
}

impl TraceGuard {
    /// A guard with the limits of the configuration.
    pub(super) fn new(config: &RpcConfig, records: Records) -> Self {
        Self {
            deadline: Instant::now() + Duration::from_millis(config.evm_timeout_ms),
            bytes_left: config.max_trace_bytes,
            records,
            steps: 0,
        }
    }

    fn verdict(&mut self, stack: usize, memory: usize) -> Result<(), &'static str> {
        self.steps = self.steps.wrapping_add(1);
        if self.records.steps {
            let memory = if self.records.memory { memory } else { 0 };
            let bytes = STEP_BYTES
                .saturating_add(stack.saturating_mul(32))
                .saturating_add(memory);
            self.bytes_left = self
                .bytes_left
                .checked_sub(bytes)
                .ok_or("trace is too large: switch stack or memory off")?;
        }
        if self.steps.is_multiple_of(STEPS_PER_LOOK) && Instant::now() > self.deadline {
            return Err("execution timed out");
        }
        Ok(())
    }
}

impl<CTX: ContextTr> Inspector<CTX> for TraceGuard {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if let Err(reason) = self.verdict(interpreter.stack.len(), interpreter.memory.len()) {
            *context.error() = Err(ContextError::Custom(reason.into()));
            interpreter.halt_fatal();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(max_trace_bytes: usize, evm_timeout_ms: u64, steps: bool) -> TraceGuard {
        let config = RpcConfig {
            max_trace_bytes,
            evm_timeout_ms,
            ..RpcConfig::default()
        };
        TraceGuard::new(&config, Records { steps, memory: true })
    }

    #[test]
    fn a_trace_ends_when_it_has_recorded_too_much() {
        let mut guard = guard(1000, 60_000, true);
        assert!(guard.verdict(10, 0).is_ok());
        assert!(guard.verdict(10, 10_000).is_err());
    }

    #[test]
    fn a_tracer_that_keeps_no_steps_is_bound_by_time_only() {
        let mut free = guard(1, 60_000, false);
        assert!((0..5000).all(|_| free.verdict(1024, 1 << 20).is_ok()));
        let mut late = guard(1, 0, false);
        std::thread::sleep(Duration::from_millis(2));
        assert!((0..STEPS_PER_LOOK).any(|_| late.verdict(0, 0).is_err()));
    }
}
