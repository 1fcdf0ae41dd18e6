//! The content of an upload, and how B2 verifies it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use b2kit_core::{Body, Bytes, Request};
use futures_core::Stream;
use http::HeaderValue;

use super::catch_panics::CatchPanics;
use super::header_names::CONTENT_SHA1;
use crate::error::{Error, ErrorKind};
use crate::types::{ContentSha1, Sha1, Sha1Hasher};

/// The maximum size of a file or part in one request.
const MAX_LEN: u64 = 5_000_000_000;

/// The maximum chunk size. Small enough for a chunk to be hashed and sent while it is in the CPU
/// cache.
const MAX_CHUNK: usize = 256 * 1024;

/// The content of an upload, and its SHA-1.
#[derive(Debug)]
pub(super) struct Content {
    body: Body,
    check: Check,
    /// The body's digest, if its source computes it.
    digest: Option<Digest>,
}

/// A digest that is set once the last byte is read.
pub(crate) type Digest = Arc<Mutex<Option<Sha1>>>;

#[derive(Debug)]
enum Check {
    /// The digest is computed while the bytes are sent, and sent after them. Kept to compare it
    /// with the response.
    AtEnd(Digest),
    /// The digest is known in advance. The flag is set once all bytes are sent.
    Known(Sha1, Arc<AtomicBool>),
    DoNotVerify,
}

impl Clone for Content {
    /// Each clone has its own digest: otherwise a second upload of the same bytes would reset the
    /// digest of the first, which may be waiting for its response.
    fn clone(&self) -> Self {
        let check = match &self.check {
            Check::AtEnd(_) => Check::AtEnd(Arc::default()),
            Check::Known(sha1, _) => Check::Known(*sha1, Arc::default()),
            Check::DoNotVerify => Check::DoNotVerify,
        };
        Self {
            body: self.body.clone(),
            check,
            digest: self.digest.clone(),
        }
    }
}

impl Content {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            check: Check::AtEnd(Arc::default()),
            digest: None,
        }
    }

    /// Uses the digest that the source computes while it is read and sets before it ends.
    pub(super) fn hashed_by_source(&mut self, digest: Digest) {
        self.digest = Some(digest);
    }

    pub(super) fn known(&mut self, sha1: Sha1) {
        self.check = Check::Known(sha1, Arc::default());
    }

    pub(super) fn do_not_verify(&mut self) {
        self.check = Check::DoNotVerify;
    }

    pub(super) fn len(&self) -> u64 {
        self.body.len()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.body.is_spent()
    }

    /// The SHA-1 of the content, if all of it was sent.
    pub(super) fn sent_sha1(&self) -> Option<Sha1> {
        match &self.check {
            Check::AtEnd(digest) => *digest.lock().unwrap_or_else(PoisonError::into_inner),
            Check::Known(sha1, sent) => sent.load(Ordering::Relaxed).then_some(*sha1),
            Check::DoNotVerify => None,
        }
    }

    /// Whether a SHA-1 is sent, so that B2 verifies the bytes.
    pub(super) const fn is_verified(&self) -> bool {
        !matches!(self.check, Check::DoNotVerify)
    }

    pub(super) fn check_len(&self) -> Result<(), Error> {
        let len = self.body.len();
        if len > MAX_LEN {
            return Err(Error::invalid(format!(
                "the content has {len} bytes, more than the {MAX_LEN} of a single upload; upload \
                 it as a large file, in parts",
            )));
        }
        Ok(())
    }

    /// Sets the request's body and its `X-Bz-Content-Sha1` header.
    pub(super) fn apply_to(&self, request: &mut Request) {
        let (body, check) = match &self.check {
            Check::AtEnd(digest) => (
                body_then_digest(&self.body, digest, self.digest.as_ref()),
                HeaderValue::from_static("hex_digits_at_end"),
            ),
            Check::Known(sha1, sent) => {
                let hex = HeaderValue::from_bytes(&sha1.hex())
                    .expect("hexadecimal digits are a valid header value");
                (tracked_body(&self.body, sent), hex)
            }
            Check::DoNotVerify => {
                let body = tracked_body(&self.body, &Arc::default());
                (body, HeaderValue::from_static("do_not_verify"))
            }
        };
        *request.body_mut() = body;
        request.headers_mut().insert(&CONTENT_SHA1, check);
    }

    /// Compares the length and SHA-1 in B2's response with what was sent.
    pub(super) fn check(&self, stored_len: u64, stored_sha1: &ContentSha1) -> Result<(), Error> {
        let len = self.body.len();
        if stored_len != len {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{len} bytes were sent, but B2 stored {stored_len}"),
            )
            .with_effect(true));
        }
        if matches!(self.check, Check::DoNotVerify) {
            return Ok(());
        }
        let sent = match &self.check {
            Check::Known(sha1, _) => Some(*sha1),
            Check::AtEnd(_) | Check::DoNotVerify => self.sent_sha1(),
        };
        match (sent, stored_sha1.sha1()) {
            (Some(sent), Some(stored)) if sent == *stored => Ok(()),
            (_, stored) => {
                let shown = |sha1: Option<Sha1>| {
                    sha1.map_or_else(|| "no SHA-1".to_owned(), |sha1| sha1.to_string())
                };
                let (sent, stored) = (shown(sent), shown(stored.copied()));
                Err(Error::new(
                    ErrorKind::Integrity,
                    format!("{sent} was sent, but B2 stored {stored}"),
                )
                .with_effect(true))
            }
        }
    }
}

