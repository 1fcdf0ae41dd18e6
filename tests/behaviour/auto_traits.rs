//! Which public types can be sent to and shared between threads, moved while they are pinned, and kept for ever. A
//! type that loses one of these breaks programs that spawn it, so each has a row.

use b2kit::types::*;
use b2kit::{api, transfer};

use crate::names::has_all_auto_traits;

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}
const fn unpin<T: Unpin>() {}
const fn forever<T: 'static>() {}

/// `Send`, `Sync`, `Unpin` and `'static`. The list of calls in `names.rs` checks the types of calls.
macro_rules! all {
    ($($type:ty,)+) => {
        const _: () = { $(has_all_auto_traits::<$type>();)+ };
    };
}

/// `Send`, `Unpin` and `'static`: one task reads it, so it need not be `Sync`.
macro_rules! all_but_sync {
    ($($type:ty,)+) => {$(
        const _: () = {
            send::<$type>();
            unpin::<$type>();
            forever::<$type>();
        };
    )+};
}

#[cfg(feature = "sync")]
all! {
    b2kit::sync::Synchronizer,
    b2kit::sync::SyncPolicy,
    b2kit::sync::Action,
    b2kit::sync::Outcome,
}

#[cfg(feature = "sync")]
all_but_sync! {
    b2kit::sync::Plan,
    b2kit::sync::SyncRun,
}

all! {
    b2kit::Client,
    b2kit::ClientBuilder,
    b2kit::BucketHandle,
    b2kit::Credentials,
    b2kit::Session,
    b2kit::ApiVersion,
    b2kit::OriginToken,
    b2kit::RetryPolicy,
    b2kit::RetryStopReason,
    b2kit::CallCounts,
    b2kit::DeleteMode,
    b2kit::TestMode,
    b2kit::Unfinished,
    b2kit::UnfinishedState,
    b2kit::Error,
    b2kit::ErrorKind,
    b2kit::B2Error,
    b2kit::NonB2Response,
    b2kit::webhook::Notification,
    b2kit::webhook::Event,
    b2kit::webhook::WebhookError,
}

all! {
    AccountId,
    Action,
    ApplicationKey,
    ApplicationKeyId,
    Bucket,
    BucketId,
    BucketInfo,
    BucketName,
    BucketType,
    ByteRange,
    Capability,
    ContentSha1,
    ContentType,
    CorsRules,
    Encryption,
    EventNotificationRules,
    FileId,
    FileInfo,
    FileName,
    FileRetention,
    FileVersion,
    Folder,
    KeyName,
    LegalHold,
    LifecycleRules,
    ListedFile,
    Md5,
    Part,
    PartNumber,
    ReplicationConfiguration,
    ReplicationRules,
    Restricted<Encryption>,
    Secret,
    Sha1,
    Sha1Hasher,
    Timestamp,
}

all! {
    api::CallMetadata,
    api::UploadUrl,
    api::UploadPartUrl,
    api::UploadTarget,
    api::LostResponse,
    api::DownloadAuthorization,
    api::DownloadLink,
}

all_but_sync! {
    api::Reply,
    api::Download,
    api::DownloadBody,
    transfer::DownloadStream,
}

/// What a transfer is made of can be sent to another task before it is begun.
const _: () = {
    send::<transfer::Source>();
    send::<transfer::Upload>();
    send::<transfer::FileDownload>();
    send::<transfer::FileCopy>();
    send::<transfer::Compose>();
    send::<transfer::Create>();
    send::<transfer::Progress>();
    sync::<transfer::Progress>();
    forever::<transfer::Upload>();
    forever::<transfer::FileDownload>();
};

/// A call that is under way can be spawned where its arguments can.
#[test]
fn the_future_of_a_call_is_send_and_the_stream_of_a_listing_send_and_unpin() {
    fn is_send<T: Send>(of: T) -> T {
        of
    }
    fn is_unpin<T: Unpin + 'static>(of: T) -> T {
        of
    }
    let (b2, _, _) = crate::client();
    drop(is_send(b2.call(api::ListBuckets::new())));
    drop(is_send(b2.session()));
    drop(is_send(b2.buckets()));
    drop(is_send(b2.cancel_orphaned_uploads()));
    let listing = is_send(is_unpin(b2.paginate(api::ListKeys::new())));
    drop(listing);
}
