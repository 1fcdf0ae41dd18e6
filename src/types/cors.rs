//! [`CorsRule`]: what scripts from other origins may do with a bucket's files in a browser.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::from_object::from_object;
use super::open_enum::open_enum;
use super::rules::{Quoted, at_most, open_rules, rule_name, rules, twice};
use super::wire_form::{WireForm, nullable};
use crate::error::Error;

open_enum! {
    /// An operation that a [`CorsRule`] allows.
    CorsOperation {
        /// Downloads by name.
        B2DownloadFileByName = "b2_download_file_by_name",
        /// Downloads by id.
        B2DownloadFileById = "b2_download_file_by_id",
        /// Uploads of files.
        B2UploadFile = "b2_upload_file",
        /// Uploads of parts.
        B2UploadPart = "b2_upload_part",
        /// `DELETE` through the S3 API.
        S3Delete = "s3_delete",
        /// `GET` through the S3 API.
        S3Get = "s3_get",
        /// `HEAD` through the S3 API.
        S3Head = "s3_head",
        /// `POST` through the S3 API.
        S3Post = "s3_post",
        /// `PUT` through the S3 API.
        S3Put = "s3_put",
    }
}

/// A CORS rule: what scripts from other origins may do with a bucket's files in a browser.
///
/// The first of a bucket's rules that matches a request decides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorsRule {
    /// The rule's name: 6 to 50 letters, digits and `-`, unique in the bucket.
    pub cors_rule_name: String,
    /// The origins it allows: `https://example.com`, `https://*.example.com`, `https` for all with
    /// TLS, or `*` for all.
    pub allowed_origins: Vec<String>,
    /// The operations it allows.
    pub allowed_operations: Vec<CorsOperation>,
    /// The request headers it allows: names, prefixes such as `x-bz-info-*`, or `*` for all.
    pub allowed_headers: Vec<String>,
    /// The response headers that scripts may see.
    pub expose_headers: Vec<String>,
    /// How long a browser may cache the response to a preflight request: 0 to 86,400 seconds.
    pub max_age_seconds: u32,
    wire_form: WireForm<Lists>,
}

/// How B2 wrote the optional lists.
#[derive(Debug, Clone, Copy, Default)]
struct Lists {
    allowed_headers: EmptyList,
    expose_headers: EmptyList,
}

/// How B2 wrote an empty list.
#[derive(Debug, Clone, Copy, Default)]
enum EmptyList {
    #[default]
    Brackets,
    Null,
    Absent,
}

impl EmptyList {
    const fn of(list: Option<&Option<Vec<String>>>) -> Self {
        match list {
            Some(Some(_)) => Self::Brackets,
            Some(None) => Self::Null,
            None => Self::Absent,
        }
    }

    /// The form in which to write this list, if at all.
    fn write(self, list: &[String]) -> Option<Option<&[String]>> {
        match self {
            Self::Absent if list.is_empty() => None,
            Self::Null if list.is_empty() => Some(None),
            _ => Some(Some(list)),
        }
    }
}

impl<'de> Deserialize<'de> for CorsRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            cors_rule_name: String,
            allowed_origins: Vec<String>,
            allowed_operations: Vec<CorsOperation>,
            #[serde(default, deserialize_with = "nullable")]
            allowed_headers: Option<Option<Vec<String>>>,
            #[serde(default, deserialize_with = "nullable")]
            expose_headers: Option<Option<Vec<String>>>,
            max_age_seconds: u32,
        }
        let wire: Wire = from_object(deserializer)?;
        let lists = Lists {
            allowed_headers: EmptyList::of(wire.allowed_headers.as_ref()),
            expose_headers: EmptyList::of(wire.expose_headers.as_ref()),
        };
        Ok(Self {
            cors_rule_name: wire.cors_rule_name,
            allowed_origins: wire.allowed_origins,
            allowed_operations: wire.allowed_operations,
            allowed_headers: wire.allowed_headers.flatten().unwrap_or_default(),
            expose_headers: wire.expose_headers.flatten().unwrap_or_default(),
            max_age_seconds: wire.max_age_seconds,
            wire_form: WireForm(lists),
        })
    }
}

impl Serialize for CorsRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(lists) = self.wire_form;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("corsRuleName", &self.cors_rule_name)?;
        json.serialize_entry("allowedOrigins", &self.allowed_origins)?;
        json.serialize_entry("allowedOperations", &self.allowed_operations)?;
        if let Some(headers) = lists.allowed_headers.write(&self.allowed_headers) {
            json.serialize_entry("allowedHeaders", &headers)?;
        }
        if let Some(headers) = lists.expose_headers.write(&self.expose_headers) {
            json.serialize_entry("exposeHeaders", &headers)?;
        }
        json.serialize_entry("maxAgeSeconds", &self.max_age_seconds)?;
        json.end()
    }
}

