//! The loop through which every call goes: authorize if needed, build, send, judge, and again.

use std::sync::Arc;
use std::time::Duration;

use b2kit_core::{Deadlines, HttpClient as _, Request};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, StatusCode};
use tracing::debug;

use super::Shared;
use super::authorization::Generation;
use super::judge::{Next, judge};
use crate::api::{AuthorizeAccount, Call, Facts, Reply, Session, Target, Token};
use crate::error::{B2Error, Error, ErrorKind};

/// Error bodies are read up to this many bytes.
const ERROR_LIMIT: usize = 64 << 10;

/// How long B2 may work before it answers: on an ordinary call, on one that moves files around, after an upload.
const HEAD: Duration = Duration::from_secs(30);
const PATIENT_HEAD: Duration = Duration::from_secs(1_200);
const UPLOAD_HEAD: Duration = Duration::from_secs(120);

/// Makes a call.
pub(super) async fn run<C: Call>(client: &Shared, call: &C) -> Result<C::Output, Error> {
    let facts = &C::FACTS;
    let mut attempts = 0;
    let mut renewed = false;
    loop {
        let generation = match facts.token {
            Token::Account => Some(
                authorized(client)
                    .await
                    .map_err(|error| error.in_call(facts.name, attempts))?,
            ),
            Token::ApplicationKey | Token::Upload => None,
        };
        let target = match &generation {
            Some(generation) => Target::session(&generation.session),
            None => client.authorization.realm(),
        };
        attempts += 1;
        let failure = match attempt(client, call, &target).await {
            Ok(output) => return Ok(output),
            Err(failure) => failure,
        };
        debug!(call = facts.name, attempts, kind = ?failure.kind(), status = failure.b2().map(|b2| b2.status), "failed");
        match (judge(facts, failure, renewed), generation) {
            (Next::Reauthorize, Some(generation)) => {
                client.authorization.expired(&generation);
                renewed = true;
            }
            (Next::Reauthorize, None) => {
                unreachable!("only calls in the account's name are told to authorize anew")
            }
            (Next::GiveUp(failure), _) => {
                let sent =
                    failure.kind() != ErrorKind::Invalid && failure.kind() != ErrorKind::Untrusted;
                return Err(failure.in_call(facts.name, if sent { attempts } else { attempts - 1 }));
            }
        }
    }
}

/// The session, made now if there is none.
pub(super) async fn session(client: &Shared) -> Result<Arc<Session>, Error> {
    authorized(client)
        .await
        .map(|generation| generation.session)
}

async fn authorized(client: &Shared) -> Result<Generation, Error> {
    let authorize = async |call: AuthorizeAccount| {
        let facts = &AuthorizeAccount::FACTS;
        let outcome = attempt(client, &call, &client.authorization.realm()).await;
        outcome.map_err(|failure| match judge(facts, failure, true) {
            Next::GiveUp(failure) => failure.in_call(facts.name, 1),
            Next::Reauthorize => unreachable!("a login is not preceded by a login"),
        })
    };
    client.authorization.session(authorize).await
}

/// Makes one attempt: from a call to a request, over the wire, and from the response to a value.
async fn attempt<C: Call>(
    client: &Shared,
    call: &C,
    target: &Target<'_>,
) -> Result<C::Output, Error> {
    let facts = &C::FACTS;
    let mut request = call.request(target)?;
    client.policy.check(request.uri())?;
    let token = request.headers().get(AUTHORIZATION).cloned();
    stamp(client, facts, &mut request);

    let response = client.backend.send(request).await.map_err(Error::http)?;
    let (head, body) = response.into_parts();
    // A failure in the middle of a success leaves open what B2 did; reading alone changes nothing.
    let success = matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
    if !success {
        let text = body.collect(ERROR_LIMIT).await.unwrap_or_default();
        return Err(Error::from_b2(without_token(
            Reply::whole(head, text).error(),
            token.as_ref(),
        )));
    }
    let reply = if facts.streams {
        Reply::stream(head, body)
    } else {
        Reply::whole(
            head,
            body.collect(call.reply_limit())
                .await
                .map_err(Error::http)?,
        )
    };
    call.read(reply).map_err(|error| match error.kind() {
        ErrorKind::Protocol => error.with_effect(true),
        _ => error,
    })
}

/// What every request carries.
fn stamp(client: &Shared, facts: &Facts, request: &mut Request) {
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, client.user_agent.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let head = match facts.token {
        Token::Upload => UPLOAD_HEAD,
        _ if facts.patient => PATIENT_HEAD,
        _ => HEAD,
    };
    request
        .extensions_mut()
        .insert(Deadlines::DEFAULT.with_head(head));
}

/// B2 repeats the token in some messages ("more than one upload using auth token …").
fn without_token(mut error: B2Error, token: Option<&HeaderValue>) -> B2Error {
    let token = token
        .and_then(|value| value.to_str().ok())
        .filter(|token| !token.is_empty());
    if let Some(token) = token {
        for text in [&mut error.code, &mut error.message] {
            if text.contains(token) {
                *text = text.replace(token, "[redacted]");
            }
        }
    }
    error
}
