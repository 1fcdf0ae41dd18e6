//! [`Download`]: the response to a download, checked against the request and, at its end, against
//! the SHA-1.

use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::{Bytes, Request, ResponseBody};
use futures_core::Stream;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderName};

use super::header_names;
use super::overrides::Overrides;
use super::reply::Reply;
use super::session::Session;
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::types::{
    ByteRange, ContentSha1, ContentType, CustomerKey, Encryption, EncryptionAlgorithm,
    EncryptionMode, FileId, FileInfo, FileName, FileRetention, LegalHold, MAX_FILE,
    ReplicationStatus, Restricted, Sha1, Sha1Hasher, Timestamp, expected_sha1, percent_decode,
};

/// A download in progress: the file's metadata, and the content as a stream. It is not `Sync`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Download {
    /// The file's metadata, from the response headers.
    pub file: DownloadedFile,
    /// The content.
    pub body: DownloadBody,
}

/// A file's metadata, from the response headers of a download.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DownloadedFile {
    /// The version's id. The content of a version never changes.
    pub file_id: FileId,
    /// The file name.
    pub file_name: FileName,
    /// The size of the whole file in bytes, even if a range was requested.
    pub content_length: u64,
    /// The first and last byte of the range in the response; `None` for the whole file.
    pub range: Option<(u64, u64)>,
    /// The SHA-1 of the whole file, even if a range was requested.
    pub content_sha1: ContentSha1,
    /// The MIME type.
    pub content_type: Option<ContentType>,
    /// The file info, without the keys that B2 returns as standard headers.
    pub file_info: FileInfo,
    /// When the upload started.
    pub upload_timestamp: Option<Timestamp>,
    /// The retention, until which it can't be deleted.
    pub file_retention: Restricted<FileRetention>,
    /// Whether it is under legal hold; `None` if that was never set.
    pub legal_hold: Restricted<Option<LegalHold>>,
    /// The encryption.
    pub server_side_encryption: Encryption,
    /// The replication status, if it is replicated.
    pub replication_status: Option<ReplicationStatus>,
    /// All response headers, including `Cache-Control` and `Content-Disposition`.
    pub headers: HeaderMap,
}

impl DownloadedFile {
    /// The SHA-1 that the whole file should have: the one that B2 stores, or for a large file the
    /// one in its file info.
    #[must_use]
    pub fn expected_sha1(&self) -> Option<Sha1> {
        expected_sha1(&self.content_sha1, &self.file_info)
    }
}

/// The options of a download.
#[derive(Debug, Clone, Default)]
pub(super) struct DownloadOptions {
    pub(super) range: Option<ByteRange>,
    pub(super) head: bool,
    /// The expected length of the whole file, if it is known.
    pub(super) content_length: Option<u64>,
    /// The expected version, for a download by name.
    pub(super) file_id: Option<FileId>,
    pub(super) customer_key: Option<CustomerKey>,
    pub(super) overrides: Overrides,
    /// Whether the request needs the token, so that it goes to B2 directly if a custom origin must
    /// not get the token.
    pub(super) needs_token: bool,
}

impl DownloadOptions {
    const fn method(&self) -> http::Method {
        if self.head {
            http::Method::HEAD
        } else {
            http::Method::GET
        }
    }

