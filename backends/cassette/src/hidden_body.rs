//! Hides secrets in a body so that valid JSON stays valid.

use serde_json::Value;

use crate::interaction::RecordedBody;
use crate::json;
use crate::secrets::Secrets;

/// The body with every secret replaced; `None` if it contains none.
///
/// A placeholder is no JSON outside a string, so a number that contains a secret becomes a string. JSON that would
/// still be invalid is omitted.
pub(crate) fn hidden_body(secrets: &Secrets, bytes: &[u8]) -> Option<RecordedBody> {
    let hidden = secrets.hidden(bytes)?;
    let Some(mut json) = json::parse(bytes) else {
        return Some(hidden.into());
    };
    if json::parse(&hidden).is_some() {
        return Some(hidden.into());
    }
    hide_numbers(secrets, &mut json);
    let text = json.to_string().into_bytes();
    let hidden = secrets.hidden(&text).unwrap_or(text);
    Some(match json::parse(&hidden) {
        Some(_) => hidden.into(),
        None => RecordedBody::omitted(bytes),
    })
}

/// Makes each number that contains a secret a string.
fn hide_numbers(secrets: &Secrets, json: &mut Value) {
    match json {
        Value::Number(number) => {
            if let Some(hidden) = secrets.hidden_text(&number.to_string()) {
                *json = Value::String(hidden);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| hide_numbers(secrets, item)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| hide_numbers(secrets, member)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
