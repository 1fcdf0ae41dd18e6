//! [`Journal`]: the file in which every change is recorded.
//!
//! The first line is a header: format and version, the position that this file continues from, and
//! how many lines it started with. Every other line is one step, which applies as a whole or not at
//! all: see [`line`](super::line). Once the appended lines outweigh those that the file started
//! with, it is rewritten, and the sequence continues. [`Head`] records where it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::head::Head;
use super::line::{self, Position};
use super::reader::{FORMAT, NAME, Size, VERSION};
use super::record::Record;
use crate::content::Content;
use crate::model::file_id::FileId;
use crate::storage::blobs::disk::sync_directory;

const NEW_NAME: &str = "journal.new";

/// Minimum number of bytes appended before the journal is rewritten.
const MIN_GROWTH: u64 = 64 * 1024 * 1024;

/// Number of records per line in a rewritten journal.
const RECORDS_PER_LINE: usize = 1000;

pub(super) struct Journal {
    directory: PathBuf,
    file: File,
    head: Head,
    size: Size,
    /// Of the last line in the file.
    position: Position,
    /// Length beyond which it is rewritten.
    max_len: u64,
    syncs: bool,
    /// Whether it is out of date, so that nothing can be appended.
    is_stale: bool,
    /// Lines to be appended.
    pending: Vec<u8>,
    /// Of the last of them.
    pending_position: Position,
    /// Content that can be deleted once they are written.
    retired: Vec<Content>,
    /// Blobs that lines of the file refer to, but the state may not need any more. Their files may
    /// still be there: a saved state or a download has them.
    superseded: BTreeSet<u64>,
    unwritten: Unwritten,
}

/// What a restart would not find as it is.
enum Unwritten {
    These {
        /// By id.
        buckets: BTreeSet<String>,
        /// Versions with their names.
        versions: BTreeMap<FileId, Arc<str>>,
    },
    /// Not known which.
    Any,
}

impl Journal {
    /// Writes a new journal with these records in place of the old one, continuing after this
    /// position.
    pub(super) fn create<R: Iterator<Item = Record>>(
        directory: &Path,
        records: impl Fn() -> R,
        after: &Position,
        syncs: bool,
    ) -> io::Result<Self> {
        let new = rewrite(directory, records, after)?;
        sync_directory(directory)?;
        Self::of_file(directory, new, syncs)
    }

    /// Continues the journal in the directory, which was read to its end without a loss.
    pub(super) fn resume(
        directory: &Path,
        size: Size,
        position: Position,
        syncs: bool,
    ) -> io::Result<Self> {
        // of a rewrite that was interrupted
        fs::remove_file(directory.join(NEW_NAME)).ok();
        let file = OpenOptions::new().write(true).open(directory.join(NAME))?;
        if syncs {
            // it may have been written without being synced
            file.sync_all()?;
        }
        let written = Written {
            file,
            size,
            position,
        };
        Self::of_file(directory, written, syncs)
    }

    fn of_file(directory: &Path, written: Written, syncs: bool) -> io::Result<Self> {
        // after the journal: the head must never be ahead
        let head = Head::create(directory, &written.position)?;
        Ok(Self {
            directory: directory.to_owned(),
            file: written.file,
            head,
            size: written.size,
            max_len: max_len(written.size),
            pending_position: written.position.clone(),
            position: written.position,
            syncs,
            is_stale: false,
            pending: Vec::new(),
            retired: Vec::new(),
            superseded: BTreeSet::new(),
            unwritten: Unwritten::none(),
        })
    }

    /// Whether it has to be replaced before anything can be appended.
    pub(super) const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether it has grown so much that it should be compacted.
    pub(super) const fn has_grown(&self) -> bool {
        self.size.len > self.max_len
    }

    /// Replaces it by these records, whatever it contains. After a failure nothing can be appended
    /// until it succeeds.
    pub(super) fn replace<R: Iterator<Item = Record>>(
        &mut self,
        records: impl Fn() -> R,
    ) -> io::Result<()> {
        self.is_stale = true;
        let new = rewrite(&self.directory, records, &self.position)?;
        self.continue_with(new)
    }

    /// Rewrites it with these records, which are what it contains. After a failure it continues as
    /// it is, and is compacted once it has grown further.
    pub(super) fn compact<R: Iterator<Item = Record>>(&mut self, records: impl Fn() -> R) {
        match rewrite(&self.directory, records, &self.position) {
            // the next change finds it stale if the new one may not last
            Ok(new) => {
                self.continue_with(new).ok();
            }
            Err(_) => self.max_len = self.size.len.saturating_add(MIN_GROWTH),
        }
    }

