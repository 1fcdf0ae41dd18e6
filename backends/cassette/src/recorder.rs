//! [`Recorder`]: a backend that records the exchanges of another one.

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

/// A backend that forwards each request to another backend, and records the request and its response.
///
/// The recording is written by [`save`](Self::save), or when the recorder and the last response that it returned have
/// been dropped. Until then it is kept in memory, with bodies up to [`request_limit`](Self::request_limit) and
/// [`response_limit`](Self::response_limit). A response is recorded when its body has ended; if it failed or was
/// dropped before, it is marked as `cut`. Requests without a response are not recorded. Interactions are in the order
/// in which the requests were started.
///
/// # Secrets
/// Before anything is written, secrets are replaced by placeholders such as `hidden-application-key`: application keys,
/// tokens, account ids, encryption keys and signing secrets in the fields where B2's messages have them (headers, JSON,
/// queries), credentials in URLs, cookies, and the values of webhooks' custom headers. Each of these values is then
/// replaced everywhere else in the session too, percent-encoded (with `+` or `%20` for a space), escaped, or in base64
/// or hexadecimal. A value always has the same placeholder, so the session stays consistent when it is replayed.
/// Finally everything is searched again; if a secret is left, nothing is written.
///
/// [`secret`](Self::secret), [`json_field`](Self::json_field), [`header`](Self::header) and [`redact`](Self::redact)
/// hide more. Bucket and file ids are kept, since requests depend on them; the account id can be derived from them.
///
/// # Panics and drops
/// If the recorder is dropped by a panicking thread, or has recorded nothing, no file is written and an existing one is
/// kept. A failure to write in a drop is logged as an error.
///
/// Clones share the recording.
#[derive(Clone)]
pub struct Recorder {
    backend: Arc<dyn HttpClient>,
    session_log: Arc<SessionLog>,
}

impl Recorder {
    /// Records the exchanges of `backend`, to be written to `path`. Nothing is read or written yet.
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

    /// Sets the size limit of request bodies, 1 MiB by default. For a longer body only the length and the SHA-1 are
    /// recorded; the request can still be replayed.
    #[must_use]
    pub fn request_limit(self, bytes: usize) -> Self {
        self.with(|state| state.request_limit = bytes)
    }

    /// Sets the size limit of response bodies, 4 MiB by default. For a longer body only the length and the SHA-1 are
    /// recorded; the response can't be replayed.
    #[must_use]
    pub fn response_limit(self, bytes: usize) -> Self {
        self.with(|state| state.response_limit = bytes)
    }

    /// Sets the size limit of the recording, [`DEFAULT_FILE_LIMIT`] by default. A larger one is not written.
    /// [`Player::open_with_limit`](crate::Player::open_with_limit) reads recordings over the default limit.
    #[must_use]
    pub fn file_limit(self, bytes: u64) -> Self {
        self.with(|state| state.file_limit = bytes)
    }

    /// Replaces `value` by `hidden-` and this name wherever it occurs. Characters of the name other than letters,
    /// digits and hyphens become hyphens.
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

    /// Treats JSON fields and query parameters of this name as secrets.
    #[must_use]
    pub fn json_field(self, name: &str) -> Self {
        self.with(|state| state.redaction.secret_fields.add_field(name))
    }

    /// Treats this header as a secret.
    #[must_use]
    pub fn header(self, name: HeaderName) -> Self {
        self.with(|state| state.redaction.secret_fields.add_header(name))
    }

    /// Edits each interaction before it is written. `hook` sees placeholders instead of secrets; its result is searched
    /// for secrets again, and the lengths in the headers are corrected.
    #[must_use]
    pub fn redact(self, hook: impl Fn(&mut Interaction) + Send + Sync + 'static) -> Self {
        self.with(|state| state.redaction.hooks.push(Box::new(hook)))
    }

    fn with(self, set: impl FnOnce(&mut State)) -> Self {
        set(&mut self.session_log.state());
        self
    }

    /// Writes everything recorded so far, atomically, and replaces the file at the path. Blocking. May be called again.
    ///
    /// # Errors
    /// [`Io`](CassetteError::Io), [`TooLarge`](CassetteError::TooLarge), or [`Secret`](CassetteError::Secret) if a
    /// secret could not be removed. Nothing is written then.
    pub fn save(&self) -> Result<(), CassetteError> {
        self.session_log.save()
    }

    /// The text of the recording as [`save`](Self::save) would write it.
    ///
    /// # Errors
    /// [`TooLarge`](CassetteError::TooLarge) or [`Secret`](CassetteError::Secret).
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

/// The name with only characters that are valid anywhere in a URL.
pub(crate) fn placeholder_name(name: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '-',
    };
    name.chars().map(letter).collect()
}
