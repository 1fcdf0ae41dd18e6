//! A complete backend over `std::net`: plain http, with one connection and three threads for each request. Numbers in
//! comments refer to the steps of the protocol in the crate's documentation.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc as sync;
use std::thread;
use std::time::Duration;

use b2kit_core::http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request,
};
use b2kit_core::{Body, Bytes, HttpClient, HttpError, HttpErrorKind, Phase};
use b2kit_core::{Request, Response, ResponseBody, async_trait, http};
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt, executor::block_on};

/// A backend over `std::net`.
#[derive(Debug, Clone)]
pub struct ThreadedClient {
    /// The connect timeout. It doesn't include name resolution, for which `std` has no timeout.
    pub connect_timeout: Duration,
}

#[async_trait]
impl HttpClient for ThreadedClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        // 1: a length in the headers is correct. 2: an `http::Uri` is not rewritten.
        let (head, body) = request.into_parts();
        let plain = head.uri.scheme_str() == Some("http");
        if !plain
            || head
                .uri
                .authority()
                .is_none_or(|a| a.as_str().contains('@'))
        {
            return Err(HttpError::invalid(
                "this backend supports neither https nor URIs with credentials",
            ));
        }

        // 10, 9: until there is a connection, nothing was sent.
        let (uri, limit) = (head.uri.clone(), self.connect_timeout);
        let gone = |_| HttpError::new(HttpErrorKind::Other, Phase::MaybeReceived);
        let (socket, hang_up, hung_up) =
            start(move || connect(&uri, limit)).await.map_err(gone)??;

        // 4, 5: one thread sends the body while another waits for the response.
        let method = head.method.clone();
        let (failed, failure) = sync::channel();
        let upload = socket
            .try_clone()
            .map_err(|e| HttpError::from_io(Phase::NotSent, e))?;
        thread::spawn(move || {
            if let Err(error) = send_request(&head, &body, &upload, hung_up) {
                let _ = failed.send(error);
                // The upload failed. This wakes the reading thread, which finds the error.
                let _ = upload.shutdown(Shutdown::Both);
            }
        });

        // 6: resolves with the head of the response.
        let (response, responded) = oneshot::channel();
        thread::spawn(move || receive(socket, &method, response, failure));
        let ((status, headers, len), chunks) = responded.await.map_err(gone)??;

        // 8: from here on the body, not this future, closes the connection when it is dropped.
        let body = chunks.map(move |chunk| {
            let _owned = &hang_up;
            chunk
        });
        let mut response = Response::new(ResponseBody::new(len, body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// 8: closes the connection when it is dropped. That ends the threads that block on the socket; `HungUp` ends the
/// others.
struct HangUp(
    TcpStream,
    #[expect(dead_code, reason = "dropping the sender is the signal")] oneshot::Sender<()>,
);
type HungUp = oneshot::Receiver<()>;

impl Drop for HangUp {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Runs `job` on a thread. If nobody waits for the result, it is dropped, which closes a connection in it.
fn start<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(job()));
    receiver
}

fn connect(uri: &Uri, limit: Duration) -> Result<(TcpStream, HangUp, HungUp), HttpError> {
    let unsent = |kind| move |e: io::Error| HttpError::new(kind, Phase::NotSent).with_source(e);
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let addresses = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs();
    let addresses: Vec<_> = addresses.map_err(unsent(HttpErrorKind::Resolve))?.collect();
    let mut connected = Err(io::Error::other("the name has no address"));
    for address in &addresses {
        connected = TcpStream::connect_timeout(address, limit / addresses.len() as u32);
        if connected.is_ok() {
            break;
        }
    }
    let socket = connected.map_err(unsent(HttpErrorKind::Connect))?;
    let _ = socket.set_nodelay(true);
    let (sender, hung_up) = oneshot::channel();
    let other_end = socket.try_clone().map_err(unsent(HttpErrorKind::Other))?;
    Ok((socket, HangUp(other_end, sender), hung_up))
}

/// Sends the request. Returns only errors of the body's source: an error of the socket is left to the reading thread,
/// which may still find a response.
fn send_request(
    head: &request::Parts,
    body: &Body,
    mut socket: &TcpStream,
    mut hung_up: HungUp,
) -> io::Result<()> {
    // 3: the given headers, and `Host`.
    let target = head
        .uri
        .path_and_query()
        .map_or("/".into(), ToString::to_string);
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", head.method).into_bytes();
    if let (false, Some(host)) = (
        head.headers.contains_key(header::HOST),
        head.uri.authority(),
    ) {
        bytes.extend_from_slice(format!("host: {host}\r\n").as_bytes());
    }
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    // 4: so that the body is never chunked.
    let may_have_none = matches!(head.method, Method::GET | Method::HEAD) && body.is_empty();
    if !may_have_none && !head.headers.contains_key(header::CONTENT_LENGTH) {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    if socket.write_all(&bytes).is_err() {
        return Ok(());
    }

    // 4: the body is opened once there is a connection, and polled for the next chunk when the last one is written.
    let mut chunks = body.open()?;
    loop {
        let Either::Left((Some(chunk), _)) = block_on(select(chunks.next(), &mut hung_up)) else {
            return Ok(());
        };
        if socket.write_all(&chunk?).is_err() {
            return Ok(());
        }
    }
}

/// Status, headers, and the length of the body; `None` if the body ends with the connection.
type Head = (StatusCode, HeaderMap, Option<u64>);
type Chunks = mpsc::Receiver<Result<Bytes, HttpError>>;

fn receive(
    socket: TcpStream,
    method: &Method,
    response: oneshot::Sender<Result<(Head, Chunks), HttpError>>,
    failure: sync::Receiver<io::Error>,
) {
    // 9: if the body's source failed, that is the reason why the connection ended.
    let failed = |phase, error| match failure.try_recv() {
        Ok(source) => HttpError::new(HttpErrorKind::Source, phase).with_source(source),
        Err(_) => HttpError::from_io(phase, error),
    };
    let mut socket = BufReader::with_capacity(64 << 10, socket);
    let head = match read_head(&mut socket, method) {
        Ok(head) => head,
        Err(error) => return drop(response.send(Err(failed(Phase::MaybeReceived, error)))),
    };
    let len = head.2;
    // 7: two chunks may wait for the caller, then this thread waits.
    let (mut sender, chunks) = mpsc::channel(1);
    let _ = response.send(Ok((head, chunks)));
    let mut remaining = len.unwrap_or(u64::MAX);
    while remaining > 0 {
        let chunk = match socket.fill_buf() {
            Ok([]) if len.is_none() => return,
            Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => Ok(Bytes::copy_from_slice(at_most(bytes, remaining))),
            Err(error) => Err(error),
        };
        let read = chunk.as_ref().map_or(0, Bytes::len);
        socket.consume(read);
        remaining -= read as u64;
        let chunk = chunk.map_err(|error| failed(Phase::ResponseBegun, error));
        if block_on(sender.send(chunk)).is_err() || read == 0 {
            return;
        }
    }
}

fn at_most(bytes: &[u8], limit: u64) -> &[u8] {
    &bytes[..usize::try_from(limit).map_or(bytes.len(), |limit| limit.min(bytes.len()))]
}

/// 6: the head of the final response.
fn read_head(socket: &mut BufReader<TcpStream>, method: &Method) -> io::Result<Head> {
    let mut bytes = Vec::new();
    loop {
        let left = (64 << 10) - bytes.len() as u64;
        if left == 0 {
            return Err(malformed("the head is too large"));
        }
        if socket.take(left).read_until(b'\n', &mut bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut slots = [httparse::EMPTY_HEADER; 128];
        let mut parsed = httparse::Response::new(&mut slots);
        if parsed.parse(&bytes).map_err(malformed)?.is_partial() {
            continue;
        }
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(malformed)?;
        if status.is_informational() {
            bytes.clear();
            continue;
        }
        let mut headers = HeaderMap::new();
        for header in parsed.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(malformed)?;
            headers.append(
                name,
                HeaderValue::from_bytes(header.value).map_err(malformed)?,
            );
        }
        let len = match method {
            &Method::HEAD => Some(0),
            _ if matches!(status.as_u16(), 204 | 304) => Some(0),
            _ => body_len(&headers)?,
        };
        return Ok((status, headers, len));
    }
}

/// 7: an ambiguous end of the body is an error.
fn body_len(headers: &HeaderMap) -> io::Result<Option<u64>> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(malformed("this backend doesn't decode a Transfer-Encoding"));
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next().map(HeaderValue::to_str), lengths.next()) {
        (None, _) => Ok(None),
        // `parse` would accept a sign.
        (Some(Ok(len)), None) if !len.starts_with('+') => len.parse().map(Some).map_err(malformed),
        _ => Err(malformed("the Content-Length is not one length")),
    }
}

/// `HttpError::from_io` calls this a protocol error.
fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// `cargo run --example threaded -- http://127.0.0.1:8080/`
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(uri) = std::env::args().nth(1) else {
        return Ok(());
    };
    let client = ThreadedClient {
        connect_timeout: Duration::from_secs(10),
    };
    let request = http::Request::get(uri).body(Body::empty())?;
    let response = block_on(client.send(request))?;
    println!("{} {:?}", response.status(), response.headers());
    println!("{:?}", block_on(response.into_body().collect(1 << 20))?);
    Ok(())
}
