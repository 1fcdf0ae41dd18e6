//! [`Server`]: the HTTP shell, on the loopback interface.

mod builder;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit_core::BodyStream;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

pub use builder::ServerBuilder;

use crate::emulator::Emulator;
use crate::exchange::{Broken, exchange};
use crate::outgoing::Outgoing;
use crate::reply::Reply;

/// How much of a refused body is read, so that the client reads the refusal before it learns that nobody listens.
const DRAINED: u64 = 64 * 1024 * 1024;

/// An [`Emulator`] behind a port of the loopback interface, in HTTP/1.1; with the feature `tls` also in HTTPS.
///
/// It runs on two threads of its own, so that synchronous programs and every async runtime can use it. Answers carry
/// its own [`url`](Self::url), whatever host the client asked for. Requests in-process and through any number of
/// servers reach the same account.
///
/// ```
/// use b2kit_emulator::{Emulator, Server};
///
/// let server = Server::start(&Emulator::new())?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Cancellation
/// Dropping it stops it at once: connections break off. [`stop`](Self::stop) waits for what is under way.
pub struct Server {
    address: SocketAddr,
    url: Arc<str>,
    #[cfg(feature = "tls")]
    root: Option<tls::Root>,
    accepting: JoinHandle<()>,
    connections: Option<Arc<GracefulShutdown>>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts to serve on a port that the system chooses.
    ///
    /// # Errors
    /// If there is no port, or no thread can be made.
    pub fn start(emulator: &Emulator) -> io::Result<Self> {
        Self::start_on(emulator, 0)
    }

    /// Starts to serve on this port of `127.0.0.1`.
    ///
    /// # Errors
    /// If the port is taken, or no thread can be made.
    pub fn start_on(emulator: &Emulator, port: u16) -> io::Result<Self> {
        Self::builder().port(port).start(emulator)
    }

    /// Starts to serve HTTPS on a port that the system chooses, with a certificate that is made now.
    ///
    /// # Errors
    /// If there is no port, or no thread can be made.
    #[cfg(feature = "tls")]
    pub fn start_tls(emulator: &Emulator) -> io::Result<Self> {
        Self::builder().tls().start(emulator)
    }

    /// Where and how to serve, if not as [`start`](Self::start) does.
    pub const fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    fn start_with(settings: ServerBuilder, emulator: &Emulator) -> io::Result<Self> {
        let listener = StdTcpListener::bind(settings.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let scheme = if settings.tls { "https" } else { "http" };
        let url: Arc<str> = format!("{scheme}://{address}").into();
        #[cfg(feature = "tls")]
        let identity = match settings.tls {
            true => Some(tls::Identity::make(address.ip())?),
            false => None,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("b2kit-emulator")
            .enable_io()
            .enable_time()
            .build()?;
        let connections = Arc::new(GracefulShutdown::new());
        let door = Door {
            emulator: emulator.clone(),
            url: Arc::clone(&url),
            #[cfg(feature = "tls")]
            tls: identity.as_ref().map(|it| Arc::clone(&it.config).into()),
        };
        let accepting = {
            let _inside = runtime.enter();
            let listener = TcpListener::from_std(listener)?;
            runtime.spawn(accept(listener, door, Arc::clone(&connections)))
        };
        Ok(Self {
            address,
            url,
            #[cfg(feature = "tls")]
            root: identity.map(|it| it.root),
            accepting,
            connections: Some(connections),
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:` or `https://127.0.0.1:`, and the port: what a client takes as the place to authorize.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The root certificate that a client must trust, in PEM; `None` without TLS. It vouches for this server only.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate_pem(&self) -> Option<&str> {
        self.root.as_ref().map(|root| root.pem.as_str())
    }

    /// The root certificate that a client must trust, in DER; `None` without TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate_der(&self) -> Option<&[u8]> {
        self.root.as_ref().map(|root| root.der.as_slice())
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, closes the idle ones, and waits until the others have finished their exchange.
    ///
    /// # Cancellation
    /// Dropping the future breaks off what is still under way.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // it was told to stop: that it did is all there is to learn
        (&mut self.accepting).await.ok();
        // the task is gone, and with it the other owner
        if let Some(connections) = self.connections.take().and_then(Arc::into_inner) {
            connections.shutdown().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What a connection leads to.
#[derive(Clone)]
struct Door {
    emulator: Emulator,
    url: Arc<str>,
    #[cfg(feature = "tls")]
    tls: Option<TlsAcceptor>,
}

async fn accept(listener: TcpListener, door: Door, connections: Arc<GracefulShutdown>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connect(stream, door.clone(), &connections),
            // too many open files, most likely: others will be closed
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn connect(stream: TcpStream, door: Door, connections: &GracefulShutdown) {
    // without it, small answers come late; nothing is wrong with them
    stream.set_nodelay(true).ok();
    let watcher = connections.watcher();
    tokio::spawn(async move {
        #[cfg(feature = "tls")]
        if let Some(tls) = door.tls.clone() {
            // who can't agree on TLS is told so by TLS
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, door, watcher).await;
            }
            return;
        }
        serve(stream, door, watcher).await;
    });
}

async fn serve<S>(stream: S, door: Door, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(door.clone(), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // a connection that ends badly is the client's to report
    watcher.watch(connection).await.ok();
}

async fn answer(
    door: Door,
    request: http::Request<Incoming>,
) -> io::Result<http::Response<ReplyBody>> {
    let (head, body) = request.into_parts();
    let mut body: BodyStream = Box::pin(RequestBytes(body));
    // an error lets hyper close the connection
    let reply = exchange(&door.emulator, &door.url, &head, &mut body)
        .await
        .map_err(|broken| match broken {
            Broken::Source(error) => error,
            Broken::Lost(..) => io::ErrorKind::ConnectionReset.into(),
        })?;
    if !reply.status.is_success() && is_worth_draining(&head) {
        tokio::spawn(drain(body));
    }
    Ok(response(reply))
}

/// Whether a body is on its way that nobody asked for. Who expects a `100 Continue` doesn't send one when refused.
fn is_worth_draining(head: &Parts) -> bool {
    let has_body =
        head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING);
    has_body && !head.headers.contains_key(EXPECT)
}

async fn drain(mut body: BodyStream) {
    let mut left = DRAINED;
    while let Some(Ok(chunk)) = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 {
            return;
        }
    }
}

fn response(reply: Reply) -> http::Response<ReplyBody> {
    let body = Outgoing::new(reply.payload, reply.body_trouble);
    let mut response = http::Response::new(ReplyBody(body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// The bytes of a request's body.
struct RequestBytes(Incoming);

impl Stream for RequestBytes {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return match Pin::new(&mut self.0).poll_frame(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => continue,
                },
            };
        }
    }
}

/// The body of a reply.
struct ReplyBody(Outgoing);

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = self.0.next(cx);
        chunk.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.left())
    }
}
