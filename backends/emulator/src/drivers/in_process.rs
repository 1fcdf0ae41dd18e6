//! [`Emulator`]: the handle, and the in-process driver.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use b2kit_core::{
    Body, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, ResponseBody, async_trait,
};
use bytes::Bytes;
use futures_core::Stream;
use http::header::CONTENT_LENGTH;

use crate::drivers::account::Account;
use crate::drivers::exchange::{ExchangeError, exchange};
use crate::drivers::host::InProcessHost;
use crate::drivers::response_body::ResponseStream;
use crate::faults::rules::Faults;
use crate::machine::events::Webhook;
use crate::model::state::State;

/// Backblaze B2 on this computer, with one account. Clones are handles to the same account.
///
/// It is a backend ([`HttpClient`]) for a client. It ignores the host of a request's URL; since its
/// responses point to [`url`](Self::url), use that as the client's endpoint. Nothing runs in the
/// background: all work is done inside the future of each request, which yields where a network
/// would wait, so that concurrent requests interleave.
///
/// # Cancellation
/// Dropping an upload's future is like losing its connection. If bytes are missing, nothing is
/// stored and the upload token no longer works; once all have arrived, the file may be stored even
/// though its response is never read.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Account>,
}

/// The complete state of an emulator at one moment: [`Emulator::save`].
#[derive(Clone)]
pub struct Saved {
    state: State,
    /// The emulator that it belongs to.
    of: Weak<Account>,
}

/// The content of an emulator at one moment, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Number of requests of each call by B2's name, including refused ones. Downloads by name
    /// count as `b2_download_file_by_name`.
    pub calls: BTreeMap<String, u64>,
    /// Number of buckets.
    pub buckets: usize,
    /// Number of file versions, including hide markers, without unfinished large files.
    pub versions: usize,
    /// Number of large files neither finished nor canceled.
    pub unfinished_large_files: usize,
    /// Number of bytes in storage. Includes the announced size of uploads in progress; copies need
    /// none.
    pub stored_bytes: u64,
}

impl Snapshot {
    /// Number of requests of this call.
    #[must_use]
    pub fn calls_of(&self, name: &str) -> u64 {
        self.calls.get(name).copied().unwrap_or(0)
    }
}

impl Emulator {
    pub(crate) fn of_account(account: Account) -> Self {
        Self {
            inner: Arc::new(account),
        }
    }

