//! Where submissions and reveals go. Each request is a connection of its own, without cookies or a name, so that nothing
//! but its contents and the network address, which the user may hide, is seen.

use std::{str::FromStr, time::Duration};

use alloy::{primitives::B256, providers::DynProvider};
use cwe_bindings::economy::contracts::CWEConsumption;
use cwe_wallet::{
    driver::{OutletError, RevealOutlet, Sent, SubmissionOutlet},
    messages::{RevealBody, SubmissionBody},
};
use eyre::{Report, Result, WrapErr};
use reqwest::{StatusCode, redirect};
use serde::{Deserialize, Serialize};

use crate::economy::{Economy, Refused};

/// How long a relayer or coordinator may take; a relayer checks a proof and waits for a transaction.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 16 << 10;
/// How much of a refusal is shown.
const SHOWN_CHARS: usize = 300;

/// Where a service is, without a path. Only this machine is spoken to without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url(reqwest::Url);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: reqwest::Url = text.parse().map_err(|_| format!("`{text}` is no URL"))?;
        let local = url
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if local => Ok(Self(url)),
            _ => Err(format!(
                "`{text}` must begin with https://, so that nobody on the way reads along"
            )),
        }
    }
}

impl Url {
    fn endpoint(&self, path: &str) -> Result<reqwest::Url> {
        let base = self.0.as_str().trim_end_matches('/');
        format!("{base}/{path}").parse().wrap_err("building the URL")
    }
}

/// One's own transaction.
pub(super) struct DirectOutlet<'a> {
    economy: &'a Economy,
}

impl<'a> DirectOutlet<'a> {
    /// Sends as the economy's signer.
    pub(super) const fn new(economy: &'a Economy) -> Self {
        Self { economy }
    }
}

impl SubmissionOutlet for DirectOutlet<'_> {
    async fn send(&self, submission: &SubmissionBody) -> Result<Sent, OutletError> {
        let consumption: CWEConsumption::CWEConsumptionInstance<&DynProvider> =
            CWEConsumption::new(self.economy.addresses.consumption, &self.economy.l2);
        let call = consumption.submitConsumption(
            submission.nullifier,
            submission.tier_id,
            vec![submission.notes_root],
            submission.proof.clone(),
        );
        match self.economy.send("submitting", call).await {
            Ok(receipt) => Ok(Sent {
                transaction: Some(receipt.transaction_hash),
            }),
            Err(error) => Err(chain_error(&error)),
        }
    }
}

fn chain_error(error: &Report) -> OutletError {
    let to = "the chain".into();
    match error.downcast_ref::<Refused>() {
        Some(refused) => OutletError::Refused {
            to,
            reason: refused.reason.clone(),
        },
        None => OutletError::Unreachable {
            to,
            reason: format!("{error:#}"),
        },
    }
}

/// `POST /submissions`.
pub(super) struct RelayerOutlet(Service);

impl RelayerOutlet {
    /// A relayer.
    pub(super) fn new(url: &Url) -> Result<Self> {
        Service::new("the relayer", url, "submissions").map(Self)
    }
}

/// What a relayer answers.
#[derive(Deserialize)]
struct RelayerAnswer {
    transaction: Option<B256>,
}

impl SubmissionOutlet for RelayerOutlet {
    async fn send(&self, submission: &SubmissionBody) -> Result<Sent, OutletError> {
        let answer = self.0.post(submission).await?;
        // Whether the chain has it is looked up on the chain; the hash is for the reader only.
        let transaction = serde_json::from_str::<RelayerAnswer>(&answer).ok();
        Ok(Sent {
            transaction: transaction.and_then(|answer| answer.transaction),
        })
    }
}

/// `POST /ingress`.
pub(super) struct CoordinatorOutlet {
    name: String,
    service: Service,
}

impl CoordinatorOutlet {
    /// An aggregation coordinator.
    pub(super) fn new(url: &Url) -> Result<Self> {
        Ok(Self {
            name: url.0.to_string(),
            service: Service::new("the coordinator", url, "ingress")?,
        })
    }
}

impl RevealOutlet for CoordinatorOutlet {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, reveal: &RevealBody) -> Result<String, OutletError> {
        self.service.post(reveal).await
    }
}

struct Service {
    name: &'static str,
    endpoint: reqwest::Url,
    client: reqwest::Client,
}

impl Service {
    fn new(name: &'static str, url: &Url, path: &str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .build()
            .wrap_err("setting up HTTP")?;
        Ok(Self {
            name,
            endpoint: url.endpoint(path)?,
            client,
        })
    }

    /// The answer's text.
    async fn post(&self, body: &impl Serialize) -> Result<String, OutletError> {
        let failed = |error: reqwest::Error| self.unreachable(error.without_url().to_string());
        let response = self
            .client
            .post(self.endpoint.clone())
            .json(body)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        let text = read(response).await.map_err(failed)?;
        if status.is_success() {
            return Ok(text);
        }
        let reason = format!("{status}: {}", text.chars().take(SHOWN_CHARS).collect::<String>());
        match status {
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY => {
                let to = self.name.into();
                Err(OutletError::Refused { to, reason })
            }
            _ => Err(self.unreachable(reason)),
        }
    }

    fn unreachable(&self, reason: String) -> OutletError {
        OutletError::Unreachable {
            to: self.name.into(),
            reason,
        }
    }
}

async fn read(mut response: reqwest::Response) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_ANSWER_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if room == 0 {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for good in [
            "https://relayer.example",
            "http://127.0.0.1:80",
            "http://localhost:9/",
            "http://[::1]:1",
        ] {
            good.parse::<Url>().unwrap();
        }
        for bad in [
            "http://relayer.example",
            "ftp://127.0.0.1",
            "relayer",
            "http://127.0.0.1.example",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_contract_that_says_no_is_told_from_a_chain_that_is_away() {
        let refused = Report::new(Refused {
            doing: "submitting".into(),
            reason: "no".into(),
        });
        assert!(matches!(chain_error(&refused), OutletError::Refused { reason, .. } if reason == "no"));
        let away = eyre::eyre!("connection refused").wrap_err("submitting");
        assert!(matches!(chain_error(&away), OutletError::Unreachable { .. }));
    }

    #[test]
    fn the_path_is_appended_once() {
        let url: Url = "https://relayer.example/v1/".parse().unwrap();
        assert_eq!(
            url.endpoint("submissions").unwrap().as_str(),
            "https://relayer.example/v1/submissions"
        );
    }
}
