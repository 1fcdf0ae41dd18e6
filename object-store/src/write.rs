//! Put, create, copy and delete.

use std::future::ready;

use b2kit::ErrorKind;
use b2kit::api::{DeleteFileVersion, ListFileNames, ListFileVersions};
use b2kit::types::{FileId, FileName, FileVersion};
use futures_util::TryStreamExt as _;

use crate::hidden_versions::HiddenVersions;
use crate::payload::Payload;
use crate::store::{B2Store, Deletion, Metadata};
use crate::store_error::StoreError;

/// Maximum number of versions of one object that are deleted concurrently.
const CONCURRENT_VERSIONS: usize = 4;

impl B2Store {
    /// Writes an object, replacing any of this name.
    pub(crate) async fn put(
        &self,
        path: &str,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, StoreError> {
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.open_bucket(path).await?;
        let mut upload = bucket
            .upload(name, payload.source())
            .file_info(metadata.info);
        if let Some(content_type) = metadata.content_type {
            upload = upload.content_type(content_type);
        }
        let uploaded = upload.await.map_err(|error| StoreError::b2(path, error))?;
        Ok(uploaded.file.file_id)
    }

    /// Writes an object unless there is one of this name.
    pub(crate) async fn create(
        &self,
        path: &str,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, StoreError> {
        let slot = self.shared.slot.as_ref();
        let slot = slot.ok_or(StoreError::NotImplemented {
            operation: "put_opts with PutMode::Create",
        })?;
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.open_bucket(path).await?;
        let slot = slot
            .get()
            .await
            .map_err(|error| StoreError::b2(path, error))?;
        let mut create = bucket
            .create(name, payload.source(), &slot)
            .file_info(metadata.info);
        if let Some(content_type) = metadata.content_type {
            create = create.content_type(content_type);
        }
        let created = create
            .await
            .map_err(|error| StoreError::from_create(path, error))?;
        Ok(created.file.file_id)
    }

    /// Copies an object within B2, replacing any object with the new name. Returns the version that was copied.
    pub(crate) async fn copy_replacing(&self, from: &str, to: &str) -> Result<FileId, StoreError> {
        let name = self.shared.prefix.file_name(to)?;
        let source = self.current(from).await?;
        let file_id = source.file_id.clone();
        let bucket = self.open_bucket(to).await?;
        let copied = bucket.copy(source, name).await;
        // Only the source can be missing: it may have been deleted in the meantime.
        copied.map_err(|error| StoreError::from_object_call(from, error))?;
        Ok(file_id)
    }

    /// Copies an object within B2 unless one with the new name exists. Returns the version that was copied.
    pub(crate) async fn copy_if_absent(&self, from: &str, to: &str) -> Result<FileId, StoreError> {
        let slot = self.shared.slot.as_ref();
        let slot = slot.ok_or(StoreError::NotImplemented {
            operation: "copy_opts with CopyMode::Create",
        })?;
        let name = self.shared.prefix.file_name(to)?;
        let source = self.current(from).await?;
        let bucket = self.open_bucket(to).await?;
        let slot = slot
            .get()
            .await
            .map_err(|error| StoreError::b2(to, error))?;
        match bucket.create_copy(&source, name, &slot).await {
            Ok(_) => Ok(source.file_id),
            Err(error) => {
                if error.kind() == ErrorKind::NotFound {
                    // The source may have been deleted in the meantime.
                    self.current(from).await?;
                }
                Err(StoreError::from_create(to, error))
            }
        }
    }

    /// The current version. Asks B2's API, since a custom download origin may have cached an older version.
    async fn current(&self, path: &str) -> Result<FileVersion, StoreError> {
        let name = self.read_name(path)?;
        let bucket = self.open_bucket(path).await?;
        let list = ListFileNames::new(bucket.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(1);
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| StoreError::b2(path, error))?;
        let mut versions = page.files.into_iter().filter_map(|row| row.into_version());
        let found = versions.find(|version| version.file_name == name);
        found.ok_or_else(|| StoreError::not_found(path))
    }

    /// Deletes an object, as [`Deletion`] says. Succeeds if there is none.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.delete_through(path, None).await
    }

    /// Deletes an object whose version `copied` was copied to another name. A version written after the copy is hidden,
    /// not deleted: nothing else has its bytes.
    pub(crate) async fn delete_copied(
        &self,
        path: &str,
        copied: &FileId,
    ) -> Result<(), StoreError> {
        self.delete_through(path, Some(copied)).await
    }

    async fn delete_through(&self, path: &str, newest: Option<&FileId>) -> Result<(), StoreError> {
        let Ok(name) = self.shared.prefix.file_name(path) else {
            return Ok(()); // no object can have this name
        };
        let bucket = self.open_bucket(path).await?;
        let hidden = bucket.hide(name.clone()).await;
        hidden.map_err(|error| StoreError::b2(path, error))?;
        match self.shared.deletion {
            Deletion::Hide => Ok(()),
            Deletion::AllVersions => self.delete_versions(path, &name, newest).await,
        }
    }

    /// Deletes the versions of a hidden file while they are listed, and the hide marker last, so that no version
    /// reappears if it is interrupted. [`HiddenVersions`] says which.
    async fn delete_versions(
        &self,
        path: &str,
        name: &FileName,
        newest: Option<&FileId>,
    ) -> Result<(), StoreError> {
        let bucket = self.open_bucket(path).await?;
        let list = ListFileVersions::new(bucket.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str());
        let mut hidden = HiddenVersions::new(newest);
        let listed = bucket.client().paginate(list);
        let deleted = listed
            .map_err(|error| StoreError::b2(path, error))
            .try_filter_map(|row| ready(Ok(row.into_version())))
            .try_take_while(|version| ready(Ok(version.file_name == *name)))
            .try_filter_map(|version| {
                let picked = hidden.pick(version);
                ready(picked.map_err(|what| StoreError::other(path, what)))
            })
            .try_for_each_concurrent(CONCURRENT_VERSIONS, |version| {
                self.delete_version(path, version)
            });
        deleted.await?;
        match hidden.into_marker() {
            Some(marker) => self.delete_version(path, marker).await,
            None => Ok(()),
        }
    }

    /// Succeeds if there is no such version: another process or a lifecycle rule has deleted it.
    async fn delete_version(&self, path: &str, version: FileVersion) -> Result<(), StoreError> {
        let delete = DeleteFileVersion::new(version.file_name.as_str(), &version.file_id);
        match self.client().call(delete).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::b2(path, error)),
            _ => Ok(()),
        }
    }
}
