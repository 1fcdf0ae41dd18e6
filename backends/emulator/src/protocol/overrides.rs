//! Query parameters that override headers of a download's response.

/// Each parameter with the header that it overrides.
pub(crate) const OVERRIDES: [(&str, &str); 6] = [
    ("b2CacheControl", "cache-control"),
    ("b2ContentDisposition", "content-disposition"),
    ("b2ContentEncoding", "content-encoding"),
    ("b2ContentLanguage", "content-language"),
    ("b2ContentType", "content-type"),
    ("b2Expires", "expires"),
];