    /// The origin of the request, and whether it gets the token.
    pub(super) fn origin<'a>(&self, session: &'a Session) -> (&'a str, bool) {
        match session.withholds_token() {
            true if self.needs_token => (session.b2s_download_url(), true),
            withholds => (session.download_url(), !withholds),
        }
    }

    /// Builds the request to this URL.
    pub(super) fn request(&self, target: &Target<'_>, url: &str) -> Result<Request, Error> {
        let (_, gets_token) = self.origin(target.account()?);
        if self.customer_key.is_some() && !gets_token {
            return Err(Error::invalid(
                "nothing was sent: the customer's SSE-C key would go to a download origin that is \
                 not trusted with the account's token",
            ));
        }
        let mut request = target.request(self.method(), url)?;
        if !gets_token {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let headers = request.headers_mut();
        if let Some(range) = self.range {
            headers.insert(RANGE, range.header());
        }
        if let Some(key) = &self.customer_key {
            key.add_headers(headers);
        }
        Ok(request)
    }

    /// Parses the response, and rejects one with other content than requested.
    pub(super) fn read(&self, call: &'static str, reply: Reply) -> Result<Download, Error> {
        let mut file = file(&reply)?;
        if self
            .content_length
            .is_some_and(|known| known != file.content_length)
        {
            return Err(integrity(
                "the version's length differs from that in the first response",
            ));
        }
        if self.file_id.as_ref().is_some_and(|id| *id != file.file_id) {
            return Err(integrity(
                "the file was replaced after the download began: its name has a different version",
            ));
        }
        let whole = file.content_length.checked_sub(1).map(|last| (0, last));
        let wanted = match self.range {
            Some(range) => range.within(file.content_length),
            None => whole,
        };
        // B2 may respond with the whole file if the range covers the whole file.
        let sent = file.range.or(whole);
        if sent != wanted || (file.range.is_some() && self.range.is_none()) {
            return Err(integrity("B2 sent a different range than requested"));
        }
        let sha1 = match file.range {
            None if !self.head => file.expected_sha1(),
            _ => None,
        };
        // The range and the length of the body have to agree.
        let len = sent.map_or(0, |(first, last)| last - first + 1);
        let said = reply.headers().get(CONTENT_LENGTH);
        if said.is_some_and(|said| said.to_str().ok().and_then(number) != Some(len)) {
            return Err(integrity(
                "the response's content-length doesn't match its content-range",
            ));
        }
        let (headers, body) = reply.into_headers_and_body();
        file.headers = headers;
        let body = DownloadBody {
            body: Some(body),
            left: if self.head { 0 } else { len },
            call,
            file_name: file.file_name.as_str().into(),
            check: sha1.map(|sha1| (Sha1Hasher::default(), sha1)),
        };
        Ok(Download { file, body })
    }
}

/// The setters shared by both download calls.
macro_rules! download_setters {
    ($name:ident) => {
        impl $name {
            /// Downloads only this byte range. The SHA-1 is then not verified, since it is that of
            /// the whole file.
            #[must_use]
            pub fn range(mut self, range: impl Into<$crate::types::ByteRange>) -> Self {
                self.options.range = Some(range.into());
                self
            }

            /// Requests only the headers (`HEAD`): the body is empty.
            #[must_use]
            #[doc(alias = "head_object")]
            pub const fn head(mut self) -> Self {
                self.options.head = true;
                self
            }

            /// Sets the customer-managed key (SSE-C) that decrypts the file.
            #[must_use]
            pub fn customer_key(mut self, key: $crate::types::CustomerKey) -> Self {
                self.options.customer_key = Some(key);
                self
            }

            pub(crate) fn overrides(mut self, overrides: $crate::api::Overrides) -> Self {
                self.options.overrides = overrides;
                self
            }

            /// Requires the token, so that the request goes to B2 directly if a custom origin must
            /// not get the token.
            pub(crate) const fn with_token(mut self, needed: bool) -> Self {
                self.options.needs_token = needed;
                self
            }
        }

        $crate::api::overrides::overrides!($name, options.overrides);
    };
}

pub(super) use download_setters;

/// The content of a download, in order and never decompressed.
///
/// If the whole file was requested and its SHA-1 is known, the content is verified. On a mismatch,
/// the stream ends with an [`Integrity`](ErrorKind::Integrity) error: don't use the content before
/// the stream has ended without an error.
///
/// It is `Send` and `Unpin`, but not `Sync`.
///
/// # Cancellation
/// Dropping it closes the connection.
#[derive(Debug)]
pub struct DownloadBody {
    /// `None` once the stream has ended or failed.
    body: Option<ResponseBody>,
    /// The number of bytes still to come.
    left: u64,
    /// For errors.
    call: &'static str,
    file_name: Box<str>,
    check: Option<(Sha1Hasher, Sha1)>,
}

