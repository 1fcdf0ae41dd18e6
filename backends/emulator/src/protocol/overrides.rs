//! The response headers that a download may ask for.

/// Parameters of a download that replace a header of its answer.
pub(crate) const OVERRIDES: [(&str, &str); 6] = [
    ("b2CacheControl", "cache-control"),
    ("b2ContentDisposition", "content-disposition"),
    ("b2ContentEncoding", "content-encoding"),
    ("b2ContentLanguage", "content-language"),
    ("b2ContentType", "content-type"),
    ("b2Expires", "expires"),
];
