//! Plain HTTP on a socket, for tests of the server.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "only tests are here, and each of them uses its own part"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use b2kit_emulator::Server;
use serde_json::Value;

/// A connection.
pub struct RawConnection {
    pub stream: BufReader<TcpStream>,
    /// Whether the next response announces a body that it does not have.
    pub is_head: bool,
}

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawConnection {
    pub fn to(server: &Server) -> Self {
        Self {
            stream: BufReader::new(TcpStream::connect(server.address()).unwrap()),
            is_head: false,
        }
    }

    /// Connects to this host and port.
    pub fn at(address: &str) -> Self {
        Self {
            stream: BufReader::new(TcpStream::connect(address).unwrap()),
            is_head: false,
        }
    }

    /// Sends the head of a request, and nothing after it.
    pub fn head(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes());
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.is_head = method == "HEAD";
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: elsewhere.example\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes());
        // a server that has refused already takes the rest all the same, or many clients would not
        // see why
        self.write(body);
        self.response()
    }

    pub fn response(&mut self) -> Response {
        let mut connection = || {
            let mut connection = String::new();
            self.stream.read_line(&mut connection).unwrap();
            connection.trim_end().to_owned()
        };
        let status = connection();
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let connection = connection();
            let Some((name, value)) = connection.split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if !self.is_head && response.status != 100 {
            response.body = vec![0; response.header("content-length").parse().unwrap()];
            self.stream.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// Whether the server has closed the connection.
    pub fn is_at_end(&mut self) -> bool {
        self.stream.read(&mut [0]).unwrap_or(0) == 0
    }
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn path(url: &str) -> &str {
    let after_scheme = url.split_once("://").unwrap().1;
    &after_scheme[after_scheme.find('/').unwrap()..]
}
