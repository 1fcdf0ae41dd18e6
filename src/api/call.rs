//! [`Call`]: the one shape of all calls.

use std::future::Future;

use b2kit_core::Request;

use super::reply::Reply;
use super::session::ApiVersion;
use super::target::Target;
use crate::error::{B2Error, Error};
use crate::types::{BucketId, Capability, FileId, PartNumber, Secret, Timestamp};

/// One of B2's calls, as a value: what it asks for, how its reply is read, and how to find out what became of it when
/// the reply was lost.
///
/// [`request`](Self::request) and [`read`](Self::read) are pure. `request` may be asked several times, once for each
/// attempt, and every time gives the whole request; only where its body is a one-shot stream that was opened can the
/// next one not be sent, and then [`is_body_consumed`](Self::is_body_consumed) says so.
pub trait Call: Send + Sync {
    /// What is true of the call whatever its arguments.
    const METADATA: CallMetadata;

    /// What a success gives.
    type Output: Send;

    /// The request, for where `target` points.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the target is not one for this call.
    fn request(&self, target: &Target<'_>) -> Result<Request, Error>;

    /// What a successful reply says.
    ///
    /// # Errors
    /// If it is not an answer to this call.
    fn read(&self, reply: Reply) -> Result<Self::Output, Error>;

    /// The most bytes of reply that are held in memory; more is an error.
    fn reply_limit(&self) -> usize {
        1 << 20
    }

    /// What there is to say against the call before anything is sent for it, an upload URL included.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the rule that the arguments break together.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What it is about: for spans, events and errors.
    fn subject(&self) -> Subject<'_> {
        Subject::default()
    }

    /// The capabilities that these arguments need beside the one that the call always needs.
    fn extra_capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    /// Where an upload's bytes go; `None` for all other calls.
    fn upload_target(&self) -> Option<UploadTarget> {
        None
    }

    /// The secrets in the request that are not in a header marked as sensitive. A server may repeat them in an error, and
    /// the error is not to show them.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// The secrets in a success: no later error is to show them.
    fn secrets_in_output(output: &Self::Output) -> Vec<Secret> {
        let _ = output;
        Vec::new()
    }

    /// Notes on a success that an earlier attempt may have had too, so that B2 may hold it twice.
    fn mark_possible_duplicate(output: &mut Self::Output) {
        let _ = output;
    }

    /// Whether its body was read and can't be read again.
    fn is_body_consumed(&self) -> bool {
        false
    }

    /// Finds out, by asking B2, whether the call has taken effect although its reply was lost, or was refused after an
    /// earlier reply was lost. Without a way to ask, sending it again is what there is to do.
    fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> impl Future<Output = Reconciliation<Self::Output>> + Send {
        let _ = (executor, lost);
        std::future::ready(Reconciliation::NotDone)
    }
}

/// What a call is about, as far as its arguments tell.
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

/// Makes the calls by which a lost one is [settled](Call::reconcile).
pub trait CallExecutor: Send + Sync {
    /// Makes one.
    fn execute<C: Call + 'static>(
        &self,
        call: C,
    ) -> impl Future<Output = Result<C::Output, Error>> + Send;
}

/// What is known of a call whose reply was lost.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LostResponse {
    /// The server's own time when the call was sent or up to a minute before; what is older than that is not its doing.
    pub since: Option<Timestamp>,
    /// How B2 refused the call when it was sent again.
    pub refusal: Option<B2Error>,
    /// The version of the API that was spoken: older ones don't show all that there is.
    pub version: ApiVersion,
    /// Whether some attempt was given up while it may still have been under way: what is not there now may yet come.
    pub may_still_execute: bool,
}

impl LostResponse {
    /// Nothing was found that is the call's doing. That says little without a time to hold it against, or where it may
    /// yet come.
    pub(crate) const fn absent<T>(&self) -> Reconciliation<T> {
        match self.since {
            Some(_) if !self.may_still_execute => Reconciliation::NotDone,
            _ => Reconciliation::Unclear,
        }
    }

    /// Whether something with this timestamp may be the call's doing. B2's `Date` has whole seconds.
    #[must_use]
    pub fn covers(&self, timestamp: Timestamp) -> bool {
        // Without a time to hold it against it may be anybody's.
        self.since
            .is_some_and(|since| timestamp.as_millis() >= since.as_millis())
    }
}

/// What became of a call whose reply was lost.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reconciliation<T> {
    /// It has taken effect, and this is what the reply would have said.
    Done(T),
    /// It has not: it can be sent again.
    NotDone,
    /// Nobody can tell, and the worst that sending it again does is that there is one version more.
    Unclear,
    /// Nobody can tell, and sending it again could do harm.
    Unknown,
}

/// Where an upload's bytes go. B2 gives out URLs and tokens for it, and the client keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UploadTarget {
    /// To a bucket, as a file.
    Bucket(BucketId),
    /// To an unfinished large file, as a part.
    LargeFile(FileId),
}

/// What is true of a call whatever its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallMetadata {
    /// B2's name for it, as `b2_list_buckets`.
    pub name: &'static str,
    /// What it does; how failures are met hangs on it.
    pub kind: CallKind,
    /// The capability that the key needs.
    pub capability: Option<Capability>,
    /// What B2 charges for it.
    pub class: BillingClass,
    /// Whether B2 may work on it for minutes before it answers.
    pub long_running: bool,
    /// Whether even its first refusal may mean that it has taken effect: someone on the way may have sent it twice.
    pub reconcile_on_first_error: bool,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// Turns an application key into a session.
    Authorize,
    /// Asks, and changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Sends bytes to an upload URL.
    Upload,
    /// Gets bytes.
    Download,
}

/// What B2 charges for a call: A is free, C costs ten times what B does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillingClass {
    /// Free.
    A,
    /// Reading files.
    B,
    /// The rest.
    C,
}

impl CallMetadata {
    /// The facts of a call that asks and changes nothing.
    pub(crate) const fn read(
        name: &'static str,
        capability: Capability,
        class: BillingClass,
    ) -> Self {
        Self {
            name,
            kind: CallKind::Read,
            capability: Some(capability),
            class,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The facts of a call that changes something.
    pub(crate) const fn write(
        name: &'static str,
        capability: Capability,
        class: BillingClass,
    ) -> Self {
        let mut facts = Self::read(name, capability, class);
        facts.kind = CallKind::Write;
        facts
    }

    /// The facts of an upload.
    pub(crate) const fn upload(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Upload,
            capability: Some(Capability::WriteFiles),
            class: BillingClass::A,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The facts of a download.
    pub(crate) const fn download(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Download,
            capability: Some(Capability::ReadFiles),
            class: BillingClass::B,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The facts of the login.
    pub(crate) const fn login(name: &'static str) -> Self {
        Self {
            name,
            kind: CallKind::Authorize,
            capability: None,
            class: BillingClass::C,
            long_running: false,
            reconcile_on_first_error: false,
        }
    }

    /// The same, for a call on which B2 may work for minutes.
    pub(crate) const fn long_running(mut self) -> Self {
        self.long_running = true;
        self
    }

    /// The same, for a call whose first refusal may already mean that it has taken effect.
    pub(crate) const fn reconcile_on_first_error(mut self) -> Self {
        self.reconcile_on_first_error = true;
        self
    }
}
