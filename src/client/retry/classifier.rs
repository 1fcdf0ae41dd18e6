//! The retry classifier: maps a failure to a class, and the class to the next step. Pure functions.

use b2kit_core::{HttpErrorKind, Phase};

use crate::api::CallKind;
use crate::error::{B2Error, Error, ErrorKind};

/// The class of a failed attempt, which determines the next step.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) enum FailureClass<'a> {
    /// Nothing reached the server.
    NotSent,
    /// It is unknown whether the server processed the request.
    Ambiguous,
    /// Like `Ambiguous`, but the server may still be processing the request: a proxy or the client
    /// timed out.
    MayStillExecute,
    /// Like `Ambiguous`, but the connection closed before the first response byte. Usually a pooled
    /// idle connection that the server was closing.
    ConnectionLost,
    /// B2 rejected the request without processing it.
    Rejected(&'a B2Error),
    /// B2 timed out waiting for the request body (408). An upload has stored nothing; other calls
    /// may have been processed.
    RequestTimeout,
    /// A proxy or other intermediary responded with this status. It is unknown whether B2 processed
    /// the request.
    NonB2(u16),
    /// The response doesn't match the request, or its content is corrupt.
    Mismatch,
    /// A success response that can't be parsed.
    Unreadable,
    /// A permanent failure: never retried.
    Fatal,
}

impl FailureClass<'_> {
    /// The class's name in tracing events.
    pub(in crate::client) const fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Ambiguous
            | Self::MayStillExecute
            | Self::ConnectionLost
            | Self::Unreadable
            | Self::NonB2(_) => "ambiguous",
            Self::Rejected(_) => "rejected",
            Self::RequestTimeout => "timed out",
            Self::Mismatch => "corrupt",
            Self::Fatal => "final",
        }
    }
}

/// The call's history before this attempt failed.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::client) struct History {
    /// The failures so far, except those that only led to a token renewal.
    pub(in crate::client) failures: u32,
    /// Whether the account was re-authorized for this call.
    pub(in crate::client) reauthorized: bool,
    /// Whether the outcome of an earlier attempt is still unknown.
    pub(in crate::client) ambiguous: bool,
    /// Responses that were mismatched or unreadable.
    pub(in crate::client) invalid_responses: u32,
    /// Responses from intermediaries that are likely to recur.
    pub(in crate::client) non_b2_responses: u32,
    /// Upload URLs whose token was rejected.
    pub(in crate::client) rejected_urls: u32,
    /// Whether even the first rejection of this call has to be reconciled.
    pub(in crate::client) reconcile_on_first_error: bool,
}

/// The next step after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Decision {
    /// Retry. Uploads are retried at another upload URL.
    Retry(Delay),
    /// Retry with a new token.
    Reauthorize,
    /// Ask B2 whether the call took effect, and retry if it did not.
    Reconcile,
    /// The call fails.
    Stop,
}

/// How long to wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Delay {
    /// Retry immediately.
    None,
    /// Exponential backoff, or `Retry-After` if that is longer.
    Backoff,
    /// One pause shared by all calls of this kind.
    Shared,
}

/// Whether a 503 means that B2 did not process the request. B2 doesn't document this for calls that
/// modify data, but its advice to retry immediately suggests so.
const REFUSES_WITH_503: bool = true;

/// The maximum number of retries after an intermediary redirected or rejected the call, such as a
/// captive portal or a firewall. Most such responses are permanent.
pub(in crate::client) const MAX_NON_B2_RETRIES: u32 = 2;

/// The maximum number of retries after mismatched or unreadable responses.
pub(in crate::client) const MAX_INVALID_RESPONSE_RETRIES: u32 = 2;

