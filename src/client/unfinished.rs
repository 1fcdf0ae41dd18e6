//! [`UnfinishedUploads`]: the large files that uploads of this client have started and not
//! finished.
//!
//! B2 keeps the parts of an unfinished large file, and charges for them, until somebody cancels it.
//! An upload that fails cancels its own; one that is dropped can't, since a drop can't wait for a
//! response. So each is registered before it is started, and what remains registered can be
//! cancelled later (`orphans`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::types::{BucketId, FileId};

/// A large file that was started but neither finished nor cancelled, as far as this client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The bucket it is in.
    pub bucket_id: BucketId,
    /// Its name.
    pub file_name: String,
    /// Its id; `None` if this client does not know it, because the upload was dropped before or the
    /// response was lost.
    pub file_id: Option<FileId>,
    /// Whether it is still being uploaded.
    pub state: UnfinishedState,
}

/// What is known of an [`Unfinished`] large file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedState {
    /// Its upload is in progress.
    UnderWay,
    /// Its upload was dropped, or failed and could not cancel it.
    /// [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) will.
    Orphaned,
    /// Its upload failed or was dropped, and was set to keep it so that it can be resumed. This
    /// client never cancels it.
    Kept,
    /// Its upload was dropped, or lost B2's response, while B2 was finishing the file. It may be a
    /// complete file by now, so it is never cancelled;
    /// [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) asks B2.
    Unknown,
}

/// The registry.
#[derive(Debug, Default)]
pub(super) struct UnfinishedUploads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    uploads: Vec<Registered>,
    closing: bool,
}

/// One registered upload.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) number: u64,
    pub(super) unfinished: Unfinished,
    /// The upload id in its file info, by which a large file is found whose id is not known. May be
    /// empty.
    pub(super) upload_id: String,
    /// It is being cancelled: until that has ended, nobody may resume it.
    is_being_cancelled: bool,
}

/// The permission to cancel a large file, until it is dropped.
#[derive(Debug)]
pub(super) struct Cancellation {
    registry: Arc<UnfinishedUploads>,
    number: u64,
}

/// The registration of one upload. Dropping it leaves the large file registered, in the state that
/// the upload was in.
#[derive(Debug)]
pub(crate) struct UploadEntry {
    registry: Arc<UnfinishedUploads>,
    number: u64,
    /// Its state once its upload is dropped, unless it may be a complete file then.
    if_dropped: UnfinishedState,
    finishing: bool,
    resolved: bool,
}

impl UnfinishedUploads {
    /// Registers a large file that is about to be started.
    pub(super) fn register(
        self: &Arc<Self>,
        bucket_id: &BucketId,
        name: &str,
        upload_id: &str,
    ) -> UploadEntry {
        let number = self.lock().add(bucket_id, name, None, upload_id);
        UploadEntry::new(self, number)
    }

    /// Registers a large file that is resumed, in place of what is registered of it. `None` if it
    /// is [in use](Self::is_in_use).
    pub(super) fn adopt(
        self: &Arc<Self>,
        bucket_id: &BucketId,
        name: &str,
        file_id: &FileId,
        upload_id: &str,
    ) -> Option<UploadEntry> {
        let mut state = self.lock();
        if state.is_in_use(file_id, upload_id) {
            return None;
        }
        // The upload that resumes it decides what happens to it.
        let is_other = |one: &Registered| one.unfinished.file_id.as_ref() != Some(file_id);
        state.uploads.retain(is_other);
        let number = state.add(bucket_id, name, Some(file_id), upload_id);
        drop(state);
        Some(UploadEntry::new(self, number))
    }

    /// Whether an upload of this client sends this large file or is starting it, or it is being
    /// cancelled.
    pub(super) fn is_in_use(&self, file_id: &FileId, upload_id: &str) -> bool {
        self.lock().is_in_use(file_id, upload_id)
    }

    /// The permission to cancel an orphan. `None` if it is none any more: it was resumed, or is
    /// being cancelled already.
    pub(super) fn begin_cancellation(self: &Arc<Self>, number: u64) -> Option<Cancellation> {
        let mut state = self.lock();
        let one = state.uploads.iter_mut().find(|one| one.number == number)?;
        let is_orphan = one.unfinished.state == UnfinishedState::Orphaned;
        if !is_orphan || one.is_being_cancelled {
            return None;
        }
        one.is_being_cancelled = true;
        drop(state);
        Some(Cancellation {
            registry: Arc::clone(self),
            number,
        })
    }

