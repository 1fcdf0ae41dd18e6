//! What B2 says: one value for each of its calls.
//!
//! A call knows its name and facts, how to become a request, and how to read the reply. It does no I/O, has no clock,
//! and repeats nothing: that is the [client](crate::Client)'s part. All calls have this one shape, [`Call`], so the
//! loop that sends them knows nothing of any single one; to add a call, copy the file of one that is like it.
//!
//! | call | capability | class |
//! |---|---|---|
//! | [`AuthorizeAccount`] | | C |
//! | [`CancelLargeFile`] | `writeFiles` | A |
//! | [`CopyFile`] | `writeFiles`, and `readFiles` if the source is in a private bucket | C |
//! | [`CopyPart`] | `writeFiles`, and `readFiles` if the source is in a private bucket | C |
//! | [`CreateBucket`] | `writeBuckets` | C |
//! | [`DeleteBucket`] | `deleteBuckets` | A |
//! | [`DeleteFileVersion`] | `deleteFiles` | A |
//! | [`DownloadFileById`] | `readFiles` | B |
//! | [`DownloadFileByName`] | `readFiles` | B |
//! | [`FinishLargeFile`] | `writeFiles` | A |
//! | [`GetFileInfo`] | `readFiles` | B |
//! | [`GetUploadPartUrl`] | `writeFiles` | A |
//! | [`GetUploadUrl`] | `writeFiles` | A |
//! | [`HideFile`] | `writeFiles` | A |
//! | [`ListBuckets`] | `listBuckets` | C |
//! | [`ListFileNames`] | `listFiles` | C |
//! | [`ListFileVersions`] | `listFiles` | C |
//! | [`ListParts`] | `writeFiles` | C |
//! | [`ListUnfinishedLargeFiles`] | `listFiles` | C |
//! | [`StartLargeFile`] | `writeFiles` | A |
//! | [`UploadFile`] | (the upload URL's token) | A |
//! | [`UploadPart`] | (the upload URL's token) | A |

mod authorize_account;
mod call;
mod cancel_large_file;
mod content;
mod copy_file;
mod copy_part;
mod create_bucket;
mod delete_bucket;
mod delete_file_version;
mod download;
mod download_file_by_id;
mod download_file_by_name;
mod finish_large_file;
mod get_file_info;
mod get_upload_part_url;
mod get_upload_url;
mod hide_file;
mod list_buckets;
mod list_file_names;
mod list_file_versions;
mod list_parts;
mod list_unfinished_large_files;
mod reply;
mod session;
mod start_large_file;
mod target;
mod upload_file;
mod upload_part;

pub use authorize_account::{AuthorizeAccount, Credentials};
pub use call::{Ask, BillingClass, Call, CallKind, Facts, Finding, Lost, Place};
pub use cancel_large_file::{CancelLargeFile, CanceledLargeFile};
pub use copy_file::{CopyFile, MetadataDirective};
pub use copy_part::CopyPart;
pub use create_bucket::CreateBucket;
pub use delete_bucket::DeleteBucket;
pub use delete_file_version::{DeleteFileVersion, DeletedFileVersion};
pub use download::{Download, DownloadBody, DownloadedFile};
pub use download_file_by_id::DownloadFileById;
pub use download_file_by_name::DownloadFileByName;
pub use finish_large_file::FinishLargeFile;
pub use get_file_info::GetFileInfo;
pub use get_upload_part_url::{GetUploadPartUrl, UploadPartUrl};
pub use get_upload_url::{GetUploadUrl, UploadUrl};
pub use hide_file::HideFile;
pub use list_buckets::{Buckets, ListBuckets};
pub use list_file_names::{FileNames, ListFileNames};
pub use list_file_versions::{FileVersions, ListFileVersions};
pub use list_parts::{ListParts, Parts};
pub use list_unfinished_large_files::{ListUnfinishedLargeFiles, UnfinishedLargeFiles};
pub use reply::Reply;
pub use session::{Allowed, AllowedBucket, ApiVersion, Session};
pub use start_large_file::StartLargeFile;
pub use target::Target;
pub use upload_file::UploadFile;
pub use upload_part::UploadPart;
