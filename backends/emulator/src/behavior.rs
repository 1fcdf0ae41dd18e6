//! [`UndocumentedBehavior`]: plain configuration of the behavior that neither B2's documentation
//! nor recordings determine.
//!
//! Behavior that a client can observe is a switch, and a client should work under either setting.
//! The constants below are undocumented limits. Errors without a documented code or message are in
//! `protocol::undocumented`.
//!
//! Other assumptions are fixed, each in the module that implements it:
//!
//! - Names are ordered by their UTF-8 bytes; of versions with the same timestamp, the one made last
//!   is first (`model::bucket`).
//! - A listing filters before it groups into folders, and a start inside a folder lists the folder
//!   again. A version cursor whose file id is gone starts at the timestamp in the id
//!   (`calls::listing`).
//! - A large file has the timestamp of its start, which also decides which version a download by
//!   name returns (`model::bucket`).
//! - Every failed upload invalidates its token, even one with bad headers, except
//!   `auth_token_limit`, which leaves the other upload alone. A token works for its own URL only.
//!   An invalidated token is `bad_auth_token`, an expired one `expired_auth_token`
//!   (`calls::upload`).
//! - A key's name prefix is checked on upload, not when the upload URL is requested
//!   (`calls::upload`).
//! - The tokens of a deleted key stop working at once (`machine::state_machine`); expired keys are
//!   not listed (`calls::keys`).
//! - A valid token without `readFiles` can still read a public bucket; an invalid token can't
//!   (`calls::download`).
//! - Downloads ignore a range that they don't understand; copies refuse it (`protocol::range`,
//!   `calls::copy`).
//! - Hide markers and unfinished large files are 404 for downloads and copies; unfinished ones for
//!   `b2_get_file_info` as well.
//! - A copy of a whole file keeps the source's SHA-1, including `unverified:`; a copy of a range
//!   computes it. Copies don't count against the storage cap (`calls::copy`).
//! - The body takes precedence over the query; unknown query parameters are ignored
//!   (`protocol::args`).
//! - Authorization is checked before the body is read, so its error comes first
//!   (`machine::state_machine`).
//! - A download authorization stops working when its key is deleted, but not when it expires
//!   (`machine::state_machine`); its prefix and bucket also apply to public buckets
//!   (`calls::download`).
//! - A custom timestamp is also the one in the file id, and default retention counts from it
//!   (`calls::upload`).
//! - `{"mode": null}` for a file's encryption means the bucket's default, and no encryption in a
//!   bucket with the rules from before September 2026 (`calls::encryption`). For a file's retention
//!   it overrides the bucket's default, and is refused in buckets without Object Lock
//!   (`calls::lock`).
//! - A copy into a bucket with encryption has a limit of 2,048 bytes for name and info, even if
//!   they come from its source (`calls::copy`).
//! - Overrides of a download count decoded, without the names of their headers, and instead of the
//!   file info that they replace; too many of them are `bad_request` (`model::names`).
//! - Keys of a bucket's info have the characters of file info; names that begin with `b2-`, in any
//!   case, and names that differ only in case are refused (`model::names`).
//! - Only `b2_list_buckets` ignores the case of a bucket name; a download by name needs the exact
//!   one (`model::state`).
//! - `b2-content-disposition`, `b2-content-language`, `b2-expires` and the overrides of downloads
//!   are not checked against the documented grammars, since it is unknown how strictly B2 does
//!   (`model::names`).
//! - Bucket names may begin and end with `-`; file names may be `.`, begin or end with `/`, and
//!   contain `//`, since the current documents allow it; `old_file_name_rules` forbids it
//!   (`model::names`).
//! - A custom header of a notification may be `Content-Type`, and is then sent beside B2's own
//!   (`calls::notifications`).
//! - Replication rules may name buckets and keys that don't exist; it is only known that keys may
//!   be deleted later (`calls::replication`).
//! - A file is `pending` for replication if an enabled rule applied when it was made, or when a
//!   rule was added that includes existing files, and stays so even if the rule changes. Files with
//!   SSE-C (seen in the CLI's tests), hide markers and unfinished large files are not replicated
//!   (`calls::replication`).
//! - Only large files have the MD5 of their customer key in JSON, as seen (`calls::response_json`).
//! - Object Lock protects files, not unfinished large files. A year has 365 days; any period is
//!   allowed (`model::lock`).
//! - Retention and legal hold of anything but a file in the bucket are `bad_request`
//!   (`calls::lock`).
//! - A bucket can become the source of a replication only after it has Object Lock
//!   (`calls::settings`).
//! - `event_type_categories` is never returned, since its condition is unknown
//!   (`calls::notifications`).
//! - Files in v1 have `size` besides everything that later versions have (`calls::response_json`).
//! - Lifecycle rules run before the first request of a UTC day; a day that has just ended counts. A
//!   lone hide marker is deleted once its last version is gone and its own days have passed
//!   (`machine::lifecycle`).
//! - `objectSize` of an event is 0 for hide markers, as the guide says. Of two rules that match an
//!   event, the first by name gets it; a batch has all events that are pending when it is taken
//!   (`machine::events`).
//! - An allowed preflight gets 200 without a body, with `*` if the rule has `*`, otherwise the
//!   origin (`calls::cors`).
//! - Webhooks may go to receivers on this computer without TLS (`calls::notifications`).
//! - Which requests `X-Bz-Test-Mode` fails, how often and how (`faults::test_mode`).
//! - If a code is documented and no message is on record, the message is invented.

