//! The endpoint that makes calls as a client would: counted, logged, and hit by faults.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use super::browse::owner_call;
use super::context::{Answer, Control, ControlError, bad};
use super::query;
use crate::calls::table::{self, Call};
use crate::calls::{download, upload};
use crate::machine::state_machine::Step;

impl Control {
    /// Forwards a request as one of a client with the master key.
    pub(super) fn client_call(&self, head: &Parts, name: &str) -> Result<Answer, ControlError> {
        let query = head.uri.query().unwrap_or("");
        let (method, path, token) = match name {
            upload::UPLOAD_FILE => {
                let id = query::only(query, "bucketId")?;
                self.upload_target("b2_get_upload_url", &json!({"bucketId": id}))?
            }
            upload::UPLOAD_PART => {
                let id = query::only(query, "fileId")?;
                self.upload_target("b2_get_upload_part_url", &json!({"fileId": id}))?
            }
            download::BY_ID => {
                query::only(query, "fileId")?;
                let path = format!("/b2api/v4/{name}?{query}");
                (Method::GET, path, self.client_token()?)
            }
            _ => {
                let name = owner_call(name)?.name;
                query::none(query)?;
                (
                    Method::POST,
                    format!("/b2api/v4/{name}"),
                    self.client_token()?,
                )
            }
        };
        let request = Request::builder()
            .method(method)
            .version(head.version)
            .uri(path)
            .body(());
        let (mut forwarded, ()) = request.map_err(bad)?.into_parts();
        for (name, value) in &head.headers {
            let is_needed = [
                HOST,
                CONTENT_TYPE,
                CONTENT_LENGTH,
                TRANSFER_ENCODING,
                http::header::RANGE,
            ]
            .contains(name);
            if is_needed || name.as_str().starts_with("x-bz-") {
                forwarded.headers.append(name, value.clone());
            }
        }
        let token = HeaderValue::try_from(token).map_err(bad)?;
        forwarded.headers.insert(AUTHORIZATION, token);
        Ok(Answer::Forward(Box::new(forwarded)))
    }

    /// A new upload URL's path, and its token.
    fn upload_target(
        &self,
        call: &str,
        body: &Value,
    ) -> Result<(Method, String, String), ControlError> {
        let answer = self.owner_json(owner_call(call)?, body)?;
        let url = answer["uploadUrl"].as_str();
        let path = url.and_then(|url| url.strip_prefix(&*self.url));
        match (path, answer["authorizationToken"].as_str()) {
            (Some(path), Some(token)) => Ok((Method::POST, path.to_owned(), token.to_owned())),
            _ => Err(ControlError::not_found(
                answer["message"].as_str().unwrap_or("the call failed"),
            )),
        }
    }

    /// An account token of the master key. The last one is used again while it is valid.
    fn client_token(&self) -> Result<String, ControlError> {
        let account = self.emulator.account();
        let now = account.now();
        if let Some(token) = self.state().client_token.clone()
            && account.state().tokens.account(&token, now).is_ok()
        {
            return Ok(token);
        }
        let authorize = table::find("b2_authorize_account");
        let authorize = authorize.ok_or_else(|| bad("the table has no call that authorizes"))?;
        let answer = self.owner_json(authorize, &json!({}))?;
        let token = answer["authorizationToken"].as_str();
        let token = token.ok_or_else(|| bad("the master key is refused"))?;
        self.state().client_token = Some(token.to_owned());
        Ok(token.to_owned())
    }

    /// The JSON of a call that does nothing but issue a token.
    fn owner_json(&self, call: &'static Call, body: &Value) -> Result<Value, ControlError> {
        let account = self.emulator.account();
        let (origins, now) = (self.origins(), account.now());
        let mut state = account.state();
        let pending = state.begin_as_owner(call, &origins, now);
        match state.finish_json(pending, body.to_string().as_bytes(), now) {
            Step::Response(response) => Ok(response.as_json().unwrap_or_default()),
            _ => Err(bad("the call has no response")),
        }
    }
}
