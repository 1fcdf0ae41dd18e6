//! [`UnfinishedUploads`]: the registry of large files that uploads of this client have started and
//! not finished.
//!
//! B2 keeps the parts of an unfinished large file, and charges for them, until somebody cancels it.
//! An upload that fails cancels its own; one that is dropped can't, since a drop can't wait for a
//! response. So each large file is registered before it is started, and those that remain
//! registered can be cancelled later (`orphans`).

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
    /// Its id; `None` if this client does not know it, because the upload was dropped too early or
    /// the response was lost.
    pub file_id: Option<FileId>,
    /// Whether it is still being uploaded.
    pub state: UnfinishedState,
}

/// The state of an [`Unfinished`] large file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedState {
    /// Its upload is in progress.
    UnderWay,
    /// Its upload was dropped, or failed and could not cancel it.
    /// [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) cancels it.
    Orphaned,
    /// Its upload failed or was dropped, but was configured to keep the parts for resuming. This
    /// client never cancels it.
    Kept,
    /// Its upload was dropped, or lost B2's response, while B2 was finishing the file. It may be a
    /// complete file, so it is never cancelled;
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
    /// The transfers in progress, of any kind.
    transfers: usize,
    closing: bool,
}

/// A transfer in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveTransfer(Arc<UnfinishedUploads>);

/// One registered upload.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) number: u64,
    pub(super) unfinished: Unfinished,
    /// The upload id in its file info, which identifies a large file whose file id is not known.
    /// May be empty.
    pub(super) upload_id: String,
    /// Whether it is being cancelled; until that ends, nobody may resume it.
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
    /// The state that it gets if its upload is dropped, unless it may be a complete file by then.
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

    /// Registers a large file that is resumed, in place of its earlier entry. `None` if it is [in
    /// use](Self::is_in_use).
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
        // From here on the upload that resumes it is responsible for it.
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

    /// The permission to cancel an orphan. `None` if it was resumed, or is being cancelled already.
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

    /// Counts a new transfer; `None` if new ones are refused.
    pub(super) fn begin_transfer(self: &Arc<Self>) -> Option<ActiveTransfer> {
        let mut state = self.lock();
        if state.closing {
            return None;
        }
        state.transfers += 1;
        drop(state);
        Some(ActiveTransfer(Arc::clone(self)))
    }

    /// Whether transfers are in progress.
    pub(super) fn has_transfers(&self) -> bool {
        self.lock().transfers > 0
    }

    /// Refuses new transfers.
    pub(super) fn close(&self) {
        self.lock().closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// All registered uploads.
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
    /// Whether this large file is the registered one, or may be while the registered one's file id
    /// is unknown.
    fn may_be(&self, file_id: &FileId, upload_id: &str) -> bool {
        match &self.unfinished.file_id {
            Some(known) => known == file_id,
            None => !upload_id.is_empty() && self.upload_id == upload_id,
        }
    }
}

impl Drop for ActiveTransfer {
    fn drop(&mut self) {
        self.0.lock().transfers -= 1;
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

    /// Records the file id that B2 assigned to the large file.
    pub(crate) fn started(&self, file_id: &FileId) {
        let id = Some(file_id.clone());
        self.registry
            .change(self.number, |unfinished| unfinished.file_id = id);
    }

    /// Keeps the large file if the upload is dropped.
    pub(crate) const fn keep_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Kept;
    }

