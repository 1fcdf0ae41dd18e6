//! The assumptions about B2 that [`BucketHandle::create`](crate::BucketHandle::create) relies on, and the rules for all
//! programs that use its buckets. This module has no items.
//!
//! # Documented by B2
//! - `b2_update_bucket` with `ifRevisionIs` changes a bucket only if it has that revision.
//! - Bucket info is returned as it was set, up to ten entries.
//! - `b2_copy_file` with the directive `COPY` keeps the content type and the file info.
//!
//! # Assumed
//! B2 doesn't document these. If one doesn't hold, two writers may create the same file.
//! - Updates with `ifRevisionIs` are linearizable: of two at the same revision, at most one succeeds.
//! - Once the deletion of a file is confirmed, no further copy of it appears.
//! - Lookups of buckets, of versions by id, and of names are strongly consistent: they show everything
//!   that was confirmed before.
//!
//! Existing files are looked up through B2's API, never through a custom download origin, which may have cached a
//! response.
//!
//! # Rules
//! - All writers that create a name use the same [slot](crate::transfer::CreateSlot).
//! - The name is not uploaded, copied to, hidden or deleted by other means while it is being created. A
//!   file may be deleted once its writer has been told that it created it.
//! - The info of the slot's bucket is only set with `ifRevisionIs`.
//! - No lifecycle rule or cleanup deletes files under [`CREATE_STAGES`](crate::transfer::CREATE_STAGES).
//!   [`discard_abandoned_creates`](crate::BucketHandle::discard_abandoned_creates) deletes abandoned ones. Listings
//!   through [`BucketHandle`](crate::BucketHandle), `sync` and deletions by prefix leave stages out; the calls in
//!   [`api`](crate::api) list them, and [`is_create_stage`](crate::transfer::is_create_stage) recognises them.
//! - The bucket of the files has no default retention, since a locked stage can't be deleted: no create through its
//!   slot would succeed until the retention ends. A create checks this before it uses the slot, but only with a key
//!   that has `readBucketRetentions` or `readFileRetentions`.
//! - The keys of all writers that share a slot are of one account, and may write, read, list and delete files in every
//!   bucket whose files are created through it, since each writer completes creates that others began.
//!
//! A hidden file doesn't count as existing.
//!
//! Writers that complete the same create at the same moment may each copy its stage. Then the name has several versions
//! with the same content; the newest is the one whose id the writer gets, and no further one appears afterwards.
//!
//! # How it is checked
//! The protocol is a state machine without I/O. A model checker drives that machine through all interleavings of three
//! writers, or of two writers and a process that discards a stage, with two crashes, two requests that are lost,
//! arrive twice or at any later time, even after their sender has crashed, and a deletion of the file after it was
//! created. The checker itself is tested: it finds bugs injected into the order of the steps, among them a slot that is
//! cleared before the stage is deleted, stages that are deleted without the slot, and a conflict that is reported after
//! a lost response.
