//! A minimal server that counts calls and responds with a configurable latency.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::process::Server;
use crate::wire::{BUFFER, Head, content, read_body, respond, send, upload_url, uploaded};

/// The path that returns the number of calls and resets it.
const COUNT: &str = "/count";

static CALLS: AtomicU64 = AtomicU64::new(0);

/// The bytes of the large file in progress, of which there is one at a time.
static LARGE: AtomicU64 = AtomicU64::new(0);

/// The latency of each response in milliseconds.
static LATENCY: AtomicU64 = AtomicU64::new(0);

/// The bandwidth to all clients in bytes per microsecond; 0 is unlimited.
static LINE: AtomicU64 = AtomicU64::new(0);

/// The bandwidth of each connection, in the same unit.
static CONNECTION: AtomicU64 = AtomicU64::new(0);

/// The latency in milliseconds, and the bandwidth of all downloads and of each connection in MB/s.
pub(crate) fn configure(latency: &str, line: &str, connection: &str) -> Result<(), Failure> {
    LATENCY.store(latency.parse()?, Ordering::Relaxed);
    LINE.store(line.parse()?, Ordering::Relaxed);
    CONNECTION.store(connection.parse()?, Ordering::Relaxed);
    Ok(())
}

/// The number of calls since the last query.
pub(crate) fn calls(server: &Server) -> Result<u64, Failure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port()))?;
    stream.write_all(format!("GET {COUNT} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (_, count) = text.rsplit_once("\r\n").ok_or("the server doesn't count")?;
    Ok(count.parse()?)
}

/// Serves requests sequentially.
pub(crate) fn serve_connection(stream: TcpStream, port: u16) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(BUFFER, &stream);
    let mut output = &stream;
    while let Some(request) = Head::read(&mut input)? {
        if request.path == COUNT {
            respond(&mut output, &CALLS.swap(0, Ordering::Relaxed).to_string())?;
            continue;
        }
        let is_start = request.path.contains("b2_start_large_file");
        let tail = if is_start {
            let mut document = Vec::new();
            let len = request.content_length;
            input.by_ref().take(len).read_to_end(&mut document)?;
            document
        } else {
            read_body(&mut input, request.content_length)?
        };
        CALLS.fetch_add(1, Ordering::Relaxed);
        wait(LATENCY.load(Ordering::Relaxed));
        let path = request.path.split('?').next().unwrap_or_default();
        let document = match path.rsplit('/').next().unwrap_or_default() {
            "upload" => uploaded(&request, &tail),
            "part" => part(&request, &tail),
            "b2_get_upload_url" => upload_url(port),
            "b2_get_upload_part_url" => format!(
                "{{\"fileId\":\"4_l\",\"uploadUrl\":\"http://127.0.0.1:{port}/part\",\
                 \"authorizationToken\":\"t\"}}"
            ),
            "b2_start_large_file" => {
                LARGE.store(0, Ordering::Relaxed);
                *STARTED.lock().unwrap_or_else(PoisonError::into_inner) = attributes(&tail)?;
                large("start", 0)
            }
            "b2_finish_large_file" => large("upload", LARGE.load(Ordering::Relaxed)),
            _ => {
                let connection = Mutex::default();
                let mut limited = Line {
                    output: &mut output,
                    connection: &connection,
                };
                send(&mut limited, &request)?;
                continue;
            }
        };
        respond(&mut output, &document)?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]
fn wait(millis: u64) {
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
}

/// The time at which the bytes sent so far will have passed the limit.
type Free = Mutex<Option<Instant>>;

/// The bandwidth limits: the one that all downloads share, and that of each connection.
struct Line<'a, W> {
    output: W,
    connection: &'a Free,
}

impl<W: io::Write> io::Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        static ALL: Free = Mutex::new(None);
        let written = self.output.write(bytes)?;
        pace(written, &LINE, &ALL);
        pace(written, &CONNECTION, self.connection);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Waits until this many more bytes have passed the limit.
#[expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]
fn pace(bytes: usize, bandwidth: &AtomicU64, free: &Free) {
    if let Some(micros) = (bytes as u64).checked_div(bandwidth.load(Ordering::Relaxed)) {
        let now = Instant::now();
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        // Compensates for sleeps that end late.
        let begin = free.map_or(now, |free| free.max(now - MAX_LATE));
        let then = begin + Duration::from_micros(micros);
        *free = Some(then);
        drop(free);
        let ahead = then.saturating_duration_since(now);
        // Shorter sleeps would end too late.
        if ahead > Duration::from_millis(1) {
            std::thread::sleep(ahead);
        }
    }
}

/// The maximum delay that is compensated for.
const MAX_LATE: Duration = Duration::from_millis(50);

fn part(request: &Head, tail: &[u8]) -> String {
    let (len, sha1) = content(request, tail);
    LARGE.fetch_add(len, Ordering::Relaxed);
    let number = request.part_number;
    format!(
        "{{\"contentLength\":{len},\"contentSha1\":\"{sha1}\",\"fileId\":\"4_l\",\
         \"partNumber\":{number},\"uploadTimestamp\":0}}"
    )
}

/// The content type and file info of the large file.
static STARTED: Mutex<String> = Mutex::new(String::new());

fn attributes(start: &[u8]) -> io::Result<String> {
    let start: serde_json::Value = serde_json::from_slice(start)?;
    let (content_type, info) = (&start["contentType"], &start["fileInfo"]);
    Ok(format!(r#""contentType":{content_type},"fileInfo":{info}"#))
}

fn large(action: &str, len: u64) -> String {
    let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    format!(
        "{{\"action\":\"{action}\",\"bucketId\":\"b\",\"contentLength\":{len},\
         \"contentSha1\":\"none\",\"fileId\":\"4_l\",\"fileName\":\"file\",\"uploadTimestamp\":0,\
         {started}}}"
    )
}