/// Choices for what B2 does not document. The defaults are our best guess.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndocumentedBehavior {
    /// The `nextFileName` of `b2_list_file_names`. Documented: possibly not the name of a file. No
    /// response with more than one page is on record. Default: [`Cursor::NextName`].
    pub cursor: Cursor,
    /// How many names `b2_list_file_names` and `b2_list_file_versions` scan before they end a page,
    /// even if it has fewer entries than requested; every name in a folder and every hidden file
    /// counts, and `b2_list_file_versions` counts versions. B2 has such a limit, but its value is
    /// not known. The cursor is then the last name scanned and a space, as seen, and the next page
    /// may begin with the folder that ended this one. Default: no limit.
    pub names_scanned_per_page: Option<u64>,
    /// Whether the range `bytes=0-` gets 206. According to Backblaze's staff it gets 200, without
    /// `Content-Range`. Default: no.
    pub range_from_zero_is_partial: bool,
    /// Whether another range that covers the whole file, like `bytes=0-9` of ten bytes, gets 206.
    /// The documents only say that 200 means the whole file. Default: yes, as with web servers.
    pub whole_range_is_partial: bool,
    /// Whether `X-Bz-File-Name` and `X-Bz-Info-*` in responses encode a space as `+`, which is
    /// documented and breaks clients that decode only `%20`. Default: yes.
    pub plus_for_space: bool,
    /// Whether authorizing with a wrong key for an existing id gets `bad_auth_token` with an empty
    /// message, recorded in 2021 for an unknown id, instead of the documented `unauthorized`.
    /// Default: no.
    pub wrong_key_is_bad_auth_token: bool,
    /// Whether the former rules for file names apply as well: no `\`, no `/` at either end, no
    /// `//`, at most 250 bytes between slashes. Default: no, since the current documents don't have
    /// them.
    pub old_file_name_rules: bool,
    /// Whether unfinished large files keep a bucket from being deleted. Backblaze's own tests
    /// cancel them first. Default: yes.
    pub unfinished_files_block_deletion: bool,
    /// Whether a copy of a large file into a small one gets the SHA-1 that the large file lacks,
    /// instead of `none`. Default: yes.
    pub copies_of_large_files_have_a_sha1: bool,
    /// Whether a download authorization refuses overrides that it does not state, as the documents
    /// suggest, and not only different values of those it states. Default: yes.
    pub download_authorizations_refuse_other_overrides: bool,
    /// Whether every call refuses unknown fields of its JSON. Default: no; the calls for which it
    /// is known refuse them in any case, see `calls::fields`.
    pub unknown_fields_are_refused: bool,
}

/// The kinds of `nextFileName`: [`UndocumentedBehavior::cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cursor {
    /// The name of the next entry.
    NextName,
    /// The name of the last entry of this page and a space, which is usually no file's name. After
    /// a folder it is the name of the next entry, since the folder would be listed again.
    LastNameAndSpace,
}

impl Default for UndocumentedBehavior {
    fn default() -> Self {
        Self {
            cursor: Cursor::NextName,
            names_scanned_per_page: None,
            range_from_zero_is_partial: false,
            whole_range_is_partial: true,
            plus_for_space: true,
            wrong_key_is_bad_auth_token: false,
            old_file_name_rules: false,
            unfinished_files_block_deletion: true,
            copies_of_large_files_have_a_sha1: true,
            download_authorizations_refuse_other_overrides: true,
            unknown_fields_are_refused: false,
        }
    }
}

/// Below this size, file ids have the digit 4, otherwise 1. Seen: 4 for 48 bytes. Neither digit is
/// documented.
pub(crate) const SMALL_FILE: u64 = 100_000;

/// Number of calls after which a token that `X-Bz-Test-Mode` lets expire early expires. The
/// documentation doesn't say when.
pub(crate) const USES_OF_LIMITED_TOKEN: u64 = 5;

/// Maximum size of an upload, part or copy. One page says 5 GiB, the others 5 GB; this is the more
/// permissive one.
pub(crate) const MAX_UPLOAD: u64 = 5 * 1024 * 1024 * 1024;

/// Maximum size of a file: 10 TB.
pub(crate) const MAX_FILE: u64 = 10_000_000_000_000;
