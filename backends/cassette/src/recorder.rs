//! [`Recorder`]: a backend that notes what passes through another one.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use b2kit_core::http::HeaderName;
use b2kit_core::{HttpClient, HttpError, Request, Response, async_trait};

use crate::error::CassetteError;
use crate::format::DEFAULT_FILE_LIMIT;
use crate::interaction::Interaction;
use crate::redaction::Redaction;
use crate::session_log::{SessionLog, State};

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
    session_log: Arc<SessionLog>,
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
            session_log: Arc::new(SessionLog {
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
        self.with(|state| state.redaction.secret_fields.add_field(name))
    }

    /// Takes what stands in this header for a secret.
    #[must_use]
    pub fn header(self, name: HeaderName) -> Self {
        self.with(|state| state.redaction.secret_fields.add_header(name))
    }

    /// Lets `hook` edit each interaction before it is written. It sees placeholders, not secrets, and what it leaves is
    /// searched for secrets once more. The lengths in the headers are corrected after it.
    #[must_use]
    pub fn redact(self, hook: impl Fn(&mut Interaction) + Send + Sync + 'static) -> Self {
        self.with(|state| state.redaction.hooks.push(Box::new(hook)))
    }

    fn with(self, set: impl FnOnce(&mut State)) -> Self {
        set(&mut self.session_log.state());
        self
    }

    /// Writes what was recorded so far, whole or not at all. Blocks while it does. What was at the path before is
    /// replaced; saving again writes all of the session again.
    ///
    /// # Errors
    /// If the file can't be written, would be too large, or would hold a secret; see [`CassetteError`].
    pub fn save(&self) -> Result<(), CassetteError> {
        self.session_log.save()
    }

    /// The recording as it would be written.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    pub fn to_yaml(&self) -> Result<String, CassetteError> {
        self.session_log.render(&self.session_log.state())
    }
}

#[async_trait]
impl HttpClient for Recorder {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (parts, body) = request.into_parts();
        if parts.uri.scheme().is_none() || parts.uri.host().is_none() {
            return Err(HttpError::invalid("the URI is not absolute"));
        }
        let (pending, sent) = self.session_log.start(&parts, body);
        let response = self.backend.send(Request::from_parts(parts, sent)).await?;
        let (parts, body) = response.into_parts();
        let body = pending.respond(&parts, body);
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("path", &self.session_log.path)
            .field("requests", &self.session_log.state().interactions.len())
            .finish_non_exhaustive()
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
