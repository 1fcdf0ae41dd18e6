//! Reads the CORS and lifecycle rules of a bucket, and checks them against B2's documents.

use crate::model::names;
use crate::model::rules::{CorsRule, LifecycleRule};
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;

const MAX_RULES: usize = 100;

const OPERATIONS: [&str; 9] = [
    "b2_download_file_by_id",
    "b2_download_file_by_name",
    "b2_upload_file",
    "b2_upload_part",
    "s3_delete",
    "s3_get",
    "s3_head",
    "s3_post",
    "s3_put",
];

/// A CORS rule must have fewer bytes of text.
const CORS_SIZE: usize = 1000;

/// The CORS rules in a request; `None` if the field is missing.
pub(crate) fn cors(args: &Args) -> Result<Option<Vec<CorsRule>>, ApiError> {
    let Some(rules) = listed(args, "corsRules")? else {
        return Ok(None);
    };
    let rules: Vec<CorsRule> = rules.iter().map(cors_rule).collect::<Result<_, _>>()?;
    for (at, rule) in rules.iter().enumerate() {
        if rules.iter().take(at).any(|other| other.name == rule.name) {
            let message = format!("corsRuleName is used twice: {}", rule.name);
            return Err(ApiError::bad_request(message));
        }
    }
    Ok(Some(rules))
}

fn cors_rule(args: &Args) -> Result<CorsRule, ApiError> {
    let bad = |message: String| Err(ApiError::bad_request(message));
    let max_age = args.integer("maxAgeSeconds")?;
    let rule = CorsRule {
        name: args.required("corsRuleName")?.to_owned(),
        origins: args.strings("allowedOrigins")?.unwrap_or_default(),
        operations: args.strings("allowedOperations")?.unwrap_or_default(),
        headers: args.strings("allowedHeaders")?,
        expose: args.strings("exposeHeaders")?,
        max_age: max_age
            .and_then(|age| u64::try_from(age).ok())
            .filter(|age| *age <= 86_400)
            .ok_or_else(|| ApiError::bad_request("maxAgeSeconds must be between 0 and 86400"))?,
    };
    if !names::is_rule_name(&rule.name, 50) {
        return bad(format!("Invalid corsRuleName: {}", rule.name));
    }
    check_origins(&rule.origins)?;
    if rule.operations.is_empty() {
        return bad("allowedOperations must not be empty".to_owned());
    }
    for operation in &rule.operations {
        if !OPERATIONS.contains(&operation.as_str()) {
            return bad(format!("Invalid allowedOperations: {operation}"));
        }
    }
    let headers = rule.headers.as_deref().unwrap_or_default();
    for header in headers {
        let name = header.strip_suffix('*').unwrap_or(header);
        let is_alone = name.is_empty() && headers.len() == 1 && header == "*";
        if !is_alone && !is_header_name(name) {
            return bad(format!("Invalid allowedHeaders: {header}"));
        }
    }
    for header in rule.expose.as_deref().unwrap_or_default() {
        if !is_header_name(header) {
            return bad(format!("Invalid exposeHeaders: {header}"));
        }
    }
    let lists = [&rule.origins[..], &rule.operations, headers]
        .into_iter()
        .chain(rule.expose.as_deref());
    let size = rule.name.len() + lists.flatten().map(String::len).sum::<usize>();
    if size >= CORS_SIZE {
        let message = format!(
            "The rule {} has {size} bytes, the limit is {CORS_SIZE}",
            rule.name
        );
        return bad(message);
    }
    Ok(rule)
}

