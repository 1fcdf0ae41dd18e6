//! [`Empties`]: chunks without a byte, which a stream may give for ever.

/// So many are passed over within one poll.
const AT_ONCE: u32 = 32;

/// So many in a row are no pause any more, but a stream that is broken.
const MOST: u32 = 10_000;

/// Counts chunks without a byte.
#[derive(Debug, Default)]
pub(crate) struct Empties(u32);

/// What to do after such a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask for the next one.
    Again,
    /// Let others have their turn first.
    Yield,
    /// Give up.
    TooMany,
}

impl Empties {
    /// There was another.
    pub(crate) const fn another(&mut self) -> Next {
        self.0 += 1;
        match self.0 {
            MOST.. => Next::TooMany,
            n if n % AT_ONCE == 0 => Next::Yield,
            _ => Next::Again,
        }
    }

    /// There was something else.
    pub(crate) const fn reset(&mut self) {
        self.0 = 0;
    }
}
