//! [`ClientBuilder`]: the settings of a client.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit_core::{CheckedClient, Deadlines, HttpClient, SystemTimer, Throughput, Timer};
use http::HeaderValue;

use super::auth::authorization::Authorization;
use super::auth::endpoint_policy::{EndpointPolicy, REALM};
use super::auth::server_clock::ServerClock;
use super::handle::{Client, Shared};
use super::limits::bandwidth::Bandwidth;
#[cfg(feature = "fs")]
use super::limits::memory::small_files;
use super::limits::semaphore::Semaphore;
use super::metrics::Counters;
use super::redaction::Redactor;
use super::retry::limiter::Limiter;
use super::retry::outage::Outages;
use super::retry::policy::RetryPolicy;
use super::retry::quota::RetryQuota;
use super::upload_urls::UploadUrls;
use crate::api::{ApiVersion, Credentials, DownloadOrigin, OriginToken, Session};
use crate::error::Error;
use crate::types::Secret;

impl Client {
    /// Creates a builder.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client with the application key in the environment variables `B2_APPLICATION_KEY_ID` and
    /// `B2_APPLICATION_KEY`, which B2's official tools read too. Everything else has the defaults
    /// of [`builder`](Self::builder).
    ///
    /// Nothing is sent yet: a wrong key is an error of the first call.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if one of the variables is not set or can't be a key,
    /// or if there is no default backend because the feature `hyper` is disabled.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder()
            .credentials(Credentials::from_env()?)
            .build()
    }
}

/// Sets up a [`Client`].
///
/// It needs [`credentials`](Self::credentials), a [`session`](Self::session) or a
/// [`download_authorization`](Self::download_authorization), and a [`backend`](Self::backend) if
/// the feature `hyper` is disabled. Everything else has a default.
#[derive(Default)]
#[must_use]
pub struct ClientBuilder {
    credentials: Option<Credentials>,
    session: Option<Session>,
    backend: Option<Arc<dyn HttpClient>>,
    timer: Option<Arc<dyn Timer>>,
    endpoint: Option<String>,
    version: Option<ApiVersion>,
    user_agent: Option<String>,
    allow_insecure_http: bool,
    trusted_hosts: Vec<String>,
    retry: RetryPolicy,
    stall: Option<Duration>,
    throughput: Throughput,
    test_mode: Option<TestMode>,
    seed: Option<u64>,
    memory_budget: Option<u64>,
    bandwidth_limit: Option<u64>,
    download_origin: Option<(String, OriginToken)>,
    download_authorization: Option<(String, Secret)>,
}

/// A failure that B2 simulates on request, so that a program can be tested against the real
/// service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestMode {
    /// Some uploads fail.
    FailSomeUploads,
    /// Some of the account's tokens expire early.
    ExpireSomeAccountAuthorizationTokens,
    /// Uploads fail as if the account's cap were reached.
    ForceCapExceeded,
}

impl TestMode {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::FailSomeUploads => "fail_some_uploads",
            Self::ExpireSomeAccountAuthorizationTokens => {
                "expire_some_account_authorization_tokens"
            }
            Self::ForceCapExceeded => "force_cap_exceeded",
        })
    }
}

impl ClientBuilder {
    /// The application key to authorize with.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// A session to start with. Also sets the API version to the one that the session was created
    /// for. When its token expires, the account is authorized again if there are credentials too.
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// A download authorization instead of an application key: `token` is the token of a
    /// [`DownloadAuthorization`](crate::api::DownloadAuthorization) that an account has created,
    /// and `download_url` is the origin of its links. Such a client can only download.
    ///
    /// B2 accepts such a token for downloads by name only: [`Client::download_by_name`] and
    /// [`DownloadFileByName`](crate::api::DownloadFileByName), which can also set the response
    /// headers that an authorization may prescribe. When the token expires, downloads fail with
    /// [`Credentials`](crate::ErrorKind::Credentials).
    ///
    /// ```
    /// # use b2kit::{Client, Error, types::{BucketName, FileName, Secret}};
    /// # async fn fetch(download_url: String, token: Secret) -> Result<(), Error> {
    /// let friend = Client::builder().download_authorization(download_url, token).build()?;
    /// let cat = friend.download_by_name(BucketName::new("holiday-photos")?, "2026/cat.txt");
    /// cat.to_writer(futures::io::sink()).await?;
    /// # Ok(()) }
    /// ```
    pub fn download_authorization(
        mut self,
        download_url: impl Into<String>,
        token: Secret,
    ) -> Self {
        self.download_authorization = Some((download_url.into(), token));
        self
    }

