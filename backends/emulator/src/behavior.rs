//! Everything that B2's documents and recordings don't say, and what the emulator does about it.
//!
//! A client should work either way, so what matters to clients is a switch in [`UndocumentedBehavior`]: run your tests under both
//! settings. Below it are limits, codes and messages, here so that they can be found when somebody learns better.
//!
//! Rules that are guesses too, and stand where they are carried out:
//!
//! - Names are ordered by their UTF-8 bytes; versions of one millisecond, the later made first (`state::bucket`).
//! - A listing filters before it folds, and a start inside a folder lists the folder again. A version cursor whose id
//!   is gone starts where the time in the id says (`calls::listing`).
//! - A large file stands at the time of its start, also for downloads by name (`state::bucket`).
//! - Every error of an upload takes the token with it, bad headers included, but for `auth_token_limit`, which is the
//!   other upload's to decide. A token fits its own URL only. A token that was taken is `bad_auth_token`, one that grew
//!   old is `expired_auth_token` (`calls::upload`).
//! - A key's name prefix is checked when a file is uploaded, not when its URL is made (`calls::upload`).
//! - The tokens of a deleted key die at once (`heart`); expired keys are not listed (`calls::keys`).
//! - A good token that may not read doesn't stop anyone from reading a public bucket; a bad one does (`calls::download`).
//! - A range that isn't understood is ignored by downloads and refused by copies (`range`, `calls::copy`).
//! - Hide markers and unfinished files are 404 to downloads and copies, unfinished ones also to `b2_get_file_info`.
//! - A copy of whole bytes keeps what is known of their SHA-1, `unverified:` included; of a range, it is computed
//!   (`calls::copy`). Copies take no room under the storage cap.
//! - The body goes before the query (`args`). Unknown parameters of a query are ignored.
//! - Authorization is checked before the body is read, so it is the first error of several (`heart`).
//! - A download authorization dies with its key, but not when the key expires (`heart`); its prefix and bucket also hold
//!   where the bucket is public (`calls::download`).
//! - A file with a custom timestamp has it in its id too, and default retention counts from it (`calls::upload`).
//! - `{"mode": null}` for a file's encryption is the bucket's default, as it is for a bucket's; in a bucket under the rules
//!   of before September 2026 it is no encryption (`calls::encryption`). For a file's retention it keeps the bucket's
//!   default away, and is refused in buckets without Object Lock (`calls::lock`).
//! - A copy into a bucket that encrypts may have 2,048 bytes of name and info, also where they are its source's
//!   (`calls::copy`).
//! - A bucket's info has keys of the characters that file info has; a name that begins with `b2-` is refused in whatever
//!   case, and so are names that differ in case (`names`).
//! - Only `b2_list_buckets` finds a bucket whatever the case of its name: a download by name asks for its own spelling
//!   (`state`).
//! - The info `b2-content-disposition`, `b2-content-language` and `b2-expires`, and the overrides of downloads, aren't held to the
//!   grammars that the documents name: how strictly B2 does so isn't known (`names`).
//! - Bucket names may begin and end with `-`; names of files may be `.`, begin or end with `/` and have `//` (`names`), as
//!   the current documents don't forbid it: `old_file_name_rules` does.
//! - A custom header of a notification may be `Content-Type`, and then stands beside B2's own (`calls::notifications`).
//! - Replication rules may name buckets and keys that don't exist; of keys it is known that they may be gone afterwards
//!   (`calls::replication`).
//! - A file is `pending` for replication if an enabled rule applied when it was made, or when a rule came that includes
//!   existing files; it stays so whatever becomes of the rule. Files with SSE-C, hide markers and unfinished large files
//!   are not replicated: the former is seen in the CLI's tests (`calls::replication`).
//! - Only large files show the MD5 of their customer key in JSON, as seen (`shape`).
//! - Object Lock keeps files, not unfinished large files. A year has 365 days (`state::lock`). Any period is allowed.
//! - Retention and legal hold of what isn't a file in the bucket are `bad_request` (`calls::lock`).
//! - A bucket may become the source of a replication after it got Object Lock, not before (`calls::settings`).
//! - `event_type_categories` is never answered: nobody knows when it should be (`calls::notifications`).
//! - Files in v1 have `size` besides all that later versions show (`shape`).
//! - Lifecycle rules run before the first request of a day by UTC; a day that is just over counts. A lone hide marker goes
//!   when its last version has gone and its own days are over (`lifecycle`).
//! - `objectSize` of an event is 0 for hide markers, as the guide says. Of two rules that want an event, the first by name
//!   gets it; a batch is what waited when it was asked for (`events`).
//! - A preflight that is allowed gets 200 and no body, `*` if the rule says `*` and else the origin (`calls::cors`).
//! - Receivers of events on this computer may be told without TLS (below).
//! - What `X-Bz-Test-Mode` lets fail, how often and how (`faults::test_mode`).
//! - Errors whose code is documented have messages of ours where none is on record.

