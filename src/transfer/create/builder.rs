//! [`Create`]: what a caller says of a file to be created.

use super::slot::CreateSlot;
use super::stage::NONCE;
#[cfg(doc)]
use super::stage::{CREATE_STAGES, is_create_stage};
use crate::api::UPLOAD_ID;
use crate::client::BucketHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::source::Source;
use crate::types::{ContentType, FileInfo, FileName, FileVersion};

/// A file to be created if there is none of its name, made by [`BucketHandle::create`]: await it.
///
/// Of many who create a name at once, one gets [`Created`], and the others [`ErrorKind::Conflict`].
/// B2 has no conditional upload. It has a conditional update of a bucket, and that is enough:
///
/// 1. The bytes are uploaded as a *stage*, under a name that begins with [`CREATE_STAGES`], in the
///    same bucket.
/// 2. The [slot](CreateSlot) is read. If it is empty and the name is free, the intent to turn the
///    stage into the file is written into it, on condition that nobody has changed that bucket
///    since.
/// 3. The stage is copied to the name, within B2; the stage is deleted; the file is looked up; the
///    slot is cleared.
///
/// Whoever finds an intent in the slot carries it out before anything else. So there are no leases
/// and no clocks, and a writer that dies blocks nobody.
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
/// # Assumptions
/// B2 documents of its calls:
/// - `b2_update_bucket` with `ifRevisionIs` changes a bucket only if it has that revision.
/// - A bucket's info is returned as it was set, up to ten entries.
/// - `b2_copy_file` with the directive `COPY` keeps the content type and the file info.
///
/// B2 does not document, and this crate infers:
/// - Updates with `ifRevisionIs` are linearizable: of two at the same revision, at most one
///   succeeds.
/// - A copy that does not exist when the deletion of its source is confirmed will never exist.
/// - Looking up a bucket, a version by its id, or a name shows everything that was confirmed
///   before.
///
/// On these assumptions, all orders in which three writers, two crashes, and two lost or
/// arbitrarily delayed requests can interleave were searched: there are never two winners, nor a
/// file that somebody was told does not exist.
///
/// # Rules
/// For names that are created in this way:
/// - All writers use the same slot. The same names are not uploaded, copied to, hidden or deleted
///   while they are being created. A file may be deleted once somebody was told that it was
///   created.
/// - Nobody sets the info of the slot's bucket without `ifRevisionIs`.
/// - No lifecycle rule and no cleanup deletes what is under [`CREATE_STAGES`]. Listings show
///   stages: [`is_create_stage`] recognises them.
/// - The bucket of the files has no default retention, and the keys of all that share a slot may
///   write, read, list and delete in every bucket whose files are created through it.
///
/// A hidden name is free. Existing files are looked up through B2's API, never through a download
/// origin of your own.
///
/// # Cost
/// Without contention, besides the upload of the stage: two `b2_update_bucket`, two
/// `b2_list_buckets` (one for the retention, one for the slot), three `b2_list_file_names` and one
/// `b2_copy_file` of class C; one `b2_get_file_info` of class B; one `b2_delete_file_version` of
/// class A, which is free. That is eight class C calls. Creates that share a slot run one after the
/// other.
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): there is a file of this name, and nothing was changed. The
///   kind means nothing else here.
/// - [`Invalid`](ErrorKind::Invalid), before a byte is sent: more than 5 GB, an unknown length, a
///   name under [`CREATE_STAGES`], file info without room for one more entry, a default retention.
/// - [`Unauthorized`](ErrorKind::Unauthorized), before a byte is sent: one of the keys lacks a
///   capability.
/// - [`Unavailable`](ErrorKind::Unavailable): B2 refused to copy the stage, which was then given up
///   so that it doesn't block the slot; or others always came first; or B2 did not answer.
/// - [`Protocol`](ErrorKind::Protocol): the slot holds an entry that this version of the crate
///   doesn't know. Nothing was done.
/// - [`Source`](ErrorKind::Source): the source can't be read; or somebody
///   [discarded](BucketHandle::discard_abandoned_creates) the stage of a non-replayable stream.
/// - [`Credentials`](ErrorKind::Credentials), [`NotFound`](ErrorKind::NotFound),
///   [`CapExceeded`](ErrorKind::CapExceeded), [`TooManyRequests`](ErrorKind::TooManyRequests),
///   [`Rejected`](ErrorKind::Rejected), [`Http`](ErrorKind::Http),
///   [`ShutDown`](ErrorKind::ShutDown): the call that failed for good, after its retries.
///
/// If [`Error::may_have_taken_effect`] is true, the file may have been created, or may still be
/// created by whoever uses the slot next.
///
/// # Cancellation
/// Dropping the future may leave a stage, which B2 charges for until it is
/// [discarded](BucketHandle::discard_abandoned_creates); or an intent in the slot, which its next
/// user carries out: then the file is created although the future was dropped. Nothing is left half
/// done. A large stage is left as [`Upload`](crate::transfer::Upload#cancellation) says.
#[derive(Debug)]
#[must_use = "nothing is created until it is awaited"]
pub struct Create {
    pub(super) bucket: BucketHandle,
    pub(super) slot: CreateSlot,
    pub(super) name: Result<FileName, Error>,
    pub(super) origin: Origin,
    pub(super) settings: CreateSettings,
}

/// What a stage is made of.
#[derive(Debug)]
pub(super) enum Origin {
    Source(Source),
    Version(Box<FileVersion>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct CreateSettings {
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    pub(super) part_size: Option<u64>,
    pub(super) concurrency: Option<usize>,
}

/// The result of a create: the file exists, and nobody else created it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The file version. Its info has one more entry, `b2kit-create-nonce`.
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
        Self {
            bucket,
            slot: slot.clone(),
            name: name.try_into().map_err(Into::into),
            origin: Origin::Version(Box::new(version.clone())),
            settings: CreateSettings {
                content_type: version.content_type.clone().unwrap_or_default(),
                file_info: FileInfo::unchecked(info),
                ..CreateSettings::default()
            },
        }
    }
}

impl Create {
    /// Sets the MIME type. Defaults to [`ContentType::auto`]: B2 decides by the file name's
    /// extension.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.settings.content_type = content_type;
        self
    }

    /// Sets the file info, as for an [`Upload`](crate::transfer::Upload::file_info); one of its ten
    /// entries is taken.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.settings.file_info = info;
        self
    }

    /// Sets the size of the parts in which the stage is uploaded, in bytes: see
    /// [`Upload::part_size`](crate::transfer::Upload::part_size).
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.settings.part_size = Some(bytes);
        self
    }

    /// Sets how many parts of the stage are sent at once: see
    /// [`Upload::concurrency`](crate::transfer::Upload::concurrency).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.settings.concurrency = Some(parts);
        self
    }
}
