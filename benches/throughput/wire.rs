//! The parts of HTTP and of B2's responses that the benchmarks' servers share.
//!
//! The servers validate and hash nothing.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read as _};

use crate::file::{File, chunk_at};

pub(crate) const BUFFER: usize = 256 << 10;

/// The relevant parts of a request's head.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) path: String,
    pub(crate) content_length: u64,
    pub(crate) file_name: String,
    /// The members of the JSON object of file info.
    pub(crate) file_info: String,
    pub(crate) part_number: u32,
    pub(crate) range: Option<(u64, u64)>,
    /// The SHA-1, if it is in the head and not after the bytes.
    pub(crate) content_sha1: Option<String>,
}

impl Head {
    /// The next head, or `None` when the client has hung up.
    pub(crate) fn read(input: &mut impl io::BufRead) -> io::Result<Option<Self>> {
        let mut head = Self::default();
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        head.path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            line.clear();
            input.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                return Ok(Some(head));
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    head.content_length = value.parse().map_err(io::Error::other)?;
                }
                "range" => {
                    let range = value
                        .strip_prefix("bytes=")
                        .and_then(|range| range.split_once('-'));
                    head.range = range.and_then(|(first, last)| {
                        Some((first.parse().ok()?, last.parse().unwrap_or(u64::MAX - 1)))
                    });
                }
                "x-bz-part-number" => {
                    head.part_number = value.parse().map_err(io::Error::other)?;
                }
                "x-bz-content-sha1" if value.len() == 40 => {
                    head.content_sha1 = Some(value.to_owned());
                }
                "x-bz-file-name" => value.clone_into(&mut head.file_name),
                name => {
                    if let Some(key) = name.strip_prefix("x-bz-info-") {
                        let comma = if head.file_info.is_empty() { "" } else { "," };
                        write!(head.file_info, "{comma}\"{key}\":\"{value}\"")
                            .map_err(io::Error::other)?;
                    }
                }
            }
        }
    }
}

/// Reads a body and returns its last 40 bytes, which are the SHA-1 of an upload.
pub(crate) fn read_body(input: &mut impl io::BufRead, len: u64) -> io::Result<Vec<u8>> {
    let digits = len.min(40);
    let mut before = len - digits;
    while before > 0 {
        let there = input.fill_buf()?.len();
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = before.min(there as u64);
        input.consume(usize::try_from(taken).unwrap_or(there));
        before -= taken;
    }
    let mut tail = Vec::new();
    input.by_ref().take(digits).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The length and SHA-1 of an upload as the client states them.
pub(crate) fn content<'a>(request: &'a Head, tail: &'a [u8]) -> (u64, Cow<'a, str>) {
    let len = request.content_length;
    match &request.content_sha1 {
        Some(sha1) => (len, sha1.into()),
        None => (len.saturating_sub(40), String::from_utf8_lossy(tail)),
    }
}

/// B2's reply to `b2_upload_file`.
pub(crate) fn uploaded(request: &Head, tail: &[u8]) -> String {
    let (len, sha1) = content(request, tail);
    let (name, info) = (&request.file_name, &request.file_info);
    format!(
        "{{\"action\":\"upload\",\"bucketId\":\"b\",\"contentLength\":{len},\
         \"contentSha1\":\"{sha1}\",\"fileId\":\"4_z\",\"fileInfo\":{{{info}}},\
         \"fileName\":\"{name}\",\"uploadTimestamp\":0}}"
    )
}

/// B2's reply to `b2_get_upload_url`, with this port.
pub(crate) fn upload_url(port: u16) -> String {
    format!(
        "{{\"bucketId\":\"b\",\"uploadUrl\":\"http://127.0.0.1:{port}/upload\",\
         \"authorizationToken\":\"t\"}}"
    )
}

/// Responds with this JSON.
pub(crate) fn respond(output: &mut impl io::Write, document: &str) -> io::Result<()> {
    let len = document.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nContent-Type: application/json\r\n\r\n"
    );
    output.write_all((head + document).as_bytes())
}

/// Responds with the requested file or range.
pub(crate) fn send(output: &mut impl io::Write, request: &Head) -> io::Result<()> {
    let path = &request.path;
    let id = path.split_once("fileId=").map_or("", |(_, id)| id);
    let id = id.split('&').next().unwrap_or_default();
    let (len, sha1) =
        File::of_id(id).ok_or_else(|| io::Error::other(format!("unknown path {path:?}")))?;
    let (mut first, mut last, mut status) = (0, len, "200 OK".to_owned());
    if let Some((from, to)) = request.range {
        (first, last) = (from, len.min(to + 1));
        let to = last - 1;
        status = format!("206 Partial\r\nContent-Range: bytes {from}-{to}/{len}");
    }
    write!(
        output,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\n\
         X-Bz-File-Id: {id}\r\nX-Bz-File-Name: file\r\nX-Bz-Content-Sha1: {sha1}\r\n\
         X-Bz-Upload-Timestamp: 0\r\n\r\n",
        last - first
    )?;
    while first < last {
        let chunk = chunk_at(first, last);
        output.write_all(chunk)?;
        first += chunk.len() as u64;
    }
    Ok(())
}
