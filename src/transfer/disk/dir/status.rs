//! [`FileStatus`]: what a file system says of a file.

/// What lies at a name, or is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStatus {
    pub(crate) kind: FileKind,
    /// It belongs to the user that this process acts for.
    pub(crate) is_ours: bool,
    /// Names that it has.
    pub(crate) links: u64,
    /// What Unix lets whom do with it: the lowest twelve bits.
    pub(crate) mode: u32,
    /// Two that are there at the same time never have the same.
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

/// What a file system knows a file by: on Unix the device and the inode, on Windows when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) file: u64,
}

impl FileStatus {
    /// A regular file of this user's that no other name leads to.
    pub(crate) fn is_exclusively_ours(&self) -> bool {
        self.kind == FileKind::File && self.is_ours && self.links == 1
    }

    /// Nobody else may read or write it.
    pub(crate) const fn is_private(&self) -> bool {
        self.mode & 0o077 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_this_user_with_one_name_is_its_own() {
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
