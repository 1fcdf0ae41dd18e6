//! Which public types can be sent to and shared between threads, moved while they are pinned, and kept for ever. A
//! type that loses one of these breaks programs that spawn it, so every public type has a row.

use std::collections::BTreeSet;
use std::fs;

use b2kit::types::*;
use b2kit::{api, transfer};

use crate::names::has_all_auto_traits;

const fn send<T: Send>() {}
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
    b2kit::sync::Scan,
    b2kit::sync::Cost,
    b2kit::sync::Entry,
    b2kit::sync::LocalFile,
    b2kit::sync::RemoteFile,
    b2kit::sync::Filter,
    b2kit::sync::Outcome,
    b2kit::sync::Status,
    b2kit::sync::Summary,
    b2kit::sync::Withheld,
    b2kit::sync::Compare,
    b2kit::sync::Durability,
    b2kit::sync::Extras,
    b2kit::sync::Links,
    b2kit::sync::Location,
    b2kit::sync::Newer,
    b2kit::sync::SyncProgress,
    b2kit::sync::Reason,
}

#[cfg(feature = "sync")]
all_but_sync! {
    b2kit::sync::Plan,
    b2kit::sync::SyncRun,
}

#[cfg(feature = "partner")]
all! {
    api::partner::AccountStandingDetails,
    api::partner::Computer,
    api::partner::Computers,
    api::partner::CreateGroupMember,
    api::partner::CreatedGroupMember,
    api::partner::DeleteComputer,
    api::partner::EjectGroupMember,
    api::partner::EjectedGroupMember,
    api::partner::Group,
    api::partner::GroupMember,
    api::partner::GroupMembers,
    api::partner::GroupStats,
    api::partner::Groups,
    api::partner::ListComputers,
    api::partner::ListGroupMembers,
    api::partner::ListGroups,
    api::partner::MemberStats,
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
    b2kit::Delete,
    b2kit::DeleteMode,
    b2kit::DeleteScope,
    b2kit::PresignedUrl,
    b2kit::PruneRule,
    b2kit::Renamed,
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
    b2kit::Bytes,
    b2kit::CheckedClient,
    b2kit::Deadlines,
    b2kit::HttpError,
    b2kit::HttpErrorKind,
    b2kit::ManualTimer,
    b2kit::Phase,
    b2kit::SystemTimer,
    b2kit::Throughput,
}

all! {
    AccountId,
    Action,
    ApplicationKey,
    ApplicationKeyId,
    AsReplicationDestination,
    AsReplicationSource,
    B2Uri,
    Bucket,
    BucketId,
    BucketInfo,
    BucketName,
    BucketType,
    ByteRange,
    Capability,
    ContentSha1,
    ContentType,
    CorsOperation,
    CorsRule,
    CorsRules,
    CustomHeader,
    CustomerKey,
    DefaultRetention,
    DownloadDuration,
    Encryption,
    EncryptionAlgorithm,
    EncryptionMode,
    EncryptionSetting,
    EventNotificationRule,
    EventNotificationRules,
    EventType,
    FileId,
    FileInfo,
    FileInfoLimit,
    FileLockConfiguration,
    FileName,
    FileRetention,
    FileVersion,
    Folder,
    KeyDuration,
    KeyName,
    LegalHold,
    LifecycleRule,
    LifecycleRules,
    ListedFile,
    Md5,
    Part,
    PartNumber,
    ReplicationConfiguration,
    ReplicationRule,
    ReplicationRules,
    ReplicationStatus,
    Restricted<Encryption>,
    RetentionMode,
    RetentionPeriod,
    RetentionUnit,
    Secret,
    Sha1,
    Sha1Hasher,
    TargetConfiguration,
    TargetType,
    Timestamp,
}

all! {
    api::Allowed,
    api::AllowedBucket,
    api::BillingClass,
    api::BucketNotificationRules,
    api::Buckets,
    api::CallKind,
    api::CallMetadata,
    api::CanceledLargeFile,
    api::CreatedKey,
    api::DeletedFileVersion,
    api::DownloadAuthorization,
    api::DownloadedFile,
    api::DownloadLink,
    api::FileNames,
    api::FileVersions,
    api::Keys,
    api::LostResponse,
    api::MetadataDirective,
    api::Parts,
    api::UnfinishedLargeFiles,
    api::UpdatedFileLegalHold,
    api::UpdatedFileRetention,
    api::UploadPartUrl,
    api::UploadTarget,
    api::UploadUrl,
    api::Reconciliation<FileVersion>,
    api::Subject<'static>,
    api::Target<'static>,
}

all_but_sync! {
    b2kit::Body,
    b2kit::BodyStream,
    b2kit::Request,
    b2kit::Response,
    b2kit::ResponseBody,
    api::Reply,
    api::Download,
    api::DownloadBody,
    transfer::DownloadStream,
}

all! {
    transfer::ComposePlan,
    transfer::Composed,
    transfer::ComposedPart,
    transfer::Copied,
    transfer::CopySource,
    transfer::CreateSlot,
    transfer::Created,
    transfer::Downloaded,
    transfer::FileCopy,
    transfer::FileDownload,
    transfer::OnFailure,
    transfer::PlannedPart,
    transfer::Progress,
    transfer::ProgressNow,
    transfer::ResumeToken,
    transfer::Stage,
    transfer::UnsafeName,
    transfer::UploadPlan,
    transfer::Uploaded,
    transfer::Verified,
}

// These may contain a reader or a stream, which only one task polls.
all_but_sync! {
    transfer::Compose,
    transfer::ComposeSource,
    transfer::Create,
    transfer::Source,
    transfer::Upload,
}

/// The public traits, which have no row.
const TRAITS: [&str; 5] = ["Call", "CallExecutor", "HttpClient", "Paged", "Timer"];

#[test]
fn every_public_type_is_checked_for_its_auto_traits() {
    let rows = fs::read_to_string("tests/behaviour/auto_traits.rs").unwrap();
    let calls = fs::read_to_string("tests/behaviour/names.rs").unwrap();
    let rows = words(rows.split("const TRAITS").next().unwrap());
    let rows: BTreeSet<_> = rows.chain(words(&calls)).collect();
    let (mut types, mut missing) = (0, Vec::new());
    for file in [
        "src/lib.rs",
        "src/api/mod.rs",
        "src/api/partner/mod.rs",
        "src/sync/mod.rs",
        "src/transfer/mod.rs",
        "src/types/mod.rs",
        "src/webhook.rs",
    ] {
        let text = fs::read_to_string(file).unwrap();
        let lists = text.split("\npub use ").skip(1);
        let lists = lists.map(|list| list.split(';').next().unwrap());
        let declared = ["\npub struct ", "\npub enum "].map(|kind| text.split(kind).skip(1));
        let declared = declared.into_iter().flatten();
        let declared = declared.map(|text| text.split(['{', '(', '<']).next().unwrap());
        for name in lists.chain(declared).flat_map(words) {
            let mut letters = name.chars();
            let is_type = letters
                .next()
                .is_some_and(|first| first.is_ascii_uppercase())
                && letters.any(|letter| letter.is_ascii_lowercase());
            if !is_type || TRAITS.contains(&name) {
                continue;
            }
            types += 1;
            if !rows.contains(name) {
                missing.push(format!("{name} of {file}"));
            }
        }
    }
    assert!(types > 150, "{types}");
    assert!(missing.is_empty(), "{missing:#?}");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The future of a call can be spawned if its arguments are `Send`.
#[test]
fn call_futures_are_send_and_listing_streams_are_send_and_unpin() {
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
