//! What to make of a failure: a pure decision, and a table.

use b2kit_core::{HttpErrorKind, Phase};

use crate::api::CallKind;
use crate::error::{B2Error, Error, ErrorKind};

/// How an attempt failed, as far as it matters for what comes next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome<'a> {
    /// Nothing reached the server.
    NotSent,
    /// The server may have acted on the request, or not.
    Ambiguous,
    /// So it is here, and it may act on it yet: somebody gave up waiting for it.
    Late,
    /// So it is here, and the connection broke before a byte of the answer: most often it was an idle one that the server
    /// was about to close.
    Broken,
    /// B2 answered, and did not do it.
    Refused(&'a B2Error),
    /// The answer is about something else, or the bytes are not what they should be.
    Corrupt,
    /// The answer is a success that can't be read.
    Garbled,
    /// Nothing will help.
    Final,
}

impl Outcome<'_> {
    /// How events call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Ambiguous | Self::Late | Self::Broken | Self::Garbled => "ambiguous",
            Self::Refused(_) => "refused",
            Self::Corrupt => "corrupt",
            Self::Final => "final",
        }
    }
}

/// What was seen of the call before this attempt failed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// The failures so far, without those that only renewed a token.
    pub(super) failures: u32,
    /// The account was authorized anew for this call.
    pub(super) renewed: bool,
    /// The outcome of some attempt is still unknown.
    pub(super) ambiguous: bool,
    /// Answers that were corrupt or garbled.
    pub(super) corrupt: u32,
    /// Upload URLs that were refused for want of authority.
    pub(super) refused_urls: u32,
    /// A refusal of this call has to be looked into even if nothing was lost.
    pub(super) refusal_needs_settling: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt. An upload's goes to another upload URL.
    Again(Pause),
    /// Another attempt with a new token.
    Renew,
    /// Ask B2 what became of the call, and then perhaps another attempt.
    Settle,
    /// Tell the caller.
    GiveUp,
}

/// How long to wait before another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Not at all.
    None,
    /// Longer each time, or as long as B2 asks for.
    Backoff,
    /// The same, and all calls of this kind wait along.
    Everyone,
}

/// B2 doesn't say whether a 503 on a call that changes something means that nothing was done. Its advice to repeat the
/// call at once suggests that it does; without B2's own document it was somebody else's 503.
const REFUSES_WITH_503: bool = true;

/// How often a corrupt or garbled answer is asked for anew.
pub(super) const CORRUPT_AGAIN: u32 = 2;

/// Sorts a failure.
pub(super) fn outcome(failure: &Error) -> Outcome<'_> {
    if let Some(b2) = failure.b2() {
        return match b2.status {
            503 if REFUSES_WITH_503 && !b2.code.is_empty() => Outcome::Refused(b2),
            // A success, and yet not the answer that there should be.
            200..=299 => Outcome::Garbled,
            // These are gateways', who don't know what the server behind them is doing.
            502 | 504 => Outcome::Late,
            408 | 500.. => Outcome::Ambiguous,
            _ => Outcome::Refused(b2),
        };
    }
    if let Some(http) = failure.http_error() {
        return match (http.kind(), http.phase()) {
            (
                HttpErrorKind::Tls
                | HttpErrorKind::Invalid
                | HttpErrorKind::Source
                | HttpErrorKind::TooLarge,
                _,
            ) => Outcome::Final,
            // The library itself can't go on, as when its runtime is gone; that does not pass.
            (HttpErrorKind::Other, Phase::NotSent) => Outcome::Final,
            (_, Phase::NotSent) => Outcome::NotSent,
            (HttpErrorKind::Reset | HttpErrorKind::Closed, Phase::MaybeReceived) => Outcome::Broken,
            (HttpErrorKind::Timeout | HttpErrorKind::Stalled, Phase::MaybeReceived) => {
                Outcome::Late
            }
            (_, Phase::MaybeReceived | Phase::ResponseBegun) => Outcome::Ambiguous,
        };
    }
    match failure.kind() {
        ErrorKind::Integrity => Outcome::Corrupt,
        ErrorKind::Protocol => Outcome::Garbled,
        _ => Outcome::Final,
    }
}

