//! Listens, admits connections, and hands their requests to jsonrpsee.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cwe_chain::ChainHandle;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use jsonrpsee::{
    Methods,
    core::{BoxError, http_helpers::Body, middleware::RpcServiceBuilder},
    server::{
        BatchRequestConfig, HttpRequest, IdProvider, PingConfig, ServerBuilder, ServerConfig, ServerHandle, StopHandle,
        middleware::{http::HostFilterLayer, rpc::RpcService},
        stop_channel, ws,
    },
    types::SubscriptionId,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{
    api::Api,
    config::RpcConfig,
    connections::{Connection, Connections},
    methods,
    middleware::{Client, Guard, Limits},
};

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be bound.
    #[error("can't listen on {address}: {source}; choose another address with `rpc.listen`")]
    Bind {
        /// Configured address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An origin that is no header value.
    #[error("`rpc.cors_origins` has {0:?}, which is no origin such as https://example.org")]
    Origin(String),
    /// A host that is none.
    #[error("`rpc.allowed_hosts` is wrong: {0}; give hosts such as localhost:* or rpc.example.org")]
    Host(String),
    /// A limit that must not be zero.
    #[error("`rpc.{0}` must be at least 1")]
    Zero(&'static str),
    /// Two methods of one name: a defect of this program.
    #[error("methods can't be registered: {0}")]
    Methods(#[from] jsonrpsee::core::RegisterMethodError),
}

/// A running server. Dropping it stops the server.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    handle: ServerHandle,
}

impl RpcServer {
    /// Starts serving `chain`; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ServerError`] if the address is taken or the configuration is wrong.
    pub async fn start(config: RpcConfig, chain: ChainHandle, node: crate::NodeInfo) -> Result<Self, ServerError> {
        check(&config)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| ServerError::Bind {
                address: config.listen,
                source,
            })?;
        let address = listener.local_addr().map_err(|source| ServerError::Bind {
            address: config.listen,
            source,
        })?;
        let api = Api::start(config.clone(), chain.clone(), node);
        let methods = methods::all(api)?;
        let cors = cors(&config.cors_origins)?;
        let hosts = hosts(&config.allowed_hosts)?;
        let (stop, handle) = stop_channel();
        let acceptor = Acceptor {
            limits: Arc::new(Limits::new(&config, methods.method_names())),
            connections: Connections::new(&config),
            config,
            chain,
            methods,
            cors,
            hosts,
            next_connection: AtomicU32::new(0),
        };
        tokio::spawn(acceptor.run(listener, stop));
        Ok(Self { address, handle })
    }

    /// Address that the server listens on, with the port it got.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking requests and waits up to `grace` for those under way.
    pub async fn stop(self, grace: Duration) {
        if self.handle.stop().is_ok() && tokio::time::timeout(grace, self.handle.stopped()).await.is_err() {
            tracing::warn!(
                ?grace,
                "RPC requests were still under way at the end of the grace period"
            );
        }
    }
}

fn check(config: &RpcConfig) -> Result<(), ServerError> {
    let limits = [
        ("max_connections", config.max_connections),
        ("max_request_bytes", config.max_request_bytes),
        ("max_response_bytes", config.max_response_bytes),
        ("max_batch_length", config.max_batch_length),
        ("max_in_flight_per_connection", config.max_in_flight_per_connection),
        ("message_buffer", config.message_buffer),
    ];
    limits
        .into_iter()
        .find(|(_, limit)| *limit == 0)
        .map_or(Ok(()), |(name, _)| Err(ServerError::Zero(name)))
}

fn cors(origins: &[String]) -> Result<CorsLayer, ServerError> {
    let layer = CorsLayer::new()
        .allow_methods([http::Method::POST])
        .allow_headers([http::header::CONTENT_TYPE]);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(layer.allow_origin(Any));
    }
    let origins: Result<Vec<_>, _> = origins
        .iter()
        .map(|origin| http::HeaderValue::from_str(origin).map_err(|_| ServerError::Origin(origin.clone())))
        .collect();
    Ok(layer.allow_origin(AllowOrigin::list(origins?)))
}

