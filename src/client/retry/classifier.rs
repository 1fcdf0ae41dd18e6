//! What to make of a failure: a pure decision, and a table.

use b2kit_core::{HttpErrorKind, Phase};

use crate::api::CallKind;
use crate::error::{B2Error, Error, ErrorKind};

/// How an attempt failed, as far as it matters for what comes next.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) enum Outcome<'a> {
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
    /// B2 gave up waiting for the request's body. So it has no file and no part; of all other calls the body may have been
    /// read.
    TimedOut,
    /// Somebody on the way answered with this status. What B2 has done, if the request ever came to it, is unknown.
    Foreign(u16),
    /// The answer is about something else, or the bytes are not what they should be.
    Corrupt,
    /// The answer is a success that can't be read.
    Garbled,
    /// Nothing will help.
    Final,
}

impl Outcome<'_> {
    /// How events call it.
    pub(in crate::client) const fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Ambiguous | Self::Late | Self::Broken | Self::Garbled | Self::Foreign(_) => {
                "ambiguous"
            }
            Self::Refused(_) => "refused",
            Self::TimedOut => "timed out",
            Self::Corrupt => "corrupt",
            Self::Final => "final",
        }
    }
}

/// What was seen of the call before this attempt failed.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::client) struct Seen {
    /// The failures so far, without those that only renewed a token.
    pub(in crate::client) failures: u32,
    /// The account was authorized anew for this call.
    pub(in crate::client) renewed: bool,
    /// The outcome of some attempt is still unknown.
    pub(in crate::client) ambiguous: bool,
    /// Answers that were corrupt or garbled.
    pub(in crate::client) corrupt: u32,
    /// Answers that were not B2's and leave little hope that another attempt gets through.
    pub(in crate::client) foreign: u32,
    /// Upload URLs that were refused for want of authority.
    pub(in crate::client) refused_urls: u32,
    /// A refusal of this call has to be looked into even if nothing was lost.
    pub(in crate::client) reconcile_on_first_error: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Next {
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
pub(in crate::client) enum Pause {
    /// Not at all.
    None,
    /// Longer each time, or as long as B2 asks for.
    Backoff,
    /// The same, and all calls of this kind wait along.
    Everyone,
}

/// B2 doesn't say whether a 503 on a call that changes something means that nothing was done. Its advice to repeat the
/// call at once suggests that it does.
const REFUSES_WITH_503: bool = true;

/// How often a call is made again after somebody on the way redirected or refused it: a login page for the network, a
/// firewall. Some of that passes, most stays until its owner changes it.
pub(in crate::client) const FOREIGN_AGAIN: u32 = 2;

/// How often a corrupt or garbled answer is asked for anew.
pub(in crate::client) const CORRUPT_AGAIN: u32 = 2;

/// Sorts a failure.
pub(in crate::client) fn outcome(failure: &Error) -> Outcome<'_> {
    if let Some(b2) = failure.b2() {
        return match b2.status {
            503 if REFUSES_WITH_503 && !b2.code.is_empty() => Outcome::Refused(b2),
            502 | 504 => Outcome::Late,
            408 => Outcome::TimedOut,
            500.. => Outcome::Ambiguous,
            _ => Outcome::Refused(b2),
        };
    }
    if let Some(response) = failure.non_b2_response() {
        return match response.status {
            // A success, and yet not the answer that there should be.
            ..=299 => Outcome::Garbled,
            // Somebody has given up waiting for the server behind, which may still be at work.
            499 | 502 | 504 => Outcome::Late,
            408 | 500.. => Outcome::Ambiguous,
            status => Outcome::Foreign(status),
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

/// Whether nothing was sent since this machine had no room for another connection.
pub(in crate::client) fn is_for_want_of_room(failure: &Error) -> bool {
    let http = failure.http_error();
    http.is_some_and(|http| {
        http.kind() == HttpErrorKind::Exhausted && http.phase() == Phase::NotSent
    })
}

/// Decides what comes next.
pub(in crate::client) fn judge(kind: CallKind, outcome: Outcome<'_>, seen: Seen) -> Next {
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
        Outcome::TimedOut if writes => Next::Settle,
        Outcome::TimedOut => Next::Again(patience(kind, seen)),
        Outcome::Foreign(_) if writes || kind == CallKind::Upload => Next::Settle,
        Outcome::Foreign(429) => Next::Again(Pause::Everyone),
        Outcome::Foreign(_) if seen.foreign < FOREIGN_AGAIN => Next::Again(patience(kind, seen)),
        Outcome::Foreign(_) => Next::GiveUp,
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
            if kind == CallKind::Write && (seen.ambiguous || seen.reconcile_on_first_error) =>
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
        CallKind::Authorize => Next::GiveUp,
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
        // Authorizations have a pace of their own, which all calls share.
        CallKind::Authorize => Pause::None,
        _ => Pause::Backoff,
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

    const BACKOFF: Next = Next::Again(Pause::Backoff);
    const AT_ONCE: Next = Next::Again(Pause::None);

    fn http(kind: HttpErrorKind, phase: Phase) -> Error {
        Error::http(HttpError::new(kind, phase))
    }

    /// As it comes out of a reply with B2's document, or with none.
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

    /// What a failure is to the table.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Class {
        Unsent,
        /// It may have been done.
        LostResponse,
        /// The same, and the connection may just have been too old.
        Broken,
        /// It may be done yet.
        Late,
        SlowDown,
        /// The token has expired.
        Expired,
        /// The token is good, and not for this.
        Denied,
        /// The upload URL is in use.
        UrlInUse,
        /// What arrived is not what was sent.
        Sha1,
        /// It is impossible, perhaps since it was done before.
        Impossible,
        Wrong,
        Unreadable,
        Final,
        /// B2 has waited for the body in vain.
        TimedOut,
        /// Somebody on the way says no.
        Foreign,
        /// Somebody on the way says that it is too much.
        ForeignSlowDown,
    }

    use Class::{
        Broken, Denied, Expired, Final, Foreign, ForeignSlowDown, Impossible, Late, LostResponse,
        Sha1, SlowDown, TimedOut, Unreadable, Unsent, UrlInUse, Wrong,
    };

    /// What the transport may report: not sent, perhaps received, answer begun.
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

    /// What somebody on the way may answer.
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

    /// What B2 may answer; without a code to `HEAD`.
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

    /// Everything that may have been seen before.
    fn histories() -> impl Iterator<Item = Seen> {
        (0..4 * 3 * 2 * 2 * 2 * 2 * 4).map(|n| Seen {
            failures: n % 4,
            corrupt: n / 4 % 3,
            refused_urls: n / 12 % 2,
            renewed: n / 24 % 2 == 1,
            ambiguous: n / 48 % 2 == 1,
            reconcile_on_first_error: n / 96 % 2 == 1,
            foreign: n / 192 % 4,
        })
    }

    /// The table.
    fn expected(class: Class, kind: CallKind, seen: Seen) -> Next {
        use CallKind::{Authorize, Download, Read, Upload, Write};
        let paced = match kind {
            Authorize => AT_ONCE,
            Upload if seen.failures < 2 => AT_ONCE,
            Upload | Read | Write | Download => BACKOFF,
        };
        let again_if = |yes, next| if yes { next } else { Next::GiveUp };
        match (class, kind) {
            (Final, _) => Next::GiveUp,
            (Unsent, _) => paced,
            (SlowDown, _) => Next::Again(Pause::Everyone),
            (LostResponse | Late | Broken, Write | Upload) => Next::Settle,
            (Broken, Read | Download) if seen.failures == 0 => AT_ONCE,
            (LostResponse | Late | Broken, _) => paced,
            (Wrong | Unreadable, Write) | (Unreadable, Upload) => Next::Settle,
            (Wrong | Unreadable, _) => again_if(seen.corrupt < 2, AT_ONCE),
            (Expired | Denied, Authorize) => Next::GiveUp,
            (Expired, Upload) => paced,
            (Denied, Upload) => again_if(seen.refused_urls == 0, paced),
            (Expired, Read | Write | Download) => again_if(!seen.renewed, Next::Renew),
            (Denied, Read | Write | Download) => Next::GiveUp,
            (TimedOut, Write) | (Foreign | ForeignSlowDown, Write | Upload) => Next::Settle,
            (TimedOut, _) => paced,
            (Foreign, _) => again_if(seen.foreign < 2, paced),
            (ForeignSlowDown, _) => Next::Again(Pause::Everyone),
            (UrlInUse, Upload) => paced,
            (Sha1, Upload) => again_if(seen.corrupt < 2, AT_ONCE),
            (UrlInUse | Sha1 | Impossible, Write) => again_if(
                seen.ambiguous || seen.reconcile_on_first_error,
                Next::Settle,
            ),
            (UrlInUse | Sha1 | Impossible, _) => Next::GiveUp,
        }
    }

    #[test]
    fn every_failure_of_every_kind_of_call_after_every_history() {
        for (failure, class) in failures() {
            assert_eq!(
                matches!(outcome(&failure), Outcome::Late),
                class == Late,
                "{failure:?}"
            );
            for kind in KINDS {
                for seen in histories() {
                    assert_eq!(
                        judge(kind, outcome(&failure), seen),
                        expected(class, kind, seen),
                        "{kind:?} {seen:?} {failure:?}"
                    );
                }
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
            reconcile_on_first_error: true,
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
