//! Other coordinators: the states that they may ask for, the aggregates that they may hand over, and asking them.
//!
//! A peer is whoever has a token. It is trusted with nothing but work: states are named by their roots and recomputed,
//! and the chain checks the proofs of aggregates.

use std::{path::Path, sync::Arc, time::Duration};

use alloy::primitives::{Address, Bytes};
use axum::http::{HeaderMap, header};
use eyre::{Result, WrapErr, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tracing::{info, warn};
use utoipa::ToSchema;

use crate::{
    branch,
    config::Peer,
    refusal::Refusal,
    state::{Roots, State, StateBody},
    store::{Stage, Store, StoredAggregate},
};

/// Largest aggregate that a peer may hand over, bytes of JSON.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;
/// Largest state that is read from a peer, bytes of JSON: a million nullifiers and some totals.
const MAX_STATE_BYTES: usize = 128 << 20;
/// Longest token, and shortest.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 32..=256;
/// Most tokens.
const MAX_TOKENS: usize = 256;
/// Most bytes of an aggregate's proof.
const MAX_PROOF_BYTES: usize = 1 << 14;

/// Tokens of peers, as hashes: none can be read out of memory or a log.
#[derive(Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Reads a file with one token a line; empty lines don't count.
    ///
    /// # Errors
    /// The file can't be read, or a line is too short for a token. Nothing of it is quoted.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .wrap_err_with(|| format!("the file of peers' tokens {} can't be read", path.display()))?;
        Self::parse(&text).wrap_err_with(|| format!("the file of peers' tokens {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        ensure!(lines.len() <= MAX_TOKENS, "has more than {MAX_TOKENS} tokens");
        for (number, line) in lines.iter().enumerate() {
            ensure!(
                TOKEN_BYTES.contains(&line.len()),
                "token {} has not {} to {} characters",
                number + 1,
                TOKEN_BYTES.start(),
                TOKEN_BYTES.end()
            );
        }
        Ok(Self(lines.iter().map(|line| Sha256::digest(line).into()).collect()))
    }

    /// Whether a token is one of these; takes as long whichever it is.
    fn has(&self, token: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(token).into();
        let found = self
            .0
            .iter()
            .fold(Choice::from(0), |found, known| found | known.ct_eq(&given));
        found.into()
    }
}

/// What peers may ask and hand over.
#[derive(Clone)]
pub struct Peers {
    /// Who they are.
    pub tokens: Tokens,
    /// Where states and aggregates are.
    pub store: Store,
    /// Whom aggregates must have been made for.
    pub coordinator: Address,
}

/// A finished aggregate, as a peer hands it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupBody {
    /// The epoch.
    pub epoch: u64,
    /// Whom the proof was made for: it binds who posts it.
    #[schema(value_type = String)]
    pub coordinator: Address,
    /// The state that it builds on; its data must be here.
    pub before: Roots,
    /// The state that it leads to.
    pub after: Roots,
    /// Units by tier, in the order of `CWETiers.tierIds`.
    pub units: Vec<u64>,
    /// What it adds.
    pub step: StateBody,
    /// The proof, as `CWEPayouts.submitAggregate` takes it.
    #[schema(value_type = String)]
    pub proof: Bytes,
}

/// An aggregate was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollupAccepted {
    /// The state that it leads to.
    pub after: Roots,
}

