//! The table of all calls. To add one, write a [`Handler`] in the file of its family and a line in
//! [`CALLS`].
//!
//! B2 accepts all of them as `GET` with a query and as `POST` with JSON. Uploads go to URLs of
//! their own ([`upload`]), as do downloads by name ([`download`]).

use std::fmt;

use super::outcome::Outcome;
use super::{
    account, buckets, copy, download, download_authorization, files, keys, large_files, listing,
    lock, notifications, upload,
};
use crate::calls::caller::Caller;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;

/// Every call below `/b2api/v{N}/{name}`.
#[rustfmt::skip]
pub(crate) const CALLS: &[Call] = &[
    Call::new("b2_authorize_account", Auth::Basic, account::authorize_account),
    Call::new("b2_cancel_large_file", Auth::Needs("writeFiles"), large_files::cancel_large_file),
    Call::new("b2_copy_file", Auth::Needs("writeFiles"), copy::copy_file),
    Call::new("b2_copy_part", Auth::Needs("writeFiles"), copy::copy_part),
    Call::new("b2_create_bucket", Auth::Needs("writeBuckets"), buckets::create_bucket),
    Call::new("b2_create_key", Auth::Needs("writeKeys"), keys::create_key),
    Call::new("b2_delete_bucket", Auth::Needs("deleteBuckets"), buckets::delete_bucket),
    Call::new("b2_delete_file_version", Auth::Needs("deleteFiles"), files::delete_file_version),
    Call::new("b2_delete_key", Auth::Needs("deleteKeys"), keys::delete_key),
    Call::new(download::BY_ID, Auth::Optional, download::by_id),
    Call::new("b2_finish_large_file", Auth::Needs("writeFiles"), large_files::finish_large_file),
    Call::new(
        "b2_get_bucket_notification_rules", Auth::Needs("readBucketNotifications"),
        notifications::get_bucket_notification_rules,
    ),
    Call::new(
        "b2_get_download_authorization", Auth::Needs("shareFiles"),
        download_authorization::get_download_authorization,
    ),
    Call::new("b2_get_file_info", Auth::Needs("readFiles"), files::get_file_info),
    Call::new("b2_get_upload_part_url", Auth::Needs("writeFiles"), upload::get_upload_part_url),
    Call::new("b2_get_upload_url", Auth::Needs("writeFiles"), upload::get_upload_url),
    Call::new("b2_hide_file", Auth::Needs("writeFiles"), files::hide_file),
    Call::new("b2_list_buckets", Auth::Needs("listBuckets"), buckets::list_buckets),
    Call::new("b2_list_file_names", Auth::Needs("listFiles"), listing::list_file_names),
    Call::new("b2_list_file_versions", Auth::Needs("listFiles"), listing::list_file_versions),
    Call::new("b2_list_keys", Auth::Needs("listKeys"), keys::list_keys),
    Call::new("b2_list_parts", Auth::Needs("writeFiles"), large_files::list_parts),
    Call::new(
        "b2_list_unfinished_large_files", Auth::Needs("listFiles"),
        large_files::list_unfinished_large_files,
    ),
    Call::new(
        "b2_set_bucket_notification_rules", Auth::Needs("writeBucketNotifications"),
        notifications::set_bucket_notification_rules,
    ),
    Call::new("b2_start_large_file", Auth::Needs("writeFiles"), large_files::start_large_file),
    Call::new("b2_update_bucket", Auth::Needs("writeBuckets"), buckets::update_bucket),
    Call::new("b2_update_file_legal_hold", Auth::Token, lock::update_file_legal_hold),
    Call::new("b2_update_file_retention", Auth::Token, lock::update_file_retention),
];

/// A call.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) auth: Auth,
    pub(crate) run: Handler,
}

/// Carries out a call, which is authorized according to its [`Auth`]. Access to buckets and names
/// is for the call to check.
pub(crate) type Handler = fn(&mut State, &Caller, &Args) -> Result<Outcome, ApiError>;

/// How a call is authorized.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Auth {
    /// By an application key.
    Basic,
    /// By an account token whose key has this capability.
    Needs(&'static str),
    /// By an account token; the call checks capabilities itself.
    Token,
    /// By an account token, or by none if the bucket is public; the call checks.
    Optional,
}

/// Finds a call by name.
pub(crate) fn find(name: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.name == name)
}

/// Whether this call is a download.
pub(crate) fn is_download(name: &str) -> bool {
    name == download::BY_ID || name == download::BY_NAME
}

/// Whether requests are counted under this name.
pub(crate) fn is_call(name: &str) -> bool {
    find(name).is_some() || name == download::BY_NAME || upload::is_upload(name)
}

impl Call {
    const fn new(name: &'static str, auth: Auth, run: Handler) -> Self {
        Self { name, auth, run }
    }

    /// Whether the response is the content of a file, so that `HEAD` and ranges are allowed.
    pub(crate) fn is_download(&self) -> bool {
        self.name == download::BY_ID
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
