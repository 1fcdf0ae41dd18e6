//! Reads a journal, and finds out what is missing in it.

use super::head::{Found, Head};
use super::line::{self, LineError, Position};
use super::record::Record;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// The format that is written. Format 1, without sequence and chain, can be read as well. Fields
/// that older records lack have defaults in [`Record`].
pub(super) const VERSION: u64 = 2;

pub(super) const FORMAT: &str = "b2kit-emulator-journal";
pub(super) const NAME: &str = "journal";
/// Maximum length of the header.
const MAX_HEADER: u64 = 1024;
/// Bytes read at once.
const BUFFER: usize = 256 * 1024;

/// Applies a record, or says why that is impossible.
pub(super) type Apply<'a> = &'a mut dyn FnMut(Record) -> Result<(), String>;

/// The findings of reading a journal, besides its records.
pub(super) struct Read {
    /// Of the last line.
    pub(super) position: Position,
    /// Its size, if it is in the newest format.
    pub(super) size: Option<Size>,
    /// What is missing or can't be read, in words.
    pub(super) recovery_warnings: Vec<String>,
    /// Whether it is known to contain everything that was answered.
    pub(super) is_whole: bool,
}

/// The size of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// The length up to which it is complete.
    pub(super) len: u64,
    /// Its length when it was rewritten last.
    pub(super) new_len: u64,
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

/// Whether the directory has a journal. An unreadable one is an error.
pub(super) fn is_in(directory: &Path) -> io::Result<bool> {
    let path = directory.join(NAME);
    let Some(file) = open(&path)? else {
        return Ok(false);
    };
    read_header(&path, &mut BufReader::new(file))?;
    Ok(true)
}

/// Reads the journal line by line and applies its records; `None` if there is none.
pub(super) fn read(directory: &Path, apply: Apply<'_>) -> io::Result<Option<Read>> {
    let path = directory.join(NAME);
    let Some(file) = open(&path)? else {
        return Ok(None);
    };
    let len = file.metadata()?.len();
    let mut file = BufReader::with_capacity(BUFFER, file);
    let (header, header_len) = read_header(&path, &mut file)?;
    let mut reader = JournalReader::of(header, header_len, Head::read(directory)?, apply);
    let mut at = header_len;
    let mut line = Vec::new();
    for number in 2_u64.. {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        at += line.len() as u64;
        match reader.line(&line, number) {
            Ok(()) => reader.line_ended(at),
            Err(LineError::Damaged(_)) if at == len => {
                reader.torn_line(&line);
                break;
            }
            Err(LineError::Damaged(problem)) => {
                let path = path.display();
                return Err(invalid(format!("{path}: line {number} {problem}")));
            }
            Err(LineError::Unknown(problem)) => {
                let path = path.display();
                return Err(invalid(format!(
                    "{path}: line {number} can't be read by this version of the program: {problem}"
                )));
            }
            Err(LineError::Impossible(problem)) => {
                let directory = directory.display();
                return Err(invalid(format!("{directory}: {problem}")));
            }
        }
    }
    Ok(Some(reader.finish()))
}

/// Reads a journal line by line.
struct JournalReader<'a> {
    read: Read,
    apply: Apply<'a>,
    is_v1: bool,
    /// Minimum number of lines.
    began_with: u64,
    lines: u64,
    head: Found,
    /// Whether the line that the head refers to was found to differ.
    is_another: bool,
}

