//! [`Journal`]: the file in which every change is recorded.
//!
//! The first line is a header: format and version, the position that this file continues from, and
//! how many lines it started with. Every other line is one step, which applies as a whole or not at
//! all: see [`line`](super::line). Once the appended lines outweigh those that the file started
//! with, it is rewritten, and the sequence continues. [`Head`] records where it ends.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::head::{Found, Head};
use super::line::{self, Position};
use super::record::Record;
use crate::content::Content;
use crate::storage::blobs::disk::sync_directory;

/// The format that is written. Format 1, without sequence and chain, can be read as well. Fields
/// that older records lack have defaults in [`Record`].
pub(super) const VERSION: u64 = 2;

const FORMAT: &str = "b2kit-emulator-journal";
pub(super) const NAME: &str = "journal";
const NEW_NAME: &str = "journal.new";

/// Minimum number of bytes appended before the journal is rewritten.
const ROOM: u64 = 64 * 1024 * 1024;

/// Number of records per line in a rewritten journal.
const RECORDS: usize = 1000;

/// Maximum length of the header.
const HEADER: u64 = 1024;

pub(super) struct Journal {
    directory: PathBuf,
    file: File,
    head: Head,
    /// The length up to which it is complete.
    len: u64,
    /// Its length when it was rewritten last.
    new_len: u64,
    /// Of the last line in the file.
    position: Position,
    syncs: bool,
    /// Whether it is out of date, so that nothing can be appended.
    is_stale: bool,
    /// Lines to be appended.
    pending: Vec<u8>,
    /// Of the last of them.
    pending_position: Position,
    /// Content that can be deleted once they are written.
    retired: Vec<Content>,
    unwritten: Unwritten,
}

/// Versions that a restart would not find as they are.
enum Unwritten {
    These(BTreeSet<String>),
    /// Not known which.
    Any,
}

/// The content of a journal.
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// Of the last line.
    pub(super) position: Position,
    /// What is missing or can't be read, in words.
    pub(super) recovery_warnings: Vec<String>,
    /// Whether it is known to contain everything that was answered.
    pub(super) is_whole: bool,
}

/// The header line.
enum Header {
    V1,
    V2 {
        after: Position,
        /// Number of lines that the journal started with.
        lines: u64,
        /// Checksum of the header itself.
        sum: String,
    },
}

impl Journal {
    /// Whether the directory has a journal. An unreadable one is an error.
    pub(super) fn is_in(directory: &Path) -> io::Result<bool> {
        let path = directory.join(NAME);
        let Some(file) = open(&path)? else {
            return Ok(false);
        };
        read_header(&path, &mut BufReader::new(file))?;
        Ok(true)
    }

