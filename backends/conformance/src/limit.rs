//! [`Limit`]: what a library can't do, said out loud.

/// Something that a library can't do, or can't be kept from doing. Each says what is required instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Paths and queries that the library would rewrite, `a/../b` and the like, are refused as
    /// [`Invalid`](b2kit_core::HttpErrorKind::Invalid) before anything is sent.
    RefusesTargets,
    /// Header values that are not ASCII are refused before anything is sent, and are a
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error in a response.
    RefusesHeaders,
    /// A header with several values is refused before anything is sent.
    RefusesRepeatedHeaders,
    /// HEAD is refused before anything is sent.
    RefusesHead,
    /// A response with a status that is in no list of the IANA's is a
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error.
    KnowsFewStatuses,
    /// A response that has no `Content-Type` is given `application/octet-stream`.
    AddsContentType,
    /// A body of more than a megabyte is sent with `Expect: 100-continue`, and after a second all the same.
    AddsExpect,
    /// `Accept: */*` is added, which says the same as no `Accept` at all.
    AddsAccept,
    /// A GET that finds its connection closed, before any byte of a response, is sent once more by the library itself.
    /// No other request is.
    RepeatsGet,
    /// An upload that is dropped while its server has stopped reading: what is in the library's buffers may still leave,
    /// and the connection is closed only when it has. Nothing more is read from the source.
    LingersWhereServerStopsReading,
    /// `send` resolves with the first byte of the response's body, or its end, and not with its head.
    HeadComesWithBody,
    /// [`Reset`](b2kit_core::HttpErrorKind::Reset), [`Closed`](b2kit_core::HttpErrorKind::Closed) and
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) may stand for each other. The phase is exact all the same.
    BlursFailures,
    /// A connection that the server closed less than a second ago may be used again: the request is lost, with
    /// [`Phase::MaybeReceived`](b2kit_core::Phase::MaybeReceived).
    NoticesCloseLate,
    /// Heads that are not quite HTTP may be taken for responses.
    TakesOddHeads,
    /// A future that is dropped while the server says nothing leaves its connection open until the server says something
    /// or closes it. Nothing more of the request's body is sent, and what the server says is not heard.
    LingersWhereServerIsSilent,
    /// Any request without a body that finds its used connection closed may be sent once more by the library itself.
    RepeatsWhatHasNoBody,
    /// A request without a body whose connection is not there in time is a [`Timeout`](b2kit_core::HttpErrorKind::Timeout),
    /// and [`MaybeReceived`](b2kit_core::Phase::MaybeReceived).
    BlursConnectTimeouts,
    /// More connections may be made than there are requests at once: the library may not notice in time that one is free.
    MakesSpareConnections,
    /// A server that answers the TLS handshake with something else is a
    /// [`Connect`](b2kit_core::HttpErrorKind::Connect) error, as if it might be better next time.
    TakesTlsFailuresForConnectFailures,
    /// A process that has no descriptor left may look like a server that can't be reached, or like a library that failed.
    /// Nothing was sent all the same. It is for the tests that want a [process to themselves](crate::isolated_process_tests).
    BlursExhaustion,
}

impl Limit {
    /// What no library over libcurl can do.
    pub const OF_LIBCURL: [Self; 9] = [
        Self::RefusesTargets,
        Self::RefusesHeaders,
        Self::AddsAccept,
        Self::RepeatsGet,
        Self::HeadComesWithBody,
        Self::BlursFailures,
        Self::NoticesCloseLate,
        Self::TakesOddHeads,
        Self::TakesTlsFailuresForConnectFailures,
    ];

    /// What such a library can't do either if one client of it serves all exchanges.
    pub const OF_ONE_CLIENT_OVER_LIBCURL: [Self; 3] = [
        Self::LingersWhereServerIsSilent,
        Self::LingersWhereServerStopsReading,
        Self::RepeatsWhatHasNoBody,
    ];
}
