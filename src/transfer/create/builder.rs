//! [`Create`]: what a caller says of a file to be created.

use super::slot::CreateSlot;
#[cfg(doc)]
use super::stage::{CREATE_STAGES, is_create_stage};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::bucket::BucketHandle;
use crate::transfer::source::Source;
use crate::types::{ContentType, FileInfo, FileName, FileVersion};

/// A file that is about to be created if there is none of its name: await it.
///
/// Of many who create a name at once, one gets [`Created`], and the others
/// [`ErrorKind::Conflict`]. B2 has no conditional upload. What it has is a conditional update of a bucket, and that is enough:
///
/// 1. The bytes are uploaded as a *stage*, under a name that begins with [`CREATE_STAGES`], in the same bucket.
/// 2. The [slot](CreateSlot) is looked at. If it is empty and the name is free, the intent to make the file of the stage is put into
///    it, on condition that nobody has changed that bucket since.
/// 3. The stage is copied to the name, within B2; the stage is deleted; the file is looked up; the slot is emptied.
///
/// Whoever finds an intent in the slot carries it out before anything else. So there are no leases and no clocks, and a writer
/// that dies holds nobody up.
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
/// # What it rests on
/// B2 says, of its calls:
/// - `b2_update_bucket` with `ifRevisionIs` changes a bucket only if that is its revision.
/// - A bucket's info comes back as it was set, up to ten entries.
/// - `b2_copy_file` with the directive `COPY` keeps the content type and the file info.
///
/// B2 doesn't say so, and it is inferred:
/// - Updates with `ifRevisionIs` are linearizable: of two at the same revision one succeeds at most.
/// - A copy that isn't there when the deletion of its source is confirmed never comes to be.
/// - Who looks up a bucket, a version by its id, or a name sees all that was confirmed before.
///
/// On these, all orders in which three writers, two crashes, and two requests that are lost or delayed without limit can meet were
/// searched, and there are never two winners, nor a file that somebody was told is not there.
///
/// # Rules
/// For names that are created in this way:
/// - All writers use the same slot. The same names are not uploaded, copied to, hidden or deleted while they are being created.
///   A file may be deleted once somebody has been told that it was created.
/// - Nobody sets the info of the slot's bucket without `ifRevisionIs`.
/// - No lifecycle rule and no clean-up deletes what is under [`CREATE_STAGES`]. Listings show stages:
///   [`is_create_stage`] tells them.
/// - The bucket of the files has no default retention, and the keys of all that share a slot may write, read, list and
///   delete in every bucket whose files are created through it.
///
/// A name that is hidden is free. What is there is asked of B2's API, never of a download origin of your own.
///
/// # What it costs
/// Without contention, beside the upload of the stage: two `b2_update_bucket`, two `b2_list_buckets` (one for the retention, one for
/// the slot), three `b2_list_file_names` and one `b2_copy_file` of class C; one `b2_get_file_info` of class B; one
/// `b2_delete_file_version` of class A, which is free. That is eight calls of class C. Creates are carried out one after the other, each slot.
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): there is a file of this name, and nothing was changed. This kind stands for nothing else.
/// - [`Invalid`](ErrorKind::Invalid), before a byte is sent: more than 5 GB, an unknown length, a name under
///   [`CREATE_STAGES`], file info with no room for one entry more, a default retention.
/// - [`Error::may_have_taken_effect`]: the file may have been created, or may be yet, by whoever uses the slot next.
/// - [`Protocol`](ErrorKind::Protocol) where the slot holds what this version of the crate doesn't know: nothing is done then.
/// - [`Source`](ErrorKind::Source) where somebody [discarded](BucketHandle::discard_abandoned_creates) the stage and the source
///   can't be read again.
/// - As the calls for the rest.
///
/// A stage whose copy B2 refuses as a bad request is given up, so that it doesn't block the slot: its writer gets an error of kind
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// # Cancellation
/// Dropping the future may leave a stage, which B2 charges for until it is
/// [discarded](BucketHandle::discard_abandoned_creates), or an intent in the slot, which the next one to use the slot carries out: then
/// the file comes to be although the future was dropped. Nothing is left half done for others. An upload of a
/// large stage is left as [`Upload`](super::Upload) says.
#[derive(Debug)]
#[must_use = "nothing is created until it is awaited"]
pub struct Create {
    pub(super) bucket: BucketHandle,
    pub(super) slot: CreateSlot,
    pub(super) name: Result<FileName, Error>,
    pub(super) source: Source,
    pub(super) settings: CreateSettings,
}

#[derive(Debug, Clone, Default)]
pub(super) struct CreateSettings {
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    pub(super) part_size: Option<u64>,
    pub(super) concurrency: Option<usize>,
}

/// A file that was created, and that nobody else has created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its version. Its info has one entry more, `b2kit-create-nonce`.
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
            source: source.into(),
            settings: CreateSettings::default(),
        }
    }
}

impl Create {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.settings.content_type = content_type;
        self
    }

    /// Notes that go with the file, as for an [`Upload`](super::Upload::file_info); one of the ten is taken.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.settings.file_info = info;
        self
    }

    /// The size of the parts in which the stage is uploaded, in bytes: as [`Upload::part_size`](super::Upload::part_size).
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.settings.part_size = Some(bytes);
        self
    }

    /// How many parts of the stage are under way at once: as [`Upload::concurrency`](super::Upload::concurrency).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.settings.concurrency = Some(parts);
        self
    }
}
