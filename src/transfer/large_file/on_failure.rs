//! [`OnFailure`]: what happens to the large file of a failed upload.

/// What happens to the large file of an upload that fails or is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Cancel it: B2 deletes its parts and charges nothing.
    #[default]
    Cancel,
    /// Keep it, so that the upload can be resumed. B2 charges for its parts.
    ///
    /// A large file that could not be resumed is cancelled all the same: one whose source was hashed
    /// first and has changed since then, and one whose name is so long that neither its SHA-1 nor an
    /// upload id fits beside it.
    Keep,
}
