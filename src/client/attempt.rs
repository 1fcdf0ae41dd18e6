//! [`AttemptContext`]: an attempt's credentials and upload URL, and the headers and deadlines of
//! every request.

use std::time::Duration;

use b2kit_core::{Deadlines, Request, Throughput};
use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Uri};
use tracing::debug;

use super::auth::authorization::Generation;
use super::auth::permissions::{explain_rejection, refuse_known_missing, with_key_permissions};
use super::auth::session::session;
use super::erased_call::ErasedCall;
use super::handle::Client;
use super::retry::outage::EndpointId;
use super::retry::policy::PROGRESS_BYTES;
use super::retry::state::RetryState;
use super::upload_urls::PooledUrl;
use crate::api::{
    ApiVersion, CallExecutor as _, CallKind, CallMetadata, GetUploadPartUrl, GetUploadUrl, Target,
    UploadAddress, UploadTarget,
};
use crate::error::Error;

/// The maximum time to the head of the response: for an ordinary call, for one that copies or
/// finishes files, and for an upload after its last byte was sent.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const LONG_RUNNING_HEAD_TIMEOUT: Duration = Duration::from_secs(1_200);
const UPLOAD_HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// The credentials of an attempt, and the URL of an upload.
pub(super) enum AttemptContext {
    /// For an authorization: the application key.
    Authorize,
    /// For most calls: the session's token.
    Session(Generation),
    /// For an upload: an upload URL with a token of its own.
    Upload(Generation, UploadTarget, PooledUrl),
}

impl AttemptContext {
    /// Waits for the session, and for an upload URL where the call needs one.
    pub(super) async fn obtain(
        client: &Client,
        call: &dyn ErasedCall,
        state: &RetryState<'_>,
    ) -> Result<Self, Error> {
        let metadata = call.metadata();
        if metadata.kind == CallKind::Authorize {
            let mut pause = client.shared.authorization.pause(client.now());
            if !client.shared.outages.ever_answered() {
                // Authorizations for calls before this one may have failed again and again.
                pause = pause.min(client.policy.first_connection_timeout);
            }
            if !pause.is_zero() {
                debug!(?pause, "waiting before the next authorization");
            }
            client.sleep(pause).await;
            return Ok(Self::Authorize);
        }
        let generation = session(client, true).await?;
        refuse_known_missing(metadata, &call.extra_capabilities(), &generation.session)?;
        let Some(target) = call.upload_target() else {
            return Ok(Self::Session(generation));
        };
        let free = if state.may_reuse_url() {
            client.shared.upload_urls.take(&target, client.now())
        } else {
            None
        };
        let pooled = match free {
            Some(pooled) => pooled,
            None => upload_url(client, &target).await?,
        };
        Ok(Self::Upload(generation, target, pooled))
    }

    pub(super) fn target<'a>(&'a self, client: &'a Client) -> Target<'a> {
        match self {
            Self::Authorize => client.shared.authorization.authorize_target(),
            Self::Session(generation) => Target::session(&generation.session),
            Self::Upload(generation, _, pooled) => {
                Target::upload_to(&generation.session, &pooled.address)
            }
        }
    }

    /// The endpoint that the attempt goes to.
    pub(super) fn endpoint(&self, client: &Client, uri: &Uri) -> EndpointId {
        let outages = &client.shared.outages;
        match self {
            Self::Upload(generation, ..) => {
                outages.upload_endpoint(uri, generation.session.api_url())
            }
            Self::Authorize | Self::Session(_) => outages.endpoint(uri),
        }
    }

    /// The version of the API that the attempt spoke.
    pub(super) fn version(&self, client: &Client) -> ApiVersion {
        match self {
            Self::Authorize => client.shared.authorization.version(),
            Self::Session(generation) | Self::Upload(generation, ..) => {
                generation.session.version()
            }
        }
    }

    /// Returns an upload URL that is good for another upload.
    pub(super) fn give_back(self, client: &Client) {
        match self {
            Self::Authorize | Self::Session(_) => {}
            Self::Upload(_, target, pooled) => client.shared.upload_urls.give_back(target, pooled),
        }
    }