/// Classifies a failure.
pub(in crate::client) fn classify(failure: &Error) -> FailureClass<'_> {
    if let Some(b2) = failure.b2() {
        return match b2.status {
            503 if REFUSES_WITH_503 && !b2.code.is_empty() => FailureClass::Rejected(b2),
            502 | 504 => FailureClass::MayStillExecute,
            408 => FailureClass::RequestTimeout,
            500.. => FailureClass::Ambiguous,
            _ => FailureClass::Rejected(b2),
        };
    }
    if let Some(response) = failure.non_b2_response() {
        return match response.status {
            // A success status, but not B2's response.
            ..=299 => FailureClass::Unreadable,
            // A proxy timed out; the server behind it may still be processing the request.
            499 | 502 | 504 => FailureClass::MayStillExecute,
            408 | 500.. => FailureClass::Ambiguous,
            status => FailureClass::NonB2(status),
        };
    }
    if let Some(http) = failure.http_error() {
        return match (http.kind(), http.phase()) {
            (
                HttpErrorKind::Tls
                | HttpErrorKind::Invalid
                | HttpErrorKind::NoMatch
                | HttpErrorKind::Source
                | HttpErrorKind::TooLarge,
                _,
            ) => FailureClass::Fatal,
            // The HTTP library itself failed, for example because its runtime was shut down.
            // Permanent.
            (HttpErrorKind::Other, Phase::NotSent) => FailureClass::Fatal,
            (_, Phase::NotSent) => FailureClass::NotSent,
            (HttpErrorKind::Reset | HttpErrorKind::Closed, Phase::MaybeReceived) => {
                FailureClass::ConnectionLost
            }
            (HttpErrorKind::Timeout | HttpErrorKind::Stalled, Phase::MaybeReceived) => {
                FailureClass::MayStillExecute
            }
            (_, Phase::MaybeReceived | Phase::ResponseBegun) => FailureClass::Ambiguous,
        };
    }
    match failure.kind() {
        ErrorKind::Integrity => FailureClass::Mismatch,
        ErrorKind::Protocol => FailureClass::Unreadable,
        _ => FailureClass::Fatal,
    }
}

/// Whether nothing was sent because this machine ran out of file descriptors or ports.
pub(in crate::client) fn is_local_exhaustion(failure: &Error) -> bool {
    let http = failure.http_error();
    http.is_some_and(|http| {
        http.kind() == HttpErrorKind::Exhausted && http.phase() == Phase::NotSent
    })
}

/// Decides the next step.
pub(in crate::client) fn decide(
    kind: CallKind,
    outcome: FailureClass<'_>,
    history: History,
) -> Decision {
    let writes = kind == CallKind::Write;
    match outcome {
        FailureClass::Fatal => Decision::Stop,
        FailureClass::NotSent => Decision::Retry(delay(kind, history)),
        FailureClass::Ambiguous | FailureClass::MayStillExecute | FailureClass::ConnectionLost
            if writes || kind == CallKind::Upload =>
        {
            Decision::Reconcile
        }
        FailureClass::ConnectionLost if history.failures == 0 => Decision::Retry(Delay::None),
        FailureClass::Ambiguous | FailureClass::MayStillExecute | FailureClass::ConnectionLost => {
            Decision::Retry(delay(kind, history))
        }
        FailureClass::Mismatch | FailureClass::Unreadable if writes => Decision::Reconcile,
        FailureClass::Unreadable if kind == CallKind::Upload => Decision::Reconcile,
        FailureClass::Mismatch | FailureClass::Unreadable
            if history.invalid_responses < MAX_INVALID_RESPONSE_RETRIES =>
        {
            Decision::Retry(Delay::None)
        }
        FailureClass::Mismatch | FailureClass::Unreadable => Decision::Stop,
        FailureClass::Rejected(b2) => refused(kind, b2, history),
        FailureClass::RequestTimeout if writes => Decision::Reconcile,
        FailureClass::RequestTimeout => Decision::Retry(delay(kind, history)),
        FailureClass::NonB2(_) if writes || kind == CallKind::Upload => Decision::Reconcile,
        FailureClass::NonB2(429) => Decision::Retry(Delay::Shared),
        FailureClass::NonB2(_) if history.non_b2_responses < MAX_NON_B2_RETRIES => {
            Decision::Retry(delay(kind, history))
        }
        FailureClass::NonB2(_) => Decision::Stop,
    }
}

