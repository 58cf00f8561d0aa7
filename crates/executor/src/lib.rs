//! The state-transition function: revm with L1 messages and system precompiles
