//! The content type `b2/x-auto`, which B2 replaces by one that matches the file's extension.

/// Makes B2 choose the content type by the extension of the file name.
pub(crate) const AUTO: &str = "b2/x-auto";

/// The type to store for a file of this name.
pub(crate) fn resolve(given: &str, file_name: &str) -> String {
    if given == AUTO {
        by_extension(file_name).to_owned()
    } else {
        given.to_owned()
    }
}

/// The content type of common extensions.
///
/// B2 used to document its mapping at `backblaze.com/b2/docs/content-types.html`, a page that its
/// current documentation lacks. Only `.txt` and names without an extension are recorded; all other
/// types here are the registered ones, or the `x-` types that web servers traditionally send.
fn by_extension(file_name: &str) -> &'static str {
    let last = file_name.rsplit('/').next().unwrap_or(file_name);
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "text" | "log" | "ini" | "conf" | "cfg" | "md" => "text/plain",
        "htm" | "html" | "shtml" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "ics" => "text/calendar",
        "vcf" => "text/x-vcard",
        "js" | "mjs" => "application/javascript",
        "json" => "application/json",
        "xml" => "text/xml",
        "xhtml" => "application/xhtml+xml",
        "rtf" => "application/rtf",
        "pdf" => "application/pdf",
        "ai" | "eps" | "ps" => "application/postscript",
        "epub" => "application/epub+zip",
        "doc" | "dot" => "application/msword",
        "xls" | "xlt" => "application/vnd.ms-excel",
        "pot" | "pps" | "ppt" => "application/vnd.ms-powerpoint",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "bz2" => "application/x-bzip2",
        "7z" => "application/x-7z-compressed",
        "rar" => "application/x-rar-compressed",
        "xz" => "application/x-xz",
        "jar" => "application/java-archive",
        "wasm" => "application/wasm",
        "sh" => "application/x-sh",
        "gif" => "image/gif",
        "jpe" | "jpeg" | "jpg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "heic" => "image/heic",
        "ico" => "image/x-icon",
        "psd" => "image/vnd.adobe.photoshop",
        "mp2" | "mp3" | "mpga" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "wav" => "audio/x-wav",
        "oga" | "ogg" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "mid" | "midi" => "audio/midi",
        "aif" | "aifc" | "aiff" => "audio/x-aiff",
        "m4v" | "mp4" => "video/mp4",
        "mpe" | "mpeg" | "mpg" => "video/mpeg",
        "mov" | "qt" => "video/quicktime",
        "avi" => "video/x-msvideo",
        "wmv" => "video/x-ms-wmv",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "flv" => "video/x-flv",
        "ogv" => "video/ogg",
        "3gp" => "video/3gpp",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_auto_resolves_by_extension_and_other_types_are_kept() {
        assert_eq!(resolve(AUTO, "a/b.txt"), "text/plain");
        assert_eq!(resolve(AUTO, "a.txt/b"), "application/octet-stream");
        assert_eq!(resolve(AUTO, "test-large-file"), "application/octet-stream");
        assert_eq!(resolve("text/x-odd", "b.txt"), "text/x-odd");
    }
}
