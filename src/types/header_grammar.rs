//! The grammars of headers that B2 accepts for downloads: those of RFC 6266 and RFC 2616, which its documentation
//! names.

/// The reason why the value is invalid for this key of the file info, if it is. Keys without a grammar accept anything.
pub(crate) fn broken(key: &str, value: &str) -> Option<&'static str> {
    let (is_right, rule) = match key {
        "b2-content-disposition" => (
            is_content_disposition(value),
            "is not a disposition such as `attachment; filename=\"a.txt\"` (RFC 6266)",
        ),
        "b2-content-language" => (
            is_content_language(value),
            "is not a list of language tags such as `de, en-US` (RFC 2616)",
        ),
        "b2-expires" => (
            httpdate::parse_http_date(value).is_ok(),
            "is not a date such as `Thu, 01 Dec 1994 16:00:00 GMT` (RFC 2616)",
        ),
        _ => return None,
    };
    (!is_right).then_some(rule)
}

/// A type, and parameters, each after a semicolon.
fn is_content_disposition(value: &str) -> bool {
    let Some(mut rest) = token(value.trim_start_matches(is_blank)) else {
        return false;
    };
    loop {
        rest = rest.trim_start_matches(is_blank);
        if rest.is_empty() {
            return true;
        }
        let parameter = rest.strip_prefix(';').and_then(|rest| {
            let rest = token(rest.trim_start_matches(is_blank))?;
            let rest = rest.trim_start_matches(is_blank).strip_prefix('=')?;
            let rest = rest.trim_start_matches(is_blank);
            quoted(rest).or_else(|| token(rest))
        });
        match parameter {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// One or more tags, separated by commas; each consists of letters and digits, with dashes between them.
fn is_content_language(value: &str) -> bool {
    value.split(',').all(|tag| {
        let mut subtags = tag.trim_matches(is_blank).split('-');
        let short = |subtag: &str| (1..=8).contains(&subtag.len());
        let first = subtags.next().unwrap_or_default();
        short(first)
            && first.bytes().all(|byte| byte.is_ascii_alphabetic())
            && subtags.all(|subtag| {
                short(subtag) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
    })
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// The text after a token; `None` if there is no token.
fn token(text: &str) -> Option<&str> {
    let is_of_one = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    let len = text.bytes().take_while(|byte| is_of_one(*byte)).count();
    (len > 0).then(|| &text[len..])
}

/// The text after a quoted string.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map(|(at, _)| &inner[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions_languages_and_dates_follow_their_grammars() {
        for (key, good, bad) in [
            (
                "b2-content-disposition",
                &[
                    "inline",
                    "attachment; filename=\"a; \\\"b\\\".txt\"",
                    "attachment;filename=a.txt",
                    "attachment; filename*=UTF-8''%e2%82%ac%20rates; filename=\"EURO rates\"",
                    "other ; x = y ",
                ][..],
                &[
                    "",
                    ";",
                    "inline;",
                    "inline; ",
                    "inline; filename",
                    "inline; filename=",
                    "attachment; filename=\"a",
                    "attachment; filename=a b",
                    "attachment filename=a",
                    "a/b",
                ][..],
            ),
            (
                "b2-content-language",
                &["de", "de, en-US", "es-419", "zh-Hant-TW", "x-klingon"],
                &[
                    "",
                    "de,",
                    "de & fr",
                    "de_DE",
                    "deutschland",
                    "-de",
                    "de-",
                    "1",
                    "de--x",
                ],
            ),
            (
                "b2-expires",
                &[
                    "Thu, 01 Dec 1994 16:00:00 GMT",
                    "Thursday, 01-Dec-94 16:00:00 GMT",
                    "Thu Dec  1 16:00:00 1994",
                ],
                &["", "2021-1-1", "0", "tomorrow", "1994-12-01T16:00:00Z"],
            ),
            ("b2-cache-control", &["", "max-age=7, whatever it is"], &[]),
        ] {
            for value in good {
                assert_eq!(broken(key, value), None, "{key}: {value:?}");
            }
            for value in bad {
                assert!(broken(key, value).is_some(), "{key}: {value:?}");
            }
        }
    }
}
