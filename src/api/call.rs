//! [`Call`]: what all calls have in common.

use std::future::Future;

use b2kit_core::Request;

pub use super::metadata::{BillingClass, CallKind, CallMetadata};
use super::reply::Reply;
use super::session::ApiVersion;
use super::target::Target;
use crate::error::{B2Error, Error};
use crate::types::{BucketId, Capability, FileId, PartNumber, Secret, Timestamp};

/// One of B2's calls as a value: what it asks for, how its reply is read, and how to find out
/// whether it has taken effect when the reply was lost.
///
/// All calls of B2's native API are in [`api`](crate::api). The trait is open: for a call or a
/// field that this version of the crate lacks, implement it, and
/// [`Client::call`](crate::Client::call) makes it like any other: authorized, retried, with secrets
/// redacted from errors. [`METADATA`](Self::METADATA), [`Output`](Self::Output),
/// [`request`](Self::request) and [`read`](Self::read) are all that is needed; methods with a
/// default may be added in minor versions.
///
/// ```
/// use b2kit::api::{BillingClass, Call, CallMetadata, Reply, Target};
/// use b2kit::types::Capability;
/// use b2kit::{Error, Request};
///
/// /// How many buckets the account has.
/// struct CountBuckets;
///
/// impl Call for CountBuckets {
///     const METADATA: CallMetadata =
///         CallMetadata::read("b2_list_buckets", Capability::ListBuckets, BillingClass::C);
///     type Output = usize;
///
///     fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
///         target.post_for_account(&Self::METADATA, &serde_json::json!({}))
///     }
///
///     fn read(&self, reply: Reply) -> Result<usize, Error> {
///         let document: serde_json::Value = reply.json()?;
///         Ok(document["buckets"].as_array().map_or(0, Vec::len))
///     }
/// }
///
/// assert_eq!(CountBuckets.read(Reply::ok(r#"{"buckets": [{}, {}]}"#))?, 2);
/// # Ok::<(), Error>(())
/// ```
///
/// # Contract
/// `request` and `read` are pure: no I/O, no clock. `request` may be called several times, once for
/// each attempt, and each time returns the whole request. Only a one-shot stream that was opened
/// can't be sent again, and [`is_body_consumed`](Self::is_body_consumed) says so. A call that
/// changes something should implement [`reconcile`](Self::reconcile): without it, a call whose
/// reply was lost is simply sent again.
pub trait Call: Send + Sync {
    /// What is true of the call whatever its arguments.
    const METADATA: CallMetadata;

    /// What a successful call returns.
    type Output: Send;

    /// Builds the request.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the target is not one for this call.
    fn request(&self, target: &Target<'_>) -> Result<Request, Error>;

    /// Reads a successful reply: 200 or 206. Error responses are classified by the client.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) if it can't be read,
    /// [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) if it is about something else than
    /// this call.
    fn read(&self, reply: Reply) -> Result<Self::Output, Error>;

    /// The largest reply that is read into memory, in bytes. A longer one is a
    /// [`Protocol`](crate::ErrorKind::Protocol) error. Defaults to 1 MiB; downloads are not read
    /// into memory.
    fn reply_limit(&self) -> usize {
        1 << 20
    }

    /// Checks rules across several arguments, before anything is sent: not even for an upload URL.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the rule that is broken.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The bucket, file and part that it is about, for spans, events and errors.
    fn subject(&self) -> Subject<'_> {
        Subject::default()
    }

    /// The capabilities that these arguments need in addition to [`CallMetadata::capability`].
    fn extra_capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    /// What an upload needs an upload URL for; `None` for all other calls.
    fn upload_target(&self) -> Option<UploadTarget> {
        None
    }

    /// Secrets in the request, apart from headers that are marked as sensitive. They are redacted
    /// from errors, since a server may repeat them.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Secrets in the output, which are redacted from later errors.
    fn secrets_in_output(output: &Self::Output) -> Vec<Secret> {
        let _ = output;
        Vec::new()
    }

    /// Marks an output that B2 may hold twice, since an earlier attempt may have taken effect too.
    fn mark_possible_duplicate(output: &mut Self::Output) {
        let _ = output;
    }

