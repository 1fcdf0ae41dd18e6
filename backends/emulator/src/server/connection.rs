//! Connections: how they come in, and what no client may exceed.

use std::future::{Future as _, poll_fn};
use std::io::Write as _;
use std::net::Shutdown;
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
use tokio::sync::Semaphore;
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

use super::answer::{Door, answer};
use super::builder::Limits;
use super::idle::Idle;
use super::socket::{Reset, Socket};
use crate::guesses;
use crate::reply::{Payload, Reply};

/// The largest head of a request. A file's name and info fit into it even when every byte of them is encoded.
const HEAD_LIMIT: usize = 64 * 1024;

/// What stands before the door.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) door: Arc<Door>,
    pub(super) limits: Limits,
    /// A permit for each connection that there may be.
    pub(super) room: Arc<Semaphore>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsAcceptor>,
}

pub(super) async fn accept(listener: TcpListener, gate: Gate, connections: Arc<GracefulShutdown>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connect(stream, gate.clone(), &connections),
            Err(error) => {
                // too many open files, most likely: others will be closed
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn connect(stream: TcpStream, gate: Gate, connections: &GracefulShutdown) {
    let Ok(permit) = Arc::clone(&gate.room).try_acquire_owned() else {
        tracing::warn!(most = gate.limits.connections, "too many connections");
        // before TLS has been agreed on, nothing can be said
        #[cfg(feature = "tls")]
        if gate.tls.is_some() {
            return;
        }
        turn_away(stream);
        return;
    };
    let watcher = connections.watcher();
    tokio::spawn(async move {
        let _permit = permit;
        let reset = Reset::default();
        let stream = Socket::new(stream, reset.clone(), gate.limits.stall);
        #[cfg(feature = "tls")]
        if let Some(tls) = gate.tls.clone() {
            // who can't agree on TLS is told so by TLS
            let accepted = tokio::time::timeout(gate.limits.head, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = accepted {
                serve(stream, gate, reset, watcher).await;
            }
            return;
        }
        serve(stream, gate, reset, watcher).await;
    });
}

/// Says so as B2 does, so that clients try again, and closes without waiting for anything.
fn turn_away(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    let refusal = Reply::refusal(&guesses::full());
    let Payload::Bytes(body) = &refusal.payload else {
        return;
    };
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json;charset=utf-8\r\n\
         Content-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    // a new connection takes a few bytes at once, or not at all
    if stream.write_all(&answer).is_ok() {
        stream.shutdown(Shutdown::Write).ok();
    }
}

async fn serve<S>(stream: S, gate: Gate, reset: Reset, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Gate { door, limits, .. } = gate;
    let idle = Idle::begin();
    let waited = idle.clone();
    let service =
        service_fn(move |request| answer(Arc::clone(&door), reset.clone(), idle.busy(), request));
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
