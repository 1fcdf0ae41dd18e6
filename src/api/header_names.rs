//! B2's own headers, parsed once: a lookup by text parses the text each time.

use http::HeaderName;

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        $(pub(super) static $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    CLIENT_UNAUTHORIZED_TO_READ = "x-bz-client-unauthorized-to-read",
    FILE_ID = "x-bz-file-id",
    FILE_LEGAL_HOLD = "x-bz-file-legal-hold",
    FILE_NAME = "x-bz-file-name",
    FILE_RETENTION_MODE = "x-bz-file-retention-mode",
    FILE_RETENTION_RETAIN_UNTIL_TIMESTAMP = "x-bz-file-retention-retain-until-timestamp",
    CONTENT_SHA1 = "x-bz-content-sha1",
    REPLICATION_STATUS = "x-bz-replication-status",
    SERVER_SIDE_ENCRYPTION = "x-bz-server-side-encryption",
    SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM = "x-bz-server-side-encryption-customer-algorithm",
    SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5 = "x-bz-server-side-encryption-customer-key-md5",
    UPLOAD_TIMESTAMP = "x-bz-upload-timestamp",
}
