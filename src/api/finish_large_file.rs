//! [`FinishLargeFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::get_file_info::GetFileInfo;
use super::list_parts::ListParts;
use super::reply::Reply;
use super::response_match::not_a_file;
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::types::{Action, Capability, FileId, FileVersion, Sha1};

/// Finishes a large file, combining its parts into one file: `b2_finish_large_file`.
///
/// B2 finishes the file only if it has exactly these parts, numbered from 1, with these SHA-1s.
///
/// If the response is lost, or B2 says that there is no such large file (a proxy may have sent the
/// request twice), the client uses [`GetFileInfo`] to find out whether the file was finished, which
/// needs `readFiles`. Without it, a large file whose parts can still be listed is not finished;
/// otherwise the error says that it [may have taken effect](crate::Error::may_have_taken_effect).
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-finish-large-file)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `missing_part` or `part_sha1_mismatch`; with
/// `bad_request` if there are fewer than two parts, a part other than the last is too small, or the
/// file was already finished, in which case [`GetFileInfo`](super::GetFileInfo) returns it.
///
/// # Cancellation
/// B2 may still finish the file after the future is dropped; use
/// [`GetFileInfo`](super::GetFileInfo) to find out.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishLargeFile {
    file_id: FileId,
    part_sha1_array: Vec<Sha1>,
}

impl FinishLargeFile {
    /// Finishes the file from parts with these SHA-1s, in order of part number.
    pub fn new(
        file_id: impl Into<FileId>,
        part_sha1_array: impl IntoIterator<Item = Sha1>,
    ) -> Self {
        Self {
            file_id: file_id.into(),
            part_sha1_array: part_sha1_array.into_iter().collect(),
        }
    }
}

impl Call for FinishLargeFile {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_finish_large_file",
        Capability::WriteFiles,
        BillingClass::A,
    )
    .long_running()
    .reconcile_on_first_error();
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn check(&self) -> Result<(), Error> {
        let parts = self.part_sha1_array.len();
        if parts > 10_000 {
            let excess = parts - 10_000;
            return Err(Error::invalid(format!(
                "the large file has {parts} parts, {excess} more than the 10,000 that B2 allows"
            )));
        }
        Ok(())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_like(|file: &FileVersion| {
            let (asked, got) = (self.file_id.as_str(), file.file_id.as_str());
            match not_a_file(file) {
                _ if asked != got => Some(format!(
                    "the request was to finish {asked:?}, but the response is about {got:?}"
                )),
                why => why.map(str::to_owned),
            }
        })
    }

    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<FileVersion> {
        // With these codes, the large file is still unfinished.
        let unfinished = |code: &str| matches!(code, "missing_part" | "part_sha1_mismatch");
        if lost
            .rejection
            .as_ref()
            .is_some_and(|rejection| unfinished(&rejection.code))
        {
            return Reconciliation::NotDone;
        }
        match executor.execute(GetFileInfo::new(&self.file_id)).await {
            Ok(file) if file.action == Action::Start => Reconciliation::NotDone,
            Ok(file) if not_a_file(&file).is_none() => Reconciliation::Done(file),
            Ok(_) => Reconciliation::Unknown,
            Err(error) => match error.kind() {
                // `b2_get_file_info` doesn't return unfinished large files.
                ErrorKind::NotFound | ErrorKind::Rejected => Reconciliation::NotDone,
                // A key that may finish the file may also list its parts, which only works while it
                // is unfinished.
                ErrorKind::Unauthorized => {
                    let parts = ListParts::new(&self.file_id).max_part_count(1);
                    let parts = executor.execute(parts).await;
                    parts.map_or(Reconciliation::Unknown, |_| Reconciliation::NotDone)
                }
                _ => Reconciliation::Unknown,
            },
        }
    }
}
