//! Connections: how they come in, and what no client may exceed.

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
use super::idle::Idle;
use super::ports::Role;
use super::settings::Limits;
use super::socket::{Reset, Socket};
use super::strict::Strict;

/// The largest head of a request. A file's name and info fit into it even when every byte of them is encoded.
const HEAD_LIMIT: usize = 64 * 1024;

/// How many are told at once that there are too many; beyond them, connections are closed without a word.
pub(super) const MAX_REJECTED: usize = 128;

/// How long one of those may take to say what it wants.
const REJECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What stands before the handler.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) handler: Arc<RequestHandler>,
    pub(super) limits: Limits,
    /// A permit for each connection that there may be.
    pub(super) room: Arc<Semaphore>,
    /// The same for those beyond them, who are told so.
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
                // too many open files, most likely: others will be closed
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn connect(stream: TcpStream, mut acceptor: Acceptor, role: Role, connections: &GracefulShutdown) {
    let (permit, is_full) = match Arc::clone(&acceptor.room).try_acquire_owned() {
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
            // who can't agree on TLS is told so by TLS
            let accepted = tokio::time::timeout(acceptor.limits.head, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = accepted {
                serve(stream, acceptor, entry).await;
            }
            return;
        }
        serve(stream, acceptor, entry).await;
    });
}

/// What a connection came in with.
struct Entry {
    permit: OwnedSemaphorePermit,
    /// Whether all it gets is word that there are too many.
    is_full: bool,
    /// What it came in for.
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
    let mut stream = Strict::new(stream, permit, HEAD_LIMIT);
    if is_full {
        // its request is answered before it is read to its end
        stream = stream.lingering();
    }
    let idle = Idle::begin();
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
    // of no more headers than hyper's own limit, which is 100
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
                // the client's to report
                tracing::debug!(%error, "a connection broke");
            }
            return Poll::Ready(());
        }
        waited.as_mut().poll(cx)
    })
    .await;
}
