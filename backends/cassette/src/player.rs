//! [`Player`]: a backend that replays a recording.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use b2kit_core::http::HeaderName;
use b2kit_core::{HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, async_trait};
use bytes::Bytes;

use crate::capture::BodyCapture;
use crate::error::CassetteError;
use crate::format::DEFAULT_FILE_LIMIT;
use crate::interaction::{Interaction, RecordedBody, RecordedRequest};
use crate::matching::{Matching, shown_request};
use crate::mismatch::{Difference, Mismatch, MismatchReason, Summary, Unplayed};
use crate::read::{self, LocatedInteraction};
use crate::recorder::placeholder_name;
use crate::redaction::without_secrets;
use crate::replay::replay;
use crate::secret_fields::same_text;
use crate::secrets::Secrets;

/// A backend that answers requests from a recording and never opens a connection.
///
/// A request gets the response of the first recorded request that equals it and was not played yet, so each recorded
/// request is played once, and equal ones are played in order. The comparison covers:
///
/// - the method;
/// - the URL, character by character, except for an empty query; [`ignore_origin`](Self::ignore_origin) leaves out
///   scheme, host and port;
/// - the body: JSON by its meaning (the order of keys doesn't matter, and a null member equals an absent one), a body
///   that was omitted from the recording by length and SHA-1, any other byte by byte;
/// - the headers `range`, `content-type` and those that begin with `x-bz-`, unless changed by
///   [`match_headers`](Self::match_headers) or [`ignore_header`](Self::ignore_header); never `user-agent` and
///   `authorization`.
///
/// A placeholder in a field for secrets matches any text.
///
/// A request that matches nothing fails with [`NoMatch`](HttpErrorKind::NoMatch), with a [`Mismatch`] as the source;
/// nothing was sent. Call [`finish`](Self::finish) at the end to check that everything was played.
///
/// # Concurrent parts
/// A client that uploads several parts at once sends each to whichever upload URL is free, so a part may go to another
/// URL than the recorded one and match nothing. A hook makes the URLs of parts equal:
/// ```
/// # use b2kit_cassette::Player;
/// # use b2kit_core::http::Uri;
/// # fn unify(player: Player) -> Player {
/// player.edit_requests(|request| {
///     if request.headers.contains_key("x-bz-part-number") {
///         request.url = Uri::from_static("https://parts.invalid/");
///     }
/// })
/// # }
/// ```
/// How many upload URLs are asked for also depends on timing, unless [`concurrency`] is 1. And the client marks each
/// large file with a random id in its file info, `b2kit-upload-id`: record and replay with the same
/// `ClientBuilder::rng_seed`.
///
/// [`concurrency`]: https://docs.rs/b2kit/latest/b2kit/transfer/struct.Upload.html#method.concurrency
///
/// Clones share the recording and its progress.
#[derive(Debug, Clone)]
pub struct Player {
    recording: Arc<Recording>,
    matching: Matching,
    declared: Secrets,
    hooks: Hooks,
    /// The recorded requests as they are compared: edited, with placeholders for secrets.
    requests: Arc<[RecordedRequest]>,
}

/// Closures that edit requests before they are compared.
#[derive(Clone, Default)]
struct Hooks(Vec<Hook>);

type Hook = Arc<dyn Fn(&mut RecordedRequest) + Send + Sync>;

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hooks", self.0.len())
    }
}

#[derive(Debug)]
struct Recording {
    interactions: Vec<LocatedInteraction>,
    /// The maximum number of bytes of a request's body that are kept for comparison. A longer body can equal only a
    /// recorded body that was omitted.
    longest_body: usize,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    played: Vec<bool>,
    /// Whether the caller has asked for the requests that were not played.
    asked: bool,
}

/// The index of an interaction, and its differences.
type Nearest = (usize, Vec<Difference>);

