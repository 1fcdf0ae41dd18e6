//! HTTP on a blocking socket, as cheap as possible, so that the measurement is of the server.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "only benchmarks are here, and each uses its own part"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// The size of a block, of which bodies consist.
pub const BLOCK: usize = 1 << 20;

pub struct Line {
    stream: BufReader<TcpStream>,
    buffer: Vec<u8>,
}

impl Line {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::with_capacity(16 * 1024, stream),
            buffer: vec![0; BLOCK],
        }
    }

    pub fn send(&mut self, head: &str, body: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
    }

    /// The status and length of a response whose body follows.
    fn head(&mut self) -> (u16, u64) {
        let mut line = String::new();
        let (mut status, mut length) = (0, 0);
        loop {
            line.clear();
            assert_ne!(self.stream.read_line(&mut line).unwrap(), 0);
            if line == "\r\n" {
                return (status, length);
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            let (name, value) = line.split_once(": ").unwrap_or(("", ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
    }

    /// The body of a response, which must be a success.
    pub fn read(&mut self) -> Vec<u8> {
        let (status, length) = self.head();
        let mut body = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        body
    }

    /// Reads and discards the body of a response, passing each chunk to a function first. Returns
    /// its length.
    pub fn skip(&mut self, mut see: impl FnMut(&[u8])) -> u64 {
        let (status, length) = self.head();
        assert_eq!(status, 200);
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let read = self.stream.read(&mut self.buffer[..most]).unwrap();
            assert_ne!(read, 0);
            see(&self.buffer[..read]);
            left -= read as u64;
        }
        length
    }

    /// A call with POST and a token.
    pub fn call(&mut self, name: &str, token: &str, body: &Value) -> Value {
        let body = body.to_string();
        let head = format!(
            "POST /b2api/v4/{name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&head, body.as_bytes());
        serde_json::from_slice(&self.read()).unwrap()
    }

    /// Sends a block repeatedly as the body of an upload. Returns the response.
    pub fn upload(&mut self, head: &str, block: &[u8], blocks: usize) -> Vec<u8> {
        self.send(head, &[]);
        for _ in 0..blocks {
            self.stream.get_mut().write_all(block).unwrap();
        }
        self.read()
    }
}

/// An account token and the account's id.
pub fn authorize(line: &mut Line, id: &str, key: &str) -> (String, String) {
    let basic = STANDARD.encode(format!("{id}:{key}"));
    let head = format!(
        "GET /b2api/v4/b2_authorize_account HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Basic {basic}\r\n\r\n"
    );
    line.send(&head, &[]);
    let session: Value = serde_json::from_slice(&line.read()).unwrap();
    let text = |name: &str| session[name].as_str().unwrap().to_owned();
    (text("authorizationToken"), text("accountId"))
}

/// The head of an upload to this bucket, with a URL of its own.
pub fn upload_head(
    line: &mut Line,
    token: &str,
    bucket: &str,
    name: &str,
    length: usize,
    sha1: &str,
) -> String {
    let url = line.call("b2_get_upload_url", token, &json!({"bucketId": bucket}));
    let path = url["uploadUrl"]
        .as_str()
        .unwrap()
        .splitn(4, '/')
        .nth(3)
        .unwrap();
    let token = url["authorizationToken"].as_str().unwrap();
    format!(
        "POST /{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\
         X-Bz-File-Name: {name}\r\n\
         Content-Type: x/y\r\nX-Bz-Content-Sha1: {sha1}\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// A block of bytes without short repetitions.
pub fn block() -> Vec<u8> {
    let mut dice = 1_u64;
    let mut next = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 56) as u8
    };
    (0..BLOCK).map(|_| next()).collect()
}

/// The SHA-1 of a block repeated.
pub fn sha1_of(block: &[u8], blocks: usize) -> String {
    let mut sha1 = Sha1::new();
    for _ in 0..blocks {
        sha1.update(block);
    }
    hex(&sha1.finalize())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
