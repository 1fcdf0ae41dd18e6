//! Finds the unfinished upload to resume: which large files qualify, and which parts can be reused.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::future::ready;
use std::ops::Range;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::hash_first::Digests;
use super::plan::{PlannedPart, UploadPlan};
use super::resume_token::ResumeToken;
use crate::api::{ListFileVersions, ListParts, ListUnfinishedLargeFiles, StartLargeFile};
use crate::client::{BucketHandle, is_large_file_gone};
use crate::error::{Error, ErrorKind};
use crate::transfer::large_file::{PartLayout, is_ours};
use crate::transfer::progress::Progress;
use crate::transfer::source::RandomAccess;
use crate::types::{
    Action, FileId, FileName, FileVersion, LARGE_FILE_SHA1, PartNumber, Sha1, Timestamp,
};

/// The existing parts of a large file: their lengths and SHA-1s, by part number.
type ExistingParts = BTreeMap<u32, (u64, Option<Sha1>)>;

/// The maximum number of candidates to compare, since each may have 10,000 parts. Those with the
/// most bytes are kept.
const MAX_CANDIDATES: usize = 20;

/// The maximum number of unfinished large files to list.
const MAX_LISTED: usize = 10_000;

/// The maximum number of large files whose parts are listed.
const MAX_EXAMINED: usize = 100;

/// Searches B2 for an unfinished upload of a file.
pub(crate) struct ResumeSearch<'a> {
    pub(crate) bucket: &'a BucketHandle,
    pub(crate) name: &'a FileName,
    pub(crate) source: &'a RandomAccess,
    pub(crate) progress: &'a Progress,
    /// The request that would start a new upload.
    pub(crate) start: &'a StartLargeFile,
    /// The upload to resume, if the caller specified one.
    pub(crate) token: Option<&'a ResumeToken>,
}

/// A large file that may be resumed.
struct Candidate {
    file: FileVersion,
    layout: PartLayout,
    existing: ExistingParts,
}

