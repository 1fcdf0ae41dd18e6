//! A minimal server: it discards uploads, sends the same buffer again and again, and pages that differ only in bucket
//! and names. It hashes nothing.

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

/// The rows of every page, and where the bucket's id and the number in the file's name are in each.
static ROWS: LazyLock<(String, Vec<(usize, usize)>)> = LazyLock::new(|| {
    let rows = page::beginning(1_000);
    let ends = |text: &str| -> Vec<usize> {
        let found = rows.match_indices(text);
        found.map(|(at, text)| at + text.len()).collect()
    };
    let positions = ends("\"bucketId\": \"").into_iter();
    let positions = positions.zip(ends("/landlord-")).collect();
    (rows, positions)
});

/// The rows of the page of this bucket that begins with row `start`.
fn rows(bucket_id: &str, start: u64) -> Vec<u8> {
    let (rows, positions) = &*ROWS;
    let mut rows = rows.clone().into_bytes();
    for (&(bucket, name), row) in positions.iter().zip(start..) {
        rows[bucket..][..bucket_id.len()].copy_from_slice(bucket_id.as_bytes());
        rows[name..][..6].copy_from_slice(format!("{row:06}").as_bytes());
    }
    rows
}

/// Responds with a page of a thousand rows.
fn list(input: &mut impl Read, output: &mut impl io::Write, len: u64) -> io::Result<()> {
    let mut document = Vec::new();
    input.take(len).read_to_end(&mut document)?;
    let asked: PageRequest = serde_json::from_slice(&document)?;
    let (start, next) = asked.rows().ok_or_else(|| {
        let document = String::from_utf8_lossy(&document);
        io::Error::other(format!("unknown document {document:?}"))
    })?;
    let (rows, end) = (rows(&asked.bucket_id, start), page::end(next));
    let len = rows.len() + end.len();
    write!(
        output,
        "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nContent-Type: application/json\r\n\r\n"
    )?;
    output.write_all(&rows)?;
    output.write_all(end.as_bytes())
}
