//! Rules for the names of files, buckets, keys and rules, and for file info.

use std::collections::BTreeMap;

use super::file_info::FileInfo;
use crate::behavior::UndocumentedBehavior;
use crate::protocol::api_error::ApiError;

/// Maximum size in bytes of a file's name and info together.
pub(crate) const INFO_LIMIT: usize = 7000;

/// The same for encrypted files, and for files in buckets with Object Lock.
pub(crate) const REDUCED_INFO_LIMIT: usize = 2048;

/// The keys that B2 returns as headers of downloads: key, header.
pub(crate) const RESERVED: [(&str, &str); 5] = [
    ("b2-content-disposition", "content-disposition"),
    ("b2-content-language", "content-language"),
    ("b2-expires", "expires"),
    ("b2-cache-control", "cache-control"),
    ("b2-content-encoding", "content-encoding"),
];

/// Checks a file name: 1 to 1024 bytes, no control characters.
pub(crate) fn check_file_name(
    name: &str,
    undocumented: &UndocumentedBehavior,
) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::bad_request(
            "File names must contain at least one character",
        ));
    }
    if name.len() > 1024 {
        return Err(ApiError::bad_request(
            "File names in UTF8 must be no more than 1024 bytes",
        ));
    }
    if name.bytes().any(|byte| byte < 32 || byte == 127) {
        return Err(ApiError::bad_request(
            "File names must not contain control characters",
        ));
    }
    if undocumented.old_file_name_rules {
        check_old_rules(name)?;
    }
    Ok(())
}

fn check_old_rules(name: &str) -> Result<(), ApiError> {
    let broken = if name.contains('\\') {
        "File names must not contain '\\'"
    } else if name.starts_with('/') || name.ends_with('/') {
        "File names must not start or end with '/'"
    } else if name.contains("//") {
        "File names must not contain '//'"
    } else if name.split('/').any(|segment| segment.len() > 250) {
        "File names must not have more than 250 bytes between slashes"
    } else {
        return Ok(());
    };
    Err(ApiError::bad_request(broken))
}

/// Checks the name of a new bucket: 6 to 63 letters, digits and `-`, not starting with `b2-`.
pub(crate) fn check_bucket_name(name: &str) -> Result<(), ApiError> {
    let invalid = |message: &str| Err(ApiError::new(400, "invalid_bucket_name", message));
    if name.len() > 63 {
        return invalid("bucket name is too long");
    }
    if name.len() < 6 {
        return invalid("bucket name is too short");
    }
    if !is_plain(name) {
        return invalid("bucket name must contain only letters, digits and '-'");
    }
    if name
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("b2-"))
    {
        return invalid("bucket name must not start with 'b2-'");
    }
    Ok(())
}

