//! [`Operation`]: what a program does with a bucket. Each is checked against the [`Model`](crate::model::Model).

use std::fs;

use b2kit::api::{CancelLargeFile, ListFileNames, StartLargeFile, UploadPart};
use b2kit::backend::emulator::{Fault as ServerFault, FaultKind};
use b2kit::sync::{Status, Synchronizer};
use b2kit::transfer::{ComposeSource, CreateSlot, OnFailure, Source, Verified};
use b2kit::types::{FileInfo, FileName, FileVersion, ListedFile, PartNumber, Sha1};
use b2kit::{Bytes, DeleteScope, Error, ErrorKind};
use futures::executor::block_on;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::workload::{NAMES, PART, Run};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    UploadSmall,
    UploadLarge,
    ResumeUpload,
    Download,
    DownloadToPath,
    ResumeDownload,
    List,
    Copy,
    Compose,
    Rename,
    Create,
    Hide,
    Delete,
    Sync,
}

impl Operation {
    pub const ALL: [Self; 14] = [
        Self::UploadSmall,
        Self::UploadLarge,
        Self::ResumeUpload,
        Self::Download,
        Self::DownloadToPath,
        Self::ResumeDownload,
        Self::List,
        Self::Copy,
        Self::Compose,
        Self::Rename,
        Self::Create,
        Self::Hide,
        Self::Delete,
        Self::Sync,
    ];

    /// How many calls it makes one after the other at most, each of which has a deadline of its own.
    pub(crate) const fn calls(self) -> u32 {
        match self {
            Self::List | Self::Copy | Self::Hide | Self::Delete => 1,
            // With the URL, which another call asks for within the same deadline.
            Self::UploadSmall => 1,
            // Two ranges of 256 KiB.
            Self::Download => 2,
            Self::Rename => 4,
            // The start, the parts one by one, and the finish.
            Self::UploadLarge | Self::ResumeUpload | Self::Compose => 12,
            Self::Create | Self::Sync | Self::DownloadToPath | Self::ResumeDownload => 12,
        }
    }

    pub(crate) const fn uploads(self) -> bool {
        matches!(
            self,
            Self::UploadSmall
                | Self::UploadLarge
                | Self::ResumeUpload
                | Self::Compose
                | Self::Create
                | Self::Sync
        )
    }

    pub(crate) const fn downloads(self) -> bool {
        matches!(
            self,
            Self::Download | Self::DownloadToPath | Self::ResumeDownload
        )
    }

    /// Whether the fault can change anything about it.
    pub fn is_concerned(self, fault: &crate::fault::Fault) -> bool {
        fault.concerns(self.uploads(), self.downloads())
    }
}

impl Run {
    pub(crate) fn perform(&mut self, operation: Operation) -> Result<(), Error> {
        match operation {
            Operation::UploadSmall => {
                let len = self.rng.usize(..30_000);
                self.upload(len)
            }
            Operation::UploadLarge => {
                let len = self.rng.usize(60_000..300_000);
                self.upload(len)
            }
            Operation::ResumeUpload => self.resume_upload(),
            Operation::Download => self.download(),
            Operation::DownloadToPath => self.download_to_path(false),
            Operation::ResumeDownload => self.download_to_path(true),
            Operation::List => self.list(),
            Operation::Copy => self.copy(),
            Operation::Compose => self.compose(),
            Operation::Rename => self.rename(),
            Operation::Create => self.create(),
            Operation::Hide => self.hide(),
            Operation::Delete => self.delete(),
            Operation::Sync => self.sync(),
        }
    }

    /// Uploads without a network.
    fn put(&mut self, name: &str, len: usize) -> (FileVersion, Bytes) {
        let content = self.content(len);
        let upload = self.direct.upload(name, content.clone());
        let file = block_on(upload.into_future()).unwrap().file;
        self.model.stored(name, &content, Ok(&file));
        (file, content)
    }

