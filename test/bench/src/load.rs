//! The load: signed transactions in prepared HTTP requests, sent over a few kept connections by one thread.
//!
//! Both chains get it byte for byte alike. The client does only what must be done, because on a small machine it takes
//! its processor time from the node: bodies are made before the clock starts, and of an answer nothing is looked at but
//! whether each transaction was acknowledged by its hash.

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use alloy::primitives::Bytes;
use eyre::{OptionExt, Result, WrapErr, bail, eyre};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{
    net::TcpStream,
    sync::Notify,
    task::{JoinSet, LocalSet},
    time::timeout,
};

use crate::workload::Signed;

/// Longest time until all requests are answered.
const LIMIT: Duration = Duration::from_secs(240);

/// How a sender puts its transactions into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Requests under way at a time; each has a connection of its own.
    pub connections: usize,
    /// Transactions of one request: 1 is a plain request, more are a JSON-RPC batch.
    pub per_request: usize,
}

/// A prepared request, and the hashes that must be in its answer.
struct Prepared {
    body: Bytes,
    hashes: Vec<String>,
}

/// Most transactions of a sender from the first unanswered one on: what waits behind a late one must fit a mempool's
/// share of one sender.
const MAX_AHEAD: usize = 200;

/// What one sender has to send, in order.
pub(crate) struct Load {
    requests: VecDeque<Prepared>,
    connections: usize,
    /// Most requests from the first unanswered one on.
    window: usize,
}

/// The requests that the connections of one sender share.
struct Shared {
    /// Not sent yet; the first has number `next`.
    waiting: VecDeque<Prepared>,
    next: usize,
    /// Numbers of those sent and not answered.
    unanswered: BTreeSet<usize>,
    window: usize,
}

impl Shared {
    /// The next request and its number, unless too many are sent since the first unanswered one.
    fn take(&mut self) -> Option<(usize, Prepared)> {
        let first = self.unanswered.first().copied().unwrap_or(self.next);
        if self.next - first >= self.window {
            return None;
        }
        let prepared = self.waiting.pop_front()?;
        let number = self.next;
        self.next += 1;
        self.unanswered.insert(number);
        Some((number, prepared))
    }
}

impl Load {
    /// Prepares the requests.
    pub(crate) fn new(transactions: &[Signed], shape: Shape) -> Self {
        Self {
            window: (MAX_AHEAD / shape.per_request.max(1)).max(1),
            requests: transactions.chunks(shape.per_request.max(1)).map(prepare).collect(),
            connections: shape.connections.max(1),
        }
    }
}

fn prepare(transactions: &[Signed]) -> Prepared {
    let calls: Vec<String> = transactions
        .iter()
        .enumerate()
        .map(|(id, signed)| {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{}"]}}"#,
                signed.raw
            )
        })
        .collect();
    let body = match calls.as_slice() {
        [call] => call.clone(),
        batch => format!("[{}]", batch.join(",")),
    };
    Prepared {
        body: body.into_bytes().into(),
        hashes: transactions.iter().map(|signed| signed.hash.to_string()).collect(),
    }
}

/// Sends everything to the node at `url`; returns when every transaction is acknowledged, and fails if one is not.
pub(crate) async fn send(url: &str, loads: Vec<Load>) -> Result<()> {
    let authority = url
        .parse::<hyper::Uri>()?
        .authority()
        .ok_or_eyre("a node's URL without address")?
        .to_string();
    let work = move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sending = async { timeout(LIMIT, send_here(authority, loads)).await };
        LocalSet::new()
            .block_on(&runtime, sending)
            .map_err(|_| eyre!("not everything was acknowledged within {} s", LIMIT.as_secs()))?
    };
    tokio::task::spawn_blocking(work).await?
}

