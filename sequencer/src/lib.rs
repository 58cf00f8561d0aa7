//! The sequencer and full-node daemon: configuration, wiring, lifecycle