fn refused(kind: CallKind, b2: &B2Error, history: History) -> Decision {
    match (b2.status, b2.code.as_str()) {
        (429, _) => Decision::Retry(Delay::Shared),
        (503, _) => Decision::Retry(delay(kind, history)),
        (401, code) => unauthorized(kind, code, history),
        (400, code) if kind == CallKind::Upload => {
            // Older servers use the generic code and only the message tells.
            if code == "auth_token_limit"
                || b2
                    .message
                    .starts_with("more than one upload using auth token")
            {
                return Decision::Retry(delay(kind, history));
            }
            // "Sha1 did not match data received", "Checksum did not match data received"
            if b2.message.contains("did not match data received")
                && history.invalid_responses < MAX_INVALID_RESPONSE_RETRIES
            {
                return Decision::Retry(Delay::None);
            }
            Decision::Stop
        }
        // An earlier attempt that took effect may be the reason for this rejection.
        (400 | 404 | 409, _)
            if kind == CallKind::Write
                && (history.ambiguous || history.reconcile_on_first_error) =>
        {
            Decision::Reconcile
        }
        _ => Decision::Stop,
    }
}

fn unauthorized(kind: CallKind, code: &str, history: History) -> Decision {
    // The code is empty for HEAD, whose response has no body.
    let expired = matches!(code, "expired_auth_token" | "bad_auth_token" | "");
    match kind {
        CallKind::Authorize => Decision::Stop,
        // The upload URL's token is invalid. Whether the account's is too shows when requesting
        // another URL.
        CallKind::Upload if expired || history.rejected_urls == 0 => {
            Decision::Retry(delay(kind, history))
        }
        CallKind::Upload => Decision::Stop,
        _ if expired && !history.reauthorized => Decision::Reauthorize,
        _ => Decision::Stop,
    }
}

