//! URLs of files by name.

use crate::error::Error;
use crate::types::{BucketName, FileName, percent_encode};

/// The URL of a file below this origin, for a browser or another program.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if the name has `.` or `..` segments, which browsers
/// would normalize to another file's URL.
pub(super) fn browser_url(
    origin: &str,
    bucket: &BucketName,
    file: &FileName,
) -> Result<String, Error> {
    let name = file.as_str();
    if name
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err(Error::invalid(format!(
            "browsers would rewrite the URL of {name:?} into that of a different file"
        )));
    }
    Ok(file_url(origin, bucket, file))
}

/// The URL of a file below this origin.
pub(super) fn file_url(origin: &str, bucket: &BucketName, file: &FileName) -> String {
    let bucket = percent_encode(bucket.as_str());
    format!("{origin}/file/{bucket}/{}", file.encoded())
}
