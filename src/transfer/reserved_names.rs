//! Local file names that are reserved for partial downloads, so that no file from B2 gets one.

/// The marker in the names of partial files. State files have `.json` after it.
pub(super) const MARK: &str = ".b2part";

/// Whether a file system may treat this name as that of a partial file: it starts with a dot and
/// contains [`MARK`].
///
/// This covers more than the names in use, so it doesn't depend on how these are constructed. Case
/// is ignored, as are the characters that case-insensitive file systems ignore.
pub(crate) fn is_reserved(name: &str) -> bool {
    let seen: String = name
        .chars()
        .filter(|c| !is_ignorable(*c))
        .flat_map(char::to_lowercase)
        .collect();
    seen.starts_with('.') && seen.contains(MARK)
}

/// Whether ext4, f2fs or HFS+ ignore this character in name comparisons: Unicode's
/// `Default_Ignorable_Code_Point`, of which HFS+ ignores a subset.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_partial_downloads_are_reserved_and_others_are_not() {
        for name in [
            ".x.11f6ad8ec52a2984.b2part",
            ".x.11f6ad8ec52a2984.b2part.json",
            ".x.11f6ad8ec52a2984.b2part.json.new",
            ".X.11F6AD8EC52A2984.B2Part",
            ".x.11f6ad8ec52a2984.b2\u{200c}part",
            "\u{feff}.x.11f6ad8ec52a2984.b2part",
            ".x.11f6ad8ec52a2984.b2\u{ad}part",
            ".x.11f6ad8ec52a2984.b2p\u{200b}a\u{fe00}r\u{fe0f}t.json",
            "\u{2060}.x.\u{e0001}b2part",
            ".x.\u{34f}b2\u{3164}part",
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