/// The body followed by its digest. A non-replayable body remains one: the inner body tracks
/// whether it was opened.
fn body_then_digest(body: &Body, digest: &Digest, by_source: Option<&Digest>) -> Body {
    let len = body.len();
    let (body, digest, by_source) = (body.clone(), Arc::clone(digest), by_source.cloned());
    Body::replay(len + 40, move || {
        *digest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(BodyThenDigest {
            source: CatchPanics::open(&body)?,
            digest: Arc::clone(&digest),
            len,
            read: 0,
            held: Bytes::new(),
            hasher: Some(match &by_source {
                Some(digest) => Hasher::Source(Arc::clone(digest)),
                None => Hasher::Here(Sha1Hasher::default()),
            }),
        })
    })
}

/// Where the bytes are hashed.
enum Hasher {
    Here(Sha1Hasher),
    Source(Digest),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        if let Self::Here(hasher) = self {
            hasher.update(bytes);
        }
    }

    fn finish(self) -> Option<Sha1> {
        match self {
            Self::Here(hasher) => Some(hasher.finish()),
            Self::Source(digest) => *digest.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The same body, which sets a flag when its last byte is read.
fn tracked_body(body: &Body, sent: &Arc<AtomicBool>) -> Body {
    let (inner, sent, len) = (body.clone(), Arc::clone(sent), body.len());
    Body::replay(len, move || {
        sent.store(len == 0, Ordering::Relaxed);
        Ok(TrackedBody {
            source: CatchPanics::open(&inner)?,
            left: len,
            held: Bytes::new(),
            sent: Arc::clone(&sent),
        })
    })
}

struct TrackedBody {
    source: CatchPanics,
    left: u64,
    held: Bytes,
    sent: Arc<AtomicBool>,
}

impl Stream for TrackedBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            match Pin::new(&mut this.source).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => this.held = chunk,
                other => return other,
            }
        }
        // Split large chunks, so that a single large chunk does not count as sent as soon as it is
        // read.
        let chunk = this.held.split_to(this.held.len().min(MAX_CHUNK));
        this.left = this.left.saturating_sub(chunk.len() as u64);
        if this.left == 0 {
            this.sent.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}

/// The source's bytes, followed by the 40 hexadecimal digits of their SHA-1.
struct BodyThenDigest {
    source: CatchPanics,
    digest: Digest,
    len: u64,
    read: u64,
    held: Bytes,
    /// `None` once the digits were returned.
    hasher: Option<Hasher>,
}

