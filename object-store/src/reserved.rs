//! File info keys that are not user metadata.

/// The SHA-1 of a large file, by B2's convention, and the keys by which b2kit recognizes its own uploads.
const RESERVED: [&str; 3] = ["large_file_sha1", "b2kit-upload-id", "b2kit-create-nonce"];

/// Whether B2 or b2kit uses this key itself.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with("b2-") || RESERVED.contains(&key)
}
