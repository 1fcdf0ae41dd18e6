//! [`Recorder`]: a backend that notes what passes through another one.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use b2kit_core::http::{HeaderName, request, response};
use b2kit_core::{
    Body, BodyStream, Bytes, HttpClient, HttpError, Request, Response, ResponseBody, async_trait,
};
use futures_core::Stream;

use crate::DEFAULT_FILE_LIMIT;
use crate::error::CassetteError;
use crate::interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
use crate::redaction::Redaction;
use crate::sample::Sample;
use crate::write;

/// A backend that passes each request on to another backend, and writes down what was sent and what came back.
///
/// The recording is written by [`save`](Self::save), or when the recorder and the last response that came through it are
/// dropped. Until then it is in memory, bodies up to [`request_limit`](Self::request_limit) and
/// [`response_limit`](Self::response_limit). It holds the responses that were read to their end; one that broke off or
/// was dropped before is marked as cut, and one that is still being read is not in it yet. A request that ended without a
/// response is not recorded. Order is the order in which the requests were started.
///
/// # Secrets
/// Before anything is written, these are replaced by placeholders such as `hidden-application-key`: application keys,
/// tokens, account ids, encryption keys and signing secrets wherever B2's messages hold them (headers, JSON, queries),
/// credentials in URLs, cookies, the values of webhooks' own headers. What stands there is then replaced wherever else it
/// occurs in the session, be it percent-encoded, escaped, or in base64 or hex. A value has the same placeholder wherever
/// it stands, so a session still hangs together when it is replayed. In the end everything is searched again, and if
/// there is a secret left, nothing is written.
///
/// [`secret`](Self::secret), [`json_field`](Self::json_field), [`header`](Self::header) and [`redact`](Self::redact) hide
/// more. Bucket and file ids stay: replaying hangs on them, and who knows B2 well can compute the account id from them.
///
/// # Panics and drops
/// A thread that drops the recorder while it panics writes nothing, and what was there stays. So does a recorder that
/// recorded nothing. A failure to write in a drop is reported by [`tracing::error`].
///
/// A clone records into the same recording.
#[derive(Clone)]
pub struct Recorder {
    backend: Arc<dyn HttpClient>,
    reel: Arc<Reel>,
}

/// What was recorded so far, secrets and all.
struct Reel {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// One for each request that was started; filled when its response ends.
    interactions: Vec<Option<Interaction>>,
    /// Something was recorded since it was last saved.
    changed: bool,
    redaction: Redaction,
    request_limit: usize,
    response_limit: usize,
    file_limit: u64,
}

impl Recorder {
    /// Records what passes through `backend`, to be written to `path`. Nothing is read or written yet.
    #[must_use]
    pub fn new(backend: impl HttpClient, path: impl Into<PathBuf>) -> Self {
        let state = State {
            interactions: Vec::new(),
            changed: false,
            redaction: Redaction::default(),
            request_limit: 1 << 20,
            response_limit: 4 << 20,
            file_limit: DEFAULT_FILE_LIMIT,
        };
        Self {
            backend: Arc::new(backend),
            reel: Arc::new(Reel {
                path: path.into(),
                state: Mutex::new(state),
            }),
        }
    }

    /// Of a request's body beyond this many bytes only the length and the SHA-1 are recorded; 1 MiB unless told
    /// otherwise. It replays all the same.
    #[must_use]
    pub fn request_limit(self, bytes: usize) -> Self {
        self.with(|state| state.request_limit = bytes)
    }

    /// Of a response's body beyond this many bytes only the length and the SHA-1 are recorded; 4 MiB unless told
    /// otherwise. It can't be replayed then.
    #[must_use]
    pub fn response_limit(self, bytes: usize) -> Self {
        self.with(|state| state.response_limit = bytes)
    }

    /// A larger recording is not written; [`DEFAULT_FILE_LIMIT`] unless told otherwise. To read a larger one takes
    /// [`Player::open_with_limit`](crate::Player::open_with_limit).
    #[must_use]
    pub fn file_limit(self, bytes: u64) -> Self {
        self.with(|state| state.file_limit = bytes)
    }