    fn continue_with(&mut self, new: Written) -> io::Result<()> {
        self.file = new.file;
        self.size = new.size;
        self.max_len = max_len(new.size);
        self.pending_position = new.position.clone();
        self.position = new.position;
        // until the directory is synced, a crash of the machine could bring back the old one
        self.is_stale = true;
        sync_directory(&self.directory)?;
        self.is_stale = false;
        self.pending.clear();
        self.retired.clear();
        self.unwritten = Unwritten::none();
        self.head.update(&self.position)
    }

    /// Adds a step, which stays pending until [`write`](Self::write) succeeds, or until a stale
    /// journal is replaced.
    pub(super) fn add(&mut self, records: &[Record], retired: Vec<Content>) {
        if !records.is_empty() && !self.is_stale {
            line::write(&mut self.pending, &mut self.pending_position, records);
        }
        self.supersede(retired.iter().flat_map(Content::numbers));
        self.retired.extend(retired);
    }

    /// Until the next write, these buckets and versions differ from the file.
    pub(super) fn mark_unwritten(
        &mut self,
        more_buckets: BTreeSet<String>,
        more_versions: BTreeMap<FileId, Arc<str>>,
    ) {
        if let Unwritten::These { buckets, versions } = &mut self.unwritten {
            buckets.extend(more_buckets);
            versions.extend(more_versions);
        }
    }

    /// Until the next rewrite, everything may differ from the file.
    pub(super) fn mark_all_unwritten(&mut self) {
        self.unwritten = Unwritten::Any;
    }

    /// Whether a restart would find this version and its bucket as they are; with a name, also as
    /// the current version of that name.
    pub(super) fn is_persisted(&self, file_id: FileId, current_of: Option<&str>) -> bool {
        let Unwritten::These { buckets, versions } = &self.unwritten else {
            return false;
        };
        let bucket = file_id.bucket();
        let has_name =
            |(id, name): (&FileId, &Arc<str>)| id.bucket() == bucket && current_of == Some(&**name);
        !bucket.with_text(|id| buckets.contains(id))
            && !versions.contains_key(&file_id)
            && !versions.iter().any(has_name)
    }

    /// The state may not need these blobs any more.
    pub(super) fn supersede(&mut self, blobs: impl IntoIterator<Item = u64>) {
        self.superseded.extend(blobs);
    }

    /// Those of the superseded blobs that a rewritten journal has to name.
    pub(super) fn superseded(&mut self, is_superseded: impl Fn(u64) -> bool) -> Vec<u64> {
        self.superseded.retain(|number| is_superseded(*number));
        self.superseded.iter().copied().collect()
    }

