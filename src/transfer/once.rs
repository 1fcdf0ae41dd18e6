//! [`Parts`]: what comes once, in parts that are held in memory until B2 has them.

use std::io;

use b2kit_core::{Body, BodyStream, Bytes, Filled};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};

use super::source::unreadable;
use crate::client::{Client, Reservation};
use crate::error::{Error, ErrorKind};

/// Where a part has so many chunks, those that are smaller than that are copied together.
const MANY: usize = 1_000;
const SMALL: usize = 16 << 10;

/// Reads a stream part by part, and holds it to the length that was promised.
pub(super) struct Parts {
    client: Client,
    stream: Filled,
    /// Read already, for the next part.
    ahead: Bytes,
    read: u64,
    len: Option<u64>,
    ended: bool,
}

impl Parts {
    pub(super) fn new(client: Client, stream: BodyStream, len: Option<u64>) -> Self {
        Self {
            client,
            stream: Filled::new(stream),
            ahead: Bytes::new(),
            read: 0,
            len,
            ended: false,
        }
    }

    /// The next part: `size` bytes, or all that are left.
    pub(super) async fn next(&mut self, size: u64) -> Result<Body, Error> {
        let consumed = self.read - self.ahead.len() as u64;
        let left = self
            .len
            .map_or(u64::MAX, |len| len.saturating_sub(consumed));
        let room = self.client.reserve_memory(size.min(left)).await;
        let body = self.next_with_room(size).await?;
        Ok(held(body, room))
    }

    /// The same, for who has waited for room already.
    pub(super) async fn next_with_room(&mut self, size: u64) -> Result<Body, Error> {
        let (mut chunks, mut small) = (Vec::new(), BytesMut::new());
        let mut room = size;
        while room > 0 {
            if self.ahead.is_empty() && !self.fill().await? {
                break;
            }
            let fits = usize::try_from(room).unwrap_or(usize::MAX);
            let chunk = self.ahead.split_to(self.ahead.len().min(fits));
            room -= chunk.len() as u64;
            match small.len() + chunk.len() {
                // A source of single bytes would else take many times their memory.
                together if together < SMALL && chunks.len() >= MANY => {
                    if small.is_empty() {
                        small = BytesMut::with_capacity(SMALL);
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
        Ok(Body::replay(size - room, move || {
            Ok(stream::iter(chunks.clone()).map(io::Result::Ok))
        }))
    }

    /// Whether there is nothing left, which can only be known by asking for more.
    pub(super) async fn is_over(&mut self) -> Result<bool, Error> {
        Ok(self.ahead.is_empty() && !self.fill().await?)
    }

    /// Reads on until there are bytes, or none any more.
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
                format!("the source has {read} bytes{more}, and {len} were promised"),
            ));
        }
        Ok(())
    }
}

/// A body that has this room as long as it is there, and no more of it than it needs.
pub(super) fn held(body: Body, room: Option<Reservation>) -> Body {
    let Some(mut room) = room else {
        return body;
    };
    room.shrink_to(body.len());
    Body::replay(body.len(), move || {
        let _held = &room;
        body.open()
    })
}