impl DownloadBody {
    /// Returns the next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Reads the rest into memory, at most `limit` bytes, and verifies the SHA-1 if it is known.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if there are more than `limit` bytes;
    /// [`Http`](ErrorKind::Http) if the connection breaks; [`Integrity`](ErrorKind::Integrity) if
    /// the SHA-1 doesn't match.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await.transpose()? {
            if bytes.len() > limit - whole.len() {
                return Err(Error::invalid(format!(
                    "the file is larger than the limit of {limit} bytes"
                )));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    /// The same stream without verification: the caller verifies the SHA-1.
    pub(crate) fn unchecked(mut self) -> Self {
        self.check = None;
        self
    }

    fn with_context(&self, error: Error) -> Error {
        let error = error.about(&self.file_name);
        error.in_call(self.call, 1, std::time::Duration::ZERO)
    }

    /// The SHA-1 that the content is verified against; `None` if it is not verified.
    #[must_use]
    pub fn checked_against(&self) -> Option<Sha1> {
        self.check.as_ref().map(|(_, sha1)| *sha1)
    }
}

impl Stream for DownloadBody {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let next = match Pin::new(body).poll_next(cx) {
            Poll::Ready(next) => next,
            Poll::Pending => return Poll::Pending,
        };
        match next {
            Some(Ok(bytes)) => {
                let Some(left) = this.left.checked_sub(bytes.len() as u64) else {
                    this.body = None;
                    return Poll::Ready(Some(Err(this.with_context(integrity(
                        "B2 sent more bytes than the headers \
                         announced",
                    )))));
                };
                this.left = left;
                if let Some((hasher, _)) = &mut this.check {
                    hasher.update(&bytes);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Err(error)) => {
                this.body = None;
                Poll::Ready(Some(Err(
                    this.with_context(Error::http(error).with_effect(false))
                )))
            }
            None => {
                this.body = None;
                if this.left > 0 {
                    let left = this.left;
                    return Poll::Ready(Some(Err(
                        this.with_context(integrity(&format!("the body ended {left} bytes early")))
                    )));
                }
                let Some((hasher, expected)) = this.check.take() else {
                    return Poll::Ready(None);
                };
                let arrived = hasher.finish();
                Poll::Ready((arrived != expected).then(|| {
                    Err(this.with_context(integrity(&format!(
                        "the file's SHA-1 is {expected}, but that of the received bytes is \
                         {arrived}"
                    ))))
                }))
            }
        }
    }
}

/// The file that a response describes, without the raw headers.
fn file(reply: &Reply) -> Result<DownloadedFile, Error> {
    let headers = reply.headers();
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if !headers
        .keys()
        .any(|name| name.as_str().starts_with("x-bz-"))
    {
        return Err(Error::new(
            ErrorKind::Protocol,
            "the response has no x-bz- headers, which identify the file and its version: an \
             intermediary such as a CDN removes them, or the server is not B2",
        ));
    }
    let required = |name: &HeaderName| {
        text(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!("the response's {name} header is missing or invalid"),
            )
        })
    };
    let range = match reply.status() {
        206 => {
            let one = headers.get_all(CONTENT_RANGE).iter().count() == 1;
            let range = text(&CONTENT_RANGE).filter(|_| one).and_then(content_range);
            Some(range.ok_or_else(|| {
                Error::new(
                    ErrorKind::Protocol,
                    "the response's content-range header is missing or invalid",
                )
            })?)
        }
        _ => None,
    };
    let content_length = match range {
        Some((_, _, total)) => total,
        None => number(required(&CONTENT_LENGTH)?).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "the response's content-length header is missing or invalid",
            )
        })?,
    };
    if content_length > MAX_FILE {
        return Err(Error::new(
            ErrorKind::Protocol,
            format!(
                "the response announces a file of {content_length} bytes, more than the \
                 {MAX_FILE} that B2 can store"
            ),
        ));
    }
    let file_name = required(&header_names::FILE_NAME)?;
    let info = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix("x-bz-info-")?;
        Some((key, decoded(value.to_str().ok()?)))
    });
    Ok(DownloadedFile {
        file_id: required(&header_names::FILE_ID)?.into(),
        file_name: FileName::new_unchecked(decoded(file_name)),
        content_length,
        range: range.map(|(first, last, _)| (first, last)),
        content_sha1: text(&header_names::CONTENT_SHA1)
            .map_or(ContentSha1::None, ContentSha1::parse),
        content_type: text(&CONTENT_TYPE).map(ContentType::unchecked),
        file_info: FileInfo::unchecked(info),
        upload_timestamp: text(&header_names::UPLOAD_TIMESTAMP)
            .and_then(|text| text.parse().ok())
            .map(Timestamp::from_millis),
        file_retention: readable(headers, &RETENTION, |[mode, until]| FileRetention {
            mode: mode.map(Into::into),
            retain_until_timestamp: until
                .and_then(|text| text.parse().ok())
                .map(Timestamp::from_millis),
        }),
        legal_hold: readable(headers, &LEGAL_HOLD, |[hold]| hold.map(Into::into)),
        server_side_encryption: encryption(headers),
        replication_status: text(&header_names::REPLICATION_STATUS).map(Into::into),
        headers: HeaderMap::new(),
    })
}

