//! The table of all calls. To add one, write a [`Handler`] in the file of its family and a row in
//! [`CALLS`]: its name, how it is authorized, its function, and the fields of its JSON.
//!
//! B2 accepts all of them as `GET` with a query and as `POST` with JSON. Uploads go to URLs of
//! their own ([`upload`]), as do downloads by name ([`download`]).

use std::fmt;

use super::fields::Inner::{Any, EachOf, Of, SinceV4, UntilV3};
use super::fields::{
    CORS_RULE, DEFAULT_RETENTION, ENCRYPTION, Field, LIFECYCLE_RULE, NOTIFICATION_RULE,
    REPLICATION, RETENTION,
};
use super::outcome::Outcome;
use super::{
    account, buckets, copy, download, download_authorization, files, keys, large_files, listing,
    lock, notifications, upload,
};
use crate::calls::caller::Caller;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;

/// Every call below `/b2api/v{N}/{name}`.
#[rustfmt::skip]
pub(crate) const CALLS: &[Call] = &[
    Call::new("b2_authorize_account", Auth::Basic, account::authorize_account, &[]),
    Call::new("b2_cancel_large_file", Auth::Needs("writeFiles"), large_files::cancel_large_file, &[
        Field("fileId", Any),
    ]),
    Call::new("b2_copy_file", Auth::Needs("writeFiles"), copy::copy_file, &[
        Field("contentType", Any), Field("destinationBucketId", Any),
        Field("destinationServerSideEncryption", Of(ENCRYPTION)), Field("fileInfo", Any),
        Field("fileName", Any), Field("fileRetention", Of(RETENTION)), Field("legalHold", Any),
        Field("metadataDirective", Any), Field("range", Any), Field("sourceFileId", Any),
        Field("sourceServerSideEncryption", Of(ENCRYPTION)),
    ]),
    Call::new("b2_copy_part", Auth::Needs("writeFiles"), copy::copy_part, &[
        Field("destinationServerSideEncryption", Of(ENCRYPTION)), Field("largeFileId", Any),
        Field("partNumber", Any), Field("range", Any), Field("sourceFileId", Any),
        Field("sourceServerSideEncryption", Of(ENCRYPTION)),
    ]),
    Call::new("b2_create_bucket", Auth::Needs("writeBuckets"), buckets::create_bucket, &[
        Field("accountId", Any), Field("bucketInfo", Any), Field("bucketName", Any),
        Field("bucketType", Any), Field("corsRules", EachOf(CORS_RULE)),
        Field("defaultRetention", Of(DEFAULT_RETENTION)),
        Field("defaultServerSideEncryption", Of(ENCRYPTION)), Field("fileLockEnabled", Any),
        Field("lifecycleRules", EachOf(LIFECYCLE_RULE)),
        Field("replicationConfiguration", Of(REPLICATION)),
    ]),
    Call::new("b2_create_key", Auth::Needs("writeKeys"), keys::create_key, &[
        Field("accountId", Any), Field("bucketId", UntilV3), Field("bucketIds", SinceV4),
        Field("capabilities", Any), Field("keyName", Any), Field("namePrefix", Any),
        Field("validDurationInSeconds", Any),
    ]),
    Call::new("b2_delete_bucket", Auth::Needs("deleteBuckets"), buckets::delete_bucket, &[
        Field("accountId", Any), Field("bucketId", Any),
    ]),
    Call::new("b2_delete_file_version", Auth::Needs("deleteFiles"), files::delete_file_version, &[
        Field("bypassGovernance", Any), Field("fileId", Any), Field("fileName", Any),
    ]),
    Call::new("b2_delete_key", Auth::Needs("deleteKeys"), keys::delete_key, &[
        Field("applicationKeyId", Any),
    ]),
    Call::new(download::BY_ID, Auth::Optional, download::by_id, &[
        Field("b2CacheControl", Any), Field("b2ContentDisposition", Any),
        Field("b2ContentEncoding", Any), Field("b2ContentLanguage", Any),
        Field("b2ContentType", Any), Field("b2Expires", Any), Field("fileId", Any),
    ]),
    Call::new("b2_finish_large_file", Auth::Needs("writeFiles"), large_files::finish_large_file, &[
        Field("fileId", Any), Field("partSha1Array", Any),
    ]),
    Call::new(
        "b2_get_bucket_notification_rules", Auth::Needs("readBucketNotifications"),
        notifications::get_bucket_notification_rules, &[
            Field("bucketId", Any),
        ],
    ),
    Call::new(
        "b2_get_download_authorization", Auth::Needs("shareFiles"),
        download_authorization::get_download_authorization, &[
            Field("b2CacheControl", Any), Field("b2ContentDisposition", Any),
            Field("b2ContentEncoding", Any), Field("b2ContentLanguage", Any),
            Field("b2ContentType", Any), Field("b2Expires", Any), Field("bucketId", Any),
            Field("fileNamePrefix", Any), Field("validDurationInSeconds", Any),
        ],
    ),
    Call::new("b2_get_file_info", Auth::Needs("readFiles"), files::get_file_info, &[
        Field("fileId", Any),
    ]),
    Call::new("b2_get_upload_part_url", Auth::Needs("writeFiles"), upload::get_upload_part_url, &[
        Field("fileId", Any),
    ]),
    Call::new("b2_get_upload_url", Auth::Needs("writeFiles"), upload::get_upload_url, &[
        Field("bucketId", Any),
    ]),
    Call::new("b2_hide_file", Auth::Needs("writeFiles"), files::hide_file, &[
        Field("bucketId", Any), Field("fileName", Any),
    ]),
    Call::new("b2_list_buckets", Auth::Needs("listBuckets"), buckets::list_buckets, &[
        Field("accountId", Any), Field("bucketId", Any), Field("bucketName", Any),
        Field("bucketTypes", Any),
    ]),
    Call::new("b2_list_file_names", Auth::Needs("listFiles"), listing::list_file_names, &[
        Field("bucketId", Any), Field("delimiter", Any), Field("maxFileCount", Any),
        Field("prefix", Any), Field("startFileName", Any),
    ]),
    Call::new("b2_list_file_versions", Auth::Needs("listFiles"), listing::list_file_versions, &[
        Field("bucketId", Any), Field("delimiter", Any), Field("maxFileCount", Any),
        Field("prefix", Any), Field("startFileId", Any), Field("startFileName", Any),
    ]),
    Call::new("b2_list_keys", Auth::Needs("listKeys"), keys::list_keys, &[
        Field("accountId", Any), Field("maxKeyCount", Any), Field("startApplicationKeyId", Any),
    ]),
    Call::new("b2_list_parts", Auth::Needs("writeFiles"), large_files::list_parts, &[
        Field("fileId", Any), Field("maxPartCount", Any), Field("startPartNumber", Any),
    ]),
    Call::new(
        "b2_list_unfinished_large_files", Auth::Needs("listFiles"),
        large_files::list_unfinished_large_files, &[
            Field("bucketId", Any), Field("maxFileCount", Any), Field("namePrefix", Any),
            Field("startFileId", Any),
        ],
    ),
    Call::new(
        "b2_set_bucket_notification_rules", Auth::Needs("writeBucketNotifications"),
        notifications::set_bucket_notification_rules, &[
            Field("bucketId", Any), Field("eventNotificationRules", EachOf(NOTIFICATION_RULE)),
        ],
    ),
    Call::new("b2_start_large_file", Auth::Needs("writeFiles"), large_files::start_large_file, &[
        Field("bucketId", Any), Field("contentType", Any), Field("customUploadTimestamp", Any),
        Field("fileInfo", Any), Field("fileName", Any), Field("fileRetention", Of(RETENTION)),
        Field("legalHold", Any), Field("serverSideEncryption", Of(ENCRYPTION)),
    ]),
    Call::new("b2_update_bucket", Auth::Needs("writeBuckets"), buckets::update_bucket, &[
        Field("accountId", Any), Field("bucketId", Any), Field("bucketInfo", Any),
        Field("bucketType", Any), Field("corsRules", EachOf(CORS_RULE)),
        Field("defaultRetention", Of(DEFAULT_RETENTION)),
        Field("defaultServerSideEncryption", Of(ENCRYPTION)), Field("fileLockEnabled", Any),
        Field("ifRevisionIs", Any), Field("lifecycleRules", EachOf(LIFECYCLE_RULE)),
        Field("replicationConfiguration", Of(REPLICATION)),
    ]),
    Call::new("b2_update_file_legal_hold", Auth::Token, lock::update_file_legal_hold, &[
        Field("fileId", Any), Field("fileName", Any), Field("legalHold", Any),
    ]),
    Call::new("b2_update_file_retention", Auth::Token, lock::update_file_retention, &[
        Field("bypassGovernance", Any), Field("fileId", Any), Field("fileName", Any),
        Field("fileRetention", Of(RETENTION)),
    ]),
];

