//! [`SequentialParts`]: a non-replayable stream, read in parts that are buffered in memory until B2
//! has stored them.

use std::io;

use b2kit_core::{Body, BodyStream, Bytes, NonEmptyChunks};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};

use crate::client::{Client, Reservation};
use crate::error::{Error, ErrorKind};
use crate::transfer::source_error::unreadable;

/// After this many chunks of a part, small chunks are coalesced.
const COALESCE_AFTER: usize = 1_000;
const COALESCE_BELOW: usize = 16 << 10;

/// Reads a stream part by part, and enforces its declared length.
pub(crate) struct SequentialParts {
    client: Client,
    stream: NonEmptyChunks,
    /// Bytes already read, for the next part.
    ahead: Bytes,
    read: u64,
    len: Option<u64>,
    ended: bool,
}

impl SequentialParts {
    pub(crate) fn new(client: Client, stream: BodyStream, len: Option<u64>) -> Self {
        Self {
            client,
            stream: NonEmptyChunks::new(stream),
            ahead: Bytes::new(),
            read: 0,
            len,
            ended: false,
        }
    }

    /// The next part: `size` bytes, or all remaining ones. Waits for the memory budget.
    pub(crate) async fn next(&mut self, size: u64) -> Result<Body, Error> {
        let consumed = self.read - self.ahead.len() as u64;
        let left = self
            .len
            .map_or(u64::MAX, |len| len.saturating_sub(consumed));
        let reservation = self.client.reserve_memory(size.min(left)).await;
        let body = self.next_with_memory(size).await?;
        Ok(with_memory(body, reservation))
    }

    /// The next part, if the caller has already reserved the memory.
    pub(crate) async fn next_with_memory(&mut self, size: u64) -> Result<Body, Error> {
        let (mut chunks, mut small) = (Vec::new(), BytesMut::new());
        let mut wanted = size;
        while wanted > 0 {
            if self.ahead.is_empty() && !self.fill().await? {
                break;
            }
            let fits = usize::try_from(wanted).unwrap_or(usize::MAX);
            let chunk = self.ahead.split_to(self.ahead.len().min(fits));
            wanted -= chunk.len() as u64;
            match small.len() + chunk.len() {
                // Otherwise a stream of single bytes would use many times their memory.
                together if together < COALESCE_BELOW && chunks.len() >= COALESCE_AFTER => {
                    if small.is_empty() {
                        small = BytesMut::with_capacity(COALESCE_BELOW);
                    }
                    small.extend_from_slice(&chunk);
                }
                _ => {
                    if !small.is_empty() {
                        chunks.push(small.split().freeze());
                    }
                    chunks.push(chunk);
                }
            }
        }
        if !small.is_empty() {
            chunks.push(small.freeze());
        }
        Ok(Body::replay(size - wanted, move || {
            Ok(stream::iter(chunks.clone()).map(io::Result::Ok))
        }))
    }

    /// Whether the stream has ended. Reads ahead to find out.
    pub(crate) async fn is_over(&mut self) -> Result<bool, Error> {
        Ok(self.ahead.is_empty() && !self.fill().await?)
    }

    /// Reads until bytes are available or the stream ends.
    async fn fill(&mut self) -> Result<bool, Error> {
        while self.ahead.is_empty() && !self.ended {
            match self.stream.next().await {
                Some(Ok(chunk)) => self.ahead = chunk,
                Some(Err(error)) => return Err(unreadable("the source can't be read", error)),
                None => self.ended = true,
            }
            self.read = self.read.saturating_add(self.ahead.len() as u64);
            self.check()?;
        }
        Ok(!self.ahead.is_empty())
    }

    fn check(&self) -> Result<(), Error> {
        let Some(len) = self.len else {
            return Ok(());
        };
        if self.read > len || (self.ended && self.read < len) {
            let (read, more) = (self.read, if self.ended { "" } else { " or more" });
            return Err(Error::new(
                ErrorKind::Source,
                format!("the source has {read} bytes{more}, but declared {len}"),
            ));
        }
        Ok(())
    }
}

/// A body that holds a memory reservation, shrunk to its length, while it exists.
pub(crate) fn with_memory(body: Body, reservation: Option<Reservation>) -> Body {
    let Some(mut reservation) = reservation else {
        return body;
    };
    reservation.shrink_to(body.len());
    Body::replay(body.len(), move || {
        let _held = &reservation;
        body.open()
    })
}
