//! Endpoints that show what is in the account, and calls that its owner makes. Nothing here is
//! counted or logged, and no fault hits it.

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::context::{Control, ControlError, io_error};
use crate::calls::table::{self, Auth, Call};
use crate::drivers::receiver::rehash;
use crate::machine::state_machine::Step;
use crate::model::bucket::Bucket;
use crate::model::file::Kind;
use crate::protocol::headers::text_of;
use crate::protocol::range::{self, RequestedRange};
use crate::protocol::response::Response;
use crate::protocol::undocumented;

impl Control {
    pub(super) fn buckets(&self) -> Value {
        let state = self.emulator.account().state();
        let buckets: Vec<Value> = state.buckets.values().map(contents).collect();
        json!({"buckets": buckets})
    }

    /// Makes a call with all capabilities. The response is B2's, errors too.
    pub(super) async fn admin_call(
        &self,
        name: &str,
        body: &[u8],
    ) -> Result<Response, ControlError> {
        let call = owner_call(name)?;
        let response = self.call_as_owner(call, body).await?;
        self.persist()?;
        Ok(response)
    }

    async fn call_as_owner(
        &self,
        call: &'static Call,
        body: &[u8],
    ) -> Result<Response, ControlError> {
        let account = self.emulator.account();
        let (origins, now) = (self.origins(), account.now());
        let step = {
            let mut state = account.state();
            let pending = state.begin_as_owner(call, &origins, now);
            state.finish_json(pending, body, now)
        };
        match step {
            Step::Response(response) => Ok(response),
            Step::Rehash(pending) => {
                Ok(match rehash(pending.content(), account.checksums()).await {
                    Ok(received) => account.state().complete_copy(pending, received),
                    Err(error) => Response::error(&undocumented::storage_failed(&error)),
                })
            }
            Step::ReadJson(_) | Step::Receive(_) => Err(ControlError(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the call requested the body twice".to_owned(),
            )),
        }
    }

    /// The bytes of a file, encrypted with a customer key or not. Never shown by a browser.
    pub(super) fn content(&self, head: &Parts, id: &str) -> Result<Response, ControlError> {
        let content = {
            let state = self.emulator.account().state();
            let found = state.version(id).and_then(|(_, version)| version.stored());
            let missing = || ControlError::not_found(format!("there is no file {id}"));
            found.ok_or_else(missing)?.content.clone()
        };
        let len = content.len();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (ACCEPT_RANGES, "bytes"),
            (CONTENT_TYPE, "application/octet-stream"),
            (CONTENT_DISPOSITION, "attachment"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let asked = text_of(head, RANGE);
        match asked.map_or(RequestedRange::Whole, |asked| range::resolve(asked, len)) {
            RequestedRange::Whole => Ok(Response::content(StatusCode::OK, headers, content)),
            RequestedRange::Part(part) => {
                let range = format!("bytes {}-{}/{len}", part.start, part.end - 1);
                let range = HeaderValue::try_from(range);
                headers.insert(
                    CONTENT_RANGE,
                    range.map_err(std::io::Error::other).map_err(io_error)?,
                );
                let part = content.slice(part);
                Ok(Response::content(
                    StatusCode::PARTIAL_CONTENT,
                    headers,
                    part,
                ))
            }
            RequestedRange::Unsatisfiable => {
                let message = format!("the file has {len} bytes");
                Err(ControlError(StatusCode::RANGE_NOT_SATISFIABLE, message))
            }
        }
    }
}

/// A call in JSON that needs no key of its own.
pub(super) fn owner_call(name: &str) -> Result<&'static Call, ControlError> {
    let call = table::find(name);
    call.filter(|call| !matches!(call.auth, Auth::Basic) && !call.is_download())
        .ok_or_else(|| ControlError::not_found(format!("there is no call {name} here")))
}

/// How much is in a bucket.
fn contents(bucket: &Bucket) -> Value {
    let (mut files, mut hide_markers, mut unfinished, mut bytes) = (0_u64, 0_u64, 0_u64, 0_u64);
    for version in bucket.versions.iter() {
        match &version.kind {
            Kind::File(stored) => {
                files += 1;
                bytes += stored.content.len();
            }
            Kind::Hide => hide_markers += 1,
            Kind::Unfinished(parts) => {
                unfinished += 1;
                bytes += parts.values().map(|part| part.content.len()).sum::<u64>();
            }
        }
    }
    json!({
        "bucketId": bucket.id,
        "bucketName": bucket.name,
        "bucketType": bucket.kind,
        "fileVersions": files,
        "hideMarkers": hide_markers,
        "unfinishedLargeFiles": unfinished,
        "bytes": bytes,
    })
}
