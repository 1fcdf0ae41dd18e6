//! [`Create`]: the builder of a put-if-absent.

use super::slot::CreateSlot;
#[cfg(doc)]
use super::stage::CREATE_STAGES;
use super::stage::NONCE;
use crate::api::UPLOAD_ID;
use crate::client::BucketHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::large_file::{ContentOptions, content_options};
use crate::transfer::source::Source;
use crate::types::{FileInfo, FileName, FileVersion, LARGE_FILE_SHA1};

/// Creates a file only if no file of its name exists (put-if-absent). Made by
/// [`BucketHandle::create`]: await it.
///
/// If several writers create the same name concurrently, one gets [`Created`] and the others get
/// [`ErrorKind::Conflict`]. B2 has no conditional upload, so this is built on its conditional
/// bucket update:
///
/// 1. The content is uploaded as a *stage*, under a name that begins with [`CREATE_STAGES`], in the
///    same bucket.
/// 2. The [slot](CreateSlot) is read. If it is empty and the name is free, the intent to turn the
///    stage into the file is written to it, on the condition that the slot's bucket has not changed
///    since.
/// 3. The stage is copied to the name within B2; the stage is deleted; the file is looked up; the
///    slot is cleared.
///
/// A writer that finds an intent in the slot executes it first. So no leases or clocks are needed,
/// and a crashed writer blocks no one.
///
/// ```
/// use b2kit::transfer::CreateSlot;
/// # use b2kit::{BucketHandle, Error, ErrorKind};
/// # async fn create(bucket: BucketHandle, coordination: BucketHandle) -> Result<(), Error> {
/// let slot = CreateSlot::new(coordination); // a small bucket, the same for all writers
/// match bucket.create("table/_log/0007.json", "{}", &slot).await {
///     Ok(created) => println!("it is ours: {}", created.file.file_id),
///     Err(error) if error.kind() == ErrorKind::Conflict => println!("somebody else was first"),
///     Err(error) => return Err(error),
/// }
/// # Ok(()) }
/// ```
///
/// Under the assumptions and rules on the page [`put_if_absent`](crate::transfer::put_if_absent),
/// there are never two winners, and no file exists that its writer was told it did not create. All
/// writers of a name must use the same slot.
///
/// It is `Send` and `Unpin`, but not `Sync`, since the source may be a reader or a stream.
///
/// # Cost
/// Without contention, in addition to the upload of the stage: two `b2_update_bucket`, two
/// `b2_list_buckets` (one for the retention, one for the slot), three `b2_list_file_names` and one
/// `b2_copy_file` of class C; one `b2_get_file_info` of class B; one `b2_delete_file_version` of
/// class A, which is free. That is eight class C calls. Creates that share a slot run sequentially.
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): a file of this name exists, and nothing was changed. The
///   kind has no other meaning here.
/// - [`Invalid`](ErrorKind::Invalid), before anything is written: more than 5 GB, an unknown length,
///   a name under [`CREATE_STAGES`], file info without room for one more entry, a copy of a version
///   that is encrypted with a customer-managed key (SSE-C); or, after a look at the bucket, a default
///   retention, if the key has `readBucketRetentions` or `readFileRetentions`.
/// - [`Unauthorized`](ErrorKind::Unauthorized): one of the keys lacks a capability, in which case
///   nothing was sent; or, with `access_denied`, the stage can't be deleted, as in a bucket with a
///   default retention that the key could not read. Then all creates through this slot fail until
///   it can be deleted.
/// - [`Unavailable`](ErrorKind::Unavailable): B2 rejected the copy of the stage, which was then
///   abandoned so that it doesn't block the slot, and [`Error::b2`] says why; or other writers
///   always won the slot; or B2 did not respond.
/// - [`Protocol`](ErrorKind::Protocol): the slot holds an entry of an unknown format. Nothing was
///   changed.
/// - [`Source`](ErrorKind::Source): the source can't be read; or the stage of a non-replayable
///   stream was [discarded](BucketHandle::discard_abandoned_creates) before it was used.
/// - [`Credentials`](ErrorKind::Credentials), [`NotFound`](ErrorKind::NotFound),
///   [`CapExceeded`](ErrorKind::CapExceeded), [`TooManyRequests`](ErrorKind::TooManyRequests),
///   [`Rejected`](ErrorKind::Rejected), [`Http`](ErrorKind::Http),
///   [`ShutDown`](ErrorKind::ShutDown): a call failed after its retries.
///
/// If [`Error::may_have_taken_effect`] is true, the file may have been created, or may still be
/// created by the next writer that uses the slot.
///
/// # Cancellation
/// Dropping the future may leave a stage, which B2 charges for until it is
/// [discarded](BucketHandle::discard_abandoned_creates); or an intent in the slot, which the next
/// writer executes: the file is then created although the future was dropped. The file is never
/// left incomplete. For a stage uploaded as a large file see
/// [`Upload`](crate::transfer::Upload#cancellation).
#[derive(Debug)]
#[must_use = "nothing is created until it is awaited"]
pub struct Create {
    pub(super) bucket: BucketHandle,
    pub(super) slot: CreateSlot,
    pub(super) name: Result<FileName, Error>,
    pub(super) origin: Origin,
    pub(super) settings: CreateSettings,
}

/// Where the content of a stage comes from.
#[derive(Debug)]
pub(super) enum Origin {
    Source(Source),
    Version(Box<FileVersion>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct CreateSettings {
    pub(super) content: ContentOptions,
    pub(super) concurrency: Option<usize>,
}

/// The result of a create: this call created the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The new file version. Its file info has an additional entry, `b2kit-create-nonce`.
    pub file: FileVersion,
}

impl Create {
    pub(crate) fn new<N>(
        bucket: BucketHandle,
        name: N,
        source: impl Into<Source>,
        slot: &CreateSlot,
    ) -> Self
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Self {
            bucket,
            slot: slot.clone(),
            name: name.try_into().map_err(Into::into),
            origin: Origin::Source(source.into()),
            settings: CreateSettings::default(),
        }
    }

    pub(crate) fn copy_of<N>(
        bucket: BucketHandle,
        version: &FileVersion,
        name: N,
        slot: &CreateSlot,
    ) -> Self
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let info = version.file_info.iter();
        let info = info.filter(|(key, _)| ![UPLOAD_ID, NONCE].contains(key));
        let mut info: Vec<_> = info.collect();
        // The nonce takes the place of an upload's tenth entry.
        if info.len() > 9 {
            info.retain(|(key, _)| *key != LARGE_FILE_SHA1);
        }
        Self {
            bucket,
            slot: slot.clone(),
            name: name.try_into().map_err(Into::into),
            origin: Origin::Version(Box::new(version.clone())),
            settings: CreateSettings {
                content: ContentOptions {
                    content_type: version.content_type.clone().unwrap_or_default(),
                    file_info: FileInfo::unchecked(info),
                    part_size: None,
                },
                concurrency: None,
            },
        }
    }
}

content_options!(
    Create, settings.content,
    file_info:
    /// Sets the file info, as for an [`Upload`](crate::transfer::Upload::file_info), but at most
    /// nine entries: the tenth is used internally.
    ;
    part_size:
    /// Sets the part size of the upload of the stage, in bytes: see
    /// [`Upload::part_size`](crate::transfer::Upload::part_size).
    ;
);

impl Create {
    /// Sets how many parts of the stage are uploaded in parallel: see
    /// [`Upload::concurrency`](crate::transfer::Upload::concurrency).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.settings.concurrency = Some(parts);
        self
    }
}