/// Checks the name of a new key: 1 to 100 letters, digits and `-`.
pub(crate) fn check_key_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > 100 || !is_plain(name) {
        let message = "keyName must have 1 to 100 letters, digits and '-'";
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Checks a bucket's info and lower-cases its keys, like B2: at most 10 entries, keys of 50 and
/// values of 10,000 bytes. The keys follow the rule for file info, the only one documented.
pub(crate) fn check_bucket_info(
    entries: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut info = BTreeMap::new();
    for (key, value) in entries {
        let key = key.to_ascii_lowercase();
        if !is_info_key(&key) {
            return Err(ApiError::bad_request(format!(
                "Bad bucket info name: {key}"
            )));
        }
        if key.starts_with("b2-") {
            let message = format!("bucket info names that begin with b2- are reserved: {key}");
            return Err(ApiError::bad_request(message));
        }
        if value.len() > 10_000 {
            let message = format!("The value of the bucket info {key} is too long");
            return Err(ApiError::bad_request(message));
        }
        if info.insert(key, value).is_some() {
            return Err(ApiError::bad_request("duplicate bucket info name"));
        }
    }
    if info.len() > 10 {
        return Err(ApiError::bad_request("bucketInfo has more than 10 entries"));
    }
    Ok(info)
}

/// Whether this is a valid name of a CORS or notification rule: 6 to `longest` letters, digits and
/// `-`, not starting with `b2-`.
pub(crate) fn is_rule_name(name: &str, longest: usize) -> bool {
    (6..=longest).contains(&name.len()) && is_plain(name) && !name.starts_with("b2-")
}

/// Checks file info and lower-cases its keys.
pub(crate) fn check_file_info(
    file_name: &str,
    entries: impl IntoIterator<Item = (String, String)>,
    limit: usize,
) -> Result<FileInfo, ApiError> {
    let mut info = BTreeMap::new();
    for (key, value) in entries {
        let key = key.to_ascii_lowercase();
        check_info_key(&key)?;
        if info.insert(key.clone(), value).is_some() {
            let message = format!("File info key {key} is given twice");
            return Err(ApiError::bad_request(message));
        }
    }
    if info.len() > 10 {
        let message = format!(
            "Too many file info entries: {}, the limit is 10",
            info.len()
        );
        return Err(ApiError::bad_request(message));
    }
    let size = info_size(file_name, &info);
    if !info.is_empty() && size > limit {
        let message = format!("File name and file info have {size} bytes, the limit is {limit}");
        return Err(ApiError::bad_request(message));
    }
    Ok(info.into())
}

/// Requires a file's name and info, with what a download overrides, to be within the limit.
///
/// The documents count the overrides, too, but not how: here without the names of their headers,
/// decoded, and instead of the file info that they replace, so as not to be stricter than B2.
pub(crate) fn check_overrides(
    file_name: &str,
    info: &FileInfo,
    overrides: &[(&str, &str)],
    limit: usize,
) -> Result<(), ApiError> {
    let is_overridden = |key: &str| {
        let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == key);
        reserved.is_some_and(|(_, header)| overrides.iter().any(|(it, _)| it == header))
    };
    let kept = info.iter().filter(|(key, _)| !is_overridden(key));
    let size = file_name.len()
        + kept
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>()
        + overrides
            .iter()
            .map(|(_, value)| value.len())
            .sum::<usize>();
    if !overrides.is_empty() && size > limit {
        let message =
            format!("File name, file info and overrides have {size} bytes, the limit is {limit}");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

fn is_info_key(key: &str) -> bool {
    const PUNCTUATION: &[u8] = b"-_.~!#$%^&*'+|`";
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(&byte);
    (1..=50).contains(&key.len()) && key.bytes().all(is_token)
}

fn check_info_key(key: &str) -> Result<(), ApiError> {
    if !is_info_key(key) {
        return Err(ApiError::bad_request(format!("Bad file info key: {key}")));
    }
    if key.starts_with("b2-") && !RESERVED.iter().any(|(reserved, _)| *reserved == key) {
        let message = format!("File info keys that begin with b2- are reserved: {key}");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

/// The size of a file's name and info, which is limited to [`INFO_LIMIT`] bytes.
///
/// The documents count names and values "as sent in headers", and don't say whether `X-Bz-Info-`
/// counts. Here it does not, so as not to be stricter than B2. A name without info is never too
/// long: names have their own limit of 1,024 bytes, which names in most scripts could not reach if
/// their encoded size counted.
fn info_size<'a>(
    file_name: &str,
    info: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> usize {
    let encoded = |text: &str| crate::protocol::percent::encode(text, true).len();
    let entries = info
        .into_iter()
        .map(|(key, value)| key.len() + encoded(value));
    encoded(file_name) + entries.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_obey_the_current_rule_and_no_other() {
        let current = UndocumentedBehavior::default();
        let long = "x".repeat(1024);
        for name in [
            "a", ".", "/x", "a//b", "/a/", "a/../b", "\\", "ü", &long, " ", "+%",
        ] {
            assert_eq!(check_file_name(name, &current), Ok(()), "{name}");
        }
        let too_long = format!("ü{}", "x".repeat(1023));
        for name in ["", "a\nb", "\u{7f}", &too_long] {
            assert!(check_file_name(name, &current).is_err(), "{name}");
        }
        let old = UndocumentedBehavior {
            old_file_name_rules: true,
            ..UndocumentedBehavior::default()
        };
        let segment = "x".repeat(251);
        for name in ["a//b", "/a", "a/", "\\", &segment] {
            assert!(check_file_name(name, &old).is_err(), "{name}");
        }
        assert_eq!(check_file_name("a/b", &old), Ok(()));
    }

    #[test]
    fn bucket_names_may_end_with_a_hyphen_and_have_63_characters() {
        let longest = "x".repeat(63);
        for name in ["bucket-", "-abcdef", "B2bucket", "123456", &longest] {
            assert_eq!(check_bucket_name(name), Ok(()), "{name}");
        }
        let too_long = "x".repeat(64);
        for name in [
            "short",
            "b2-bucket",
            "B2-bucket",
            "buck.et",
            "bücket",
            &too_long,
        ] {
            assert!(check_bucket_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn info_keys_become_lower_case_and_reserved_ones_are_refused() {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let info = check_file_info(
            "f",
            [entry("Author", "Ü"), entry("b2-expires", "x")],
            INFO_LIMIT,
        )
        .unwrap();
        assert_eq!(info.iter().next(), Some(("author", "Ü")));
        for key in ["b2-other", "", "a b", "a:b", &"k".repeat(51)] {
            assert!(
                check_file_info("f", [entry(key, "")], INFO_LIMIT).is_err(),
                "{key}"
            );
        }
        assert!(check_file_info("f", [entry("a", "1"), entry("A", "2")], INFO_LIMIT).is_err());
    }

    #[test]
    fn ten_entries_and_7000_bytes_are_the_limit() {
        let entries = |count: usize| (0..count).map(|at| (format!("k{at}"), String::new()));
        assert!(check_file_info("f", entries(10), INFO_LIMIT).is_ok());
        assert!(check_file_info("f", entries(11), INFO_LIMIT).is_err());
        let value = |len: usize| [("key".to_owned(), "v".repeat(len))];
        assert!(check_file_info("name", value(7000 - 7), INFO_LIMIT).is_ok());
        let name = "ü".repeat(512);
        let info = |len: usize| value(len).into_iter().take(len);
        assert!(check_file_info(&name, info(0), REDUCED_INFO_LIMIT).is_ok());
        assert!(check_file_info(&name, info(1), REDUCED_INFO_LIMIT).is_err());
        assert!(check_file_info("name", value(7000 - 6), INFO_LIMIT).is_err());
        let encoded = [("key".to_owned(), "ü".repeat(1166))];
        assert!(
            check_file_info("name", encoded, INFO_LIMIT).is_err(),
            "counted as sent"
        );
    }
}