/// A call.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) auth: Auth,
    pub(crate) run: Handler,
    /// The fields of its JSON.
    pub(crate) fields: &'static [Field],
}

/// Carries out a call, which is already authorized according to its [`Auth`]. The call itself
/// checks access to buckets and names.
pub(crate) type Handler = fn(&mut State, &Caller, &Args) -> Result<Outcome, ApiError>;

/// How a call is authorized.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Auth {
    /// By an application key.
    Basic,
    /// By an account token whose key has this capability.
    Needs(&'static str),
    /// By an account token; the call checks capabilities itself.
    Token,
    /// By an account token, or by none if the bucket is public; the call checks.
    Optional,
}

/// Finds a call by name.
pub(crate) fn find(name: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.name == name)
}

/// Whether this call is a download.
pub(crate) fn is_download(name: &str) -> bool {
    name == download::BY_ID || name == download::BY_NAME
}

/// Whether requests are counted under this name.
pub(crate) fn is_call(name: &str) -> bool {
    find(name).is_some() || name == download::BY_NAME || upload::is_upload(name)
}

impl Call {
    const fn new(name: &'static str, auth: Auth, run: Handler, fields: &'static [Field]) -> Self {
        Self {
            name,
            auth,
            run,
            fields,
        }
    }

    /// Whether the response is the content of a file, so that `HEAD` and ranges are allowed.
    pub(crate) fn is_download(&self) -> bool {
        self.name == download::BY_ID
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