async fn send_here(authority: String, loads: Vec<Load>) -> Result<()> {
    let mut connections = JoinSet::new();
    for load in loads {
        let shared = Rc::new(RefCell::new(Shared {
            waiting: load.requests,
            next: 0,
            unanswered: BTreeSet::new(),
            window: load.window,
        }));
        let answered = Rc::new(Notify::new());
        for _ in 0..load.connections {
            connections.spawn_local(send_over_one(
                authority.clone(),
                Rc::clone(&shared),
                Rc::clone(&answered),
            ));
        }
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(())
}

/// One connection: takes the sender's next request as soon as the last is answered.
async fn send_over_one(authority: String, shared: Rc<RefCell<Shared>>, answered: Rc<Notify>) -> Result<()> {
    let socket = TcpStream::connect(&authority)
        .await
        .wrap_err_with(|| format!("connecting to {authority}"))?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let connection = tokio::task::spawn_local(connection);
    while !shared.borrow().waiting.is_empty() {
        let taken = shared.borrow_mut().take();
        let Some((number, prepared)) = taken else {
            answered.notified().await;
            continue;
        };
        let request = Request::post("/")
            .header(header::HOST, &authority)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(prepared.body.0))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await.wrap_err("sending transactions")?;
        let body = answer.into_body().collect().await?.to_bytes();
        check(&body, &prepared.hashes)?;
        shared.borrow_mut().unanswered.remove(&number);
        answered.notify_waiters();
    }
    drop(sender);
    connection.await??;
    Ok(())
}

/// One call's answer.
#[derive(Debug, Deserialize)]
struct Answer<'a> {
    id: Option<usize>,
    #[serde(borrow)]
    result: Option<&'a str>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Every transaction must be acknowledged with its hash. Answers to a batch may come in any order.
fn check(body: &[u8], hashes: &[String]) -> Result<()> {
    let answers: Vec<Answer<'_>> = if hashes.len() == 1 {
        vec![parse(body)?]
    } else {
        parse(body)?
    };
    if answers.len() != hashes.len() {
        bail!("{} answers to {} transactions", answers.len(), hashes.len());
    }
    let mut acknowledged = vec![false; hashes.len()];
    for answer in answers {
        if let Some(error) = answer.error {
            bail!("eth_sendRawTransaction: {error}");
        }
        let position = answer
            .id
            .filter(|id| *id < hashes.len())
            .ok_or_eyre("an answer to no call")?;
        if answer.result != Some(hashes[position].as_str()) {
            bail!("{:?} where {} was sent", answer.result, hashes[position]);
        }
        acknowledged[position] = true;
    }
    if acknowledged.contains(&false) {
        bail!("a transaction was not acknowledged");
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).wrap_err_with(|| {
        let start = &body[..body.len().min(200)];
        format!("an unexpected answer: {}", String::from_utf8_lossy(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes() -> Vec<String> {
        vec!["0xaa".into(), "0xbb".into()]
    }

    #[test]
    fn no_request_is_sent_too_far_ahead_of_an_unanswered_one() {
        let prepared = || Prepared {
            body: Bytes::new(),
            hashes: Vec::new(),
        };
        let mut shared = Shared {
            waiting: (0..4).map(|_| prepared()).collect(),
            next: 0,
            unanswered: BTreeSet::new(),
            window: 2,
        };
        let mut take = |answered: Option<usize>| {
            answered.map(|number| shared.unanswered.remove(&number));
            shared.take().map(|(number, _)| number)
        };
        assert_eq!([take(None), take(None), take(None)], [Some(0), Some(1), None]);
        assert_eq!([take(Some(1)), take(Some(0))], [None, Some(2)]);
    }

    #[test]
    fn answers_in_any_order_acknowledge() {
        check(br#"[{"id":1,"result":"0xbb"},{"id":0,"result":"0xaa"}]"#, &hashes()).unwrap();
        check(br#"{"id":0,"result":"0xaa"}"#, &hashes()[..1]).unwrap();
    }

    #[test]
    fn a_refused_a_missing_and_a_doubled_answer_are_noticed() {
        for wrong in [
            r#"[{"id":0,"result":"0xaa"},{"id":1,"error":{"code":-32000,"message":"nonce too low"}}]"#,
            r#"[{"id":0,"result":"0xaa"}]"#,
            r#"[{"id":0,"result":"0xaa"},{"id":0,"result":"0xaa"}]"#,
            r#"[{"id":0,"result":"0xaa"},{"id":1,"result":"0xaa"}]"#,
            r#"{"error":{"code":-32600,"message":"batches are off"}}"#,
        ] {
            assert!(check(wrong.as_bytes(), &hashes()).is_err(), "{wrong}");
        }
    }
}