    /// Replaces `value` by `hidden-` and this name, wherever it occurs. The name is made of letters, digits and hyphens;
    /// anything else in it becomes a hyphen.
    #[must_use]
    pub fn secret(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        self.with(|state| {
            state
                .redaction
                .declared
                .push((placeholder_name(name), value))
        })
    }

    /// Takes what stands in JSON fields and query parameters of this name for a secret.
    #[must_use]
    pub fn json_field(self, name: &str) -> Self {
        self.with(|state| state.redaction.places.add_field(name))
    }

    /// Takes what stands in this header for a secret.
    #[must_use]
    pub fn header(self, name: HeaderName) -> Self {
        self.with(|state| state.redaction.places.add_header(name))
    }

    /// Lets `hook` edit each interaction before it is written. It sees placeholders, not secrets, and what it leaves is
    /// searched for secrets once more. The lengths in the headers are corrected after it.
    #[must_use]
    pub fn redact(self, hook: impl Fn(&mut Interaction) + Send + Sync + 'static) -> Self {
        self.with(|state| state.redaction.hooks.push(Box::new(hook)))
    }

    fn with(self, set: impl FnOnce(&mut State)) -> Self {
        set(&mut self.reel.state());
        self
    }

    /// Writes what was recorded so far, whole or not at all. Blocks while it does. What was at the path before is
    /// replaced; saving again writes all of the session again.
    ///
    /// # Errors
    /// If the file can't be written, would be too large, or would hold a secret; see [`CassetteError`].
    pub fn save(&self) -> Result<(), CassetteError> {
        self.reel.save()
    }

    /// The recording as it would be written.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    pub fn to_yaml(&self) -> Result<String, CassetteError> {
        self.reel.render(&self.reel.state())
    }
}

#[async_trait]
impl HttpClient for Recorder {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (parts, body) = request.into_parts();
        if parts.uri.scheme().is_none() || parts.uri.host().is_none() {
            return Err(HttpError::invalid("the URI is not absolute"));
        }
        let (pending, sent) = self.reel.start(&parts, body);
        let response = self.backend.send(Request::from_parts(parts, sent)).await?;
        let (parts, body) = response.into_parts();
        let body = pending.respond(&parts, body);
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("path", &self.reel.path)
            .field("requests", &self.reel.state().interactions.len())
            .finish_non_exhaustive()
    }
}

impl Reel {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn start(self: &Arc<Self>, parts: &request::Parts, body: Body) -> (Pending, Body) {
        let mut state = self.state();
        let number = state.interactions.len();
        state.interactions.push(None);
        let length = body.len();
        let (noted, body) = match body.as_bytes() {
            Some(bytes) if bytes.len() <= state.request_limit => {
                (Noted::Whole(bytes.clone()), body)
            }
            _ => {
                let sample = Arc::new(Mutex::new(Sample::new(state.request_limit)));
                let body = teed(body, Arc::clone(&sample), state.request_limit);
                (Noted::Streamed { length, sample }, body)
            }
        };
        let pending = Pending {
            reel: Arc::clone(self),
            number,
            limit: state.response_limit,
            request: RecordedRequest {
                method: parts.method.clone(),
                url: parts.uri.clone(),
                headers: parts.headers.clone(),
                body: RecordedBody::Bytes(Bytes::new()),
            },
            noted,
        };
        (pending, body)
    }

    fn render(&self, state: &State) -> Result<String, CassetteError> {
        let mut session: Vec<_> = state.interactions.iter().flatten().cloned().collect();
        let file = || self.path.display().to_string();
        let Err(leak) = state.redaction.apply(&mut session) else {
            let text = write::to_text(&session);
            if text.len() as u64 > state.file_limit {
                return Err(CassetteError::TooLarge {
                    file: file(),
                    limit: state.file_limit,
                });
            }
            return Ok(text);
        };
        Err(CassetteError::Secret {
            file: file(),
            place: leak.place,
            secret: leak.secret,
        })
    }

