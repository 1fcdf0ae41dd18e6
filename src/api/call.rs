//! [`Call`]: the trait of all API calls.

use std::future::Future;

use b2kit_core::Request;

pub use super::metadata::{BillingClass, CallKind, CallMetadata};
use super::reply::Reply;
use super::session::ApiVersion;
use super::target::Target;
use crate::error::{B2Error, Error};
use crate::types::{BucketId, Capability, FileId, PartNumber, Secret, Timestamp};

/// An API call as a value: how its request is built, how its response is parsed, and how to find
/// out whether it took effect if the response was lost.
///
/// All calls of B2's native API are in [`api`](crate::api). The trait is open: for a call or a
/// field that this version of the crate lacks, implement it, and
/// [`Client::call`](crate::Client::call) makes it like any other call, with authorization, retries,
/// and secrets redacted from errors. [`METADATA`](Self::METADATA), [`Output`](Self::Output),
/// [`request`](Self::request) and [`read`](Self::read) are the required items; minor versions may
/// add methods with a default.
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
/// `request` and `read` are pure: no I/O, no clock. `request` is called once for each attempt, and
/// each time returns the complete request. Only a non-replayable stream that was opened can't be
/// sent again, which [`is_body_consumed`](Self::is_body_consumed) reports. A call that modifies
/// data should implement [`reconcile`](Self::reconcile): without it, a call whose response was lost
/// is simply sent again.
pub trait Call: Send + Sync {
    /// The properties of the call that don't depend on its arguments.
    const METADATA: CallMetadata;

    /// The result of a successful call.
    type Output: Send;

    /// Builds the request.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the target doesn't suit this call.
    fn request(&self, target: &Target<'_>) -> Result<Request, Error>;

    /// Parses a success response (200 or 206). The client handles error responses.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) if it can't be parsed,
    /// [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) if it doesn't match the request.
    fn read(&self, reply: Reply) -> Result<Self::Output, Error>;

    /// The maximum size of a response, in bytes. A longer one is a
    /// [`Protocol`](crate::ErrorKind::Protocol) error. Defaults to 1 MiB; downloads are not read
    /// into memory.
    fn reply_limit(&self) -> usize {
        1 << 20
    }

    /// Validates arguments that depend on each other. Called before anything is sent, including a
    /// request for an upload URL.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the violated rule.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The bucket, file and part that the call is about, for spans, events and errors.
    fn subject(&self) -> Subject<'_> {
        Subject::default()
    }

    /// The capabilities that the arguments need in addition to [`CallMetadata::capability`].
    fn extra_capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    /// The bucket or large file for which an upload needs an upload URL. `None` for all other
    /// calls.
    fn upload_target(&self) -> Option<UploadTarget> {
        None
    }

    /// Secrets in the request, other than headers marked as sensitive. They are redacted from
    /// errors, since a server may echo them.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Secrets in the output, which are redacted from later errors.
    fn secrets_in_output(output: &Self::Output) -> Vec<Secret> {
        let _ = output;
        Vec::new()
    }

    /// Marks an output of which B2 may have stored a duplicate, since an earlier attempt may have
    /// taken effect too.
    fn mark_possible_duplicate(output: &mut Self::Output) {
        let _ = output;
    }

    /// Whether the body is a non-replayable stream that was opened, so that the call can't be
    /// retried.
    fn is_body_consumed(&self) -> bool {
        false
    }

    /// Asks B2 whether the call took effect, after its response was lost, or it was rejected after
    /// an earlier response was lost. The default returns [`Reconciliation::NotDone`], and the call
    /// is sent again.
    fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> impl Future<Output = Reconciliation<Self::Output>> + Send {
        let _ = (executor, lost);
        std::future::ready(Reconciliation::NotDone)
    }
}

/// The bucket, file and part that a call is about, as far as its arguments tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The bucket's id, or its name if that is the argument.
    pub bucket: Option<&'a str>,
    /// The file name.
    pub file: Option<&'a str>,
    /// The file id.
    pub file_id: Option<&'a str>,
    /// The part number.
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

    /// Adds the bucket.
    pub(crate) const fn in_bucket(mut self, bucket: &'a str) -> Self {
        self.bucket = Some(bucket);
        self
    }

    /// Adds the part.
    pub(crate) const fn part(mut self, number: PartNumber) -> Self {
        self.part = Some(number.as_u16());
        self
    }
}

/// Executes calls for [`Call::reconcile`].
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

/// A call whose response was lost, as far as it is known.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LostResponse {
    /// B2's time when the call was sent, or up to a minute earlier: anything older was not created
    /// by this call. `None` if B2's time is not known.
    pub since: Option<Timestamp>,
    /// B2's error, if the call was rejected when it was sent again.
    pub rejection: Option<B2Error>,
    /// The API version of the call. Older versions don't show everything.
    pub version: ApiVersion,
    /// Whether B2 may still execute an attempt, so that its result may appear later.
    pub may_still_execute: bool,
}

impl LostResponse {
    /// The reconciliation if no result of this call was found. It is unclear if there is no time to
    /// compare with, or B2 may still execute the call.
    pub(crate) const fn absent<T>(&self) -> Reconciliation<T> {
        match self.since {
            Some(_) if !self.may_still_execute => Reconciliation::NotDone,
            _ => Reconciliation::Unclear,
        }
    }

    /// Whether this call may have created something with this timestamp. `false` if there is no
    /// time to compare with.
    #[must_use]
    pub fn covers(&self, timestamp: Timestamp) -> bool {
        // B2's `Date` header has whole seconds, and so does `since`.
        self.since
            .is_some_and(|since| timestamp.as_millis() >= since.as_millis())
    }
}

/// Whether a call whose response was lost took effect.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciliation<T> {
    /// It did, and this is the output that its response would have had.
    Done(T),
    /// It did not: the call is sent again.
    NotDone,
    /// Unknown, but sending it again creates at worst a duplicate version: the call is sent again.
    Unclear,
    /// Unknown, and sending it again could do damage: the call fails.
    Unknown,
}

/// The target of an upload URL. The client pools the URLs and tokens for each target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UploadTarget {
    /// Files in a bucket.
    Bucket(BucketId),
    /// Parts of an unfinished large file.
    LargeFile(FileId),
}
