//! What is on the server already: which large file can be taken up, and which of its parts can be used again.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::bucket::BucketHandle;
use super::hashing::Digests;
use super::large_file::{From, PartWork, is_ours};
use super::plan::{Cut, MAX_PARTS};
use super::progress::Progress;
use super::source::Anywhere;
use crate::api::{ListParts, ListUnfinishedLargeFiles, StartLargeFile};
use crate::client::Unfinished;
use crate::error::{Error, ErrorKind};
use crate::types::{FileId, FileName, FileVersion, LARGE_FILE_SHA1, PartNumber, Sha1};

/// What an upload would send, and what it would use again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPlan {
    /// The large file that would be taken up; `None` for one that would begin anew.
    pub file_id: Option<FileId>,
    /// Its parts, in order.
    pub parts: Vec<PlannedPart>,
    /// The large files of this name that would not be taken up, and why.
    pub rejected: Vec<(FileId, String)>,
    /// The SHA-1 of the whole source, where it was read for the plan.
    pub large_file_sha1: Option<Sha1>,
}

/// A part of a planned upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// Its number.
    pub number: PartNumber,
    /// The stretch of the file that it is.
    pub range: Range<u64>,
    /// The SHA-1 of these bytes of the source, where they were read for the plan.
    pub sha1: Option<Sha1>,
    /// Its SHA-1, if it is there already.
    pub reused: Option<Sha1>,
    /// Why it has to be sent, if something else is there in its place.
    pub differs: Option<&'static str>,
}

impl UploadPlan {
    /// Nothing is there.
    pub(super) fn anew(cut: Cut, digests: &Digests) -> Self {
        let parts = cut.ranges().map(|(number, range)| PlannedPart {
            number,
            sha1: digests.of(&range),
            range,
            reused: None,
            differs: None,
        });
        Self {
            file_id: None,
            parts: parts.collect(),
            rejected: Vec::new(),
            large_file_sha1: digests.whole,
        }
    }

    /// The bytes that would be sent.
    #[must_use]
    pub fn missing_bytes(&self) -> u64 {
        let missing = self.parts.iter().filter(|part| part.reused.is_none());
        missing.map(PlannedPart::len).sum()
    }

    /// The bytes that are there.
    #[must_use]
    pub fn reused_bytes(&self) -> u64 {
        let reused = self.parts.iter().filter(|part| part.reused.is_some());
        reused.map(PlannedPart::len).sum()
    }

    pub(super) fn works(&self, source: &Anywhere) -> Vec<PartWork> {
        let works = self.parts.iter().map(|part| match part.reused {
            Some(sha1) => PartWork {
                number: part.number,
                len: part.len(),
                from: From::Earlier(sha1),
            },
            None => part.work(source),
        });
        works.collect()
    }
}

impl PlannedPart {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Sends it.
    pub(super) fn work(&self, source: &Anywhere) -> PartWork {
        PartWork {
            number: self.number,
            len: self.len(),
            from: From::Here(match self.sha1 {
                Some(sha1) => source.known(self.range.clone(), sha1),
                None => source.stretch(self.range.clone()),
            }),
        }
    }
}

/// Names an unfinished upload, so that another process can go on with it. It holds no secret and decides nothing: what is
/// there is compared with the file before it is used.
///
/// It is written as JSON, with the version of its form: `{"b2kit-resume":1,"fileId":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken {
    file_id: FileId,
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "b2kit-resume")]
    version: u32,
    #[serde(rename = "fileId")]
    file_id: FileId,
}

impl ResumeToken {
    /// Names the upload of this unfinished large file.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Unfinished {
    /// What [`Upload::resume_from`](super::Upload::resume_from) takes; `None` if B2 never told the file's id.
    #[must_use]
    pub fn resume_token(&self) -> Option<ResumeToken> {
        self.file_id.as_ref().map(ResumeToken::new)
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Written {
            version: 1,
            file_id: self.file_id.clone(),
        };
        f.write_str(&serde_json::to_string(&written).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for ResumeToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::invalid(format!("the resume token {what}"));
        if text.len() > 4_096 {
            return Err(wrong("is longer than one can be"));
        }
        let written: Written = serde_json::from_str(text)
            .map_err(|error| wrong("is none of this crate's").with_source(error))?;
        if written.version != 1 {
            return Err(wrong("has a version that this release doesn't know"));
        }
        Ok(Self::new(written.file_id))
    }
}

/// The parts of a large file that are there: by their numbers, how long they are, and their SHA-1.
type There = BTreeMap<u32, (u64, Option<Sha1>)>;

/// Of more unfinished uploads than this, those are looked at that have the most: each may have 10,000 parts.
const MOST_CANDIDATES: usize = 20;

/// Looks what is there of a file that is to be uploaded.
pub(super) struct Look<'a> {
    pub(super) bucket: &'a BucketHandle,
    pub(super) name: &'a FileName,
    pub(super) source: &'a Anywhere,
    pub(super) progress: &'a Progress,
    /// What the upload would begin anew as.
    pub(super) start: &'a StartLargeFile,
    /// The upload that is meant, if only one is.
    pub(super) token: Option<&'a ResumeToken>,
}

/// A large file that may be taken up.
struct Candidate {
    file: FileVersion,
    cut: Cut,
    there: There,
}

