//! [`EmptyChunkCounter`]: bounds how many empty chunks a stream may yield.

/// How many empty chunks are skipped within one poll.
const MAX_PER_POLL: u32 = 32;

/// Maximum number of empty chunks in a row; a stream with more fails.
const MAX_IN_A_ROW: u32 = 10_000;

/// Counts empty chunks in a row.
#[derive(Debug, Default)]
pub(crate) struct EmptyChunkCounter(u32);

/// What to do after an empty chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Poll for the next chunk.
    PollAgain,
    /// Yield to the executor first.
    Yield,
    /// Fail the stream.
    TooMany,
}

impl EmptyChunkCounter {
    /// Counts an empty chunk.
    pub(crate) const fn count(&mut self) -> NextStep {
        self.0 += 1;
        match self.0 {
            MAX_IN_A_ROW.. => NextStep::TooMany,
            n if n % MAX_PER_POLL == 0 => NextStep::Yield,
            _ => NextStep::PollAgain,
        }
    }

    /// Restarts the count, after any other item.
    pub(crate) const fn reset(&mut self) {
        self.0 = 0;
    }
}