impl CorsRule {
    /// A rule with this name that allows these operations to scripts from these origins. Browsers
    /// cache it for an hour.
    pub fn new<O: Into<String>>(
        name: impl Into<String>,
        allowed_origins: impl IntoIterator<Item = O>,
        allowed_operations: impl IntoIterator<Item = CorsOperation>,
    ) -> Self {
        Self {
            cors_rule_name: name.into(),
            allowed_origins: allowed_origins.into_iter().map(Into::into).collect(),
            allowed_operations: allowed_operations.into_iter().collect(),
            allowed_headers: Vec::new(),
            expose_headers: Vec::new(),
            max_age_seconds: 3_600,
            wire_form: WireForm::default(),
        }
    }

    /// The request headers it allows; none without this.
    #[must_use]
    pub fn allowed_headers<H: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = H>,
    ) -> Self {
        self.allowed_headers = headers.into_iter().map(Into::into).collect();
        self
    }

    /// The response headers that scripts may see.
    #[must_use]
    pub fn expose_headers<H: Into<String>>(mut self, headers: impl IntoIterator<Item = H>) -> Self {
        self.expose_headers = headers.into_iter().map(Into::into).collect();
        self
    }

    /// How long a browser may cache the response to a preflight request: 0 to 86,400 seconds.
    #[must_use]
    pub const fn max_age_seconds(mut self, seconds: u32) -> Self {
        self.max_age_seconds = seconds;
        self
    }

    /// The size in bytes as B2 counts it: the name and all texts in the lists.
    fn size(&self) -> usize {
        let lists = [
            &self.allowed_origins,
            &self.allowed_headers,
            &self.expose_headers,
        ];
        let operations = self
            .allowed_operations
            .iter()
            .map(|operation| operation.as_str().len());
        self.cors_rule_name.len()
            + lists.into_iter().flatten().map(String::len).sum::<usize>()
            + operations.sum::<usize>()
    }

    fn broken(&self) -> Option<String> {
        if let Some(broken) = rule_name(&self.cors_rule_name, 6, 50) {
            return Some(format!("its name {broken}"));
        }
        if self.allowed_operations.is_empty() {
            return Some("it allows no operation".to_owned());
        }
        if self.max_age_seconds > 86_400 {
            let excess = self.max_age_seconds - 86_400;
            return Some(format!(
                "its age of {} seconds is {excess} more than the 86,400 that B2 allows",
                self.max_age_seconds
            ));
        }
        let size = self.size();
        if size >= 1_000 {
            let excess = size - 999;
            return Some(format!(
                "its texts have {size} bytes, {excess} more than the 999 that B2 allows"
            ));
        }
        origins(&self.allowed_origins)
            .or_else(|| headers(&self.allowed_headers))
            .or_else(|| {
                let bad = self
                    .expose_headers
                    .iter()
                    .find(|header| header.is_empty() || header.contains('*'))?;
                Some(format!(
                    "it exposes {}, which is not a complete header name",
                    Quoted(bad)
                ))
            })
    }
}

fn origins(origins: &[String]) -> Option<String> {
    if origins.is_empty() {
        return Some("it allows no origin".to_owned());
    }
    if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        return Some("it allows the origin \"*\", which can't be combined with others".to_owned());
    }
    let mut all_of_tls = false;
    for origin in origins {
        if all_of_tls && (origin == "https" || origin.starts_with("https:")) {
            return Some(format!(
                "{} comes after \"https\", which already includes it",
                Quoted(origin)
            ));
        }
        all_of_tls |= origin == "https";
        let whole = origin.split_once("://").is_some_and(|(scheme, host)| {
            !scheme.is_empty()
                && !host.is_empty()
                && !scheme.contains('*')
                && host.matches('*').count() <= 1
        });
        if !whole && origin != "*" && origin != "https" {
            return Some(format!(
                "{} is not an origin such as \"https://example.com\", with at most one '*' in the \
                 domain, nor \"https\" or \"*\"",
                Quoted(origin)
            ));
        }
    }
    None
}

fn headers(headers: &[String]) -> Option<String> {
    if headers.len() > 1 && headers.iter().any(|header| header == "*") {
        return Some("it allows the header \"*\", which can't be combined with others".to_owned());
    }
    let bad = headers.iter().find(|header| {
        let name = header.strip_suffix('*').unwrap_or(header);
        header.is_empty() || name.contains('*')
    })?;
    Some(format!(
        "the header {} is neither a name nor a prefix that ends in '*'",
        Quoted(bad)
    ))
}

