//! [`ByteRing`]: keeps the latest bytes in one allocation, which is overwritten from the start when it is full.
//!
//! Adding bytes costs a copy, however many entries are overwritten. With an allocation for each call, the log would
//! spend most of its time freeing memory that is no longer in any cache.

/// The latest bytes.
#[derive(Debug)]
pub(super) struct ByteRing {
    /// Allocated by the first push, so that a log without calls takes no memory.
    bytes: Vec<u8>,
    capacity: usize,
    /// Number of bytes ever written, with the gaps before the end of the allocation.
    written: u64,
}

/// Where bytes were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The offset among all bytes ever written.
    at: u64,
    len: usize,
}

impl ByteRing {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            bytes: Vec::new(),
            capacity,
            written: 0,
        }
    }

    /// Overwrites the oldest bytes. Of more than the capacity, only the beginning is kept.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Position {
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.capacity];
        }
        let bytes = &bytes[..bytes.len().min(self.capacity)];
        let room = self.capacity - self.index(self.written);
        if bytes.len() > room {
            // never across the end, so that they can be borrowed
            self.written += room as u64;
        }
        let at = self.written;
        let start = self.index(at);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len() as u64;
        Position {
            at,
            len: bytes.len(),
        }
    }

    /// `None` once some of them were overwritten.
    pub(super) fn get(&self, position: Position) -> Option<&[u8]> {
        let Position { at, len } = position;
        if at + (self.capacity as u64) < self.written {
            return None;
        }
        let start = self.index(at);
        self.bytes.get(start..start + len)
    }

    fn index(&self, at: u64) -> usize {
        // the remainder of a division by a usize fits in a usize
        usize::try_from(at % self.capacity as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_until_newer_ones_need_their_room() {
        let mut ring = ByteRing::new(8);
        let first = ring.push(b"abc");
        let second = ring.push(b"def");
        assert_eq!(ring.get(first), Some(&b"abc"[..]));
        // two bytes are left before the end
        let third = ring.push(b"ghi");
        assert_eq!(ring.get(first), None);
        assert_eq!(ring.get(second), Some(&b"def"[..]));
        let fourth = ring.push(b"");
        assert_eq!(ring.get(fourth), Some(&b""[..]));
        let fifth = ring.push(b"jklmn");
        assert_eq!(ring.get(second), None);
        assert_eq!(ring.get(third), Some(&b"ghi"[..]));
        assert_eq!(ring.get(fifth), Some(&b"jklmn"[..]));
        let all = ring.push(b"0123456789");
        assert_eq!(
            (ring.get(fifth), ring.get(all)),
            (None, Some(&b"01234567"[..]))
        );
    }

    #[test]
    fn whatever_is_pushed_is_read_back_or_gone() {
        let mut ring = ByteRing::new(97);
        let mut pushed = Vec::new();
        for len in (0_u8..60).cycle().take(1000) {
            let bytes = vec![len; usize::from(len)];
            pushed.push((ring.push(&bytes), bytes));
            let kept: Vec<_> = pushed.iter().map(|(at, _)| ring.get(*at)).collect();
            let gone = kept.iter().take_while(|it| it.is_none()).count();
            for (found, (_, bytes)) in kept.iter().zip(&pushed).skip(gone) {
                assert_eq!(found, &Some(&bytes[..]));
            }
            let room: usize = pushed[gone..].iter().map(|(_, bytes)| bytes.len()).sum();
            assert!(room <= 97 && gone < pushed.len());
            pushed.drain(..gone);
        }
    }
}
