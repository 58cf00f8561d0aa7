//! Contract bindings and deployable bytecode, generated from the Solidity sources