/// Decides what comes next.
pub(super) fn judge(kind: CallKind, outcome: Outcome<'_>, seen: Seen) -> Next {
    let writes = kind == CallKind::Write;
    match outcome {
        Outcome::Final => Next::GiveUp,
        Outcome::NotSent => Next::Again(patience(kind, seen)),
        Outcome::Ambiguous | Outcome::Late | Outcome::Broken
            if writes || kind == CallKind::Upload =>
        {
            Next::Settle
        }
        Outcome::Broken if seen.failures == 0 => Next::Again(Pause::None),
        Outcome::Ambiguous | Outcome::Late | Outcome::Broken => Next::Again(patience(kind, seen)),
        Outcome::Corrupt | Outcome::Garbled if writes => Next::Settle,
        Outcome::Garbled if kind == CallKind::Upload => Next::Settle,
        Outcome::Corrupt | Outcome::Garbled if seen.corrupt < CORRUPT_AGAIN => {
            Next::Again(Pause::None)
        }
        Outcome::Corrupt | Outcome::Garbled => Next::GiveUp,
        Outcome::Refused(b2) => refused(kind, b2, seen),
    }
}

fn refused(kind: CallKind, b2: &B2Error, seen: Seen) -> Next {
    match (b2.status, b2.code.as_str()) {
        (429, _) => Next::Again(Pause::Everyone),
        (503, _) => Next::Again(patience(kind, seen)),
        (401, code) => unauthorized(kind, code, seen),
        (400, code) if kind == CallKind::Upload => {
            // Older servers say it with the general code.
            if code == "auth_token_limit"
                || b2
                    .message
                    .starts_with("more than one upload using auth token")
            {
                return Next::Again(patience(kind, seen));
            }
            // "Sha1 did not match data received", "Checksum did not match data received"
            if b2.message.contains("did not match data received") && seen.corrupt < CORRUPT_AGAIN {
                return Next::Again(Pause::None);
            }
            Next::GiveUp
        }
        // An earlier attempt may have made this one impossible.
        (400 | 404 | 409, _)
            if kind == CallKind::Write && (seen.ambiguous || seen.refusal_needs_settling) =>
        {
            Next::Settle
        }
        _ => Next::GiveUp,
    }
}

fn unauthorized(kind: CallKind, code: &str, seen: Seen) -> Next {
    // Without a code: the answer to HEAD has no body to hold one.
    let expired = matches!(code, "expired_auth_token" | "bad_auth_token" | "");
    match kind {
        CallKind::Login => Next::GiveUp,
        // The URL is spent; whether the account's token is too shows when another URL is asked for.
        CallKind::Upload if expired || seen.refused_urls == 0 => Next::Again(patience(kind, seen)),
        CallKind::Upload => Next::GiveUp,
        _ if expired && !seen.renewed => Next::Renew,
        _ => Next::GiveUp,
    }
}

