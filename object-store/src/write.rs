//! Writing whole objects: put, create, copy, delete.

use b2kit::ErrorKind;
use b2kit::api::{DeleteFileVersion, ListFileNames, ListFileVersions};
use b2kit::types::{Action, FileId, FileName, FileVersion};
use futures_util::TryStreamExt as _;

use crate::failure::Failure;
use crate::payload::Payload;
use crate::store::{B2Store, Deletion, Metadata};

impl B2Store {
    /// Writes an object over whatever has its name.
    pub(crate) async fn put(
        &self,
        path: &str,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, Failure> {
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.opened(path).await?;
        let mut upload = bucket
            .upload(name, payload.source())
            .file_info(metadata.info);
        if let Some(content_type) = metadata.content_type {
            upload = upload.content_type(content_type);
        }
        let uploaded = upload.await.map_err(|error| Failure::b2(path, error))?;
        Ok(uploaded.file.file_id)
    }

    /// Writes an object if there is none of its name.
    pub(crate) async fn create(
        &self,
        path: &str,
        payload: &Payload,
        metadata: Metadata,
    ) -> Result<FileId, Failure> {
        let slot = self.shared.slot.as_ref();
        let slot = slot.ok_or(Failure::NotImplemented {
            operation: "put_opts with PutMode::Create",
        })?;
        let name = self.shared.prefix.file_name(path)?;
        let bucket = self.opened(path).await?;
        let slot = slot.get().await.map_err(|error| Failure::b2(path, error))?;
        let mut create = bucket
            .create(name, payload.source(), &slot)
            .file_info(metadata.info);
        if let Some(content_type) = metadata.content_type {
            create = create.content_type(content_type);
        }
        let created = create
            .await
            .map_err(|error| Failure::of_create(path, error))?;
        Ok(created.file.file_id)
    }

    /// Copies an object within B2, over whatever has the new name.
    pub(crate) async fn copy_over(&self, from: &str, to: &str) -> Result<(), Failure> {
        let name = self.shared.prefix.file_name(to)?;
        let source = self.current(from).await?;
        let bucket = self.opened(to).await?;
        let copied = bucket.copy(source, name).await;
        // What is not found is the source, which may be deleted meanwhile.
        copied.map_err(|error| Failure::about_object(from, error))?;
        Ok(())
    }

    /// Copies an object within B2 if there is none of the new name.
    pub(crate) async fn copy_new(&self, from: &str, to: &str) -> Result<(), Failure> {
        let slot = self.shared.slot.as_ref();
        let slot = slot.ok_or(Failure::NotImplemented {
            operation: "copy_opts with CopyMode::Create",
        })?;
        let name = self.shared.prefix.file_name(to)?;
        let source = self.current(from).await?;
        let bucket = self.opened(to).await?;
        let slot = slot.get().await.map_err(|error| Failure::b2(to, error))?;
        let created = bucket.create_copy(&source, name, &slot).await;
        created.map_err(|error| Failure::of_create(to, error))?;
        Ok(())
    }

    /// The version that is copied. B2's API is asked, not a download origin that may remember an older one.
    async fn current(&self, path: &str) -> Result<FileVersion, Failure> {
        let name = self.readable(path)?;
        let bucket = self.opened(path).await?;
        let list = ListFileNames::new(bucket.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(1);
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| Failure::b2(path, error))?;
        let mut versions = page.files.into_iter().filter_map(|row| row.into_version());
        let found = versions.find(|version| version.file_name == name);
        found.ok_or_else(|| Failure::not_found(path))
    }

    /// Deletes an object, as the store is told to. One that is not there is as good as deleted.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        let name = match self.shared.prefix.file_name(path) {
            Err(Failure::Reserved { .. } | Failure::Unsupported(_)) => return Ok(()),
            name => name?,
        };
        let bucket = self.opened(path).await?;
        let hidden = bucket.hide(name.clone()).await;
        hidden.map_err(|error| Failure::b2(path, error))?;
        match self.shared.deletion {
            Deletion::Hide => Ok(()),
            Deletion::AllVersions => self.delete_versions(path, &name).await,
        }
    }

    /// Deletes the versions of a name that is hidden, the oldest first and the hide marker last: whatever stops it,
    /// none comes back.
    async fn delete_versions(&self, path: &str, name: &FileName) -> Result<(), Failure> {
        let bucket = self.opened(path).await?;
        let client = bucket.client();
        let list = ListFileVersions::new(bucket.id())
            .start_file_name(name.as_str())
            .prefix(name.as_str());
        let mut rows = client.paginate(list);
        let mut versions: Vec<FileVersion> = Vec::new();
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| Failure::b2(path, error))?
        {
            let Some(version) = row.into_version() else {
                continue;
            };
            if version.file_name != *name {
                break;
            }
            // Above the marker is what somebody has written since; what is being uploaded has its owner.
            let is_hidden = version.action == Action::Hide || !versions.is_empty();
            if is_hidden && version.action != Action::Start {
                versions.push(version);
            }
        }
        for version in versions.iter().rev() {
            let delete = DeleteFileVersion::new(version.file_name.as_str(), &version.file_id);
            match client.call(delete).await {
                // Another process, or a lifecycle rule, has deleted it.
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Failure::b2(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
