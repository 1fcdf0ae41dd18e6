//! A receiver of webhooks.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "only tests are here, and each of them uses its own part"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

/// A request that a receiver got.
pub struct Got {
    pub head: String,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// A receiver of webhooks on this computer.
pub struct Receiver(pub TcpListener);

impl Receiver {
    pub fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.0.local_addr().unwrap())
    }

    /// Waits for a request and answers it with this status.
    pub fn receive(&self, status: u16) -> Got {
        let (stream, _) = self.0.accept().unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0);
        }
        let mut got = Got {
            head,
            body: Vec::new(),
        };
        got.body
            .resize(got.header("content-length").parse().unwrap(), 0);
        stream.read_exact(&mut got.body).unwrap();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        got
    }
}
