//! [`Emulator`]: the handle, and the in-process host.

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

/// B2 on this computer: one account. A clone is another handle to the same account.
///
/// It is a backend ([`HttpClient`]): give it to a client in place of a real one. The host of a request's URL doesn't
/// matter to it; but its answers send a client on to [`url`](Self::url), so that is the endpoint to give to one. Nothing runs in the background:
/// work is done inside the future of each request, with a pause wherever a network would have one, so that requests sent
/// side by side do run side by side.
///
/// # Cancellation
/// Dropping an upload's future breaks it off as a lost connection would: as long as bytes are missing, nothing is stored,
/// and its upload token is no good any more; once they are all there, the file may be stored though nobody has read the
/// answer.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Account>,
}

/// The whole state of an emulator at one moment: [`Emulator::save`].
#[derive(Clone)]
pub struct Saved {
    state: State,
    /// Which emulator it is of.
    of: Weak<Account>,
}

/// What is in an emulator at one moment, for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// How often each call was made, by B2's name for it; refused ones count. Downloads by name count as
    /// `b2_download_file_by_name`.
    pub calls: BTreeMap<String, u64>,
    /// Buckets.
    pub buckets: usize,
    /// Versions of files, hide markers included, unfinished large files not.
    pub versions: usize,
    /// Large files that are neither finished nor cancelled.
    pub unfinished_large_files: usize,
    /// The bytes that the store holds: what uploads under way have announced counts, copies don't.
    pub stored_bytes: u64,
}

impl Snapshot {
    /// How often the call of this name was made.
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

    /// The URL that answers to in-process requests begin with.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.origins.api
    }

    /// The id of the application key that may do everything.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.inner.key_id
    }

    /// The application key that may do everything. Not a secret: it opens nothing but this emulator.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.key
    }

    /// The id of the account.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.inner.account_id
    }

    /// Makes an empty bucket, and says its id; if the account has one of that name already, that one's.
    ///
    /// # Errors
    /// If B2 would not allow the name, or one bucket more; or if it can't be written to the data directory.
    pub fn create_bucket(&self, name: &str, is_public: bool) -> io::Result<String> {
        let id = self
            .inner
            .state()
            .get_or_create_bucket(name, is_public)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.message))?;
        self.inner.persist()?;
        Ok(id)
    }

    /// Puts a bucket under the encryption rules from before September 2026 (`true`), as old buckets are until B2 has come to
    /// them, or under those of today. If that is a change, its default encryption becomes the one that these rules give a bucket.
    ///
    /// # Errors
    /// If there is no such bucket, or it can't be written to the data directory.
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

    /// Lets every account token expire now: the next use of each is answered with `expired_auth_token`.
    pub fn expire_account_tokens(&self) {
        self.inner.state().tokens.expire_account();
    }

    /// Lets every upload token expire now. Uploads under way are not disturbed.
    pub fn expire_upload_tokens(&self) {
        self.inner.state().tokens.expire_upload();
    }

    /// Carries the lifecycle rules of all buckets out, by the time that the clock shows. It also happens by itself, before
    /// the first request of every day.
    pub fn run_lifecycle(&self) {
        let now = self.inner.now();
        self.inner.state().run_lifecycle(now);
    }

    /// What notification rules wanted told since this was asked last, oldest first, in batches as large as the rules
    /// allow. Nothing is sent anywhere; a server that sends webhooks takes them itself.
    #[must_use]
    pub fn drain_webhooks(&self) -> Vec<Webhook> {
        self.inner.state().drain_webhooks()
    }

    /// The whole state: buckets, files, keys, tokens, ids that are still to come, all but the clock and the
    /// [`faults`](Self::faults). It costs memory for names and numbers; the bytes of files are shared.
    #[must_use]
    pub fn save(&self) -> Saved {
        let mut state = self.inner.state().clone();
        state.tokens.revoke_uploads_in_progress();
        Saved {
            state,
            of: Arc::downgrade(&self.inner),
        }
    }

    /// Makes everything as it was. Requests under way go on, in the state that they find.
    ///
    /// # Errors
    /// If it was saved by another emulator, or can't be written to the data directory.
    pub fn restore(&self, saved: &Saved) -> io::Result<()> {
        if !std::ptr::eq(saved.of.as_ptr(), Arc::as_ptr(&self.inner)) {
            let message = "the state was saved by another emulator";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut before = None;
        let mut replace = || {
            let mut state = self.inner.state();
            before = Some(std::mem::replace(&mut *state, saved.state.clone()));
            state
        };
        let Some(data) = &self.inner.data else {
            drop(replace());
            return Ok(());
        };
        let kept = data.persist_replacement(replace);
        if kept.is_err() {
            // the journal still speaks of these files: they stay where they are
            std::mem::forget(before);
        }
        kept
    }

    /// What the data directory could not keep over a crash, in words: see [`Builder::open`](crate::Builder::open).
    #[must_use]
    pub fn recovery_warnings(&self) -> &[String] {
        &self.inner.recovery_warnings
    }

    /// What is to go wrong.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults::new(&self.inner.rules)
    }

    /// What is in it now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.inner.state();
        let unfinished = state.buckets.values().map(|bucket| bucket.unfinished.len());
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

    /// The type of the bucket with this name, in B2's words: `allPrivate`, `allPublic`.
    #[must_use]
    pub fn bucket_type(&self, name: &str) -> Option<String> {
        let state = self.inner.state();
        state.bucket_by_name(name).map(|bucket| bucket.kind.clone())
    }

    /// What the handles share.
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
        )
        .await
        .map_err(|broken| match broken {
            ExchangeError::Source(error) => source_failed(Phase::MaybeReceived)(error),
            ExchangeError::Lost(kind, phase) => HttpError::new(kind, phase),
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

/// The length that goes over the wire is the body's: a header that says otherwise can't be sent.
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
            "Content-Length is not the length of the body",
        ))
    }
}

/// A response's body.
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