    /// No upload may begin any more.
    pub(super) fn close(&self) {
        self.lock().closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// All that are registered.
    pub(super) fn all(&self) -> Vec<Registered> {
        self.lock().uploads.clone()
    }

    pub(super) fn is_known(&self, id: &FileId) -> bool {
        let state = self.lock();
        let mut ids = state.uploads.iter().map(|one| &one.unfinished.file_id);
        ids.any(|known| known.as_ref() == Some(id))
    }

    /// Removes a large file that B2 no longer has, unless an upload is in progress.
    pub(super) fn forget(&self, id: &FileId) {
        self.lock().uploads.retain(|one| {
            one.unfinished.state == UnfinishedState::UnderWay
                || one.unfinished.file_id.as_ref() != Some(id)
        });
    }

    pub(super) fn remove(&self, number: u64) {
        self.lock().uploads.retain(|one| one.number != number);
    }

    pub(super) fn set_state(&self, number: u64, state: UnfinishedState) {
        self.change(number, |unfinished| unfinished.state = state);
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Unfinished)) {
        let mut state = self.lock();
        let mut uploads = state.uploads.iter_mut();
        if let Some(one) = uploads.find(|one| one.number == number) {
            change(&mut one.unfinished);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(
        &mut self,
        bucket_id: &BucketId,
        name: &str,
        file_id: Option<&FileId>,
        upload_id: &str,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        self.uploads.push(Registered {
            number,
            unfinished: Unfinished {
                bucket_id: bucket_id.clone(),
                file_name: name.to_owned(),
                file_id: file_id.cloned(),
                state: UnfinishedState::UnderWay,
            },
            upload_id: upload_id.to_owned(),
            is_being_cancelled: false,
        });
        number
    }

    fn is_in_use(&self, file_id: &FileId, upload_id: &str) -> bool {
        self.uploads.iter().any(|one| {
            let is_busy =
                one.unfinished.state == UnfinishedState::UnderWay || one.is_being_cancelled;
            is_busy && one.may_be(file_id, upload_id)
        })
    }
}

impl Registered {
    /// Whether this large file of B2's is the registered one, or may be as long as the id of that
    /// is not known.
    fn may_be(&self, file_id: &FileId, upload_id: &str) -> bool {
        match &self.unfinished.file_id {
            Some(known) => known == file_id,
            None => !upload_id.is_empty() && self.upload_id == upload_id,
        }
    }
}

impl Drop for Cancellation {
    fn drop(&mut self) {
        let mut state = self.registry.lock();
        let one = state
            .uploads
            .iter_mut()
            .find(|one| one.number == self.number);
        if let Some(one) = one {
            one.is_being_cancelled = false;
        }
    }
}

impl UploadEntry {
    fn new(registry: &Arc<UnfinishedUploads>, number: u64) -> Self {
        Self {
            registry: Arc::clone(registry),
            number,
            if_dropped: UnfinishedState::Orphaned,
            finishing: false,
            resolved: false,
        }
    }

    /// B2 has started the large file, with this id.
    pub(crate) fn started(&self, file_id: &FileId) {
        let id = Some(file_id.clone());
        self.registry
            .change(self.number, |unfinished| unfinished.file_id = id);
    }

    /// A dropped upload keeps the large file too.
    pub(crate) const fn keep_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Kept;
    }

    /// A dropped upload leaves the large file to be cancelled.
    pub(crate) const fn cancel_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Orphaned;
    }

    /// From now on it may be a file.
    pub(crate) const fn finishing(&mut self) {
        self.finishing = true;
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// It is certain that it is not a file.
    pub(crate) const fn not_finished(&mut self) {
        self.finishing = false;
    }

    /// It was finished or cancelled, or never started.
    pub(crate) fn remove(mut self) {
        self.resolved = true;
        self.registry.remove(self.number);
    }

    /// It stays, for its owner to resume.
    pub(crate) fn keep(mut self) {
        self.resolved = true;
        self.registry.set_state(self.number, UnfinishedState::Kept);
    }
}

impl Drop for UploadEntry {
    fn drop(&mut self) {
        if self.resolved {
            return;
        }
        let state = if self.finishing {
            UnfinishedState::Unknown
        } else {
            self.if_dropped
        };
        self.registry.set_state(self.number, state);
    }
}
