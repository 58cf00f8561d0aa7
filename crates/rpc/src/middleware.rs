//! What happens around every request: rate limit, concurrency limit, time limit, metrics.

mod batch;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use cwe_chain::ChainHandle;
use jsonrpsee::{
    core::{
        middleware::{Batch, Notification, RpcServiceT},
        server::MethodResponse,
    },
    server::middleware::rpc::RpcService,
    types::{ErrorObjectOwned, Request},
};

use crate::{config::RpcConfig, error::RpcError, metrics::MethodMetrics, rate_limit::RateLimit};

/// Who sent a request and how; put into the request's extensions by the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// Address of the peer.
    pub(crate) ip: IpAddr,
    /// Whether the request came over a WebSocket connection.
    pub(crate) websocket: bool,
}

/// What the requests of all connections share.
pub(crate) struct Limits {
    rate: Option<RateLimit>,
    metrics: MethodMetrics,
    request_timeout: Duration,
    max_in_flight: u32,
    max_response_bytes: usize,
}

impl Limits {
    /// Limits from the configuration; `methods` are the names that get metrics of their own.
    pub(crate) fn new(config: &RpcConfig, methods: impl Iterator<Item = &'static str>) -> Self {
        Self {
            rate: RateLimit::new(config),
            metrics: MethodMetrics::new(methods),
            request_timeout: Duration::from_millis(config.request_timeout_ms),
            max_in_flight: config.max_in_flight_per_connection,
            max_response_bytes: config.max_response_bytes as usize,
        }
    }

    fn check_rate(&self, client: Option<Client>, requests: usize) -> Result<(), RpcError> {
        match (&self.rate, client) {
            (Some(rate), Some(client)) if !rate.allows(client.ip, requests) => Err(RpcError::LimitExceeded(
                "rate limit exceeded: send fewer requests per second".into(),
            )),
            _ => Ok(()),
        }
    }
}

/// The service around jsonrpsee's: one for each WebSocket connection, one for each HTTP request.
#[derive(Clone)]
pub(crate) struct Guard {
    inner: RpcService,
    limits: Arc<Limits>,
    /// Where the transactions of a batch go, several at once.
    chain: ChainHandle,
    in_flight: Arc<AtomicU32>,
}

impl Guard {
    /// Wraps jsonrpsee's service.
    pub(crate) fn new(inner: RpcService, limits: Arc<Limits>, chain: ChainHandle) -> Self {
        Self {
            inner,
            limits,
            chain,
            in_flight: Arc::default(),
        }
    }

    /// Counts a request as under way until the returned value is dropped.
    fn enter(&self) -> Result<InFlight, RpcError> {
        let entered = InFlight(self.in_flight.clone());
        if entered.0.fetch_add(1, Ordering::Relaxed) >= self.limits.max_in_flight {
            return Err(RpcError::LimitExceeded(format!(
                "more than {} requests under way on this connection: wait for answers",
                self.limits.max_in_flight
            )));
        }
        Ok(entered)
    }

    async fn answer(&self, request: Request<'_>) -> MethodResponse {
        let client = request.extensions().get::<Client>().copied();
        let id = request.id.clone();
        if is_subscription(&request.method) && client.is_none_or(|client| !client.websocket) {
            let error = RpcError::WithCode {
                code: -32601,
                message: "notifications not supported".into(),
                data: None,
            };
            return MethodResponse::error(id, ErrorObjectOwned::from(error));
        }
        if self.inner_lacks(&request) {
            let message = format!(
                "the method {} does not exist/is not available",
                shorten(&request.method)
            );
            return MethodResponse::error(id, ErrorObjectOwned::owned(-32601, message, None::<()>));
        }
        match tokio::time::timeout(self.limits.request_timeout, self.inner.call(request)).await {
            Ok(response) => response,
            Err(_) => MethodResponse::error(
                id,
                ErrorObjectOwned::from(RpcError::Timeout("request timed out".into())),
            ),
        }
    }

    fn inner_lacks(&self, request: &Request<'_>) -> bool {
        !self.limits.metrics.knows(&request.method)
    }

    async fn measured(&self, request: Request<'_>) -> MethodResponse {
        let started = Instant::now();
        let metric = self.limits.metrics.of(&request.method);
        let response = self.answer(request).await;
        metric.record(started.elapsed(), response.is_success());
        response
    }
}

impl RpcServiceT for Guard {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let client = request.extensions().get::<Client>().copied();
            let admitted = this.limits.check_rate(client, 1).and_then(|()| this.enter());
            match admitted {
                Ok(_under_way) => this.measured(request).await,
                Err(error) => MethodResponse::error(request.id, ErrorObjectOwned::from(error)),
            }
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let client = batch.iter().find_map(|entry| match entry {
                Ok(entry) => entry.extensions().get::<Client>().copied(),
                Err(_) => None,
            });
            let admitted = this.limits.check_rate(client, batch.len()).and_then(|()| this.enter());
            match admitted {
                Ok(_under_way) => this.each(batch).await,
                Err(error) => MethodResponse::error(jsonrpsee::types::Id::Null, ErrorObjectOwned::from(error)),
            }
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

struct InFlight(Arc<AtomicU32>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_subscription(method: &str) -> bool {
    matches!(method, "eth_subscribe" | "eth_unsubscribe")
}

/// A method name as it may be repeated to the caller: an attacker chooses it.
fn shorten(method: &str) -> &str {
    const LONGEST: usize = 64;
    method
        .char_indices()
        .nth(LONGEST)
        .map_or(method, |(end, _)| &method[..end])
}
