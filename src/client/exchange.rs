//! One exchange: sends a request and turns the response into the call's output.

use b2kit_core::{Deadlines, HttpError, HttpErrorKind, Phase, Request};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use tracing::warn;

use super::erased_call::ErasedCall;
use super::handle::Client;
use super::retry::retry_after::{retry_after, server_time};
use crate::api::{CallKind, Reply};
use crate::error::{Error, ErrorKind};
use crate::types::Secret;

/// Error bodies are read up to this many bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Makes one attempt: sends the request, reads the response, and counts it.
pub(super) async fn exchange(
    client: &Client,
    call: &mut dyn ErasedCall,
    request: Request,
    deadlines: Deadlines,
) -> Result<(), Error> {
    let metadata = call.metadata();
    let outcome = send(client, call, request, deadlines).await;
    if metadata.kind == CallKind::Authorize {
        client.shared.authorization.attempted(
            outcome.is_err(),
            client.now(),
            client.shared.jitter(),
        );
        if outcome.is_ok() {
            client.shared.compare_clocks();
        }
    }
    let unsent = outcome
        .as_ref()
        .err()
        .and_then(Error::http_error)
        .is_some_and(|error| error.phase() == Phase::NotSent);
    if !unsent {
        client.shared.counters.count(metadata.class);
    }
    outcome
}

/// Sends the request, and turns the response into the call's output.
async fn send(
    client: &Client,
    call: &mut dyn ErasedCall,
    request: Request,
    deadlines: Deadlines,
) -> Result<(), Error> {
    let kind = call.metadata().kind;
    learn_secrets(client, call, request.headers());
    let is_head = request.method() == Method::HEAD;
    let is_download = kind == CallKind::Download && request.method() == Method::GET;
    let bandwidth = client.shared.bandwidth.as_ref();
    let request = match bandwidth {
        Some(bandwidth) if kind == CallKind::Upload => bandwidth.outgoing(request),
        _ => request,
    };
    let host = request.uri().authority().cloned();
    let response = client
        .shared
        .backend
        .send_within(request, deadlines)
        .await
        .map_err(|error| match error.kind() {
            // The only part of a URI that the client doesn't choose is a file name.
            HttpErrorKind::Invalid if is_download => Error::invalid(
                "nothing was sent: the HTTP library would rewrite this name; DownloadFileById \
                     requests the same file by its id",
            )
            .with_source(error),
            _ => Error::http(error).at_host(host.as_ref()),
        })?;
    let (head, body) = response.into_parts();
    let date = server_time(&head.headers);
    // An intermediary's `Date` is not B2's, and a cache in front of downloads keeps old ones.
    let is_b2s =
        kind != CallKind::Download || !client.shared.authorization.replaces_download_origin();
    let date = date.filter(|_| is_b2s);
    let note_date = || {
        if let Some(date) = date {
            client.shared.server_clock.note(date, client.now());
        }
    };
    if !matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        let wish = retry_after(&head.headers);
        let text = body.collect(MAX_ERROR_BODY).await.unwrap_or_default();
        let reply = Reply::whole(head, text);
        let error = match reply.error(is_head) {
            Ok(b2) if client.shared.redactor.is_in_code(&b2.code) => {
                Error::from_non_b2(reply.not_b2s())
            }
            Ok(b2) => {
                if !b2.code.is_empty() {
                    note_date();
                }
                if b2.code == "auth_token_limit" {
                    warn!("two concurrent uploads used one upload URL");
                }
                Error::from_b2(b2)
            }
            Err(response) => Error::from_non_b2(response),
        };
        return Err(error.with_retry_after(wish));
    }
    let reply = if kind == CallKind::Download {
        Reply::stream(
            head,
            match bandwidth {
                Some(bandwidth) => bandwidth.incoming(body),
                None => body,
            },
        )
    } else {
        Reply::whole(
            head,
            body.collect(call.reply_limit())
                .await
                .map_err(lost_in_the_middle)?,
        )
    };
    let secrets = call.read(reply).map_err(|error| match error.kind() {
        ErrorKind::Protocol => error.with_effect(true),
        _ => error,
    })?;
    note_date();
    for secret in secrets {
        client.shared.redactor.learn(&secret);
    }
    Ok(())
}

fn lost_in_the_middle(error: HttpError) -> Error {
    Error::http(error).with_effect(true)
}

/// Remembers the secrets in the request, for redaction. The token in `Authorization` is known
/// already, unless it was forgotten after too many others.
fn learn_secrets(client: &Client, call: &dyn ErasedCall, headers: &HeaderMap) {
    if let Some(token) = headers.get(AUTHORIZATION) {
        client.shared.redactor.learn_again(token.as_bytes());
    }
    let sensitive = headers
        .iter()
        .filter(|(name, value)| value.is_sensitive() && *name != AUTHORIZATION)
        .filter_map(|(_, value)| Some(Secret::new(value.to_str().ok()?)));
    for secret in call.secrets().into_iter().chain(sensitive) {
        client.shared.redactor.learn(&secret);
    }
}
