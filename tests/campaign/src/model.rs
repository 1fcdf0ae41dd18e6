//! [`Model`]: what B2 must hold according to the client's results.

use std::collections::{BTreeMap, BTreeSet};

use b2kit::api::ListFileVersions;
use b2kit::transfer::{CREATE_STAGES, Verified};
use b2kit::types::{Action, FileVersion};
use b2kit::{BucketHandle, Bytes, Error};
use futures::TryStreamExt as _;
use futures::executor::block_on;

/// The state of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Present,
    Deleted,
    /// A failed delete may have taken effect.
    Either,
}

#[derive(Debug)]
struct Known {
    version: FileVersion,
    content: Bytes,
    state: State,
    order: usize,
}

/// How many bytes of one download the network may have flipped: one in each range and attempt.
const MAX_FLIPS: usize = 16;

fn differing_bytes(left: &[u8], right: &[u8]) -> usize {
    left.iter()
        .zip(right)
        .filter(|(left, right)| left != right)
        .count()
}

/// All results of the client.
#[derive(Debug, Default)]
pub struct Model {
    known: BTreeMap<String, Known>,
    /// Possible duplicates, and uploads that may have taken effect: name and bytes.
    possible: BTreeSet<(String, Bytes)>,
}

impl Model {
    /// Records the result of an operation that makes a version.
    pub fn stored(&mut self, name: &str, content: &Bytes, outcome: Result<&FileVersion, &Error>) {
        let possible = match outcome {
            Ok(version) => version.possible_duplicate,
            Err(error) => error.may_have_taken_effect(),
        };
        if possible {
            self.possible.insert((name.to_owned(), content.clone()));
        }
        if let Ok(version) = outcome {
            assert_eq!(version.file_name.as_str(), name);
            let known = Known {
                version: version.clone(),
                content: content.clone(),
                state: State::Present,
                order: self.known.len(),
            };
            let before = self.known.insert(version.file_id.to_string(), known);
            assert!(
                before.is_none(),
                "one id for two versions: {:?}",
                version.file_id
            );
        }
    }

    /// Records that a version with these bytes may exist, regardless of the client's result.
    pub fn may_exist(&mut self, name: &str, content: &Bytes) {
        self.possible.insert((name.to_owned(), content.clone()));
    }

    /// Records that this version may exist or not, regardless of the client's result.
    pub fn may_be_deleted(&mut self, version: &FileVersion) {
        let known = self.known.get_mut(version.file_id.as_str()).unwrap();
        known.state = State::Either;
    }

    /// Records the result of deleting this version.
    pub fn deleted(&mut self, version: &FileVersion, outcome: Result<(), &Error>) {
        let known = self.known.get_mut(version.file_id.as_str()).unwrap();
        known.state = match outcome {
            Ok(()) => State::Deleted,
            Err(error) if error.may_have_taken_effect() => State::Either,
            Err(_) => known.state,
        };
    }

    /// Whether a download of the current version may return these bytes.
    pub fn may_read(&self, name: &str, bytes: &[u8], verified: Verified) -> bool {
        let same = |content: &Bytes| match verified {
            Verified::Sha1 | Verified::LargeFileSha1 => content == bytes,
            // Over cleartext HTTP nothing shows that the network flipped a bit.
            _ => content.len() == bytes.len() && differing_bytes(content, bytes) <= MAX_FLIPS,
        };
        let of_name = || {
            self.known
                .values()
                .filter(|it| it.version.file_name.as_str() == name)
        };
        let mut possible = self.possible.iter().filter(|(its, _)| its == name);
        let is_sure =
            possible.clone().next().is_none() && of_name().all(|it| it.state != State::Either);
        if is_sure {
            let present = of_name().filter(|it| it.state == State::Present);
            let newest = present.max_by_key(|it| it.order);
            return newest.is_some_and(|it| same(&it.content));
        }
        possible.any(|(_, content)| same(content))
            || of_name().any(|it| it.state != State::Deleted && same(&it.content))
    }

    /// The versions of a name, for messages.
    pub fn of_name(&self, name: &str) -> Vec<String> {
        let of_name = self
            .known
            .values()
            .filter(|it| it.version.file_name.as_str() == name);
        let show = |it: &Known| {
            let (len, first) = (it.content.len(), it.content.first());
            let at = it.version.upload_timestamp;
            format!(
                "{}. {len} bytes of upload {first:?} at {at:?}: {:?}",
                it.order, it.state
            )
        };
        of_name.map(show).collect()
    }

    /// Whether a file of this name may be missing.
    pub fn may_be_missing(&self, name: &str) -> bool {
        let mut of_name = self
            .known
            .values()
            .filter(|it| it.version.file_name.as_str() == name);
        of_name.all(|it| it.state != State::Present)
    }

    /// Compares the model with the contents of `bucket`.
    pub fn check(&self, bucket: &BucketHandle) {
        let b2 = bucket.client();
        let versions = block_on(async {
            let rows = b2.paginate(ListFileVersions::new(bucket.id()));
            rows.try_collect::<Vec<_>>().await
        });
        let versions: Vec<_> = versions
            .unwrap()
            .into_iter()
            .filter_map(|row| row.into_version())
            .collect();
        let mut missing: BTreeSet<&str> = self.known.keys().map(String::as_str).collect();
        for version in &versions {
            let is_stage = version.file_name.as_str().starts_with(CREATE_STAGES);
            if is_stage || version.action != Action::Upload && version.action != Action::Copy {
                continue;
            }
            missing.remove(version.file_id.as_str());
            let bytes = block_on(async {
                let stream = b2.download(&version.file_id).stream().await?;
                stream.collect(16 << 20).await
            });
            let bytes = bytes.unwrap();
            match self.known.get(version.file_id.as_str()) {
                Some(known) => {
                    assert!(known.content == bytes, "other bytes: {version:?}");
                    assert_ne!(known.state, State::Deleted, "it was deleted: {version:?}");
                }
                None => {
                    let is_possible = self
                        .possible
                        .contains(&(version.file_name.to_string(), Bytes::from(bytes.to_vec())));
                    assert!(is_possible, "nobody was told of it: {version:?}");
                }
            }
        }
        missing.retain(|id| self.known[*id].state == State::Present);
        assert!(missing.is_empty(), "lost: {missing:?}");
    }
}
