//! What is on the server already: which large file can be taken up, and which of its parts can be used again.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::PoisonError;

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use super::bucket::BucketHandle;
use super::large_file::{From, PartWork, is_ours};
use super::plan::Cut;
use super::source::{Anywhere, Stretch, unreadable};
use crate::api::{ListParts, ListUnfinishedLargeFiles, StartLargeFile};
use crate::client::{Client, Unfinished};
use crate::error::{Error, ErrorKind};
use crate::types::{FileId, FileName, FileVersion, Part, PartNumber, Sha1, Sha1Hasher};

/// What an upload would send, and what it would use again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPlan {
    /// The large file that would be taken up; `None` for one that would begin anew.
    pub file_id: Option<FileId>,
    /// Its parts, in order.
    pub parts: Vec<PlannedPart>,
    /// The large files of this name that would not be taken up, and why.
    pub passed_over: Vec<(FileId, String)>,
}

/// A part of a planned upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// Its number.
    pub number: PartNumber,
    /// The stretch of the file that it is.
    pub range: Range<u64>,
    /// Its SHA-1, if it is there already.
    pub reused: Option<Sha1>,
    /// Why it has to be sent, if something else is there in its place.
    pub differs: Option<&'static str>,
}

impl UploadPlan {
    /// Nothing is there.
    pub(super) fn anew(cut: Cut) -> Self {
        let parts = cut.ranges().map(|(number, range)| PlannedPart {
            number,
            range,
            reused: None,
            differs: None,
        });
        Self {
            file_id: None,
            parts: parts.collect(),
            passed_over: Vec::new(),
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
            from: From::Here(source.stretch(self.range.clone())),
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

/// What is there of this file, and what there is to do.
pub(super) async fn plan(
    bucket: &BucketHandle,
    name: &FileName,
    source: &Anywhere,
    cut: Cut,
    start: &StartLargeFile,
    token: Option<&ResumeToken>,
) -> Result<(UploadPlan, Option<FileVersion>), Error> {
    let client = bucket.client();
    let mut plan = UploadPlan::anew(cut);
    let list = ListUnfinishedLargeFiles::new(bucket.id()).name_prefix(name.as_str());
    let mut files = client.stream(list);
    let mut best: Option<(UploadPlan, FileVersion)> = None;
    while let Some(file) = files.try_next().await? {
        let meant = token.is_none_or(|token| token.file_id == file.file_id);
        if *file.file_name != *name.as_str() || !meant {
            continue;
        }
        let candidate = match start.differs_from(&file).map_or_else(|| ours(&file), Err) {
            Ok(()) => candidate(client, source, cut, &file).await?,
            Err(why) => Err(why),
        };
        match candidate {
            Ok(parts) => {
                let candidate = UploadPlan {
                    file_id: Some(file.file_id.clone()),
                    parts,
                    passed_over: Vec::new(),
                };
                let better = best
                    .as_ref()
                    .is_none_or(|(best, _)| candidate.reused_bytes() > best.reused_bytes());
                if better {
                    best = Some((candidate, file));
                }
            }
            Err(why) => plan.passed_over.push((file.file_id, why)),
        }
    }
    match best {
        Some((found, file)) => {
            let passed_over = plan.passed_over;
            Ok((
                UploadPlan {
                    passed_over,
                    ..found
                },
                Some(file),
            ))
        }
        None => match token {
            Some(token) => {
                let why = plan.passed_over.pop().map_or_else(
                    || "it is not among the unfinished large files of this name".to_owned(),
                    |(_, why)| why,
                );
                let id = &token.file_id;
                Err(Error::new(
                    ErrorKind::NotFound,
                    format!("the upload {id} can't be resumed: {why}"),
                ))
            }
            None => Ok((plan, None)),
        },
    }
}

fn ours(file: &FileVersion) -> Result<(), String> {
    if is_ours(file) {
        return Ok(());
    }
    Err("it was not begun by this crate".to_owned())
}

/// The parts of this large file, as far as they can be used; or why none can.
async fn candidate(
    client: &Client,
    source: &Anywhere,
    cut: Cut,
    file: &FileVersion,
) -> Result<Result<Vec<PlannedPart>, String>, Error> {
    let there: BTreeMap<u32, Part> = client
        .stream(ListParts::new(&file.file_id))
        .map_ok(|part| (part.part_number, part))
        .try_collect()
        .await?;
    let cut = match layout(cut, &there) {
        Ok(cut) => cut,
        Err(why) => return Ok(Err(why)),
    };
    let mut parts = UploadPlan::anew(cut).parts;
    for part in &mut parts {
        let Some(its) = there.get(&u32::from(part.number.as_u16())) else {
            continue;
        };
        if its.content_length != part.len() {
            part.differs = Some("another size is there");
            continue;
        }
        let here = sha1_of(source.stretch(part.range.clone())).await?;
        if its.content_sha1.sha1() == Some(&here) {
            part.reused = Some(here);
        } else {
            part.differs = Some("other bytes are there");
        }
    }
    Ok(Ok(parts))
}

/// The cut that the parts which are there were made by, since parts can only be used where they lie.
fn layout(cut: Cut, there: &BTreeMap<u32, Part>) -> Result<Cut, String> {
    // The last part alone may be smaller, so the largest is as large as all but that.
    let Some(part) = there.values().map(|part| part.content_length).max() else {
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

async fn sha1_of(stretch: Stretch) -> Result<Sha1, Error> {
    let failed = |error| unreadable("the source can't be read", error);
    let mut stream = stretch.body.open().map_err(failed)?;
    let mut hasher = Sha1Hasher::default();
    while let Some(chunk) = stream.next().await.transpose().map_err(failed)? {
        if stretch.digest.is_none() {
            hasher.update(&chunk);
        }
    }
    let by_source = stretch
        .digest
        .map(|digest| *digest.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(by_source.flatten().unwrap_or_else(|| hasher.finish()))
}
