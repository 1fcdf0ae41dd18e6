//! Masks secrets in calls that are shown or exported. The placeholders are those of
//! `b2kit-cassette`, so that an exported recording is a valid cassette.

use std::borrow::Cow;

use crate::protocol::percent;

/// Placeholder of the values of webhooks' custom headers, which may be anything.
const CUSTOM_HEADER: &str = "hidden-custom-header";

const TOKEN: &str = "hidden-authorization-token";

const SECRET: &str = "hidden-secret";

/// The placeholder for the value of a JSON field, query parameter or file info, if that is a secret.
/// Users choose the names of file info, which may tell of a secret.
fn field(name: &str) -> Option<&'static str> {
    const FIELDS: [(&str, &str); 6] = [
        ("applicationKey", "hidden-application-key"),
        ("authorizationToken", TOKEN),
        ("authorization", TOKEN),
        ("customerKey", "hidden-customer-key"),
        ("customerKeyMd5", "hidden-customer-key-md5"),
        ("hmacSha256SigningSecret", "hidden-signing-secret"),
    ];
    let found = FIELDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let tells = || {
        let name = name.to_ascii_lowercase();
        let mut words = ["secret", "password", "authtoken"].iter();
        words.any(|word| name.contains(word)).then_some(SECRET)
    };
    found.map(|(_, placeholder)| *placeholder).or_else(tells)
}

/// The value of a header, masked if it is a secret. `name` is in lower case.
pub(super) fn header<'a>(name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    let placeholder = match name {
        "authorization" | "proxy-authorization" => return authorization(value).into_bytes().into(),
        "cookie" | "set-cookie" => "hidden-cookie",
        "x-bz-server-side-encryption-customer-key" => "hidden-customer-key",
        "x-bz-server-side-encryption-customer-key-md5" => "hidden-customer-key-md5",
        _ if name.starts_with("x-bz-") => match name.strip_prefix("x-bz-info-").and_then(field) {
            Some(placeholder) => placeholder,
            None => return value.into(),
        },
        _ if ["token", "secret", "password", "api-key", "apikey"]
            .iter()
            .any(|word| name.contains(word)) =>
        {
            SECRET
        }
        _ => return value.into(),
    };
    placeholder.as_bytes().into()
}

/// Keeps the scheme, if there is one; B2's tokens have none.
fn authorization(value: &[u8]) -> String {
    let space = value.iter().position(|byte| *byte == b' ');
    let scheme = space.and_then(|space| std::str::from_utf8(&value[..space]).ok());
    match scheme {
        None => TOKEN.to_owned(),
        Some(scheme) if scheme.eq_ignore_ascii_case("basic") => {
            format!("{scheme} hidden-credentials")
        }
        Some(scheme) => format!("{scheme} {TOKEN}"),
    }
}

/// A text in which this token is masked, unless it is shorter than all tokens of the emulator,
/// since it may be a word then.
pub(super) fn without_token(text: String, token: Option<&str>) -> String {
    match token {
        Some(token) if token.len() >= 16 => text.replace(token, TOKEN),
        _ => text,
    }
}

/// Path and query.
pub(super) fn target(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else {
        return target.into();
    };
    let mut masked = String::with_capacity(target.len());
    masked.push_str(path);
    for (at, pair) in query.split('&').enumerate() {
        masked.push(if at == 0 { '?' } else { '&' });
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = percent::decode(name.as_bytes());
        match field(decoded.as_deref().unwrap_or(name)) {
            None => masked.push_str(pair),
            Some(placeholder) => {
                masked.push_str(name);
                masked.push('=');
                masked.push_str(placeholder);
            }
        }
    }
    masked.into()
}

/// Masks JSON, whole or cut anywhere. Everything but the secrets stays unchanged.
pub(super) fn json(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut masked = String::with_capacity(text.len());
    let (mut copied, mut at, mut depth) = (0, 0, 0_usize);
    // the name of the member whose value comes next, and the depth of `customHeaders`
    let mut name = Cow::Borrowed("");
    let mut custom = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at + 1);
                let next = bytes.get(end + 1..).unwrap_or_default();
                let spaces = next.iter().take_while(|it| it.is_ascii_whitespace());
                let after = end + 1 + spaces.count();
                if bytes.get(after) == Some(&b':') {
                    name = unescaped(&text[at..=end]);
                    at = after;
                } else {
                    let placeholder = match custom {
                        Some(_) if name != "name" => Some(CUSTOM_HEADER),
                        _ => field(&name),
                    };
                    if let Some(placeholder) = placeholder {
                        masked.push_str(&text[copied..=at]);
                        masked.push_str(placeholder);
                        copied = end;
                    }
                    at = end;
                }
            }
            b'[' | b'{' => {
                depth += 1;
                if name.eq_ignore_ascii_case("customHeaders") {
                    custom = custom.or(Some(depth));
                }
            }
            b']' | b'}' => {
                custom = custom.filter(|opened| *opened < depth);
                depth = depth.saturating_sub(1);
                name = Cow::Borrowed("");
            }
            _ => {}
        }
        at += 1;
    }
    masked.push_str(&text[copied.min(text.len())..]);
    masked
}