    /// Reads the journal; `None` if there is none.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Read>> {
        let path = directory.join(NAME);
        let Some(file) = open(&path)? else {
            return Ok(None);
        };
        let len = file.metadata()?.len();
        let mut file = BufReader::new(file);
        let (header, header_len) = read_header(&path, &mut file)?;
        let mut reader = JournalReader::of(header, Head::read(directory)?);
        let mut at = header_len;
        let mut line = Vec::new();
        for number in 2_u64.. {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            at += line.len() as u64;
            match reader.line(&line, number) {
                Ok(()) => {}
                Err(_) if at == len => {
                    reader.torn(&line);
                    break;
                }
                Err(problem) => {
                    let path = path.display();
                    return Err(invalid(format!("{path}: line {number} {problem}")));
                }
            }
        }
        Ok(Some(reader.finish()))
    }

    /// Writes a new journal with these records in place of the old one, continuing after this
    /// position.
    pub(super) fn create(
        directory: &Path,
        records: &[Record],
        after: &Position,
        syncs: bool,
    ) -> io::Result<Self> {
        let new = rewrite(directory, records, after)?;
        // after the journal: the head must never be ahead
        let head = Head::create(directory, &new.position)?;
        Ok(Self {
            directory: directory.to_owned(),
            file: new.file,
            head,
            len: new.len,
            new_len: new.len,
            pending_position: new.position.clone(),
            position: new.position,
            syncs,
            is_stale: false,
            pending: Vec::new(),
            retired: Vec::new(),
            unwritten: Unwritten::none(),
        })
    }

    /// Whether it should be written anew.
    pub(super) const fn needs_rewrite(&self) -> bool {
        self.is_stale || self.len > self.new_len.saturating_mul(2).saturating_add(ROOM)
    }

    /// Rewrites it with these records, which include all pending changes. After a failure nothing
    /// can be appended until it succeeds.
    pub(super) fn replace(&mut self, records: &[Record]) -> io::Result<()> {
        self.is_stale = true;
        let new = rewrite(&self.directory, records, &self.position)?;
        self.file = new.file;
        self.len = new.len;
        self.new_len = new.len;
        self.pending_position = new.position.clone();
        self.position = new.position;
        self.is_stale = false;
        self.pending.clear();
        self.retired.clear();
        self.unwritten = Unwritten::none();
        self.head.update(&self.position)
    }

    /// Adds a step, which stays pending until [`write`](Self::write) succeeds.
    pub(super) fn add(&mut self, records: &[Record], retired: Vec<Content>) {
        if !records.is_empty() {
            line::write(&mut self.pending, &mut self.pending_position, records);
        }
        self.retired.extend(retired);
    }

    /// Until the next write, these versions differ from the file.
    pub(super) fn mark_unwritten(&mut self, versions: impl IntoIterator<Item = String>) {
        if let Unwritten::These(these) = &mut self.unwritten {
            these.extend(versions);
        }
    }

    /// Until the next rewrite, any version may differ from the file.
    pub(super) fn mark_all_unwritten(&mut self) {
        self.unwritten = Unwritten::Any;
    }

    /// Whether a restart would find this version as it is.
    pub(super) fn is_persisted(&self, file_id: &str) -> bool {
        match &self.unwritten {
            Unwritten::These(these) => !these.contains(file_id),
            Unwritten::Any => false,
        }
    }

    /// Content that can be deleted once the journal is written.
    pub(super) fn retired(&self) -> &[Content] {
        &self.retired
    }

    /// Appends all pending steps to the file.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            if let Err(error) = self.try_write() {
                // half a line would corrupt the next attempt
                self.file.set_len(self.len).ok();
                return Err(error);
            }
            self.len += self.pending.len() as u64;
            self.position = self.pending_position.clone();
            self.pending.clear();
        }
        self.unwritten = Unwritten::none();
        self.retired.clear();
        self.head.update(&self.position)
    }

    fn try_write(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.len))?;
        self.file.write_all(&self.pending)?;
        if self.syncs {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Unwritten {
    const fn none() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// Reads a journal line by line.
struct JournalReader {
    read: Read,
    is_v1: bool,
    /// Minimum number of lines.
    began_with: u64,
    lines: u64,
    head: Found,
    /// Whether the line that the head refers to was found to differ.
    is_another: bool,
}

impl JournalReader {
    fn of(header: Header, head: Found) -> Self {
        let (is_v1, began_with) = match &header {
            Header::V1 => (true, 0),
            Header::V2 { lines, .. } => (false, *lines),
        };
        let mut this = Self {
            read: Read {
                records: Vec::new(),
                position: Position::start(),
                recovery_warnings: Vec::new(),
                is_whole: true,
            },
            is_v1,
            began_with,
            lines: 0,
            head,
            is_another: false,
        };
        if let Header::V2 { after, sum, .. } = header {
            let begun = after.chained(after.number, &sum);
            // the head may be older than this journal, or written just after its header
            if !matches!(&this.head, Found::Position(head) if *head == begun) {
                this.compare_with_head(&after);
            }
            this.read.position = begun;
        }
        this
    }

    fn line(&mut self, text: &[u8], number: u64) -> Result<(), String> {
        if self.is_v1 {
            self.read.records.extend(line::read_v1(text)?);
            return Ok(());
        }
        let line = line::read(text, &self.read.position)?;
        let before = self.read.position.number;
        if line.position.number <= before {
            let said = line.position.number;
            return Err(format!(
                "is out of order: it is step {said}, after step {before}"
            ));
        }
        if !line.follows {
            let missing = line.position.number - before - 1;
            self.lose(if missing == 0 {
                format!("what stood before line {number} of the journal is not what was written")
            } else {
                format!("{missing} steps are missing before line {number} of the journal")
            });
        }
        self.compare_with_head(&line.position);
        self.read.position = line.position;
        self.read.records.extend(line.records);
        self.lines += 1;
        Ok(())
    }

    /// Compares a line with the head, if the head refers to it.
    fn compare_with_head(&mut self, position: &Position) {
        if let Found::Position(head) = &self.head {
            self.is_another |= head.number == position.number && head.chain != position.chain;
        }
    }

    /// The last line can't be read.
    fn torn(&mut self, text: &[u8]) {
        let len = text.len();
        let was_answered = match &self.head {
            Found::Position(head) => head.number > self.read.position.number,
            // format 1: nothing was answered before its line was complete
            Found::Nothing if self.is_v1 => false,
            Found::Nothing | Found::Damaged => true,
        };
        if text.ends_with(b"\n") {
            // a later line reached the disk, but not this one's content
            self.lose(format!(
                "the last {len} bytes of the journal are damaged: what they said is lost"
            ));
        } else if was_answered {
            self.lose(format!(
                "the last {len} bytes of the journal are cut off: what they said is lost"
            ));
        } else {
            // interrupted while it was being written
            self.read.recovery_warnings.push(format!(
                "the last {len} bytes of the journal were not written to their end: what they said was not answered"
            ));
        }
    }

    fn lose(&mut self, loss: String) {
        self.read.recovery_warnings.push(loss);
        self.read.is_whole = false;
    }

    fn finish(mut self) -> Read {
        if self.is_v1 {
            return self.read;
        }
        if self.lines < self.began_with {
            let (began_with, lines) = (self.began_with, self.lines);
            self.lose(format!(
                "the journal is cut off: of the {began_with} lines that it began with there are {lines}"
            ));
        }
        let end = self.read.position.number;
        match &self.head {
            Found::Position(head) if head.number > end => {
                let missing = head.number - end;
                self.lose(format!(
                    "the journal is cut off: the last {missing} steps are missing"
                ));
            }
            Found::Position(_) if self.is_another => {
                self.lose("the journal is not the one that was written here last".to_owned());
            }
            Found::Position(_) => {}
            Found::Nothing => self.lose(
                "the file head is missing: whether steps are missing at the end of the journal can't be told"
                    .to_owned(),
            ),
            Found::Damaged => self.lose(
                "the file head is damaged: whether steps are missing at the end of the journal can't be told"
                    .to_owned(),
            ),
        }
        self.read
    }
}

struct Rewritten {
    file: File,
    len: u64,
    position: Position,
}

fn rewrite(directory: &Path, records: &[Record], after: &Position) -> io::Result<Rewritten> {
    let new = directory.join(NEW_NAME);
    let file = create(&new)?;
    let mut writer = BufWriter::new(file);
    let header = format!(
        "{{\"{FORMAT}\": {VERSION}, \"after\": {}, \"chain\": \"{}\", \"lines\": {}}}",
        after.number,
        after.chain,
        records.len().div_ceil(RECORDS)
    );
    writeln!(writer, "{header}")?;
    let mut position = after.chained(after.number, &line::checksum(header.as_bytes()));
    let mut line = Vec::new();
    for records in records.chunks(RECORDS) {
        line.clear();
        line::write(&mut line, &mut position, records);
        writer.write_all(&line)?;
    }
    let mut file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    let len = file.stream_position()?;
    file.sync_all()?;
    fs::rename(&new, directory.join(NAME))?;
    sync_directory(directory)?;
    Ok(Rewritten {
        file,
        len,
        position,
    })
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Readable by its owner only, since it holds keys and tokens.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The header and its length.
fn read_header(path: &Path, file: &mut BufReader<File>) -> io::Result<(Header, u64)> {
    let mut line = Vec::new();
    // a file that is no journal may be one line of gigabytes
    io::Read::take(&mut *file, HEADER).read_until(b'\n', &mut line)?;
    let header: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
    let header = header.unwrap_or_default();
    let path = path.display();
    let damaged = || invalid(format!("{path}: line 1 is damaged"));
    let header = match header[FORMAT].as_u64() {
        Some(1) => Header::V1,
        Some(VERSION) => {
            let chain = header["chain"].as_str().filter(|it| Position::is_chain(it));
            let text = line.strip_suffix(b"\n").ok_or_else(damaged)?;
            Header::V2 {
                after: Position {
                    number: header["after"].as_u64().ok_or_else(damaged)?,
                    chain: chain.ok_or_else(damaged)?.to_owned(),
                },
                lines: header["lines"].as_u64().ok_or_else(damaged)?,
                sum: line::checksum(text),
            }
        }
        Some(other) => {
            return Err(invalid(format!(
                "{path} has version {other} of its format; this program reads versions 1 to {VERSION}"
            )));
        }
        None => {
            return Err(invalid(format!("{path} is not a journal of this emulator")));
        }
    };
    Ok((header, line.len() as u64))
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_written_with_the_next_step() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal =
            Journal::create(directory.path(), &[], &Position::start(), false).unwrap();
        let path = directory.path().join(NAME);
        let good = std::mem::replace(&mut journal.file, File::open(&path).unwrap());
        journal.add(&[Record::NoKey("one".into())], Vec::new());
        journal.write().unwrap_err();
        journal.add(&[Record::NoKey("two".into())], Vec::new());
        journal.write().unwrap_err();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.recovery_warnings.len()), (0, 0));
        journal.file = good;
        journal.write().unwrap();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.recovery_warnings.len()), (2, 0));
    }

    #[test]
    fn a_journal_is_written_anew_when_it_has_grown() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal =
            Journal::create(directory.path(), &[], &Position::start(), false).unwrap();
        let record = || Record::NoKey("x".repeat(1 << 20));
        while !journal.needs_rewrite() {
            journal.add(&[record()], Vec::new());
            journal.write().unwrap();
        }
        assert!(journal.len > ROOM);
        journal.add(&[record()], Vec::new());
        journal.replace(&[record()]).unwrap();
        assert!(journal.len < 2 << 20 && !journal.needs_rewrite());
        journal.add(&[record()], Vec::new());
        journal.write().unwrap();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.recovery_warnings.len()), (2, 0));
    }
}
