//! [`Journal`]: the file in which everything is written down that changes.
//!
//! The first line says the format and its version. Each other line is one step, as a whole or not at all: a checksum, a
//! space, and a JSON array of [`Record`]s. When the lines that were added outweigh those that the journal began with, it
//! is written anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};

use super::record::Record;
use crate::blob::{Content, sync_directory};
use crate::hex::hex;

/// The format that is written. Version 1 is read too: what it doesn't say of buckets, keys and files has defaults in
/// [`Record`].
pub(super) const VERSION: u64 = 2;

/// The oldest that is read.
const OLDEST: u64 = 1;

const FORMAT: &str = "b2kit-emulator-journal";
const NAME: &str = "journal";
const NEW_NAME: &str = "journal.new";

/// How many bytes may be added before the journal is written anew, at least.
const ROOM: u64 = 64 * 1024 * 1024;

/// How many digits of SHA-1 a line begins with.
const CHECKSUM: usize = 16;

/// How many records a line of a new journal has.
const RECORDS: usize = 1000;

pub(super) struct Journal {
    directory: PathBuf,
    file: File,
    /// Up to here it is whole.
    len: u64,
    /// How long it was when it was new.
    new_len: u64,
    syncs: bool,
    /// Whether it says what isn't so any more, and can't be added to.
    is_stale: bool,
    /// Lines that are to be added.
    pending: Vec<u8>,
    /// What may go once they are.
    retired: Vec<Content>,
}

/// What stood in a journal.
#[derive(Default)]
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// What is wrong with its end, in words.
    pub(super) loss: Option<String>,
}

impl Journal {
    /// Reads the journal of this directory, if there is one.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Read>> {
        let path = directory.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        check_format(&path, &line)?;
        let mut at = line.len() as u64;
        let mut read = Read::default();
        for number in 2_u64.. {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            at += line.len() as u64;
            match records_of(&line) {
                Ok(records) => read.records.extend(records),
                Err(_) if at == len => read.loss = Some(loss_of(&line)),
                Err(problem) => {
                    let path = path.display();
                    return Err(invalid(format!("{path}: line {number} {problem}")));
                }
            }
        }
        Ok(Some(read))
    }

    /// A new journal with these records, in place of what was there.
    pub(super) fn create(directory: &Path, records: &[Record], syncs: bool) -> io::Result<Self> {
        let (file, len) = write_anew(directory, records)?;
        Ok(Self {
            directory: directory.to_owned(),
            file,
            len,
            new_len: len,
            syncs,
            is_stale: false,
            pending: Vec::new(),
            retired: Vec::new(),
        })
    }

    /// Whether it should be written anew.
    pub(super) const fn is_long(&self) -> bool {
        self.is_stale || self.len > self.new_len.saturating_mul(2).saturating_add(ROOM)
    }

    /// Writes it anew; what was pending is in these records. If that fails, nothing can be added before it has succeeded.
    pub(super) fn replace(&mut self, records: &[Record]) -> io::Result<()> {
        self.is_stale = true;
        let (file, len) = write_anew(&self.directory, records)?;
        self.file = file;
        self.len = len;
        self.new_len = len;
        self.is_stale = false;
        self.pending.clear();
        self.retired.clear();
        Ok(())
    }

    /// One more step. It is kept in mind until [`write`](Self::write) has succeeded.
    pub(super) fn add(&mut self, records: &[Record], retired: Vec<Content>) {
        if !records.is_empty() {
            write_line(&mut self.pending, records);
        }
        self.retired.extend(retired);
    }

    /// Adds all steps to the file.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            if let Err(error) = self.try_write() {
                // half a line must not stay in the way of the next attempt
                self.file.set_len(self.len).ok();
                return Err(error);
            }
            self.len += self.pending.len() as u64;
            self.pending.clear();
        }
        self.retired.clear();
        Ok(())
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

fn write_anew(directory: &Path, records: &[Record]) -> io::Result<(File, u64)> {
    let new = directory.join(NEW_NAME);
    let file = create(&new)?;
    let mut writer = BufWriter::new(file);
    writeln!(writer, "{{\"{FORMAT}\": {VERSION}}}")?;
    let mut line = Vec::new();
    for records in records.chunks(RECORDS) {
        line.clear();
        write_line(&mut line, records);
        writer.write_all(&line)?;
    }
    let mut file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    let len = file.stream_position()?;
    file.sync_all()?;
    fs::rename(&new, directory.join(NAME))?;
    sync_directory(directory)?;
    Ok((file, len))
}

/// Only its owner reads it: it holds keys and tokens.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_line(line: &mut Vec<u8>, records: &[Record]) {
    let json = serde_json::to_vec(records).expect("strings, numbers and maps with string keys");
    line.extend_from_slice(checksum(&json).as_bytes());
    line.push(b' ');
    line.extend_from_slice(&json);
    line.push(b'\n');
}

fn records_of(line: &[u8]) -> Result<Vec<Record>, String> {
    let line = line.strip_suffix(b"\n").ok_or("does not end")?;
    let (sum, json) = line
        .split_at_checked(CHECKSUM)
        .and_then(|(sum, json)| Some((sum, json.strip_prefix(b" ")?)))
        .ok_or("is too short")?;
    if checksum(json).as_bytes() != sum {
        return Err("is damaged: it doesn't match its checksum".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| format!("can't be read: {error}"))
}

fn checksum(json: &[u8]) -> String {
    let mut sum = hex(&Sha1::digest(json));
    sum.truncate(CHECKSUM);
    sum
}

/// What the last line, which can't be read, means.
fn loss_of(line: &[u8]) -> String {
    let len = line.len();
    if line.ends_with(b"\n") {
        // the disk has what came after it, but not what was in it
        return format!("the last {len} bytes of the journal are damaged: what they said is lost");
    }
    // it was being written when everything stopped
    format!(
        "the last {len} bytes of the journal were not written to their end: what they said was not answered"
    )
}

fn check_format(path: &Path, line: &[u8]) -> io::Result<()> {
    let header: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let version = header.as_ref().and_then(|header| header[FORMAT].as_u64());
    let path = path.display();
    match version {
        Some(OLDEST..=VERSION) => Ok(()),
        Some(other) => Err(invalid(format!(
            "{path} has version {other} of its format; this program reads versions {OLDEST} to {VERSION}"
        ))),
        None => Err(invalid(format!("{path} is not a journal of this emulator"))),
    }
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
        let mut journal = Journal::create(directory.path(), &[], false).unwrap();
        let path = directory.path().join(NAME);
        let good = std::mem::replace(&mut journal.file, File::open(&path).unwrap());
        journal.add(&[Record::NoKey("one".into())], Vec::new());
        journal.write().unwrap_err();
        journal.add(&[Record::NoKey("two".into())], Vec::new());
        journal.write().unwrap_err();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.loss), (0, None));
        journal.file = good;
        journal.write().unwrap();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.loss), (2, None));
    }

    #[test]
    fn a_journal_is_written_anew_when_it_has_grown() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), &[], false).unwrap();
        let record = || Record::NoKey("x".repeat(1 << 20));
        while !journal.is_long() {
            journal.add(&[record()], Vec::new());
            journal.write().unwrap();
        }
        assert!(journal.len > ROOM);
        journal.add(&[record()], Vec::new());
        journal.replace(&[record()]).unwrap();
        assert!(journal.len < 2 << 20 && !journal.is_long());
        journal.add(&[record()], Vec::new());
        journal.write().unwrap();
        let read = Journal::read(directory.path()).unwrap().unwrap();
        assert_eq!((read.records.len(), read.loss), (2, None));
    }
}
