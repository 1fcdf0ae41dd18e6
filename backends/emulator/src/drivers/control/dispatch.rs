//! Answers requests to the control API: checks the token, finds the endpoint, and calls it.

use std::io;

use b2kit_core::BodyStream;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::account::VERSION;
use super::context::{Answer, Control, ControlError, json_response};
use super::routes::{Endpoint, Found, find};
use super::{PATH, console};
use crate::drivers::request_body::collect;
use crate::machine::state_machine::JSON_LIMIT;
use crate::protocol::headers::text_of;
use crate::protocol::percent;
use crate::protocol::response::Response;

/// The description of the control API in OpenAPI 3.1.
const OPENAPI: &[u8] = include_bytes!("openapi.json");

impl Control {
    /// Answers a request below [`PATH`].
    ///
    /// # Errors
    /// If the body can't be read.
    pub(in crate::drivers) async fn answer(
        &self,
        head: &Parts,
        body: &mut BodyStream,
    ) -> io::Result<Answer> {
        let response = match self.endpoint(head) {
            Err(error) => error.into_response(),
            Ok(Target::Console) => console::page(),
            Ok(Target::Endpoint(Endpoint::ClientCall, call)) => {
                match self.client_call(head, &call) {
                    Ok(forwarded) => return Ok(forwarded),
                    Err(error) => error.into_response(),
                }
            }
            Ok(Target::Endpoint(endpoint, parameter)) => match collect(body, JSON_LIMIT).await? {
                None => {
                    let message = "the body is too large".to_owned();
                    ControlError(StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
                }
                Some(body) => self
                    .dispatch(endpoint, &parameter, head, &body)
                    .await
                    .unwrap_or_else(ControlError::into_response),
            },
        };
        let now = self.emulator.account().now();
        Ok(Answer::Response(response.with_date(now)))
    }

    /// The target of a request, if its token is right.
    fn endpoint(&self, head: &Parts) -> Result<Target, ControlError> {
        let path = head.uri.path();
        let unknown = || ControlError::not_found(format!("there is nothing at {path}"));
        let rest = path.strip_prefix(PATH).ok_or_else(unknown)?;
        if rest.is_empty() {
            self.authenticate(console::token(head).as_deref())?;
            return match head.method {
                Method::GET => Ok(Target::Console),
                _ => Err(ControlError(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "GET".to_owned(),
                )),
            };
        }
        let given = text_of(head, AUTHORIZATION);
        self.authenticate(given.and_then(|given| given.strip_prefix("Bearer ")))?;
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if version != VERSION {
            let message = format!("the control API has no version {version}, only {VERSION}");
            return Err(ControlError::not_found(message));
        }
        match find(&head.method, rest) {
            Found::Endpoint(endpoint, parameter) => {
                let parameter = percent::decode_segment(parameter).ok_or_else(unknown)?;
                Ok(Target::Endpoint(endpoint, parameter))
            }
            Found::OtherMethods(methods) => Err(ControlError(
                StatusCode::METHOD_NOT_ALLOWED,
                methods.join(", "),
            )),
            Found::Nothing => Err(unknown()),
        }
    }

    fn authenticate(&self, given: Option<&str>) -> Result<(), ControlError> {
        let given = given.unwrap_or("").as_bytes();
        if given.ct_eq(self.token.as_bytes()).into() {
            return Ok(());
        }
        let message = "the control token is missing or wrong: Authorization: Bearer TOKEN";
        Err(ControlError(StatusCode::UNAUTHORIZED, message.to_owned()))
    }

    async fn dispatch(
        &self,
        endpoint: Endpoint,
        parameter: &str,
        head: &Parts,
        body: &[u8],
    ) -> Result<Response, ControlError> {
        let query = head.uri.query().unwrap_or("");
        let value: Value = match endpoint {
            Endpoint::Calls => return self.calls(query).await,
            Endpoint::Call => return self.call(parameter),
            Endpoint::Cassette => return self.cassette(query),
            Endpoint::AdminCall => return self.admin_call(parameter, body).await,
            Endpoint::FileContent => return self.content(head, parameter),
            Endpoint::OpenApi => return Ok(openapi()),
            Endpoint::ClientCall => return Err(super::context::bad("the caller forwards it")),
            Endpoint::Status => self.status(),
            Endpoint::Buckets => self.buckets(),
            Endpoint::ClearCalls => self.clear_calls(),
            Endpoint::Usage => self.usage(),
            Endpoint::AddFault => self.add_fault(body)?,
            Endpoint::Faults => self.faults(),
            Endpoint::ClearFaults => self.clear_faults(),
            Endpoint::RemoveFault => self.remove_fault(parameter)?,
            Endpoint::OpenLatch => self.open_latch(parameter)?,
            Endpoint::Clock => self.clock(),
            Endpoint::AdvanceClock => {
                self.advance_clock(body)?;
                self.clock()
            }
            Endpoint::ResetClock => self.reset_clock()?,
            Endpoint::RunLifecycle => {
                self.emulator.run_lifecycle();
                self.persist()?
            }
            Endpoint::ExpireTokens => self.expire(body)?,
            Endpoint::Webhooks => self.webhooks(false),
            Endpoint::DrainWebhooks => self.webhooks(true),
            Endpoint::States => self.states(),
            Endpoint::SaveState => self.save(parameter),
            Endpoint::RemoveState => self.remove_state(parameter)?,
            Endpoint::RestoreState => self.restore(parameter)?,
            Endpoint::Reset => self.reset()?,
        };
        Ok(json_response(StatusCode::OK, &value))
    }
}

/// The target of a request.
enum Target {
    Console,
    /// With its parameter, decoded.
    Endpoint(Endpoint, String),
}

fn openapi() -> Response {
    let content_type = HeaderValue::from_static("application/json");
    Response::with_body(StatusCode::OK, content_type, Bytes::from_static(OPENAPI))
}