impl Look<'_> {
    /// What there is to do, and the large file that is taken up by that.
    pub(super) async fn plan(
        &self,
        cut: Cut,
        mut digests: Digests,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let (candidates, rejected) = self.candidates(cut).await?;
        self.read(cut, &candidates, &mut digests).await?;
        let mut plan = UploadPlan::anew(cut, &digests);
        let mut found: Option<FileVersion> = None;
        for candidate in candidates {
            let parts = candidate.parts(&digests);
            let candidate_plan = UploadPlan {
                file_id: Some(candidate.file.file_id.clone()),
                parts,
                ..UploadPlan::anew(Cut { len: 0, ..cut }, &digests)
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

    /// The large files that may be taken up; and those that can't be, and why.
    async fn candidates(&self, cut: Cut) -> Result<(Vec<Candidate>, Vec<(FileId, String)>), Error> {
        let (mut candidates, mut rejected) = (Vec::new(), Vec::new());
        let list = ListUnfinishedLargeFiles::new(self.bucket.id()).name_prefix(self.name.as_str());
        let mut files = self.bucket.client().paginate(list);
        while let Some(file) = files.try_next().await? {
            let meant = self.token.is_none_or(|token| token.file_id == file.file_id);
            if *file.file_name != *self.name.as_str() || !meant {
                continue;
            }
            let alike = self
                .start
                .differs_from(&file)
                .map_or_else(|| ours(&file), Err);
            let candidate = match alike {
                Ok(()) => self.candidate(cut, file).await?,
                Err(why) => Err((file.file_id, why)),
            };
            match candidate {
                Ok(candidate) => candidates.push(candidate),
                Err(why) => rejected.push(why),
            }
            if candidates.len() > MOST_CANDIDATES {
                // Those with the most come first, and of these the oldest.
                candidates.sort_by_key(|candidate| Reverse(candidate.promise()));
                if let Some(least) = candidates.pop() {
                    let why = "there are others of which more is there".to_owned();
                    rejected.push((least.file.file_id, why));
                }
            }
        }
        Ok((candidates, rejected))
    }

    async fn candidate(
        &self,
        cut: Cut,
        file: FileVersion,
    ) -> Result<Result<Candidate, (FileId, String)>, Error> {
        let mut there = There::new();
        let mut parts = self.bucket.client().paginate(ListParts::new(&file.file_id));
        while let Some(part) = parts.try_next().await? {
            let sha1 = part.content_sha1.sha1().copied();
            there.insert(part.part_number, (part.content_length, sha1));
            if there.len() as u64 > MAX_PARTS {
                let why = "it has more parts than there can be".to_owned();
                return Ok(Err((file.file_id, why)));
            }
        }
        Ok(match layout(cut, &there) {
            Ok(cut) => Ok(Candidate { file, cut, there }),
            Err(why) => Err((file.file_id, why)),
        })
    }

    /// Learns what has to be known to compare the candidates with the source, for all of them at once. Where it is to have
    /// been hashed before, that holds for each part that may have to be sent, too.
    async fn read(
        &self,
        cut: Cut,
        candidates: &[Candidate],
        digests: &mut Digests,
    ) -> Result<(), Error> {
        let all = digests.whole.is_some();
        let wanted = candidates
            .iter()
            .filter(|candidate| !all || candidate.cut != cut)
            .flat_map(|candidate| {
                let ranges = candidate.cut.ranges();
                let wanted = ranges.filter(|(number, range)| all || candidate.has(*number, range));
                wanted.map(|(_, range)| range)
            });
        // A borrowed iterator is not `Send`-friendly across an await, and it is sorted anyway.
        let wanted: Vec<_> = wanted.collect();
        digests
            .learn(self.source, wanted, false, self.progress)
            .await
    }
}

impl Candidate {
    /// Whether there is a part of this length.
    fn has(&self, number: PartNumber, range: &Range<u64>) -> bool {
        let there = self.there.get(&u32::from(number.as_u16()));
        there.is_some_and(|(len, _)| *len == range.end - range.start)
    }

    /// How many bytes may be used again, at most.
    fn promise(&self) -> u64 {
        self.there.values().map(|(len, _)| len).sum()
    }

    /// Its parts, as far as they can be used.
    fn parts(&self, digests: &Digests) -> Vec<PlannedPart> {
        let mut parts = UploadPlan::anew(self.cut, digests).parts;
        for part in &mut parts {
            let Some((_, its)) = self.there.get(&u32::from(part.number.as_u16())) else {
                continue;
            };
            if !self.has(part.number, &part.range) {
                part.differs = Some("another size is there");
            } else if its.is_some() && *its == part.sha1 {
                part.reused = *its;
            } else {
                part.differs = Some("other bytes are there");
            }
        }
        parts
    }
}

/// Whether it is this crate's, or of the same bytes by what its uploader noted. That these are the same as here was seen
/// before, with the rest of its info.
fn ours(file: &FileVersion) -> Result<(), String> {
    if is_ours(file) || file.file_info.get(LARGE_FILE_SHA1).is_some() {
        return Ok(());
    }
    Err("it was not begun by this crate".to_owned())
}

/// The cut that the parts which are there were made by, since parts can only be used where they lie.
fn layout(cut: Cut, there: &There) -> Result<Cut, String> {
    // The last part alone may be smaller, so the largest is as large as all but that.
    let Some(part) = there.values().map(|(len, _)| *len).max() else {
        return Ok(cut);
    };
    let alone_and_last = there.len() == 1 && part < cut.part;
    let cut = if alone_and_last || part == 0 {
        cut
    } else {
        Cut { part, ..cut }
    };
    let last = there.keys().max().copied().unwrap_or(0);
    if u64::from(last) > cut.parts() {
        return Err(format!(
            "it has a part {last}, and this file has {} parts of that size",
            cut.parts()
        ));
    }
    if cut.parts() > 10_000 {
        return Err("its parts are so small that there would be more than 10,000".to_owned());
    }
    Ok(cut)
}
