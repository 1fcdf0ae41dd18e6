//! The calls of B2's native API: the one list of them.

use b2kit::api::{self, Call, CallMetadata};

/// A call can be spawned only if its type has these auto traits.
pub(crate) const fn has_all_auto_traits<T: Send + Sync + Unpin + 'static>() {}

macro_rules! calls {
    ($($call:ident)+) => {
        /// Each call, by the name of its type.
        pub(crate) fn calls() -> Vec<(&'static str, CallMetadata)> {
            vec![$((stringify!($call), <api::$call as Call>::METADATA)),+]
        }

        const _: () = { $(has_all_auto_traits::<api::$call>();)+ };
    };
}

calls! {
    AuthorizeAccount
    CancelLargeFile
    CopyFile
    CopyPart
    CreateBucket
    CreateKey
    DeleteBucket
    DeleteFileVersion
    DeleteKey
    DownloadFileById
    DownloadFileByName
    FinishLargeFile
    GetBucketNotificationRules
    GetDownloadAuthorization
    GetFileInfo
    GetUploadPartUrl
    GetUploadUrl
    HideFile
    ListBuckets
    ListFileNames
    ListFileVersions
    ListKeys
    ListParts
    ListUnfinishedLargeFiles
    SetBucketNotificationRules
    StartLargeFile
    UpdateBucket
    UpdateFileLegalHold
    UpdateFileRetention
    UploadFile
    UploadPart
}

/// B2's names of the calls.
pub(crate) fn names() -> Vec<&'static str> {
    calls().iter().map(|(_, metadata)| metadata.name).collect()
}
