//! Converts between `object_store`'s attributes and B2's content type and file info.

use b2kit::api::DownloadedFile;
use b2kit::types::{ContentType, FileInfo};

use super::super::object_store::{Attribute, Attributes, TagSet};
use crate::reserved::is_reserved;
use crate::store::Metadata;
use crate::store_error::StoreError;

/// Attributes that B2 returns as headers of downloads: the file info key, and the header.
const HEADERS: [(Attribute, &str, &str); 4] = [
    (Attribute::CacheControl, "b2-cache-control", "cache-control"),
    (
        Attribute::ContentDisposition,
        "b2-content-disposition",
        "content-disposition",
    ),
    (
        Attribute::ContentEncoding,
        "b2-content-encoding",
        "content-encoding",
    ),
    (
        Attribute::ContentLanguage,
        "b2-content-language",
        "content-language",
    ),
];

/// Converts attributes. Refuses those that B2 can't store.
pub(super) fn metadata(tags: &TagSet, attributes: &Attributes) -> Result<Metadata, StoreError> {
    if !tags.encoded().is_empty() {
        return Err(StoreError::unsupported("B2 doesn't support tags".into()));
    }
    let mut metadata = Metadata::default();
    for (attribute, value) in attributes {
        let header = HEADERS.iter().find(|(other, ..)| other == attribute);
        let invalid = |error| StoreError::b2("", error);
        let key = match (attribute, header) {
            (Attribute::ContentType, _) => {
                metadata.content_type = Some(ContentType::new(value).map_err(invalid)?);
                continue;
            }
            (_, Some((_, key, _))) => key,
            (Attribute::Metadata(key), _) => user_key(key)?,
            _ => {
                let what = format!("B2 can't store the attribute {attribute:?}");
                return Err(StoreError::unsupported(what));
            }
        };
        metadata.info = metadata.info.with(key, value).map_err(invalid)?;
    }
    Ok(metadata)
}

fn user_key(key: &str) -> Result<&str, StoreError> {
    let why = if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "has upper-case letters, which B2 would convert to lower case"
    } else if is_reserved(key) {
        "is reserved by B2 or b2kit"
    } else {
        return Ok(key);
    };
    Err(StoreError::unsupported(format!(
        "the metadata key {key:?} {why}"
    )))
}

/// The attributes of a downloaded file, without those that b2kit added.
pub(super) fn of_file(file: &DownloadedFile) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(content_type) = &file.content_type {
        attributes.insert(
            Attribute::ContentType,
            content_type.as_str().to_owned().into(),
        );
    }
    for (attribute, _, header) in HEADERS {
        let value = file
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok());
        if let Some(value) = value {
            attributes.insert(attribute, value.to_owned().into());
        }
    }
    for (key, value) in user_info(&file.file_info) {
        attributes.insert(
            Attribute::Metadata(key.to_owned().into()),
            value.to_owned().into(),
        );
    }
    attributes
}

fn user_info(info: &FileInfo) -> impl Iterator<Item = (&str, &str)> {
    info.iter().filter(|(key, _)| !is_reserved(key))
}
