//! Listings: [`list`](BucketHandle::list), [`list_folder`](BucketHandle::list_folder) and
//! [`versions`](BucketHandle::versions).

use std::future::ready;

use futures_core::Stream;
use futures_util::TryStreamExt as _;

use super::is_unasked_stage;
use crate::api::{ListFileNames, ListFileVersions};
use crate::client::{BucketHandle, MAX_VERSIONS, at_most};
use crate::error::Error;
use crate::types::{Action, FileName, FileVersion, ListedFile};

impl BucketHandle {
    /// Lists the newest version of each file whose name begins with `prefix`, sorted by name; `""`
    /// lists all files. Hidden files and unfinished uploads are left out.
    ///
    /// The [stages](crate::transfer::CREATE_STAGES) of [`create`](Self::create) are left out too,
    /// unless `prefix` begins with their prefix.
    ///
    /// Costs a `b2_list_file_names` (class C) for each 1,000 files, requested as the stream is
    /// read.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::TryStreamExt;
    /// # async fn list(bucket: BucketHandle) -> Result<(), Error> {
    /// let mut files = bucket.list("2026/");
    /// while let Some(file) = files.try_next().await? {
    ///     println!("{} ({} bytes)", file.file_name, file.content_length);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The stream ends after an error:
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key lacks `listFiles`, or is restricted
    ///   to names that the prefix doesn't begin with.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the bucket was deleted.
    /// - [`Protocol`](crate::ErrorKind::Protocol): a page doesn't match the request.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): a page
    ///   failed after its retries.
    #[doc(alias = "list_objects")]
    pub fn list(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        let prefix = prefix.to_owned();
        let rows = self
            .client()
            .paginate(ListFileNames::new(self.id()).prefix(&*prefix));
        rows.try_filter_map(move |row| {
            let file = row.into_version();
            ready(Ok(file.filter(|file| {
                !is_unasked_stage(&prefix, file.file_name.as_str())
            })))
        })
    }

    /// Lists one folder: the files in it, and each folder in it as one row. `""` is the root.
    ///
    /// B2 has no folders, only names with slashes: `photos/` is a folder for as long as a file's
    /// name begins with it. A `/` is added to `folder` if it doesn't end with one. Hidden files and
    /// [stages](crate::transfer::CREATE_STAGES) are left out as by [`list`](Self::list).
    ///
    /// Costs a `b2_list_file_names` (class C) for each 1,000 rows.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error, types::ListedFile};
    /// # use futures::TryStreamExt;
    /// # async fn list(bucket: BucketHandle) -> Result<(), Error> {
    /// let mut rows = bucket.list_folder("2026");
    /// while let Some(row) = rows.try_next().await? {
    ///     match row {
    ///         ListedFile::Folder(folder) => println!("{} (folder)", folder.file_name),
    ///         file => println!("{}", file.file_name()),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The stream ends after an error:
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key lacks `listFiles`, or is restricted
    ///   to names that the prefix doesn't begin with.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the bucket was deleted.
    /// - [`Protocol`](crate::ErrorKind::Protocol): a page doesn't match the request.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): a page
    ///   failed after its retries.
    pub fn list_folder(
        &self,
        folder: &str,
    ) -> impl Stream<Item = Result<ListedFile, Error>> + Send + Unpin + use<> {
        let mut prefix = folder.to_owned();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        let call = ListFileNames::new(self.id())
            .prefix(&*prefix)
            .delimiter("/");
        let rows = self.client().paginate(call);
        rows.try_filter(move |row| ready(!is_unasked_stage(&prefix, row.file_name())))
    }

    /// Lists all versions of the files whose names begin with `prefix`, by name and the newest
    /// first. A hide marker is a version ([`Action::Hide`]) without bytes; the versions beneath it
    /// are still there.
    ///
    /// Unfinished uploads are not versions yet: see [`unfinished`](Self::unfinished).
    /// [Stages](crate::transfer::CREATE_STAGES) are left out as by [`list`](Self::list). Any
    /// version that is not a marker can be downloaded with
    /// [`Client::download`](crate::Client::download) and copied with [`copy`](Self::copy).
    ///
    /// Costs a `b2_list_file_versions` (class C) for each 1,000 versions.
    ///
    /// # Errors
    /// The stream ends after an error:
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key lacks `listFiles`, or is restricted
    ///   to names that the prefix doesn't begin with.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the bucket was deleted.
    /// - [`Protocol`](crate::ErrorKind::Protocol): a page doesn't match the request.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http): a page
    ///   failed after its retries.
    pub fn versions(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        let prefix = prefix.to_owned();
        self.all_versions(&prefix).try_filter(move |version| {
            let is_stage = is_unasked_stage(&prefix, version.file_name.as_str());
            ready(version.action != Action::Start && !is_stage)
        })
    }

    /// The versions of exactly this name, the newest first.
    pub(super) fn versions_of(
        &self,
        name: &FileName,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        let own = name.as_str().to_owned();
        // The name itself sorts before all longer names with this prefix, so the listing can end
        // after its last version.
        at_most(MAX_VERSIONS, self.all_versions(name.as_str()))
            .try_take_while(move |version| ready(Ok(version.file_name == *own)))
            .try_filter(|version| ready(version.action != Action::Start))
    }

    /// Every row of `b2_list_file_versions`, including unfinished uploads and stages.
    pub(super) fn all_versions(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<FileVersion, Error>> + Send + Unpin + use<> {
        self.client()
            .paginate(ListFileVersions::new(self.id()).prefix(prefix))
            .try_filter_map(|row| ready(Ok(row.into_version())))
    }
}
