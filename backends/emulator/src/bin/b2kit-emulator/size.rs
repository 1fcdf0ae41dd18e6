//! Sizes in bytes with a unit.

/// The number of bytes in a text like `64KiB`, `5MB` or `100`.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_have_units_of_ten_and_of_two() {
        let sizes = [
            ("0", Some(0)),
            ("100", Some(100)),
            ("5MB", Some(5_000_000)),
            ("5 mb", Some(5_000_000)),
            ("64KiB", Some(65536)),
            ("1GiB", Some(1 << 30)),
            ("20000000TB", None),
            ("", None),
            ("MB", None),
            ("-1", None),
            ("1.5GB", None),
            ("5M", None),
        ];
        for (text, size) in sizes {
            assert_eq!(super::parse(text), size, "{text}");
        }
    }
}
