//! [`ResumingReader`]: the bytes of one version, in order. Resumes when the connection breaks.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use b2kit_core::{Bytes, HttpErrorKind};
use futures_core::Stream;
use futures_core::future::BoxFuture;

use crate::api::{DownloadBody, DownloadFileById, DownloadFileByName, Overrides};
use crate::client::{Client, ResumePolicy};
use crate::error::Error;
use crate::transfer::progress::Progress;
use crate::types::{BucketName, ByteRange, CustomerKey, FileId, FileName};

/// The version of the first response. All later requests are for this version.
#[derive(Debug)]
pub(super) struct PinnedVersion {
    pub(super) client: Client,
    pub(super) file_id: FileId,
    /// Set if it has to be requested by name.
    pub(super) name: Option<(BucketName, FileName)>,
    pub(super) content_length: u64,
    pub(super) customer_key: Option<CustomerKey>,
    pub(super) overrides: Overrides,
    pub(super) needs_token: bool,
    pub(super) progress: Progress,
}

/// Reads a byte range of the version, and resumes when the connection breaks.
pub(super) struct ResumingReader {
    version: Arc<PinnedVersion>,
    /// The bytes that are still missing.
    left: Range<u64>,
    state: State,
    resume_policy: ResumePolicy,
    /// Whether the range was shortened, so that the response has more bytes than needed.
    is_cut: bool,
}

enum State {
    Opening(BoxFuture<'static, Result<DownloadBody, Error>>),
    Body(DownloadBody),
    Over,
}

impl ResumingReader {
    /// Reads from a response that has begun.
    pub(super) fn from_response(
        version: Arc<PinnedVersion>,
        range: Range<u64>,
        body: DownloadBody,
    ) -> Self {
        let state = State::Body(body.unchecked());
        Self::new(version, range, state)
    }

    /// Sends the request when first polled.
    #[cfg(feature = "fs")]
    pub(super) fn lazy(version: Arc<PinnedVersion>, range: Range<u64>) -> Self {
        let client = version.client.clone();
        let opening = open(Arc::clone(&version), client, range.clone(), Duration::ZERO);
        Self::new(version, range, State::Opening(Box::pin(opening)))
    }

    fn new(version: Arc<PinnedVersion>, range: Range<u64>, state: State) -> Self {
        Self {
            resume_policy: ResumePolicy::new(&version.client),
            version,
            left: range,
            state,
            is_cut: false,
        }
    }

    /// The offset of the next byte in the file.
    #[cfg(feature = "fs")]
    pub(super) const fn at(&self) -> u64 {
        self.left.start
    }

    /// Shortens the range to end here, or at the current offset if that is later. The rest of the
    /// response is not read; the server may already have sent as much of it as the connection's
    /// buffers hold.
    #[cfg(feature = "fs")]
    pub(super) fn cut_at(&mut self, end: u64) {
        if end < self.left.end {
            self.left.end = end.max(self.left.start);
            self.is_cut = true;
        }
    }

    /// Redacts secrets from the error.
    pub(super) fn redacted(&self, error: Error) -> Error {
        self.version.client.redacted(error)
    }

    fn received(&mut self, bytes: &Bytes) {
        let len = bytes.len() as u64;
        self.left.start += len;
        self.resume_policy.on_progress(len);
        self.version.progress.add(len);
    }

    fn interrupted(&mut self, failure: Error) -> Result<State, Error> {
        if self.left.is_empty() {
            return after_the_last_byte(failure).map(|()| State::Over);
        }
        let (pause, client) = self.resume_policy.on_interruption(failure)?;
        self.version.progress.retried();
        let opening = open(Arc::clone(&self.version), client, self.left.clone(), pause);
        Ok(State::Opening(Box::pin(opening)))
    }
}

impl Stream for ResumingReader {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let next = match &mut this.state {
                State::Opening(opening) => ready!(opening.as_mut().poll(cx)).map(State::Body),
                State::Body(_) if this.is_cut && this.left.is_empty() => Ok(State::Over),
                State::Body(body) => match ready!(Pin::new(body).poll_next(cx)) {
                    Some(Ok(mut bytes)) => {
                        if this.is_cut {
                            let left = this.left.end - this.left.start;
                            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                        }
                        this.received(&bytes);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Some(Err(failure)) => this.interrupted(failure),
                    None => Ok(State::Over),
                },
                State::Over => return Poll::Ready(None),
            };
            match next {
                Ok(state) => this.state = state,
                Err(error) => {
                    this.state = State::Over;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// Handles a failure after all bytes have arrived. A broken connection is harmless then; more bytes
/// than requested are an error.
fn after_the_last_byte(failure: Error) -> Result<(), Error> {
    match failure.http_error().map(b2kit_core::HttpError::kind) {
        Some(kind) if kind != HttpErrorKind::Protocol => Ok(()),
        _ => Err(failure),
    }
}

async fn open(
    version: Arc<PinnedVersion>,
    client: Client,
    range: Range<u64>,
    pause: Duration,
) -> Result<DownloadBody, Error> {
    client.sleep(pause).await;
    let range = ByteRange::inclusive(range.start, range.end.saturating_sub(1))?;
    // The call rejects responses for another version, range or length.
    macro_rules! ask {
        ($call:expr) => {{
            let mut call = $call
                .range(range)
                .overrides(version.overrides.clone())
                .with_token(version.needs_token);
            if let Some(key) = &version.customer_key {
                call = call.customer_key(key.clone());
            }
            client.call(call).await
        }};
    }
    let (id, len) = (version.file_id.clone(), version.content_length);
    let download = match &version.name {
        Some((bucket, name)) => {
            let call = DownloadFileByName::new(bucket.clone(), name.clone());
            ask!(call.of_version(id, len))
        }
        None => ask!(DownloadFileById::new(id).of_length(len)),
    }?;
    Ok(download.body.unchecked())
}
