//! [`Reader`]: bytes of one version, in order, asked for again from where they broke off.

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
use crate::transfer::Progress;
use crate::types::{BucketName, ByteRange, CustomerKey, FileId, FileName};

/// The version that the first answer was about. All that is asked for later is asked of it.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) client: Client,
    pub(super) file_id: FileId,
    /// Where it has to be asked for by name.
    pub(super) name: Option<(BucketName, FileName)>,
    pub(super) content_length: u64,
    pub(super) customer_key: Option<CustomerKey>,
    pub(super) overrides: Overrides,
    pub(super) needs_token: bool,
    pub(super) progress: Progress,
}

/// Some of its bytes.
pub(super) struct Reader {
    version: Arc<Version>,
    /// Those that are still to come.
    left: Range<u64>,
    state: State,
    resume_policy: ResumePolicy,
}

enum State {
    Opening(BoxFuture<'static, Result<DownloadBody, Error>>),
    Body(DownloadBody),
    Over,
}

impl Reader {
    /// Bytes whose answer has begun.
    pub(super) fn begun(version: Arc<Version>, span: Range<u64>, body: DownloadBody) -> Self {
        let state = State::Body(body.unchecked());
        Self::new(version, span, state)
    }

    /// Bytes that are asked for when somebody wants them.
    #[cfg(feature = "fs")]
    pub(super) fn ahead(version: Arc<Version>, span: Range<u64>) -> Self {
        let client = version.client.clone();
        let opening = open(Arc::clone(&version), client, span.clone(), Duration::ZERO);
        Self::new(version, span, State::Opening(Box::pin(opening)))
    }

    fn new(version: Arc<Version>, span: Range<u64>, state: State) -> Self {
        Self {
            resume_policy: ResumePolicy::new(&version.client),
            version,
            left: span,
            state,
        }
    }

    /// Where the next byte stands in the file.
    #[cfg(feature = "fs")]
    pub(super) const fn at(&self) -> u64 {
        self.left.start
    }

    /// An error as it may leave the client.
    pub(super) fn masked(&self, error: Error) -> Error {
        self.version.client.redacted(error)
    }

    fn arrived(&mut self, bytes: &Bytes) {
        let len = bytes.len() as u64;
        self.left.start += len;
        self.resume_policy.on_progress(len);
        self.version.progress.add(len);
    }

    fn broke_off(&mut self, failure: Error) -> Result<State, Error> {
        if self.left.is_empty() {
            return after_the_last_byte(failure).map(|()| State::Over);
        }
        let (pause, client) = self.resume_policy.on_interruption(failure)?;
        self.version.progress.retried();
        let opening = open(Arc::clone(&self.version), client, self.left.clone(), pause);
        Ok(State::Opening(Box::pin(opening)))
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let next = match &mut this.state {
                State::Opening(opening) => ready!(opening.as_mut().poll(cx)).map(State::Body),
                State::Body(body) => match ready!(Pin::new(body).poll_next(cx)) {
                    Some(Ok(bytes)) => {
                        this.arrived(&bytes);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Some(Err(failure)) => this.broke_off(failure),
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

/// All bytes are there. That the connection then breaks is no matter; that there are more of them is.
fn after_the_last_byte(failure: Error) -> Result<(), Error> {
    match failure.http_error().map(b2kit_core::HttpError::kind) {
        Some(kind) if kind != HttpErrorKind::Protocol => Ok(()),
        _ => Err(failure),
    }
}

async fn open(
    version: Arc<Version>,
    client: Client,
    span: Range<u64>,
    pause: Duration,
) -> Result<DownloadBody, Error> {
    client.sleep(pause).await;
    let range = ByteRange::inclusive(span.start, span.end.saturating_sub(1))?;
    // The call itself takes no answer that is about another version, another range or another length.
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
