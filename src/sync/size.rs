//! [`Size`]: a number of bytes for people.

use std::fmt;

/// Prints in decimal units, with two digits after the point.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut whole, mut thousandths, mut unit) = (self.0, 0, 0);
        while whole >= 1_000 {
            (whole, thousandths, unit) = (whole / 1_000, whole % 1_000, unit + 1);
        }
        match ["B", "kB", "MB", "GB", "TB", "PB", "EB"].get(unit) {
            Some(name) if unit > 0 => write!(f, "{whole}.{:02} {name}", thousandths / 10),
            _ => write!(f, "{whole} B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_cut_to_two_digits_of_its_largest_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1_239_999, "1.23 MB"),
            (u64::MAX, "18.44 EB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