impl Peers {
    /// Whether a request is a peer's.
    ///
    /// # Errors
    /// [`Refusal::NotPeer`].
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|token| TOKEN_BYTES.contains(&token.len()));
        match token {
            Some(token) if self.tokens.has(token) => Ok(()),
            _ => Err(Refusal::NotPeer),
        }
    }

    /// A state by its roots.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], or the store fails.
    pub async fn state(&self, epoch: u64, roots: Roots) -> Result<StateBody, Refusal> {
        let aggregates = self.aggregates(epoch).await?;
        let found = tokio::task::spawn_blocking(move || branch::assemble(&aggregates, roots)).await;
        let state = found.map_err(|_| Refusal::Unavailable)?;
        let state = state.ok_or(Refusal::NotFound("the data of this state is not here"))?;
        Ok(StateBody::from(&state))
    }

    /// Keeps a peer's aggregate, to be posted.
    ///
    /// # Errors
    /// [`Refusal::NotAnAggregate`], or the store fails.
    pub async fn take(&self, body: RollupBody) -> Result<RollupAccepted, Refusal> {
        if body.coordinator != self.coordinator {
            return Err(Refusal::NotAnAggregate("it was made for another coordinator's address"));
        }
        if body.proof.is_empty() || body.proof.len() > MAX_PROOF_BYTES {
            return Err(Refusal::NotAnAggregate("its proof has an impossible length"));
        }
        let aggregates = self.aggregates(body.epoch).await?;
        let checked = tokio::task::spawn_blocking(move || recomputed(&aggregates, body)).await;
        let aggregate = checked.map_err(|_| Refusal::Unavailable)??;
        let (epoch, after) = (aggregate.epoch, aggregate.after);
        self.store
            .put_aggregate(&aggregate)
            .await
            .map_err(|_| Refusal::Unavailable)?;
        info!(
            epoch,
            reveals = aggregate.step.reveals(),
            "has an aggregate of a peer's to post"
        );
        Ok(RollupAccepted { after })
    }

    async fn aggregates(&self, epoch: u64) -> Result<Vec<StoredAggregate>, Refusal> {
        self.store.aggregates(epoch).await.map_err(|error| {
            warn!(%error, "the store fails");
            Refusal::Unavailable
        })
    }
}

/// The aggregate, if what it adds to the state before gives the state after.
fn recomputed(aggregates: &[StoredAggregate], body: RollupBody) -> Result<StoredAggregate, Refusal> {
    let step = body.step.to_state().filter(|step| step.reveals() > 0);
    let step = step.ok_or(Refusal::NotAnAggregate("its totals don't fit its nullifiers"))?;
    let before = branch::assemble(aggregates, body.before);
    let mut state = before.ok_or(Refusal::NotAnAggregate(
        "the data of the state that it builds on is not here",
    ))?;
    let added = state.add(&step);
    added.map_err(|_| Refusal::NotAnAggregate("a nullifier is in the state that it builds on already"))?;
    if state.roots() != body.after {
        return Err(Refusal::NotAnAggregate("what it adds leads to other roots"));
    }
    let units = step
        .totals
        .values()
        .fold(0u64, |sum, total| sum.saturating_add(total.units));
    if body.units.iter().fold(0u64, |sum, units| sum.saturating_add(*units)) != units {
        return Err(Refusal::NotAnAggregate("its units are not those of its totals"));
    }
    Ok(StoredAggregate {
        epoch: body.epoch,
        before: body.before,
        after: body.after,
        units: body.units,
        step,
        stage: Stage::Proven,
        head: Vec::new(),
        proof: Some(body.proof.to_vec()),
    })
}

/// Asks peers.
#[derive(Clone)]
pub struct PeerClient {
    http: reqwest::Client,
    peers: Arc<[Peer]>,
}

impl PeerClient {
    /// A client of these peers, each request of at most `timeout`.
    ///
    /// # Errors
    /// HTTP can't be set up.
    pub fn new(peers: &[Peer], timeout: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .build()
            .wrap_err("setting up HTTP")?;
        Ok(Self {
            http,
            peers: peers.into(),
        })
    }

    /// The state with these roots, from the first peer that has it.
    pub async fn state(&self, epoch: u64, roots: Roots) -> Option<State> {
        for (number, peer) in self.peers.iter().enumerate() {
            match self.ask(peer, epoch, roots).await {
                Ok(state) => return Some(state),
                Err(reason) => warn!(peer = number + 1, epoch, reason, "a peer gave no state"),
            }
        }
        None
    }