/// Another upload URL is another machine, so the first two are tried at once; elsewhere it is the same one again.
fn patience(kind: CallKind, seen: Seen) -> Pause {
    match kind {
        CallKind::Upload if seen.failures < 2 => Pause::None,
        // Logins have a pace of their own, which all calls share.
        CallKind::Login => Pause::None,
        _ => Pause::Backoff,
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::HttpError;

    use super::*;

    const KINDS: [CallKind; 5] = [
        CallKind::Login,
        CallKind::Read,
        CallKind::Write,
        CallKind::Upload,
        CallKind::Download,
    ];

    const BACKOFF: Next = Next::Again(Pause::Backoff);
    const AT_ONCE: Next = Next::Again(Pause::None);

    fn http(kind: HttpErrorKind, phase: Phase) -> Error {
        Error::http(HttpError::new(kind, phase))
    }

    fn b2(status: u16, code: &str, message: &str) -> Error {
        Error::from_b2(B2Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// Each failure, and what it leads to on the first attempt of a login, read, write, upload and download.
    #[test]
    fn the_table_of_failures_by_kind_of_call() {
        use HttpErrorKind as H;
        use Next::{GiveUp, Renew, Settle};
        let everyone = Next::Again(Pause::Everyone);
        let lost = [AT_ONCE, BACKOFF, Settle, Settle, BACKOFF];
        let broken = [AT_ONCE, AT_ONCE, Settle, Settle, AT_ONCE];
        let unsent = [AT_ONCE, BACKOFF, BACKOFF, AT_ONCE, BACKOFF];
        let table = [
            (http(H::Resolve, Phase::NotSent), unsent),
            (http(H::Connect, Phase::NotSent), unsent),
            (http(H::Timeout, Phase::NotSent), unsent),
            (http(H::Reset, Phase::NotSent), unsent),
            (http(H::Tls, Phase::NotSent), [GiveUp; 5]),
            (http(H::Other, Phase::NotSent), [GiveUp; 5]),
            (http(H::Invalid, Phase::NotSent), [GiveUp; 5]),
            (http(H::Source, Phase::MaybeReceived), [GiveUp; 5]),
            (http(H::TooLarge, Phase::ResponseBegun), [GiveUp; 5]),
            (http(H::Reset, Phase::MaybeReceived), broken),
            (http(H::Closed, Phase::MaybeReceived), broken),
            (http(H::Timeout, Phase::MaybeReceived), lost),
            (http(H::Stalled, Phase::MaybeReceived), lost),
            (http(H::Protocol, Phase::MaybeReceived), lost),
            (http(H::Closed, Phase::ResponseBegun), lost),
            (http(H::Stalled, Phase::ResponseBegun), lost),
            (b2(408, "request_timeout", ""), lost),
            (b2(500, "internal_error", ""), lost),
            (b2(502, "", ""), lost),
            (b2(503, "", ""), lost),
            (b2(504, "", ""), lost),
            (
                b2(503, "service_unavailable", ""),
                [AT_ONCE, BACKOFF, BACKOFF, AT_ONCE, BACKOFF],
            ),
            (b2(429, "too_many_requests", ""), [everyone; 5]),
            (
                b2(401, "expired_auth_token", ""),
                [GiveUp, Renew, Renew, AT_ONCE, Renew],
            ),
            (
                b2(401, "bad_auth_token", ""),
                [GiveUp, Renew, Renew, AT_ONCE, Renew],
            ),
            (b2(401, "", ""), [GiveUp, Renew, Renew, AT_ONCE, Renew]),
            (
                b2(401, "unauthorized", ""),
                [GiveUp, GiveUp, GiveUp, AT_ONCE, GiveUp],
            ),
            (
                b2(401, "access_denied", ""),
                [GiveUp, GiveUp, GiveUp, AT_ONCE, GiveUp],
            ),
            (
                b2(400, "auth_token_limit", ""),
                [GiveUp, GiveUp, GiveUp, AT_ONCE, GiveUp],
            ),
            (
                b2(
                    400,
                    "bad_request",
                    "more than one upload using auth token x",
                ),
                [GiveUp, GiveUp, GiveUp, AT_ONCE, GiveUp],
            ),
            (
                b2(400, "bad_request", "Sha1 did not match data received"),
                [GiveUp, GiveUp, GiveUp, AT_ONCE, GiveUp],
            ),
            (b2(400, "bad_request", ""), [GiveUp; 5]),
            (b2(403, "storage_cap_exceeded", ""), [GiveUp; 5]),
            (b2(403, "access_denied", ""), [GiveUp; 5]),
            (b2(404, "not_found", ""), [GiveUp; 5]),
            (b2(409, "conflict", ""), [GiveUp; 5]),
            (b2(416, "range_not_satisfiable", ""), [GiveUp; 5]),
            (b2(302, "", ""), [GiveUp; 5]),
            (
                Error::new(ErrorKind::Integrity, ""),
                [AT_ONCE, AT_ONCE, Settle, AT_ONCE, AT_ONCE],
            ),
            (
                Error::new(ErrorKind::Protocol, ""),
                [AT_ONCE, AT_ONCE, Settle, Settle, AT_ONCE],
            ),
            (Error::new(ErrorKind::Invalid, ""), [GiveUp; 5]),
            (Error::new(ErrorKind::Untrusted, ""), [GiveUp; 5]),
            (Error::new(ErrorKind::Source, ""), [GiveUp; 5]),
        ];
        for (failure, expected) in table {
            for (kind, expected) in KINDS.into_iter().zip(expected) {
                let next = judge(kind, outcome(&failure), Seen::default());
                assert_eq!(next, expected, "{kind:?} {failure:?}");
            }
        }
    }

    #[test]
    fn a_token_is_renewed_once_and_a_second_refusal_is_final() {
        let failure = b2(401, "expired_auth_token", "");
        let seen = Seen {
            renewed: true,
            ..Seen::default()
        };
        for kind in [CallKind::Read, CallKind::Write, CallKind::Download] {
            assert_eq!(judge(kind, outcome(&failure), seen), Next::GiveUp);
        }
    }

    #[test]
    fn an_upload_without_authority_gets_one_other_url() {
        let failure = b2(401, "unauthorized", "");
        let seen = Seen {
            refused_urls: 1,
            ..Seen::default()
        };
        assert_eq!(
            judge(CallKind::Upload, outcome(&failure), seen),
            Next::GiveUp
        );
    }

    #[test]
    fn corrupt_answers_are_asked_for_twice_more() {
        for failure in [
            Error::new(ErrorKind::Integrity, ""),
            Error::new(ErrorKind::Protocol, ""),
        ] {
            for (corrupt, expected) in [(0, AT_ONCE), (1, AT_ONCE), (2, Next::GiveUp)] {
                let seen = Seen {
                    corrupt,
                    ..Seen::default()
                };
                assert_eq!(judge(CallKind::Read, outcome(&failure), seen), expected);
            }
        }
    }

    #[test]
    fn a_connection_that_breaks_a_second_time_is_no_matter_of_age() {
        let failure = http(HttpErrorKind::Reset, Phase::MaybeReceived);
        let seen = Seen {
            failures: 1,
            ..Seen::default()
        };
        for kind in [CallKind::Read, CallKind::Download] {
            assert_eq!(judge(kind, outcome(&failure), seen), BACKOFF);
        }
    }

    #[test]
    fn uploads_go_to_two_other_machines_at_once_and_then_slow_down() {
        let failure = b2(503, "service_unavailable", "");
        for (failures, expected) in [(0, AT_ONCE), (1, AT_ONCE), (2, BACKOFF), (9, BACKOFF)] {
            let seen = Seen {
                failures,
                ..Seen::default()
            };
            assert_eq!(judge(CallKind::Upload, outcome(&failure), seen), expected);
        }
    }

    #[test]
    fn a_refusal_after_a_lost_answer_is_looked_into() {
        let lost = Seen {
            ambiguous: true,
            ..Seen::default()
        };
        let wary = Seen {
            refusal_needs_settling: true,
            ..Seen::default()
        };
        for status in [400, 404, 409] {
            let failure = b2(status, "file_not_present", "");
            for seen in [lost, wary] {
                assert_eq!(
                    judge(CallKind::Write, outcome(&failure), seen),
                    Next::Settle
                );
                assert_eq!(judge(CallKind::Read, outcome(&failure), seen), Next::GiveUp);
            }
        }
        assert_eq!(
            judge(CallKind::Write, outcome(&b2(403, "cap_exceeded", "")), lost),
            Next::GiveUp
        );
    }
}
