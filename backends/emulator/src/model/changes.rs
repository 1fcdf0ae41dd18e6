//! [`Changes`]: the names of objects that have changed since they were last persisted.
//!
//! Only names are recorded; the state is read when it is written. So a change that is recorded
//! twice, or undone, does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::file::{Kind, Version};
use super::file_id::FileId;
use crate::content::Content;

/// Names of everything that has changed.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    /// Whether changes are persisted at all; otherwise nothing is recorded.
    pub(crate) enabled: bool,
    pub(crate) buckets: BTreeSet<String>,
    /// With their names, which those that were removed have nowhere else.
    pub(crate) versions: BTreeMap<FileId, Arc<str>>,
    /// By file id and number.
    pub(crate) parts: BTreeSet<(FileId, u64)>,
    pub(crate) keys: BTreeSet<String>,
    /// Content that can be deleted once the journal no longer refers to it. Until then a restart
    /// would look for it.
    pub(crate) retired: Vec<Content>,
}

impl Changes {
    pub(crate) fn bucket(&mut self, id: &str) {
        if self.enabled {
            self.buckets.insert(id.to_owned());
        }
    }

    pub(crate) fn version(&mut self, version: &Version) {
        if self.enabled {
            let name = Arc::clone(&version.name);
            self.versions.insert(version.file_id, name);
        }
    }

    pub(crate) fn part(&mut self, file_id: FileId, number: u64) {
        if self.enabled {
            self.parts.insert((file_id, number));
        }
    }

    pub(crate) fn key(&mut self, id: &str) {
        if self.enabled {
            self.keys.insert(id.to_owned());
        }
    }

    pub(crate) fn retire(&mut self, kind: &Kind) {
        if !self.enabled {
            return;
        }
        match kind {
            Kind::File(stored) => self.retired.push(stored.content.clone()),
            Kind::Unfinished(parts) => {
                let contents = parts.values().map(|part| part.content.clone());
                self.retired.extend(contents);
            }
            Kind::Hide => {}
        }
    }

    pub(crate) fn retire_content(&mut self, content: Content) {
        if self.enabled {
            self.retired.push(content);
        }
    }

    /// Takes everything that was recorded.
    pub(crate) fn take(&mut self) -> Self {
        let enabled = self.enabled;
        std::mem::replace(
            self,
            Self {
                enabled,
                ..Self::default()
            },
        )
    }
}
