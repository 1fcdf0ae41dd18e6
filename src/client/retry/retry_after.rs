//! The `Retry-After` header, in seconds or as a date.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The pause that the server asks for. Values that are neither seconds nor a date are ignored; the
/// longest of several wins.
///
/// A date is relative to the response's own `Date`, so the local clock doesn't matter.
pub(in crate::client) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let now = server_time(headers);
    let wishes = headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(|value| value.to_str().ok());
    wishes.filter_map(|wish| duration(wish.trim(), now)).max()
}

/// The server's time, from the response's `Date`.
pub(in crate::client) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

fn duration(wish: &str, now: Option<SystemTime>) -> Option<Duration> {
    if !wish.is_empty() && wish.bytes().all(|byte| byte.is_ascii_digit()) {
        // Saturate on overflow.
        return Some(Duration::from_secs(wish.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(wish).ok()?;
    Some(until.duration_since(now?).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wish(values: &[&'static str], date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        retry_after(&headers).map(|wish| wish.as_secs())
    }

    #[test]
    fn retry_after_is_parsed_as_seconds_or_date_and_otherwise_ignored() {
        let noon = Some("Wed, 21 Oct 2015 12:00:00 GMT");
        for (values, date, expected) in [
            (&["7"][..], None, Some(7)),
            (&["0"], None, Some(0)),
            (&[" 12 "], None, Some(12)),
            (&["1000000000"], None, Some(1_000_000_000)),
            (&["99999999999999999999999"], None, Some(u64::MAX)),
            (&["-1"], None, None),
            (&["+1"], None, None),
            (&["1.5"], None, None),
            (&["soon"], None, None),
            (&[""], None, None),
            (&[], noon, None),
            (&["3", "9"], None, Some(9)),
            (&["soon", "9"], None, Some(9)),
            (&["Wed, 21 Oct 2015 12:00:30 GMT"], noon, Some(30)),
            (&["Wed, 21 Oct 2015 11:00:00 GMT"], noon, Some(0)),
            (&["Wed, 21 Oct 2015 12:00:30 GMT"], None, None),
            (&["Wed, 99 Oct 2015 12:00:30 GMT"], noon, None),
        ] {
            assert_eq!(wish(values, date), expected, "{values:?}");
        }
    }
}