static RETENTION: [&HeaderName; 2] = [
    &header_names::FILE_RETENTION_MODE,
    &header_names::FILE_RETENTION_RETAIN_UNTIL_TIMESTAMP,
];
static LEGAL_HOLD: [&HeaderName; 1] = [&header_names::FILE_LEGAL_HOLD];

/// The value of these headers, unless B2 lists one of them as unauthorized for the key.
fn readable<const N: usize, T>(
    headers: &HeaderMap,
    names: &[&HeaderName; N],
    read: impl FnOnce([Option<&str>; N]) -> T,
) -> Restricted<T> {
    let withheld = headers
        .get_all(&header_names::CLIENT_UNAUTHORIZED_TO_READ)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| {
            names
                .iter()
                .any(|ours| name.trim().eq_ignore_ascii_case(ours.as_str()))
        });
    if withheld {
        return Restricted::Unauthorized;
    }
    Restricted::Value(read(names.map(|name| headers.get(name)?.to_str().ok())))
}

fn encryption(headers: &HeaderMap) -> Encryption {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut encryption = Encryption::none();
    if let Some(cipher) = text(&header_names::SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM) {
        encryption.mode = Some(EncryptionMode::SseC);
        encryption.algorithm = Some(EncryptionAlgorithm::from(cipher));
        encryption.customer_key_md5 =
            text(&header_names::SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5).map(Into::into);
    } else if let Some(cipher) = text(&header_names::SERVER_SIDE_ENCRYPTION) {
        encryption.mode = Some(EncryptionMode::SseB2);
        encryption.algorithm = Some(EncryptionAlgorithm::from(cipher));
    }
    encryption
}

