//! [`Buffers`]: the recording of a call in progress, and [`Spares`], which keeps buffers for later calls.

use std::sync::{Mutex, PoisonError};

/// Maximum number of spare buffers.
const MAX_SPARES: usize = 64;

/// Larger buffers are freed.
const MAX_CAPACITY: usize = 16 * 1024;

/// The recording of a call in progress; [`Entry`](super::entry::Entry) has the lengths.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Path, key id and file name.
    pub(super) text: String,
    /// Target, request and response.
    pub(super) recorded: Vec<u8>,
}

/// Empty buffers of earlier calls, which are about as large as the next call needs.
#[derive(Debug, Default)]
pub(super) struct Spares(Mutex<Vec<Buffers>>);

impl Spares {
    pub(super) fn take(&self) -> Buffers {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spares.pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut buffers: Buffers) {
        if buffers.recorded.capacity() > MAX_CAPACITY {
            return;
        }
        buffers.text.clear();
        buffers.recorded.clear();
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() < MAX_SPARES {
            spares.push(buffers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_buffers_are_empty_few_and_small() {
        let spares = Spares::default();
        spares.give(Buffers {
            text: "secret".to_owned(),
            recorded: b"secret".to_vec(),
        });
        let buffers = spares.take();
        assert!(buffers.text.is_empty() && buffers.recorded.is_empty());
        assert!(buffers.recorded.capacity() > 0);
        spares.give(Buffers {
            recorded: vec![0; MAX_CAPACITY + 1],
            ..buffers
        });
        assert_eq!(spares.take().recorded.capacity(), 0);
        (0..=MAX_SPARES).for_each(|_| spares.give(Buffers::default()));
        assert_eq!(spares.0.lock().unwrap().len(), MAX_SPARES);
    }
}