    /// The URL that responses to in-process requests point to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.origins.api
    }

    /// The id of the master application key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.inner.key_id
    }

    /// The master application key. Not a secret: it gives access to nothing but this emulator.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// The id of the account.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.inner.account_id
    }

    /// Creates an empty bucket and returns its id, or the id of the existing bucket with this name.
    ///
    /// # Errors
    /// If B2 would refuse the name or another bucket, or it can't be persisted.
    pub fn create_bucket(&self, name: &str, is_public: bool) -> io::Result<String> {
        let id = self
            .inner
            .state()
            .get_or_create_bucket(name, is_public)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.message))?;
        self.inner.persist()?;
        Ok(id)
    }

    /// Applies the encryption rules from before September 2026 to a bucket (`true`), as B2 still
    /// does to buckets that it has not migrated, or today's. A change resets the bucket's default
    /// encryption to the one of these rules.
    ///
    /// # Errors
    /// If there is no such bucket, or it can't be persisted.
    pub fn set_legacy_encryption(&self, bucket_name: &str, legacy: bool) -> io::Result<()> {
        let id = self
            .inner
            .bucket_id(bucket_name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such bucket"))?;
        self.inner
            .state()
            .bucket_mut(&id)
            .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error.message))?
            .set_legacy_encryption(legacy);
        self.inner.persist()
    }

    /// Expires all account tokens: the next use of each gets `expired_auth_token`.
    pub fn expire_account_tokens(&self) {
        self.inner.state().tokens.expire_account();
    }

    /// Expires all upload tokens. Uploads in progress continue.
    pub fn expire_upload_tokens(&self) {
        self.inner.state().tokens.expire_upload();
    }

    /// Applies the lifecycle rules of all buckets, by the emulator's clock. Also happens before the
    /// first request of each UTC day.
    pub fn run_lifecycle(&self) {
        let now = self.inner.now();
        self.inner.state().run_lifecycle(now);
    }

    /// Takes the webhooks for all events since the last call, oldest first, in batches of the
    /// rules' maximum size. Nothing is sent; a server that sends webhooks takes them itself.
    #[must_use]
    pub fn drain_webhooks(&self) -> Vec<Webhook> {
        self.inner.state().drain_webhooks()
    }

    /// Saves the state: buckets, files, keys, tokens and the generator of ids, but neither clock
    /// nor [`faults`](Self::faults). Costs memory for metadata; the bytes of files are shared.
    #[must_use]
    pub fn save(&self) -> Saved {
        let mut state = self.inner.state().clone();
        state.tokens.revoke_uploads_in_progress();
        Saved {
            state,
            of: Arc::downgrade(&self.inner),
        }
    }

    /// Restores a saved state. Requests in progress continue with it.
    ///
    /// # Errors
    /// If it belongs to another emulator, or can't be persisted.
    pub fn restore(&self, saved: &Saved) -> io::Result<()> {
        if !std::ptr::eq(saved.of.as_ptr(), Arc::as_ptr(&self.inner)) {
            let message = "the state was saved by another emulator";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // outside of the locks, since it may delete many files
        drop(match &self.inner.data {
            Some(data) => data.persist_replacement(|| self.inner.state(), &saved.state)?,
            None => std::mem::replace(&mut *self.inner.state(), saved.state.clone()),
        });
        Ok(())
    }

    /// Messages about data that a crash has destroyed in the data directory: see
    /// [`Builder::open`](crate::Builder::open).
    #[must_use]
    pub fn recovery_warnings(&self) -> &[String] {
        &self.inner.recovery_warnings
    }

    /// The faults to inject.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults::new(&self.inner.rules)
    }

    /// The current content of the emulator.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.inner.state();
        let unfinished = state
            .buckets
            .values()
            .map(|bucket| bucket.versions.unfinished_len());
        let unfinished: usize = unfinished.sum();
        let versions = state.buckets.values().map(|bucket| bucket.versions.len());
        let calls = state.calls.iter();
        Snapshot {
            calls: calls.map(|(name, n)| ((*name).to_owned(), *n)).collect(),
            buckets: state.buckets.len(),
            versions: versions.sum::<usize>() - unfinished,
            unfinished_large_files: unfinished,
            stored_bytes: self.inner.store.used(),
        }
    }

    /// The type of the bucket with this name: `allPrivate` or `allPublic`.
    #[must_use]
    pub fn bucket_type(&self, name: &str) -> Option<String> {
        let state = self.inner.state();
        state.bucket_by_name(name).map(|bucket| bucket.kind.clone())
    }

    /// The account behind this handle.
    #[cfg(feature = "server")]
    pub(crate) fn account(&self) -> &Account {
        &self.inner
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saved")
            .field("buckets", &self.state.buckets.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.inner.origins.api)
            .field("key_id", &self.inner.key_id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Emulator {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (mut head, body) = request.into_parts();
        declare_length(&mut head.headers, &body)?;
        let source_failed = |phase| {
            move |error: io::Error| HttpError::new(HttpErrorKind::Source, phase).with_source(error)
        };
        let mut stream = body.open().map_err(source_failed(Phase::NotSent))?;
        let exchanged = exchange(
            &self.inner,
            &self.inner.origins,
            &head,
            &mut stream,
            &InProcessHost,
            &mut (),
        )
        .await
        .map_err(|broken| match broken {
            ExchangeError::Source(error) => source_failed(Phase::MaybeReceived)(error),
            ExchangeError::Disconnected(kind, phase) => HttpError::new(kind, phase),
        })?;
        let crate::protocol::response::Response {
            status,
            headers,
            payload,
        } = exchanged.response;
        let body = ResponseStream::new(payload, exchanged.body_fault);
        let body = ResponseBody::new(Some(body.left()), Content(body));
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Sets `Content-Length`, or requires it to be the length of the body, which is what a real backend
/// sends.
fn declare_length(headers: &mut http::HeaderMap, body: &Body) -> Result<(), HttpError> {
    let declared = headers.get(CONTENT_LENGTH);
    let Some(declared) = declared else {
        headers.insert(CONTENT_LENGTH, body.len().into());
        return Ok(());
    };
    let agrees = declared
        .to_str()
        .is_ok_and(|len| len.parse() == Ok(body.len()));
    if agrees {
        Ok(())
    } else {
        Err(HttpError::invalid(
            "Content-Length doesn't match the length of the body",
        ))
    }
}

/// The body of a response.
struct Content(ResponseStream);

impl Stream for Content {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let failed = |error| HttpError::from_io(Phase::ResponseBegun, error);
        self.0
            .next(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map_err(failed)))
    }
}
