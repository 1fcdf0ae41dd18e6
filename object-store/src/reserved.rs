//! Keys of the file info that are no metadata of an object's owner.

/// The SHA-1 of a large file, by B2's convention, and what b2kit knows its own uploads by.
const RESERVED: [&str; 3] = ["large_file_sha1", "b2kit-upload-id", "b2kit-create-nonce"];

/// Whether the key has a meaning of its own to B2 or b2kit.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with("b2-") || RESERVED.contains(&key)
}
