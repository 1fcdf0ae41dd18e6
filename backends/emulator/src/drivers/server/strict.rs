//! [`Strict`]: a filter between a connection and hyper that refuses ambiguous requests.
//!
//! hyper ignores a `Content-Length` beside a `Transfer-Encoding`, and accepts several hosts, but a
//! proxy in front of it may interpret these differently. So every head is checked here first as a
//! whole; an [ambiguous](super::framing) one is replaced by a head that hyper answers with 400, and
//! nothing after it is read as a request. Bodies pass through without a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::framing::{self, Ambiguous, Framing};
use super::half_close::HalfClose;
use super::linger::linger;

/// Size of a read whose bytes are checked.
const CHUNK: usize = 8 * 1024;

/// Maximum size of trailers.
const TRAILERS: u64 = 16 * 1024;

/// hyper answers it with 400 and closes the connection.
const REFUSED_HEAD: &[u8] = b"GET / HTTP/1.1\r\nContent-Length: refused\r\n\r\n";

/// Makes hyper fail the body.
const REFUSED_CHUNK: &[u8] = b"refused\r\n";

/// A connection with unambiguous requests only.
pub(super) struct Strict<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    /// `None` once it is dropped.
    stream: Option<S>,
    permit: Option<OwnedSemaphorePermit>,
    /// Maximum length of a head that is checked; hyper refuses longer ones.
    head_limit: usize,
    half_close: HalfClose,
    /// Bytes read that hyper has not taken.
    held: BytesMut,
    /// Number of held bytes that may pass.
    passing: usize,
    /// Number of bytes after them that were searched for the end of a head.
    searched: usize,
    at: Expect,
    lingers: bool,
}

/// What comes next in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    /// With the number of bytes still allowed.
    Trailers(u64),
    /// Anything: hyper decides.
    Anything,
    /// Nothing more passes.
    Refused,
}

/// The result of checking held bytes.
enum Verdict {
    /// This many more may pass, and this follows them.
    Pass(usize, Expect),
    More,
    Refuse(&'static [u8]),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Strict<S> {
    /// The permit is returned when the connection is closed.
    pub(super) fn new(
        stream: S,
        permit: OwnedSemaphorePermit,
        head_limit: usize,
        half_close: HalfClose,
    ) -> Self {
        Self {
            stream: Some(stream),
            permit: Some(permit),
            head_limit,
            half_close,
            held: BytesMut::new(),
            passing: 0,
            searched: 0,
            at: Expect::Head,
            lingers: false,
        }
    }

    /// Also reads from the client at the end if all its requests are fine.
    pub(super) const fn lingering(mut self) -> Self {
        self.lingers = true;
        self
    }

    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(
            self.stream
                .as_mut()
                .expect("it is there until this is dropped"),
        )
    }

    /// Checks held bytes. Returns whether any may pass.
    fn check(&mut self) -> bool {
        loop {
            match check(&self.held, self.at, self.searched, self.head_limit) {
                Verdict::Pass(len, next) => {
                    self.passing = len;
                    self.searched = 0;
                    self.at = next;
                    if len > 0 {
                        return true;
                    }
                    if self.held.is_empty() {
                        return false;
                    }
                }
                Verdict::More => {
                    self.searched = self.held.len();
                    return false;
                }
                Verdict::Refuse(instead) => {
                    self.held.clear();
                    self.held.extend_from_slice(instead);
                    self.passing = instead.len();
                    self.at = Expect::Refused;
                    self.lingers = true;
                    return true;
                }
            }
        }
    }

    /// Reads bytes that need no check directly into hyper's buffer.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        left: u64,
    ) -> Poll<io::Result<u64>> {
        let before = buffer.filled().len();
        ready!(self.stream().poll_read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        let ours = usize::try_from(left).map_or(read.len(), |left| left.min(read.len()));
        self.held.extend_from_slice(&read[ours..]);
        buffer.set_filled(before + ours);
        Poll::Ready(Ok(ours as u64))
    }
}

/// Checks held bytes, of which the first is at `at`.
fn check(held: &[u8], at: Expect, searched: usize, head_limit: usize) -> Verdict {
    let line = |longest: usize| match held.windows(2).position(|it| it == b"\r\n") {
        Some(end) => Ok(Some(&held[..end])),
        None if held.len() > longest => Err(Ambiguous),
        None => Ok(None),
    };
    match at {
        // some clients send an empty line after a body
        Expect::Head if held.starts_with(b"\r\n") => Verdict::Pass(2, Expect::Head),
        Expect::Head => match framing::head_len(held, searched) {
            None if held.len() > head_limit => Verdict::Pass(held.len(), Expect::Anything),
            None => Verdict::More,
            Some(len) => match framing::of_head(&held[..len]) {
                Ok(Framing::Length(0)) => Verdict::Pass(len, Expect::Head),
                Ok(Framing::Length(body)) => Verdict::Pass(len, Expect::Body(body)),
                Ok(Framing::Chunked) => Verdict::Pass(len, Expect::ChunkSize),
                Err(Ambiguous) => Verdict::Refuse(REFUSED_HEAD),
            },
        },
        Expect::Body(left) => pass(held, left, Expect::Body, Expect::Head),
        Expect::Chunk(left) => pass(held, left, Expect::Chunk, Expect::ChunkEnd),
        Expect::ChunkSize => match line(framing::SIZE_LINE) {
            Ok(None) => Verdict::More,
            Ok(Some(line)) => match framing::chunk_size(line) {
                Ok(0) => Verdict::Pass(line.len() + 2, Expect::Trailers(TRAILERS)),
                Ok(size) => Verdict::Pass(line.len() + 2, Expect::Chunk(size)),
                Err(Ambiguous) => Verdict::Refuse(REFUSED_CHUNK),
            },
            Err(Ambiguous) => Verdict::Refuse(REFUSED_CHUNK),
        },
        Expect::ChunkEnd if held.starts_with(b"\r\n") => Verdict::Pass(2, Expect::ChunkSize),
        Expect::ChunkEnd if held.len() < 2 && b"\r\n".starts_with(held) => Verdict::More,
        Expect::ChunkEnd => Verdict::Refuse(REFUSED_CHUNK),
        Expect::Trailers(left) => match line(usize::try_from(left).unwrap_or(usize::MAX)) {
            Ok(None) => Verdict::More,
            Ok(Some([])) => Verdict::Pass(2, Expect::Head),
            Ok(Some(line)) if framing::is_trailer(line) => {
                let len = line.len() + 2;
                match left.checked_sub(len as u64) {
                    Some(left) => Verdict::Pass(len, Expect::Trailers(left)),
                    None => Verdict::Refuse(REFUSED_CHUNK),
                }
            }
            Ok(Some(_)) | Err(Ambiguous) => Verdict::Refuse(REFUSED_CHUNK),
        },
        Expect::Anything => Verdict::Pass(held.len(), Expect::Anything),
        Expect::Refused => Verdict::Pass(0, Expect::Refused),
    }
}

