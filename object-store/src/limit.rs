//! [`Limit`]: what B2 can't do as `object_store` has it.

/// What this store can't do, or does otherwise than `object_store` says. Each says what happens instead. A test shows
/// each to be needed, so none outlives its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `PutMode::Update` is `NotImplemented`, before anything is sent: B2 has no conditional upload, and plain puts of
    /// the same name would not take part in any coordination of ours.
    NoConditionalUpdate,
    /// `PutMode::Create`, `copy_if_not_exists` and `rename_if_not_exists` are `NotImplemented`, before anything is
    /// sent, unless the store [coordinates creates](crate::B2StoreBuilder::coordinate_creates).
    NoCreateWithoutCoordination,
    /// Tags are `NotSupported`, before anything is sent: B2 has none.
    NoTags,
    /// The attribute `StorageClass` is `NotSupported`, before anything is sent: B2 has one class.
    NoStorageClass,
    /// An object has at most ten entries of metadata, cache headers among them, and nine if it is written in parts or
    /// created: one is b2kit's. More are an error, before anything is sent.
    TenMetadataEntries,
    /// Metadata keys are lower case; others are `NotSupported`, before anything is sent. B2 doesn't keep their case.
    LowerCaseMetadataKeys,
    /// Metadata keys that begin with `b2-` or that b2kit uses itself are `NotSupported`, before anything is sent.
    ReservedMetadataKeys,
    /// Every part of a multipart upload but the last has 5,000,000 bytes at least (what the account says); the next
    /// part fails otherwise.
    LargeParts,
    /// A multipart upload has 10,000 parts at most.
    TenThousandParts,
    /// Of two overlapping writes of one name, the one that *started* later stays on top: B2 orders versions by that. A
    /// multipart upload starts with `put_multipart`, or where it has but one part, when it is completed.
    LaterStartWins,
    /// A multipart upload through `MultipartStore` that has one part is completed by the store that took the part, or a
    /// clone of it: B2 refuses large files of one part, so the part is sent again.
    LonePartStaysWithItsStore,
    /// `PaginatedListStore` groups by `/` and nothing else.
    SlashDelimiter,
    /// What is below `.b2kit-create/` in the bucket doesn't exist: it can't be read, written or listed.
    ReservedNames,
    /// A rename is a copy and a delete: both names exist for a moment, and a file that replaces the old one in between
    /// is hidden with it.
    RenameInTwoSteps,
}

impl Limit {
    /// All there are.
    pub const ALL: [Self; 14] = [
        Self::NoConditionalUpdate,
        Self::NoCreateWithoutCoordination,
        Self::NoTags,
        Self::NoStorageClass,
        Self::TenMetadataEntries,
        Self::LowerCaseMetadataKeys,
        Self::ReservedMetadataKeys,
        Self::LargeParts,
        Self::TenThousandParts,
        Self::LaterStartWins,
        Self::LonePartStaysWithItsStore,
        Self::SlashDelimiter,
        Self::ReservedNames,
        Self::RenameInTwoSteps,
    ];
}