impl Player {
    /// Reads the recording at `path`, of at most [`DEFAULT_FILE_LIMIT`] bytes. Blocking.
    ///
    /// # Errors
    /// [`Io`](CassetteError::Io), [`TooLarge`](CassetteError::TooLarge),
    /// [`UnknownVersion`](CassetteError::UnknownVersion) or [`Malformed`](CassetteError::Malformed).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CassetteError> {
        Self::open_with_limit(path, DEFAULT_FILE_LIMIT)
    }

    /// Reads the recording at `path`, of at most `limit` bytes. Blocking.
    ///
    /// # Errors
    /// [`Io`](CassetteError::Io), [`TooLarge`](CassetteError::TooLarge) if the file has more than `limit` bytes,
    /// [`UnknownVersion`](CassetteError::UnknownVersion) or [`Malformed`](CassetteError::Malformed).
    pub fn open_with_limit(path: impl AsRef<Path>, limit: u64) -> Result<Self, CassetteError> {
        read::from_file(path.as_ref(), limit).map(Self::new)
    }

    /// Parses a recording.
    ///
    /// # Errors
    /// [`UnknownVersion`](CassetteError::UnknownVersion) or [`Malformed`](CassetteError::Malformed), with `recording`
    /// as the name of the file.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, CassetteError> {
        read::from_bytes(text.as_ref())
            .map(Self::new)
            .map_err(|error| error.in_file("recording"))
    }

    /// Plays interactions that were made in code. They are not redacted: values that must not be compared have to be
    /// placeholders already; see [`Recorder`](crate::Recorder).
    ///
    /// ```
    /// use b2kit_cassette::{Interaction, Player, RecordedRequest, RecordedResponse};
    /// use b2kit_core::http::{Method, StatusCode, Uri};
    /// use b2kit_core::{Body, HttpClient, http};
    ///
    /// let url = Uri::from_static("https://api002.backblazeb2.com/b2api/v4/b2_list_keys");
    /// let player = Player::from_interactions([Interaction {
    ///     request: RecordedRequest::new(Method::GET, url),
    ///     response: RecordedResponse::new(StatusCode::OK).with_body(r#"{"keys": []}"#),
    /// }])
    /// .ignore_origin();
    ///
    /// # futures::executor::block_on(async {
    /// let request = http::Request::get("http://127.0.0.1:8642/b2api/v4/b2_list_keys?").body(Body::empty())?;
    /// let response = player.send(request).await?;
    /// assert_eq!(response.into_body().collect(100).await?, r#"{"keys": []}"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// player.finish()?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_interactions(interactions: impl IntoIterator<Item = Interaction>) -> Self {
        let interactions = interactions.into_iter();
        let located = interactions.map(|interaction| LocatedInteraction {
            line: 0,
            interaction,
        });
        Self::new(located.collect())
    }

    fn new(interactions: Vec<LocatedInteraction>) -> Self {
        let longest = interactions
            .iter()
            .filter_map(|located| located.interaction.request.body.as_bytes())
            .map(Bytes::len)
            .max();
        let played = vec![false; interactions.len()];
        let recording = Recording {
            interactions,
            // Equal JSON may be longer as it is sent than as it was recorded.
            longest_body: longest.unwrap_or(0).saturating_mul(2).max(1 << 20),
            progress: Mutex::new(Progress {
                played,
                asked: false,
            }),
        };
        let player = Self {
            recording: Arc::new(recording),
            matching: Matching::default(),
            declared: Secrets::default(),
            hooks: Hooks::default(),
            requests: Arc::default(),
        };
        player.prepared()
    }

    /// Prepares the recorded requests for comparison.
    fn prepared(mut self) -> Self {
        let located = self.recording.interactions.iter();
        self.requests = located
            .map(|located| self.comparable(located.interaction.request.clone()))
            .collect();
        self
    }

    fn comparable(&self, request: RecordedRequest) -> RecordedRequest {
        let mut request = without_secrets(&self.matching.secret_fields, &self.declared, request);
        self.hooks.0.iter().for_each(|hook| hook(&mut request));
        request
    }

    /// Compares URLs by path and query only, so that a recording of B2 can answer a client with another endpoint.
    #[must_use]
    pub fn ignore_origin(mut self) -> Self {
        self.matching.ignores_origin = true;
        self
    }

    /// Edits each request before it is compared, and the recorded ones too, to remove values that vary. `hook` sees
    /// placeholders instead of secrets; a body that is too long to compare is reduced to its length and SHA-1.
    /// Responses are not affected.
    #[must_use]
    pub fn edit_requests(
        mut self,
        hook: impl Fn(&mut RecordedRequest) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.0.push(Arc::new(hook));
        self.prepared()
    }

    /// Compares these headers instead of the default ones. Names are case-insensitive.
    #[must_use]
    pub fn match_headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(str::to_ascii_lowercase);
        self.matching.headers = Some(names.collect());
        self
    }

    /// Excludes a header from the comparison.
    #[must_use]
    pub fn ignore_header(mut self, name: &str) -> Self {
        self.matching.ignored.insert(name.to_ascii_lowercase());
        self
    }

    /// Treats JSON fields and query parameters of this name as secrets, as
    /// [`Recorder::json_field`](crate::Recorder::json_field) does.
    #[must_use]
    pub fn json_field(mut self, name: &str) -> Self {
        self.matching.secret_fields.add_field(name);
        self.prepared()
    }

    /// Treats this header as a secret, as [`Recorder::header`](crate::Recorder::header) does.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        self.matching.secret_fields.add_header(name);
        self.prepared()
    }

    /// Replaces `value` in requests by the placeholder of this name, as [`Recorder::secret`](crate::Recorder::secret)
    /// did in the recording.
    #[must_use]
    pub fn secret(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.declared
            .declare(&placeholder_name(name), value.as_ref());
        self.prepared()
    }

    /// The recorded interactions, in order.
    #[must_use]
    pub fn interactions(&self) -> Vec<&Interaction> {
        let located = self.recording.interactions.iter();
        located.map(|located| &located.interaction).collect()
    }

    /// The recorded requests, played or not, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Summary> {
        (0..self.requests.len())
            .map(|at| self.summary(at))
            .collect()
    }

    /// The recorded requests that were not played, in order.
    #[must_use]
    pub fn unplayed(&self) -> Vec<Summary> {
        let mut progress = self.recording.progress();
        progress.asked = true;
        let all = progress.played.iter().enumerate();
        all.filter(|(_, played)| !**played)
            .map(|(at, _)| self.summary(at))
            .collect()
    }

    /// Checks that the whole recording was played. A player on which neither this nor [`unplayed`](Self::unplayed) was
    /// called logs a warning when it is dropped with requests left.
    ///
    /// # Errors
    /// [`Unplayed`], with the requests that were not played.
    pub fn finish(&self) -> Result<(), Unplayed> {
        match self.unplayed() {
            requests if requests.is_empty() => Ok(()),
            requests => Err(Unplayed { requests }),
        }
    }

    fn summary(&self, at: usize) -> Summary {
        Summary {
            number: at + 1,
            line: self.recording.interactions[at].line,
            request: shown_request(&self.requests[at]),
        }
    }

    /// Plays the response to `request`.
    fn play(&self, request: RecordedRequest) -> Result<Response, HttpError> {
        let headers = request.headers.clone();
        let sent = self.comparable(request);
        let mut progress = self.recording.progress();
        let answers = |at: &usize| {
            let recorded = &self.requests[*at];
            !progress.played[*at]
                // Cheap to compare, and different in most cases.
                && recorded.method == sent.method
                && same_text(recorded.url.path(), sent.url.path())
                && self.matching.differences(recorded, &sent).is_empty()
        };
        let Some(at) = (0..self.requests.len()).find(answers) else {
            return Err(mismatch(&sent, self.why_not(&sent, &progress.played)));
        };
        let response = &self.recording.interactions[at].interaction.response;
        if let RecordedBody::Omitted { length, .. } = response.body {
            let recorded = self.summary(at);
            return Err(mismatch(
                &sent,
                MismatchReason::Omitted { recorded, length },
            ));
        }
        progress.played[at] = true;
        Ok(replay(response, &sent.method, &headers))
    }

    fn why_not(&self, sent: &RecordedRequest, played: &[bool]) -> MismatchReason {
        let mut already = None;
        let mut nearest: Option<(_, Nearest)> = None;
        for (at, recorded) in self.requests.iter().enumerate() {
            let differences = self.matching.differences(recorded, sent);
            if played[at] {
                if differences.is_empty() {
                    already = Some(at);
                }
                continue;
            }
            let start = common_start(&recorded.url.to_string(), &sent.url.to_string());
            let distance = (
                recorded.url.path() != sent.url.path(),
                recorded.method != sent.method,
                std::cmp::Reverse(start),
                differences.len(),
            );
            if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
                nearest = Some((distance, (at, differences)));
            }
        }
        MismatchReason::NoMatch {
            played: already.map(|at| self.summary(at)),
            nearest: nearest.map(|(_, (at, differences))| (self.summary(at), differences)),
        }
    }
}

