//! The headers of a download, above all `Content-Range`, which says which bytes of the file the
//! response has.

use b2kit::ResponseBody;
use b2kit::api::{Call as _, DownloadFileById, Reply};
use b2kit::http::{HeaderName, HeaderValue, Response, StatusCode};

/// The first byte says whether it is a 206; lines of `name: value` follow.
pub fn run(data: &[u8]) {
    let Some((is_partial, lines)) = data.split_first() else {
        return;
    };
    let mut response = Response::new(());
    if is_partial % 2 == 1 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let headers = response.headers_mut();
    headers.insert("x-bz-file-id", HeaderValue::from_static("4_z1"));
    headers.insert("x-bz-file-name", HeaderValue::from_static("a%20b"));
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (
            HeaderName::from_bytes(&line[..colon]),
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()),
        );
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let headers = headers.clone();
    let reply = Reply::stream(response.into_parts().0, ResponseBody::from(""));
    let Ok(download) = DownloadFileById::new("4_z1").read(reply) else {
        return;
    };
    let file = download.file;
    assert!(
        file.content_length <= 10_000_000_000_000 + (1 << 44),
        "{}",
        file.content_length
    );
    if is_partial % 2 == 1 {
        let mut ranges = headers.get_all("content-range").iter();
        let range = ranges
            .next()
            .expect("a 206 has a range")
            .to_str()
            .expect("a text");
        assert!(ranges.next().is_none(), "two ranges");
        let (first, last, total) = content_range(range).expect("a range that was read is one");
        assert_eq!(file.range, Some((first, last)));
        assert_eq!(file.content_length, total);
        assert!(first <= last && last < total);
    } else {
        assert_eq!(file.range, None);
        let length = headers.get("content-length").expect("the length is known");
        assert_eq!(
            length.to_str().expect("digits").parse(),
            Ok(file.content_length)
        );
    }
}

/// A second parser of the same grammar.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = text.strip_prefix("bytes ")?.split(['-', '/']);
    let mut next = || {
        let digits = numbers.next()?;
        let is_number = !digits.is_empty() && digits.chars().all(|c| ('0'..='9').contains(&c));
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let found = (next()?, next()?, next()?);
    let dash = text.find('-')?;
    (numbers.next().is_none() && text.find('/')? > dash).then_some(found)
}
