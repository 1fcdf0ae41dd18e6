//! [`Found`]: what a file system says of a file.

/// What lies at a name, or is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// It belongs to the user that this process acts for.
    pub(crate) is_ours: bool,
    /// Names that it has.
    pub(crate) links: u64,
    /// What Unix lets whom do with it: the lowest twelve bits.
    pub(crate) mode: u32,
    /// Two that are there at the same time never have the same.
    pub(crate) identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What a file system knows a file by: on Unix the device and the inode, on Windows when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) file: u64,
}

impl Found {
    /// A regular file of this user's that no other name leads to.
    pub(crate) fn is_own_file(&self) -> bool {
        self.kind == Kind::File && self.is_ours && self.links == 1
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
        let found = Found {
            kind: Kind::File,
            is_ours: true,
            links: 1,
            mode: 0o600,
            identity: Identity { device: 1, file: 2 },
        };
        assert!(found.is_own_file() && found.is_private());
        for kind in [Kind::Directory, Kind::Link, Kind::Other] {
            assert!(!Found { kind, ..found }.is_own_file());
        }
        let foreign = Found {
            is_ours: false,
            ..found
        };
        assert!(!foreign.is_own_file());
        for links in [0, 2] {
            assert!(!Found { links, ..found }.is_own_file());
        }
        for mode in [0o640, 0o604, 0o620, 0o601, 0o4777] {
            assert!(!Found { mode, ..found }.is_private(), "{mode:o}");
        }
    }
}