    /// One of the names, which has a file.
    fn existing(&mut self) -> &'static str {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        if self.model.may_be_missing(name) {
            self.put(name, 150_000);
        }
        name
    }

    fn upload(&mut self, len: usize) -> Result<(), Error> {
        let content = self.content(len);
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let source = match self.rng.u8(..3) {
            0 => Source::bytes(content.clone()),
            1 => {
                let path = self.directory.join("source");
                fs::write(&path, &content).unwrap();
                Source::path(path)
            }
            _ => {
                let chunks: Vec<_> = content.chunks(9_000).map(Bytes::copy_from_slice).collect();
                Source::stream(futures::stream::iter(chunks.into_iter().map(Ok)))
            }
        };
        let upload = self.bucket.upload(name, source).part_size(2 * PART);
        let upload = upload.concurrency(self.rng.usize(1..5));
        let uploaded = block_on(upload.into_future());
        self.model
            .stored(name, &content, uploaded.as_ref().map(|it| &it.file));
        uploaded.map(drop)
    }

    /// Resumes an upload that another program has started and abandoned.
    fn resume_upload(&mut self) -> Result<(), Error> {
        let name = self.fresh_name("resumed");
        let content = self.content(120_000);
        let b2 = self.direct.client().clone();
        let file_id = block_on(async {
            let info = FileInfo::new().with("large_file_sha1", Sha1::of(&content).to_string());
            let file_name = FileName::new(name.as_str()).unwrap();
            let start = StartLargeFile::new(self.direct.id(), file_name).file_info(info.unwrap());
            let file = b2.call(start).await.unwrap();
            let part = content.slice(..2 * PART as usize);
            let part = UploadPart::new(&file.file_id, PartNumber::FIRST, part);
            b2.call(part).await.unwrap();
            file.file_id
        });
        let upload = self.bucket.upload(&*name, Source::bytes(content.clone()));
        let upload = upload.part_size(2 * PART).resume();
        let upload = upload.on_failure(OnFailure::Cancel).concurrency(2);
        let uploaded = block_on(upload.into_future());
        self.model
            .stored(&name, &content, uploaded.as_ref().map(|it| &it.file));
        // If it failed before it had found it.
        drop(block_on(b2.call(CancelLargeFile::new(file_id))));
        if let Ok(uploaded) = &uploaded {
            assert_eq!(uploaded.reused_parts, 1);
        }
        uploaded.map(drop)
    }

    fn download(&mut self) -> Result<(), Error> {
        let name = self.existing();
        let read = block_on(async {
            let stream = self.bucket.download(name).stream().await?;
            let verified = stream.verified();
            Ok((stream.collect(1 << 20).await?.to_vec(), verified))
        });
        self.check_read(name, read)
    }

    /// Downloads to a path, from the beginning or where another process stopped.
    fn download_to_path(&mut self, resumes: bool) -> Result<(), Error> {
        let name = self.existing();
        let directory = self.directory.join("down");
        fs::create_dir(&directory).unwrap();
        let path = directory.join("file");
        let range = self.rng.u64(5_000..40_000);
        if resumes {
            let refusal = ServerFault::new(FaultKind::download_cap_exceeded()).nth(3);
            let refusal = self.emulator.faults().add(refusal);
            let first = self.direct.download(name).range_size(range).concurrency(1);
            drop(block_on(first.resume().to_path(&path)));
            self.emulator.faults().remove(refusal);
            // A short file was complete before that.
            let _ = fs::remove_file(&path);
        }
        let download = self.bucket.download(name).range_size(range);
        let download = if resumes { download.resume() } else { download };
        let done = block_on(download.to_path(&path));
        let mut left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        if resumes && done.is_err() {
            // The partial file and its state, or nothing if another version was being downloaded.
            left.retain(|name| !name.contains(".b2part"));
        }
        let expected = if done.is_ok() { vec!["file"] } else { vec![] };
        assert_eq!(left, expected, "{done:?}");
        let read = done.map(|done| (fs::read(&path).unwrap(), done.verified));
        fs::remove_dir_all(&directory).unwrap();
        self.check_read(name, read)
    }

    fn check_read(
        &self,
        name: &str,
        read: Result<(Vec<u8>, Verified), Error>,
    ) -> Result<(), Error> {
        match read {
            Ok((bytes, verified)) => assert!(
                self.model.may_read(name, &bytes, verified),
                "{name}: {} bytes of upload {:?}, {verified:?}; stored there were {:?}",
                bytes.len(),
                bytes.first(),
                self.model.of_name(name)
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    self.model.may_be_missing(name),
                    "{name} was not found: {error}"
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(), Error> {
        let rows = self
            .bucket
            .client()
            .paginate(ListFileNames::new(self.bucket.id()).prefix("dir/"));
        let rows: Vec<ListedFile> = block_on(rows.try_collect())?;
        let names: Vec<_> = rows.iter().map(ListedFile::file_name).collect();
        assert!(
            names.is_sorted() && names.iter().all(|name| NAMES.contains(name)),
            "{names:?}"
        );
        for name in NAMES.iter().filter(|name| name.starts_with("dir/")) {
            let is_there = names.contains(name);
            assert!(
                is_there || self.model.may_be_missing(name),
                "{name} is not in {names:?}"
            );
        }
        Ok(())
    }

    fn copy(&mut self) -> Result<(), Error> {
        // Bytes that nothing else has: of two equal copies to one name, a lost one is taken for the other.
        let (name, source) = (self.existing(), self.fresh_name("source"));
        let (version, content) = self.put(&source, 10_000);
        let copied = block_on(self.bucket.copy(&version, name).into_future());
        self.model
            .stored(name, &content, copied.as_ref().map(|it| &it.file));
        copied.map(drop)
    }

    fn compose(&mut self) -> Result<(), Error> {
        let (source, name) = (self.fresh_name("source"), self.fresh_name("composed"));
        let (version, begun) = self.put(&source, 100_000);
        let added = self.content(50_000);
        let whole: Bytes = [&begun[..90_000], &added[..]].concat().into();
        let sources = [
            ComposeSource::copy(&version.file_id, 0..90_000),
            ComposeSource::local(added),
        ];
        let composed = block_on(self.bucket.compose(&*name, sources).into_future());
        self.model
            .stored(&name, &whole, composed.as_ref().map(|it| &it.file));
        composed.map(drop)
    }

    fn rename(&mut self) -> Result<(), Error> {
        let (old, new) = (self.fresh_name("old"), self.fresh_name("new"));
        let (version, content) = self.put(&old, 10_000);
        let renamed = block_on(self.bucket.rename(&*old, &*new, DeleteScope::AllVersions));
        match &renamed {
            Ok(renamed) => {
                self.model.stored(&new, &content, Ok(&renamed.file));
                self.model.deleted(&version, Ok(()));
            }
            // It is not atomic.
            Err(_) => {
                self.model.may_exist(&new, &content);
                self.model.may_be_deleted(&version);
            }
        }
        renamed.map(drop)
    }

    fn create(&mut self) -> Result<(), Error> {
        let (name, content) = (self.fresh_name("created"), self.content(20_000));
        let slot = CreateSlot::new(self.bucket.clone());
        let create = self.bucket.create(&*name, content.clone(), &slot);
        let created = block_on(create.into_future());
        self.model
            .stored(&name, &content, created.as_ref().map(|it| &it.file));
        created.map(drop)
    }

    fn hide(&mut self) -> Result<(), Error> {
        let name = self.fresh_name("hidden");
        self.put(&name, 100);
        let hidden = block_on(self.bucket.hide(&*name));
        let is_there = block_on(self.direct.exists(&*name)).unwrap();
        match &hidden {
            Ok(_) => assert!(!is_there, "{name} is not hidden"),
            Err(error) if error.may_have_taken_effect() => {}
            Err(error) => assert!(is_there, "{name} is hidden: {error}"),
        }
        hidden.map(drop)
    }

    fn delete(&mut self) -> Result<(), Error> {
        let name = self.fresh_name("deleted");
        let (version, _) = self.put(&name, 100);
        let deleted = block_on(self.bucket.delete_version(&version).into_future()).map(drop);
        self.model.deleted(&version, deleted.as_ref().copied());
        deleted
    }

    /// Makes a bucket equal to a local tree, and checks the files that were reported as done.
    fn sync(&mut self) -> Result<(), Error> {
        let (prefix, root) = (self.fresh_name("synced"), self.directory.join("tree"));
        fs::create_dir(&root).unwrap();
        for (path, len) in [("empty", 0), ("large", 90_000), ("small", 1_000)] {
            let content = self.content(len);
            fs::write(root.join(path), &content).unwrap();
            self.model.may_exist(&format!("{prefix}/{path}"), &content);
        }
        let sync = Synchronizer::up(&root, &self.bucket, &prefix);
        let outcomes = block_on(async {
            let run = sync.execute(sync.plan()?);
            run.collect::<Vec<_>>().await.into_iter().collect()
        });
        let outcomes: Result<Vec<_>, Error> = outcomes;
        if let Ok(outcomes) = &outcomes {
            let done = |it: &&b2kit::sync::Outcome| matches!(it.status, Status::Done);
            if outcomes.iter().filter(done).count() >= 3 {
                for path in ["empty", "large", "small"] {
                    let name = format!("{prefix}/{path}");
                    let there = block_on(self.direct.download(&*name).bytes(1 << 20)).unwrap();
                    assert!(there == fs::read(root.join(path)).unwrap(), "{name}");
                }
            }
        }
        fs::remove_dir_all(&root).unwrap();
        outcomes.map(drop)
    }
}