impl Stream for BodyThenDigest {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(hasher) = &mut this.hasher else {
            return Poll::Ready(None);
        };
        if this.held.is_empty() {
            let next = match Pin::new(&mut this.source).poll_next(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            };
            match next {
                Some(Ok(chunk)) => this.held = chunk,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // Send no digest if the length is wrong.
                None if this.read != this.len => {
                    let why = format!(
                        "the source has {} bytes, but declared {}",
                        this.read, this.len
                    );
                    return Poll::Ready(Some(Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        why,
                    ))));
                }
                None => {
                    let Some(sha1) = this.hasher.take().and_then(Hasher::finish) else {
                        let why = "the source returned no digest of its bytes";
                        return Poll::Ready(Some(Err(io::Error::other(why))));
                    };
                    *this.digest.lock().unwrap_or_else(PoisonError::into_inner) = Some(sha1);
                    return Poll::Ready(Some(Ok(Bytes::copy_from_slice(&sha1.hex()))));
                }
            }
        }
        let chunk = this.held.split_to(this.held.len().min(MAX_CHUNK));
        this.read = this.read.saturating_add(chunk.len() as u64);
        if this.read > this.len {
            let why = format!(
                "the source has more than the {} bytes it declared",
                this.len
            );
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, why))));
        }
        hasher.update(&chunk);
        Poll::Ready(Some(Ok(chunk)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Body) -> io::Result<Vec<u8>> {
        let mut stream = body.open()?;
        let mut whole = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(chunk)) = stream.as_mut().poll_next(&mut cx) {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole)
    }

    fn sent(content: &Content) -> Body {
        let mut request = Request::new(Body::empty());
        content.apply_to(&mut request);
        request.into_body()
    }

    #[test]
    fn the_sha1_digits_follow_the_bytes_on_every_opening() {
        for bytes in [vec![], b"hello".to_vec(), vec![7; 3 * MAX_CHUNK + 1]] {
            let content = Content::new(Body::from(bytes.clone()));
            let body = sent(&content);
            let sha1 = Sha1::of(&bytes);
            let expected = [&bytes[..], &sha1.hex()].concat();
            assert_eq!(body.len(), expected.len() as u64);
            for _ in 0..2 {
                assert!(read(&body).unwrap() == expected);
            }
            content
                .check(bytes.len() as u64, &ContentSha1::Verified(sha1))
                .unwrap();
        }
    }

    #[test]
    fn a_source_of_the_wrong_length_fails_before_the_sha1_digits() {
        for (promised, has) in [(5, 4), (4, 5)] {
            let body = Body::replay(promised, move || Ok(OneChunk(Some(vec![0; has].into()))));
            assert!(read(&sent(&Content::new(body))).is_err());
        }
    }

    #[test]
    fn a_response_with_another_length_or_sha1_is_an_integrity_error() {
        let content = Content::new(Body::from("hello"));
        read(&sent(&content)).unwrap();
        let good = ContentSha1::Verified(Sha1::of(b"hello"));
        for (len, sha1) in [
            (4, good),
            (5, ContentSha1::Verified(Sha1::of(b"hallo"))),
            (5, ContentSha1::None),
        ] {
            let error = content.check(len, &sha1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity);
            assert!(error.may_have_taken_effect());
        }
    }

    #[test]
    fn large_buffers_are_sent_in_chunks_with_either_hasher() {
        let bytes = vec![7; 3 * MAX_CHUNK + 1];
        let mut contents = [(); 3].map(|()| Content::new(Body::from(bytes.clone())));
        contents[1].known(Sha1::of(&bytes));
        contents[2].do_not_verify();
        for content in contents {
            let mut stream = sent(&content).open().expect("it can be opened");
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let (mut read, mut most) = (0, 0);
            while let Poll::Ready(Some(chunk)) = stream.as_mut().poll_next(&mut cx) {
                let len = chunk.expect("it can be read").len();
                (read, most) = (read + len, most.max(len));
            }
            assert!(read >= bytes.len() && most <= MAX_CHUNK, "{read} {most}");
        }
    }

    #[test]
    fn content_larger_than_one_upload_is_refused() {
        let body = Body::replay(MAX_LEN + 1, || Ok(OneChunk(None)));
        let error = Content::new(body).check_len().unwrap_err();
        assert!(error.to_string().contains("5000000001 bytes"), "{error}");
    }

    #[test]
    fn a_known_sha1_counts_as_sent_once_the_last_byte_is_read() {
        let mut content = Content::new(Body::from("hello"));
        content.known(Sha1::of(b"hello"));
        assert_eq!(content.sent_sha1(), None);
        let body = sent(&content);
        let _opened = body.open().unwrap();
        assert_eq!(content.sent_sha1(), None);
        assert_eq!(read(&body).unwrap(), b"hello");
        assert_eq!(content.sent_sha1(), Some(Sha1::of(b"hello")));
        assert_eq!(
            content.clone().sent_sha1(),
            None,
            "another upload of the same bytes"
        );
    }

    struct OneChunk(Option<Bytes>);

    impl Stream for OneChunk {
        type Item = io::Result<Bytes>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.take().map(Ok))
        }
    }
}
