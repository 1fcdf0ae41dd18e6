//! A minimal server: it discards uploads, sends the same buffer and the same page again and again, and hashes nothing.

use std::io::{self, BufReader, Read};
use std::net::TcpStream;
use std::sync::LazyLock;

use crate::listing::{LIST, PageRequest};
use crate::page;
use crate::wire::{BUFFER, Head, read_body, respond, send, upload_url, uploaded};

/// Serves requests sequentially.
pub(crate) fn serve_connection(stream: TcpStream, port: u16) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(BUFFER, &stream);
    let mut output = &stream;
    while let Some(request) = Head::read(&mut input)? {
        if request.path == LIST {
            list(&mut input, &mut output, request.content_length)?;
            continue;
        }
        let tail = read_body(&mut input, request.content_length)?;
        match request.path.as_str() {
            "/upload" => respond(&mut output, &uploaded(&request, &tail))?,
            path if path.ends_with("/b2_get_upload_url") => {
                respond(&mut output, &upload_url(port))?;
            }
            _ => send(&mut output, &request)?,
        }
    }
    Ok(())
}

/// The rows of every page.
static ROWS: LazyLock<String> = LazyLock::new(|| page::beginning(1_000));

/// Responds with a page of a thousand rows, which differs only in its `nextFileName`.
fn list(input: &mut impl Read, output: &mut impl io::Write, len: u64) -> io::Result<()> {
    let mut document = Vec::new();
    input.take(len).read_to_end(&mut document)?;
    let asked: PageRequest = serde_json::from_slice(&document)?;
    let next = asked.next().ok_or_else(|| {
        let document = String::from_utf8_lossy(&document);
        io::Error::other(format!("unknown document {document:?}"))
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
