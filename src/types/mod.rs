//! Values: what B2's calls take and give. Checked once, where they are made, and trusted after.
//!
//! What a program gives is checked against B2's documented rules and never more strictly; what B2 gives is taken as it
//! comes, unknown words and fields included.

mod bucket;
mod capability;
mod encryption;
mod file_info;
mod file_version;
mod ids;
mod names;
mod open_enum;
mod part;
mod percent;
mod range;
mod readable;
mod replication;
mod retention;
mod rules;
mod secret;
mod sha1;
mod timestamp;

pub use bucket::{Bucket, BucketType, FileLockConfiguration};
pub use capability::Capability;
pub use encryption::{
    CustomerKey, Encryption, EncryptionAlgorithm, EncryptionMode, EncryptionSetting,
};
pub use file_info::{ContentType, FileInfo};
pub use file_version::{Action, ContentSha1, FileVersion, Folder, ListedFile};
pub use ids::{AccountId, ApplicationKeyId, BucketId, FileId};
pub use names::{BucketName, FileName};
pub use part::{Part, PartNumber};
pub use percent::{percent_decode, percent_encode};
pub use range::ByteRange;
pub use readable::Readable;
pub use replication::{
    AsReplicationDestination, AsReplicationSource, ReplicationConfiguration, ReplicationRule,
    ReplicationStatus,
};
pub use retention::{DefaultRetention, FileRetention, LegalHold, RetentionMode, RetentionPeriod};
pub use rules::{CorsRule, LifecycleRule};
pub use secret::Secret;
pub use sha1::{Sha1, Sha1Hasher};
pub use timestamp::Timestamp;