rules! {
    /// A bucket's CORS rules: at most 100. The first that matches a request decides.
    CorsRules of CorsRule, check
}
open_rules!(CorsRules);

impl CorsRules {
    /// The same rules with all fields, including those that B2 left out, for a request.
    pub(crate) fn in_full(self) -> Self {
        let rules = self.0.into_iter().map(|rule| CorsRule {
            wire_form: WireForm::default(),
            ..rule
        });
        Self(rules.collect())
    }
}

fn check(rules: &[CorsRule]) -> Result<(), Error> {
    at_most(100, rules.len(), "CORS rules")?;
    for rule in rules {
        if let Some(broken) = rule.broken() {
            let name = Quoted(&rule.cors_rule_name);
            return Err(Error::invalid(format!("the CORS rule {name}: {broken}")));
        }
    }
    match twice(rules.iter().map(|rule| rule.cors_rule_name.as_str())) {
        Some(name) => Err(Error::invalid(format!(
            "two CORS rules have the name {}",
            Quoted(name)
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> CorsRule {
        CorsRule::new("my-rule", ["https://example.com"], [CorsOperation::S3Get])
    }

    #[test]
    fn every_documented_form_of_an_origin_is_accepted() {
        for origins in [
            &["http://www.example.com:8180"][..],
            &["https://*.example.com", "https://*:8443", "https://*"],
            &["https"],
            &["http://a.example", "https://b.example", "https"],
            &["https", "http://a.example"],
            &["*"],
        ] {
            let rule = CorsRule::new("my-rule", origins.iter().copied(), [CorsOperation::S3Get]);
            assert!(CorsRules::new([rule]).is_ok(), "{origins:?}");
        }
    }

    #[test]
    fn an_invalid_rule_is_refused_with_name_and_reason() {
        let origins = |origins: &[&str]| {
            CorsRule::new("my-rule", origins.iter().copied(), [CorsOperation::S3Get])
        };
        let mut nameless = rule();
        nameless.cors_rule_name = "short".to_owned();
        let mut reserved = rule();
        reserved.cors_rule_name = "B2-rules".to_owned();
        let mut odd = rule();
        odd.cors_rule_name = "my_rule".to_owned();
        let mut idle = rule();
        idle.allowed_operations.clear();
        for (rule, told) in [
            (nameless, "its name has 5 bytes; it has 6 to 50"),
            (reserved, "begins with \"b2-\""),
            (odd, "has '_'"),
            (idle, "no operation"),
            (rule().max_age_seconds(86_401), "is 1 more than the 86,400"),
            (origins(&[]), "allows no origin"),
            (
                origins(&["*", "http://a.example"]),
                "\"*\", which can't be combined",
            ),
            (origins(&["https", "https"]), "comes after \"https\""),
            (
                origins(&["https", "https://a.example"]),
                "comes after \"https\"",
            ),
            (origins(&["example.com"]), "is not an origin"),
            (origins(&["https://*.*.example.com"]), "is not an origin"),
            (origins(&["http*://example.com"]), "is not an origin"),
            (
                rule().allowed_headers(["*", "range"]),
                "header \"*\", which can't be combined",
            ),
            (rule().allowed_headers(["x-*-y"]), "neither a name nor"),
            (rule().allowed_headers(["x-**"]), "neither a name nor"),
            (rule().allowed_headers([""]), "neither a name nor"),
            (
                rule().expose_headers(["x-bz-*"]),
                "not a complete header name",
            ),
        ] {
            let error = CorsRules::new([rule.clone()]).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
            assert_eq!(CorsRules::unchecked([rule.clone()]).as_slice(), [rule]);
        }
        let two = CorsRules::new([rule(), rule()]).unwrap_err();
        assert_eq!(two.to_string(), "two CORS rules have the name \"my-rule\"");
    }

    #[test]
    fn a_rules_texts_have_at_most_999_bytes_and_a_bucket_at_most_100_rules() {
        let used = rule().size();
        let fits = rule().allowed_headers(["h".repeat(999 - used)]);
        assert!(CorsRules::new([fits]).is_ok());
        let over = rule().expose_headers(["h".repeat(1_001 - used)]);
        let error = CorsRules::new([over]).unwrap_err().to_string();
        assert!(
            error.contains("have 1001 bytes, 2 more than the 999"),
            "{error}"
        );
        let many = |count| {
            (0..count).map(|number| {
                let mut rule = rule();
                rule.cors_rule_name = format!("my-rule-{number}");
                rule
            })
        };
        assert!(CorsRules::new(many(100)).is_ok());
        let error = CorsRules::new(many(102)).unwrap_err().to_string();
        assert_eq!(
            error,
            "there are 102 CORS rules, 2 more than the 100 that B2 allows"
        );
    }
}