/// Percent-decodes text. Text that can't be decoded is kept unchanged.
fn decoded(text: &str) -> String {
    percent_decode(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// Parses `bytes a-b/total`. Rejects inconsistent numbers.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    (first <= last && last < total).then_some((first, last, total))
}

/// Parses a number of digits only: `parse` alone would accept a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

pub(super) fn integrity(what: &str) -> Error {
    Error::new(ErrorKind::Integrity, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)], body: &'static str) -> Reply {
        let mut response = http::Response::builder()
            .status(status)
            .header("x-bz-file-id", "4_z1");
        response = response.header("x-bz-file-name", "a%20b+c%2B");
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        Reply::stream(head, ResponseBody::from(body))
    }

    fn items(download: Download) -> Vec<Result<Bytes, Error>> {
        let mut body = download.body;
        let mut cx = Context::from_waker(std::task::Waker::noop());
        std::iter::from_fn(|| match Pin::new(&mut body).poll_next(&mut cx) {
            Poll::Ready(item) => item,
            Poll::Pending => panic!("a body in memory waits for nothing"),
        })
        .collect()
    }

    #[test]
    fn headers_become_fields_and_names_are_decoded() {
        let headers = [
            ("content-length", "5"),
            ("x-bz-content-sha1", "none"),
            (
                "x-bz-info-large_file_sha1",
                "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
            ),
            ("x-bz-info-odd", "100%"),
            ("x-bz-upload-timestamp", "1637249823000"),
        ];
        let download = DownloadOptions::default()
            .read("b2_download_file_by_id", reply(200, &headers, "hello"))
            .unwrap();
        assert_eq!(download.file.file_name, "a b c+");
        assert_eq!(download.file.file_info.get("odd"), Some("100%"));
        assert_eq!(
            download.file.upload_timestamp.unwrap().as_millis(),
            1_637_249_823_000
        );
        assert_eq!(download.body.checked_against(), Some(Sha1::of(b"hello")));
        assert!(items(download).iter().all(Result::is_ok));
    }

    #[test]
    fn bytes_with_a_wrong_sha1_end_in_an_error() {
        let headers = [
            ("content-length", "5"),
            (
                "x-bz-content-sha1",
                "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
            ),
        ];
        let items = items(
            DownloadOptions::default()
                .read("b2_download_file_by_id", reply(200, &headers, "hallo"))
                .unwrap(),
        );
        assert_eq!(
            items.last().unwrap().as_ref().unwrap_err().kind(),
            ErrorKind::Integrity
        );
    }

    #[test]
    fn a_response_with_another_range_is_refused() {
        let range = |first, last| DownloadOptions {
            range: Some(ByteRange::inclusive(first, last).unwrap()),
            ..DownloadOptions::default()
        };
        let partial = |range| {
            reply(
                206,
                &[("content-range", range), ("content-length", "3")],
                "abc",
            )
        };
        assert!(
            range(2, 4)
                .read("b2_download_file_by_id", partial("bytes 2-4/10"))
                .is_ok()
        );
        assert!(
            range(2, 4)
                .read(
                    "b2_download_file_by_id",
                    partial("bytes 2-4/10000000000000")
                )
                .is_ok(),
            "as large as a file can be"
        );
        assert!(
            range(7, 99)
                .read("b2_download_file_by_id", partial("bytes 7-9/10"))
                .is_ok(),
            "cut at the end of the file"
        );
        assert!(
            range(0, 99)
                .read(
                    "b2_download_file_by_id",
                    reply(200, &[("content-length", "3")], "abc")
                )
                .is_ok(),
            "the range is the whole file"
        );
        for (header, kind) in [
            ("bytes 3-5/10", ErrorKind::Integrity),
            ("bytes 2-3/10", ErrorKind::Integrity),
            ("bytes 5-4/10", ErrorKind::Protocol),
            ("bytes 2-4/*", ErrorKind::Protocol),
            ("bytes */10", ErrorKind::Protocol),
            ("bytes 2-4/4", ErrorKind::Protocol),
            ("lines 2-4/10", ErrorKind::Protocol),
            ("bytes +2-4/10", ErrorKind::Protocol),
            ("bytes 2-4/99999999999999999999", ErrorKind::Protocol),
            ("bytes 2-4/18446744073709551615", ErrorKind::Protocol),
            ("bytes 2-4/1000000000000000000", ErrorKind::Protocol),
            ("bytes 2-4/10000000000001", ErrorKind::Protocol),
        ] {
            assert_eq!(
                range(2, 4)
                    .read("b2_download_file_by_id", partial(header))
                    .unwrap_err()
                    .kind(),
                kind,
                "{header}"
            );
        }
        let whole = reply(200, &[("content-length", "10")], "0123456789");
        assert_eq!(
            range(2, 4)
                .read("b2_download_file_by_id", whole)
                .unwrap_err()
                .kind(),
            ErrorKind::Integrity
        );
        assert_eq!(
            DownloadOptions::default()
                .read("b2_download_file_by_id", partial("bytes 0-2/3"))
                .unwrap_err()
                .kind(),
            ErrorKind::Integrity
        );
    }

    #[test]
    fn a_response_without_b2s_headers_is_a_protocol_error() {
        for missing in [
            reply(200, &[("content-length", "10000000000001")], ""),
            reply(200, &[], ""),
            reply(206, &[("content-length", "3")], "abc"),
        ] {
            assert_eq!(
                DownloadOptions::default()
                    .read("b2_download_file_by_id", missing)
                    .unwrap_err()
                    .kind(),
                ErrorKind::Protocol
            );
        }
    }
}
