//! [`Spool`]: actions that wait for the end of the plan, in a temporary file instead of in memory.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};

use futures_core::Stream;

use super::action::Action;

/// The number of bytes buffered before they are written.
const GATHERED: usize = 64 << 10;

/// Actions in the order of arrival, in a file without a name, which disappears with the process.
#[derive(Debug, Default)]
pub(super) struct Spool {
    file: Option<File>,
    gathered: Vec<u8>,
    pub(super) len: u64,
}

impl Spool {
    pub(super) async fn push(&mut self, action: &Action) -> io::Result<()> {
        serde_json::to_writer(&mut self.gathered, action)?;
        self.gathered.push(b'\n');
        self.len += 1;
        if self.gathered.len() >= GATHERED {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> io::Result<()> {
        let (file, gathered) = (self.file.take(), std::mem::take(&mut self.gathered));
        let written = blocking::unblock(move || {
            let mut file = file.map_or_else(tempfile::tempfile, Ok)?;
            file.write_all(&gathered)?;
            Ok::<_, io::Error>(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    /// Reads back all actions.
    pub(super) async fn actions(
        mut self,
    ) -> io::Result<impl Stream<Item = io::Result<Action>> + Send + Unpin + use<>> {
        self.write().await?;
        let file = self.file.take();
        let lines = blocking::unblock(move || {
            let mut file = file.ok_or(io::ErrorKind::NotFound)?;
            file.rewind()?;
            Ok::<_, io::Error>(BufReader::new(file).lines())
        });
        let actions = lines
            .await?
            .map(|line| serde_json::from_str(&line?).map_err(io::Error::from));
        Ok(blocking::Unblock::with_capacity(256, actions))
    }
}
