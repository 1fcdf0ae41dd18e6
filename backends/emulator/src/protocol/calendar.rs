//! Dates: milliseconds since the epoch as UTC days and hours, for file ids and the `Date` header.

/// A moment in UTC, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u64,
    /// 1 to 31.
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    /// 0 is Monday.
    weekday: usize,
}

impl Moment {
    /// The moment that is `millis` after the epoch.
    pub(crate) const fn of_millis(millis: u64) -> Self {
        let seconds = millis / 1000;
        let days = seconds / 86_400;
        let of_day = seconds % 86_400;
        // Years counted from March, so that the leap day is the last of a year; 719468 days lie between 0000-03-01
        // and the epoch, and the calendar repeats every 146097 days (400 years).
        let since = days + 719_468;
        let era = since / 146_097;
        let day_of_era = since % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
        Self {
            year,
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            weekday: ((days + 3) % 7) as usize,
        }
    }

    /// As HTTP writes it: `Fri, 12 Nov 2021 21:11:09 GMT`.
    pub(crate) fn http_date(&self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let mut date = String::with_capacity(29);
        date.push_str(DAYS[self.weekday]);
        date.push_str(", ");
        push_digits(&mut date, self.day);
        date.push(' ');
        date.push_str(MONTHS[(self.month as usize - 1) % 12]);
        date.push(' ');
        push_digits(&mut date, self.year / 100);
        push_digits(&mut date, self.year % 100);
        for (before, number) in [(' ', self.hour), (':', self.minute), (':', self.second)] {
            date.push(before);
            push_digits(&mut date, number);
        }
        date.push_str(" GMT");
        date
    }
}

/// Two digits. Every answer has a date: `format!` would take longer than all else in some.
fn push_digits(text: &mut String, number: u64) {
    for digit in [number / 10 % 10, number % 10] {
        text.push(char::from(b'0' + digit as u8));
    }
}

/// The milliseconds at which a day and time of day begin; the inverse of [`Moment::of_millis`], for years from 1970.
pub(crate) const fn millis_of(
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
) -> u64 {
    let year = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day.saturating_sub(1);
    let year_of_era = year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (year / 400 * 146_097 + day_of_era).saturating_sub(719_468);
    (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_timestamps_and_dates_agree() {
        // a recorded reply: Date, and the upload timestamp of the same second
        let moment = Moment::of_millis(1_636_751_469_000);
        assert_eq!(moment.http_date(), "Fri, 12 Nov 2021 21:11:09 GMT");
        // the documented v4 id: _d20260205_m234012 with _u01770334812998
        let moment = Moment::of_millis(1_770_334_812_998);
        assert_eq!((moment.year, moment.month, moment.day), (2026, 2, 5));
        assert_eq!((moment.hour, moment.minute, moment.second), (23, 40, 12));
    }

    #[test]
    fn a_moment_taken_apart_and_put_together_is_the_same() {
        for day in 0..40_000_u64 {
            let millis = day * 86_400_000 + 3_723_000;
            let m = Moment::of_millis(millis);
            let again = millis_of(m.year, m.month, m.day, m.hour, m.minute, m.second);
            assert_eq!(again, millis, "{m:?}");
        }
    }

    #[test]
    fn leap_days_exist_where_they_should() {
        let moment = Moment::of_millis(millis_of(2024, 2, 29, 0, 0, 0));
        assert_eq!((moment.month, moment.day), (2, 29));
        assert_eq!(moment.http_date(), "Thu, 29 Feb 2024 00:00:00 GMT");
    }
}
