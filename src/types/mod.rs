//! Values that B2's calls take and return: names, ids, digests, rules, timestamps. They are checked once, when they are
//! made.
//!
//! Values from a program are checked by B2's documented rules and never more strictly. Values from B2
//! are not checked, and unknown words and fields are kept.

mod bucket;
mod bucket_info;
mod capability;
mod cors;
mod digest;
mod durations;
mod encryption;
mod file_info;
mod file_version;
mod from_object;
mod header_grammar;
pub(crate) mod hex;
mod ids;
pub(crate) mod json_path;
mod key;
mod lifecycle;
mod names;
mod notification;
mod open_enum;
mod part;
mod percent;
mod range;
mod replication;
mod restricted;
mod retention;
mod rules;
mod secret;
mod text;
mod timestamp;
mod uri;
mod wire_form;

pub use bucket::{Bucket, BucketType, FileLockConfiguration};
pub use bucket_info::BucketInfo;
pub use capability::Capability;
pub use cors::{CorsOperation, CorsRule, CorsRules};
pub use digest::{Md5, Sha1, Sha1Hasher};
pub use durations::{DownloadDuration, KeyDuration};
pub use encryption::{
    CustomerKey, Encryption, EncryptionAlgorithm, EncryptionMode, EncryptionSetting,
};
pub(crate) use file_info::LARGE_FILE_SHA1;
pub use file_info::{ContentType, FileInfo, FileInfoLimit};
pub use file_version::{Action, ContentSha1, FileVersion, Folder, ListedFile};
pub(crate) use file_version::{expected_sha1, rows};
pub(crate) use from_object::object_from_str;
pub(crate) use header_grammar::broken as broken_header;
pub use ids::{AccountId, ApplicationKeyId, BucketId, FileId};
pub use key::ApplicationKey;
pub use lifecycle::{LifecycleRule, LifecycleRules};
pub(crate) use names::unchecked;
pub use names::{BucketName, FileName, KeyName};
pub use notification::{
    CustomHeader, EventNotificationRule, EventNotificationRules, EventType, TargetConfiguration,
    TargetType,
};
#[cfg(feature = "partner")]
pub(crate) use open_enum::open_enum;
pub(crate) use part::MAX_FILE;
pub use part::{Part, PartNumber};
pub use percent::{percent_decode, percent_encode};
pub use range::ByteRange;
pub use replication::{
    AsReplicationDestination, AsReplicationSource, ReplicationConfiguration, ReplicationRule,
    ReplicationRules, ReplicationStatus,
};
pub use restricted::Restricted;
pub use retention::{
    DefaultRetention, FileRetention, LegalHold, RetentionMode, RetentionPeriod, RetentionUnit,
};
pub(crate) use rules::{Quoted, is_reserved};
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use uri::B2Uri;