impl ResumeSearch<'_> {
    /// The plan, and the large file that it resumes, if any.
    pub(crate) async fn plan(
        &self,
        layout: PartLayout,
        mut digests: Digests,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let (candidates, rejected) = self.candidates(layout).await?;
        self.read(layout, &candidates, &mut digests).await?;
        let mut plan = UploadPlan::new_upload(layout, &digests);
        let mut found: Option<FileVersion> = None;
        for candidate in candidates {
            let parts = candidate.parts(&digests);
            let candidate_plan = UploadPlan {
                file_id: Some(candidate.file.file_id.clone()),
                parts,
                ..UploadPlan::new_upload(PartLayout { len: 0, ..layout }, &digests)
            };
            if found.is_none() || candidate_plan.reused_bytes() > plan.reused_bytes() {
                (plan, found) = (candidate_plan, Some(candidate.file));
            }
        }
        if let (Some(token), None) = (self.token, &found) {
            let mut why = rejected.into_iter().map(|(_, why)| why);
            let why = why.next_back().unwrap_or_else(|| {
                "it is not among the unfinished large files of this name".to_owned()
            });
            let id = &token.file_id;
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the upload {id} can't be resumed: {why}"),
            ));
        }
        plan.rejected = rejected;
        Ok((plan, found))
    }

    /// The large files that can be resumed, and the rejected ones with the reason.
    ///
    /// Since a listing can be endless, the search ends after [`MAX_LISTED`] files, after
    /// [`MAX_EXAMINED`] qualifying ones, or when it has taken as long as the deadline of a call.
    async fn candidates(
        &self,
        layout: PartLayout,
    ) -> Result<(Vec<Candidate>, Vec<(FileId, String)>), Error> {
        let (mut candidates, mut rejected) = (Vec::new(), Vec::new());
        let client = self.bucket.client();
        let mut list =
            ListUnfinishedLargeFiles::new(self.bucket.id()).name_prefix(self.name.as_str());
        if let Some(token) = self.token {
            list = list.start_file_id(&token.file_id).max_file_count(1);
        }
        let most = self.token.map_or(MAX_LISTED, |_| 1);
        let mut files = client.paginate(list).take(most);
        let (mut examined, is_late) = (0, client.is_late());
        while let Some(file) = files
            .try_next()
            .await
            .map_err(|error| self.explain(error))?
        {
            if is_late() || examined == MAX_EXAMINED {
                break;
            }
            let meant = self.token.is_none_or(|token| token.file_id == file.file_id);
            if file.file_name != *self.name.as_str() || !meant {
                continue;
            }
            let alike = self
                .start
                .differs_from(&file)
                .map_or_else(|| check_origin(&file), Err)
                .and_then(|()| match client.is_upload_in_use(&file) {
                    true => Err("this client is uploading or cancelling it".to_owned()),
                    false => Ok(()),
                });
            examined += usize::from(alike.is_ok());
            let candidate = match alike {
                Ok(()) => self.candidate(layout, file).await?,
                Err(why) => Err((file.file_id, why)),
            };
            match candidate {
                Ok(candidate) => candidates.push(candidate),
                Err(why) => rejected.push(why),
            }
            if candidates.len() > MAX_CANDIDATES {
                // Most bytes first; among equals, the oldest first.
                candidates.sort_by_key(|candidate| Reverse(candidate.existing_bytes()));
                if let Some(least) = candidates.pop() {
                    let why = "another unfinished upload has more bytes".to_owned();
                    rejected.push((least.file.file_id, why));
                }
            }
        }
        self.reject_hidden(&mut candidates, &mut rejected).await?;
        Ok((candidates, rejected))
    }

    /// B2 lists nothing from an id on that it never gave out.
    fn explain(&self, error: Error) -> Error {
        match self.token {
            Some(ResumeToken { file_id })
                if error
                    .b2()
                    .is_some_and(|b2| b2.status == 400 && b2.code != "bad_bucket_id") =>
            {
                Error::new(
                    ErrorKind::NotFound,
                    format!("the upload {file_id} can't be resumed: B2 refuses the id"),
                )
                .with_source(error)
            }
            _ => error,
        }
    }

    /// Rejects the candidates that the name's newest version would hide: B2 orders versions by the
    /// time at which they were started.
    async fn reject_hidden(
        &self,
        candidates: &mut Vec<Candidate>,
        rejected: &mut Vec<(FileId, String)>,
    ) -> Result<(), Error> {
        // With a custom upload timestamp, the caller has chosen the position.
        if candidates.is_empty() || self.start.has_custom_upload_timestamp() {
            return Ok(());
        }
        let Some(newest) = self.newest().await? else {
            return Ok(());
        };
        candidates.retain(|Candidate { file, .. }| {
            let is_newer = file.upload_timestamp >= newest;
            if !is_newer {
                let why = "the name has got a newer version or a hide marker since it was started";
                rejected.push((file.file_id.clone(), why.to_owned()));
            }
            is_newer
        });
        Ok(())
    }

    /// The timestamp of the name's newest version or hide marker.
    async fn newest(&self) -> Result<Option<Timestamp>, Error> {
        let list = ListFileVersions::new(self.bucket.id())
            .start_file_name(self.name.as_str())
            .prefix(self.name.as_str())
            .max_file_count(100);
        let rows = self.bucket.client().paginate(list).take(MAX_LISTED);
        let mut versions = rows.try_filter_map(|row| ready(Ok(row.into_version())));
        while let Some(version) = versions.try_next().await? {
            if version.file_name != *self.name.as_str() {
                break;
            }
            if version.action != Action::Start {
                return Ok(Some(version.upload_timestamp));
            }
        }
        Ok(None)
    }

    async fn candidate(
        &self,
        layout: PartLayout,
        file: FileVersion,
    ) -> Result<Result<Candidate, (FileId, String)>, Error> {
        // A listing of parts is finite: their numbers ascend, up to 10,000.
        let parts = self.bucket.client().paginate(ListParts::new(&file.file_id));
        let existing = parts.map_ok(|part| {
            let sha1 = part.content_sha1.sha1().copied();
            (part.part_number, (part.content_length, sha1))
        });
        let existing: ExistingParts = match existing.try_collect().await {
            Err(error) if is_large_file_gone(&error) => {
                let why = "it was finished or cancelled after it was listed".to_owned();
                return Ok(Err((file.file_id, why)));
            }
            existing => existing?,
        };
        Ok(match existing_layout(layout, &existing) {
            Ok(layout) => Ok(Candidate {
                file,
                layout,
                existing,
            }),
            Err(why) => Err((file.file_id, why)),
        })
    }

    /// Hashes the ranges needed to compare all candidates, in one pass. If the source was hashed
    /// before, each part that may have to be sent is hashed as well.
    async fn read(
        &self,
        layout: PartLayout,
        candidates: &[Candidate],
        digests: &mut Digests,
    ) -> Result<(), Error> {
        let all = digests.whole.is_some();
        let wanted = candidates
            .iter()
            .filter(|candidate| !all || candidate.layout != layout)
            .flat_map(|candidate| {
                let ranges = candidate.layout.ranges();
                let wanted = ranges.filter(|(number, range)| all || candidate.has(*number, range));
                wanted.map(|(_, range)| range)
            });
        // A vector, since a borrowed iterator would make the future not `Send`.
        let wanted: Vec<_> = wanted.collect();
        digests
            .compute(self.source, wanted, false, self.progress)
            .await
    }
}

