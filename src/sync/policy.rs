//! [`SyncPolicy`]: how a sync decides.

use std::str::FromStr;
use std::time::Duration;

use super::filter::Filter;
use crate::error::Error;
use crate::types::{CustomerKey, EncryptionSetting, LegalHold, RetentionMode, Timestamp};

/// The policy of a sync: what it compares, what it does with files that exist only at the destination, and what it
/// leaves alone.
///
/// The default compares size and modification time, refuses to replace a file that is newer, keeps extra files, and
/// skips symbolic links.
#[derive(Debug, Clone)]
#[must_use]
pub struct SyncPolicy {
    pub(super) compare: Compare,
    pub(super) tolerance: Duration,
    pub(super) newer: Newer,
    pub(super) extras: Extras,
    pub(super) ignore_destination: bool,
    pub(super) links: Links,
    pub(super) filter: Filter,
    pub(super) max_delete: Option<u64>,
    pub(super) allow_empty_source: bool,
    pub(super) refuse_collisions: bool,
    pub(super) portable_names: bool,
    pub(super) durability: Durability,
    pub(super) concurrency: usize,
    pub(super) resume: bool,
    pub(super) hash_first: bool,
    pub(super) encryption: Option<EncryptionSetting>,
    pub(super) source_key: Option<CustomerKey>,
    pub(super) file_retention: Option<(RetentionMode, Timestamp)>,
    pub(super) legal_hold: Option<LegalHold>,
}

/// How to compare two files with the same path: when they differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compare {
    /// Never: existing files are not replaced.
    Existence,
    /// The size.
    Size,
    /// The size, or the modification time.
    ///
    /// A change that keeps both, such as one whose author restores the time, is only found by
    /// [`Sha1Always`](Self::Sha1Always).
    ///
    /// The SHA-1 decides if the sizes are equal and the times are not, between buckets, or where a local file may be
    /// unable to have the time at B2: if that is unknown, or before 1980 or after 2038. Then the local file is read in
    /// each run.
    #[default]
    ModifiedTime,
    /// The size, or the SHA-1. A local file is read and hashed only if the sizes are equal and the
    /// modification times are not. If B2 has no SHA-1, like [`ModifiedTime`](Self::ModifiedTime).
    Sha1,
    /// The size, or the SHA-1. Every local file of equal size is read and hashed. If B2 has no
    /// SHA-1, like [`ModifiedTime`](Self::ModifiedTime).
    Sha1Always,
    /// Always: every file is transferred in each run.
    Always,
}

/// What happens if the files differ and the one at the destination was modified later. It does not apply to
/// [`Compare::Existence`] and [`Compare::Size`], which ignore modification times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Newer {
    /// The file is refused, and the sync is incomplete.
    #[default]
    Refuse,
    /// The file is skipped.
    Skip,
    /// The newer file is replaced.
    Replace,
}

/// What happens to files that exist only at the destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extras {
    /// They are kept.
    #[default]
    Keep,
    /// They are hidden. Only for a bucket.
    Hide,
    /// They are deleted, in a bucket with all their versions. Older versions of files that are at
    /// the source are kept.
    Delete,
    /// They are hidden, and versions of all synced files that have been invisible for this many days are deleted. Only
    /// for a bucket.
    ///
    /// A version is visible until a newer one or a hide marker takes its place. So of versions that
    /// were uploaded 5, 15 and 25 days ago, `KeepDays(10)` keeps the first two.
    ///
    /// B2 reports when a large file was started, not when it was finished and took another's place. So the version
    /// beneath it is deleted only once the version above the large file was uploaded this many days ago, too.
    KeepDays(u32),
}

/// What happens to symbolic links of a local source. At a local destination they are never followed, and never
/// replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Links {
    /// They are skipped.
    #[default]
    Skip,
    /// Their targets are synchronized. A link to a directory that contains it is skipped.
    Follow,
    /// They are refused, and the sync is incomplete.
    Refuse,
}

/// When downloaded files are flushed to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Each file before it is renamed into place, and then its directory: a crash leaves only
    /// complete files, and loses none. On Windows directories can't be flushed, so a crash may lose the last files.
    #[default]
    EachFile,
    /// Many files at once, by flushing the whole file system: a file is renamed into place after a
    /// flush that began when it was complete, and the directories are flushed at the end of the
    /// run. So a crash leaves only complete files, as with [`EachFile`](Self::EachFile), with a
    /// fraction of the flushes; but a crash before the end may lose files.
    ///
    /// Only on Linux and Android from 5.8 on, whose flushes report failed writes, and for files on the file system of
    /// the root; elsewhere it is [`EachFile`](Self::EachFile).
    AtEnd,
    /// Whenever the system does it. After a crash a file may be empty or truncated, or have the
    /// right size but holes, which only a comparison of SHA-1s would detect.
    None,
}

/// The words for an enum's values on command lines and in configuration files.
macro_rules! words {
    ($name:ident { $($word:literal => $variant:ident,)+ }) => {
        impl $name {
            /// The words that [`from_str`](Self::from_str) accepts.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        /// Parses one of [`WORDS`](Self::WORDS); [`Invalid`](crate::ErrorKind::Invalid) for any other.
        impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => {
                        let words = Self::WORDS.join(", ");
                        Err(Error::invalid(format!("{word:?} is none of {words}")))
                    }
                }
            }
        }
    };
}

