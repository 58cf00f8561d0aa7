//! What a client or a hub checks before it uses a manifest.

use alloy_primitives::{Address, B256};

use crate::{AccessClasses, Author, CreatorId, Manifest, ManifestBody, ManifestError, Rule, dag};

/// Answers that only the caller has.
pub struct Checks<'a> {
    /// Whether an account is a creator's delegate with the role to publish. Asked when another key than the creator's
    /// signed.
    pub may_publish: &'a dyn Fn(CreatorId, Address) -> bool,
    /// Whether storage has a fragment, for who is about to fetch.
    pub has_fragment: Option<&'a dyn Fn(B256) -> bool>,
    /// The access classes of the listener's tier, for who is about to play.
    pub access_classes: Option<AccessClasses>,
}

/// Nobody signs for somebody else; nothing is fetched or played.
impl Default for Checks<'_> {
    fn default() -> Self {
        Self {
            may_publish: &|_, _| false,
            has_fragment: None,
            access_classes: None,
        }
    }
}

impl Manifest {
    /// Checks what content-manifest §6 and §10 ask of a client: id, signature, that the fragments are the content, and,
    /// where the caller can say, that storage has them and the listener's tier opens the work. (Shares and all other
    /// fields were checked when the manifest was read.)
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self, checks: &Checks<'_>) -> Result<Author, ManifestError> {
        let author = self.verify(checks.may_publish)?;
        let body = self.body();
        body.check_content()?;
        if let Some(has_fragment) = checks.has_fragment {
            body.check_availability(has_fragment)?;
        }
        match checks.access_classes {
            Some(classes) if !classes.intersects(body.access_classes()) => {
                let found = format!(
                    "{:?}, the listener has access classes {}",
                    body.tier_requirements, classes.0
                );
                Err(ManifestError::new(Rule::TierInsufficient, "tier_requirements", found))
            }
            _ => Ok(author),
        }
    }
}

impl ManifestBody {
    pub(crate) fn check_content(&self) -> Result<(), ManifestError> {
        let computed = dag::content_id(&self.fragments);
        if computed != self.content_id {
            let found = format!("{} and not {computed}", self.content_id);
            return Err(ManifestError::new(Rule::ContentIdMismatch, "content_id", found));
        }
        Ok(())
    }

    fn check_availability(&self, has_fragment: &dyn Fn(B256) -> bool) -> Result<(), ManifestError> {
        match self
            .fragments
            .iter()
            .find(|fragment| !has_fragment(fragment.fragment_hash))
        {
            Some(missing) => {
                let field = format!("fragments[{}].fragment_hash", missing.order);
                Err(ManifestError::new(
                    Rule::FragmentUnavailable,
                    field,
                    missing.fragment_hash,
                ))
            }
            None => Ok(()),
        }
    }
}