/// The first two retries of an upload are immediate, since another upload URL is another host.
/// Other calls go to the same host again.
fn delay(kind: CallKind, history: History) -> Delay {
    match kind {
        CallKind::Upload if history.failures < 2 => Delay::None,
        // Authorizations have their own rate limit, shared by all calls.
        CallKind::Authorize => Delay::None,
        _ => Delay::Backoff,
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::HttpError;

    use super::*;

    const KINDS: [CallKind; 5] = [
        CallKind::Authorize,
        CallKind::Read,
        CallKind::Write,
        CallKind::Upload,
        CallKind::Download,
    ];

    const BACKOFF: Decision = Decision::Retry(Delay::Backoff);
    const AT_ONCE: Decision = Decision::Retry(Delay::None);

    fn http(kind: HttpErrorKind, phase: Phase) -> Error {
        Error::http(HttpError::new(kind, phase))
    }

    /// An error response of B2; an empty `code` makes a response without a body.
    fn b2(status: u16, code: &str, message: &str) -> Error {
        Error::from_b2(B2Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    fn foreign(status: u16) -> Error {
        let (head, ()) = http::Response::builder()
            .status(status)
            .body(())
            .unwrap()
            .into_parts();
        let reply = crate::api::Reply::whole(head, "<html>".into());
        Error::from_non_b2(reply.error(false).unwrap_err())
    }

    /// The expected classes, independent of the code under test.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Class {
        Unsent,
        /// It may have taken effect.
        LostResponse,
        /// Like `LostResponse`, perhaps just a stale idle connection.
        Broken,
        /// It may still take effect.
        Late,
        SlowDown,
        /// The token has expired.
        Expired,
        /// The token is valid but not permitted to do this.
        Denied,
        /// The upload URL is in use.
        UrlInUse,
        /// B2 received other bytes than were sent.
        Sha1,
        /// The request is impossible, perhaps because an earlier attempt took effect.
        Impossible,
        Wrong,
        Unreadable,
        Final,
        /// B2 timed out waiting for the body.
        TimedOut,
        /// An intermediary rejected the request.
        Foreign,
        /// An intermediary answered 429.
        ForeignSlowDown,
    }

    use Class::{
        Broken, Denied, Expired, Final, Foreign, ForeignSlowDown, Impossible, Late, LostResponse,
        Sha1, SlowDown, TimedOut, Unreadable, Unsent, UrlInUse, Wrong,
    };

    /// Transport errors in each phase: not sent, maybe received, response begun.
    const TRANSPORT: [(HttpErrorKind, [Class; 3]); 14] = [
        (HttpErrorKind::Resolve, [Unsent, LostResponse, LostResponse]),
        (HttpErrorKind::Connect, [Unsent, LostResponse, LostResponse]),
        (
            HttpErrorKind::Exhausted,
            [Unsent, LostResponse, LostResponse],
        ),
        (HttpErrorKind::Tls, [Final; 3]),
        (HttpErrorKind::Timeout, [Unsent, Late, LostResponse]),
        (HttpErrorKind::Stalled, [Unsent, Late, LostResponse]),
        (HttpErrorKind::Reset, [Unsent, Broken, LostResponse]),
        (HttpErrorKind::Closed, [Unsent, Broken, LostResponse]),
        (
            HttpErrorKind::Protocol,
            [Unsent, LostResponse, LostResponse],
        ),
        (HttpErrorKind::TooLarge, [Final; 3]),
        (HttpErrorKind::Source, [Final; 3]),
        (HttpErrorKind::Invalid, [Final; 3]),
        (HttpErrorKind::NoMatch, [Final; 3]),
        (HttpErrorKind::Other, [Final, LostResponse, LostResponse]),
    ];

    /// Responses of intermediaries.
    const FOREIGN: [(u16, Class); 26] = [
        (204, Unreadable),
        (301, Foreign),
        (302, Foreign),
        (307, Foreign),
        (308, Foreign),
        (400, Foreign),
        (401, Foreign),
        (403, Foreign),
        (404, Foreign),
        (405, Foreign),
        (407, Foreign),
        (408, LostResponse),
        (409, Foreign),
        (413, Foreign),
        (416, Foreign),
        (418, Foreign),
        (421, Foreign),
        (429, ForeignSlowDown),
        (451, Foreign),
        (499, Late),
        (500, LostResponse),
        (501, LostResponse),
        (502, Late),
        (503, LostResponse),
        (504, Late),
        (599, LostResponse),
    ];

    /// Error responses of B2. Responses to `HEAD` have no code.
    const ANSWERS: [(u16, &str, &str, Class); 28] = [
        (400, "bad_request", "", Impossible),
        (400, "auth_token_limit", "", UrlInUse),
        (
            400,
            "bad_request",
            "more than one upload using auth token x",
            UrlInUse,
        ),
        (400, "bad_request", "Sha1 did not match data received", Sha1),
        (
            400,
            "bad_request",
            "Checksum did not match data received",
            Sha1,
        ),
        (400, "file_not_present", "", Impossible),
        (401, "expired_auth_token", "", Expired),
        (401, "bad_auth_token", "", Expired),
        (401, "", "", Expired),
        (401, "unauthorized", "", Denied),
        (401, "access_denied", "", Denied),
        (403, "storage_cap_exceeded", "", Final),
        (403, "access_denied", "", Final),
        (404, "not_found", "", Impossible),
        (405, "method_not_allowed", "", Final),
        (408, "request_timeout", "", TimedOut),
        (408, "", "", TimedOut),
        (409, "conflict", "", Impossible),
        (416, "range_not_satisfiable", "", Final),
        (429, "too_many_requests", "", SlowDown),
        (429, "", "", SlowDown),
        (500, "internal_error", "", LostResponse),
        (500, "", "", LostResponse),
        (502, "", "", Late),
        (503, "service_unavailable", "", Unsent),
        (503, "", "", LostResponse),
        (504, "", "", Late),
        (599, "", "", LostResponse),
    ];

    fn failures() -> Vec<(Error, Class)> {
        let phases = [Phase::NotSent, Phase::MaybeReceived, Phase::ResponseBegun];
        let transport = TRANSPORT.into_iter().flat_map(|(kind, classes)| {
            let of_phase = move |(phase, class)| (http(kind, phase), class);
            phases.into_iter().zip(classes).map(of_phase)
        });
        let answers = ANSWERS
            .into_iter()
            .map(|(status, code, message, class)| (b2(status, code, message), class));
        let strangers = FOREIGN.map(|(status, class)| (foreign(status), class));
        let ours = [
            (ErrorKind::Integrity, Wrong),
            (ErrorKind::Protocol, Unreadable),
            (ErrorKind::Invalid, Final),
            (ErrorKind::Untrusted, Final),
            (ErrorKind::Source, Final),
        ];
        let ours = ours.map(|(kind, class)| (Error::new(kind, ""), class));
        transport
            .chain(answers)
            .chain(strangers)
            .chain(ours)
            .collect()
    }

    /// All combinations of call history.
    fn histories() -> impl Iterator<Item = History> {
        (0..4 * 3 * 2 * 2 * 2 * 2 * 4).map(|n| History {
            failures: n % 4,
            invalid_responses: n / 4 % 3,
            rejected_urls: n / 12 % 2,
            reauthorized: n / 24 % 2 == 1,
            ambiguous: n / 48 % 2 == 1,
            reconcile_on_first_error: n / 96 % 2 == 1,
            non_b2_responses: n / 192 % 4,
        })
    }

    /// The expected decisions.
    fn expected(class: Class, kind: CallKind, history: History) -> Decision {
        use CallKind::{Authorize, Download, Read, Upload, Write};
        let paced = match kind {
            Authorize => AT_ONCE,
            Upload if history.failures < 2 => AT_ONCE,
            Upload | Read | Write | Download => BACKOFF,
        };
        let again_if = |yes, next| if yes { next } else { Decision::Stop };
        match (class, kind) {
            (Final, _) => Decision::Stop,
            (Unsent, _) => paced,
            (SlowDown, _) => Decision::Retry(Delay::Shared),
            (LostResponse | Late | Broken, Write | Upload) => Decision::Reconcile,
            (Broken, Read | Download) if history.failures == 0 => AT_ONCE,
            (LostResponse | Late | Broken, _) => paced,
            (Wrong | Unreadable, Write) | (Unreadable, Upload) => Decision::Reconcile,
            (Wrong | Unreadable, _) => again_if(history.invalid_responses < 2, AT_ONCE),
            (Expired | Denied, Authorize) => Decision::Stop,
            (Expired, Upload) => paced,
            (Denied, Upload) => again_if(history.rejected_urls == 0, paced),
            (Expired, Read | Write | Download) => {
                again_if(!history.reauthorized, Decision::Reauthorize)
            }
            (Denied, Read | Write | Download) => Decision::Stop,
            (TimedOut, Write) | (Foreign | ForeignSlowDown, Write | Upload) => Decision::Reconcile,
            (TimedOut, _) => paced,
            (Foreign, _) => again_if(history.non_b2_responses < 2, paced),
            (ForeignSlowDown, _) => Decision::Retry(Delay::Shared),
            (UrlInUse, Upload) => paced,
            (Sha1, Upload) => again_if(history.invalid_responses < 2, AT_ONCE),
            (UrlInUse | Sha1 | Impossible, Write) => again_if(
                history.ambiguous || history.reconcile_on_first_error,
                Decision::Reconcile,
            ),
            (UrlInUse | Sha1 | Impossible, _) => Decision::Stop,
        }
    }

    #[test]
    fn every_failure_is_classified_for_every_call_kind_and_history() {
        for (failure, class) in failures() {
            assert_eq!(
                matches!(classify(&failure), FailureClass::MayStillExecute),
                class == Late,
                "{failure:?}"
            );
            for kind in KINDS {
                for history in histories() {
                    assert_eq!(
                        decide(kind, classify(&failure), history),
                        expected(class, kind, history),
                        "{kind:?} {history:?} {failure:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_token_is_renewed_once_and_a_second_refusal_is_final() {
        let failure = b2(401, "expired_auth_token", "");
        let history = History {
            reauthorized: true,
            ..History::default()
        };
        for kind in [CallKind::Read, CallKind::Write, CallKind::Download] {
            assert_eq!(decide(kind, classify(&failure), history), Decision::Stop);
        }
    }

    #[test]
    fn an_upload_without_authority_gets_one_other_url() {
        let failure = b2(401, "unauthorized", "");
        let history = History {
            rejected_urls: 1,
            ..History::default()
        };
        assert_eq!(
            decide(CallKind::Upload, classify(&failure), history),
            Decision::Stop
        );
    }

    #[test]
    fn corrupt_responses_are_retried_twice() {
        for failure in [
            Error::new(ErrorKind::Integrity, ""),
            Error::new(ErrorKind::Protocol, ""),
        ] {
            for (invalid_responses, expected) in [(0, AT_ONCE), (1, AT_ONCE), (2, Decision::Stop)] {
                let history = History {
                    invalid_responses,
                    ..History::default()
                };
                assert_eq!(
                    decide(CallKind::Read, classify(&failure), history),
                    expected
                );
            }
        }
    }

    #[test]
    fn a_second_broken_connection_is_not_taken_for_an_idle_one() {
        let failure = http(HttpErrorKind::Reset, Phase::MaybeReceived);
        let history = History {
            failures: 1,
            ..History::default()
        };
        for kind in [CallKind::Read, CallKind::Download] {
            assert_eq!(decide(kind, classify(&failure), history), BACKOFF);
        }
    }

    #[test]
    fn failed_uploads_try_two_other_hosts_at_once_and_then_back_off() {
        let failure = b2(503, "service_unavailable", "");
        for (failures, expected) in [(0, AT_ONCE), (1, AT_ONCE), (2, BACKOFF), (9, BACKOFF)] {
            let history = History {
                failures,
                ..History::default()
            };
            assert_eq!(
                decide(CallKind::Upload, classify(&failure), history),
                expected
            );
        }
    }

    #[test]
    fn a_refusal_after_a_lost_response_is_reconciled() {
        let lost = History {
            ambiguous: true,
            ..History::default()
        };
        let wary = History {
            reconcile_on_first_error: true,
            ..History::default()
        };
        for status in [400, 404, 409] {
            let failure = b2(status, "file_not_present", "");
            for history in [lost, wary] {
                assert_eq!(
                    decide(CallKind::Write, classify(&failure), history),
                    Decision::Reconcile
                );
                assert_eq!(
                    decide(CallKind::Read, classify(&failure), history),
                    Decision::Stop
                );
            }
        }
        assert_eq!(
            decide(
                CallKind::Write,
                classify(&b2(403, "cap_exceeded", "")),
                lost
            ),
            Decision::Stop
        );
    }

    #[test]
    fn only_a_request_that_was_not_sent_for_lack_of_resources_is_local_exhaustion() {
        for (kind, phase, expected) in [
            (HttpErrorKind::Exhausted, Phase::NotSent, true),
            (HttpErrorKind::Exhausted, Phase::MaybeReceived, false),
            (HttpErrorKind::Connect, Phase::NotSent, false),
        ] {
            assert_eq!(
                is_local_exhaustion(&http(kind, phase)),
                expected,
                "{kind:?}"
            );
        }
        assert!(!is_local_exhaustion(&b2(503, "busy", "")));
    }
}
