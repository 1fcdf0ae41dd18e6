//! Positioned reads and writes that don't move the file cursor (except on Windows).

use std::fs::File;
use std::io;

use b2kit_core::Bytes;

use crate::types::Sha1Hasher;

/// Writes the chunks consecutively, starting at this offset.
pub(crate) fn write_at(file: &File, chunks: &[Bytes], mut at: u64) -> io::Result<()> {
    for chunk in chunks {
        write_all_at(file, chunk, at)?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Hashes `len` bytes, starting at this offset.
pub(crate) fn hash_at(
    file: &File,
    mut at: u64,
    len: u64,
    hasher: &mut Sha1Hasher,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(len).map_or(READ, |len| len.min(READ))];
    let mut left = len;
    while left > 0 {
        let most = usize::try_from(left).map_or(READ, |left| left.min(READ));
        let read = match read_at(file, &mut buffer[..most], at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        at += read as u64;
        left -= read as u64;
    }
    Ok(())
}

const READ: usize = 256 << 10;

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !bytes.is_empty() {
        match file.seek_write(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, chunk: &mut [u8], from: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, chunk, from)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, chunk: &mut [u8], from: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, chunk, from)
}
