//! Endpoints for the log of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::CONTENT_DISPOSITION;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::context::{Control, ControlError};
use super::query::{self, CallQuery};
use crate::calls::billing::BillingClass;
use crate::drivers::call_log::json::CallJson;
use crate::protocol::response::Response;

#[derive(Serialize)]
struct Calls<'a> {
    calls: Vec<CallJson<'a>>,
    last: u64,
    missed: u64,
    totals: Totals,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    calls: u64,
    bytes_received: u64,
    bytes_sent: u64,
}

impl Control {
    /// Calls after the one with this id; waits until there is one if asked to.
    pub(super) async fn calls(&self, query: &str) -> Result<Response, ControlError> {
        let CallQuery {
            after,
            limit,
            wait_seconds,
            filter,
        } = CallQuery::of(query)?;
        if wait_seconds > 0 {
            let at_most = Duration::from_secs(wait_seconds);
            self.log.wait(after, at_most).await;
        }
        let page = self.log.page(after, limit, &filter);
        let totals = self.log.totals();
        let calls = Calls {
            calls: page.calls().map(|call| CallJson::of(&call)).collect(),
            last: page.last,
            missed: page.missed,
            totals: Totals {
                calls: totals.calls,
                bytes_received: totals.received,
                bytes_sent: totals.sent,
            },
        };
        Ok(compact(&calls, calls.calls.len()))
    }

    pub(super) fn call(&self, id: &str) -> Result<Response, ControlError> {
        let page = id.parse().map(|id| self.log.get(id)).unwrap_or_default();
        let call = page.calls().next();
        let call = call
            .ok_or_else(|| ControlError::not_found(format!("there is no call {id} in the log")))?;
        Ok(compact(&CallJson::with_messages(&call), 1))
    }

    pub(super) fn clear_calls(&self) -> Value {
        self.log.clear();
        json!({})
    }

    pub(super) fn cassette(&self, query: &str) -> Result<Response, ControlError> {
        let text = self.log.cassette(&query::filter(query)?);
        let content_type = HeaderValue::from_static("application/yaml");
        let mut response = Response::with_body(StatusCode::OK, content_type, text.into());
        let name = HeaderValue::from_static("attachment; filename=\"calls.yaml\"");
        response.headers.insert(CONTENT_DISPOSITION, name);
        Ok(response)
    }

    /// The calls of the account by billing class.
    pub(super) fn usage(&self) -> Value {
        let calls = self.emulator.snapshot().calls;
        let mut classes = BTreeMap::from([("A", 0), ("B", 0), ("C", 0)]);
        let mut by_name = BTreeMap::new();
        for (call, count) in calls {
            let class = BillingClass::of(&call).name();
            *classes.entry(class).or_default() += count;
            by_name.insert(call, json!({"class": class, "count": count}));
        }
        json!({"classes": classes, "calls": by_name})
    }
}

/// JSON of this many calls, without indentation, since there may be thousands.
fn compact(value: &impl Serialize, calls: usize) -> Response {
    let mut body = Vec::with_capacity(512 * (calls + 1));
    // a `Vec` takes everything, and the types have no maps whose keys are not strings
    serde_json::to_writer(&mut body, value).unwrap_or_default();
    let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
    Response::with_body(StatusCode::OK, content_type, body.into())
}
