//! [`Server`]: listens, and holds what it runs on.

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
use crate::drivers::control::Control;
use crate::drivers::webhook_sender::WebhookSender;

use super::settings::Settings;
#[cfg(feature = "tls")]
use super::tls;
use crate::drivers::in_process::Emulator;

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
    /// One for each port.
    accepting: Vec<JoinHandle<()>>,
    connections: Option<Arc<GracefulShutdown>>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(super) fn start_with(settings: Settings, emulator: &Emulator) -> io::Result<Self> {
        let (listener, address) = listen(settings.address)?;
        let mut listeners = vec![(Role::Api, listener)];
        let mut ports = None;
        if settings.separate_origins {
            let (upload, upload_address) = listen(after(settings.address, 1)?)?;
            let (download, download_address) = listen(after(settings.address, 2)?)?;
            listeners.extend([(Role::Upload, upload), (Role::Download, download)]);
            ports = Some(Ports {
                api: address.port(),
                upload: upload_address.port(),
                download: download_address.port(),
            });
        }
        let scheme = if settings.tls { "https" } else { "http" };
        let fixed: Option<Arc<str>> = settings.url.map(Into::into);
        let url = match &fixed {
            Some(url) => Arc::clone(url),
            None => format!("{scheme}://{address}").into(),
        };
        #[cfg(feature = "tls")]
        let identity = match settings.tls {
            true => {
                let url = fixed.as_deref().and_then(host_of);
                let names = settings.hosts.iter().flatten().cloned().chain(url);
                Some(tls::Identity::make(
                    address.ip(),
                    names,
                    settings.authority,
                )?)
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
        let control = settings.control.map(|token| {
            let sender = sender.clone();
            Control::new(emulator.clone(), token, sender, Arc::clone(&url))
        });
        let handler = RequestHandler {
            emulator: emulator.clone(),
            url: Arc::clone(&url),
            hosts: AllowedHosts::new(scheme, address.ip(), settings.hosts, fixed),
            ports,
            control,
            sender: sender.clone(),
            hash_pool: HashPool::new(),
            stall: settings.limits.stall,
        };
        let acceptor = Acceptor {
            handler: Arc::new(handler),
            limits: settings.limits,
            room: Arc::new(Semaphore::new(settings.limits.connections)),
            waiting_room: Arc::new(Semaphore::new(MAX_REJECTED)),
            #[cfg(feature = "tls")]
            tls: identity.as_ref().map(|it| Arc::clone(&it.config).into()),
        };
        let accepting = {
            let _inside = runtime.enter();
            if let Some(sender) = sender {
                runtime.spawn(sender.deliver(emulator.clone()));
            }
            let mut accepting = Vec::new();
            for (role, listener) in listeners {
                let listener = TcpListener::from_std(listener)?;
                let accepted = accept(listener, acceptor.clone(), role, Arc::clone(&connections));
                accepting.push(runtime.spawn(accepted));
            }
            accepting
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
        for accepting in &self.accepting {
            accepting.abort();
        }
        for accepting in &mut self.accepting {
            // it was told to stop: that it did is all there is to learn
            accepting.await.ok();
        }
        // the tasks are gone, and with them the other owners
        if let Some(connections) = self.connections.take().and_then(Arc::into_inner) {
            connections.shutdown().await;
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<(StdTcpListener, SocketAddr)> {
    let listener = StdTcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The address of so many ports after this one; any port stays any port.
fn after(mut address: SocketAddr, ports: u16) -> io::Result<SocketAddr> {
    if address.port() != 0 {
        let port = address.port().checked_add(ports).ok_or_else(|| {
            let message = "there is no port after it for uploads and downloads";
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        address.set_port(port);
    }
    Ok(address)
}

/// The host in a URL, as certificates name it.
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