    /// Whether the body is a one-shot stream that was opened, so that the call can't be sent again.
    fn is_body_consumed(&self) -> bool {
        false
    }

    /// Asks B2 whether the call has taken effect: its reply was lost, or it was refused after an
    /// earlier reply was lost. The default is [`Reconciliation::NotDone`], after which the call is
    /// sent again.
    fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> impl Future<Output = Reconciliation<Self::Output>> + Send {
        let _ = (executor, lost);
        std::future::ready(Reconciliation::NotDone)
    }
}

/// What a call is about, as far as its arguments say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The bucket: its id, or its name where that is the argument.
    pub bucket: Option<&'a str>,
    /// The name of the file.
    pub file: Option<&'a str>,
    /// The id of the file.
    pub file_id: Option<&'a str>,
    /// The number of the part.
    pub part: Option<u16>,
}

impl<'a> Subject<'a> {
    /// A call about this bucket.
    pub(crate) fn of_bucket(bucket: &'a str) -> Self {
        Self::default().in_bucket(bucket)
    }

    /// A call about the file with this name.
    pub(crate) fn of_file(file: &'a str) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }

    /// A call about the file with this id.
    pub(crate) fn of_id(file_id: &'a FileId) -> Self {
        Self {
            file_id: Some(file_id.as_str()),
            ..Self::default()
        }
    }

    /// In this bucket.
    pub(crate) const fn in_bucket(mut self, bucket: &'a str) -> Self {
        self.bucket = Some(bucket);
        self
    }

    /// About this part of it.
    pub(crate) const fn part(mut self, number: PartNumber) -> Self {
        self.part = Some(number.as_u16());
        self
    }
}

/// Makes the calls that [`Call::reconcile`] asks B2 with.
pub trait CallExecutor: Send + Sync {
    /// Makes a call, with retries.
    ///
    /// # Errors
    /// Any [`ErrorKind`](crate::ErrorKind) except `Destination` and `ShutDown`, as from
    /// [`Client::call`](crate::Client::call).
    fn execute<C: Call + 'static>(
        &self,
        call: C,
    ) -> impl Future<Output = Result<C::Output, Error>> + Send;
}

/// What is known of a call whose reply was lost.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LostResponse {
    /// B2's own time when the call was sent, or up to a minute earlier: what is older was not made
    /// by this call. `None` if B2 has not said the time lately.
    pub since: Option<Timestamp>,
    /// B2's error, if the call was refused when it was sent again.
    pub refusal: Option<B2Error>,
    /// The version of the API that the call spoke. Older ones don't show everything.
    pub version: ApiVersion,
    /// Whether some attempt may still be carried out, so that what is not there now may yet appear.
    pub may_still_execute: bool,
}

impl LostResponse {
    /// The result if nothing was found that this call has made. Without a time to compare with, or
    /// if it may still be carried out, that is unclear.
    pub(crate) const fn absent<T>(&self) -> Reconciliation<T> {
        match self.since {
            Some(_) if !self.may_still_execute => Reconciliation::NotDone,
            _ => Reconciliation::Unclear,
        }
    }

    /// Whether something with this timestamp may have been made by this call. `false` without a
    /// time to compare with.
    #[must_use]
    pub fn covers(&self, timestamp: Timestamp) -> bool {
        // B2's `Date` has whole seconds, and so has `since`.
        self.since
            .is_some_and(|since| timestamp.as_millis() >= since.as_millis())
    }
}

/// Whether a call whose reply was lost has taken effect.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciliation<T> {
    /// It has, and this is what its reply would have said.
    Done(T),
    /// It has not: it is sent again.
    NotDone,
    /// Unknown, and sending it again makes one version too many at worst: it is sent again.
    Unclear,
    /// Unknown, and sending it again could do harm: the call fails.
    Unknown,
}

/// What an upload URL is for. B2 issues URLs and tokens for it, which the client pools.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UploadTarget {
    /// Files in a bucket.
    Bucket(BucketId),
    /// Parts of an unfinished large file.
    LargeFile(FileId),
}
