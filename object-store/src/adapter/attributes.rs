//! Attributes of `object_store` as content type and file info, and back.

use b2kit::api::DownloadedFile;
use b2kit::types::{ContentType, FileInfo};

use super::super::object_store::{Attribute, Attributes, TagSet};
use crate::failure::Failure;
use crate::reserved::is_reserved;
use crate::store::Metadata;

/// The attributes that B2 makes headers of downloads of: their entry in the file info, and the header.
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

/// What B2 is to keep. What it has no place for is refused.
pub(super) fn metadata(tags: &TagSet, attributes: &Attributes) -> Result<Metadata, Failure> {
    if !tags.encoded().is_empty() {
        return Err(Failure::unsupported("B2 has no tags".into()));
    }
    let mut metadata = Metadata::default();
    for (attribute, value) in attributes {
        let header = HEADERS.iter().find(|(other, ..)| other == attribute);
        let refused = |error| Failure::b2("", error);
        let key = match (attribute, header) {
            (Attribute::ContentType, _) => {
                metadata.content_type = Some(ContentType::new(value).map_err(refused)?);
                continue;
            }
            (_, Some((_, key, _))) => key,
            (Attribute::Metadata(key), _) => own_key(key)?,
            _ => {
                let what = format!("B2 has nothing like the attribute {attribute:?}");
                return Err(Failure::unsupported(what));
            }
        };
        metadata.info = metadata.info.with(key, value).map_err(refused)?;
    }
    Ok(metadata)
}

fn own_key(key: &str) -> Result<&str, Failure> {
    let why = if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "is not in lower case, and B2 would not give it back as it is"
    } else if is_reserved(key) {
        "has a meaning of its own to B2 or b2kit"
    } else {
        return Ok(key);
    };
    Err(Failure::unsupported(format!(
        "the metadata key {key:?} {why}"
    )))
}

/// The attributes of a file that is downloaded: only what its owner has set.
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
    for (key, value) in own(&file.file_info) {
        attributes.insert(
            Attribute::Metadata(key.to_owned().into()),
            value.to_owned().into(),
        );
    }
    attributes
}

fn own(info: &FileInfo) -> impl Iterator<Item = (&str, &str)> {
    info.iter().filter(|(key, _)| !is_reserved(key))
}
