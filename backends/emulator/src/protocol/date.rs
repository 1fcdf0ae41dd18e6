//! Moments in UTC as text: the `Date` header, and the digits in file ids and tokens.

use std::time::{Duration, SystemTime};

/// The names of the months in HTTP dates, three letters each.
const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// 9999-12-31 23:59:59, the last second that an HTTP date can name.
const LAST_SECOND: u64 = 253_402_300_799;

/// `Fri, 12 Nov 2021 21:11:09 GMT`, for milliseconds since the epoch.
pub(crate) fn http_date(millis: u64) -> String {
    let since_epoch = Duration::from_secs((millis / 1000).min(LAST_SECOND));
    let moment = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
    httpdate::fmt_http_date(moment.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// `20211112211109`: year, month, day, hour, minute and second.
pub(crate) fn digits(millis: u64) -> String {
    let date = http_date(millis);
    let month = MONTHS.find(&date[8..11]).map_or(0, |at| at / 3 + 1);
    let (year, day) = (&date[12..16], &date[5..7]);
    let (hour, minute, second) = (&date[17..19], &date[20..22], &date[23..25]);
    format!("{year}{month:02}{day}{hour}{minute}{second}")
}

/// [`digits`] as two numbers: 20211112 and 211109.
pub(crate) fn day_and_time(millis: u64) -> (u32, u32) {
    let digits = digits(millis);
    let (day, time) = digits.split_at(8);
    let number = |digits: &str| digits.parse().expect("eight digits at most are a u32");
    (number(day), number(time))
}

/// The milliseconds since the epoch that [`digits`] stand for; `None` if they stand for no moment
/// since then.
pub(crate) fn of_digits(digits: &str) -> Option<u64> {
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let month: usize = digits[4..6].parse().ok()?;
    let month = month.checked_sub(1)? * 3;
    let month = MONTHS.get(month..month + 3)?;
    let (year, day) = (&digits[..4], &digits[6..8]);
    let (hour, minute, second) = (&digits[8..10], &digits[10..12], &digits[12..]);
    // an HTTP date is only valid with its own day of the week, which is one of seven
    let moment = WEEKDAYS.iter().find_map(|weekday| {
        let date = format!("{weekday}, {day} {month} {year} {hour}:{minute}:{second} GMT");
        httpdate::parse_http_date(&date).ok()
    })?;
    let since_epoch = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since_epoch.as_secs() * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_timestamps_dates_and_ids_agree() {
        // a recorded response: Date, and the upload timestamp of the same second
        let date = http_date(1_636_751_469_000);
        assert_eq!(date, "Fri, 12 Nov 2021 21:11:09 GMT");
        // the documented v4 id: _d20260205_m234012 with _u01770334812998
        assert_eq!(digits(1_770_334_812_998), "20260205234012");
        assert_eq!(day_and_time(1_770_334_812_998), (20_260_205, 234_012));
    }

    #[test]
    fn digits_of_any_day_are_read_back_as_the_same_second() {
        for day in 0..40_000_u64 {
            let millis = day * 86_400_000 + 3_723_000;
            assert_eq!(of_digits(&digits(millis)), Some(millis), "day {day}");
        }
    }

    #[test]
    fn leap_days_exist_where_they_should() {
        let millis = of_digits("20240229000000").unwrap();
        assert_eq!(http_date(millis), "Thu, 29 Feb 2024 00:00:00 GMT");
        assert_eq!(digits(millis + 86_400_000), "20240301000000");
        assert_eq!(
            digits(of_digits("20230228000000").unwrap() + 86_400_000),
            "20230301000000"
        );
    }

    #[test]
    fn invalid_digits_are_none_and_dates_end_with_the_year_9999() {
        for digits in [
            "",
            "20211312000000",
            "20210012000000",
            "2021111221110",
            "2021111é2111091",
        ] {
            assert_eq!(of_digits(digits), None, "{digits}");
        }
        assert_eq!(digits(u64::MAX), "99991231235959");
    }
}
