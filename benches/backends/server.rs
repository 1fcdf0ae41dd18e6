//! A minimal server: it discards request bodies, and sends as many bytes as the path says, or a small document.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::chunks::DOCUMENT;

const BUFFER: usize = 256 << 10;

/// Serves requests sequentially.
pub(crate) fn serve_connection(stream: TcpStream, _: u16) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(BUFFER, &stream);
    let mut output = &stream;
    let zeros = vec![0; BUFFER];
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let asked: u64 = line
            .split(['/', ' '])
            .nth(2)
            .and_then(|size| size.parse().ok())
            .unwrap_or(0);
        let (mut length, mut expects) = (0, false);
        loop {
            line.clear();
            input.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                "expect" => expects = true,
                _ => {}
            }
        }
        if expects {
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        if asked == 0 {
            let length = DOCUMENT.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{DOCUMENT}");
            output.write_all(answer.as_bytes())?;
            continue;
        }
        output
            .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {asked}\r\n\r\n").as_bytes())?;
        let mut left = asked;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            output.write_all(&zeros[..size])?;
            left -= size as u64;
        }
    }
}
