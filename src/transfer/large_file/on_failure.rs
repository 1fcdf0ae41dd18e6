//! [`OnFailure`]: what happens to a large file whose upload fails.

/// What happens to a large file whose upload fails or is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is cancelled: B2 keeps nothing and charges nothing.
    #[default]
    Cancel,
    /// It is kept, so that the upload can be resumed. B2 charges for its parts.
    ///
    /// A large file whose source was hashed first and has changed since is cancelled all the same:
    /// nothing could resume it.
    Keep,
}
