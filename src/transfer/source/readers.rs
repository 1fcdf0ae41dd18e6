//! Byte streams over `futures::io` readers.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use b2kit_core::Bytes;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncSeek};
use futures_util::io::{AsyncReadExt as _, AsyncSeekExt as _};
use futures_util::lock::Mutex;
use futures_util::stream;

/// The size of a read.
const CHUNK: usize = 256 * 1024;

pub(super) trait Seekable: AsyncRead + AsyncSeek + Send {}

impl<T: AsyncRead + AsyncSeek + Send> Seekable for T {}

/// The bytes of a reader, in chunks.
pub(super) fn chunks<R: AsyncRead + Send + 'static>(
    reader: Pin<Box<R>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(reader, async |mut reader| {
        let chunk = chunk(&mut reader, CHUNK).await?;
        Ok((!chunk.is_empty()).then_some((chunk, reader)))
    })
}

/// A byte range of a seekable reader. Seeks before each chunk, since other parts may read in
/// between.
pub(super) fn seekable_range(
    reader: Arc<Mutex<Pin<Box<dyn Seekable>>>>,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(range, move |range| {
        let reader = Arc::clone(&reader);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let left = usize::try_from(range.end - range.start).unwrap_or(CHUNK);
            let mut reader = reader.lock().await;
            reader.seek(SeekFrom::Start(range.start)).await?;
            let chunk = chunk(&mut *reader, left.min(CHUNK)).await?;
            if chunk.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("the source ended {left} bytes early"),
                ));
            }
            let next = range.start + chunk.len() as u64;
            Ok(Some((chunk, next..range.end)))
        }
    })
}

async fn chunk(reader: &mut (impl AsyncRead + Unpin), len: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; len];
    let read = reader.read(&mut chunk).await?;
    chunk.truncate(read);
    Ok(chunk.into())
}
