//! Determines where a request ends, from its bytes alone. Pure.
//!
//! Request smuggling relies on a proxy and a server that disagree about this. So everything
//! ambiguous is refused: `Content-Length` beside `Transfer-Encoding`, several of either, several
//! hosts, folded or malformed lines, lengths and chunk sizes that are not plain numbers.

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// The request is ambiguous or malformed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// Maximum length of a line with a chunk size. Extensions are not needed.
pub(super) const SIZE_LINE: usize = 256;

/// The length of the head at the start of these bytes, including its empty line.
pub(super) fn head_len(bytes: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    let found = bytes
        .get(from..)?
        .windows(4)
        .position(|it| it == b"\r\n\r\n");
    found.map(|at| from + at + 4)
}

/// What follows this head.
pub(super) fn of_head(head: &[u8]) -> Result<Framing, Ambiguous> {
    let head = head.strip_suffix(b"\r\n\r\n").ok_or(Ambiguous)?;
    let mut lines = lines(head);
    let is_1_1 = is_1_1(lines.next().ok_or(Ambiguous)??)?;
    let (mut length, mut is_chunked, mut hosts) = (None, false, 0);
    for line in lines {
        let (name, value) = field(line?)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value, 10, 20)?).is_some() {
                return Err(Ambiguous);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            is_chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        }
    }
    if hosts > 1 || (is_1_1 && hosts == 0) {
        return Err(Ambiguous);
    }
    match (length, is_chunked) {
        (Some(_), true) => Err(Ambiguous),
        (None, true) if is_1_1 => Ok(Framing::Chunked),
        (None, true) => Err(Ambiguous),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// The chunk size in a line without its end.
pub(super) fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    let mut parts = line.splitn(2, |byte| *byte == b';');
    let size = number(parts.next().unwrap_or_default(), 16, 16)?;
    is_plain(parts.next().unwrap_or_default())
        .then_some(size)
        .ok_or(Ambiguous)
}

/// Whether a line without its end is a valid trailer.
pub(super) fn is_trailer(line: &[u8]) -> bool {
    field(line).is_ok()
}

/// The lines of a head without their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = Result<&[u8], Ambiguous>> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.windows(2).position(|it| it == b"\r\n");
        let line = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| &text[end + 2..]);
        // half a line end is a control character like others
        Some(is_plain(line).then_some(line).ok_or(Ambiguous))
    })
}

/// Without control characters other than tabs.
fn is_plain(line: &[u8]) -> bool {
    line.iter()
        .all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..))
}

/// Whether this request line has HTTP/1.1, and not 1.0.
fn is_1_1(line: &[u8]) -> Result<bool, Ambiguous> {
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || words.next().filter(|word| !word.is_empty());
    let (Some(method), Some(_), Some(version), None) = (word(), word(), word(), words.next())
    else {
        return Err(Ambiguous);
    };
    match version {
        // the bytes after a CONNECT are not a request
        _ if method == b"CONNECT" || !method.iter().all(is_token) => Err(Ambiguous),
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Ambiguous),
    }
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Ambiguous> {
    // a line that starts with a space would continue the previous one; a space before the colon is
    // a known trick
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Ambiguous)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(Ambiguous);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte));
    let end = value.iter().rposition(|byte| !is_blank(byte));
    let value = match (start, end) {
        (Some(start), Some(end)) => &value[start..=end],
        _ => &[],
    };
    Ok((name, value))
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// A number made of digits only.
fn number(text: &[u8], radix: u32, most: usize) -> Result<u64, Ambiguous> {
    let is_number = (1..=most).contains(&text.len())
        && text.iter().all(|byte| char::from(*byte).is_digit(radix));
    let text = std::str::from_utf8(text).ok().filter(|_| is_number);
    text.and_then(|text| u64::from_str_radix(text, radix).ok())
        .ok_or(Ambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Framing, Ambiguous> {
        of_head(format!("POST /x HTTP/1.1\r\n{fields}\r\n").as_bytes())
    }

    #[test]
    fn a_plain_head_has_one_framing() {
        let length = |fields| framing(fields).unwrap();
        assert_eq!(length("Host: x\r\n"), Framing::Length(0));
        assert_eq!(length("Host:\r\n"), Framing::Length(0));
        assert_eq!(
            length("host: x\r\ncontent-LENGTH: \t12 \r\n"),
            Framing::Length(12)
        );
        assert_eq!(
            length("Host: x\r\nTransfer-Encoding: Chunked\r\n"),
            Framing::Chunked
        );
        assert_eq!(
            length("Host: x\r\nX-Any: caf\u{e9}\t:;\r\n"),
            Framing::Length(0)
        );
        assert_eq!(of_head(b"GET / HTTP/1.0\r\n\r\n"), Ok(Framing::Length(0)));
        let longest = "Host: x\r\nContent-Length: 18446744073709551615\r\n";
        assert_eq!(length(longest), Framing::Length(u64::MAX));
    }

    #[test]
    fn an_ambiguous_head_is_refused() {
        for fields in [
            "Content-Length: 3\r\n",
            "Host: x\r\nHost: y\r\n",
            "Host: x\r\nHost: x\r\n",
            "Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Host: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
            "Host: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n",
            "Host: x\r\nContent-Length: 3, 3\r\n",
            "Host: x\r\nContent-Length: +3\r\n",
            "Host: x\r\nContent-Length: -3\r\n",
            "Host: x\r\nContent-Length: 0x3\r\n",
            "Host: x\r\nContent-Length:\r\n",
            "Host: x\r\nContent-Length: 18446744073709551616\r\n",
            "Host: x\r\nTransfer-Encoding: chunked, chunked\r\n",
            "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
            "Host: x\r\nTransfer-Encoding: identity\r\n",
            "Host: x\r\nTransfer-Encoding:\u{b}chunked\r\n",
            "Host: x\r\nContent-Length : 3\r\n",
            "Host: x\r\n Content-Length: 3\r\n",
            "Host: x\r\nX: y\r\n folded\r\n",
            "Host: x\r\nX: y\nContent-Length: 3\r\n",
            "Host: x\r\nX: y\rContent-Length: 3\r\n",
            "Host: x\r\nX: y\0\r\n",
            "Host: x\r\nno colon\r\n",
            "Host: x\r\n: no name\r\n",
        ] {
            assert_eq!(framing(fields), Err(Ambiguous), "{fields:?}");
        }
        for head in [
            "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST /x HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
            "POST /x HTTP/2\r\nHost: x\r\n\r\n",
            "POST  /x HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /x\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(of_head(head.as_bytes()), Err(Ambiguous), "{head:?}");
        }
    }

    #[test]
    fn the_size_of_a_chunk_is_hexadecimal_and_fits() {
        assert_eq!(chunk_size(b"0"), Ok(0));
        assert_eq!(chunk_size(b"fF"), Ok(255));
        assert_eq!(chunk_size(b"ffffffffffffffff"), Ok(u64::MAX));
        assert_eq!(chunk_size(b"3;name=value"), Ok(3));
        for line in [
            "",
            "x",
            "0x3",
            "+3",
            "-3",
            " 3",
            "3 ",
            "3 3",
            "10000000000000000",
            "3;\r",
        ] {
            assert_eq!(chunk_size(line.as_bytes()), Err(Ambiguous), "{line:?}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_in_chunks_of_any_length() {
        let bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest";
        for seen in 0..27 {
            assert_eq!(head_len(bytes, seen), Some(27), "{seen}");
        }
        assert_eq!(head_len(&bytes[..26], 0), None);
    }
}