    /// Appends all pending steps to the file.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            if let Err(error) = self.try_write() {
                // half a line would corrupt the next attempt
                self.file.set_len(self.size.len).ok();
                return Err(error);
            }
            self.size.len += self.pending.len() as u64;
            self.position = self.pending_position.clone();
            self.pending.clear();
        }
        self.unwritten = Unwritten::none();
        self.retired.clear();
        self.head.update(&self.position)
    }

    fn try_write(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.size.len))?;
        self.file.write_all(&self.pending)?;
        if self.syncs {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Unwritten {
    const fn none() -> Self {
        Self::These {
            buckets: BTreeSet::new(),
            versions: BTreeMap::new(),
        }
    }
}

/// The length beyond which a journal is rewritten.
const fn max_len(size: Size) -> u64 {
    size.new_len.saturating_mul(2).saturating_add(MIN_GROWTH)
}

/// A journal that was written.
struct Written {
    file: File,
    size: Size,
    position: Position,
}

/// Writes these records to a new file, which takes the journal's place. After a failure the journal
/// is as it was.
fn rewrite<R: Iterator<Item = Record>>(
    directory: &Path,
    records: impl Fn() -> R,
    after: &Position,
) -> io::Result<Written> {
    let new = directory.join(NEW_NAME);
    let written = write_new(&new, records, after)
        .and_then(|written| fs::rename(&new, directory.join(NAME)).map(|()| written));
    if written.is_err() {
        fs::remove_file(&new).ok();
    }
    written
}

/// Goes through the records twice, since the header has their number.
fn write_new<R: Iterator<Item = Record>>(
    path: &Path,
    records: impl Fn() -> R,
    after: &Position,
) -> io::Result<Written> {
    let file = create(path)?;
    let mut writer = BufWriter::new(file);
    let header = format!(
        "{{\"{FORMAT}\": {VERSION}, \"after\": {}, \"chain\": \"{}\", \"lines\": {}}}",
        after.number,
        after.chain,
        records().count().div_ceil(RECORDS_PER_LINE)
    );
    writeln!(writer, "{header}")?;
    let mut position = after.chained(after.number, &line::checksum(header.as_bytes()));
    let (mut line, mut records) = (Vec::new(), records());
    loop {
        let step: Vec<Record> = records.by_ref().take(RECORDS_PER_LINE).collect();
        if step.is_empty() {
            break;
        }
        line.clear();
        line::write(&mut line, &mut position, &step);
        writer.write_all(&line)?;
    }
    let mut file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    let len = file.stream_position()?;
    file.sync_all()?;
    Ok(Written {
        file,
        size: Size { len, new_len: len },
        position,
    })
}

/// Readable by its owner only, since it holds keys and tokens.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::super::reader;
    use super::*;

    fn empty(directory: &Path) -> Journal {
        Journal::create(directory, std::iter::empty, &Position::start(), false).unwrap()
    }

    /// The number of records that a restart would find, and of warnings.
    fn found(directory: &Path) -> (usize, usize) {
        let mut records = 0;
        let mut count = |_| {
            records += 1;
            Ok(())
        };
        let read = reader::read(directory, &mut count).unwrap().unwrap();
        (records, read.recovery_warnings.len())
    }

    #[test]
    fn a_failed_write_is_repeated_with_the_next_step() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = empty(directory.path());
        let path = directory.path().join(NAME);
        let good = std::mem::replace(&mut journal.file, File::open(&path).unwrap());
        journal.add(&[Record::NoKey("one".into())], Vec::new());
        journal.write().unwrap_err();
        journal.add(&[Record::NoKey("two".into())], Vec::new());
        journal.write().unwrap_err();
        assert_eq!(found(directory.path()), (0, 0));
        journal.file = good;
        journal.write().unwrap();
        assert_eq!(found(directory.path()), (2, 0));
    }

    #[test]
    fn a_journal_that_has_grown_is_compacted_unless_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = empty(directory.path());
        let record = || Record::NoKey("x".repeat(1 << 20));
        while !journal.has_grown() {
            journal.add(&[record()], Vec::new());
            journal.write().unwrap();
        }
        let len = journal.size.len;
        assert!(len > MIN_GROWTH);
        let in_the_way = directory.path().join(NEW_NAME);
        fs::create_dir(&in_the_way).unwrap();
        journal.compact(|| std::iter::once(record()));
        assert!(journal.size.len == len && !journal.has_grown() && !journal.is_stale());
        fs::remove_dir(&in_the_way).unwrap();
        journal.compact(|| std::iter::once(record()));
        assert!(journal.size.len < 2 << 20 && !journal.has_grown());
        journal.add(&[record()], Vec::new());
        journal.write().unwrap();
        assert_eq!(found(directory.path()), (2, 0));
    }

    #[test]
    fn a_rewrite_that_fails_leaves_no_file_behind() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = empty(directory.path());
        let (path, new) = (directory.path().join(NAME), directory.path().join(NEW_NAME));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        journal.replace(std::iter::empty).unwrap_err();
        assert!(journal.is_stale() && !new.exists());
        fs::remove_dir(&path).unwrap();
        journal.replace(std::iter::empty).unwrap();
        assert!(!journal.is_stale());
    }

    #[test]
    fn the_size_of_a_journal_that_is_continued_is_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let records = || (0..2_500).map(|number| Record::NoKey(number.to_string()));
        let start = Position::start();
        let mut journal = Journal::create(directory.path(), records, &start, false).unwrap();
        journal.add(&[Record::NoKey("appended".into())], Vec::new());
        journal.write().unwrap();
        let read = reader::read(directory.path(), &mut |_| Ok(())).unwrap();
        assert_eq!(read.unwrap().size, Some(journal.size));
        assert!(journal.size.new_len < journal.size.len);
    }

    #[test]
    fn a_changed_version_is_persisted_once_the_journal_is_written() {
        let bucket = "3cab16c93a1384c5c38ac941";
        let file_id = |unique| {
            let moment = "d20260129_m000000_c004_v0402000";
            let id = format!("4_z{bucket}_f{unique:016x}_{moment}_t0001_u01769644800000");
            FileId::parse(&id).unwrap()
        };
        let (one, other) = (file_id(1), file_id(2));
        let directory = tempfile::tempdir().unwrap();
        let mut journal = empty(directory.path());
        let versions = || BTreeMap::from([(one, "a".into())]);
        let is_persisted = Journal::is_persisted;
        assert!(is_persisted(&journal, one, Some("a")));
        journal.mark_unwritten(BTreeSet::new(), versions());
        assert!(!is_persisted(&journal, one, None) && is_persisted(&journal, other, None));
        // the newer version may have been deleted
        assert!(!is_persisted(&journal, other, Some("a")));
        assert!(is_persisted(&journal, other, Some("b")));
        journal.write().unwrap();
        assert!(is_persisted(&journal, one, Some("a")));
        journal.mark_unwritten([bucket.to_owned()].into(), BTreeMap::new());
        assert!(!is_persisted(&journal, other, None));
        journal.mark_all_unwritten();
        journal.mark_unwritten(BTreeSet::new(), versions());
        assert!(!is_persisted(&journal, one, None) && !is_persisted(&journal, other, None));
        journal.replace(std::iter::empty).unwrap();
        assert!(is_persisted(&journal, one, None) && is_persisted(&journal, other, None));
    }
}