impl<'a> JournalReader<'a> {
    fn of(header: Header, header_len: u64, head: Found, apply: Apply<'a>) -> Self {
        let (is_v1, began_with) = match &header {
            Header::V1 => (true, 0),
            Header::V2 { lines, .. } => (false, *lines),
        };
        let mut this = Self {
            read: Read {
                position: Position::start(),
                size: (!is_v1).then_some(Size {
                    len: header_len,
                    new_len: header_len,
                }),
                recovery_warnings: Vec::new(),
                is_whole: true,
            },
            apply,
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

    fn line(&mut self, text: &[u8], number: u64) -> Result<(), LineError> {
        if self.is_v1 {
            return self.apply_all(line::read_v1(text)?);
        }
        let line = line::read(text, &self.read.position)?;
        let before = self.read.position.number;
        if line.position.number <= before {
            let said = line.position.number;
            let problem = format!("is out of order: step {said} follows step {before}");
            return Err(LineError::Damaged(problem));
        }
        if !line.follows {
            let missing = line.position.number - before - 1;
            self.report_loss(if missing == 0 {
                format!(
                    "the lines before line {number} of the journal are not the ones that were \
                     written"
                )
            } else {
                format!("{missing} steps are missing before line {number} of the journal")
            });
        }
        self.compare_with_head(&line.position);
        self.read.position = line.position;
        self.lines += 1;
        self.apply_all(line.records)
    }

    fn apply_all(&mut self, records: Vec<Record>) -> Result<(), LineError> {
        let mut records = records.into_iter();
        records
            .try_for_each(&mut *self.apply)
            .map_err(LineError::Impossible)
    }

    /// Records that a valid line ends here.
    fn line_ended(&mut self, at: u64) {
        if let Some(size) = &mut self.read.size {
            size.len = at;
            if self.lines <= self.began_with {
                size.new_len = at;
            }
        }
    }

    /// Compares a line with the head, if the head refers to it.
    fn compare_with_head(&mut self, position: &Position) {
        if let Found::Position(head) = &self.head {
            self.is_another |= head.number == position.number && head.chain != position.chain;
        }
    }

    /// The last line can't be read.
    fn torn_line(&mut self, text: &[u8]) {
        let len = text.len();
        let was_answered = match &self.head {
            Found::Position(head) => head.number > self.read.position.number,
            // format 1: nothing was answered before its line was complete
            Found::Nothing if self.is_v1 => false,
            Found::Nothing | Found::Damaged => true,
        };
        if text.ends_with(b"\n") {
            // a later line reached the disk, but not this one's content
            self.report_loss(format!(
                "the last {len} bytes of the journal are damaged: their changes are lost"
            ));
        } else if was_answered {
            self.report_loss(format!(
                "the last {len} bytes of the journal are cut off: their changes are lost"
            ));
        } else {
            // the program ended while it wrote the line; but a crash of the machine may have lost
            // later lines, and the head of this one
            self.report_loss(format!(
                "the last {len} bytes of the journal are incomplete: unless the machine crashed, \
                 no client got a response to that call"
            ));
        }
    }

    fn report_loss(&mut self, loss: String) {
        self.read.recovery_warnings.push(loss);
        self.read.is_whole = false;
    }

    fn finish(mut self) -> Read {
        if self.is_v1 {
            return self.read;
        }
        if self.lines < self.began_with {
            let (began_with, lines) = (self.began_with, self.lines);
            self.report_loss(format!(
                "the journal is cut off: it began with {began_with} lines, of which {lines} are \
                 left"
            ));
        }
        let end = self.read.position.number;
        match &self.head {
            Found::Position(head) if head.number > end => {
                let missing = head.number - end;
                self.report_loss(format!(
                    "the journal is cut off: the last {missing} steps are missing"
                ));
            }
            Found::Position(_) if self.is_another => {
                self.report_loss(
                    "the journal is not the one that was last written here".to_owned(),
                );
            }
            Found::Position(_) => {}
            Found::Nothing => self.report_loss(
                "the file `head` is missing: steps may be missing at the end of the journal"
                    .to_owned(),
            ),
            Found::Damaged => self.report_loss(
                "the file `head` is damaged: steps may be missing at the end of the journal"
                    .to_owned(),
            ),
        }
        self.read
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The header and its length.
fn read_header(path: &Path, file: &mut BufReader<File>) -> io::Result<(Header, u64)> {
    let mut line = Vec::new();
    // a file that is no journal may be one line of gigabytes
    io::Read::take(&mut *file, MAX_HEADER).read_until(b'\n', &mut line)?;
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
                "{path} has version {other} of its format; \
                 this program reads versions 1 to {VERSION}"
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