    fn save(&self) -> Result<(), CassetteError> {
        let mut state = self.state();
        let text = self.render(&state)?;
        write::to_file(&self.path, &text).map_err(|source| CassetteError::Io {
            file: self.path.display().to_string(),
            action: "written",
            source,
        })?;
        state.changed = false;
        Ok(())
    }
}

impl Drop for Reel {
    fn drop(&mut self) {
        if std::thread::panicking() || !self.state().changed {
            return;
        }
        if let Err(error) = self.save() {
            let source = std::error::Error::source(&error);
            tracing::error!(source, "{error}");
        }
    }
}

/// An interaction whose response hasn't ended.
struct Pending {
    reel: Arc<Reel>,
    number: usize,
    limit: usize,
    request: RecordedRequest,
    noted: Noted,
}

/// What is known of a request's body.
enum Noted {
    Whole(Bytes),
    Streamed {
        length: u64,
        sample: Arc<Mutex<Sample>>,
    },
}

impl Pending {
    fn respond(self, parts: &response::Parts, body: ResponseBody) -> ResponseBody {
        let response = RecordedResponse {
            status: parts.status,
            version: Some(parts.version),
            headers: parts.headers.clone(),
            body: RecordedBody::Bytes(Bytes::new()),
            cut: false,
        };
        let length = body.len();
        let mut tee = ResponseTee {
            sample: Sample::new(self.limit),
            body,
            open: Some((self, response)),
        };
        if length == Some(0) {
            tee.finish(false);
        }
        ResponseBody::new(length, tee)
    }

    fn finish(self, response: RecordedResponse) {
        let mut request = self.request;
        request.body = match self.noted {
            Noted::Whole(bytes) => bytes.into(),
            Noted::Streamed { length, sample } => {
                let sample = std::mem::replace(&mut *lock(&sample), Sample::new(0));
                match sample.len() == length {
                    true => sample.finish(),
                    // The response came before the body was sent.
                    false => RecordedBody::Omitted { length, sha1: None },
                }
            }
        };
        let mut state = self.reel.state();
        state.interactions[self.number] = Some(Interaction { request, response });
        state.changed = true;
    }
}

/// The same body; what is read of it is noted as well.
fn teed(body: Body, sample: Arc<Mutex<Sample>>, limit: usize) -> Body {
    let length = body.len();
    if body.is_replayable() {
        return Body::replay(length, move || {
            let inner = body.open()?;
            *lock(&sample) = Sample::new(limit);
            let sample = Arc::clone(&sample);
            Ok(RequestTee { inner, sample })
        });
    }
    match body.open() {
        Ok(inner) => Body::once(length, RequestTee { inner, sample }),
        // Opened before: it will say so again.
        Err(_) => body,
    }
}

struct RequestTee {
    inner: BodyStream,
    sample: Arc<Mutex<Sample>>,
}

impl Stream for RequestTee {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.inner.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            lock(&self.sample).push(chunk);
        }
        next
    }
}

/// The same body; what is read of it is noted, and the interaction counts from its end.
struct ResponseTee {
    body: ResponseBody,
    sample: Sample,
    open: Option<(Pending, RecordedResponse)>,
}

impl ResponseTee {
    fn finish(&mut self, cut: bool) {
        if let Some((pending, mut response)) = self.open.take() {
            let sample = std::mem::replace(&mut self.sample, Sample::new(0));
            response.body = sample.finish();
            response.cut = cut;
            pending.finish(response);
        }
    }
}

impl Stream for ResponseTee {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(cx);
        match &next {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(chunk))) => self.sample.push(chunk),
            Poll::Ready(Some(Err(_))) => self.finish(true),
            Poll::Ready(None) => self.finish(false),
        }
        next
    }
}

impl Drop for ResponseTee {
    /// Who knows the length needs not ask for the end.
    fn drop(&mut self) {
        let cut = self.body.len() != Some(self.sample.len());
        self.finish(cut);
    }
}

/// A name as it may stand anywhere in a URL.
pub(crate) fn placeholder_name(name: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '-',
    };
    name.chars().map(letter).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
