//! Converts requests to those of surf, whose types (`http-types`) are more restricted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use b2kit_core::adapter::{BodyChunks, Upload, body_chunks, same_target, same_to_curl};
use b2kit_core::{Bytes, HttpError, Request};
use futures_core::Stream as _;
use futures_io::{AsyncBufRead, AsyncRead};
use http::Method;
use http::header::CONTENT_TYPE;
use surf::Url;
use surf::http::Body;
use surf::http::headers::{HeaderName, HeaderValue};

/// Converts a request.
///
/// # Errors
/// `Invalid` if surf can't send it unchanged.
pub(crate) fn converted(request: Request) -> Result<(surf::Request, Upload), HttpError> {
    let (head, body) = request.into_parts();
    if head.method == Method::HEAD {
        return Err(HttpError::invalid(
            "surf can't send a HEAD request: it waits for a body forever",
        ));
    }
    same_to_curl(&head.uri)?;
    let url = Url::parse(&head.uri.to_string()).map_err(HttpError::invalid)?;
    same_target(&head.uri, url.path(), url.query())?;
    let method = head.method.as_str().parse();
    let method = method.map_err(|_| HttpError::invalid("surf doesn't support the method"))?;

    let mut request = surf::Request::new(method, url);
    if head.headers.len() > head.headers.keys_len() {
        return Err(HttpError::invalid(
            "surf can't send a header with several values: it sends only the first",
        ));
    }
    for (name, value) in &head.headers {
        let name: HeaderName = name.as_str().into();
        let text = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<HeaderValue>().ok());
        let text = text.ok_or_else(|| {
            HttpError::invalid("surf can't send a header value that is not ASCII")
        })?;
        request.append_header(name, text);
    }
    let (chunks, upload) = body_chunks(body);
    let Ok(len) = usize::try_from(chunks.remaining()) else {
        return Err(HttpError::invalid(
            "surf can't send a body of this length on this platform",
        ));
    };
    if len > 0 {
        let chunk = Bytes::new();
        request.set_body(Body::from_reader(Buffered { chunks, chunk }, Some(len)));
        if !head.headers.contains_key(CONTENT_TYPE) {
            // Set by http-types along with the body.
            request.remove_header("content-type");
        }
    }
    Ok((request, upload))
}

/// The chunks of a body as a buffered reader.
struct Buffered {
    chunks: BodyChunks,
    chunk: Bytes,
}

impl AsyncBufRead for Buffered {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty()
            && let Some(chunk) = ready!(Pin::new(&mut this.chunks).poll_next(cx))
        {
            this.chunk = chunk.map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        let _ = self.chunk.split_to(amount);
    }
}

impl AsyncRead for Buffered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let chunk = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = chunk.len().min(buf.len());
        buf[..amount].copy_from_slice(&chunk[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(amount))
    }
}
