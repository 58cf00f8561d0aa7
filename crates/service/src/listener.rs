//! Connections: so many at once, each for a bounded time. What is behind them need not fear who sends a byte a minute.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use crate::{Group, Groups};

/// A listener that takes no connection while too many are open.
pub struct Bounded {
    inner: TcpListener,
    places: Arc<Semaphore>,
    lifetime: Duration,
    groups: Groups,
}

impl Bounded {
    /// At most `connections` at once, each for `lifetime`.
    pub fn new(inner: TcpListener, connections: usize, lifetime: Duration) -> Self {
        Self {
            inner,
            places: Arc::new(Semaphore::new(connections)),
            lifetime,
            groups: Groups::default(),
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = Group;

    async fn accept(&mut self) -> (Connection, Group) {
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else {
                // Nobody closes the semaphore.
                std::future::pending::<()>().await;
                continue;
            };
            let (stream, address) = Listener::accept(&mut self.inner).await;
            let _ = stream.set_nodelay(true);
            let connection = Connection {
                stream,
                over: Box::pin(sleep(self.lifetime)),
                _place: place,
            };
            return (connection, self.groups.of(address));
        }
    }

    fn local_addr(&self) -> io::Result<Group> {
        self.inner
            .local_addr()
            .map(|address: SocketAddr| self.groups.of(address))
    }
}

/// Where a request comes from, as far as anybody is told.
#[derive(Debug, Clone, Copy)]
pub struct From(pub Group);

impl Connected<IncomingStream<'_, Bounded>> for From {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
