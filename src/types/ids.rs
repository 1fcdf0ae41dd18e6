//! Ids that B2 assigns. They are opaque, so they are not checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::Text;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl<T: Into<Box<str>>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(Text::new(&id.into()))
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

id! {
    /// The id of an account: 12 hexadecimal digits today.
    AccountId
}
id! {
    /// The id of an application key, which is not secret.
    ApplicationKeyId
}
id! {
    /// The id of a bucket: 24 hexadecimal digits today.
    BucketId
}
id! {
    /// The id of one version of a file, or of an unfinished large file; at most 200 characters.
    FileId
}

macro_rules! may_be_absent {
    ($($name:ident)+) => {
        $(impl $name {
            /// Whether it stands for an id that B2 left out.
            pub(crate) fn is_empty(&self) -> bool {
                self.0.as_bytes().is_empty()
            }
        })+
    };
}

may_be_absent!(ApplicationKeyId BucketId FileId);
