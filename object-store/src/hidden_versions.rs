//! [`HiddenVersions`]: which versions of a hidden file are deleted.

use b2kit::types::{Action, FileId, FileVersion};

/// The maximum number of versions of one name that are listed. No name has more, but a server can make a listing
/// endless.
const MAX_VERSIONS: u32 = 500_000;

/// Picks the versions to delete from a listing of one name, the newest first: those beneath the newest hide marker, or
/// only a given one and those beneath it. Versions newer than the marker were written since, and unfinished uploads
/// belong to other writers, so these are kept.
#[derive(Debug)]
pub(crate) struct HiddenVersions<'a> {
    /// The newest version to delete, if not all beneath the marker are.
    newest: Option<&'a FileId>,
    /// The newest hide marker.
    marker: Option<FileVersion>,
    /// Whether the listing has reached the versions to delete.
    is_reached: bool,
    /// Whether a version beneath the marker is kept.
    keeps_one: bool,
    listed: u32,
}

impl<'a> HiddenVersions<'a> {
    pub(crate) const fn new(newest: Option<&'a FileId>) -> Self {
        Self {
            newest,
            marker: None,
            is_reached: newest.is_none(),
            keeps_one: false,
            listed: 0,
        }
    }

    /// Returns the listing's next version if it is to be deleted. The error says why the listing is not read further.
    pub(crate) fn pick(
        &mut self,
        version: FileVersion,
    ) -> Result<Option<FileVersion>, &'static str> {
        self.listed += 1;
        if self.listed > MAX_VERSIONS {
            return Err(
                "the listing has more than 500,000 versions, so it is assumed to be endless",
            );
        }
        if version.action == Action::Start {
            return Ok(None);
        }
        if self.marker.is_none() {
            self.marker = Some(version).filter(|version| version.action == Action::Hide);
            return Ok(None);
        }
        self.is_reached |= self.newest == Some(&version.file_id);
        self.keeps_one |= !self.is_reached;
        Ok(Some(version).filter(|_| self.is_reached))
    }

    /// The marker, if it is to be deleted after the picked versions: it stays above a version that is kept.
    pub(crate) fn into_marker(self) -> Option<FileVersion> {
        self.marker.filter(|_| self.is_reached && !self.keeps_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version whose id begins with the letter of its action.
    fn version(id: &str) -> FileVersion {
        let action = match id.chars().next() {
            Some('h') => "hide",
            Some('s') => "start",
            _ => "upload",
        };
        let json =
            format!(r#"{{"action":"{action}","bucketId":"b","fileId":"{id}","fileName":"f"}}"#);
        serde_json::from_str(&json).unwrap()
    }

    /// The ids of the versions to delete, the marker last.
    fn picked(newest: Option<&str>, listed: &[&str]) -> Vec<String> {
        let newest = newest.map(FileId::from);
        let mut hidden = HiddenVersions::new(newest.as_ref());
        let versions = listed.iter().map(|id| hidden.pick(version(id)).unwrap());
        let mut picked: Vec<_> = versions.flatten().collect();
        picked.extend(hidden.into_marker());
        let ids = picked.iter().map(|version| version.file_id.to_string());
        ids.collect()
    }

    #[test]
    fn versions_beneath_the_marker_are_deleted_and_the_marker_last() {
        for (listed, expected) in [
            (&["h1"][..], &["h1"][..]),
            (&["h1", "u2", "u3"], &["u2", "u3", "h1"]),
            (&["u1", "h2", "u3"], &["u3", "h2"]),
            (
                &["s1", "h2", "s3", "u4", "h5", "u6"],
                &["u4", "h5", "u6", "h2"],
            ),
            (&["u1", "u2"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(picked(None, listed), expected, "{listed:?}");
        }
    }

    #[test]
    fn versions_above_a_given_one_are_kept_and_so_is_the_marker_above_them() {
        for (listed, expected) in [
            (&["h1", "u2", "u3"][..], &["u2", "u3", "h1"][..]),
            (&["h1", "u4", "u2", "u3"], &["u2", "u3"]),
            (&["h1", "u4"], &[]),
            (&["h1"], &[]),
            (&["u2", "h1", "u3"], &[]),
        ] {
            assert_eq!(picked(Some("u2"), listed), expected, "{listed:?}");
        }
    }

    #[test]
    fn a_listing_that_does_not_end_is_an_error() {
        let mut hidden = HiddenVersions::new(None);
        hidden.listed = MAX_VERSIONS - 1;
        assert!(hidden.pick(version("h1")).is_ok());
        assert!(hidden.pick(version("u2")).is_err());
    }
}
