//! [`Entry`]: a call in numbers, and the lengths of its texts and messages, whose bytes are in the
//! log's rings.

use std::time::Duration;

use crate::faults::plan::Hit;

/// A call that has ended.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// When it began, in milliseconds of the emulator's clock.
    pub(super) at: u64,
    /// The time until the last byte of the response was passed on.
    pub(super) duration: Duration,
    pub(super) method: http::Method,
    /// `None` if B2 has no such call.
    pub(super) call: Option<&'static str>,
    /// `None` if there was no response.
    pub(super) status: Option<u16>,
    /// Whether the response was sent completely.
    pub(super) is_complete: bool,
    pub(super) faults: Vec<Hit>,
    pub(super) texts: Texts,
    pub(super) messages: Messages,
}

/// The lengths of the texts of a call, which follow each other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts {
    pub(super) path: usize,
    pub(super) key_id: Option<usize>,
    pub(super) file_name: Option<usize>,
}

/// The lengths of the recorded parts of a request and its response, which follow each other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Messages {
    /// Path and query.
    pub(super) target: usize,
    pub(super) request: Lengths,
    pub(super) response: Lengths,
}

/// The lengths of a message's headers and body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lengths {
    pub(super) headers: usize,
    /// What was recorded of the body: all of it, or nothing.
    pub(super) recorded: usize,
    /// Length of the body.
    pub(super) body: u64,
    /// Longer bodies are not recorded.
    pub(super) limit: usize,
    /// Whether the body is the content of a file.
    pub(super) is_content: bool,
}

impl Entry {
    /// A request that has just arrived.
    pub(super) const fn begin(at: u64, method: http::Method) -> Self {
        Self {
            at,
            duration: Duration::ZERO,
            method,
            call: None,
            status: None,
            is_complete: false,
            faults: Vec::new(),
            texts: Texts {
                path: 0,
                key_id: None,
                file_name: None,
            },
            messages: Messages {
                target: 0,
                request: Lengths::NONE,
                response: Lengths::NONE,
            },
        }
    }

    /// Bytes of the request's body.
    pub(super) const fn received(&self) -> u64 {
        self.messages.request.body
    }

    /// Bytes of the response's body.
    pub(super) const fn sent(&self) -> u64 {
        self.messages.response.body
    }
}

impl Lengths {
    /// The lengths of a message without headers and body.
    const NONE: Self = Self {
        headers: 0,
        recorded: 0,
        body: 0,
        limit: 0,
        is_content: false,
    };

    /// Records the next bytes of the body behind all that was recorded before.
    pub(super) fn push_body(&mut self, recorded: &mut Vec<u8>, chunk: &[u8]) {
        self.body += chunk.len() as u64;
        if self.body > self.limit as u64 {
            recorded.truncate(recorded.len().saturating_sub(self.recorded));
            self.recorded = 0;
        } else {
            recorded.extend_from_slice(chunk);
            self.recorded += chunk.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_recorded_up_to_its_limit_and_counted_beyond() {
        let mut lengths = Lengths {
            limit: 4,
            ..Lengths::NONE
        };
        let mut recorded = b"before".to_vec();
        lengths.push_body(&mut recorded, b"ab");
        lengths.push_body(&mut recorded, b"cd");
        assert_eq!((lengths.body, lengths.recorded), (4, 4));
        assert_eq!(recorded, b"beforeabcd");
        lengths.push_body(&mut recorded, b"e");
        lengths.push_body(&mut recorded, b"f");
        assert_eq!((lengths.body, lengths.recorded), (6, 0));
        assert_eq!(recorded, b"before");
    }
}