fn mismatch(sent: &RecordedRequest, reason: MismatchReason) -> HttpError {
    let sent = shown_request(sent);
    HttpError::new(HttpErrorKind::NoMatch, Phase::NotSent).with_source(Mismatch { sent, reason })
}

#[async_trait]
impl HttpClient for Player {
    /// Reads the request's body, without buffering a large one, and plays its response.
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (parts, body) = request.into_parts();
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            HttpError::new(HttpErrorKind::Source, Phase::NotSent).with_source(source)
        };
        let mut capture = BodyCapture::new(self.recording.longest_body);
        if let Some(bytes) = body.as_bytes() {
            capture.push(bytes);
        } else {
            let mut stream = body.open().map_err(|error| failed(error.into()))?;
            while let Some(chunk) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                capture.push(&chunk.map_err(|error| failed(error.into()))?);
                if capture.len() > body.len() {
                    break;
                }
            }
        }
        if capture.len() != body.len() {
            let direction = if capture.len() > body.len() {
                "more"
            } else {
                "fewer"
            };
            let promised = body.len();
            return Err(failed(
                format!("the body yielded {direction} bytes than the {promised} it declared")
                    .into(),
            ));
        }
        let request = RecordedRequest {
            method: parts.method,
            url: parts.uri,
            headers: parts.headers,
            body: capture.finish(),
        };
        self.play(request)
    }
}

impl Recording {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let progress = self.progress();
        if progress.asked || std::thread::panicking() {
            return;
        }
        let unplayed = progress.played.iter().filter(|played| !**played).count();
        if unplayed > 0 {
            tracing::warn!(
                "{unplayed} recorded requests were not played, and the player was \
                 dropped without `finish`"
            );
        }
    }
}

fn common_start(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}