    /// The origin to download from instead of B2's own: a CDN, or a domain of yours in front of B2.
    /// It is used for all downloads, for [public URLs](Session::public_url) and for links with an
    /// authorization, even after the account is authorized again. Nothing else is sent there, so it
    /// needs no [`trust_host`](Self::trust_host).
    ///
    /// Its paths must be B2's: `/file/…` and, for downloads by id, `/b2api/…`; a download that was
    /// started by name continues by name. The origin has to pass on the `x-bz-` headers, which say
    /// which version of which file a response holds: without them a download fails with
    /// [`Protocol`](crate::ErrorKind::Protocol). A [composition](crate::transfer::Compose)
    /// downloads by id and with the token, so it uses B2's own origin if this one must not get the
    /// token.
    pub fn download_origin(mut self, origin: impl Into<String>, token: OriginToken) -> Self {
        self.download_origin = Some((origin.into(), token));
        self
    }

    /// The backend: the HTTP library that sends the requests. Defaults to hyper if that feature is
    /// enabled.
    ///
    /// The client wraps it in a [`CheckedClient`], so a backend needs no checks of its own. A
    /// closure is a backend too:
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// # use b2kit::{Client, ClientBuilder, HttpClient, Request};
    /// fn counted(inner: Arc<dyn HttpClient>, requests: Arc<AtomicU64>) -> ClientBuilder {
    ///     Client::builder().backend(move |request: Request| {
    ///         requests.fetch_add(1, Ordering::Relaxed);
    ///         let inner = Arc::clone(&inner);
    ///         async move { inner.send(request).await }
    ///     })
    /// }
    /// ```
    pub fn backend(mut self, backend: impl HttpClient) -> Self {
        self.backend = Some(Arc::new(backend));
        self
    }

    /// The clock. Defaults to [`SystemTimer`].
    pub fn timer(mut self, timer: impl Timer) -> Self {
        self.timer = Some(Arc::new(timer));
        self
    }

    /// The origin where accounts are authorized. Defaults to `https://api.backblazeb2.com`; an
    /// emulator has its own.
    ///
    /// Plain `http` is allowed for loopback addresses only, unless
    /// [`allow_insecure_http`](Self::allow_insecure_http) is set.
    pub fn endpoint(mut self, origin: impl Into<String>) -> Self {
        self.endpoint = Some(origin.into());
        self
    }

    /// The version of the API to speak. Defaults to that of the [`session`](Self::session), and
    /// without one to [`ApiVersion::V4`].
    pub const fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// The program's name and version, such as `my-backup/1.2`, which precede this crate's in
    /// `User-Agent`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Allows plain `http` to hosts other than this computer. Everyone on the network path can then
    /// read keys, tokens and files.
    pub const fn allow_insecure_http(mut self) -> Self {
        self.allow_insecure_http = true;
        self
    }

    /// Trusts this host with tokens, in addition to the endpoint's own, when a response of B2 names
    /// it.
    pub fn trust_host(mut self, host: impl Into<String>) -> Self {
        self.trusted_hosts.push(host.into());
        self
    }

