//! `Retry-After` and `Date`: parsing agrees with a second implementation.

use std::time::{Duration, SystemTime};

use b2kit::fuzzing::{retry_after, server_time};
use b2kit::http::{HeaderMap, HeaderValue};

/// Eight bytes make two dates, which are formatted and parsed; the lines after them are headers.
pub fn run(data: &[u8]) {
    let Some((numbers, lines)) = data.split_first_chunk::<8>() else {
        return;
    };
    let [a, b, c, d, e, f, g, h] = *numbers;
    written(
        u32::from_be_bytes([a, b, c, d]).into(),
        u32::from_be_bytes([e, f, g, h]).into(),
    );
    let mut headers = HeaderMap::new();
    let mut wishes = Vec::new();
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            continue;
        };
        if index == 0 {
            headers.insert("date", value);
        } else {
            wishes.extend(value.to_str().map(str::to_owned));
            headers.append("retry-after", value);
        }
    }
    let date = server_time(&headers);
    let expected = wishes
        .iter()
        .filter_map(|wish| wanted(wish.trim(), date))
        .max();
    assert_eq!(retry_after(&headers), expected, "{wishes:?}");
}

fn written(now: u64, later: u64) {
    let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let mut headers = HeaderMap::new();
    let text = |seconds| {
        httpdate::fmt_http_date(time(seconds))
            .try_into()
            .expect("a date")
    };
    headers.insert("date", text(now));
    assert_eq!(server_time(&headers), Some(time(now)));
    headers.insert("retry-after", text(later));
    assert_eq!(
        retry_after(&headers),
        Some(Duration::from_secs(later.saturating_sub(now)))
    );
    headers.insert("retry-after", later.into());
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(later)));
}

/// A second implementation of the rule.
fn wanted(wish: &str, date: Option<SystemTime>) -> Option<Duration> {
    if !wish.is_empty() && wish.chars().all(|c| c.is_ascii_digit()) {
        let mut seconds: u64 = 0;
        for digit in wish.bytes() {
            seconds = seconds
                .saturating_mul(10)
                .saturating_add((digit - b'0').into());
        }
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(wish).ok()?;
    let date = date?;
    Some(if until > date {
        until.duration_since(date).ok()?
    } else {
        Duration::ZERO
    })
}