    /// Whether this 401 ends the session. A session that can't be renewed ends only if its token is
    /// certainly invalid: a HEAD is refused without a reason, and a download that a download
    /// authorization doesn't permit is refused as if its token were bad.
    pub(super) fn is_over(&self, client: &Client, failure: &Error) -> bool {
        let Self::Session(generation) = self else {
            return true;
        };
        match failure.b2().map(|b2| &*b2.code) {
            _ if client.shared.authorization.can_renew() => true,
            Some("expired_auth_token") => true,
            Some("bad_auth_token") => !generation.session.is_for_downloads_only,
            _ => false,
        }
    }

    /// Drops the session, whose token has expired. `false` if there is a newer session already.
    pub(super) fn expired(&self, client: &Client) -> bool {
        match self {
            Self::Session(generation) => client.shared.authorization.expired(generation),
            Self::Authorize | Self::Upload(..) => true,
        }
    }

    /// Adds the key's permissions to B2's error.
    pub(super) fn explain(
        &self,
        client: &Client,
        metadata: &CallMetadata,
        failure: Error,
    ) -> Error {
        match self {
            Self::Authorize => explain_rejection(failure, client.shared.authorization.version()),
            Self::Session(generation) | Self::Upload(generation, ..) => {
                with_key_permissions(failure, metadata, &generation.session)
            }
        }
    }
}

/// Builds the request, and refuses one to an endpoint that must not get it.
pub(super) fn build_request(
    client: &Client,
    call: &dyn ErasedCall,
    target: &Target<'_>,
) -> Result<Request, Error> {
    let request = call.request(target)?;
    match call.metadata().kind {
        CallKind::Download => client
            .shared
            .endpoint_policy
            .check_download(request.uri())?,
        _ => client.shared.endpoint_policy.check(request.uri())?,
    }
    Ok(request)
}

/// Sets the headers of every request.
pub(super) fn apply_common_headers(client: &Client, request: &mut Request) {
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, client.shared.user_agent.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(mode) = &client.shared.test_mode {
        headers.insert("x-bz-test-mode", mode.clone());
    }
}

/// The deadlines of a request. `left` is the time that is left to the call.
pub(super) fn deadlines(
    client: &Client,
    metadata: &CallMetadata,
    left: Option<Duration>,
) -> Deadlines {
    let head = match metadata.kind {
        CallKind::Upload => UPLOAD_HEAD_TIMEOUT,
        _ if metadata.long_running => LONG_RUNNING_HEAD_TIMEOUT,
        _ => HEAD_TIMEOUT,
    };
    let mut deadlines = client.shared.deadlines.with_head(head);
    if metadata.kind == CallKind::Upload {
        deadlines = deadlines.with_body(UPLOAD_HEAD_TIMEOUT);
    }
    if let Some(left) = left {
        deadlines = match metadata.kind {
            // The caller may read a download's bytes slowly.
            CallKind::Download => deadlines.with_min_progress(Throughput::new(
                PROGRESS_BYTES,
                client.policy.deadline.unwrap_or(left),
            )),
            _ => deadlines.with_total(left),
        };
    }
    deadlines
}

/// Gets a new upload URL. Boxed, since this is a call too.
fn upload_url<'a>(
    client: &'a Client,
    target: &'a UploadTarget,
) -> BoxFuture<'a, Result<PooledUrl, Error>> {
    Box::pin(async move {
        let address = match target {
            UploadTarget::Bucket(id) => {
                let url = client.execute(GetUploadUrl::new(id)).await?;
                UploadAddress::new(&url.upload_url, &url.authorization_token)
            }
            UploadTarget::LargeFile(id) => {
                let url = client.execute(GetUploadPartUrl::new(id)).await?;
                UploadAddress::new(&url.upload_url, &url.authorization_token)
            }
        };
        Ok(PooledUrl::new(address?, client.now()))
    })
}
