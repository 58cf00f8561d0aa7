//! Generated bindings, one module per contract, named as in Solidity.
//!
//! `Rollup`'s structs are in [`IRollup`], where Solidity declares them: [`IRollup::Batch`] and so on.
#![allow(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated: the documentation is the NatSpec of the Solidity interfaces"
)]

use alloy::sol;

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Rollup,
    "abi/Rollup.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Inbox,
    "abi/Inbox.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Bridge,
    "abi/Bridge.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    CLN,
    "abi/CLN.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Timelock,
    "abi/Timelock.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    ERC1967Proxy,
    "abi/ERC1967Proxy.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    MessagePasser,
    "abi/MessagePasser.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    L1BlockOracle,
    "abi/L1BlockOracle.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    FeeVault,
    "abi/FeeVault.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    BatchVerifier,
    "abi/BatchVerifier.json"
);

sol!(
    #[sol(rpc)]
    #[derive(Debug, PartialEq, Eq)]
    Halo2Verifier,
    "abi/Halo2Verifier.json"
);