impl Candidate {
    /// Whether there is an existing part with this number and length.
    fn has(&self, number: PartNumber, range: &Range<u64>) -> bool {
        let existing = self.existing.get(&u32::from(number.as_u16()));
        existing.is_some_and(|(len, _)| *len == range.end - range.start)
    }

    /// The maximum number of reusable bytes.
    fn existing_bytes(&self) -> u64 {
        self.existing.values().map(|(len, _)| len).sum()
    }

    /// The planned parts, compared with the existing ones.
    fn parts(&self, digests: &Digests) -> Vec<PlannedPart> {
        let mut parts = UploadPlan::new_upload(self.layout, digests).parts;
        for part in &mut parts {
            let Some((_, its)) = self.existing.get(&u32::from(part.number.as_u16())) else {
                continue;
            };
            if !self.has(part.number, &part.range) {
                part.differs = Some("the part at B2 has a different size");
            } else if its.is_some() && *its == part.sha1 {
                part.reused = *its;
            } else {
                part.differs = Some("the part at B2 has different content");
            }
        }
        parts
    }
}

/// Checks that this crate started the large file, or that it has the same `large_file_sha1`: the
/// file info was already compared.
fn check_origin(file: &FileVersion) -> Result<(), String> {
    if is_ours(file) || file.file_info.get(LARGE_FILE_SHA1).is_some() {
        return Ok(());
    }
    Err("it was not started by this crate".to_owned())
}

/// The part layout of the existing parts: a part can only be reused at the same offset.
fn existing_layout(layout: PartLayout, existing: &ExistingParts) -> Result<PartLayout, String> {
    // Only the last part may be smaller, so the largest determines the part size.
    let largest = existing.values().map(|(len, _)| *len).max().unwrap_or(0);
    // In one part there would be no large file, and a first part that is shorter is not the last.
    let is_first = layout.parts() < 2 && existing.contains_key(&1);
    let alone_and_last = existing.len() == 1 && largest < layout.part && !is_first;
    let layout = if alone_and_last || largest == 0 {
        layout
    } else {
        PartLayout {
            part: largest,
            ..layout
        }
    };
    if layout.parts() < 2 {
        return Err(match largest >= layout.part {
            true => "it has a part that is as long as this file".to_owned(),
            false => "in parts of the requested size this file has only one, and a large file has \
                      at least two"
                .to_owned(),
        });
    }
    let last = existing.keys().max().copied().unwrap_or(0);
    if u64::from(last) > layout.parts() {
        return Err(format!(
            "it has a part {last}, but this file has only {} parts of that size",
            layout.parts()
        ));
    }
    if layout.parts() > 10_000 {
        return Err("its parts are so small that the file would need more than 10,000".to_owned());
    }
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part size for a file of `len` bytes, of which these parts exist, if it is planned in
    /// parts of `part` bytes.
    fn part_size(len: u64, part: u64, existing: &[(u32, u64)]) -> Result<u64, String> {
        let existing = existing
            .iter()
            .map(|(number, len)| (*number, (*len, None)))
            .collect();
        existing_layout(PartLayout { len, part }, &existing).map(|layout| layout.part)
    }

    #[test]
    fn the_largest_existing_part_determines_the_part_size() {
        for (existing, expected) in [
            (&[][..], 10),
            (&[(1, 10)], 10),
            (&[(1, 25), (3, 25)], 25),
            (&[(3, 25)], 25),
            (&[(1, 7), (2, 7)], 7),
            (&[(1, 50)], 50),
            // It may be the last part of a file in larger ones.
            (&[(1, 7)], 10),
            (&[(10, 7)], 10),
            (&[(1, 0), (2, 0)], 10),
        ] {
            assert_eq!(part_size(100, 10, existing), Ok(expected), "{existing:?}");
        }
    }

    #[test]
    fn existing_parts_that_the_file_can_not_have_are_refused() {
        for (existing, why) in [
            (&[(1, 100)][..], "as long as this file"),
            (&[(1, 101)], "as long as this file"),
            (&[(5, 25)], "it has a part 5, but this file has only 4"),
            (&[(11, 7)], "it has a part 11, but this file has only 10"),
        ] {
            let error = part_size(100, 10, existing).unwrap_err();
            assert!(error.contains(why), "{existing:?}: {error}");
        }
        for existing in [&[][..], &[(3, 25)]] {
            let error = part_size(100, 100, existing).unwrap_err();
            assert!(error.contains("has only one"), "{existing:?}: {error}");
        }
        assert_eq!(part_size(100, 100, &[(1, 25)]), Ok(25));
        assert_eq!(part_size(20_000, 100, &[(1, 2), (2, 2)]), Ok(2));
        let error = part_size(20_001, 100, &[(1, 2), (2, 2)]).unwrap_err();
        assert!(error.contains("more than 10,000"), "{error}");
    }
}
