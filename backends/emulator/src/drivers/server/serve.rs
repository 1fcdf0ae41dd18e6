//! [`Server`]: the listening sockets and the runtime behind them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::answer::RequestHandler;
use super::connection::{Acceptor, MAX_REJECTED, accept};
use super::hash_pool::HashPool;
use super::host_names::AllowedHosts;
use super::ports::{Ports, Role};
use crate::drivers::call_log::CallLog;
use crate::drivers::control::context::Control;
use crate::drivers::webhook_sender::WebhookSender;

use super::settings::Settings;
#[cfg(feature = "tls")]
use super::tls;
use crate::drivers::in_process::Emulator;

/// Serves an [`Emulator`] over HTTP/1.1 on the loopback interface; with the feature `tls` also over
/// HTTPS.
///
/// It has two threads of its own, so it works with synchronous programs and every async runtime.
/// Responses contain its own [`url`](Self::url), whichever host the client requested. In-process
/// requests and requests to any number of servers reach the same account.
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
/// Dropping a server stops it at once and breaks its connections. [`stop`](Self::stop) waits for
/// requests in progress.
pub struct Server {
    address: SocketAddr,
    url: Arc<str>,
    #[cfg(feature = "tls")]
    root: Option<tls::Root>,
    /// Closed when the server stops, since requests may wait for it to grow.
    log: Option<Arc<CallLog>>,
    /// One for each port.
    accepting: Vec<JoinHandle<()>>,
    connections: Option<Arc<GracefulShutdown>>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(super) fn start_with(settings: Settings, emulator: &Emulator) -> io::Result<Self> {
        let Listeners {
            sockets,
            address,
            ports,
        } = Listeners::bind(settings.address, settings.separate_origins)?;
        let scheme = if settings.tls { "https" } else { "http" };
        let fixed: Option<Arc<str>> = settings.url.map(Into::into);
        let url = match &fixed {
            Some(url) => Arc::clone(url),
            None => format!("{scheme}://{address}").into(),
        };
        #[cfg(feature = "tls")]
        let identity = match settings.tls {
            true => {
                let names = settings.hosts.iter().flatten().cloned();
                let names = names.chain(fixed.as_deref().and_then(host_of));
                let authority = settings.authority;
                Some(tls::Identity::make(address.ip(), names, authority)?)
            }
            false => None,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("b2kit-emulator")
            .enable_io()
            .enable_time()
            .build()?;
        let connections = Arc::new(GracefulShutdown::new());
        let sender = settings.webhooks.then(WebhookSender::default);
        let log = settings.control.is_some().then(|| CallLog::new(scheme));
        let log = log.map(Arc::new);
        let control = settings.control.zip(log.clone()).map(|(token, log)| {
            let sender = sender.clone();
            Control::new(emulator.clone(), token, sender, log, Arc::clone(&url))
        });
        let handler = RequestHandler {
            emulator: emulator.clone(),
            url: Arc::clone(&url),
            hosts: AllowedHosts::new(scheme, address.ip(), settings.hosts, fixed),
            ports,
            control,
            log: log.clone(),
            sender: sender.clone(),
            hash_pool: HashPool::new(),
            stall: settings.limits.stall,
        };
        let acceptor = Acceptor {
            handler: Arc::new(handler),
            limits: settings.limits,
            slots: Arc::new(Semaphore::new(settings.limits.connections)),
            waiting_room: Arc::new(Semaphore::new(MAX_REJECTED)),
            #[cfg(feature = "tls")]
            tls: identity.as_ref().map(|it| Arc::clone(&it.config).into()),
        };
        let accepting = {
            let _inside = runtime.enter();
            if let Some(sender) = sender {
                runtime.spawn(sender.deliver(emulator.clone()));
            }
            let accepting = sockets.into_iter().map(|(role, socket)| {
                let listener = TcpListener::from_std(socket)?;
                let accepted = accept(listener, acceptor.clone(), role, Arc::clone(&connections));
                Ok(runtime.spawn(accepted))
            });
            accepting.collect::<io::Result<_>>()?
        };
        Ok(Self {
            address,
            url,
            #[cfg(feature = "tls")]
            root: identity.map(|it| it.root),
            log,
            accepting,
            connections: Some(connections),
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`: the endpoint for clients.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The root certificate for clients to trust, in PEM; `None` without TLS. It signs this
    /// server's certificate only.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate_pem(&self) -> Option<&str> {
        self.root.as_ref().map(|root| root.pem.as_str())
    }

    /// The root certificate for clients to trust, in DER; `None` without TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate_der(&self) -> Option<&[u8]> {
        self.root.as_ref().map(|root| root.der.as_slice())
    }

    /// The address of the listening socket.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections, closes idle ones, and waits for requests in progress.
    ///
    /// # Cancellation
    /// Dropping the future breaks the remaining connections.
    pub async fn stop(mut self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
        for accepting in &mut self.accepting {
            // the task was aborted, so it returns an error
            accepting.await.ok();
        }
        if let Some(log) = &self.log {
            log.close();
        }
        // the tasks, and with them the other owners, are gone
        if let Some(connections) = self.connections.take().and_then(Arc::into_inner) {
            connections.shutdown().await;
        }
    }
}

/// The listening sockets of a server.
struct Listeners {
    sockets: Vec<(Role, StdTcpListener)>,
    /// The API's.
    address: SocketAddr,
    /// If uploads and downloads have their own.
    ports: Option<Ports>,
}

impl Listeners {
    fn bind(address: SocketAddr, separate_origins: bool) -> io::Result<Self> {
        let (api, bound) = listen(address)?;
        let mut this = Self {
            sockets: vec![(Role::Api, api)],
            address: bound,
            ports: None,
        };
        if separate_origins {
            let (upload, upload_address) = listen(after(address, 1)?)?;
            let (download, download_address) = listen(after(address, 2)?)?;
            let others = [(Role::Upload, upload), (Role::Download, download)];
            this.sockets.extend(others);
            this.ports = Some(Ports {
                api: bound.port(),
                upload: upload_address.port(),
                download: download_address.port(),
            });
        }
        Ok(this)
    }
}

fn listen(address: SocketAddr) -> io::Result<(StdTcpListener, SocketAddr)> {
    let listener = StdTcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The address this many ports further; port 0 stays 0.
fn after(mut address: SocketAddr, ports: u16) -> io::Result<SocketAddr> {
    if address.port() != 0 {
        let port = address.port().checked_add(ports).ok_or_else(|| {
            let message = "there are no higher ports for uploads and downloads";
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        address.set_port(port);
    }
    Ok(address)
}

/// The host of a URL, for certificates.
#[cfg(feature = "tls")]
fn host_of(url: &str) -> Option<String> {
    let url: http::Uri = url.parse().ok()?;
    let host = url.host()?;
    Some(
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
    )
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