fn hosts(allowed: &[String]) -> Result<HostFilterLayer, ServerError> {
    if allowed.is_empty() {
        return Ok(HostFilterLayer::disable());
    }
    HostFilterLayer::new(allowed.iter().map(String::as_str)).map_err(|error| ServerError::Host(error.to_string()))
}

struct Acceptor {
    config: RpcConfig,
    chain: ChainHandle,
    methods: Methods,
    limits: Arc<Limits>,
    connections: Connections,
    cors: CorsLayer,
    hosts: HostFilterLayer,
    next_connection: AtomicU32,
}

impl Acceptor {
    async fn run(self, listener: TcpListener, stop: StopHandle) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.clone().shutdown() => return,
            };
            match accepted {
                Ok((socket, peer)) => {
                    if let Some(connection) = self.connections.open(peer.ip()) {
                        self.serve(socket, peer.ip(), connection, stop.clone());
                    }
                }
                Err(error) => {
                    // Out of file descriptors, mostly: accepting again at once would only spin.
                    tracing::warn!(%error, "can't accept an RPC connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn serve(&self, socket: TcpStream, ip: IpAddr, connection: Connection, stop: StopHandle) {
        if socket.set_nodelay(true).is_err() {
            return;
        }
        let limits = self.limits.clone();
        let chain = self.chain.clone();
        let guard = RpcServiceBuilder::new()
            .layer_fn(move |inner: RpcService| Guard::new(inner, limits.clone(), chain.clone()));
        let http = tower::ServiceBuilder::new()
            .layer(self.cors.clone())
            .layer(self.hosts.clone())
            // Covers the time to read the body, which the limit on the request itself does not.
            .timeout(Duration::from_millis(self.config.request_timeout_ms.saturating_add(5_000)));
        let service = ServerBuilder::with_config(server_config(&self.config))
            .set_rpc_middleware(guard)
            .set_http_middleware(http)
            .to_service_builder()
            .connection_id(self.next_connection.fetch_add(1, Ordering::Relaxed))
            .build(self.methods.clone(), stop.clone());
        let connection = Arc::new(connection);
        let service = tower::service_fn(move |mut request: HttpRequest<Incoming>| {
            let websocket = ws::is_upgrade_request(&request);
            request.extensions_mut().insert(Client { ip, websocket });
            let mut service = service.clone();
            let closed = websocket.then(|| service.on_session_closed());
            // A WebSocket outlives the HTTP connection it began as, and counts until it is closed.
            if let Some(closed) = closed {
                let connection = connection.clone();
                tokio::spawn(async move {
                    closed.await;
                    drop(connection);
                });
            }
            let answer = service.call(request.map(Body::new));
            let connection = connection.clone();
            async move {
                let answer = answer.await;
                drop(connection);
                answer
            }
        });
        let header_timeout = Duration::from_millis(self.config.header_timeout_ms);
        tokio::spawn(drive(
            socket,
            service,
            header_timeout,
            self.config.max_in_flight_per_connection,
            stop,
        ));
    }
}

/// Serves one connection until it is closed, or until the server stops and the requests under way are answered.
async fn drive<S>(socket: TcpStream, service: S, header_timeout: Duration, max_streams: u32, stop: StopHandle)
where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Into<BoxError>,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_streams);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(socket), TowerToHyperService::new(service));
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = stop.shutdown() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an RPC connection ended early");
    }
}

fn server_config(config: &RpcConfig) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(config.max_request_bytes)
        .max_response_body_size(config.max_response_bytes)
        // Of one service, which is one connection: the number of connections is limited where they are accepted.
        .max_connections(config.max_in_flight_per_connection)
        .max_subscriptions_per_connection(config.max_subscriptions_per_connection)
        .set_batch_request_config(BatchRequestConfig::Limit(config.max_batch_length))
        .set_message_buffer_capacity(config.message_buffer)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(HexIds)
        .build()
}

/// Subscription ids as geth makes them: unguessable hexadecimal strings.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        alloy::primitives::B128::random().to_string().into()
    }
}