    /// Leaves the large file to be cancelled if the upload is dropped.
    pub(crate) const fn cancel_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Orphaned;
    }

    /// Records that B2 may have finished the file from here on.
    pub(crate) const fn finishing(&mut self) {
        self.finishing = true;
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// Records that B2 has certainly not finished the file.
    pub(crate) const fn not_finished(&mut self) {
        self.finishing = false;
    }

    /// Removes the entry: the large file was finished or cancelled, or never started.
    pub(crate) fn remove(mut self) {
        self.resolved = true;
        self.registry.remove(self.number);
    }

    /// Keeps the large file, to be resumed.
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

#[cfg(test)]
mod tests {
    use super::UnfinishedState::{Kept, Orphaned, UnderWay, Unknown};
    use super::*;

    fn register(registry: &Arc<UnfinishedUploads>, upload_id: &str) -> UploadEntry {
        registry.register(&"b".into(), "name", upload_id)
    }

    fn adopt(registry: &Arc<UnfinishedUploads>, id: &FileId) -> Option<UploadEntry> {
        registry.adopt(&"b".into(), "name", id, "u1")
    }

    fn states(registry: &UnfinishedUploads) -> Vec<UnfinishedState> {
        let all = registry.all();
        all.iter().map(|one| one.unfinished.state).collect()
    }

    fn ids() -> (FileId, FileId) {
        ("4_z1".into(), "4_z2".into())
    }

    #[test]
    fn the_end_of_an_upload_determines_the_state_of_its_large_file() {
        type End<'a> = (fn(UploadEntry), &'a [UnfinishedState]);
        let ends: [End<'_>; 8] = [
            (drop, &[Orphaned]),
            (|mut entry| entry.keep_if_dropped(), &[Kept]),
            (
                |mut entry| {
                    entry.keep_if_dropped();
                    entry.cancel_if_dropped();
                },
                &[Orphaned],
            ),
            (
                |mut entry| {
                    entry.finishing();
                    assert!(entry.is_finishing());
                },
                &[Unknown],
            ),
            (
                |mut entry| {
                    entry.keep_if_dropped();
                    entry.finishing();
                },
                &[Unknown],
            ),
            (
                |mut entry| {
                    entry.finishing();
                    entry.not_finished();
                    assert!(!entry.is_finishing());
                },
                &[Orphaned],
            ),
            (UploadEntry::keep, &[Kept]),
            (UploadEntry::remove, &[]),
        ];
        for (at, (end, expected)) in ends.into_iter().enumerate() {
            let registry = Arc::default();
            let _other = register(&registry, "u2");
            let entry = register(&registry, "u1");
            assert_eq!(states(&registry), [UnderWay, UnderWay]);
            end(entry);
            let states = states(&registry);
            assert_eq!(states[0], UnderWay, "{at}");
            assert_eq!(states[1..], *expected, "{at}");
        }
    }

    #[test]
    fn a_large_file_is_in_use_while_it_is_started_sent_or_cancelled() {
        let (registry, (mine, other)) = (Arc::default(), ids());
        let entry = register(&registry, "u1");
        // Until its file id is known, its upload id identifies it.
        assert!(registry.is_in_use(&mine, "u1"));
        assert!(!registry.is_in_use(&mine, "u2"));
        entry.started(&mine);
        assert!(registry.is_in_use(&mine, "u2") && registry.is_known(&mine));
        assert!(!registry.is_in_use(&other, "u1") && !registry.is_known(&other));
        drop(entry);
        assert!(!registry.is_in_use(&mine, "u1"));
        let number = registry.all()[0].number;
        let cancellation = registry.begin_cancellation(number).unwrap();
        assert!(registry.is_in_use(&mine, "u1"));
        assert!(registry.begin_cancellation(number).is_none());
        assert!(adopt(&registry, &mine).is_none());
        drop(cancellation);
        assert!(!registry.is_in_use(&mine, "u1"));
        assert!(registry.begin_cancellation(number).is_some());
    }

    #[test]
    fn an_upload_without_an_upload_id_is_not_taken_for_another_one() {
        let registry = Arc::default();
        let _entry = register(&registry, "");
        assert!(!registry.is_in_use(&ids().0, ""));
    }

    #[test]
    fn only_orphans_are_cancelled() {
        let registry = Arc::default();
        let (_other, entry) = (register(&registry, "u2"), register(&registry, "u1"));
        let number = entry.number;
        for (state, expected) in [
            (UnderWay, false),
            (Kept, false),
            (Unknown, false),
            (Orphaned, true),
        ] {
            registry.set_state(number, state);
            let cancellation = registry.begin_cancellation(number);
            assert_eq!(cancellation.is_some(), expected, "{state:?}");
        }
        registry.remove(number);
        assert!(registry.begin_cancellation(number).is_none());
        assert_eq!(states(&registry), [UnderWay]);
    }

    #[test]
    fn a_resumed_upload_replaces_the_earlier_entry_of_its_large_file() {
        let (registry, (mine, other)) = (Arc::default(), ids());
        let (entry, another) = (register(&registry, "u1"), register(&registry, "u2"));
        entry.started(&mine);
        another.started(&other);
        drop(entry);
        let resumed = adopt(&registry, &mine).unwrap();
        let all = registry.all();
        let known = all.iter().map(|one| one.unfinished.file_id.clone());
        assert_eq!(known.collect::<Vec<_>>(), [Some(other), Some(mine)]);
        assert_eq!(states(&registry), [UnderWay, UnderWay]);
        resumed.keep();
        assert_eq!(states(&registry), [UnderWay, Kept]);
    }

    #[test]
    fn a_large_file_that_is_gone_is_forgotten_unless_an_upload_is_sending_it() {
        let (registry, (mine, other)) = (Arc::default(), ids());
        let entry = register(&registry, "u1");
        entry.started(&mine);
        registry.forget(&mine);
        assert!(registry.is_known(&mine));
        drop(entry);
        registry.forget(&other);
        assert!(registry.is_known(&mine));
        registry.forget(&mine);
        assert!(registry.all().is_empty());
    }

    #[test]
    fn a_closed_registry_refuses_transfers_and_counts_those_that_began_before() {
        let registry = Arc::new(UnfinishedUploads::default());
        let begun = [(); 2].map(|()| registry.begin_transfer().unwrap());
        assert!(!registry.is_closing() && registry.has_transfers());
        registry.close();
        assert!(registry.is_closing() && registry.begin_transfer().is_none());
        let [one, other] = begun;
        drop(one);
        assert!(registry.has_transfers());
        drop(other);
        assert!(!registry.has_transfers());
    }
}
