//! [`Capability`]: what an application key may do.

use super::open_enum::open_enum;

open_enum! {
    /// A capability: one thing that an application key may do.
    Capability {
        /// List the account's keys.
        ListKeys = "listKeys",
        /// Create keys, with any capability: as good as full access.
        WriteKeys = "writeKeys",
        /// Delete keys.
        DeleteKeys = "deleteKeys",
        /// List buckets.
        ListBuckets = "listBuckets",
        /// List the names of all buckets, through the S3 API.
        ListAllBucketNames = "listAllBucketNames",
        /// Read a bucket's ACL, location and versioning, through the S3 API.
        ReadBuckets = "readBuckets",
        /// Create and update buckets.
        WriteBuckets = "writeBuckets",
        /// Delete buckets.
        DeleteBuckets = "deleteBuckets",
        /// See a bucket's default encryption.
        ReadBucketEncryption = "readBucketEncryption",
        /// Set a bucket's default encryption.
        WriteBucketEncryption = "writeBucketEncryption",
        /// See a bucket's Object Lock and default retention.
        ReadBucketRetentions = "readBucketRetentions",
        /// Set a bucket's Object Lock and default retention.
        WriteBucketRetentions = "writeBucketRetentions",
        /// See a bucket's replication.
        ReadBucketReplications = "readBucketReplications",
        /// Set a bucket's replication.
        WriteBucketReplications = "writeBucketReplications",
        /// See a bucket's event notification rules.
        ReadBucketNotifications = "readBucketNotifications",
        /// Set a bucket's event notification rules.
        WriteBucketNotifications = "writeBucketNotifications",
        /// See a bucket's access logging, through the S3 API.
        ReadBucketLogging = "readBucketLogging",
        /// Set a bucket's access logging, through the S3 API.
        WriteBucketLogging = "writeBucketLogging",
        /// See a bucket's lifecycle rules, through the S3 API.
        ReadBucketLifecycleRules = "readBucketLifecycleRules",
        /// Set a bucket's lifecycle rules, through the S3 API.
        WriteBucketLifecycleRules = "writeBucketLifecycleRules",
        /// List files, versions and unfinished large files.
        ListFiles = "listFiles",
        /// Download files, see their information, and copy from them.
        ReadFiles = "readFiles",
        /// Create download authorizations.
        ShareFiles = "shareFiles",
        /// Upload, copy to and hide files; list the parts of unfinished ones.
        WriteFiles = "writeFiles",
        /// Delete versions of files.
        DeleteFiles = "deleteFiles",
        /// See the retention of files.
        ReadFileRetentions = "readFileRetentions",
        /// Set the retention of files.
        WriteFileRetentions = "writeFileRetentions",
        /// See the legal hold of files.
        ReadFileLegalHolds = "readFileLegalHolds",
        /// Set the legal hold of files.
        WriteFileLegalHolds = "writeFileLegalHolds",
        /// Shorten or remove a retention in governance mode.
        BypassGovernance = "bypassGovernance",
        /// Everything in the Partner and Computer Backup APIs.
        All = "all",
    }
}

impl Capability {
    /// The capabilities needed to set a retention or a legal hold on a file.
    pub(crate) fn for_lock(retention: bool, legal_hold: bool) -> Vec<Self> {
        let retention = retention.then_some(Self::WriteFileRetentions);
        let legal_hold = legal_hold.then_some(Self::WriteFileLegalHolds);
        retention.into_iter().chain(legal_hold).collect()
    }

    /// The capabilities needed to give a bucket these settings.
    pub(crate) fn for_bucket(encryption: bool, lock: bool, replication: bool) -> Vec<Self> {
        let encryption = encryption.then_some(Self::WriteBucketEncryption);
        let lock = lock.then_some(Self::WriteBucketRetentions);
        let replication = replication.then_some(Self::WriteBucketReplications);
        [encryption, lock, replication]
            .into_iter()
            .flatten()
            .collect()
    }
}