fn pass(held: &[u8], left: u64, same: fn(u64) -> Expect, next: Expect) -> Verdict {
    let len = usize::try_from(left).map_or(held.len(), |left| left.min(held.len()));
    let left = left - len as u64;
    Verdict::Pass(len, if left == 0 { next } else { same(left) })
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.passing > 0 {
                let len = this.passing.min(buffer.remaining());
                buffer.put_slice(&this.held[..len]);
                this.held.advance(len);
                this.passing -= len;
                return Poll::Ready(Ok(()));
            }
            if this.at == Expect::Refused {
                return Poll::Ready(Ok(()));
            }
            if !this.held.is_empty() && this.check() {
                continue;
            }
            match this.at {
                Expect::Body(left) if this.held.is_empty() => {
                    let read = ready!(this.poll_body(cx, buffer, left))?;
                    this.at = if read == left {
                        Expect::Head
                    } else {
                        Expect::Body(left - read)
                    };
                    return Poll::Ready(Ok(()));
                }
                Expect::Chunk(left) if this.held.is_empty() => {
                    let read = ready!(this.poll_body(cx, buffer, left))?;
                    this.at = if read == left {
                        Expect::ChunkEnd
                    } else {
                        Expect::Chunk(left - read)
                    };
                    return Poll::Ready(Ok(()));
                }
                _ => {}
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(this.stream().poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                if this.held.is_empty() {
                    if this.at == Expect::Head {
                        ready!(this.half_close.poll_end(cx));
                    }
                    return Poll::Ready(Ok(()));
                }
                // the client disconnected within a request
                this.at = Expect::Anything;
                continue;
            }
            this.held.extend_from_slice(chunk.filled());
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write(cx, bytes);
        self.half_close.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(cx, slices);
        self.half_close.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Strict<S> {
    fn drop(&mut self) {
        let (stream, permit) = (self.stream.take(), self.permit.take());
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(stream), Ok(runtime), true) = (stream, runtime, self.lingers) {
            runtime.spawn(async move {
                linger(stream).await;
                drop(permit);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Semaphore;

    use super::super::idle::Idle;
    use super::*;

    /// What passes of these bytes, which come in chunks of this length.
    fn passed(bytes: &[u8], size: usize) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(async {
            let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
            let (mut client, server) = tokio::io::duplex(size);
            let half_close = HalfClose::new(Idle::begin(), Duration::ZERO);
            let mut strict = Strict::new(server, permit, 1024, half_close);
            let writing = async {
                for chunk in bytes.chunks(size) {
                    // once it is refused, nobody reads on
                    if client.write_all(chunk).await.is_err() {
                        break;
                    }
                }
                client.shutdown().await.ok();
                client
            };
            let mut passed = Vec::new();
            let reading = async {
                let read = strict.read_to_end(&mut passed).await;
                drop(strict);
                read
            };
            let (_, read) = futures::future::join(writing, reading).await;
            read.unwrap();
            passed
        })
    }

    #[test]
    fn valid_requests_pass_unchanged_in_chunks_of_any_length() {
        let requests: &[u8] = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /\
            \r\nPOST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n\
            GET /c HTTP/1.1\r\nHost: x\r\n\r\nGET /cut HTTP";
        for size in 1..=requests.len() {
            let passed = passed(requests, size);
            assert_eq!(passed, requests, "in chunks of {size}");
        }
        let long = [b"GET /".as_slice(), &[b'x'; 5000]].concat();
        assert_eq!(passed(&long, 100), long, "hyper refuses what is too long");
    }

    #[test]
    fn no_request_passes_after_an_ambiguous_one() {
        let first: &[u8] = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let two_hosts =
            b"GET /b HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";
        let after_body = [first, b"1\r\nx\r\n0\r\n\r\n", two_hosts].concat();
        let expected = [first, b"1\r\nx\r\n0\r\n\r\n", REFUSED_HEAD].concat();
        for size in [1, 2, 7, 100, 1000] {
            assert_eq!(passed(two_hosts, size), REFUSED_HEAD);
            assert_eq!(passed(&after_body, size), expected);
            for chunk in [
                &b"3\r\nabcd"[..],
                b"x\r\n",
                b"3\n",
                b"11111111111111111\r\n",
            ] {
                let bad = [first, chunk, b"\r\nGET /smuggled HTTP/1.1\r\n\r\n"].concat();
                let passed = passed(&bad, size);
                assert!(passed.ends_with(REFUSED_CHUNK), "{chunk:?}");
            }
        }
    }
}
