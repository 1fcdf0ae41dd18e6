//! Parses the lines of a large file on several threads, and uses them in order on the caller's.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use crate::storage::threads;

/// Lines are handed over in batches of at least this many bytes.
const BATCH: usize = 256 * 1024;

/// Calls `each` with every parsed line, until it fails.
///
/// A line includes its line feed; only the last one may have none. At most one batch of each thread, and the one that
/// is being used, are in memory.
pub(super) fn lines<T: Send>(
    file: &mut impl BufRead,
    parse: impl Fn(&[u8]) -> T + Sync,
    mut each: impl FnMut(T) -> io::Result<()>,
) -> io::Result<()> {
    thread::scope(|scope| {
        let mut busy = VecDeque::new();
        for _ in 0..threads() {
            busy.extend(Parser::start(scope, &parse)?.parse_next(file)?);
        }
        while let Some(parser) = busy.pop_front() {
            // Without a value the thread has panicked, and the scope panics, too.
            let parsed = parser.parsed.recv().unwrap_or_default();
            busy.extend(parser.parse_next(file)?);
            parsed.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    })
}

/// A thread that parses batches. It ends when this is dropped.
struct Parser<T> {
    batches: SyncSender<Vec<u8>>,
    parsed: Receiver<Vec<T>>,
}

impl<T: Send> Parser<T> {
    fn start<'scope, P>(scope: &'scope Scope<'scope, '_>, parse: &'scope P) -> io::Result<Self>
    where
        T: 'scope,
        P: Fn(&[u8]) -> T + Sync,
    {
        let (batches, to_parse) = sync_channel::<Vec<u8>>(1);
        let (sender, parsed) = sync_channel(1);
        thread::Builder::new().spawn_scoped(scope, move || {
            for batch in to_parse {
                let lines = batch.split_inclusive(|byte| *byte == b'\n');
                if sender.send(lines.map(parse).collect()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { batches, parsed })
    }

    /// Parses the next batch; `None` at the end of the file.
    fn parse_next(self, file: &mut impl BufRead) -> io::Result<Option<Self>> {
        let batch = batch(file)?;
        if batch.is_empty() {
            return Ok(None);
        }
        self.batches.send(batch).ok();
        Ok(Some(self))
    }
}

/// The next lines; empty at the end.
fn batch(file: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut batch = Vec::new();
    while batch.len() < BATCH && file.read_until(b'\n', &mut batch)? > 0 {}
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str, mut each: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
        let parse = |line: &[u8]| String::from_utf8_lossy(line).trim().parse().unwrap();
        lines(&mut text.as_bytes(), parse, |number: usize| each(number))
    }

    #[test]
    fn lines_of_many_batches_are_used_once_and_in_order() {
        let text: String = (0..300_000).map(|number| format!("{number}\n")).collect();
        assert!(text.len() > 5 * BATCH);
        let mut next = 0;
        let used = numbers(text.trim_end(), |number| {
            assert_eq!(number, next);
            next += 1;
            Ok(())
        });
        used.unwrap();
        assert_eq!(next, 300_000);
        numbers("", |_| panic!("there is no line")).unwrap();
    }

    #[test]
    fn a_line_that_fails_ends_the_reading() {
        let text: String = (0..300_000).map(|number| format!("{number}\n")).collect();
        let mut last = 0;
        let failed = numbers(&text, |number| {
            last = number;
            match number {
                70_000 => Err(io::Error::other("refused")),
                _ => Ok(()),
            }
        });
        assert_eq!(
            (failed.unwrap_err().to_string().as_str(), last),
            ("refused", 70_000)
        );
    }
}
