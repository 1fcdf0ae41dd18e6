//! Raw bytes to the emulator's server: no response is a 500, each is well-formed, and each request gets one.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use b2kit::backend::emulator::{Emulator, Saved, Server};

use crate::wire::Wire;

struct Served {
    emulator: Emulator,
    saved: Saved,
    server: Server,
    token: String,
    bucket: String,
    file: String,
}

/// The first byte is the mode; the rest is sent. `$TOKEN`, `$BUCKET`, `$FILE` and `$ACCOUNT` are replaced by those of
/// the account. With an odd mode, `|` at the beginning of a line separates requests, each of which gets the length of
/// its body.
pub fn run(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else {
        return;
    };
    let served = served();
    served
        .emulator
        .restore(&served.saved)
        .expect("it is in memory");
    let is_framed = mode % 2 == 1;
    let (bytes, requests) = match is_framed {
        true => framed(data, served),
        false => (filled_in(data, served), usize::MAX),
    };
    let Some(answer) = exchange(served, &bytes, is_framed) else {
        return;
    };
    let responses = responses(&answer);
    for one in &responses {
        assert!(
            (200..600).contains(&one.status) && one.status != 500,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    if is_framed {
        assert!(
            responses.len() <= requests,
            "{} responses to {requests} requests",
            responses.len()
        );
        let is_closed = responses.iter().any(|one| one.is_last);
        assert!(
            is_closed || responses.len() == requests,
            "{} responses to {requests} requests: {}",
            responses.len(),
            String::from_utf8_lossy(&answer)
        );
    }
}

/// Requests with the lengths of their bodies, and their number. The last one asks the server to close the connection.
fn framed(data: &[u8], served: &Served) -> (Vec<u8>, usize) {
    let methods = ["POST", "GET", "HEAD"];
    let mut bytes = Vec::new();
    let mut requests = 0;
    let data = String::from_utf8_lossy(data);
    let parts: Vec<&str> = data.split("\n|").take(8).collect();
    for (number, one) in parts.iter().enumerate() {
        let mut fields = one.splitn(3, '\n');
        let path = fields.next().unwrap_or_default();
        let header = fields.next().unwrap_or_default();
        let body = filled_in(fields.next().unwrap_or_default().as_bytes(), served);
        let method = methods[path.len() % methods.len()];
        let path: String = path.chars().filter(char::is_ascii_graphic).collect();
        let header: String = header.chars().filter(|c| (' '..='~').contains(c)).collect();
        let framing = [
            "content-length",
            "transfer-encoding",
            "connection",
            "expect",
            "upgrade",
            "host",
        ];
        let is_ours = header
            .to_ascii_lowercase()
            .split(':')
            .next()
            .is_some_and(|name| {
                let is_name = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
                header.contains(':')
                    && name.bytes().all(is_name)
                    && !name.is_empty()
                    && !framing.contains(&name)
            });
        let mut head = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n",
            served.server.url().trim_start_matches("http://"),
            body.len()
        );
        if is_ours {
            head.push_str(&header);
            head.push_str("\r\n");
        }
        if number + 1 == parts.len() {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        bytes.extend(filled_in(head.as_bytes(), served));
        bytes.extend(body);
        requests += 1;
    }
    (bytes, requests)
}

fn filled_in(data: &[u8], served: &Served) -> Vec<u8> {
    let words: [(&[u8], &str); 4] = [
        (b"$TOKEN", &served.token),
        (b"$BUCKET", &served.bucket),
        (b"$FILE", &served.file),
        (b"$ACCOUNT", served.emulator.account_id()),
    ];
    let mut filled = Vec::with_capacity(data.len());
    let mut at = 0;
    while at < data.len() {
        let word = words.iter().find(|(word, _)| data[at..].starts_with(word));
        match word {
            Some((word, value)) => {
                filled.extend(value.bytes());
                at += word.len();
            }
            None => {
                filled.push(data[at]);
                at += 1;
            }
        }
    }
    filled
}

/// Everything that the server sends until it closes the connection; `None` if it was reset. Where the bytes may be no
/// whole requests, their end is told by closing this side: a server need not respond to a request that comes with that.
fn exchange(served: &Served, bytes: &[u8], is_framed: bool) -> Option<Vec<u8>> {
    let address = served.server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    stream.write_all(bytes).ok()?;
    if !is_framed {
        stream.shutdown(Shutdown::Write).ok()?;
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => Some(answer),
        Err(error) => {
            let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(
                !is_late,
                "the server neither answers nor closes: {}",
                String::from_utf8_lossy(&answer)
            );
            None
        }
    }
}

struct Response {
    status: u16,
    is_last: bool,
}

/// Reads responses until the bytes end. A response to a `HEAD` is recognised by the next one that follows at once.
fn responses(mut bytes: &[u8]) -> Vec<Response> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("a head that does not end: {shown}"));
        let head = std::str::from_utf8(&bytes[..end])
            .expect("a head is text")
            .to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head
            .strip_prefix("http/1.1 ")
            .or_else(|| head.strip_prefix("http/1.0 "));
        let status = status
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {shown}"));
        // 100 Continue is not the final response.
        if status == 100 {
            continue;
        }
        let header = |name: &str| {
            head.split("\r\n").skip(1).find_map(|line| {
                let (found, value) = line.split_once(':')?;
                (found == name).then(|| value.trim().to_owned())
            })
        };
        let is_last = header("connection").is_some_and(|value| value.contains("close"))
            || head.starts_with("http/1.0");
        let has_body = !bytes.is_empty() && !bytes.starts_with(b"HTTP/1.");
        if has_body {
            if let Some(length) = header("content-length") {
                let length: usize = length.parse().expect("a length");
                assert!(length <= bytes.len(), "a body that is cut: {shown}");
                bytes = &bytes[length..];
            } else if header("transfer-encoding").is_some() {
                bytes = after_chunks(bytes);
            } else {
                panic!("a body of unknown length: {shown}");
            }
        }
        found.push(Response { status, is_last });
    }
    found
}

fn after_chunks(mut bytes: &[u8]) -> &[u8] {
    loop {
        let end = bytes
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a chunk has a size");
        let size = std::str::from_utf8(&bytes[..end]).expect("digits");
        let size = usize::from_str_radix(size, 16).expect("digits");
        bytes = &bytes[end + 2 + size + 2..];
        if size == 0 {
            return bytes;
        }
    }
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let wire = Wire::new(Emulator::new());
        let bucket = wire.create_bucket("a-bucket");
        let file = wire.upload(&bucket, "a-file", b"its content");
        let file = crate::wire::text(&file["fileId"]);
        let (emulator, token) = (wire.emulator, wire.token);
        let server = Server::start(&emulator).expect("a port");
        let saved = emulator.save();
        Served {
            emulator,
            saved,
            server,
            token,
            bucket,
            file,
        }
    })
}
