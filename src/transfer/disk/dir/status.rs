//! [`FileStatus`]: the status of a file as reported by the file system.

/// The status of a file, looked up by name or taken from an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) kind: FileKind,
    /// Whether it belongs to the effective user of this process.
    pub(crate) is_ours: bool,
    /// The number of hard links.
    pub(crate) links: u64,
    /// The lowest twelve bits of the mode on Unix.
    pub(crate) mode: u32,
    /// Unique among files that exist at the same time.
    pub(crate) identity: FileIdentity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Directory,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// The identity of a file: on Unix the device and inode, on Windows the creation time and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    /// On Windows the creation time, since a directory is on one device.
    pub(crate) device: u64,
    pub(crate) file: u64,
}

impl FileStatus {
    /// Whether it is a regular file of this user without other hard links.
    pub(crate) fn is_exclusively_ours(&self) -> bool {
        self.kind == FileKind::File && self.is_ours && self.links == 1
    }

    /// Whether no other user may access it.
    pub(crate) const fn is_private(&self) -> bool {
        self.mode & 0o077 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_this_user_with_one_name_is_exclusive() {
        let status = FileStatus {
            kind: FileKind::File,
            is_ours: true,
            links: 1,
            mode: 0o600,
            identity: FileIdentity { device: 1, file: 2 },
        };
        assert!(status.is_exclusively_ours() && status.is_private());
        for kind in [FileKind::Directory, FileKind::Link, FileKind::Other] {
            assert!(!FileStatus { kind, ..status }.is_exclusively_ours());
        }
        let foreign = FileStatus {
            is_ours: false,
            ..status
        };
        assert!(!foreign.is_exclusively_ours());
        for links in [0, 2] {
            assert!(!FileStatus { links, ..status }.is_exclusively_ours());
        }
        for mode in [0o640, 0o604, 0o620, 0o601, 0o4777] {
            assert!(!FileStatus { mode, ..status }.is_private(), "{mode:o}");
        }
    }
}
