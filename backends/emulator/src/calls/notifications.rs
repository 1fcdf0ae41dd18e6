//! `b2_get_bucket_notification_rules` and `b2_set_bucket_notification_rules`.

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::rules::overlap;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::names;
use crate::model::notification::{NotificationRule, covers};
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;

const MAX_RULES: usize = 25;
const MAX_HEADERS: usize = 10;
const HEADER_BYTES: usize = 2048;
const SECRET_LEN: usize = 32;

/// The event types of rules.
const EVENT_TYPES: [&str; 14] = [
    "b2:HideMarkerCreated:*",
    "b2:HideMarkerCreated:Hide",
    "b2:HideMarkerCreated:LifecycleRule",
    "b2:MultipartUploadCreated:*",
    "b2:MultipartUploadCreated:LiveRead",
    "b2:ObjectCreated:*",
    "b2:ObjectCreated:Copy",
    "b2:ObjectCreated:MultipartReplica",
    "b2:ObjectCreated:MultipartUpload",
    "b2:ObjectCreated:Replica",
    "b2:ObjectCreated:Upload",
    "b2:ObjectDeleted:*",
    "b2:ObjectDeleted:Delete",
    "b2:ObjectDeleted:LifecycleRule",
];

pub(crate) fn get_bucket_notification_rules(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("bucketId")?;
    caller.key.require_bucket(id)?;
    Ok(Outcome::Json(json(state.bucket(id)?)))
}

pub(crate) fn set_bucket_notification_rules(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("bucketId")?;
    caller.key.require_bucket(id)?;
    let bucket = state.bucket_mut(id)?;
    let rules = args
        .objects("eventNotificationRules")?
        .ok_or_else(|| undocumented::missing_field("eventNotificationRules"))?;
    if rules.len() > MAX_RULES {
        let message = format!("A bucket has at most {MAX_RULES} event notification rules");
        return Err(ApiError::bad_request(message));
    }
    let mut rules: Vec<NotificationRule> = rules.iter().map(rule).collect::<Result<_, _>>()?;
    rules.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    for (at, rule) in rules.iter().enumerate() {
        for other in rules.iter().take(at) {
            check_pair(other, rule)?;
        }
    }
    bucket.notification_rules = rules;
    Ok(Outcome::Json(json(bucket)))
}

fn json(bucket: &Bucket) -> Value {
    let rules = bucket.notification_rules.iter();
    let rules: Vec<Value> = rules.map(NotificationRule::json).collect();
    json!({"bucketId": bucket.id, "eventNotificationRules": rules})
}

fn rule(args: &Args) -> Result<NotificationRule, ApiError> {
    let name = args.required("name")?;
    if !names::is_rule_name(name, 63) {
        let message = format!("Invalid event notification rule name: {name}");
        return Err(ApiError::bad_request(message));
    }
    let mut event_types = args.strings("eventTypes")?.unwrap_or_default();
    check_event_types(&event_types)?;
    event_types.sort_unstable();
    let target = args
        .object("targetConfiguration")?
        .ok_or_else(|| undocumented::missing_field("targetConfiguration"))?;
    let kind = target.required("targetType")?;
    if kind != "webhook" {
        let message = format!("Invalid targetType: {kind}");
        return Err(ApiError::bad_request(message));
    }
    let url = target.required("url")?;
    let is_https = url.len() > "https://".len() && url.starts_with("https://");
    if !is_https && !is_loopback_receiver(url) {
        return Err(ApiError::bad_request(
            "The protocol for the url must be https://",
        ));
    }
    let secret = target.string("hmacSha256SigningSecret")?;
    let is_secret =
        |it: &str| it.len() == SECRET_LEN && it.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if secret.is_some_and(|secret| !is_secret(secret)) {
        let message = format!("hmacSha256SigningSecret must have {SECRET_LEN} letters and digits");
        return Err(ApiError::bad_request(message));
    }
    // the documents have it beside the target, the samples inside
    let max_batch = match target.integer("maxEventsPerBatch")? {
        None => args.integer("maxEventsPerBatch")?.unwrap_or(1),
        Some(within) => within,
    };
    Ok(NotificationRule {
        name: name.to_owned(),
        event_types,
        is_enabled: args
            .boolean("isEnabled")?
            .ok_or_else(|| undocumented::missing_field("isEnabled"))?,
        prefix: args.required("objectNamePrefix")?.to_owned(),
        url: url.to_owned(),
        headers: custom_headers(&target)?,
        secret: secret.map(str::to_owned),
        max_batch: u64::try_from(max_batch)
            .ok()
            .filter(|batch| (1..=50).contains(batch))
            .ok_or_else(|| {
                ApiError::bad_request(format!("maxEventsPerBatch out of range: {max_batch}"))
            })?,
    })
}

fn check_event_types(types: &[String]) -> Result<(), ApiError> {
    if types.is_empty() {
        let message = "eventTypes must not be empty";
        return Err(ApiError::new(400, "event_types_empty", message));
    }
    for (at, event_type) in types.iter().enumerate() {
        if !EVENT_TYPES.contains(&event_type.as_str()) {
            let message = format!("Invalid event type: {event_type}");
            return Err(ApiError::new(400, "event_type_invalid", message));
        }
        if let Some(other) = types
            .iter()
            .take(at)
            .find(|other| types_overlap(other, event_type))
        {
            let message = format!("Event types overlap: {other} and {event_type}");
            return Err(ApiError::new(400, "event_type_overlap", message));
        }
    }
    Ok(())
}

/// Whether both types cover some common event.
fn types_overlap(one: &str, other: &str) -> bool {
    covers(one, other) || covers(other, one)
}

fn check_pair(one: &NotificationRule, other: &NotificationRule) -> Result<(), ApiError> {
    if one.name == other.name {
        let message = format!(
            "The event notification rule name is used twice: {}",
            one.name
        );
        return Err(ApiError::bad_request(message));
    }
    let share_events = || {
        let types = one.event_types.iter();
        types
            .into_iter()
            .any(|a| other.event_types.iter().any(|b| types_overlap(a, b)))
    };
    if overlap(&one.prefix, &other.prefix) && share_events() {
        return Err(undocumented::overlapping_notifications(
            &one.name,
            &other.name,
        ));
    }
    Ok(())
}

fn custom_headers(target: &Args) -> Result<Option<Vec<(String, String)>>, ApiError> {
    let Some(given) = target.objects("customHeaders")? else {
        return Ok(None);
    };
    let bad = |message: String| Err(ApiError::bad_request(message));
    let mut headers = Vec::new();
    for header in &given {
        let name = header.required("name")?;
        let value = header.required("value")?;
        let is_reserved = name
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("x-bz-"));
        let is_header = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value).is_ok();
        if is_reserved || !is_header {
            return bad(format!("Invalid custom header: {name}"));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if headers.len() > MAX_HEADERS || bytes > HEADER_BYTES {
        return bad(format!(
            "There may be {MAX_HEADERS} custom headers of {HEADER_BYTES} bytes in all"
        ));
    }
    Ok(Some(headers))
}

/// Whether a URL leads to this computer without TLS. B2 accepts `https://` only, and could not
/// reach these receivers; tests can hardly run them with TLS.
fn is_loopback_receiver(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().filter(|uri| uri.scheme_str() == Some("http"));
    host.and_then(http::Uri::host).is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}