    /// Retry limits and backoff. Defaults to [`RetryPolicy::default`].
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long an upload or a download may stall while the client waits for the server. Defaults
    /// to 20 seconds.
    pub const fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall = Some(limit);
        self
    }

    /// The minimum throughput of an upload or a download while the client waits for the server: a
    /// number of bytes for each period of waiting. Defaults to 16 KiB per minute,
    /// [`Throughput::DEFAULT`]; 0 bytes disables it. A slower attempt is aborted and retried as the
    /// [`RetryPolicy`] says.
    ///
    /// Time during which the source isn't ready, nobody reads, or a [bandwidth
    /// limit](Self::bandwidth_limit) holds back the bytes does not count.
    pub const fn throughput(mut self, least: Throughput) -> Self {
        self.throughput = least;
        self
    }

    /// Asks B2 to simulate failures, with `X-Bz-Test-Mode` in every request.
    pub const fn test_mode(mut self, mode: TestMode) -> Self {
        self.test_mode = Some(mode);
        self
    }

    /// The seed of the random number generator (jitter, unique ids), for reproducible tests.
    /// Defaults to a random one.
    pub const fn rng_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The maximum number of bytes that all transfers of this client and its clones together may
    /// hold in memory: parts of non-replayable sources, such as streams. By default each transfer
    /// holds as many parts as it has in progress. In addition, local files of at most 256 KiB are
    /// held, up to the budget but never more than 64 MiB; larger ones are not held.
    ///
    /// Transfers that need more wait, first come, first served. A part larger than the budget waits
    /// until it is alone. A transfer that holds bytes and is not polled blocks the others.
    pub const fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// The maximum number of file bytes that all transfers of this client and its clones together
    /// may send and receive per second. Unlimited by default. Bytes of API requests and responses
    /// don't count.
    pub const fn bandwidth_limit(mut self, bytes_per_second: u64) -> Self {
        self.bandwidth_limit = Some(bytes_per_second);
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if something is missing or invalid,
    /// [`Untrusted`](crate::ErrorKind::Untrusted) if the endpoint must not be sent a key, or the
    /// session names an origin outside the endpoint's domain.
    pub fn build(self) -> Result<Client, Error> {
        let is_for_downloads_only = self.download_authorization.is_some();
        let (mut session, mut endpoint) = (self.session, self.endpoint);
        match self.download_authorization {
            Some(_) if self.credentials.is_some() || session.is_some() => {
                return Err(Error::invalid(
                    "a client takes either a download authorization or credentials and a session, \
                     not both",
                ));
            }
            Some((download_url, token)) => {
                let only =
                    Session::for_downloads(self.version.unwrap_or_default(), token, &download_url);
                session = Some(only);
                endpoint.get_or_insert(download_url);
            }
            None if self.credentials.is_none() && session.is_none() => {
                return Err(Error::invalid(
                    "the client has neither credentials nor a session",
                ));
            }
            None => {}
        }
        if self.memory_budget == Some(0) || self.bandwidth_limit == Some(0) {
            return Err(Error::invalid(
                "a memory budget or bandwidth limit of 0 would block all transfers",
            ));
        }
        let version = match (self.version, session.as_ref().map(Session::version)) {
            (Some(asked), Some(its)) if asked != its => {
                return Err(Error::invalid(format!(
                    "the session is for API version {its}, but the client is set to use {asked}"
                )));
            }
            (asked, its) => asked.or(its).unwrap_or_default(),
        };
        let backend = self.backend.map_or_else(default_backend, Ok)?;
        let timer = self.timer.unwrap_or_else(|| Arc::new(SystemTimer));
        let realm = endpoint.unwrap_or_else(|| REALM.to_owned());
        let mut policy = EndpointPolicy::new(&realm, self.allow_insecure_http, self.trusted_hosts)?;
        let download_origin = match self.download_origin {
            Some((origin, token)) => {
                policy = policy.with_download_origin(&origin)?;
                Some(DownloadOrigin::new(&origin, token))
            }
            None => None,
        };
        let bandwidth = self
            .bandwidth_limit
            .map(|limit| Bandwidth::new(Arc::clone(&timer), limit));
        if let Some(session) = &session {
            policy.check_session(session)?;
        }
        let redactor = Redactor::default();
        let own = self.credentials.iter().flat_map(Credentials::secrets);
        let token = session.as_ref().map(Session::authorization_token).cloned();
        own.chain(token).for_each(|secret| redactor.keep(&secret));
        let rng = || {
            self.seed
                .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)
        };
        let shared = Shared {
            backend: CheckedClient::shared(backend, Arc::clone(&timer)),
            timer,
            downloads_by_name: is_for_downloads_only || download_origin.is_some(),
            authorization: Authorization::new(
                realm,
                version,
                self.credentials,
                session,
                download_origin,
            ),
            endpoint_policy: policy,
            user_agent: user_agent(self.user_agent)?,
            test_mode: self.test_mode.map(TestMode::header),
            deadlines: self
                .stall
                .map_or(Deadlines::DEFAULT, |limit| {
                    Deadlines::DEFAULT.with_stall(limit)
                })
                .with_throughput(self.throughput),
            upload_urls: UploadUrls::default(),
            quota: RetryQuota::default(),
            limiter: Limiter::default(),
            // A random number of its own, so that the others don't depend on whether a server
            // responds.
            outages: Outages::new(rng()),
            counters: Counters::default(),
            server_clock: ServerClock::default(),
            unfinished_uploads: Arc::default(),
            redactor,
            memory: self.memory_budget.map(Semaphore::new),
            #[cfg(feature = "fs")]
            small_files: small_files(self.memory_budget),
            #[cfg(feature = "fs")]
            files: std::sync::OnceLock::new(),
            bandwidth,
            rng: Mutex::new(rng()),
        };
        Ok(Client {
            shared: Arc::new(shared),
            policy: Arc::new(self.retry),
            transfer: None,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("credentials", &self.credentials)
            .field("endpoint", &self.endpoint)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "hyper")]
fn default_backend() -> Result<Arc<dyn HttpClient>, Error> {
    let backend = crate::backend::hyper::HyperClient::new();
    let backend = backend
        .map_err(|error| Error::invalid("the hyper backend can't start").with_source(error))?;
    Ok(Arc::new(backend))
}

#[cfg(not(feature = "hyper"))]
fn default_backend() -> Result<Arc<dyn HttpClient>, Error> {
    Err(Error::invalid(
        "the client has no backend; call backend(), or enable the feature `hyper`",
    ))
}

fn user_agent(product: Option<String>) -> Result<HeaderValue, Error> {
    let ours = concat!("b2kit/", env!("CARGO_PKG_VERSION"), "+rust");
    let text = product.map_or_else(|| ours.to_owned(), |product| format!("{product} {ours}"));
    if text.chars().any(|c| !matches!(c, ' '..='~')) {
        return Err(Error::invalid(
            "the user agent contains characters other than visible ASCII",
        ));
    }
    HeaderValue::try_from(text).map_err(|error| {
        Error::invalid("the user agent is not a valid header value").with_source(error)
    })
}