/// The switches: behaviours of B2 that nobody has written down. The default is our best guess.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndocumentedBehavior {
    /// What `nextFileName` of `b2_list_file_names` is. Documented: it may not be the name of a file. No response of more
    /// than one page is on record. Default: [`Cursor::NextName`].
    pub cursor: Cursor,
    /// How many names `b2_list_file_names` and `b2_list_file_versions` look at before they end a page, whether or not it
    /// has as many entries as it may: folders and hidden files count by what is in them. B2 does so, at a number that
    /// nobody knows; the cursor is then the last name looked at and a space, as seen in the field, and the next page may
    /// begin with the folder that this one ended in. Versions are counted where versions are listed. Default: no limit.
    pub names_scanned_per_page: Option<u64>,
    /// Whether the range `bytes=0-` is answered with 206. Backblaze's staff have said that it is 200, without
    /// `Content-Range`. Default: no.
    pub range_from_zero_is_partial: bool,
    /// Whether another range that covers the whole file, as `bytes=0-9` of ten bytes, is answered with 206. The documents
    /// say that 200 means the whole file, not which of the two comes here. Default: yes, as web servers do.
    pub whole_range_is_partial: bool,
    /// Whether `X-Bz-File-Name` and `X-Bz-Info-*` in responses have `+` for a space, which is allowed and trips
    /// clients that only know `%20`. Default: yes.
    pub plus_for_space: bool,
    /// Whether authorizing with a wrong key for an id that exists says `bad_auth_token` with an empty message, as recorded
    /// in 2021 for an id that doesn't, rather than `unauthorized`, as documented. Default: no.
    pub wrong_key_is_bad_auth_token: bool,
    /// Whether file names obey the old rules too: no `\`, no `/` at either end, no `//`, at most 250 bytes between
    /// slashes. Default: no, as the current documents don't have them.
    pub old_file_name_rules: bool,
    /// Whether unfinished large files keep a bucket from being deleted. The official tests cancel them first, so
    /// presumably they do. Default: yes.
    pub unfinished_files_block_deletion: bool,
    /// Whether copying a large file into a small one computes the SHA-1 that the large file doesn't have. Otherwise the
    /// copy says `none` too. Default: yes.
    pub copies_of_large_files_have_a_sha1: bool,
    /// Whether a download authorization refuses overrides that it doesn't mention, as the documents seem to say, rather
    /// than only other values for those it does. Default: yes.
    pub download_authorizations_refuse_other_overrides: bool,
    /// Whether every call refuses fields of JSON that it doesn't know. B2 is known to do so in the calls that
    /// `calls::fields` names, and these refuse them always. Default: no.
    pub unknown_fields_are_refused: bool,
}

/// What `nextFileName` is; see [`UndocumentedBehavior::cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cursor {
    /// The name of the next entry.
    NextName,
    /// The name of the last entry of this page and a space: no file has that name, usually. After a folder it is the
    /// name of the next entry all the same, since the folder would be listed again.
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

/// Ids of files below this size have the digit 4, others 1. Seen with 4: a file of 48 bytes. The documents speak of
/// neither digit.
pub(crate) const SMALL_FILE: u64 = 100_000;

/// For how many calls a token is good that expires early by `X-Bz-Test-Mode`. The documents say early, not when.
pub(crate) const USES_OF_LIMITED_TOKEN: u64 = 5;

/// The largest upload, part or copy: one page of the documents says 5 GiB, the others 5 GB; never be the stricter one.
pub(crate) const LARGEST_UPLOAD: u64 = 5 * 1024 * 1024 * 1024;

/// The largest file: 10 TB.
pub(crate) const LARGEST_FILE: u64 = 10_000_000_000_000;
