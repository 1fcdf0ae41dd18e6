//! Ids: what B2 calls things. Opaque, so they are taken as they come.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Box<str>>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(id.into())
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of an account: 12 hexadecimal digits today.
    AccountId
}
id! {
    /// The id of an application key: its public half.
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
