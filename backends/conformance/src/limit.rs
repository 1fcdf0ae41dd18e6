//! [`Limit`]: a declared limitation of an HTTP library.

/// Something that a library can't do, or that it always does. Each variant says what is required instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Paths and queries that the library would rewrite, such as `a/../b`, are refused as
    /// [`Invalid`](b2kit_core::HttpErrorKind::Invalid) before anything is sent.
    RefusesTargets,
    /// Header values that are not ASCII are refused before anything is sent, and are a
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error in a response.
    RefusesHeaders,
    /// A header with several values is refused before anything is sent.
    RefusesRepeatedHeaders,
    /// HEAD is refused before anything is sent.
    RefusesHead,
    /// A response with a status that is not registered with IANA is a
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error.
    RejectsUnknownStatuses,
    /// A response that has no `Content-Type` is given `application/octet-stream`.
    AddsContentType,
    /// A body over a megabyte is sent with `Expect: 100-continue`, and after a second without a response.
    AddsExpect,
    /// `Accept: */*` is added, which means the same as no `Accept`.
    AddsAccept,
    /// The library repeats a GET if its reused connection turns out to be closed before any byte of the response. It
    /// repeats no other request.
    RepeatsGet,
    /// If an upload is dropped while its server has stopped reading, the library may still send what it has buffered,
    /// and closes the connection only after that. Nothing more is read from the source.
    LingersWhileServerStopsReading,
    /// `send` resolves only with the first byte of the response's body or its end, not with its head.
    DelaysHead,
    /// [`Reset`](b2kit_core::HttpErrorKind::Reset), [`Closed`](b2kit_core::HttpErrorKind::Closed) and
    /// [`Protocol`](b2kit_core::HttpErrorKind::Protocol) may be reported for each other. The phase is still exact.
    ConflatesErrorKinds,
    /// A connection that the server closed less than a second ago may be reused: the request is then lost, with
    /// [`Phase::MaybeReceived`](b2kit_core::Phase::MaybeReceived).
    NoticesCloseLate,
    /// Malformed response heads may be accepted.
    AcceptsMalformedHeads,
    /// If a future is dropped while the server is silent, the connection stays open until the server sends something or
    /// closes it. Nothing more of the request's body is sent, and the response is discarded.
    LingersWhileServerIsSilent,
    /// The library may repeat any request without a body if its reused connection turns out to be closed.
    RepeatsBodilessRequests,
    /// A connect timeout of a request without a body is reported as [`Timeout`](b2kit_core::HttpErrorKind::Timeout) and
    /// [`MaybeReceived`](b2kit_core::Phase::MaybeReceived).
    ConflatesConnectTimeouts,
    /// More connections may be opened than there are concurrent requests, because the library may notice too late that
    /// one is free.
    OpensExtraConnections,
    /// A server that does not speak TLS is a [`Connect`](b2kit_core::HttpErrorKind::Connect) error, which may be
    /// retried.
    ReportsTlsFailureAsConnect,
    /// A process without free file descriptors may be reported as an unreachable server or as a failure of the library.
    /// Nothing was sent. It applies only to the [tests with a process of their own](crate::isolated_process_tests).
    MisreportsExhaustion,
}

impl Limit {
    /// The limits of every library over libcurl.
    pub const OF_LIBCURL: [Self; 10] = [
        Self::RefusesTargets,
        Self::RefusesHeaders,
        Self::AddsAccept,
        Self::RepeatsGet,
        Self::DelaysHead,
        Self::ConflatesErrorKinds,
        Self::NoticesCloseLate,
        Self::AcceptsMalformedHeads,
        Self::ReportsTlsFailureAsConnect,
        Self::OpensExtraConnections,
    ];

    /// Further limits of such a library if one client of it serves all exchanges.
    pub const OF_ONE_CLIENT_OVER_LIBCURL: [Self; 3] = [
        Self::LingersWhileServerIsSilent,
        Self::LingersWhileServerStopsReading,
        Self::RepeatsBodilessRequests,
    ];
}
