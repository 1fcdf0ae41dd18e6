//! B2's native API: one type for each call.
//!
//! A call has a name and metadata, builds its request, and parses the response. It does no I/O,
//! uses no clock, and does not retry: that is the [client](crate::Client)'s job. All calls
//! implement [`Call`], so the loop that sends them is independent of individual calls. To add a
//! call, copy the file of a similar one.
//!
//! B2 bills calls by class: A is free, B is for reading files, C costs ten times as much as B. The
//! class of the two calls for notification rules is not documented. The last column lists
//! differences between API versions; v1 is not supported.
//!
//! | call | capability | class | versions |
//! |---|---|---|---|
//! | [`AuthorizeAccount`] | | C | another document in each version; keys for several buckets need v4 |
//! | [`CancelLargeFile`] | `writeFiles` | A | |
//! | [`CopyFile`] | `writeFiles`, and `readFiles` if the source is in a private bucket, and more for locks | C | |
//! | [`CopyPart`] | `writeFiles`, and `readFiles` if the source is in a private bucket | C | |
//! | [`CreateBucket`] | `writeBuckets`, and more for encryption, locks and replication | C | |
//! | [`CreateKey`] | `writeKeys` | C | v2 and v3: one bucket at most; v4: several |
//! | [`DeleteBucket`] | `deleteBuckets` | A | |
//! | [`DeleteFileVersion`] | `deleteFiles`, and `bypassGovernance` to do that | A | |
//! | [`DeleteKey`] | `deleteKeys` | A | keys for several buckets need v4 |
//! | [`DownloadFileById`] | `readFiles` | B | |
//! | [`DownloadFileByName`] | `readFiles` | B | |
//! | [`FinishLargeFile`] | `writeFiles` | A | |
//! | [`GetBucketNotificationRules`] | `readBucketNotifications` | C | |
//! | [`GetDownloadAuthorization`] | `shareFiles` | C | |
//! | [`GetFileInfo`] | `readFiles` | B | |
//! | [`GetUploadPartUrl`] | `writeFiles` | A | the URL speaks the version of this call |
//! | [`GetUploadUrl`] | `writeFiles` | A | the URL speaks the version of this call |
//! | [`HideFile`] | `writeFiles` | A | |
//! | [`ListBuckets`] | `listBuckets` | C | |
//! | [`ListFileNames`] | `listFiles` | C | |
//! | [`ListFileVersions`] | `listFiles` | C | |
//! | [`ListKeys`] | `listKeys` | C | v2 and v3: without keys for several buckets |
//! | [`ListParts`] | `writeFiles` | C | |
//! | [`ListUnfinishedLargeFiles`] | `listFiles` | C | |
//! | [`SetBucketNotificationRules`] | `writeBucketNotifications` | C | |
//! | [`StartLargeFile`] | `writeFiles`, and more for locks | A | |
//! | [`UpdateBucket`] | `writeBuckets`, and more for encryption, locks and replication | C | |
//! | [`UpdateFileLegalHold`] | `writeFileLegalHolds` | A | |
//! | [`UpdateFileRetention`] | `writeFileRetentions`, and `bypassGovernance` to do that | A | |
//! | [`UploadFile`] | `writeFiles`, and more for locks | A | |
//! | [`UploadPart`] | `writeFiles` | A | |

mod authorize_account;
mod call;
mod cancel_large_file;
mod catch_panics;
mod content;
mod copy_file;
mod copy_part;
mod create_bucket;
mod create_key;
mod delete_bucket;
mod delete_file_version;
mod delete_key;
mod download;
mod download_file_by_id;
mod download_file_by_name;
mod file_url;
mod finish_large_file;
mod get_bucket_notification_rules;
mod get_download_authorization;
mod get_file_info;
mod get_upload_part_url;
mod get_upload_url;
mod header_names;
mod hide_file;
mod list_buckets;
mod list_file_names;
mod list_file_versions;
mod list_keys;
mod list_parts;
mod list_unfinished_large_files;
mod lost_version;
mod metadata;
mod overrides;
mod page_check;
mod paged;
#[cfg(feature = "partner")]
pub mod partner;
mod reply;
mod response_match;
mod session;
mod set_bucket_notification_rules;
mod start_large_file;
mod target;
mod update_bucket;
mod update_file_legal_hold;
mod update_file_retention;
mod upload_file;
mod upload_part;

pub use authorize_account::{AuthorizeAccount, Credentials};
pub use call::{
    BillingClass, Call, CallExecutor, CallKind, CallMetadata, LostResponse, Reconciliation,
    Subject, UploadTarget,
};
pub use cancel_large_file::{CancelLargeFile, CanceledLargeFile};
pub(crate) use catch_panics::{CatchPanics, panicked};
pub(crate) use content::Digest;
pub use copy_file::{CopyFile, MetadataDirective};
pub use copy_part::CopyPart;
pub use create_bucket::CreateBucket;
pub use create_key::{CreateKey, CreatedKey};
pub use delete_bucket::DeleteBucket;
pub use delete_file_version::{DeleteFileVersion, DeletedFileVersion};
pub use delete_key::DeleteKey;
pub use download::{Download, DownloadBody, DownloadedFile};
pub use download_file_by_id::DownloadFileById;
pub use download_file_by_name::DownloadFileByName;
pub use finish_large_file::FinishLargeFile;
pub use get_bucket_notification_rules::{BucketNotificationRules, GetBucketNotificationRules};
pub use get_download_authorization::{
    DownloadAuthorization, DownloadLink, GetDownloadAuthorization,
};
pub use get_file_info::GetFileInfo;
pub use get_upload_part_url::{GetUploadPartUrl, UploadPartUrl};
pub use get_upload_url::{GetUploadUrl, UploadUrl};
pub use hide_file::HideFile;
pub use list_buckets::{Buckets, ListBuckets};
pub use list_file_names::{FileNames, ListFileNames};
pub use list_file_versions::{FileVersions, ListFileVersions};
pub use list_keys::{Keys, ListKeys};
pub use list_parts::{ListParts, Parts};
pub use list_unfinished_large_files::{ListUnfinishedLargeFiles, UnfinishedLargeFiles};
pub(crate) use overrides::{Overrides, overrides};
pub use paged::Paged;
pub use reply::Reply;
pub(crate) use session::DownloadOrigin;
pub use session::{Allowed, AllowedBucket, ApiVersion, OriginToken, Session};
pub use set_bucket_notification_rules::SetBucketNotificationRules;
pub use start_large_file::StartLargeFile;
pub(crate) use start_large_file::{UPLOAD_ID, without_upload_id};
pub use target::Target;
pub(crate) use target::UploadAddress;
pub use update_bucket::UpdateBucket;
pub use update_file_legal_hold::{UpdateFileLegalHold, UpdatedFileLegalHold};
pub use update_file_retention::{UpdateFileRetention, UpdatedFileRetention};
pub use upload_file::UploadFile;
pub use upload_part::UploadPart;
