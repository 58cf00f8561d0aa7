//! Whether a manifest is the one that the chain's record of a work means.

use std::fmt::Display;

use alloy_primitives::B256;

use crate::{AccessClasses, CreatorId, Manifest, ManifestError, Rule};

/// What the chain says of one version of a work: `WorkRegistry.workOf`, `contentOf`, `payeesAt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnChain {
    /// The work.
    pub work_id: B256,
    /// Whose it is.
    pub creator_id: CreatorId,
    /// SHA-256 in the CID of the encrypted file.
    pub content_id: B256,
    /// The manifest's id.
    pub manifest_id: B256,
    /// The fingerprint sketch; zero for none.
    pub fp_id: B256,
    /// SHA-256 of the fingerprint descriptor; zero for none.
    pub fp_hash: B256,
    /// Which tiers open it.
    pub access_classes: AccessClasses,
    /// Shares of the version's payees in parts per million, in any order.
    pub shares_ppm: Vec<u64>,
}

impl Manifest {
    /// Compares with the chain. Price and region rule are not compared: the chain's are those that count, and change
    /// without a new manifest. Payees are accounts that creators choose, so of collaborators only the shares are.
    ///
    /// # Errors
    /// The first difference, by its rule.
    pub fn matches_chain(&self, chain: &OnChain) -> Result<(), ManifestError> {
        let body = self.body();
        let or_zero = |hash: Option<B256>| hash.unwrap_or_default();
        same(Rule::ChainWorkMismatch, "work_id", body.work_id, chain.work_id)?;
        same(
            Rule::ChainCreatorMismatch,
            "creator_id",
            body.creator_id,
            chain.creator_id,
        )?;
        same(
            Rule::ChainManifestMismatch,
            "manifest_id",
            self.manifest_id(),
            chain.manifest_id,
        )?;
        same(
            Rule::ChainContentMismatch,
            "content_id",
            body.content_id.digest(),
            chain.content_id,
        )?;
        same(Rule::ChainFpIdMismatch, "fp_id", or_zero(body.fp_id), chain.fp_id)?;
        same(
            Rule::ChainFingerprintMismatch,
            "fingerprint",
            or_zero(body.fingerprint),
            chain.fp_hash,
        )?;
        let (stated, on_chain) = (body.access_classes().0, chain.access_classes.0);
        same(Rule::ChainAccessMismatch, "tier_requirements", stated, on_chain)?;
        self.match_shares(&chain.shares_ppm)
    }

    fn match_shares(&self, shares_ppm: &[u64]) -> Result<(), ManifestError> {
        let mut left = shares_ppm.to_vec();
        for (index, collaborator) in self.body().collaborators.iter().enumerate() {
            let Some(place) = left.iter().position(|share| *share == collaborator.share_ppm) else {
                let found = format!("{}, which no further payee on chain has", collaborator.share_ppm);
                let field = format!("collaborators[{index}].share_ppm");
                return Err(ManifestError::new(Rule::ChainSharesMismatch, field, found));
            };
            left.swap_remove(place);
        }
        Ok(())
    }
}

fn same<T: PartialEq + Display>(rule: Rule, field: &str, stated: T, chain: T) -> Result<(), ManifestError> {
    if stated == chain {
        return Ok(());
    }
    Err(ManifestError::new(
        rule,
        field,
        format!("{stated} and on chain {chain}"),
    ))
}
