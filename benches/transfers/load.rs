//! [`Load`]: a task, its size, and its lower bounds.

use std::fmt;
use std::time::Duration;

use crate::Failure;

const MIB: u64 = 1 << 20;

/// The recommended part size, as B2's.
const PART: u64 = 100_000_000;

/// The tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Small files from memory.
    Up,
    /// Small files from the disk.
    UpFromDisk,
    /// Small files, discarded.
    Down,
    /// A large file from the disk, hashed before it is sent.
    Send,
    /// A large file from the disk, read once.
    SendOnce,
    /// A large file to the disk.
    Fetch,
    /// A large file without a SHA-1, to the disk.
    FetchUnverified,
}

impl Task {
    pub(crate) const ALL: [Self; 7] = [
        Self::Up,
        Self::UpFromDisk,
        Self::Down,
        Self::Send,
        Self::SendOnce,
        Self::Fetch,
        Self::FetchUnverified,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::UpFromDisk => "up-from-disk",
            Self::Down => "down",
            Self::Send => "send",
            Self::SendOnce => "send-read-once",
            Self::Fetch => "fetch",
            Self::FetchUnverified => "fetch-unverified",
        }
    }

    /// Whether it is one large file.
    pub(crate) const fn is_large(self) -> bool {
        matches!(
            self,
            Self::Send | Self::SendOnce | Self::Fetch | Self::FetchUnverified
        )
    }

    /// Whether it can be done with bare sockets, in a simple way.
    pub(crate) const fn has_socket_client(self) -> bool {
        matches!(self, Self::Up | Self::UpFromDisk | Self::Down | Self::Fetch)
    }

    /// Whether it is an upload.
    pub(crate) const fn is_up(self) -> bool {
        matches!(
            self,
            Self::Up | Self::UpFromDisk | Self::Send | Self::SendOnce
        )
    }
}

/// A number of files of a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) task: Task,
    pub(crate) files: u64,
    pub(crate) size: u64,
    /// Files, or parts of one.
    pub(crate) at_once: usize,
    /// The server's latency in milliseconds.
    pub(crate) latency: u64,
}

impl Load {
    /// One large file with default settings.
    pub(crate) const fn large(task: Task, size: u64) -> Self {
        Self {
            task,
            files: 1,
            size,
            at_once: 4,
            latency: 0,
        }
    }

    /// The smallest load that tests whether the benchmark works.
    pub(crate) fn minimized(self) -> Self {
        Self {
            files: self.files.min(20),
            size: self.size.min(MIB),
            latency: self.latency.min(1),
            ..self
        }
    }

    /// As arguments of a sample.
    pub(crate) fn to_arguments(self) -> [String; 4] {
        let numbers = [self.files, self.size, self.at_once as u64];
        let [files, size, at_once] = numbers.map(|number| number.to_string());
        [self.task.name().to_owned(), files, size, at_once]
    }

    pub(crate) fn from_arguments(words: [&str; 4]) -> Result<Self, Failure> {
        let [task, files, size, at_once] = words;
        let task = Task::ALL.into_iter().find(|known| known.name() == task);
        Ok(Self {
            task: task.ok_or("what is to be done?")?,
            files: files.parse()?,
            size: size.parse()?,
            at_once: at_once.parse()?,
            latency: 0,
        })
    }

    /// The minimum number of calls. Each concurrent upload needs an upload URL of its own.
    pub(crate) fn min_calls(self) -> u64 {
        let at_once = self.at_once as u64;
        match self.task {
            Task::Up | Task::UpFromDisk => self.files + at_once.min(self.files),
            Task::Down => self.files,
            Task::Send | Task::SendOnce if self.size <= PART => 2,
            Task::Send | Task::SendOnce => {
                let parts = self.size.div_ceil(PART);
                2 + parts + at_once.min(parts)
            }
            Task::Fetch | Task::FetchUnverified => 1,
        }
    }

    /// The minimum time due to the server's latency, for small files.
    pub(crate) fn latency_bound(self) -> Duration {
        let url = u64::from(self.task.is_up());
        let waits = url + self.files.div_ceil(self.at_once as u64);
        Duration::from_millis(waits * self.latency)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            at_once,
            latency,
            ..
        } = self;
        let (task, size) = (self.task.name().replace('-', " "), self.size);
        if self.task.is_large() {
            return write!(f, "{task}, {} MiB", size >> 20);
        }
        write!(f, "{task}, {files} × {} KiB, {at_once} at once", size >> 10)?;
        if *latency > 0 {
            write!(f, ", {latency} ms")?;
        }
        Ok(())
    }
}
