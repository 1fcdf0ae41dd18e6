//! A line of the journal, and [`Position`]: its place in the sequence of all lines.
//!
//! Format 2 has four fields separated by spaces: the sequence number, a checksum of number and
//! content, a checksum of that and the previous one (the chain), and the content, a JSON array. So
//! changed lines, missing lines and lines of another journal can be told apart. Format 1 has a
//! checksum of the content, and the content.

use sha1::{Digest as _, Sha1};

use super::record::Record;
use crate::protocol::hex::hex;

/// Length of a checksum: hexadecimal digits of a SHA-1.
pub(super) const CHECKSUM: usize = 16;

const DIFFERS: &str = "is damaged: it doesn't match its checksum";

/// A position in the sequence of all lines that a directory's journals ever had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The sequence number of the last line.
    pub(super) number: u64,
    /// The checksum of that line and all lines before it.
    pub(super) chain: String,
}

/// Why a line can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// It is not as it was written.
    Damaged(String),
    /// It is as it was written, but this version of the program doesn't know its records.
    Unknown(String),
    /// It contradicts an earlier line.
    Impossible(String),
}

impl From<&str> for LineError {
    fn from(problem: &str) -> Self {
        Self::Damaged(problem.to_owned())
    }
}

/// The content of a line.
pub(super) struct Line {
    pub(super) position: Position,
    /// Whether it directly follows the previous line.
    pub(super) follows: bool,
    pub(super) records: Vec<Record>,
}

impl Position {
    /// Before the first line.
    pub(super) fn start() -> Self {
        Self {
            number: 0,
            chain: "0".repeat(CHECKSUM),
        }
    }

    /// The position after a line, or a header, with this checksum.
    pub(super) fn chained(&self, number: u64, sum: &str) -> Self {
        let chain = checksum(format!("{} {sum}", self.chain).as_bytes());
        Self { number, chain }
    }

    /// Whether this has the format of a chain.
    pub(super) fn is_chain(text: &str) -> bool {
        text.len() == CHECKSUM && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Appends a line of format 2 and advances the position.
pub(super) fn write(line: &mut Vec<u8>, position: &mut Position, records: &[Record]) {
    let json = serde_json::to_vec(records).expect(
        "strings, numbers and maps with string keys \
         serialize as JSON",
    );
    let number = position.number.saturating_add(1);
    let sum = line_checksum(number, &json);
    *position = position.chained(number, &sum);
    line.extend_from_slice(format!("{number} {sum} {} ", position.chain).as_bytes());
    line.extend_from_slice(&json);
    line.push(b'\n');
}

/// Reads a line of format 2 that follows `before`.
pub(super) fn read(line: &[u8], before: &Position) -> Result<Line, LineError> {
    let line = line.strip_suffix(b"\n").ok_or("does not end")?;
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let mut field = || fields.next().ok_or("is too short");
    let (number, sum, chain, json) = (field()?, field()?, field()?, field()?);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let number = text(number).and_then(|number| number.parse::<u64>().ok());
    let number = number.ok_or("is damaged: it has no sequence number")?;
    let chain = text(chain).filter(|chain| Position::is_chain(chain));
    let chain = chain.ok_or("is damaged: it has no chain")?;
    if line_checksum(number, json).as_bytes() != sum {
        return Err(DIFFERS.into());
    }
    let expected = before.chained(number, text(sum).unwrap_or_default());
    let is_next = before.number.checked_add(1) == Some(number);
    Ok(Line {
        follows: is_next && expected.chain == chain,
        position: Position {
            number,
            chain: chain.to_owned(),
        },
        records: parse(json)?,
    })
}

/// Reads a line of format 1.
pub(super) fn read_v1(line: &[u8]) -> Result<Vec<Record>, LineError> {
    let line = line.strip_suffix(b"\n").ok_or("does not end")?;
    let (sum, json) = line
        .split_at_checked(CHECKSUM)
        .and_then(|(sum, json)| Some((sum, json.strip_prefix(b" ")?)))
        .ok_or("is too short")?;
    if checksum(json).as_bytes() != sum {
        return Err(DIFFERS.into());
    }
    parse(json)
}

/// Parses the content of a line that matches its checksum.
fn parse(json: &[u8]) -> Result<Vec<Record>, LineError> {
    serde_json::from_slice(json).map_err(|error| LineError::Unknown(error.to_string()))
}

fn line_checksum(number: u64, json: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(number.to_string());
    hash.update(b" ");
    hash.update(json);
    shortened(&hash.finalize())
}

pub(super) fn checksum(bytes: &[u8]) -> String {
    shortened(&Sha1::digest(bytes))
}

fn shortened(digest: &[u8]) -> String {
    let mut sum = hex(digest);
    sum.truncate(CHECKSUM);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_lines() -> (Vec<u8>, Vec<u8>) {
        let mut position = Position::start();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        write(&mut first, &mut position, &[Record::NoKey("one".into())]);
        write(&mut second, &mut position, &[Record::NoKey("two".into())]);
        (first, second)
    }

    #[test]
    fn a_line_follows_only_the_line_it_was_written_after() {
        let (first, second) = two_lines();
        let one = read(&first, &Position::start()).unwrap();
        assert!(one.follows);
        let two = read(&second, &one.position).unwrap();
        assert!(two.follows && two.position.number == 2);
        assert!(!read(&second, &Position::start()).unwrap().follows);
        let mut other = Position::start();
        write(&mut Vec::new(), &mut other, &[Record::NoKey("x".into())]);
        assert!(
            !read(&second, &other).unwrap().follows,
            "another journal's first line"
        );
    }

    #[test]
    fn every_changed_byte_of_a_line_is_detected() {
        let (first, _) = two_lines();
        let whole = read(&first, &Position::start()).unwrap().position;
        for at in 0..first.len() {
            for bit in 0..8 {
                let mut line = first.clone();
                line[at] ^= 1 << bit;
                let noticed = match read(&line, &Position::start()) {
                    Err(_) => true,
                    // hexadecimal digits in capitals are no others
                    Ok(read) => !read.follows || read.position != whole,
                };
                assert!(noticed, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_line_whose_chain_is_not_sixteen_hexadecimal_digits_is_damaged() {
        let (line, _) = two_lines();
        let text = String::from_utf8(line).unwrap();
        let chain = text.split(' ').nth(2).unwrap();
        for other in ["", "0", &format!("{chain}0"), "ghijklmnopqrstuv"] {
            let line = text.replace(chain, other);
            let Err(problem) = read(line.as_bytes(), &Position::start()) else {
                panic!("{other:?} is read as a chain");
            };
            assert_eq!(problem, "is damaged: it has no chain".into());
        }
    }
}
