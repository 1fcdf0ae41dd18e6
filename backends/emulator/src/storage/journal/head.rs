//! [`Head`]: a small file that records where the journal ends, so that a truncation is noticed.
//!
//! It is one line of fixed length, overwritten after each write to the journal and before the
//! response. So it is never ahead of a complete journal: a journal that ends before its head was
//! truncated. It is not synced each time; a head that is behind proves nothing and does no harm.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::line::{Position, checksum};

const NAME: &str = "head";
const FORMAT: &str = "b2kit-emulator-head 1";
/// Longer than any head.
const MAX_LEN: u64 = 256;

pub(super) struct Head {
    file: File,
    /// What the file contains, if known.
    written: Option<Position>,
}

/// What reading the head found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Damaged,
    Position(Position),
}

impl Head {
    pub(super) fn read(directory: &Path) -> io::Result<Found> {
        let mut text = Vec::new();
        match File::open(directory.join(NAME)) {
            Ok(file) => file.take(MAX_LEN).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        Ok(parse(&text).map_or(Found::Damaged, Found::Position))
    }

    /// Creates or opens it, writes this position and syncs it.
    pub(super) fn create(directory: &Path, position: &Position) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut this = Self {
            file: options.open(directory.join(NAME))?,
            written: None,
        };
        let len = this.write(position)?;
        this.file.set_len(len)?;
        this.file.sync_all()?;
        Ok(this)
    }

    /// Writes this position unless it is there already.
    pub(super) fn update(&mut self, position: &Position) -> io::Result<()> {
        if self.written.as_ref() != Some(position) {
            self.write(position)?;
        }
        Ok(())
    }

    fn write(&mut self, position: &Position) -> io::Result<u64> {
        self.written = None;
        let line = render(position);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(line.as_bytes())?;
        self.written = Some(position.clone());
        Ok(line.len() as u64)
    }
}

fn render(position: &Position) -> String {
    let written = format!("{FORMAT} {:020} {}", position.number, position.chain);
    let sum = checksum(written.as_bytes());
    format!("{written} {sum}\n")
}

fn parse(text: &[u8]) -> Option<Position> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (written, sum) = text.rsplit_once(' ')?;
    let (number, chain) = written
        .strip_prefix(FORMAT)?
        .strip_prefix(' ')?
        .split_once(' ')?;
    let is_whole = checksum(written.as_bytes()) == sum && Position::is_chain(chain);
    is_whole.then_some(Position {
        number: number.parse().ok()?,
        chain: chain.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_and_a_modified_one_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Head::read(directory.path()).unwrap(), Found::Nothing);
        let mut position = Position::start();
        let mut head = Head::create(directory.path(), &position).unwrap();
        for number in [7, 123_456, u64::MAX] {
            position = position.chained(number, "x");
            head.update(&position).unwrap();
            let found = Head::read(directory.path()).unwrap();
            assert_eq!(found, Found::Position(position.clone()));
        }
        let path = directory.path().join(NAME);
        let text = std::fs::read(&path).unwrap();
        for at in 0..text.len() {
            let mut modified = text.clone();
            modified[at] ^= 1;
            std::fs::write(&path, modified).unwrap();
            let found = Head::read(directory.path()).unwrap();
            assert_eq!(found, Found::Damaged, "byte {at}");
        }
    }
}