/// The offset of the quote that ends a string, or of the end of the text.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The content of a string in quotes.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    if quoted.contains('\\')
        && let Ok(text) = serde_json::from_str::<String>(quoted)
    {
        return text.into();
    }
    quoted.trim_matches('"').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_json_are_masked_and_everything_else_is_kept() {
        for (text, masked) in [
            (
                r#"{"applicationKey" : "s\"x", "keyName": "k", "n": 1}"#,
                r#"{"applicationKey" : "hidden-application-key", "keyName": "k", "n": 1}"#,
            ),
            (
                r#"{"a": {"AUTHORIZATIONTOKEN": "s"}, "b":"password"}"#,
                r#"{"a": {"AUTHORIZATIONTOKEN": "hidden-authorization-token"}, "b":"password"}"#,
            ),
            (
                r#"{"authorizationT\u006fken": "s"}"#,
                r#"{"authorizationT\u006fken": "hidden-authorization-token"}"#,
            ),
            (
                r#"{"customHeaders": [{"name": "n", "value": "s"}], "x": 1}"#,
                r#"{"customHeaders": [{"name": "n", "value": "hidden-custom-header"}], "x": 1}"#,
            ),
            (
                r#"{"customerKey": null, "hmacSha256SigningSecret": "s"}"#,
                r#"{"customerKey": null, "hmacSha256SigningSecret": "hidden-signing-secret"}"#,
            ),
            (
                r#"{"authorizationToken": "cut of"#,
                r#"{"authorizationToken": "hidden-authorization-token"#,
            ),
            (
                r#"{"fileInfo": {"my-PassWord": "s", "token": "t"}}"#,
                r#"{"fileInfo": {"my-PassWord": "hidden-secret", "token": "t"}}"#,
            ),
            (r#"["ü", "\"]"#, r#"["ü", "\"]"#),
            ("", ""),
            ("\"", "\""),
            ("}]\\", "}]\\"),
        ] {
            assert_eq!(json(text), masked, "{text}");
        }
    }

    #[test]
    fn json_cut_anywhere_has_no_secret() {
        let text = r#"{"authorizationToken": "4_sec\"ret",
            "x": ["applicationKey", {"applicationKey": "secret"}]}"#;
        for end in 0..text.len() {
            let masked = json(&text[..end]);
            assert!(!masked.contains("sec"), "{masked}");
        }
    }

    #[test]
    fn secrets_in_headers_and_queries_are_masked() {
        let shown = |name: &str, value: &str| {
            String::from_utf8(header(name, value.as_bytes()).into_owned()).unwrap()
        };
        assert_eq!(shown("authorization", "4_abc"), TOKEN);
        assert_eq!(
            shown("authorization", "Basic abc"),
            "Basic hidden-credentials"
        );
        assert_eq!(
            shown("authorization", "Bearer abc"),
            format!("Bearer {TOKEN}")
        );
        assert_eq!(
            shown("x-bz-server-side-encryption-customer-key", "k"),
            "hidden-customer-key"
        );
        assert_eq!(shown("x-bz-info-token", "t"), "t");
        assert_eq!(shown("x-bz-info-my-password", "p"), "hidden-secret");
        assert_eq!(
            shown("x-bz-info-applicationkey", "k"),
            "hidden-application-key"
        );
        assert_eq!(shown("x-auth-token", "t"), "hidden-secret");
        assert_eq!(shown("range", "bytes=0-"), "bytes=0-");
        assert_eq!(
            target("/file/a/b?Authorization=x&a=b&"),
            "/file/a/b?Authorization=hidden-authorization-token&a=b&"
        );
        assert_eq!(target("/a"), "/a");
        assert_eq!(
            target("/a?%61uthorization=x"),
            "/a?%61uthorization=hidden-authorization-token"
        );
    }
}