    async fn ask(&self, peer: &Peer, epoch: u64, roots: Roots) -> Result<State, &'static str> {
        let Roots {
            nullifier_root,
            totals_root,
        } = roots;
        let url = format!(
            "{}/states/{epoch}/{nullifier_root}/{totals_root}",
            peer.url.trim_end_matches('/')
        );
        // The client's own errors name the address, which may hold a password.
        let request = self.http.get(url).bearer_auth(peer.token.expose());
        let mut response = request.send().await.map_err(|_| "it does not answer")?;
        if !response.status().is_success() {
            return Err("it does not have it, or does not know this coordinator's token");
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "the answer broke off")? {
            if bytes.len() + chunk.len() > MAX_STATE_BYTES {
                return Err("the answer is too large");
            }
            bytes.extend(chunk);
        }
        let checked = tokio::task::spawn_blocking(move || {
            let body: StateBody = serde_json::from_slice(&bytes).map_err(|_| "the answer is no state")?;
            let state = body.to_state().ok_or("the answer is no state")?;
            (state.roots() == roots)
                .then_some(state)
                .ok_or("the answer is another state")
        });
        checked.await.map_err(|_| "the check of the answer failed")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::branch::tests::step;

    fn peers(store: Store) -> Peers {
        Peers {
            tokens: Tokens::parse(&format!("{}\n\n{}\n", "a".repeat(32), "b".repeat(40))).unwrap(),
            store,
            coordinator: Address::repeat_byte(1),
        }
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&format!("sqlite:{}", folder.path().join("reveals.db").display()))
            .await
            .unwrap()
    }

    fn body(aggregate: &StoredAggregate) -> RollupBody {
        RollupBody {
            epoch: aggregate.epoch,
            coordinator: Address::repeat_byte(1),
            before: aggregate.before,
            after: aggregate.after,
            units: aggregate.units.clone(),
            step: StateBody::from(&aggregate.step),
            proof: vec![1; 100].into(),
        }
    }

    #[tokio::test]
    async fn only_who_has_a_token_is_a_peer() {
        let folder = tempfile::tempdir().unwrap();
        let peers = peers(store(&folder).await);
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            peers.check(&headers)
        };
        assert_eq!(with(&format!("Bearer {}", "b".repeat(40))), Ok(()));
        for wrong in [
            "Bearer ",
            "Basic aaaa",
            &"a".repeat(32),
            &format!("Bearer {}", "a".repeat(33)),
        ] {
            assert_eq!(with(wrong), Err(Refusal::NotPeer), "{wrong}");
        }
        assert_eq!(peers.check(&HeaderMap::new()), Err(Refusal::NotPeer));
    }

    #[test]
    fn a_short_token_is_refused_and_not_quoted() {
        let refused = Tokens::parse("hunter2").err().unwrap();
        assert!(!format!("{refused:?}").contains("hunter2"));
        assert!(!Tokens::parse("").unwrap().has(""), "without tokens there are no peers");
    }

    type Change = fn(&mut RollupBody);

    #[tokio::test]
    async fn an_aggregate_is_taken_only_if_it_recomputes_to_its_roots() {
        let folder = tempfile::tempdir().unwrap();
        let peers = peers(store(&folder).await);
        let first = step(&State::default(), &[1, 2]);
        let good = body(&first);
        let wrong: [(&str, Change); 7] = [
            ("another's", |body| body.coordinator = Address::ZERO),
            ("no proof", |body| body.proof = Bytes::new()),
            ("other roots", |body| body.after.totals_root = body.after.nullifier_root),
            ("another base", |body| body.before = body.after),
            ("fewer nullifiers", |body| body.step.nullifiers.truncate(1)),
            ("other units", |body| body.units[0] += 1),
            ("nothing", |body| {
                body.step = StateBody::from(&State::default());
                body.after = body.before;
                body.units.clear();
            }),
        ];
        for (name, change) in wrong {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(
                matches!(peers.take(bad).await, Err(Refusal::NotAnAggregate(_))),
                "{name}"
            );
        }
        peers.take(good).await.unwrap();
        let kept = peers.store.aggregates(7).await.unwrap();
        assert_eq!((kept.len(), kept[0].stage), (1, Stage::Proven));
        let again = RollupBody {
            before: first.after,
            ..body(&first)
        };
        assert!(
            matches!(peers.take(again).await, Err(Refusal::NotAnAggregate(_))),
            "replayed nullifiers"
        );
        assert_eq!(peers.state(7, first.after).await, Ok(StateBody::from(&first.step)));
        assert!(matches!(peers.state(8, first.after).await, Err(Refusal::NotFound(_))));
    }
}
