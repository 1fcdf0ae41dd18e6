//! [`Disk`]: the files on the local disk.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use b2kit::Bytes;
use futures::{Stream, stream};

use crate::file::{CHUNK, chunk};

/// A directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk<'a>(pub(crate) &'a Path);

impl Disk<'_> {
    /// The path of the file that is sent.
    pub(crate) fn source(self) -> PathBuf {
        self.0.join("source")
    }

    /// The path that the file is downloaded to.
    pub(crate) fn target(self) -> PathBuf {
        self.0.join("target")
    }

    /// Writes the file that is sent.
    pub(crate) fn put(self, len: u64) -> io::Result<()> {
        write(&self.source(), len)
    }

    /// Makes it a sparse file.
    pub(crate) fn put_hole(self, len: u64) -> io::Result<()> {
        fs::File::create(self.source())?.set_len(len)
    }
}

/// Writes a file's bytes there.
pub(crate) fn write(path: &Path, len: u64) -> io::Result<()> {
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    let mut left = len;
    while left > 0 {
        let chunk = chunk(left);
        file.write_all(chunk)?;
        left -= chunk.len() as u64;
    }
    file.flush()
}

/// The file's bytes, read in the simplest way.
pub(crate) fn read(
    path: &Path,
    len: u64,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    let mut source = fs::File::open(path)?;
    let mut left = len;
    Ok(stream::iter(std::iter::from_fn(move || {
        let len = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        left -= len as u64;
        let mut read = vec![0; len];
        (len > 0).then(|| source.read_exact(&mut read).map(|()| read.into()))
    })))
}
