//! Which names on the local disk are kept for downloads that are not finished, so that no file of B2's gets one.

/// What the names of partial downloads have in them; the state of one has `.json` behind it.
pub(super) const MARK: &str = ".b2part";

/// Whether a file system may take this name for one of a partial download: it begins with a dot and has [`MARK`] in it.
///
/// That is more than the names that are really used, so that nothing hangs on how those are made. Case does not matter, nor
/// do the characters that file systems of Apple's don't see.
pub(super) fn is_reserved(name: &str) -> bool {
    let seen: String = name
        .chars()
        .filter(|c| !is_unseen(*c))
        .flat_map(char::to_lowercase)
        .collect();
    seen.starts_with('.') && seen.contains(MARK)
}

/// What HFS+ leaves out when it compares names.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_partial_downloads_are_reserved_and_no_others() {
        for name in [
            ".x.11f6ad8ec52a2984.b2part",
            ".x.11f6ad8ec52a2984.b2part.json",
            ".x.11f6ad8ec52a2984.b2part.json.new",
            ".X.11F6AD8EC52A2984.B2Part",
            ".x.11f6ad8ec52a2984.b2\u{200c}part",
            "\u{feff}.x.11f6ad8ec52a2984.b2part",
            ".b2part",
            ".ü.b2part.x",
        ] {
            assert!(is_reserved(name), "{name:?}");
        }
        for name in [
            "x.b2part",
            "b2part",
            ".x.b2par",
            ".b2 part",
            "",
            ".",
            "x.b2part.json",
        ] {
            assert!(!is_reserved(name), "{name:?}");
        }
    }
}
