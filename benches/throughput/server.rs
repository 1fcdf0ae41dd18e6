//! A server that costs next to nothing: it swallows uploads, sends one buffer and one page over and over, and hashes
//! nothing.
//!
//! It says no more of B2's than the client needs, and trusts its client in everything.

use std::io::{self, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::file::{File, chunk_at};
use crate::listing::{Asked, LIST};
use crate::page;

const BUFFER: usize = 256 << 10;

/// Answers one request after the other.
pub(crate) fn converse(stream: TcpStream, port: u16) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(BUFFER, &stream);
    let mut output = &stream;
    while let Some(request) = Head::read(&mut input)? {
        if request.path == LIST {
            list(&mut input, &mut output, request.content_length)?;
            continue;
        }
        let tail = swallow(&mut input, request.content_length)?;
        let document = match request.path.as_str() {
            "/upload" => {
                let len = request.content_length.saturating_sub(40);
                let (name, sha1) = (&request.file_name, String::from_utf8_lossy(&tail));
                format!(
                    r#"{{"action":"upload","bucketId":"b","contentLength":{len},"contentSha1":"{sha1}","fileId":"4_z","fileName":"{name}","uploadTimestamp":0}}"#
                )
            }
            "/part" => {
                let len = request.content_length.saturating_sub(40);
                LARGE.fetch_add(len, Ordering::Relaxed);
                let (number, sha1) = (request.part_number, String::from_utf8_lossy(&tail));
                format!(
                    r#"{{"contentLength":{len},"contentSha1":"{sha1}","fileId":"4_l","partNumber":{number},"uploadTimestamp":0}}"#
                )
            }
            path if path.ends_with("/b2_start_large_file") => {
                LARGE.store(0, Ordering::Relaxed);
                large("start", 0)
            }
            path if path.ends_with("/b2_finish_large_file") => {
                large("upload", LARGE.load(Ordering::Relaxed))
            }
            path if path.ends_with("/b2_get_upload_part_url") => format!(
                r#"{{"fileId":"4_l","uploadUrl":"http://127.0.0.1:{port}/part","authorizationToken":"t"}}"#
            ),
            path if path.ends_with("/b2_get_upload_url") => format!(
                r#"{{"bucketId":"b","uploadUrl":"http://127.0.0.1:{port}/upload","authorizationToken":"t"}}"#
            ),
            path => {
                let id = path.split_once("fileId=").map_or("", |(_, id)| id);
                let (len, sha1) =
                    File::of_id(id).ok_or_else(|| io::Error::other(format!("what is {path}?")))?;
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
                continue;
            }
        };
        let len = document.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nContent-Type: application/json\r\n\r\n"
        );
        output.write_all((head + &document).as_bytes())?;
    }
    Ok(())
}

/// The bytes of the large file that is being sent: one at a time.
static LARGE: AtomicU64 = AtomicU64::new(0);

fn large(action: &str, len: u64) -> String {
    format!(
        r#"{{"action":"{action}","bucketId":"b","contentLength":{len},"contentSha1":"none","fileId":"4_l","fileName":"file","uploadTimestamp":0}}"#
    )
}

/// The rows of every page.
static ROWS: LazyLock<String> = LazyLock::new(|| page::beginning(1_000));

/// Answers with a page of a thousand rows: always the same but for the name of the next one.
fn list(input: &mut impl Read, output: &mut impl io::Write, len: u64) -> io::Result<()> {
    let mut document = Vec::new();
    input.take(len).read_to_end(&mut document)?;
    let asked: Asked = serde_json::from_slice(&document)?;
    let next = asked.next().ok_or_else(|| {
        let document = String::from_utf8_lossy(&document);
        io::Error::other(format!("what is {document}?"))
    })?;
    let end = page::end(next);
    let len = ROWS.len() + end.len();
    write!(
        output,
        "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nContent-Type: application/json\r\n\r\n"
    )?;
    output.write_all(ROWS.as_bytes())?;
    output.write_all(end.as_bytes())
}

/// What of a request's head matters here.
#[derive(Default)]
struct Head {
    path: String,
    content_length: u64,
    file_name: String,
    part_number: u32,
    range: Option<(u64, u64)>,
}

impl Head {
    /// The next head, or `None` when the client has hung up.
    fn read(input: &mut impl io::BufRead) -> io::Result<Option<Self>> {
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
                "x-bz-file-name" => value.clone_into(&mut head.file_name),
                _ => {}
            }
        }
    }
}

/// Reads a body and keeps its last 40 bytes, where the SHA-1 of an upload stands.
fn swallow(input: &mut impl io::BufRead, len: u64) -> io::Result<Vec<u8>> {
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
