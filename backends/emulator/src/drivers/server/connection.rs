//! Accepts connections and enforces their limits.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

use super::answer::{RequestHandler, answer, reject};
use super::half_close::HalfClose;
use super::idle::Idle;
use super::ports::Role;
use super::settings::Limits;
use super::socket::{Reset, Socket};
use super::strict::Strict;

/// Maximum size of a request's head. Name and info of a file fit even when every byte is
/// percent-encoded.
const HEAD_LIMIT: usize = 64 * 1024;

/// Maximum number of connections that are answered with 503 at a time; others are closed at once.
pub(super) const MAX_REJECTED: usize = 128;

/// How long such a connection may take to send its request.
const REJECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts connections.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) handler: Arc<RequestHandler>,
    pub(super) limits: Limits,
    /// A permit for each connection.
    pub(super) slots: Arc<Semaphore>,
    /// Permits for connections beyond them, which get 503.
    pub(super) waiting_room: Arc<Semaphore>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsAcceptor>,
}

pub(super) async fn accept(
    listener: TcpListener,
    acceptor: Acceptor,
    role: Role,
    connections: Arc<GracefulShutdown>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connect(stream, acceptor.clone(), role, &connections),
            Err(error) => {
                // most likely too many open files: others will be closed
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn connect(stream: TcpStream, mut acceptor: Acceptor, role: Role, connections: &GracefulShutdown) {
    let (permit, is_full) = match Arc::clone(&acceptor.slots).try_acquire_owned() {
        Ok(permit) => (permit, false),
        Err(_) => {
            tracing::warn!(most = acceptor.limits.connections, "too many connections");
            acceptor.limits.head = acceptor.limits.head.min(REJECT_TIMEOUT);
            let Ok(permit) = Arc::clone(&acceptor.waiting_room).try_acquire_owned() else {
                return;
            };
            (permit, true)
        }
    };
    let entry = Entry {
        permit,
        is_full,
        role,
        reset: Reset::default(),
        watcher: connections.watcher(),
    };
    tokio::spawn(async move {
        let stream = Socket::new(stream, entry.reset.clone(), acceptor.limits.stall);
        #[cfg(feature = "tls")]
        if let Some(tls) = acceptor.tls.clone() {
            // TLS itself reports a failed handshake
            let accepted = tokio::time::timeout(acceptor.limits.head, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = accepted {
                serve(stream, acceptor, entry).await;
            }
            return;
        }
        serve(stream, acceptor, entry).await;
    });
}

/// A connection that was accepted.
struct Entry {
    permit: OwnedSemaphorePermit,
    /// Whether its only response is a 503.
    is_full: bool,
    /// The role of the port that it came to.
    role: Role,
    reset: Reset,
    watcher: Watcher,
}

async fn serve<S>(stream: S, acceptor: Acceptor, entry: Entry)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Acceptor {
        handler, limits, ..
    } = acceptor;
    let Entry {
        permit,
        is_full,
        role,
        reset,
        watcher,
    } = entry;
    let idle = Idle::begin();
    let half_close = HalfClose::new(idle.clone(), limits.stall);
    let mut stream = Strict::new(stream, permit, HEAD_LIMIT, half_close);
    if is_full {
        // the request is answered before it is fully read
        stream = stream.lingering();
    }
    let waited = idle.clone();
    let service = service_fn(move |request| {
        let (handler, reset, busy) = (Arc::clone(&handler), reset.clone(), idle.busy());
        async move {
            if is_full {
                return Ok(reject(&handler, reset, busy));
            }
            answer(handler, role, reset, busy, request).await
        }
    });
    // hyper allows 100 headers
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        // the emulator has its own clock
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection));
    let mut waited = pin!(waited.for_longer_than(limits.head));
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            if let Err(error) = ended {
                // the client reports it
                tracing::debug!(%error, "a connection broke");
            }
            return Poll::Ready(());
        }
        waited.as_mut().poll(cx)
    })
    .await;
}
