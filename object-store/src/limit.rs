//! [`Limit`]: what the store can't do, or does differently.

/// What this store can't do, or does differently than `object_store` documents, and what happens instead.
///
/// A test shows that each limit still exists. "Refused" means that the operation fails before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `PutMode::Update` is refused with `NotImplemented`: B2 has no conditional upload, and coordination among writers
    /// could not include plain puts of the same name.
    NoConditionalUpdate,
    /// `PutMode::Create`, `copy_if_not_exists` and `rename_if_not_exists` are refused with `NotImplemented`, unless the
    /// store [coordinates creates](crate::B2StoreBuilder::coordinate_creates).
    NoCreateWithoutCoordination,
    /// `PutMode::Create`, `copy_if_not_exists` and `rename_if_not_exists` take at most 5,000,000,000 bytes, since they
    /// copy within B2 in one call. Larger objects are refused; other puts and copies take any size.
    CreatesUpTo5Gb,
    /// Tags are refused with `NotSupported`: B2 has none.
    NoTags,
    /// The attribute `StorageClass` is refused with `NotSupported`: B2 has only one class.
    NoStorageClass,
    /// At most ten metadata entries, which include `CacheControl` and the like; nine for multipart uploads and creates,
    /// for which b2kit needs one. More are refused.
    TenMetadataEntries,
    /// Metadata keys with upper-case letters are refused with `NotSupported`: B2 would make them lower-case.
    LowerCaseMetadataKeys,
    /// Metadata keys that begin with `b2-` or that b2kit itself uses are refused with `NotSupported`.
    ReservedMetadataKeys,
    /// All parts of a multipart upload except the last need at least 5,000,000 bytes (the account's minimum part size).
    /// After a smaller part, the next one fails; with `MultipartStore`, the completion does.
    LargeParts,
    /// A multipart upload has at most 10,000 parts.
    TenThousandParts,
    /// Of two concurrent writes of one name, the one that *started* later wins, since B2 orders versions by that. A
    /// multipart upload starts with `put_multipart`, or if it has only one part, when it is completed.
    LaterStartWins,
    /// A multipart upload through `MultipartStore` with a single part must be completed by the store that uploaded the
    /// part, or a clone: B2 refuses large files of one part, so the store uploads its bytes again as a small file.
    SinglePartStaysWithItsStore,
    /// For that, a store keeps at most 256 MiB of such parts, or the newest part if it is larger. More parts, such as
    /// those of abandoned uploads, make it drop the oldest. Completing their uploads fails with a [`LimitError`], until
    /// the part is uploaded again.
    ///
    /// [`LimitError`]: crate::LimitError
    SinglePartsInMemory,
    /// A version is found by its file id alone, so the id of a file of the same name in another bucket that the key may
    /// read is not `NotFound`, but returns that file.
    VersionsOfOtherBuckets,
    /// Reads of byte ranges, and of objects that were written in several parts with `put_multipart` or
    /// `MultipartStore`, can't be verified by SHA-1, since B2 stores none for them. The version, the range and the
    /// length are checked.
    NoSha1OfRanges,
    /// Objects encrypted with a customer-managed key (SSE-C) can be listed, replaced and deleted, but not read or
    /// copied: the store has no such keys.
    NoCustomerKeys,
    /// A `CacheControl` that is the bucket's default is returned like the object's own, since B2 sends the same header.
    BucketCacheControl,
    /// `PaginatedListStore` supports only `/` as the delimiter.
    SlashDelimiter,
    /// Files below `.b2kit-create/` in the bucket, which unfinished creates use, can't be read, written or listed.
    ReservedNames,
    /// A rename is a copy and a delete: for a moment both names exist, and a new version of the old name that is
    /// written in between is hidden.
    RenameInTwoSteps,
}

impl Limit {
    /// All limits.
    pub const ALL: [Self; 20] = [
        Self::NoConditionalUpdate,
        Self::NoCreateWithoutCoordination,
        Self::CreatesUpTo5Gb,
        Self::NoTags,
        Self::NoStorageClass,
        Self::TenMetadataEntries,
        Self::LowerCaseMetadataKeys,
        Self::ReservedMetadataKeys,
        Self::LargeParts,
        Self::TenThousandParts,
        Self::LaterStartWins,
        Self::SinglePartStaysWithItsStore,
        Self::SinglePartsInMemory,
        Self::VersionsOfOtherBuckets,
        Self::NoSha1OfRanges,
        Self::NoCustomerKeys,
        Self::BucketCacheControl,
        Self::SlashDelimiter,
        Self::ReservedNames,
        Self::RenameInTwoSteps,
    ];
}
