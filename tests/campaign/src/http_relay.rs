//! The parts of HTTP/1 that a proxy needs: heads, and the ends of bodies.

use std::io::{self, BufRead, Read, Write};

const MAX_HEAD: usize = 256 << 10;

/// A request's or response's head, as its bytes.
#[derive(Debug, Clone)]
pub struct Head(pub Vec<u8>);

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    After(u64),
    /// At the end of the connection, or chunked: the proxy forwards everything.
    Unknown,
}

impl Head {
    /// Reads up to the empty line; `None` if the connection ended before the first byte.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let begun = bytes.len();
            let rest = (MAX_HEAD - begun) as u64;
            from.by_ref().take(rest).read_until(b'\n', &mut bytes)?;
            match &bytes[begun..] {
                [] if begun == 0 => return Ok(None),
                [] => return Err(io::ErrorKind::UnexpectedEof.into()),
                b"\r\n" => return Ok(Some(Self(bytes))),
                _ => {}
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.text().lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// The second word of the first line: a request's target, a response's status.
    pub fn second_word(&self) -> String {
        let text = self.text();
        text.split(' ').nth(1).unwrap_or_default().trim().to_owned()
    }

    pub fn method(&self) -> String {
        let text = self.text();
        text.split(' ').next().unwrap_or_default().to_owned()
    }

    pub fn status(&self) -> u16 {
        self.second_word().parse().unwrap_or(0)
    }

    /// Where the body of a request with this head ends.
    pub fn request_body(&self) -> BodyEnd {
        self.framed(0)
    }

    /// Where the body of a response with this head to `method` ends.
    pub fn response_body(&self, method: &str) -> BodyEnd {
        match self.status() {
            204 | 304 => BodyEnd::After(0),
            _ if method == "HEAD" => BodyEnd::After(0),
            _ if self.header("content-length").is_some() => self.framed(0),
            _ => BodyEnd::Unknown,
        }
    }

    fn framed(&self, without: u64) -> BodyEnd {
        if self.header("transfer-encoding").is_some() {
            return BodyEnd::Unknown;
        }
        let len = self.header("content-length");
        BodyEnd::After(len.map_or(without, |len| len.parse().unwrap_or(0)))
    }

    /// Appends a header line.
    pub fn with_line(mut self, line: &str) -> Self {
        self.0.truncate(self.0.len() - 2);
        self.0.extend_from_slice(line.as_bytes());
        self.0.extend_from_slice(b"\r\n\r\n");
        self
    }

    /// Changes the version to HTTP/1.0.
    pub fn in_old_version(mut self) -> Self {
        if self.0.starts_with(b"HTTP/1.1") {
            self.0[7] = b'0';
        }
        self
    }
}

/// Forwards `len` bytes. `change` edits each chunk first, given its offset; if it returns `false`, forwarding stops.
pub fn pass(
    from: &mut impl Read,
    to: &mut impl Write,
    len: u64,
    mut change: impl FnMut(u64, &mut Vec<u8>) -> bool,
) -> io::Result<bool> {
    let mut buffer = vec![0; 16 << 10];
    let mut at = 0;
    while at < len {
        let most = (len - at).min(buffer.len() as u64) as usize;
        let n = from.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut piece = buffer[..n].to_vec();
        let goes_on = change(at, &mut piece);
        to.write_all(&piece)?;
        if !goes_on {
            return Ok(false);
        }
        at += n as u64;
    }
    Ok(true)
}
