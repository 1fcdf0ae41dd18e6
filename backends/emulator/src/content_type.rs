//! What `b2/x-auto` becomes.

/// Ask B2 to guess the type from the name.
pub(crate) const AUTO: &str = "b2/x-auto";

/// The type to store for a file of this name.
pub(crate) fn resolve(given: &str, file_name: &str) -> String {
    if given == AUTO {
        by_extension(file_name).to_owned()
    } else {
        given.to_owned()
    }
}

/// By the extension, which B2 publishes a table of; these are the common ones.
fn by_extension(file_name: &str) -> &'static str {
    let last = file_name.rsplit('/').next().unwrap_or(file_name);
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "txt" => "text/plain",
        "htm" | "html" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" => "application/javascript",
        "json" => "application/json",
        "xml" => "text/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_follows_the_extension_and_anything_else_stays() {
        assert_eq!(resolve(AUTO, "a/b.txt"), "text/plain");
        assert_eq!(resolve(AUTO, "a.txt/b"), "application/octet-stream");
        assert_eq!(resolve(AUTO, "test-large-file"), "application/octet-stream");
        assert_eq!(resolve("text/x-odd", "b.txt"), "text/x-odd");
    }
}