words!(Compare {
    "none" => Existence,
    "size" => Size,
    "mtime" => ModifiedTime,
    "sha1" => Sha1,
    "sha1-always" => Sha1Always,
    "always" => Always,
});

words!(Newer {
    "refuse" => Refuse,
    "skip" => Skip,
    "replace" => Replace,
});

words!(Links {
    "skip" => Skip,
    "follow" => Follow,
    "refuse" => Refuse,
});

words!(Durability {
    "each" => EachFile,
    "end" => AtEnd,
    "none" => None,
});

impl Default for SyncPolicy {
    fn default() -> Self {
        Self {
            compare: Compare::default(),
            tolerance: Duration::ZERO,
            newer: Newer::default(),
            extras: Extras::default(),
            ignore_destination: false,
            links: Links::default(),
            filter: Filter::default(),
            max_delete: None,
            allow_empty_source: false,
            refuse_collisions: cfg!(any(windows, target_vendor = "apple")),
            portable_names: cfg!(windows),
            durability: Durability::default(),
            concurrency: 16,
            resume: true,
            hash_first: true,
            encryption: None,
            source_key: None,
            file_retention: None,
            legal_hold: None,
        }
    }
}

impl SyncPolicy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what makes two files differ. Defaults to [`Compare::ModifiedTime`].
    pub const fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    /// Sets how far apart modification times may be and still count as equal. Defaults to zero; FAT needs 2 seconds.
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets what happens if the destination is newer. Defaults to [`Newer::Refuse`].
    pub const fn newer(mut self, newer: Newer) -> Self {
        self.newer = newer;
        self
    }

    /// Sets what happens to files that exist only at the destination. Defaults to [`Extras::Keep`].
    pub const fn extras(mut self, extras: Extras) -> Self {
        self.extras = extras;
        self
    }

    /// Whether the destination is neither listed nor walked: every file is transferred, and
    /// replaces an existing file of the same path. So nothing is compared, and the key needs no
    /// capability to list the destination. Only with [`Extras::Keep`]. Defaults to `false`.
    pub const fn ignore_destination(mut self, ignore: bool) -> Self {
        self.ignore_destination = ignore;
        self
    }

    /// Sets what happens to symbolic links of a local source. Defaults to [`Links::Skip`].
    pub const fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Sets which paths are synchronized; all others are left alone on both sides. Defaults to all.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the maximum number of paths to delete or hide: if there are more, nothing is deleted or hidden. Defaults to
    /// no limit.
    pub const fn max_delete(mut self, paths: u64) -> Self {
        self.max_delete = Some(paths);
        self
    }

    /// Sets whether the source may be empty. Defaults to `false`: then a source without a file, such as a mistyped
    /// prefix, is [refused](super::Reason::SourceEmpty), and nothing is deleted or hidden.
    pub const fn allow_empty_source(mut self, allow: bool) -> Self {
        self.allow_empty_source = allow;
        self
    }

    /// Whether a download is refused if a file system that ignores case or Unicode normalization
    /// would not distinguish its path from that of another file. Defaults to `true` on Windows and
    /// macOS.
    ///
    /// If the other file is an extra one at the destination, [`Extras::Delete`] deletes it, and then
    /// the download takes its place. So with both settings, any file that appears at a download's
    /// path after the plan was made is kept, but it does not prevent deletes.
    ///
    /// For this, the names of one directory at a time are held in memory.
    pub const fn refuse_collisions(mut self, refuse: bool) -> Self {
        self.refuse_collisions = refuse;
        self
    }

    /// Whether to download only names that are valid paths on all systems; see
    /// [`safe_local_path`](crate::transfer::safe_local_path). Defaults to `true` on Windows, where
    /// it can't be changed.
    pub const fn portable_names(mut self, portable: bool) -> Self {
        self.portable_names = portable || cfg!(windows);
        self
    }

    /// Sets when downloaded files are flushed to the disk. Defaults to [`Durability::EachFile`].
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many files are transferred at once. Defaults to 16; 0 counts as 1. The client's own limits apply too.
    pub const fn concurrency(mut self, files: usize) -> Self {
        self.concurrency = if files == 0 { 1 } else { files };
        self
    }

    /// Whether large files that an earlier run left unfinished are resumed, and those that this run
    /// leaves are kept for the next. Defaults to `true`. If `false`, call
    /// [`cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) after a run that was
    /// interrupted.
    pub const fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether large files are hashed before they are uploaded: see
    /// [`Upload::hash_first`](crate::transfer::Upload::hash_first). Defaults to `true`.
    pub const fn hash_first(mut self, hash_first: bool) -> Self {
        self.hash_first = hash_first;
        self
    }

    /// Sets the encryption of new versions. Defaults to the bucket's default encryption.
    pub fn server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// Sets the customer-managed key (SSE-C) with which the files of the source bucket are encrypted.
    pub fn source_customer_key(mut self, key: CustomerKey) -> Self {
        self.source_key = Some(key);
        self
    }

    /// Sets the retention of new versions, until which they can't be deleted. Needs `writeFileRetentions`.
    pub fn file_retention(mut self, mode: RetentionMode, retain_until: Timestamp) -> Self {
        self.file_retention = Some((mode, retain_until));
        self
    }

    /// Sets whether new versions are under legal hold. Needs `writeFileLegalHolds`.
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }
}
