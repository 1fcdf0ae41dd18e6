//! [`ResponseStream`]: the body of a response with its faults.

use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use crate::content::Chunks;
use crate::faults::plan::BodyFault;
use crate::protocol::response::Payload;

/// The body of a response in chunks, the same for all drivers.
pub(crate) struct ResponseStream {
    source: Source,
    len: u64,
    sent: u64,
    faults: BodyFault,
    has_paused: bool,
}

enum Source {
    Bytes(Bytes),
    Content(Chunks),
    /// After an error.
    Ended,
}

impl ResponseStream {
    pub(crate) fn new(payload: Payload, faults: BodyFault) -> Self {
        let len = payload.len();
        Self {
            source: match payload {
                Payload::Bytes(bytes) => Source::Bytes(bytes),
                Payload::Content(content) => Source::Content(content.into_chunks()),
            },
            len,
            sent: 0,
            faults,
            has_paused: false,
        }
    }

    /// Number of announced bytes that are still to be sent.
    pub(crate) const fn left(&self) -> u64 {
        self.len.saturating_sub(self.sent)
    }

    /// The next chunk.
    pub(crate) fn next(&mut self, cx: &Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let cut = self.faults.cut.filter(|(after, _)| *after < self.len);
        let stall = self.faults.stall.filter(|after| *after < self.len);
        if stall.is_some_and(|after| after <= self.sent) {
            // for good: nothing wakes the task
            return Poll::Pending;
        }
        if let Some((_, how)) = cut.filter(|(after, _)| *after <= self.sent) {
            if !self.has_paused {
                // lets earlier bytes leave before the connection ends
                self.has_paused = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.faults.cut = None;
            self.source = Source::Ended;
            return Poll::Ready(Some(Err(how.error())));
        }
        let cut = cut.map(|(after, _)| after);
        let limit = cut.into_iter().chain(stall).min();
        let chunk = match &mut self.source {
            Source::Bytes(bytes) if bytes.is_empty() => None,
            Source::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Source::Content(chunks) => chunks.next(),
            Source::Ended => None,
        };
        Poll::Ready(chunk.map(|chunk| {
            let mut chunk = chunk?;
            if let Some(limit) = limit {
                let left = usize::try_from(limit - self.sent).unwrap_or(usize::MAX);
                chunk.truncate(left);
            }
            let chunk = self.corrupted(chunk);
            self.sent += chunk.len() as u64;
            Ok(chunk)
        }))
    }

    fn corrupted(&self, chunk: Bytes) -> Bytes {
        corrupted(chunk, self.sent, &self.faults.corrupt)
    }
}

/// A chunk that starts at `offset` of the body, with one bit flipped at each of these offsets of
/// the body.
pub(crate) fn corrupted(chunk: Bytes, offset: u64, offsets: &[u64]) -> Bytes {
    let within = |at: &u64| {
        let at = usize::try_from(at.checked_sub(offset)?).ok()?;
        (at < chunk.len()).then_some(at)
    };
    let offsets: Vec<usize> = offsets.iter().filter_map(within).collect();
    if offsets.is_empty() {
        return chunk;
    }
    let mut copy = BytesMut::from(&chunk[..]);
    for at in offsets {
        copy[at] ^= 1;
    }
    copy.freeze()
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::faults::plan::ResponseEnd;

    fn sent(faults: BodyFault) -> (Vec<u8>, Option<bool>) {
        let payload = Payload::Bytes(Bytes::from_static(b"0123456789"));
        let mut outgoing = ResponseStream::new(payload, faults);
        let mut bytes = Vec::new();
        let cx = Context::from_waker(Waker::noop());
        let mut pauses = 0;
        loop {
            match outgoing.next(&cx) {
                Poll::Ready(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
                Poll::Ready(Some(Err(_))) => return (bytes, Some(true)),
                Poll::Ready(None) => return (bytes, Some(false)),
                Poll::Pending if pauses < 3 => pauses += 1,
                Poll::Pending => return (bytes, None),
            }
        }
    }

    #[test]
    fn a_response_body_is_cut_stalled_or_corrupted_at_the_given_byte() {
        let faults = BodyFault::default;
        let cut = |after| BodyFault {
            cut: Some((after, ResponseEnd::Close)),
            ..faults()
        };
        let stall = |after| BodyFault {
            stall: Some(after),
            ..faults()
        };
        let corrupt = |at| BodyFault {
            corrupt: vec![at],
            ..faults()
        };
        assert_eq!(sent(cut(3)), (b"012".to_vec(), Some(true)));
        assert_eq!(sent(cut(0)), (Vec::new(), Some(true)));
        assert_eq!(sent(cut(10)), (b"0123456789".to_vec(), Some(false)));
        assert_eq!(sent(stall(3)), (b"012".to_vec(), None));
        assert_eq!(sent(stall(10)), (b"0123456789".to_vec(), Some(false)));
        assert_eq!(sent(corrupt(4)), (b"0123556789".to_vec(), Some(false)));
        assert_eq!(sent(corrupt(10)), (b"0123456789".to_vec(), Some(false)));
    }
}
