//! [`ApiVersion`]: the version in the path of a call.

/// The versions of the native API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiVersion {
    V1,
    V2,
    V3,
    V4,
}

impl ApiVersion {
    /// Parses a path segment like `v4`.
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        match segment {
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            "v3" => Some(Self::V3),
            "v4" => Some(Self::V4),
            _ => None,
        }
    }

    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}
