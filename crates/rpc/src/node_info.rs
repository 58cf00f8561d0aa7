//! What the RPC tells of its node that the chain does not know.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The node behind the RPC.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Answer of `web3_clientVersion`, such as `cwe/v0.1.0/linux-x86_64`.
    pub client_version: String,
    /// Chain id of the L1; `None` without an L1.
    pub l1_chain_id: Option<u64>,
    /// Contracts on the L1; `None` without an L1.
    pub l1_contracts: Option<L1Contracts>,
    /// What changes while the node runs.
    pub status: watch::Receiver<NodeStatus>,
}

/// Our contracts on L1, as they were when the node started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Contracts {
    /// Batches, proofs, finality.
    pub rollup: Address,
    /// Messages to L2.
    pub inbox: Address,
    /// CLN in escrow.
    pub bridge: Address,
    /// The CLN token.
    pub cln: Address,
    /// Owner of the contracts.
    pub timelock: Address,
    /// What checks proofs; `null` if there is none, and then nothing can be final.
    pub verifier: Option<L1Verifier>,
}

/// The verifier of proofs, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Verifier {
    /// Where it is.
    pub address: Address,
    /// Name of its reference string; `null` if it does not tell.
    pub srs: Option<String>,
    /// Whether it says that its reference string is a ceremony's.
    pub safe: bool,
}

/// How the node stands to the L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeStatus {
    /// Whether this node sequences, rather than follows.
    pub sequencer: bool,
    /// Newest L1 block that the node has seen.
    pub l1_head: Option<u64>,
    /// Newest L2 block that L1 is known to have: the node is syncing while its own is below.
    pub sync_target: Option<u64>,
}

impl NodeInfo {
    /// A node without an L1.
    pub fn without_l1(client_version: String) -> Self {
        let (_, status) = watch::channel(NodeStatus::default());
        Self {
            client_version,
            l1_chain_id: None,
            l1_contracts: None,
            status,
        }
    }

    /// Newest L2 block that L1 is known to have.
    pub(crate) fn sync_target(&self) -> Option<u64> {
        self.status.borrow().sync_target
    }
}
