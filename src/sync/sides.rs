//! [`Sides`]: the source and the destination.

use std::path::PathBuf;

use super::decide::Direction;
use crate::bucket::BucketHandle;
use crate::client::Client;
use crate::error::Error;

/// One side of a sync.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(PathBuf),
    Bucket {
        bucket: BucketHandle,
        /// The prefix: empty, or ending in `/`.
        prefix: String,
    },
}

/// The source and the destination. At least one of them is a bucket.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    pub(super) source: Place,
    pub(super) destination: Place,
}

impl Place {
    pub(super) fn bucket(bucket: &BucketHandle, prefix: &str) -> Self {
        let mut prefix = prefix.to_owned();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        Self::Bucket {
            bucket: bucket.clone(),
            prefix,
        }
    }

    /// The prefix of its names, if it is a bucket.
    pub(super) fn prefix(&self) -> Option<String> {
        match self {
            Self::Bucket { prefix, .. } => Some(prefix.clone()),
            Self::Local(_) => None,
        }
    }
}

impl Sides {
    pub(super) const fn direction(&self) -> Direction {
        match (&self.source, &self.destination) {
            (Place::Local(_), _) => Direction::Up,
            (_, Place::Local(_)) => Direction::Down,
            _ => Direction::Copy,
        }
    }

    /// Refuses two sides of which one lies within the other: they would never become equal.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let (
            Place::Bucket { bucket, prefix },
            Place::Bucket {
                bucket: other,
                prefix: below,
            },
        ) = (&self.source, &self.destination)
            && bucket.id() == other.id()
            && (prefix.starts_with(&**below) || below.starts_with(&**prefix))
        {
            return Err(Error::invalid(format!(
                "{prefix:?} and {below:?} are in the same bucket and overlap, so they can't be \
                 synchronized"
            )));
        }
        Ok(())
    }

    /// The client that makes the calls.
    pub(super) const fn client(&self) -> Option<&Client> {
        match (&self.destination, &self.source) {
            (Place::Bucket { bucket, .. }, _) | (_, Place::Bucket { bucket, .. }) => {
                Some(bucket.client())
            }
            _ => None,
        }
    }
}