fn check_origins(origins: &[String]) -> Result<(), ApiError> {
    let bad = |message: &str| Err(ApiError::bad_request(message));
    if origins.is_empty() {
        return bad("allowedOrigins must not be empty");
    }
    let mut any_https = false;
    for origin in origins {
        let stars = origin.matches('*').count();
        match origin.as_str() {
            "*" if origins.len() == 1 => {}
            "*" => return bad("The origin * must be the only one"),
            "https" if any_https => return bad("The origin https is given twice"),
            "https" => any_https = true,
            _ if any_https && origin.starts_with("https:") => {
                return bad("The origin https covers a later one");
            }
            _ if stars > 1 || !is_origin(origin) => {
                let message = format!("Invalid allowedOrigins: {origin}");
                return Err(ApiError::bad_request(message));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A scheme, a host and optionally a port, without a path.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (host, None),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*[]:".contains(&byte);
    !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !host.is_empty()
        && host.bytes().all(is_host)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// The lifecycle rules in a request; `None` if the field is missing.
pub(crate) fn lifecycle(args: &Args) -> Result<Option<Vec<LifecycleRule>>, ApiError> {
    let Some(rules) = listed(args, "lifecycleRules")? else {
        return Ok(None);
    };
    let rules: Vec<LifecycleRule> = rules.iter().map(lifecycle_rule).collect::<Result<_, _>>()?;
    for (at, rule) in rules.iter().enumerate() {
        let overlaps = |other: &LifecycleRule| overlap(&other.prefix, &rule.prefix);
        if let Some(other) = rules.iter().take(at).find(|other| overlaps(other)) {
            return Err(ApiError::bad_request(format!(
                "The fileNamePrefixes of two lifecycle rules overlap: '{}' and '{}'",
                other.prefix, rule.prefix
            )));
        }
    }
    Ok(Some(rules))
}

/// Whether a name can begin with both prefixes.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn lifecycle_rule(args: &Args) -> Result<LifecycleRule, ApiError> {
    let days = |name: &str| match args.integer(name)? {
        None => Ok(None),
        Some(days) => match u64::try_from(days) {
            Ok(days) if days > 0 => Ok(Some(days)),
            _ => Err(ApiError::bad_request(format!("{name} must be positive"))),
        },
    };
    let rule = LifecycleRule {
        prefix: args.required("fileNamePrefix")?.to_owned(),
        to_hiding: days("daysFromUploadingToHiding")?,
        to_deleting: days("daysFromHidingToDeleting")?,
        to_canceling: days("daysFromStartingToCancelingUnfinishedLargeFiles")?,
    };
    if (rule.to_hiding, rule.to_deleting, rule.to_canceling) == (None, None, None) {
        return Err(ApiError::bad_request(
            "A lifecycle rule needs a number of days",
        ));
    }
    Ok(rule)
}

fn listed(args: &Args, name: &str) -> Result<Option<Vec<Args>>, ApiError> {
    let rules = args.objects(name)?;
    if rules.as_ref().is_some_and(|rules| rules.len() > MAX_RULES) {
        let message = format!("{name} has more than {MAX_RULES} rules");
        return Err(ApiError::bad_request(message));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cors_of(fields: &Value) -> Result<CorsRule, ApiError> {
        let mut rule = json!({"corsRuleName": "the-rule", "allowedOrigins": ["https://x.example"],
            "allowedOperations": ["b2_upload_file"], "maxAgeSeconds": 3600});
        for (name, value) in fields.as_object().unwrap() {
            rule[name] = value.clone();
        }
        cors_rule(&Args::of_json(rule.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn cors_rules_keep_to_the_documented_form() {
        for good in [
            json!({}),
            json!({"allowedOrigins": ["*"]}),
            json!({"allowedOrigins": ["https"]}),
            json!({"allowedOrigins": ["https://*.example.com", "http://localhost:8080"]}),
            json!({"allowedOrigins": ["https://*:8443"]}),
            json!({"allowedOrigins": ["https://*"]}),
            json!({"allowedOrigins": ["https://a.example", "https"]}),
            json!({"allowedHeaders": ["*"]}),
            json!({"allowedHeaders": ["x-bz-*", "range"], "exposeHeaders": ["x-bz-file-id"]}),
            json!({"allowedHeaders": null, "exposeHeaders": [], "maxAgeSeconds": 0}),
        ] {
            assert!(cors_of(&good).is_ok(), "{good}");
        }
        let long: Vec<String> = (0..9)
            .map(|at| format!("{}{at}", "h".repeat(110)))
            .collect();
        for bad in [
            json!({"corsRuleName": "short"}),
            json!({"corsRuleName": "b2-rule"}),
            json!({"corsRuleName": "x".repeat(51)}),
            json!({"corsRuleName": "the_rule"}),
            json!({"allowedOrigins": []}),
            json!({"allowedOrigins": null}),
            json!({"allowedOrigins": ["*", "https://a.example"]}),
            json!({"allowedOrigins": ["https", "https"]}),
            json!({"allowedOrigins": ["https", "https://a.example"]}),
            json!({"allowedOrigins": ["https://*.*.example"]}),
            json!({"allowedOrigins": ["https://a.example/"]}),
            json!({"allowedOrigins": ["a.example"]}),
            json!({"allowedOperations": []}),
            json!({"allowedOperations": ["b2_list_buckets"]}),
            json!({"allowedHeaders": ["*", "range"]}),
            json!({"allowedHeaders": ["x-*-y"]}),
            json!({"exposeHeaders": ["x-bz-*"]}),
            json!({"maxAgeSeconds": 86_401}),
            json!({"maxAgeSeconds": -1}),
            json!({"maxAgeSeconds": null}),
            json!({"allowedHeaders": long}),
        ] {
            assert!(cors_of(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_overlap_if_one_begins_with_the_other() {
        assert!(overlap("", "a") && overlap("a/", "a/b") && overlap("a", "a"));
        assert!(!overlap("a/", "b/") && !overlap("a/", "ab"));
    }
}
